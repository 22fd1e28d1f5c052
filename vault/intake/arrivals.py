"""Bytes on their way in: sealed as they come, kept up to where they got, judged as a whole when the last is there.

Plaintext is never written and memory stays flat: a few megabytes at any size, except that a PDF of up to 16 MiB is
held whole for a moment, a few at a time, to be read. Runs outside any transaction but for short ones of its own.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final
from uuid import UUID

from sqlalchemy import delete

from auth.errors import NotFound
from vault.errors import BlobMissing, StorageFailed, TamperedContent, UploadFault, UploadRefused
from vault.intake import inspection as intake
from vault.intake.legs import Dock, Leg, begin_leg, close_leg, drop_legs, legs_of, locked, plaintext, settle
from vault.intake.quarantine import LEASE, examine
from vault.intake.uploads import Ticket, Verdict, content_index
from vault.records import Upload, UploadLeg
from vault.safe import Safe
from vault.sealing.blobs import new_name
from vault.sealing.keys import VersionKey

CHECKSUMS: Final = ("sha1", "sha256")
"""Checksums a piece may come with, against accidents on the way; tus demands the first. What counts for the whole
is the SHA-256 it was announced with."""

_OF_THE_PIECE: Final = frozenset({UploadFault.SIZE, UploadFault.CHECKSUM, UploadFault.BUSY})
"""Faults of one piece that say nothing of those before it."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """`name` is one of CHECKSUMS."""

    name: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """What one request brings: the bytes from `start` on, as far as its stream goes.

    `size_bytes`: how many the request says there are, if it says. `resumable` False: all at once or nothing; what
    arrived before is forgotten.
    """

    start: int
    stream: AsyncIterator[bytes] = field(repr=False)
    size_bytes: int | None = None
    checksum: Checksum | None = None
    resumable: bool = True


async def receive(dock: Dock, ticket: Ticket, piece: Piece) -> int:
    """Take a piece in; returns how far the upload has got. With its last byte it is judged, has arrived, and is
    scanned: `standing` says how that ended.

    Raises NotFound and UploadRefused. A piece of a wrong length or checksum leaves what came before it; one of
    which nothing could come (ALREADY_ARRIVED, BUSY, OFFSET, TOO_MANY_PIECES, EXPIRED) changes nothing; any other
    fault is the whole's, of which then nothing is kept, INFECTED among them. StorageFailed leaves what came before
    the piece.
    """
    if piece.start + (piece.size_bytes or 0) > ticket.size_bytes:
        raise UploadRefused(UploadFault.SIZE)
    await settle(dock, ticket)
    leg = await begin_leg(dock, ticket, piece.start, anew=not piece.resumable)
    reached = await _taken(dock, ticket, piece, leg)
    # Committed and in quarantine: whatever ends us here, that is where it stays.
    if reached == ticket.size_bytes and await examine(dock, ticket.upload) is Verdict.INFECTED:
        raise UploadRefused(UploadFault.INFECTED)
    return reached


async def standing(dock: Dock, ticket: Ticket) -> Verdict | None:
    """What is known of the upload's bytes; None while they are not all there. Raises NotFound."""
    async with dock.database.reading(ticket.actor) as tx:
        row = await tx.get(Upload, ticket.upload)
    if row is None:
        raise NotFound
    return Verdict(row.verdict) if row.verdict is not None else None


async def _taken(dock: Dock, ticket: Ticket, piece: Piece, leg: Leg) -> int:
    try:
        return await _take(dock, ticket, piece, leg)
    except (UploadRefused, TamperedContent, BlobMissing, StorageFailed) as refused:
        whole = isinstance(refused, TamperedContent | BlobMissing) or (
            isinstance(refused, UploadRefused) and refused.fault not in _OF_THE_PIECE
        )
        leg.file.drop()
        await drop_legs(dock, ticket, None if whole else leg)
        raise
    finally:
        # Cancelled, or the database did not answer: whether it heard is not known, so the file stays as it lies.
        # What of it counts, the row says; without its writer's lock the next request finds it.
        leg.file.release()


async def end_upload(dock: Dock, ticket: Ticket) -> None:
    """Forget an upload and its bytes, unless a document has claimed it.

    Raises NotFound, UploadRefused(BUSY, ALREADY_CLAIMED).
    """
    await settle(dock, ticket)
    async with dock.database.writing(ticket.actor) as tx:
        row = await locked(tx, ticket)
        if row.claimed_at is not None:
            raise UploadRefused(UploadFault.ALREADY_CLAIMED)
        legs = await legs_of(tx, ticket)
        if any(leg.size_bytes is None for leg in legs):
            raise UploadRefused(UploadFault.BUSY)
        for leg in legs:
            await dock.safe.blobs.remove(leg.blob)
        await tx.execute(delete(Upload).where(Upload.id == ticket.upload))
    # After the commit: until then a document could still claim it.
    if row.blob is not None:
        await dock.safe.blobs.remove(row.blob)


