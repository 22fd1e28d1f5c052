"""The relying party's half of OpenID Connect: authorization code, PKCE S256, nonce, `iss` in the response.

Speaks to one provider as one client. Keeps the provider's published metadata and keys for a while and nothing
about people. ID tokens are judged by `auth.tokens`.
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
from auth.signing import KeyRefused, import_jwks
from auth.tokens import ID_TOKEN, LOGOUT_TOKEN, Verifier, key_name

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


class Provider:
    """One identity provider. `http` follows no redirects and takes no proxy from the environment."""

    def __init__(self, client: Client, http: httpx2.AsyncClient) -> None:
        self.client = client
        self._http = http
        self._metadata: _Metadata | None = None
        self._verifier: Verifier | None = None
        self._keys_fetched_at: datetime | None = None

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
        return f"{metadata.authorization_endpoint}?{urlencode(asked)}"

    async def identify(
        self, code: str, challenge: Challenge, now: datetime, demand: Demand | None = None
    ) -> Identity:
        """Redeem the code for an ID token and read who signed in.

        Raises SignInFailed: `provider` when it does not answer, `response` when it refuses the code, `token`,
        `assurance` or `claims` for what it says of the person.
        """
        metadata = await self._discover(now)
        answer = await self._fetch(
            "POST",
            metadata.token_endpoint,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.client.redirect_uri,
                "client_id": self.client.client_id,
                "code_verifier": challenge.verifier,
            },
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("response")
        verifier = await self._verifier_for(token, metadata, now)
        try:
            claims = verifier.verify(ID_TOKEN, token, audience=self.client.client_id, now=now)
        except TokenRefused:
            raise SignInFailed("token") from None
        return self._judge(claims, challenge, demand or Demand(self.client.least_acr), now)

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
        said = await self._fetch("GET", f"{self.client.issuer}/.well-known/openid-configuration")
        # OpenID Connect Discovery, section 4.3: else one provider could speak in another's name.
        if said.get("issuer") != self.client.issuer:
            raise SignInFailed("provider")
        self._metadata = _Metadata(
            _endpoint(said.get("authorization_endpoint")),
            _endpoint(said.get("token_endpoint")),
            _endpoint(said.get("jwks_uri")),
            now,
        )
        return self._metadata

    async def _verifier_for(self, token: str, metadata: _Metadata, now: datetime) -> Verifier:
        held, at = self._verifier, self._keys_fetched_at
        kid = key_name(token)
        if held is not None and at is not None and ((kid and held.knows(kid)) or now - at < REFETCH_EVERY):
            return held
        self._keys_fetched_at = now
        try:
            keys = import_jwks(await self._fetch("GET", metadata.jwks_uri))
        except KeyRefused:
            raise SignInFailed("provider") from None
        self._verifier = Verifier(self.client.issuer, keys.values())
        return self._verifier

    async def _fetch(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """A small JSON object, or SignInFailed: never the body or the address in a message."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
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
        if response.status_code != 200:
            raise SignInFailed("response" if 400 <= response.status_code < 500 else "provider")
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            raise SignInFailed("provider") from None
        if not isinstance(said, dict):
            raise SignInFailed("provider")
        return said


_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NUMBER = re.compile(r"[0-9]{12}")
_PERSON_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


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
