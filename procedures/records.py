"""Rows of the catalogue as imported, and of the agencies that apply it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.records import Record


class CatalogueItem(Record):
    """One item of law in one edition. An import closes the edition it replaces and never rewrites it."""

    __tablename__ = "catalogue_items"
    __table_args__ = (UniqueConstraint("kind", "item_id", "edition"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str]
    item_id: Mapped[str]
    edition: Mapped[int]
    position: Mapped[int]
    body: Mapped[dict[str, Any]]
    digest: Mapped[str]
    effective_from: Mapped[date | None]
    effective_to: Mapped[date | None]
    imported_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]


class Agency(Record):
    """An agency that receives or decides dossiers. `code` opens its dossier codes (Circular 03/2025, Art. 13)."""

    __tablename__ = "agencies"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    type_id: Mapped[str]
    code: Mapped[str] = mapped_column(unique=True)
    name_vi: Mapped[str]
    name_en: Mapped[str | None]
    province: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
