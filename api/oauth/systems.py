"""Agencies' systems at the token endpoint: they prove their key, and get tokens for the desk or for one grant.

`client_credentials` signs a system in; a code a person handed over is exchanged for a grant token (RFC 8693); a
request a person answers on their own device is asked after until then (OpenID CIBA, poll mode). Introspection is
RFC 7662.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api.door.front import FrontDoor
from api.oauth.forms import Form
from auth.apps.access import ACCESS_LIFETIME, Gate, is_live
from auth.apps.grants import AppSession
from auth.apps.proofs import spend_proof
from auth.caller import Grant, GrantKind
from auth.errors import AccessDenied, AppRefused, TokenRefused
from auth.provider.login import STARTER
from auth.systems.assertions import authenticate
from auth.systems.grants import KEY_PROVEN, Terms, acting, caller_of, grant_of, open_system_session
from auth.systems.registry import AgencySystem
from auth.tokens import ACCESS_TOKEN, GRANT_TOKEN, Proof
from resolvers.connections import read_uuid
from resolvers.problems import BadInput
from vault.permission.requests import Standing, look_at_access
from vault.sharing.verification import is_open, open_code

Told = dict[str, Any]

CREDENTIALS: Final = "client_credentials"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
CIBA: Final = "urn:openid:params:grant-type:ciba"
SHARE_CODE: Final = "urn:vn:params:oauth:token-type:share-code"
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True, slots=True)
class SystemsDesk:
    """What the authorisation server does for systems."""

    door: FrontDoor
    gate: Gate

    @property
    def grants(self) -> Mapping[str, Callable[[Form, AgencySystem, Proof], Awaitable[Told]]]:
        return {CREDENTIALS: self._sign_in, EXCHANGE: self._exchange, CIBA: self._ask_after}

    async def token(self, form: Form, proof: Proof) -> Told:
        """A token bound to the key of the proof. Raises AppRefused, ProofReplayed."""
        grant = self.grants.get(form.get("grant_type", ""))
        if grant is None:
            raise AppRefused("unsupported_grant_type")
        return await grant(form, await self._known(form, proof), proof)

    async def introspect(self, form: Form) -> Told:
        """What a token of the asking system's own is worth now; of any other nothing (RFC 7662, section 2.2)."""
        system, now = await self._known(form, None), self.door.now()
        try:
            kind, claims = self.gate.tokens.verify_any(
                (ACCESS_TOKEN, GRANT_TOKEN), form.get("token", ""), audience=self.gate.audience, now=now
            )
            if claims["client_id"] != system.client_id:
                return {"active": False}
            if kind is ACCESS_TOKEN:
                async with self.door.database.writing(STARTER) as tx:
                    active = await is_live(tx, claims, now)
            else:
                active = await self._in_force(system, grant_of(claims), now)
        except TokenRefused:
            return {"active": False}
        return {"active": True, "token_type": "DPoP", **claims} if active else {"active": False}

    async def _sign_in(self, form: Form, system: AgencySystem, proof: Proof) -> Told:
        now = self.door.now()
        async with self.door.database.writing(STARTER) as tx:
            session = await open_system_session(tx, system, proof.thumbprint, now)
        signed_in = AppSession(
            session, system.id, system.client_id, proof.thumbprint, KEY_PROVEN, now,
            scope=" ".join(sorted(system.scope)), roles=tuple(sorted(system.roles)),
        )  # fmt: skip
        token = self.gate.access_token(signed_in, now)
        return {**_bearing(token), "scope": signed_in.scope}

    async def _exchange(self, form: Form, system: AgencySystem, proof: Proof) -> Told:
        code, now = form.get("subject_token", ""), self.door.now()
        if not code or form.get("subject_token_type") != SHARE_CODE:
            raise AppRefused("invalid_request")
        async with self.door.database.writing(acting(system)) as tx:
            try:
                opened = await open_code(tx, caller_of(system), code, now)
            except AccessDenied:
                raise AppRefused("unauthorized_client") from None
        # After the commit: a wrong code has been counted.
        if opened is None:
            raise AppRefused("invalid_grant")
        grant = Grant(GrantKind.SHARE, opened.share)
        terms = Terms(grant, opened.subject, opened.claims, "verification", opened.uses_left)
        return {**self._granted(system, proof, terms, now), "issued_token_type": ACCESS_TOKEN_TYPE}

    async def _ask_after(self, form: Form, system: AgencySystem, proof: Proof) -> Told:
        now = self.door.now()
        try:
            request = read_uuid(form.get("auth_req_id", ""), "AccessRequest")
        except BadInput:
            raise AppRefused("invalid_grant") from None
        async with self.door.database.writing(acting(system)) as tx:
            state = await look_at_access(tx, request, now)
        if state is None:
            raise AppRefused("invalid_grant")
        if state.too_soon:
            raise AppRefused("slow_down")
        if state.subject is None:
            raise AppRefused(_STANDING[state.standing])
        grant = Grant(GrantKind.ACCESS, request)
        terms = Terms(grant, state.subject, state.claims, state.purpose, state.uses_left, state.consent)
        return self._granted(system, proof, terms, now)

    async def _known(self, form: Form, proof: Proof | None) -> AgencySystem:
        """Who asks; their assertion and proof are spent whatever follows."""
        now = self.door.now()
        async with self.door.database.writing(STARTER) as tx:
            system = await authenticate(tx, form, self.door.origin, now)
            if proof is not None:
                await spend_proof(tx, proof)
        return system

    async def _in_force(self, system: AgencySystem, grant: Grant, now: datetime) -> bool:
        async with self.door.database.writing(acting(system)) as tx:
            if grant.kind is GrantKind.ACCESS:
                state = await look_at_access(tx, grant.id, now)
                return state is not None and state.standing is Standing.GRANTED
            return await is_open(tx, caller_of(system, grant=grant), now)

    def _granted(self, system: AgencySystem, proof: Proof, terms: Terms, now: datetime) -> Told:
        details = terms.to_details(self.gate.audience)
        token = self.gate.grant_token(system.client_id, proof.thumbprint, terms.subject, details, now)
        return {**_bearing(token), "authorization_details": [details]}


def _bearing(token: str) -> Told:
    return {
        "access_token": token,
        "token_type": "DPoP",
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
    }


_STANDING: Final[Mapping[Standing, str]] = {
    Standing.PENDING: "authorization_pending",
    Standing.DENIED: "access_denied",
    Standing.OVER: "expired_token",
}
