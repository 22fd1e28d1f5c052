"""`/oauth/*` and its metadata: how apps sign people in (RFC 6749, 7009, 7636, 8414, 9126, 9207, 9449).

Codes only, pushed requests only, S256 only, tokens bound to a key only. People sign in at their identity provider,
through the door of `api.door.signin`; what an app asks for and gets is decided in `auth.apps`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.door.front import FrontDoor
from api.door.signin import send_to_provider
from api.oauth.credentials import only_proof, public_address
from api.oauth.forms import Form, read_form
from api.oauth.systems import SystemsDesk
from api.web.answers import json_answer
from api.web.pages import Pages
from auth.apps.access import ACCESS_LIFETIME, Gate
from auth.apps.grants import (
    AppSession,
    Granted,
    Presented,
    end_reused,
    judge_code,
    open_app_session,
    person,
    refresh,
    revoke,
    revoke_session,
)
from auth.apps.proofs import Shown, read_proof, spend_proof
from auth.apps.registry import App, Apps
from auth.apps.requests import REQUEST_SECONDS, SCOPE, begin_request, push_request, read_wish, take_code
from auth.assurance import SIGNED_IN, VAULT
from auth.errors import AppRefused, NonceRequired, ProofReplayed, SignInFailed, TokenRefused
from auth.provider.login import STARTER, Door, new_challenge
from auth.provider.oidc import Demand
from auth.systems.grants import DETAILS_TYPE
from auth.tokens import Proof
from dossiers.notices import notify

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuthorisationServer:
    """Built once in `api/app.py`. `door` knows the identity provider and the clock."""

    door: FrontDoor
    apps: Apps
    gate: Gate

    @property
    def systems(self) -> SystemsDesk:
        return SystemsDesk(self.door, self.gate)

    @property
    def grants(self) -> Mapping[str, Callable[[Form, App, Proof], Awaitable[Granted]]]:
        """How tokens are had, by `grant_type`."""
        return {"authorization_code": self._by_code, "refresh_token": self._by_refresh_token}

    async def push(self, request: Request) -> Response:
        """A request of an app, checked and kept for a minute (RFC 9126)."""

        async def do(form: Form) -> Told:
            app = self.apps.find(form.get("client_id", ""))
            if "request_uri" in form:
                raise AppRefused("invalid_request")
            proof = self._proof(request) if "dpop" in request.headers else None
            wish = read_wish(app, form, proof.thumbprint if proof else None)
            async with self.door.database.writing(STARTER) as tx:
                if proof is not None:
                    await spend_proof(tx, proof)
                uri = await push_request(tx, wish, self.door.now())
            return {"request_uri": uri, "expires_in": REQUEST_SECONDS}

        return await self._answer(request, do, 201)

    async def authorise(self, request: Request) -> Response:
        """The browser brings a pushed request: off to the identity provider. Anything else stays here on a plain
        page: an address that was not pushed by a registered app is never a place to send people to."""
        asked, now = request.query_params, self.door.now()
        challenge = new_challenge(Door.APP)
        try:
            app = self.apps.find(asked.get("client_id", ""))
            async with self.door.database.writing(STARTER) as tx:
                wish = await begin_request(tx, app, asked.get("request_uri", ""), challenge.state, now)
            return await send_to_provider(
                self.door, request, challenge, "/", Demand(wish.acr, wish.max_age_seconds)
            )
        except (AppRefused, SignInFailed) as refused:
            status = 503 if getattr(refused, "reason", "") == "provider" else 400
            pages = Pages(self.door.sandbox, self.door.is_secure, referrer="same-origin")
            return pages.harden(PlainTextResponse("", status))

    async def token(self, request: Request) -> Response:
        """Code or refresh token, or a system's own statement, for tokens bound to the key of the proof."""

        async def do(form: Form) -> Told:
            if "client_assertion" in form:
                return await self.systems.token(form, self._proof(request))
            app = self.apps.find(form.get("client_id", ""))
            grant = self.grants.get(form.get("grant_type", ""))
            if grant is None:
                raise AppRefused("unsupported_grant_type")
            granted = await grant(form, app, self._proof(request))
            return {
                "access_token": self.gate.access_token(granted.session, self.door.now()),
                "token_type": "DPoP",
                "expires_in": int(ACCESS_LIFETIME.total_seconds()),
                "refresh_token": granted.refresh_token,
                "scope": SCOPE,
                "acr": granted.session.acr,
            }

        return await self._answer(request, do)

    async def revoke(self, request: Request) -> Response:
        """End the session of either token. Says the same of tokens it does not know (RFC 7009, section 2.2)."""

        async def do(form: Form) -> Told:
            app, token = self.apps.find(form.get("client_id", "")), form.get("token", "")
            if not token:
                raise AppRefused("invalid_request")
            now = self.door.now()
            async with self.door.database.writing(STARTER) as tx:
                try:
                    bound = self.gate.open(token, now)
                except TokenRefused:
                    await revoke(tx, token, app.id, now)
                else:
                    if bound.app == app.id:
                        await revoke_session(tx, bound.session, now)
            return {}

        return await self._answer(request, do)

    async def introspect(self, request: Request) -> Response:
        """What a token is worth now, for the system it was given to (RFC 7662)."""
        return await self._answer(request, self.systems.introspect)

    async def metadata(self, request: Request) -> Response:
        """RFC 8414. Under the name of OpenID discovery too, where older libraries look."""
        origin = self.door.origin
        return json_answer(
            {
                "issuer": origin,
                "authorization_endpoint": f"{origin}/oauth/authorize",
                "token_endpoint": f"{origin}/oauth/token",
                "revocation_endpoint": f"{origin}/oauth/revoke",
                "pushed_authorization_request_endpoint": f"{origin}/oauth/par",
                "require_pushed_authorization_requests": True,
                "jwks_uri": f"{origin}/.well-known/jwks.json",
                "scopes_supported": [SCOPE],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": [*self.grants, *self.systems.grants],
                "code_challenge_methods_supported": ["S256"],
                "introspection_endpoint": f"{origin}/oauth/introspect",
                "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
                "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
                "introspection_endpoint_auth_signing_alg_values_supported": ["ES256"],
                "authorization_details_types_supported": [DETAILS_TYPE],
                "backchannel_token_delivery_modes_supported": ["poll"],
                "revocation_endpoint_auth_methods_supported": ["none"],
                "dpop_signing_alg_values_supported": ["ES256"],
                "authorization_response_iss_parameter_supported": True,
                "acr_values_supported": [SIGNED_IN, VAULT],
                "ui_locales_supported": ["vi", "en"],
            }
        )

    async def _by_code(self, form: Form, app: App, proof: Proof) -> Granted:
        now = self.door.now()
        presented = Presented(
            app.id, form.get("redirect_uri", ""), form.get("code_verifier", ""), proof.thumbprint
        )
        # Spent by looking, in a transaction of its own: a code guessed at with a wrong verifier is gone.
        async with self.door.database.writing(STARTER) as tx:
            await spend_proof(tx, proof)
            redeemed, opened = await take_code(tx, form.get("code", ""), now)
            ended = await end_reused(tx, opened, now) if opened is not None else None
        await self._warn(ended, now)
        if redeemed is None:
            raise AppRefused("invalid_grant")
        judge_code(redeemed, presented)
        async with self.door.database.writing(person(redeemed.subject)) as tx:
            granted = await open_app_session(tx, redeemed, proof.thumbprint, now)
            await notify(tx, redeemed.subject, "app_signed_in", now, params={"app": app.name})
        return granted

    async def _by_refresh_token(self, form: Form, app: App, proof: Proof) -> Granted:
        now = self.door.now()
        async with self.door.database.writing(STARTER) as tx:
            await spend_proof(tx, proof)
            granted, ended = await refresh(tx, form.get("refresh_token", ""), app.id, proof.thumbprint, now)
        await self._warn(ended, now)
        if granted is None:
            raise AppRefused("invalid_grant")
        return granted

    async def _warn(self, ended: AppSession | None, now: datetime) -> None:
        """Tell the person whose code or refresh token came twice: somebody had a copy."""
        if ended is None:
            return
        async with self.door.database.writing(person(ended.subject)) as tx:
            params = {"app": self.apps.name_of(ended.app)}
            await notify(tx, ended.subject, "app_signed_out", now, params=params)

    def _proof(self, request: Request) -> Proof:
        shown = Shown(request.method, public_address(request, self.door.origin), only_proof(request))
        return read_proof(shown, self.gate.nonces, self.door.now())

    async def _answer(
        self, request: Request, do: Callable[[Form], Awaitable[Told]], status: int = 200
    ) -> Response:
        """The answer to a form, or its refusal in the words of the RFCs; either with the next nonce."""
        nonce = {"DPoP-Nonce": self.gate.nonces.current(self.door.now())}
        try:
            return json_answer(await do(await read_form(request)), status, headers=nonce)
        except AppRefused as refused:
            error, status = refused.error, 401 if refused.error == "invalid_client" else 400
        except NonceRequired:
            error, status = "use_dpop_nonce", 400
        except (TokenRefused, ProofReplayed):
            error, status = "invalid_dpop_proof", 400
        return json_answer({"error": error}, status, headers=nonce)


def routes(server: AuthorisationServer) -> list[Route]:
    """`/oauth/par`, `/oauth/authorize`, `/oauth/token`, `/oauth/revoke`, and the metadata."""
    return [
        Route("/oauth/par", server.push, methods=["POST"]),
        Route("/oauth/authorize", server.authorise, methods=["GET"]),
        Route("/oauth/token", server.token, methods=["POST"]),
        Route("/oauth/revoke", server.revoke, methods=["POST"]),
        Route("/oauth/introspect", server.introspect, methods=["POST"]),
        Route("/.well-known/oauth-authorization-server", server.metadata, methods=["GET"]),
        Route("/.well-known/openid-configuration", server.metadata, methods=["GET"]),
    ]
