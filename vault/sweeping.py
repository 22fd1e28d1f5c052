"""What was announced and never used, and files no row names: removed without anybody's key."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from store.database import Tx
from vault.sealing.blobs import LocalBlobs

GRACE: Final = timedelta(hours=24)
"""How long a file may go unnamed before it is removed; longer than any backup takes."""


async def drop_expired_uploads(tx: Tx, now: datetime) -> int:
    """Forget uploads whose day is over; returns how many. For the loops' role."""
    return int(await tx.scalar(text("SELECT drop_expired_uploads(:now)"), {"now": now}) or 0)


async def sweep_blobs(tx: Tx, blobs: LocalBlobs, now: datetime) -> int:
    """Remove files that no row has named for a day; returns how many. For the loops' role."""
    known = set((await tx.scalars(text("SELECT * FROM known_blobs()"))).all())
    return await blobs.sweep(known, now, GRACE)
