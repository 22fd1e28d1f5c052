"""Rows of the keys database: a second database with its own backups, so that a destroyed key stays destroyed.

Nothing here refers to the main database; the two never commit together.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, MetaData, Text
from sqlalchemy import text as sql_text
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
    `settled_at`: since when nothing in the main database refers to an earlier generation.
    """

    __tablename__ = "subject_keys"
    __table_args__ = (
        Index("subject_keys_root_key_idx", "root_key", postgresql_where=sql_text("wrapped IS NOT NULL")),
    )

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes | None]
    root_key: Mapped[str]
    created_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


class RootKey(KeyRecord):
    """A root key that wraps no more: since when no row refers to it, and since when none may again."""

    __tablename__ = "root_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    unused_since: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class KeyRound(KeyRecord):
    """A rotation of every subject's key: whoever's newest generation is older than its begin is still to come."""

    __tablename__ = "key_rounds"

    begun_at: Mapped[datetime] = mapped_column(primary_key=True)
    finished_at: Mapped[datetime | None]
