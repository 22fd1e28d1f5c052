"""Rows of what happens to one filing. Form values and reasons in words rest sealed in the vault."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from store.records import Record


class Dossier(Record):
    """One filing (hồ sơ). `filing_day` fixes the law applied: today while a draft, then the day submitted."""

    __tablename__ = "dossiers"
    __table_args__ = (
        Index("dossiers_applicant_page_idx", "applicant_id", "id"),
        Index("dossiers_desk_page_idx", "agency_id", "status", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str | None] = mapped_column(unique=True)
    procedure_id: Mapped[str]
    applicant_id: Mapped[UUID]
    filer_id: Mapped[UUID]
    filer_relation: Mapped[str]
    agency_id: Mapped[UUID]
    channel: Mapped[str]
    status: Mapped[int]
    """0 draft, then the ten codes of the national list (domain.md §2.2)."""
    version: Mapped[int] = mapped_column(default=1)
    law_version: Mapped[str]
    filing_day: Mapped[date]
    answers: Mapped[dict[str, Any]]
    objects: Mapped[dict[str, Any]]
    declared_absent: Mapped[list[str]]
    open_situations: Mapped[list[str]]
    optimal: Mapped[bool] = mapped_column(default=True)
    officer_id: Mapped[UUID | None]
    opened_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    due_on: Mapped[date | None]
    resume_status: Mapped[int | None]
    """Where a supplement returns to: 2 before first acceptance, else 4."""
    flagged_at: Mapped[datetime | None]
    """Set when evidence it relies on was revoked."""


class DossierParty(Record):
    """Who fills a role in the filing. Several subjects may share a role; `object_kind` rows name objects."""

    __tablename__ = "dossier_parties"

    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)


class DossierRequirement(Record):
    """The one outcome of a requirement in this dossier, as last planned; frozen at submission."""

    __tablename__ = "dossier_requirements"

    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), primary_key=True)
    requirement: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    outcome: Mapped[str]
    satisfied: Mapped[bool]
    reason: Mapped[str]
    reason_params: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]] = mapped_column(JSONB())
    declined: Mapped[bool] = mapped_column(default=False)
    override_id: Mapped[UUID | None]
    excluded: Mapped[list[UUID]]
    """Versions an officer found UNFIT here: never planned again in this dossier."""


class DossierEvidence(Record):
    """What the agency may see for a requirement: an exact version or register answer, claims, and the basis.

    `digest` is SHA-256 of the sealed version: kept when withdrawal or destruction takes the content away.
    """

    __tablename__ = "dossier_evidence"
    __table_args__ = (Index("dossier_evidence_version_idx", "version_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), index=True)
    requirement: Mapped[str]
    subject_id: Mapped[UUID]
    document_id: Mapped[UUID | None] = mapped_column(index=True)
    version_id: Mapped[UUID | None]
    register: Mapped[str | None]
    document_type: Mapped[str]
    claims: Mapped[list[str]]
    whole: Mapped[bool]
    rule: Mapped[str | None]
    legal_basis: Mapped[str]
    """CONSENT, LEGAL_DUTY or OWN (deposited in this very dossier by its person)."""
    article: Mapped[str | None]
    consent_id: Mapped[UUID | None]
    digest: Mapped[bytes | None]
    pinned_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class DossierAsk(Record):
    """Something asked of a person, with what every relevant register said at that moment: the recount's raw
    material. `kind` COMPONENT, FORM_FIELD, SUPPLEMENT or COUNTER; `fit` MISSING or UNFIT for supplements."""

    __tablename__ = "dossier_asks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), index=True)
    requirement: Mapped[str]
    field_key: Mapped[str | None]
    kind: Mapped[str]
    fit: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    object_key: Mapped[UUID | None]
    asked_at: Mapped[datetime]
    asked_by: Mapped[UUID | None]
    probes: Mapped[list[Any]] = mapped_column(JSONB())
    """[{database, document_type, subject, probe}] as of `asked_at`."""
    declined: Mapped[bool] = mapped_column(default=False)
    override_id: Mapped[UUID | None]
    legal_reason: Mapped[str | None]
    unfit_version: Mapped[UUID | None]
    due_on: Mapped[date | None]
    """Of a supplement line: by when its answer is expected. Nothing ends by itself when that day has passed."""
    answered_by: Mapped[UUID | None]
    """The document version that met it."""
    answered_at: Mapped[datetime | None]
    retracted_at: Mapped[datetime | None]


class DossierOverride(Record):
    """An officer's use of a legal reason to ask for what is held: shown to the person at once, counted."""

    __tablename__ = "dossier_overrides"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), index=True)
    requirement: Mapped[str]
    officer_id: Mapped[UUID]
    legal_reason: Mapped[str]
    article: Mapped[str]
    at: Mapped[datetime]
    objected_at: Mapped[datetime | None]


class DossierEvent(Record):
    """Immutable history: every move of the state table and every refusal to ask again."""

    __tablename__ = "dossier_events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    from_status: Mapped[int | None]
    to_status: Mapped[int | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    requirement: Mapped[str | None]
    detail: Mapped[dict[str, Any]]


class RegisterProbe(Record):
    """What a register last said for this dossier. `retry_at` is set while it is down."""

    __tablename__ = "register_probes"
    __table_args__ = (UniqueConstraint("dossier_id", "database", "document_type", "subject_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), index=True)
    database: Mapped[str]
    document_type: Mapped[str]
    subject_id: Mapped[UUID]
    probe: Mapped[str]
    document_id: Mapped[UUID | None]
    at: Mapped[datetime]
    first_down_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None] = mapped_column(index=True)


class DossierResult(Record):
    """A result document the agency issued in this dossier."""

    __tablename__ = "dossier_results"

    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossiers.id"), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    issued_at: Mapped[datetime]


class DossierCounter(Record):
    """The daily running number of dossier codes, per agency."""

    __tablename__ = "dossier_counters"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    last: Mapped[int]


class Notice(Record):
    """What the person is told, as a code and its parameters; nothing personal. Unread until `read_at`."""

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    dossier_id: Mapped[UUID | None]
    code: Mapped[str]
    params: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Device(Record):
    """A device a person is woken on. Its address and keys rest sealed as a note; `endpoint_index` is a keyed hash."""

    __tablename__ = "devices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    endpoint_index: Mapped[bytes] = mapped_column(unique=True)
    registered_at: Mapped[datetime]


class NotificationPreference(Record):
    """What a person wants to be woken for; without a row, for everything."""

    __tablename__ = "notification_preferences"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    push: Mapped[bool]
    quiet: Mapped[list[str]]
