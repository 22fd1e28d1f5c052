"""What was announced and never used, begun and never gone on with, and files no row names: removed without a key."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, text

from store.database import Tx
from store.records import MOST_COUNTED
from vault.errors import BlobBusy, BlobMissing
from vault.intake.uploads import PATIENCE
from vault.records import AccessRequest
from vault.sealing.blobs import LocalBlobs

GRACE: Final = timedelta(hours=24)
"""How long a file may go unnamed before it is removed; longer than any backup takes."""

UNANSWERED_KEPT: Final = timedelta(days=1)

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


async def forget_silent_uploads(tx: Tx, blobs: LocalBlobs, now: datetime) -> int:
    """Forget what arrived of uploads that nobody went on with, some hundreds at a time; returns how many.

    For the loops' role. However slowly, whoever still sends is not silent, and has this long again should their line
    or our process break. Files go before rows, as above.
    """
    found = (
        await tx.execute(text("SELECT * FROM silent_uploads(:before)"), {"before": now - PATIENCE})
    ).all()
    sending = [row.id for row in found if await _being_written(row.open, blobs)]
    silent = [row for row in found if row.id not in sending]
    for row in silent:
        for blob in (*row.ended, *row.open):
            await blobs.remove(blob)
    await tx.execute(text("SELECT touch_uploads(:ids, :now)"), {"ids": sending, "now": now})
    await tx.execute(text("SELECT forget_pieces(:ids)"), {"ids": [row.id for row in silent]})
    return len(silent)


async def forget_unanswered(tx: Tx, now: datetime) -> None:
    """Forget systems' requests that came to nothing, a day after they lapsed: the log keeps what was asked.

    For the loops' role.
    """
    await tx.execute(
        delete(AccessRequest).where(
            AccessRequest.consent_id.is_(None), AccessRequest.expires_at <= now - UNANSWERED_KEPT
        )
    )


async def count_open_uploads(tx: Tx, now: datetime) -> int:
    """Uploads announced, not used and not over, up to `MOST_COUNTED`. For the loops' role."""
    counting = text("SELECT count_open_uploads(:now, :most)")
    count: int = (await tx.scalars(counting, {"now": now, "most": MOST_COUNTED})).one()
    return count


async def sweep_blobs(tx: Tx, blobs: LocalBlobs, now: datetime) -> int:
    """Remove files that no row has named for a day; returns how many. For the loops' role."""
    known = set((await tx.scalars(text("SELECT * FROM known_blobs()"))).all())
    return await blobs.sweep(known, now, GRACE)


async def _being_written(names: Sequence[str], blobs: LocalBlobs) -> bool:
    for name in names:
        try:
            (await blobs.resume(name)).release()
        except BlobBusy:
            return True
        except BlobMissing:
            continue
    return False