class _Judge:
    """Sees the whole pass by in order, and says at the end whether it is what was announced."""

    def __init__(self, ticket: Ticket, safe: Safe) -> None:
        self._ticket = ticket
        self._safe = safe
        self._inspection = intake.inspection(ticket.media_type, ticket.size_bytes)
        self._digest = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        self._inspection.update(chunk)
        self._digest.update(chunk)

    async def finish(self) -> bytes:
        """Its SHA-256. Raises UploadRefused."""
        await self._inspection.finish()
        sha256 = self._digest.digest()
        index = content_index(self._safe.keys, self._ticket.subject, sha256)
        if not compare_digest(index, self._ticket.sha256_index):
            raise UploadRefused(UploadFault.DIGEST)
        return sha256


@dataclass(frozen=True, slots=True)
class _Whole:
    """All of an upload in one sealed file, and the pieces it was put together from."""

    blob: str
    sealed_sha256: bytes
    legs: list[UUID]


async def _take(dock: Dock, ticket: Ticket, piece: Piece, leg: Leg) -> int:
    held = intake.is_held(ticket.media_type, ticket.size_bytes)
    judge = _Judge(ticket, dock.safe) if piece.start == 0 and not held else None
    try:
        arrived = await _pour(ticket, piece, leg, judge)
    except BaseException:
        if not piece.resumable:
            leg.file.drop()
        raise
    reached = piece.start + arrived
    if reached < ticket.size_bytes and not (piece.resumable and arrived):
        await drop_legs(dock, ticket, leg)
        if not piece.resumable:
            raise UploadRefused(UploadFault.SIZE)
        return reached
    if reached < ticket.size_bytes:
        await close_leg(dock, ticket, leg, arrived)
        return reached
    await _arrive(dock, ticket, leg, judge)
    return reached


async def _pour(ticket: Ticket, piece: Piece, leg: Leg, judge: _Judge | None) -> int:
    """Everything from the stream into the file, sealed, and the file safely on disk; returns how much it was."""
    room, arrived, sealing = ticket.size_bytes - piece.start, 0, leg.key.sealing(leg.start)
    checksum = piece.checksum and hashlib.new(piece.checksum.name, usedforsecurity=False)
    async for chunk in piece.stream:
        arrived += len(chunk)
        if arrived > room:
            raise UploadRefused(UploadFault.SIZE)
        if judge:
            judge.update(chunk)
        if checksum:
            checksum.update(chunk)
        await leg.file.write(sealing.update(chunk))
    if piece.checksum and checksum and not compare_digest(checksum.digest(), piece.checksum.digest):
        raise UploadRefused(UploadFault.CHECKSUM)
    await leg.file.write(sealing.finish())
    await leg.file.keep()
    return arrived


async def _arrive(dock: Dock, ticket: Ticket, leg: Leg, judge: _Judge | None) -> None:
    """Judge the whole, make one sealed stream of it, and tell the database it is there."""
    async with dock.database.reading(ticket.actor) as tx:
        legs = await legs_of(tx, ticket)
    if judge:
        sha256, blob = await judge.finish(), leg.file.name
    else:
        async with dock.safe.bench:
            sha256, blob = await _judge_again(ticket, legs, leg.key, dock.safe)
    whole = _Whole(blob, leg.key.seal(sha256, "sha256"), [one.id for one in legs])
    await _record(dock, ticket, whole)
    for one in legs:
        if one.blob != blob:
            await dock.safe.blobs.remove(one.blob)


async def _judge_again(
    ticket: Ticket, legs: Sequence[UploadLeg], key: VersionKey, safe: Safe
) -> tuple[bytes, str]:
    """The whole as it rests, opened again from the front; its SHA-256 and the one file that holds it."""
    judge = _Judge(ticket, safe)
    if len(legs) == 1:
        async for opened in plaintext(legs, key, safe):
            judge.update(opened)
        return await judge.finish(), legs[0].blob
    blob, sealing = new_name(), key.sealing()
    async with safe.blobs.writing(blob) as sink:
        async for opened in plaintext(legs, key, safe):
            judge.update(opened)
            await sink.write(sealing.update(opened))
        sha256 = await judge.finish()
        await sink.write(sealing.finish())
    return sha256, blob


async def _record(dock: Dock, ticket: Ticket, whole: _Whole) -> None:
    async with dock.database.writing(ticket.actor) as tx:
        row = await locked(tx, ticket)
        if row.arrived_at is not None:
            raise UploadRefused(UploadFault.ALREADY_ARRIVED)
        now = dock.clock()
        if row.expires_at <= now:
            raise UploadRefused(UploadFault.EXPIRED)
        # Begun anew by somebody else meanwhile: these files are gone.
        if [leg.id for leg in await legs_of(tx, ticket)] != whole.legs:
            raise UploadRefused(UploadFault.BUSY)
        await tx.execute(delete(UploadLeg).where(UploadLeg.upload_id == ticket.upload))
        row.arrived_at, row.blob, row.sealed_sha256 = now, whole.blob, whole.sealed_sha256
        row.verdict = Verdict.UNSCANNED
        if dock.safe.scanner is not None:
            row.verdict, row.scan_at = Verdict.WAITING, now + LEASE
        await tx.flush()
