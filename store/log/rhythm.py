"""What the log says of itself: that it lives, at least once a minute.

A line of its own, sealed at once, rather than the old head signed again with a newer time: it moves the size, so
witnesses see something new and sign when; and silence stays visible afterwards, as a gap between two lines.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from store import ledger
from store.checkpoints import LogSigner
from store.database import Actor, Tx
from store.ledger import Entry
from store.records import LedgerEntry

LOOP = Actor("loop")
BEAT_AFTER = timedelta(seconds=50)
"""With a round every five seconds no two heads are a minute apart."""


async def keep_time(tx: Tx, signer: LogSigner, now: datetime, *, publish: bool = True) -> bool:
    """A beat where no head was signed for a while; whether there was one. For the loops' role. Raises LogBroken."""
    await ledger.hold_sealing(tx)
    head = await ledger.checkpoint(tx)
    if head is not None and now - head.at < BEAT_AFTER:
        return False
    said = {"t": now.astimezone(UTC).isoformat(timespec="seconds")}
    await seal_own(tx, signer, own_entry("log.beat", said), now, publish=publish)
    return True


def own_entry(kind: str, said: dict[str, Any]) -> Entry:
    return Entry(kind, None, "SUCCESS", "log", "LEGAL_DUTY", public=said)


async def seal_own(tx: Tx, signer: LogSigner, entry: Entry, now: datetime, *, publish: bool) -> None:
    """Write a line of the log about itself and give it the next place at once. The sealing is held."""
    line = await ledger.record(tx, LOOP, entry, now)
    row = (await tx.scalars(select(LedgerEntry).where(LedgerEntry.id == line))).one()
    await ledger.seal_rows(tx, signer, [row], now, publish=publish)
