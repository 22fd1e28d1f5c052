"""What makes a repeated request harmless: one row per caller, operation and idempotency key, kept seven days.

The row keeps what was made, never what was answered. A replay is answered from the rows as they stand, so a
disclosure is judged again instead of being repeated from memory.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import rfc8785
from sqlalchemy import delete, insert, select, text

from store.database import Tx
from store.errors import IdempotencyConflict
from store.records import PastRequest

KEPT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Past:
    """One request under its key. `caller` is `kind:id` of the transaction's actor, or row-level security hides
    and refuses the row."""

    caller: str
    operation: str
    key: UUID
    request_hash: bytes


def request_hash(request: Any) -> bytes:
    """SHA-256 of the request's canonical JSON (RFC 8785): the same words in another order are the same request."""
    return hashlib.sha256(rfc8785.dumps(request)).digest()


async def recall(tx: Tx, past: Past) -> PastRequest | None:
    """The row of the same request made before, or None when this is the first.

    Holds the key until the transaction ends: of two parallel requests with one key the second waits here, then
    finds what the first made. Raises IdempotencyConflict when the key came with another request.
    """
    name = f"{past.caller}\n{past.operation}\n{past.key}"
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
    found = await tx.scalar(
        select(PastRequest).where(
            PastRequest.caller == past.caller,
            PastRequest.operation == past.operation,
            PastRequest.key == past.key,
        )
    )
    if found is not None and not hmac.compare_digest(found.request_hash, past.request_hash):
        raise IdempotencyConflict
    return found


async def remember(tx: Tx, past: Past, made: UUID | None, ledger_id: int | None, now: datetime) -> None:
    """Write down, with the change itself, what the request made and which ledger line it wrote."""
    row = {
        "caller": past.caller,
        "operation": past.operation,
        "key": past.key,
        "request_hash": past.request_hash,
    }
    await tx.execute(insert(PastRequest).values(**row, made=made, ledger_id=ledger_id, at=now))


async def forget(tx: Tx, now: datetime) -> None:
    """Drop what is kept no longer: the same key would then be a first request again. For the loops' role."""
    await tx.execute(delete(PastRequest).where(PastRequest.at < now - KEPT))
