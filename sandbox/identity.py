"""SANDBOX. Stands in for the State's identity provider (VNeID): OpenID Connect, authorization code with PKCE.

Anyone may be anyone here: one button per demo person, no secret asked. What the relying party sees on the wire
is the real protocol, with its refusals. Nothing is kept beyond the process.
"""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.agencies import Officer
from sandbox.people import Person

CITIZEN_ACR = "urn:vn:eid:tk2:xt2"
OFFICER_ACR = "urn:vn:eid:tk2:xt3"
CITIZEN_ACRS = ("urn:vn:eid:tk2:xt1", CITIZEN_ACR, "urn:vn:eid:tk2:xt3")
"""As surely as a demo person shows who they are when asked to: by one factor, by two, or by two and their face."""
CODE_LIFETIME = timedelta(seconds=60)
TOKEN_LIFETIME = timedelta(minutes=5)
ACCOUNT_AGE = 6
"""Years from which a person may hold an account of their own; below 14 when whoever represents them asks for it
(Decree 69/2024)."""


@dataclass(frozen=True, slots=True)
class Account:
    """A demo account: `login` is its `sub`, `claims` go into its ID tokens beside the registered ones. `acr` unless
    the relying party asks for one of `others`."""

    login: str
    name: str
    acr: str
    claims: Mapping[str, Any]
    others: tuple[str, ...] = ()

    def reached(self, asked: str) -> str:
        return asked if asked in self.others else self.acr


@dataclass(frozen=True, slots=True)
class Client:
    """A relying party known here, with the accounts it may ask for."""

    redirect_uri: str
    accounts: Mapping[str, Account]


@dataclass(frozen=True, slots=True)
class Settings:
    issuer: str
    clients: Mapping[str, Client]
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", auto_kid=True))
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def citizen_accounts(people: Iterable[Person], on: date) -> dict[str, Account]:
    """An account for every living demo person old enough to hold one."""
    return {
        person.key: Account(
            person.key,
            person.name,
            CITIZEN_ACR,
            {"name": person.name, "birthdate": person.born.isoformat(), "vn_citizen_number": person.number},
            CITIZEN_ACRS,
        )
        for person in people
        if person.died is None and person.age(on) >= ACCOUNT_AGE
    }


def officer_accounts(officers: Iterable[Officer]) -> dict[str, Account]:
    return {
        officer.login: Account(officer.login, officer.name, OFFICER_ACR, {"vn_officer": True})
        for officer in officers
    }


