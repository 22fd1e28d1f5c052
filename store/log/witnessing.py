"""Which heads witnesses have signed, and which the world is shown. For the loops' role."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from store.database import Tx
from store.log.cosigning import Cosigned
from store.log.pulse import beat
from store.records import Checkpoint, Cosignature


async def last_size(tx: Tx, witness: str) -> int:
    """The largest head this witness is known to have signed; 0 before the first."""
    largest = select(func.max(Cosignature.size)).where(Cosignature.witness == witness)
    return await tx.scalar(largest) or 0


async def keep_cosignature(tx: Tx, size: int, witness: str, cosigned: Cosigned, now: datetime) -> None:
    """Once per head and witness, however many processes asked for it."""
    row = {"size": size, "witness": witness, "line": cosigned.line, "at": now}
    await tx.execute(insert(Cosignature).values(row).on_conflict_do_nothing())
    await beat(tx, witness)


async def publish(tx: Tx, size: int) -> None:
    """Show this head to the world: its witnesses were asked."""
    await tx.execute(update(Checkpoint).where(Checkpoint.size == size).values(published=True))
