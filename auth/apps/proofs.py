"""DPoP proofs as the server takes them: with a nonce of its own, and each once (RFC 9449, sections 8 and 11.1)."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from auth.errors import NonceRequired, ProofReplayed
from auth.jws.compact import encode
from auth.tokens import PROOF_SECONDS, Proof, verify_proof
from store.database import Tx

NONCE_SECONDS = 300
"""A nonce is given out this long, and taken as long again: an app asks anew about every five minutes."""


@dataclass(frozen=True, slots=True)
class Nonces:
    """Nonces without a store: the time, marked with a key every server of the deployment has.

    They say that a proof is of now and not made ahead by whoever once held the app's key for a moment. That each
    proof counts once is the list's business, not theirs.
    """

    secret: bytes = field(repr=False)

    def current(self, now: datetime) -> str:
        return self._of(int(now.timestamp()) // NONCE_SECONDS)

    def require(self, nonce: str | None, now: datetime) -> None:
        """Raises NonceRequired for anything but the current nonce or the one before it."""
        turn = int(now.timestamp()) // NONCE_SECONDS
        given = (nonce or "").encode()
        if not any(hmac.compare_digest(given, self._of(one).encode()) for one in (turn, turn - 1)):
            raise NonceRequired

    def _of(self, turn: int) -> str:
        return encode(hmac.digest(self.secret, b"dpop-nonce:%d" % turn, "sha256")[:18])


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as its proof must describe it. `url`: as the public knows it, without query."""

    method: str
    url: str
    proof: str
    access_token: str | None = None


def read_proof(shown: Shown, nonces: Nonces, now: datetime) -> Proof:
    """The proof, good but for replay. Raises TokenRefused, NonceRequired.

    The nonce is judged last: who does not hold the key learns nothing, not even a nonce's staleness.
    """
    proof = verify_proof(
        shown.proof, method=shown.method, url=shown.url, now=now, access_token=shown.access_token
    )
    nonces.require(proof.nonce, now)
    return proof


async def spend_proof(tx: Tx, proof: Proof) -> None:
    """Note that the proof was here. Raises ProofReplayed: of many at once, one goes on.

    The transaction must commit whatever becomes of the request, or a refusal would make the proof good again.
    """
    mark = hashlib.sha256(f"{proof.thumbprint}\0{proof.id}".encode()).digest()
    # As long as the proof could be taken, and a minute for clocks of servers that differ.
    kept_until = datetime.fromtimestamp(proof.issued_at, UTC) + timedelta(seconds=PROOF_SECONDS + 60)
    fresh = await tx.scalar(text("SELECT spend_proof(:mark, :until)"), {"mark": mark, "until": kept_until})
    if not fresh:
        raise ProofReplayed
