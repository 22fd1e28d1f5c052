"""Rows of the keys database: a second database with its own backups, so that a destroyed key stays destroyed.

Nothing here refers to the main database; the two never commit together.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class KeyRecord(DeclarativeBase):
    """Every row of the keys database."""

    metadata = MetaData()
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        UUID: PgUUID(as_uuid=True),
        datetime: DateTime(timezone=True),
        bytes: LargeBinary(),
    }


class SealedKey(KeyRecord):
    """One generation of a subject's key, wrapped by the root key `root_key`.

    Destroying empties `wrapped` and keeps the row: the tombstone stops a second key for the same subject.
    """

    __tablename__ = "subject_keys"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes | None]
    root_key: Mapped[str]
    created_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]
