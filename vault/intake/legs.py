"""The pieces an upload has arrived in: one sealed file and one row each, and at most one with a living writer.

A piece is a sealed stream of its own, begun by one request and never continued by another: whatever was cut,
killed or put back from an older disk, no key ever meets a nonce twice. A row without a size is a piece nobody has
closed: its file's lock says whether its writer lives. If not, the whole authentic segments are what arrived; none
of them can hold the upload's last byte, so an upload that has all its bytes has been judged as a whole.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, update

from auth.errors import NotFound
from store.database import Database, Tx
from store.identifiers import new_id
from vault.errors import BlobBusy, BlobMissing, TamperedContent, UploadFault, UploadRefused
from vault.intake.uploads import UNCLAIMED_NUMBER, Ticket
from vault.records import Upload, UploadLeg
from vault.safe import Safe
from vault.sealing.blobs import new_name
from vault.sealing.envelope import SEGMENT_BYTES
from vault.sealing.keys import VersionKey
from vault.sealing.leg_files import LegFile

MOST_LEGS: Final = 1000
"""Pieces one upload may come in: each costs a file and a row."""


@dataclass(frozen=True, slots=True)
class Dock:
    """Where bytes come in: the database of their rows, the safe of their files, and what time it is."""

    database: Database
    safe: Safe
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece being written: its file is locked until it is released or dropped."""

    id: UUID
    start: int
    file: LegFile
    key: VersionKey


async def settle(dock: Dock, ticket: Ticket, *, asked: bool = False) -> int:
    """How many bytes have arrived, what a dead writer left included. To have `asked` is a sign of life.

    Raises NotFound when the upload has ended, UploadRefused(BUSY) while a writer lives.
    """
    async with dock.database.writing(ticket.actor) as tx:
        row = await locked(tx, ticket)
        if row.arrived_at is not None:
            return row.size_bytes
        for leg in await legs_of(tx, ticket):
            if leg.size_bytes is None:
                await _recover(tx, row, leg, ticket, dock.safe)
        reached = sum(leg.size_bytes or 0 for leg in await legs_of(tx, ticket))
        if asked:
            row.touched_at = dock.clock() if reached else None
        return reached


async def begin_leg(dock: Dock, ticket: Ticket, start: int, *, anew: bool = False) -> Leg:
    """Begin the piece that starts at `start`, which must be where the upload has got to; `anew` forgets the rest.

    Raises NotFound, UploadRefused(ALREADY_ARRIVED, BUSY, OFFSET, TOO_MANY_PIECES). The file comes first: one
    without a row is swept, a row without a file would be a loss.
    """
    file = await dock.safe.blobs.create(new_name())
    try:
        async with dock.database.writing(ticket.actor) as tx:
            row = await locked(tx, ticket)
            legs = await legs_of(tx, ticket)
            if anew and row.arrived_at is None and all(leg.size_bytes is not None for leg in legs):
                legs = await _forget(tx, legs, dock.safe)
            _check_place(row, legs, start)
            key = await _key_of(tx, row, ticket, dock.safe)
            leg = UploadLeg(
                id=new_id(), upload_id=ticket.upload, start_bytes=start, size_bytes=None, whole=True,
                blob=file.name, begun_at=dock.clock(),
            )  # fmt: skip
            tx.add(leg)
            row.touched_at = leg.begun_at
        return Leg(leg.id, start, file, key)
    except BaseException:
        file.drop()
        raise


async def close_leg(dock: Dock, ticket: Ticket, leg: Leg, size_bytes: int) -> None:
    """What was written has arrived: its bytes are on disk, its stream is ended. Raises NotFound."""
    async with dock.database.writing(ticket.actor) as tx:
        row = await locked(tx, ticket)
        row.touched_at = dock.clock()
        closing = update(UploadLeg).where(UploadLeg.id == leg.id).values(size_bytes=size_bytes)
        if await tx.scalar(closing.returning(UploadLeg.id)) is None:
            raise NotFound


