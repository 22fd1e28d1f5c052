"""Rows of the vault. Values of claims, names and numbers are sealed bytes; what stands in clear is what the
planner and row-level security need: types, levels, dates, names of claims, opaque ids.

Only this room imports this module; other rooms see `vault.holding.Holding`.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from store.records import Record


class Subject(Record):
    """A person, an organisation, or a newborn not yet numbered, whose documents the vault keeps.

    `number_index` is a keyed hash (blind index) of the citizen or organisation number; `profile` the sealed
    name, number and birth date.
    """

    __tablename__ = "subjects"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    number_index: Mapped[bytes | None] = mapped_column(unique=True)
    profile: Mapped[bytes]
    created_at: Mapped[datetime]
    merged_into: Mapped[UUID | None]


class Shredding(Record):
    """The order to destroy a subject's key, and whether it was carried out. Written through doors alone."""

    __tablename__ = "shreddings"

    subject_id: Mapped[UUID] = mapped_column(ForeignKey("subjects.id"), primary_key=True)
    dossier_id: Mapped[UUID | None]
    """The filing it ended with: an opaque reference, for the log. None: an operator ordered it under `article`."""
    ordered_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]
    article: Mapped[str | None]


class Document(Record):
    """One paper of one subject. `object_key` names what it is about; `bound_to` the only dossier it may serve."""

    __tablename__ = "documents"
    __table_args__ = (Index("documents_reuse_idx", "subject_id", "type", "status"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(ForeignKey("subjects.id"), index=True)
    type: Mapped[str]
    origin: Mapped[str]
    level: Mapped[int]
    status: Mapped[str]
    object_key: Mapped[UUID | None]
    bound_to: Mapped[UUID | None]
    issuer_agency: Mapped[UUID | None]
    register: Mapped[str | None]
    issued_on: Mapped[date | None]
    valid_until: Mapped[date | None]
    current: Mapped[int]
    superseded_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    status_at: Mapped[datetime]
    """When `status` last changed: the recount judges holdings as of the moment of an ask."""
    status_reason: Mapped[str | None]


class DocumentVersion(Record):
    """One sealed version. `sha256_index` is a keyed hash of the bytes, to recognise the same bytes again.

    `wrapped_key` is the version key under the subject's key of generation `key_generation`; claims are sealed
    under the version key too. `blob` is None for a document of claims only (a register's answer).
    """

    __tablename__ = "document_versions"
    __table_args__ = (UniqueConstraint("document_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    number: Mapped[int]
    deposited_at: Mapped[datetime]
    deposited_in: Mapped[UUID | None]
    deposited_by: Mapped[UUID | None]
    media_type: Mapped[str | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256_index: Mapped[bytes | None] = mapped_column(index=True)
    sealed_sha256: Mapped[bytes | None]
    blob: Mapped[str | None]
    wrapped_key: Mapped[bytes]
    key_generation: Mapped[int]
    claims: Mapped[bytes]
    claim_names: Mapped[list[str]]
    disputed: Mapped[list[str]]
    seen_at: Mapped[datetime | None]
    seen_by: Mapped[UUID | None]


class Upload(Record):
    """Bytes announced, perhaps arrived, not yet a document. Claimed once, or swept after `expires_at`.

    `wrapped_key` and `touched_at` are there from the first piece on, `blob` and `sealed_sha256` once all has arrived.
    `verdict` is what a scanner made of it then (`vault.intake.uploads.Verdict`); while it is waiting, it is due to be
    scanned at `scan_at`. Of an infected one neither bytes nor key are left.

    `sha256` is the keyed index of the announced digest: in clear it would name the paper to whoever has a copy.
    """

    __tablename__ = "uploads"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    secret_hash: Mapped[bytes]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    created_by: Mapped[UUID]
    agency_id: Mapped[UUID | None]
    type: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes]
    dossier_id: Mapped[UUID | None]
    requirement: Mapped[str | None]
    blob: Mapped[str | None]
    sealed_sha256: Mapped[bytes | None]
    wrapped_key: Mapped[bytes | None]
    key_generation: Mapped[int | None]
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    verdict: Mapped[str | None]
    scan_at: Mapped[datetime | None]
    scans: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        Index("uploads_touched_at_idx", "touched_at", postgresql_where=sql_text("arrived_at IS NULL")),
        Index("uploads_scan_at_idx", "scan_at", postgresql_where=sql_text("verdict = 'waiting'")),
    )


class UploadLeg(Record):
    """What one request brought of an upload, sealed by itself, from `start_bytes` on.

    `size_bytes` None: being written, or its writer died. `whole`: its stream was ended; else it was cut after a
    whole segment by the writer's death.
    """

    __tablename__ = "upload_legs"
    __table_args__ = (
        UniqueConstraint("upload_id", "start_bytes"),
        Index(
            "upload_legs_open_idx", "upload_id", unique=True, postgresql_where=sql_text("size_bytes IS NULL")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    upload_id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id", ondelete="CASCADE"))
    start_bytes: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    whole: Mapped[bool]
    blob: Mapped[str]
    begun_at: Mapped[datetime]


class Consent(Record):
    """One person's permission for one purpose to one recipient: content immutable, state by events.

    `items` lists exact versions and claims (`[{document, version, register, claims}]`). `terms` is what of the record
    no column has (`vault.permission.receipt`), `notice_text` the very words agreed to. Honoured only if `receipt` (a
    JWS over the record) verifies and matches the row. `purpose` and `purpose_ref` are opaque here.
    """

    __tablename__ = "consents"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    given_by: Mapped[UUID | None]
    recipient_agency: Mapped[UUID] = mapped_column(index=True)
    purpose: Mapped[str]
    purpose_ref: Mapped[UUID | None] = mapped_column(index=True)
    items: Mapped[list[Any]] = mapped_column(JSONB())
    notice_sha256: Mapped[str]
    language: Mapped[str]
    status: Mapped[str]
    requested_at: Mapped[datetime]
    given_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    receipt: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    schema_version: Mapped[str]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB())
    notice_text: Mapped[str | None]
    supersedes: Mapped[UUID | None] = mapped_column(ForeignKey("consents.id"))
    paused_at: Mapped[datetime | None]


class ConsentUse(Record):
    """How often a consent with counted uses was used, and when last. Written through a door alone."""

    __tablename__ = "consent_uses"

    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consents.id"), primary_key=True)
    uses: Mapped[int]
    used_at: Mapped[datetime]


class ConsentEvent(Record):
    """Append-only history (ISO/IEC TS 27560 event_state): the events of `vault.permission.state`."""

    __tablename__ = "consent_events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consents.id"), index=True)
    state: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[UUID | None]
    ledger_id: Mapped[int | None] = mapped_column(BigInteger)


class AssistedSheet(Record):
    """One request typed at a counter for somebody without a phone, until another officer has it in hand, signed."""

    __tablename__ = "assisted_sheets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consents.id"), index=True)
    agency_id: Mapped[UUID]
    typed_by: Mapped[UUID]
    language: Mapped[str]
    notice_sha256: Mapped[str]
    code_index: Mapped[bytes] = mapped_column(unique=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None]
    signed_sha256: Mapped[str | None]


