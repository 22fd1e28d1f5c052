"""Tables of what was issued to be carried away: attestations, and how each stood at what time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text
from sqlalchemy.orm import Mapped, mapped_column

from store.records import Record


class Attestation(Record):
    """A proof somebody carries away over one version of a paper: where it stands on which list, not what it says."""

    __tablename__ = "attestations"
    __table_args__ = (
        UniqueConstraint("list", "place"),
        Index("attestations_subject_id_id_idx", "subject_id", sql_text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("document_versions.id"))
    form: Mapped[str]
    claims: Mapped[list[str]]
    list: Mapped[int]
    place: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class StandingChange(Record):
    """From when on a proof stood how (`vault.proofs.status_list.Standing`). Written by a trigger alone."""

    __tablename__ = "standing_changes"
    __table_args__ = (
        ForeignKeyConstraint(["list", "place"], ["attestations.list", "attestations.place"]),
        Index("standing_changes_list_idx", "list", "at"),
        Index("standing_changes_place_idx", "list", "place", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    list: Mapped[int]
    place: Mapped[int]
    standing: Mapped[int] = mapped_column(SmallInteger)
    at: Mapped[datetime]
