"""The relying party's half of OpenID Connect: authorization code, PKCE S256, nonce, `iss` in the response.

Speaks to one provider as one client. Where its metadata offers them, requests are pushed (RFC 9126) and codes bound
to a key of ours (RFC 9449): no setting says so. Keeps the provider's published metadata and keys for a while and
nothing about people. ID tokens are judged by `auth.tokens`.
"""

import asyncio
import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from auth.assurance import meets
from auth.errors import SignInFailed, TokenRefused
from auth.signing import KeyRefused, SigningKey, import_jwks
from auth.tokens import ID_TOKEN, LOGOUT_TOKEN, UNTYPED_ID_TOKEN, Verifier, key_name, sign_proof

TIMEOUT_SECONDS = 5.0
MAX_RESPONSE_BYTES = 64 * 1024
METADATA_LIFETIME = timedelta(hours=1)
REFETCH_EVERY = timedelta(minutes=1)
"""Unknown key names make us ask for the keys again at most this often, or junk tokens would do it for us."""
MAX_AGE_SECONDS = 300
"""A sign-in older than this at the provider is asked for anew: a vault opens to whoever is there now."""
CODE_SECONDS = 60
"""How long a code lives (FAPI 2.0), which the token it buys may be older by."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to the provider, and the least assurance (`acr`) we accept from it."""

    issuer: str
    client_id: str
    redirect_uri: str
    least_acr: str
    untyped_tokens: bool = False
    """The provider writes no `typ` into its ID tokens, as OpenID Connect lets it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one sign-in must reach, instead of what the client always demands: an app's status page asks for less,
    a step-up for more (RFC 9470)."""

    least_acr: str
    max_age_seconds: int = MAX_AGE_SECONDS


@dataclass(frozen=True, slots=True)
class Challenge:
    """The secrets of one sign-in under way. `state` comes back in the address, the others never leave us."""

    state: str
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider vouched for. Personal fields stay out of its representation, hence out of logs."""

    issuer: str
    external_id: str
    acr: str
    authenticated_at: datetime
    is_officer: bool
    number: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    born: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    fetched_at: datetime
    par_endpoint: str | None = None
    proves_keys: bool = False
    """Whether it takes DPoP proofs signed with ES256."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the provider said: a small JSON object, and the nonce for the next proof."""

    status: int
    said: dict[str, Any] = field(repr=False)
    nonce: str | None = None


