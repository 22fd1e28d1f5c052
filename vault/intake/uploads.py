"""Uploads: announced, streamed in and sealed on the way, then claimed by the one document they become.

The upload's id becomes the id of that document's version, so what is sealed on arrival stays as it is; until it
is claimed, the upload counts as its own document, number 0. Only keyed digests are kept: the SHA-256 of a paper
in clear would tell anyone holding a copy whose paper it is.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from auth.caller import Caller, CallerKind
from auth.errors import NotFound
from auth.facts import SubjectFacts, UploadFacts
from auth.policy import Action, require
from store.database import Tx
from store.identifiers import new_id
from vault.errors import UploadFault, UploadRefused
from vault.intake import inspection as intake
from vault.records import Upload
from vault.safe import Safe
from vault.sealing.blobs import Sink, new_name
from vault.sealing.keys import Keys, VersionKey

LIFETIME: Final = timedelta(hours=24)
"""From announcement to claim; bytes unclaimed by then are swept."""

UNCLAIMED_NUMBER: Final = 0
"""The version number an upload's key is wrapped for until it is claimed."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is about to be sent, and for whom. `type` is a document type code, `sha256` 32 bytes."""

    type: str
    media_type: str
    size_bytes: int
    sha256: bytes
    subject: UUID
    dossier: UUID | None = None
    requirement: str | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """Where to send it: `secret` is shown once and kept only as a hash."""

    id: UUID
    secret: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Announced({self.id})"


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one upload's bytes now."""

    upload: UUID
    subject: UUID
    media_type: str
    size_bytes: int
    sha256_index: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes judged, sealed and safely on disk, not yet known to the database."""

    upload: UUID
    blob: str
    sealed_sha256: bytes
    wrapped_key: bytes
    key_generation: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """An upload taken by a document: its `id` is the version's id.

    `wrapped_key` opens with `key.unwrap(wrapped_key, id, id, UNCLAIMED_NUMBER)` and must be wrapped anew for the
    document; `sealed_sha256` opens with the version key for the purpose `sha256`.
    """

    id: UUID
    subject: UUID
    type: str
    media_type: str
    size_bytes: int
    sha256_index: bytes
    sealed_sha256: bytes
    blob: str
    wrapped_key: bytes
    key_generation: int
    dossier: UUID | None
    requirement: str | None


def content_index(keys: Keys, subject: UUID, sha256: bytes) -> bytes:
    """Equal for the same bytes of the same subject; tells nothing across subjects."""
    return keys.index("sha256", f"{subject}:{sha256.hex()}")


async def create_upload(
    tx: Tx, caller: Caller, announcement: Announcement, safe: Safe, now: datetime
) -> Announced:
    """Announce an upload. Raises UploadRefused(MEDIA_TYPE, EMPTY, TOO_LARGE, DIGEST) and what the policy does."""
    require(caller, Action.CREATE_UPLOAD, SubjectFacts(announcement.subject))
    intake.check_announcement(announcement.media_type, announcement.size_bytes)
    if len(announcement.sha256) != hashlib.sha256().digest_size:
        raise UploadRefused(UploadFault.DIGEST)
    announced = Announced(new_id(), secrets.token_urlsafe(32), now + LIFETIME)
    row = {
        "id": announced.id,
        "secret_hash": _hashed(announced.secret),
        "subject_id": announcement.subject,
        "created_by": caller.id,
        "agency_id": caller.agency if caller.kind is CallerKind.OFFICER else None,
        "type": announcement.type,
        "media_type": announcement.media_type,
        "size_bytes": announcement.size_bytes,
        "sha256": content_index(safe.keys, announcement.subject, announcement.sha256),
        "dossier_id": announcement.dossier,
        "requirement": announcement.requirement,
        "created_at": now,
        "expires_at": announced.expires_at,
    }
    await tx.execute(insert(Upload).values(row))
    return announced


async def find_ticket(tx: Tx, caller: Caller, upload: UUID, secret: str, now: datetime) -> Ticket:
    """Leave to send the bytes of an announced upload: by its secret, and only by who announced it.

    Raises NotFound (unknown, wrong secret and another's are the same answer), UploadRefused(EXPIRED,
    ALREADY_ARRIVED). Close the transaction before the bytes come: they may take minutes.
    """
    found = func.upload_by_secret(upload, _hashed(secret)).table_valued(
        "id", "subject_id", "created_by", "media_type", "size_bytes", "sha256", "arrived_at", "expires_at"
    )
    row = (await tx.execute(select(found).where(found.c.id.is_not(None)))).one_or_none()
    if row is None:
        raise NotFound
    require(caller, Action.USE_UPLOAD, UploadFacts(row.created_by))
    if row.expires_at <= now:
        raise UploadRefused(UploadFault.EXPIRED)
    if row.arrived_at is not None:
        raise UploadRefused(UploadFault.ALREADY_ARRIVED)
    return Ticket(row.id, row.subject_id, row.media_type, row.size_bytes, row.sha256)


async def receive_upload(ticket: Ticket, stream: AsyncIterator[bytes], safe: Safe) -> Arrival:
    """Judge, seal and keep the bytes as they come; plaintext is never written, memory stays flat.

    Runs outside any transaction; `record_arrival` follows. Raises UploadRefused as soon as a fault shows, or
    StorageFailed; then nothing is kept. Memory: a few megabytes at any size, except that a PDF of up to 16 MiB
    is held whole to be read.
    """
    async with safe.keys.opened(ticket.subject) as subject_key:
        key = subject_key.new_version_key(ticket.upload)
        wrapped = subject_key.wrap(key, ticket.upload, UNCLAIMED_NUMBER)
        generation = subject_key.generation
    blob = new_name()
    async with safe.blobs.writing(blob) as sink:
        sha256 = await _pour(ticket, stream, key, sink)
        if content_index(safe.keys, ticket.subject, sha256) != ticket.sha256_index:
            raise UploadRefused(UploadFault.DIGEST)
    return Arrival(ticket.upload, blob, key.seal(sha256, "sha256"), wrapped, generation)


async def record_arrival(tx: Tx, caller: Caller, arrival: Arrival, now: datetime) -> None:
    """Tell the database the bytes are there. Raises NotFound, UploadRefused(EXPIRED, ALREADY_ARRIVED).

    Of two arrivals for one upload the first to commit stays; the other's blob is an orphan for the sweep.
    """
    row = await _locked(tx, caller, arrival.upload)
    if row.arrived_at is not None:
        raise UploadRefused(UploadFault.ALREADY_ARRIVED)
    if row.expires_at <= now:
        raise UploadRefused(UploadFault.EXPIRED)
    await _update(
        tx,
        arrival.upload,
        arrived_at=now,
        blob=arrival.blob,
        sealed_sha256=arrival.sealed_sha256,
        wrapped_key=arrival.wrapped_key,
        key_generation=arrival.key_generation,
    )


async def claim(tx: Tx, caller: Caller, upload: UUID, now: datetime) -> Claimed:
    """Take an arrived upload for a document, once. Part of the deposit's transaction.

    Raises NotFound, UploadRefused(NOT_ARRIVED, ALREADY_CLAIMED, EXPIRED).
    """
    row = await _locked(tx, caller, upload)
    if row.claimed_at is not None:
        raise UploadRefused(UploadFault.ALREADY_CLAIMED)
    if row.expires_at <= now:
        raise UploadRefused(UploadFault.EXPIRED)
    if row.subject_id is None or row.blob is None or row.sealed_sha256 is None or row.wrapped_key is None:
        raise UploadRefused(UploadFault.NOT_ARRIVED)
    await _update(tx, upload, claimed_at=now)
    return Claimed(
        id=row.id,
        subject=row.subject_id,
        type=row.type,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256_index=row.sha256,
        sealed_sha256=row.sealed_sha256,
        blob=row.blob,
        wrapped_key=row.wrapped_key,
        key_generation=row.key_generation or 0,
        dossier=row.dossier_id,
        requirement=row.requirement,
    )


async def _pour(ticket: Ticket, stream: AsyncIterator[bytes], key: VersionKey, sink: Sink) -> bytes:
    """Everything from the stream into the sink, sealed; returns its SHA-256."""
    inspection = intake.inspection(ticket.media_type, ticket.size_bytes)
    sealing, digest, arrived = key.sealing(), hashlib.sha256(), 0
    async for chunk in stream:
        arrived += len(chunk)
        if arrived > ticket.size_bytes:
            raise UploadRefused(UploadFault.SIZE)
        inspection.update(chunk)
        digest.update(chunk)
        await sink.write(sealing.update(chunk))
    if arrived != ticket.size_bytes:
        raise UploadRefused(UploadFault.SIZE)
    await inspection.finish()
    await sink.write(sealing.finish())
    return digest.digest()


async def _locked(tx: Tx, caller: Caller, upload: UUID) -> Upload:
    row = await tx.scalar(select(Upload).where(Upload.id == upload).with_for_update())
    if row is None:
        raise NotFound
    require(caller, Action.USE_UPLOAD, UploadFacts(row.created_by))
    return row


async def _update(tx: Tx, upload: UUID, **values: object) -> None:
    await tx.execute(update(Upload).where(Upload.id == upload).values(**values))


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
