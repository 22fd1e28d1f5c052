"""What was announced and never used, and files no row names: removed without anybody's key."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from store.database import Tx
from vault.sealing.blobs import LocalBlobs

GRACE: Final = timedelta(hours=24)
"""How long a file may go unnamed before it is removed; longer than any backup takes."""

LATE: Final = timedelta(minutes=1)
"""How long after its end an upload is removed: by then no clock of ours lets anybody claim it."""


async def drop_expired_uploads(tx: Tx, blobs: LocalBlobs, now: datetime) -> int:
    """Forget uploads whose day is over, some hundreds at a time, and their bytes with them; returns how many.

    For the loops' role. The files go before the rows do: whatever dies in between, the next round finds the rows
    and goes on. Nobody can claim them meanwhile, for they are locked and late.
    """
    gone = (await tx.execute(text("SELECT * FROM drop_expired_uploads(:now)"), {"now": now - LATE})).all()
    for row in gone:
        for blob in row.blobs:
            await blobs.remove(blob)
    return len(gone)


async def sweep_blobs(tx: Tx, blobs: LocalBlobs, now: datetime) -> int:
    """Remove files that no row has named for a day; returns how many. For the loops' role."""
    known = set((await tx.scalars(text("SELECT * FROM known_blobs()"))).all())
    return await blobs.sweep(known, now, GRACE)