class Provider:
    """One identity provider. `http` follows no redirects and takes no proxy from the environment."""

    def __init__(self, client: Client, http: httpx2.AsyncClient) -> None:
        self.client = client
        self._http = http
        self._metadata: _Metadata | None = None
        self._verifier: Verifier | None = None
        self._keys_fetched_at: datetime | None = None
        self._key = SigningKey.generate()
        self._nonce: str | None = None

    async def authorization_url(
        self, challenge: Challenge, language: str, now: datetime, demand: Demand | None = None
    ) -> str:
        """Where to send the browser. Raises SignInFailed("provider") when the provider cannot be asked."""
        metadata = await self._discover(now)
        demand = demand or Demand(self.client.least_acr)
        digest = hashlib.sha256(challenge.verifier.encode("ascii")).digest()
        asked = {
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": challenge.state,
            "nonce": challenge.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
            "code_challenge_method": "S256",
            "acr_values": demand.least_acr,
            "max_age": str(demand.max_age_seconds),
            "ui_locales": language,
        }
        if metadata.proves_keys:
            asked["dpop_jkt"] = self._key.public.kid
        if metadata.par_endpoint is None:
            return f"{metadata.authorization_endpoint}?{urlencode(asked)}"
        pushed = (await self._ask("POST", metadata.par_endpoint, asked)).said.get("request_uri")
        if not isinstance(pushed, str):
            raise SignInFailed("provider")
        brought = {"client_id": self.client.client_id, "request_uri": pushed}
        return f"{metadata.authorization_endpoint}?{urlencode(brought)}"

    async def identify(
        self, code: str, challenge: Challenge, now: datetime, demand: Demand | None = None
    ) -> Identity:
        """Redeem the code for an ID token and read who signed in.

        Raises SignInFailed: `provider` when it does not answer, `response` when it refuses the code, `token`,
        `assurance` or `claims` for what it says of the person.
        """
        metadata = await self._discover(now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "client_id": self.client.client_id,
            "code_verifier": challenge.verifier,
        }
        token = (await self._redeem(metadata, form, now)).get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("response")
        verifier = await self._verifier_for(token, metadata, now)
        try:
            kind = UNTYPED_ID_TOKEN if self.client.untyped_tokens else ID_TOKEN
            claims = verifier.verify(kind, token, audience=self.client.client_id, now=now)
        except TokenRefused:
            raise SignInFailed("token") from None
        return self._judge(claims, challenge, demand or Demand(self.client.least_acr), now)

    async def _redeem(self, metadata: _Metadata, form: dict[str, str], now: datetime) -> dict[str, Any]:
        """The token endpoint's answer, with a proof of our key where it takes one; once more with its nonce."""
        url = metadata.token_endpoint
        if not metadata.proves_keys:
            return (await self._ask("POST", url, form)).said
        for last in (False, True):
            proof = sign_proof(self._key, method="POST", url=url, nonce=self._nonce, now=now)
            answer = await self._ask("POST", url, form, proof, wants_nonce=not last)
            self._nonce = answer.nonce or self._nonce
            if answer.status == 200:
                return answer.said
        raise SignInFailed("response")

    async def ended_account(self, logout_token: str, now: datetime) -> str:
        """The account whose session at the provider has ended (Back-Channel Logout 1.0, section 2.6).

        Raises TokenRefused; SignInFailed when the provider's keys cannot be had.
        """
        verifier = await self._verifier_for(logout_token, await self._discover(now), now)
        claims = verifier.verify(LOGOUT_TOKEN, logout_token, audience=self.client.client_id, now=now)
        # By `sid` alone we could not find anybody: its sessions are not told us when they begin.
        if "sub" not in claims:
            raise TokenRefused
        account: str = claims["sub"]
        return account

    def _judge(self, claims: dict[str, Any], challenge: Challenge, demand: Demand, now: datetime) -> Identity:
        # The nonce ties the token to this browser's sign-in: a token stolen elsewhere cannot be fed in here.
        if not secrets.compare_digest(claims["nonce"].encode(), challenge.nonce.encode()):
            raise SignInFailed("token")
        too_old = now.timestamp() - claims["auth_time"] > demand.max_age_seconds + CODE_SECONDS
        if too_old or not meets(claims["acr"], demand.least_acr):
            raise SignInFailed("assurance")
        return Identity(
            issuer=self.client.issuer,
            external_id=claims["sub"],
            acr=claims["acr"],
            authenticated_at=datetime.fromtimestamp(claims["auth_time"], now.tzinfo),
            is_officer=claims.get("vn_officer") is True,
            number=_text(claims, "vn_citizen_number", _NUMBER),
            name=_text(claims, "name", _PERSON_NAME),
            born=_day(claims),
        )

    async def _discover(self, now: datetime) -> _Metadata:
        held = self._metadata
        if held is not None and now - held.fetched_at < METADATA_LIFETIME:
            return held
        said = (await self._ask("GET", f"{self.client.issuer}/.well-known/openid-configuration")).said
        # OpenID Connect Discovery, section 4.3: else one provider could speak in another's name.
        if said.get("issuer") != self.client.issuer:
            raise SignInFailed("provider")
        self._metadata = _Metadata(
            _endpoint(said.get("authorization_endpoint")),
            _endpoint(said.get("token_endpoint")),
            _endpoint(said.get("jwks_uri")),
            now,
            _endpoint(pushing) if (pushing := said.get(_PUSHING)) is not None else None,
            "ES256" in _names(said.get("dpop_signing_alg_values_supported")),
        )
        return self._metadata

    async def _verifier_for(self, token: str, metadata: _Metadata, now: datetime) -> Verifier:
        held, at = self._verifier, self._keys_fetched_at
        kid = key_name(token)
        if held is not None and at is not None and ((kid and held.knows(kid)) or now - at < REFETCH_EVERY):
            return held
        self._keys_fetched_at = now
        try:
            keys = import_jwks((await self._ask("GET", metadata.jwks_uri)).said)
        except KeyRefused:
            raise SignInFailed("provider") from None
        self._verifier = Verifier(self.client.issuer, keys.values())
        return self._verifier

    async def _ask(
        self,
        method: str,
        url: str,
        form: dict[str, str] | None = None,
        proof: str | None = None,
        *,
        wants_nonce: bool = False,
    ) -> _Answer:
        """A small JSON object, or SignInFailed: never the body or the address in a message.

        `wants_nonce`: a refusal that only asks for a nonce is an answer too.
        """
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if proof is not None:
            headers["DPoP"] = proof
        try:
            # One limit over the whole exchange: the client's own are per read, which a slow drip never meets.
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                self._http.stream(method, url, data=form, headers=headers) as response,
            ):
                body = b""
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > MAX_RESPONSE_BYTES:
                        raise SignInFailed("provider")
        except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL):
            raise SignInFailed("provider") from None
        status, nonce = response.status_code, response.headers.get("DPoP-Nonce")
        said = _object(body)
        asks = wants_nonce and status == 400 and nonce and said and said.get("error") == "use_dpop_nonce"
        if status not in (200, 201) and not asks:
            raise SignInFailed("response" if 400 <= status < 500 else "provider")
        if said is None:
            raise SignInFailed("provider")
        return _Answer(status, said, nonce)


_PUSHING = "pushed_authorization_request_endpoint"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NUMBER = re.compile(r"[0-9]{12}")
_PERSON_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _names(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _endpoint(url: object) -> str:
    """TLS everywhere; plain HTTP to this very machine only, for the sandbox."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.fragment or parts.username or not parts.hostname:
        raise SignInFailed("provider")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise SignInFailed("provider")
    return parts.geturl()


def _text(claims: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SignInFailed("claims")
    return value


def _day(claims: dict[str, Any]) -> date | None:
    value = claims.get("birthdate")
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise SignInFailed("claims") from None