async def drop_legs(dock: Dock, ticket: Ticket, leg: Leg | None = None) -> None:
    """Forget one piece, or all of them, bytes and rows. Files go first: then no death in between leaves any."""
    async with dock.database.writing(ticket.actor) as tx:
        row = await tx.scalar(select(Upload).where(Upload.id == ticket.upload).with_for_update())
        await _forget(
            tx, [one for one in await legs_of(tx, ticket) if leg is None or one.id == leg.id], dock.safe
        )
        if row is not None and row.arrived_at is None and not await legs_of(tx, ticket):
            row.wrapped_key = row.key_generation = row.touched_at = None


async def plaintext(legs: Sequence[UploadLeg], key: VersionKey, safe: Safe) -> AsyncIterator[bytes]:
    """The bytes of closed pieces, one after the other. Raises TamperedContent, BlobMissing, StorageFailed."""
    for leg in legs:
        opening = key.opening(leg.start_bytes)
        async with safe.blobs.reading(leg.blob) as file:
            async for sealed in file.chunks():
                yield opening.update(sealed)
        yield opening.finish() if leg.whole else opening.stop()


async def legs_of(tx: Tx, ticket: Ticket) -> Sequence[UploadLeg]:
    """In order, read afresh."""
    query = select(UploadLeg).where(UploadLeg.upload_id == ticket.upload).order_by(UploadLeg.start_bytes)
    return (await tx.scalars(query.execution_options(populate_existing=True))).all()


async def locked(tx: Tx, ticket: Ticket) -> Upload:
    """The upload's row, held until the transaction ends. Raises NotFound when it was swept or ended meanwhile."""
    query = select(Upload).where(Upload.id == ticket.upload).with_for_update()
    row = await tx.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    return row


async def _forget(tx: Tx, legs: Sequence[UploadLeg], safe: Safe) -> Sequence[UploadLeg]:
    for leg in legs:
        await safe.blobs.remove(leg.blob)
    await tx.execute(delete(UploadLeg).where(UploadLeg.id.in_([leg.id for leg in legs])))
    return []


def _check_place(row: Upload, legs: Sequence[UploadLeg], start: int) -> None:
    if row.arrived_at is not None:
        raise UploadRefused(UploadFault.ALREADY_ARRIVED)
    if any(leg.size_bytes is None for leg in legs):
        raise UploadRefused(UploadFault.BUSY)
    if start != sum(leg.size_bytes or 0 for leg in legs):
        raise UploadRefused(UploadFault.OFFSET)
    if len(legs) >= MOST_LEGS:
        raise UploadRefused(UploadFault.TOO_MANY_PIECES)


async def _key_of(tx: Tx, row: Upload, ticket: Ticket, safe: Safe) -> VersionKey:
    """The key of everything this upload brings, made with its first piece."""
    async with safe.keys.opened(ticket.subject) as subject_key:
        if row.wrapped_key is not None:
            return subject_key.unwrap(row.wrapped_key, ticket.upload, ticket.upload, UNCLAIMED_NUMBER)
        key = subject_key.new_version_key(ticket.upload)
        row.wrapped_key = subject_key.wrap(key, ticket.upload, UNCLAIMED_NUMBER)
        row.key_generation = subject_key.generation
    await tx.flush()
    return key


async def _recover(tx: Tx, row: Upload, leg: UploadLeg, ticket: Ticket, safe: Safe) -> None:
    """Close a dead writer's piece after its last whole segment, or forget it when there is none."""
    try:
        file = await safe.blobs.resume(leg.blob)
    except BlobBusy:
        raise UploadRefused(UploadFault.BUSY) from None
    except BlobMissing:
        await tx.delete(leg)
        return
    try:
        key = await _key_of(tx, row, ticket, safe)
        segments, size_bytes = await _authentic(file, key, leg.start_bytes)
        if not segments:
            file.drop()
            await tx.delete(leg)
            return
        await file.cut(segments)
        leg.size_bytes, leg.whole = size_bytes, False
        await tx.flush()
    finally:
        file.release()


async def _authentic(file: LegFile, key: VersionKey, start: int) -> tuple[int, int]:
    """How many whole segments stand at the front of the file, and how many bytes they hold."""
    opening, segments, size_bytes = key.opening(start), 0, 0
    while len(sealed := await file.segment(segments)) == SEGMENT_BYTES:
        try:
            opening.update(sealed)
            size_bytes += len(opening.stop())
        except TamperedContent:
            break
        segments += 1
    return segments, size_bytes
