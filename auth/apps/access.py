"""Access tokens of our apps: five minutes long, bound to a key, and worth what their session is worth now.

The token says which session; whether it still lives and what its person may do is read afresh with each request.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from auth.apps.grants import AppSession
from auth.apps.proofs import Nonces, Shown, read_proof, spend_proof
from auth.apps.requests import SCOPE
from auth.caller import Caller
from auth.errors import TokenRefused
from auth.jws.compact import encode
from auth.sessions import citizen_of
from auth.tokens import ACCESS_TOKEN, Proof, Tokens
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
class Gate:
    """Gives out access tokens and takes them back. `audience`: the resource they open. `secret` makes the names by
    which apps know people, another for each app, none of them the citizen's number."""

    tokens: Tokens
    nonces: Nonces
    audience: str
    secret: bytes = field(repr=False)

    def access_token(self, session: AppSession, now: datetime) -> str:
        """A token for this session, for whoever holds its key."""
        claims = {
            "sub": self._pairwise(session),
            "aud": self.audience,
            "client_id": session.app,
            "sid": str(session.id),
            "jti": str(new_id()),
            "acr": session.acr,
            "auth_time": int(session.authenticated_at.timestamp()),
            "scope": SCOPE,
            "cnf": {"jkt": session.thumbprint},
        }
        return self.tokens.sign(ACCESS_TOKEN, claims, lifetime=ACCESS_LIFETIME, now=now)

    def read(self, shown: Shown, now: datetime) -> Named:
        """What a token shown with a proof names, before anything is looked up. Raises TokenRefused, NonceRequired."""
        bound = self.open(shown.access_token or "", now)
        proof = read_proof(shown, self.nonces, now)
        # A stolen token with the thief's own proof.
        if proof.thumbprint != bound.thumbprint:
            raise TokenRefused
        return Named(bound.session, proof)

    def open(self, token: str, now: datetime) -> Bound:
        """A token without its proof: for its own app to end it, never to act with. Raises TokenRefused."""
        claims = self.tokens.verify(ACCESS_TOKEN, token, audience=self.audience, now=now)
        try:
            return Bound(UUID(claims["sid"]), claims["client_id"], claims["cnf"]["jkt"])
        except ValueError:
            raise TokenRefused from None

    def _pairwise(self, session: AppSession) -> str:
        mark = hmac.digest(self.secret, f"{session.app}\0{session.subject}".encode(), "sha256")
        return f"pw:{encode(mark[:16])}"


async def caller_of_token(tx: Tx, named: Named, language: str, now: datetime) -> Caller | None:
    """Who presents the token, with what they may do as of now; None when the session is over.

    Spends the proof: raises ProofReplayed. Must be committed, so an ended session is told after it.
    """
    await spend_proof(tx, named.proof)
    row = (
        await tx.execute(
            text("SELECT * FROM session_by_token(:id, :thumbprint, :now)"),
            {"id": named.session, "thumbprint": named.proof.thumbprint, "now": now},
        )
    ).one_or_none()
    if row is None or row.id is None:
        return None
    return await citizen_of(tx, row, language, now)
