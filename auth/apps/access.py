"""Access tokens of apps and systems: five minutes long, bound to a key, worth what their session is worth now.

The token says which session; whether it still lives and what its person may do is read afresh with each request.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from auth.apps.grants import AppSession
from auth.apps.proofs import Nonces, Shown, read_proof, spend_proof
from auth.caller import Caller, CallerKind, Grant
from auth.errors import TokenRefused
from auth.jws.compact import encode
from auth.sessions import citizen_of, officer_of
from auth.systems.grants import grant_of, grantee
from auth.tokens import ACCESS_TOKEN, GRANT_TOKEN, Proof, Tokens
from store.database import Tx
from store.identifiers import new_id

ACCESS_LIFETIME: Final = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class Bound:
    """What an access token says of itself: the session, the app, the thumbprint of the key it is bound to."""

    session: UUID
    app: str
    thumbprint: str


@dataclass(frozen=True, slots=True)
class Named:
    """A token and its proof, both good on their own: the session they name, the proof yet to be spent."""

    session: UUID
    proof: Proof


@dataclass(frozen=True, slots=True)
class NamedGrant:
    """A grant token and its proof, both good on their own: the system, what it was granted, the proof unspent."""

    client_id: str
    grant: Grant
    proof: Proof


@dataclass(frozen=True, slots=True)
class Gate:
    """Gives out access tokens and takes them back. `audience`: the resource they open. `secret` makes the names by
    which apps know people, another for each app, none of them the citizen's number."""

    tokens: Tokens
    nonces: Nonces
    audience: str
    secret: bytes = field(repr=False)

    def access_token(self, session: AppSession, now: datetime) -> str:
        """A token for this session, for whoever holds its key."""
        claims: dict[str, Any] = {
            "sub": self.pairwise(session.app, session.subject),
            "aud": self.audience,
            "client_id": session.app,
            "sid": str(session.id),
            "jti": str(new_id()),
            "acr": session.acr,
            "auth_time": int(session.authenticated_at.timestamp()),
            "scope": session.scope,
            "cnf": {"jkt": session.thumbprint},
        }
        if session.roles:
            claims["roles"] = list(session.roles)
        return self.tokens.sign(ACCESS_TOKEN, claims, lifetime=ACCESS_LIFETIME, now=now)

    def grant_token(
        self, client: str, thumbprint: str, subject: UUID, details: Mapping[str, Any], now: datetime
    ) -> str:
        """A token for one grant of one person to one system, for whoever holds the key."""
        claims = {
            "sub": self.pairwise(client, subject),
            "aud": self.audience,
            "client_id": client,
            "jti": str(new_id()),
            "cnf": {"jkt": thumbprint},
            "authorization_details": [dict(details)],
        }
        return self.tokens.sign(GRANT_TOKEN, claims, lifetime=ACCESS_LIFETIME, now=now)

    def read(self, shown: Shown, now: datetime) -> Named | NamedGrant:
        """What a token shown with a proof names, before anything is looked up. Raises TokenRefused, NonceRequired."""
        token = shown.access_token or ""
        kind, claims = self.tokens.verify_any(
            (ACCESS_TOKEN, GRANT_TOKEN), token, audience=self.audience, now=now
        )
        proof = read_proof(shown, self.nonces, now)
        # A stolen token with the thief's own proof.
        if proof.thumbprint != claims["cnf"]["jkt"]:
            raise TokenRefused
        if kind is GRANT_TOKEN:
            return NamedGrant(claims["client_id"], grant_of(claims), proof)
        return Named(_bound(claims).session, proof)

    def open(self, token: str, now: datetime) -> Bound:
        """A token without its proof: for its own app to end it, never to act with. Raises TokenRefused."""
        claims = self.tokens.verify(ACCESS_TOKEN, token, audience=self.audience, now=now)
        return _bound(claims)

    def pairwise(self, client: str, subject: UUID) -> str:
        """The name by which one app or system knows a person, and no other does."""
        mark = hmac.digest(self.secret, f"{client}\0{subject}".encode(), "sha256")
        return f"pw:{encode(mark[:16])}"


def _bound(claims: Mapping[str, Any]) -> Bound:
    try:
        return Bound(UUID(claims["sid"]), claims["client_id"], claims["cnf"]["jkt"])
    except ValueError:
        raise TokenRefused from None


async def is_live(tx: Tx, claims: Mapping[str, Any], now: datetime) -> bool:
    """Whether the session of a verified access token goes on."""
    bound = _bound(claims)
    found = await tx.scalar(
        text("SELECT id FROM session_by_token(:id, :thumbprint, :now)"),
        {"id": bound.session, "thumbprint": bound.thumbprint, "now": now},
    )
    return found is not None


async def caller_of_token(tx: Tx, named: Named | NamedGrant, language: str, now: datetime) -> Caller | None:
    """Who presents the token, with what they may do as of now; None when the session is over.

    Spends the proof: raises ProofReplayed. Must be committed, so an ended session is told after it.
    """
    await spend_proof(tx, named.proof)
    if isinstance(named, NamedGrant):
        return await grantee(tx, named.client_id, named.grant, language)
    row = (
        await tx.execute(
            text("SELECT * FROM session_by_token(:id, :thumbprint, :now)"),
            {"id": named.session, "thumbprint": named.proof.thumbprint, "now": now},
        )
    ).one_or_none()
    if row is None or row.id is None:
        return None
    if row.kind == CallerKind.OFFICER:
        return await officer_of(tx, row, language)
    return await citizen_of(tx, row, language, now)
