"""Uploads: announced, and claimed by the one document they become. Their bytes come by `vault.intake.arrivals`.

The upload's id becomes the id of that document's version, so what is sealed on arrival stays as it is; until it
is claimed, the upload counts as its own document, number 0. Only keyed digests are kept: the SHA-256 of a paper
in clear would tell anyone holding a copy whose paper it is.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from auth.caller import Caller, CallerKind
from auth.errors import NotFound
from auth.facts import SubjectFacts, UploadFacts
from auth.policy import Action, require
from store.database import Actor, Tx
from store.identifiers import new_id
from vault.errors import InQuarantine, UploadFault, UploadRefused
from vault.intake import inspection as intake
from vault.intake.quota import check_room
from vault.records import Upload
from vault.safe import Safe
from vault.sealing.keys import Keys

LIFETIME: Final = timedelta(hours=24)
"""From announcement to claim; bytes unclaimed by then are swept."""

PATIENCE: Final = timedelta(minutes=4)
"""How long pieces are kept that nobody goes on with; then the upload starts at 0 again, at the same address."""

MOST_OPEN: Final = 100
MOST_OPEN_BYTES: Final = 1024 * 1024 * 1024
"""How much one person or officer may have announced and not used yet."""

UNCLAIMED_NUMBER: Final = 0
"""The version number an upload's key is wrapped for until it is claimed."""


class Verdict(StrEnum):
    """What is known of bytes that arrived. Only CLEAN and UNSCANNED become documents."""

    WAITING = "waiting"
    """In quarantine: no scanner has called them clean."""
    CLEAN = "clean"
    INFECTED = "infected"
    UNSCANNED = "unscanned"
    """No scanner is configured: judged by their content alone."""


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
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        """Whoever holds the address, as row-level security sees them: they reach this one upload."""
        return Actor("upload", self.upload)


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
    """Announce an upload. Raises UploadRefused(MEDIA_TYPE, EMPTY, TOO_LARGE, DIGEST, TOO_MANY_OPEN), QuotaExceeded
    and what the policy does."""
    require(caller, Action.CREATE_UPLOAD, SubjectFacts(announcement.subject))
    intake.check_announcement(announcement.media_type, announcement.size_bytes)
    if len(announcement.sha256) != hashlib.sha256().digest_size:
        raise UploadRefused(UploadFault.DIGEST)
    if caller.kind is CallerKind.CITIZEN:
        await check_room(tx, announcement.subject, announcement.size_bytes, safe.quota)
    await _check_open(tx, caller, announcement.size_bytes, now)
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
    """Leave to send the bytes of an announced upload, for whoever holds its secret.

    The secret alone is enough, so that an upload outlives the session it was announced in; but who is signed in as
    somebody else than its announcer is refused. Raises NotFound (unknown, wrong secret and another's are the same
    answer), UploadRefused(EXPIRED). Close the transaction before the bytes come: they may take minutes.
    """
    found = func.upload_by_secret(upload, _hashed(secret)).table_valued(
        "id", "subject_id", "created_by", "media_type", "size_bytes", "sha256", "expires_at"
    )
    row = (await tx.execute(select(found).where(found.c.id.is_not(None)))).one_or_none()
    if row is None:
        raise NotFound
    require(caller, Action.SEND_UPLOAD, UploadFacts(row.created_by))
    if row.expires_at <= now:
        raise UploadRefused(UploadFault.EXPIRED)
    return Ticket(row.id, row.subject_id, row.media_type, row.size_bytes, row.sha256, row.expires_at)


async def claim(tx: Tx, caller: Caller, upload: UUID, now: datetime) -> Claimed:
    """Take an arrived upload for a document, once. Part of the deposit's transaction.

    Raises NotFound, UploadRefused(NOT_ARRIVED, ALREADY_CLAIMED, EXPIRED, INFECTED), InQuarantine.
    """
    row = await _locked(tx, caller, upload)
    if row.claimed_at is not None:
        raise UploadRefused(UploadFault.ALREADY_CLAIMED)
    if row.expires_at <= now:
        raise UploadRefused(UploadFault.EXPIRED)
    if row.verdict == Verdict.INFECTED:
        raise UploadRefused(UploadFault.INFECTED)
    if row.verdict == Verdict.WAITING:
        raise InQuarantine
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


async def _check_open(tx: Tx, caller: Caller, size_bytes: int, now: datetime) -> None:
    # Announcements at once would each find room for itself.
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
    await tx.execute(lock, {"name": f"uploads\n{caller.id}"})
    waiting = select(func.count(), func.coalesce(func.sum(Upload.size_bytes), 0)).where(
        Upload.created_by == caller.id, Upload.claimed_at.is_(None), Upload.expires_at > now
    )
    count, total = (await tx.execute(waiting)).one()
    if count >= MOST_OPEN or total + size_bytes > MOST_OPEN_BYTES:
        raise UploadRefused(UploadFault.TOO_MANY_OPEN)


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