class ErasureRequest(Record):
    """What a recipient is asked to erase of what it was handed under one consent, and what it answered."""

    __tablename__ = "erasure_requests"
    __table_args__ = (
        Index("erasure_requests_agency_id_idx", "agency_id", sql_text("id DESC")),
        Index("erasure_requests_open_idx", "due_on", postgresql_where=sql_text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consents.id"), unique=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    agency_id: Mapped[UUID]
    cause: Mapped[str]
    asked_at: Mapped[datetime]
    reply_by: Mapped[date]
    due_on: Mapped[date]
    replied_at: Mapped[datetime | None]
    third_parties: Mapped[bool]
    extended_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    article: Mapped[str | None]
    ended_by: Mapped[UUID | None]
    late_reply_at: Mapped[datetime | None]
    overdue_at: Mapped[datetime | None]


class Share(Record):
    """A code the citizen hands to someone who must verify one document: chosen claims, counted uses."""

    __tablename__ = "shares"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("document_versions.id"))
    claims: Mapped[list[str]]
    audience: Mapped[UUID | None]
    handle: Mapped[str] = mapped_column(index=True)
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    uses: Mapped[int] = mapped_column(default=0)
    max_uses: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    receipt: Mapped[str]


class ShareOpening(Record):
    """Who has shown a share's code: how often wrongly, and since when rightly. Written by doors alone."""

    __tablename__ = "share_openings"

    share_id: Mapped[UUID] = mapped_column(ForeignKey("shares.id", ondelete="CASCADE"), primary_key=True)
    officer_id: Mapped[UUID] = mapped_column(primary_key=True)
    wrong_tries: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime | None]


class AccessRequest(Record):
    """An agency's system asks a person for claims of one kind of paper, for one purpose. `subject_id` None: nobody
    has the number asked for. Given, the consent says exactly what was; `uses` counts what was read under it."""

    __tablename__ = "access_requests"
    __table_args__ = (
        Index("access_requests_subject_id_idx", "subject_id", sql_text("id DESC")),
        Index("access_requests_system_id_idx", "system_id", sql_text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    system_id: Mapped[UUID] = mapped_column(ForeignKey("officers.id"))
    agency_id: Mapped[UUID]
    subject_id: Mapped[UUID | None]
    document_type: Mapped[str]
    claims: Mapped[list[str]]
    purpose: Mapped[str]
    message: Mapped[str]
    max_uses: Mapped[int]
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB())
    uses: Mapped[int] = mapped_column(default=0)
    status: Mapped[str] = mapped_column(default="REQUESTED")
    consent_id: Mapped[UUID | None] = mapped_column(ForeignKey("consents.id"))
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    polled_at: Mapped[datetime | None]


class VaultUsage(Record):
    """How many files people put into one vault themselves, and of how many bytes. Counted by triggers alone."""

    __tablename__ = "vault_usage"

    subject_id: Mapped[UUID] = mapped_column(ForeignKey("subjects.id"), primary_key=True)
    documents: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)


class SealedNote(Record):
    """A small sealed record another room keeps about a subject: e-form values, reasons in words.

    `owner_ref` is that room's own id (a dossier, an ask); `kind` says which of its notes this is.
    """

    __tablename__ = "sealed_notes"
    __table_args__ = (UniqueConstraint("owner_ref", "kind"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    owner_ref: Mapped[UUID]
    kind: Mapped[str]
    sealed: Mapped[bytes]
    written_at: Mapped[datetime]


class SubjectObject(Record):
    """A parcel, building, premises, vehicle or event known by its identifying facts, as a keyed hash only."""

    __tablename__ = "objects"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    facts_index: Mapped[bytes | None] = mapped_column(unique=True)
    created_at: Mapped[datetime]