def create_app(settings: Settings) -> Starlette:
    """The provider as an application of its own, to be served at the issuer's address."""
    provider = _Provider(settings)
    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.metadata),
            Route("/jwks.json", provider.keys),
            Route("/authorize", provider.ask, methods=["GET"]),
            Route("/authorize", provider.choose, methods=["POST"]),
            Route("/token", provider.redeem, methods=["POST"]),
            Route("/healthz", _healthy),
        ]
    )


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code stands for until it is redeemed."""

    client_id: str
    account: Account
    nonce: str
    challenge: str
    acr: str
    chosen_at: datetime


class _Provider:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._grants: dict[str, _Grant] = {}

    async def metadata(self, request: Request) -> Response:
        issuer = self._settings.issuer
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/jwks.json",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
                "authorization_response_iss_parameter_supported": True,
                "acr_values_supported": list(CITIZEN_ACRS),
                "scopes_supported": ["openid"],
            }
        )

    async def keys(self, request: Request) -> Response:
        public = self._settings.key.as_dict(private=False)
        return JSONResponse({"keys": [{**public, "use": "sig", "alg": "ES256"}]})

    async def ask(self, request: Request) -> Response:
        """Who are you today?"""
        asked = dict(request.query_params)
        client = self._client_of(asked)
        if client is None or not _is_well_formed(asked):
            # Never redirect what was not registered: that would make us an open redirector.
            return _page("<p>Yêu cầu không hợp lệ. / The request is not valid.</p>", status=400)
        kept = (*_PARAMETERS, "acr_values")
        fields = "".join(_hidden(name, asked[name]) for name in kept if name in asked)
        buttons = "".join(
            f'<li><button name="login" value="{html.escape(one.login)}">{html.escape(one.name)}</button></li>'
            for one in client.accounts.values()
        )
        body = f'<form method="post" action="/authorize">{fields}<ul>{buttons}</ul></form>'
        return _page(body, form_target=client.redirect_uri)

    async def choose(self, request: Request) -> Response:
        """A button was pressed: back to the relying party with a code."""
        async with request.form(max_files=0, max_fields=20) as form:
            asked = {name: str(value) for name, value in form.items()}
        client = self._client_of(asked)
        account = client.accounts.get(asked.get("login", "")) if client else None
        if client is None or account is None or not _is_well_formed(asked):
            return _page("<p>Yêu cầu không hợp lệ. / The request is not valid.</p>", status=400)
        code = secrets.token_urlsafe(32)
        self._forget_expired()
        self._grants[code] = _Grant(
            asked["client_id"],
            account,
            asked["nonce"],
            asked["code_challenge"],
            account.reached(asked.get("acr_values", "")),
            self._settings.now(),
        )
        answer = {"code": code, "state": asked["state"], "iss": self._settings.issuer}
        return RedirectResponse(f"{client.redirect_uri}?{urlencode(answer)}", status_code=303)

    async def redeem(self, request: Request) -> Response:
        """Code for ID token, once (RFC 6749, section 4.1.3; RFC 7636, section 4.6)."""
        async with request.form(max_files=0, max_fields=20) as form:
            asked = {name: str(value) for name, value in form.items()}
        if asked.get("grant_type") != "authorization_code":
            return _refused("unsupported_grant_type")
        # Taken before it is judged: a code guessed at with a wrong verifier is spent all the same.
        grant = self._grants.pop(asked.get("code", ""), None)
        client = self._client_of(asked)
        now = self._settings.now()
        if grant is None or client is None or grant.client_id != asked["client_id"]:
            return _refused("invalid_grant")
        if now - grant.chosen_at >= CODE_LIFETIME or _challenge(asked) != grant.challenge:
            return _refused("invalid_grant")
        return JSONResponse(
            {
                "access_token": secrets.token_urlsafe(32),
                "token_type": "Bearer",
                "expires_in": int(TOKEN_LIFETIME.total_seconds()),
                "id_token": self._id_token(grant, now),
            },
            headers={"Cache-Control": "no-store"},
        )

    def _id_token(self, grant: _Grant, now: datetime) -> str:
        issued_at = int(now.timestamp())
        claims = {
            **grant.account.claims,
            "iss": self._settings.issuer,
            "sub": grant.account.login,
            "aud": grant.client_id,
            "iat": issued_at,
            "exp": issued_at + int(TOKEN_LIFETIME.total_seconds()),
            "auth_time": int(grant.chosen_at.timestamp()),
            "nonce": grant.nonce,
            "acr": grant.acr,
        }
        key = self._settings.key
        return jwt.encode({"alg": "ES256", "typ": "JWT", "kid": key.kid}, claims, key)

    def _client_of(self, asked: Mapping[str, str]) -> Client | None:
        client = self._settings.clients.get(asked.get("client_id", ""))
        return client if client and asked.get("redirect_uri") == client.redirect_uri else None

    def _forget_expired(self) -> None:
        oldest = self._settings.now() - CODE_LIFETIME
        self._grants = {code: grant for code, grant in self._grants.items() if grant.chosen_at > oldest}


_PARAMETERS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def _is_well_formed(asked: Mapping[str, str]) -> bool:
    """PKCE, state and nonce are not optional here (FAPI 2.0)."""
    return (
        all(0 < len(asked.get(name, "")) <= 500 for name in _PARAMETERS)
        and asked["response_type"] == "code"
        and "openid" in asked["scope"].split()
        and asked["code_challenge_method"] == "S256"
        and _CHALLENGE.fullmatch(asked["code_challenge"]) is not None
    )


def _challenge(asked: Mapping[str, str]) -> str:
    digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _refused(error: str) -> Response:
    return JSONResponse({"error": error}, status_code=400, headers={"Cache-Control": "no-store"})


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{html.escape(value)}">'


def _page(body: str, *, status: int = 200, form_target: str = "") -> Response:
    # Browsers hold the redirect that answers a form to form-action too, so the client's origin is named.
    target = urlsplit(form_target)
    allowed = f"'self' {target.scheme}://{target.netloc}" if form_target else "'none'"
    policy = f"default-src 'none'; form-action {allowed}; frame-ancestors 'none'; base-uri 'none'"
    return HTMLResponse(
        '<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>SANDBOX</title>'
        '<meta name="viewport" content="width=device-width"></head><body><main>'
        "<h1>SANDBOX: nhà cung cấp danh tính thử nghiệm</h1>"
        '<p>Không ai ở đây có thật. <span lang="en">Nobody here is real. Choose who to be.</span></p>'
        f"{body}</main></body></html>",
        status_code=status,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


async def _healthy(request: Request) -> Response:
    return JSONResponse({"sandbox": True})
