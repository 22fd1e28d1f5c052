"""Rows every write shares: the access log and its tree, the outbox, replayed requests.

The application role may insert into the log and never update or delete it; sealing has its own role.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

MOST_COUNTED = 10_000
"""Rows that wait are counted up to here: an alarm needs no more, and counting on would hold up what is late."""


class Record(DeclarativeBase):
    """Every row of the main database. Column types follow the Python annotation alone."""

    metadata = NAMES
    type_annotation_map: ClassVar = {
        str: Text(),
        UUID: PgUUID(as_uuid=True),
        datetime: DateTime(timezone=True),
        bytes: LargeBinary(),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
        list[UUID]: ARRAY(PgUUID(as_uuid=True)),
    }


class LedgerEntry(Record):
    """One line of the access log: who did what to whose data, under which basis, with which outcome.

    `id` is drawn after the consent lock, so its order is the legal order. `log_index` is given at sealing,
    gapless, in commit order. `entry` holds the logged fields (standards.md §4), never attribute values; the
    leaf commits to salt‖row, so erasing both detaches the person and keeps the tree valid.
    """

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ledger_subject_page_idx", "subject_id", "id"),
        Index("ledger_unsealed_idx", "id", postgresql_where=text("log_index IS NULL")),
        Index("ledger_openings_idx", "dossier_id", "id", postgresql_where=text("kind = 'vault.read'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True, cycle=False, cache=1), primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    subject_id: Mapped[UUID | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    agency_id: Mapped[UUID | None]
    dossier_id: Mapped[UUID | None]
    consent_id: Mapped[UUID | None]
    outcome: Mapped[str]
    entry: Mapped[dict[str, Any]]
    salt: Mapped[bytes]
    log_index: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    subject_count: Mapped[int | None] = mapped_column(BigInteger)
    query_id: Mapped[UUID | None]
    """The request it was written by; one request may write several lines."""
    previous: Mapped[bytes | None]
    """The leaf hash of its subject's line before; given at sealing."""
    form: Mapped[int | None] = mapped_column(SmallInteger)
    """How its leaf was made; given at sealing."""


class LogLeaf(Record):
    """One sealed leaf of the RFC 6962 tree: `leaf` is the hashed input, `hash` SHA-256(0x00‖leaf)."""

    __tablename__ = "log_leaves"

    log_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ledger_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    leaf: Mapped[bytes]
    hash: Mapped[bytes]


class LogNode(Record):
    """One completed inner node: the root of the `2**level` leaves from `position * 2**level` on, never changed.

    Kept so that a proof or a new tree head reads a handful of rows, however long the log.
    """

    __tablename__ = "log_nodes"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class Checkpoint(Record):
    """A signed tree head (C2SP tlog-checkpoint): `note` is the signed text, without witnesses' cosignatures."""

    __tablename__ = "checkpoints"
    __table_args__ = (Index("checkpoints_published_idx", "size", postgresql_where=text("published")),)

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[str]
    at: Mapped[datetime]
    published: Mapped[bool] = mapped_column(default=True)
    """Shown to the world; where witnesses are asked, only after they were."""


class Cosignature(Record):
    """That a witness has seen a head and everything before it: `line` is its line of the note."""

    __tablename__ = "cosignatures"

    size: Mapped[int] = mapped_column(BigInteger, ForeignKey("checkpoints.size"), primary_key=True)
    witness: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str]
    at: Mapped[datetime]


class SubjectHead(Record):
    """The last sealed line of one subject's: its number and its leaf's hash. `covered_count`: its number when the
    newest line `log.heads` was made."""

    __tablename__ = "subject_heads"
    __table_args__ = (
        Index("subject_heads_uncovered_idx", "subject_id", postgresql_where=text("covered_count < count")),
    )

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[bytes]
    covered_count: Mapped[int] = mapped_column(BigInteger, default=0)


class HeadRoot(Record):
    """One line `log.heads`: at its place of the log it says what the lines before it come to, person by person."""

    __tablename__ = "head_roots"

    log_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    subjects: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]


class HeadLeaf(Record):
    """One subject in the tree of heads (`store.log.heads`), as last committed to."""

    __tablename__ = "head_leaves"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    hash: Mapped[bytes]


class HeadNode(Record):
    """One of the upper nodes of the tree of heads: how many subjects are below it, and its hash."""

    __tablename__ = "head_nodes"

    depth: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    prefix: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subjects: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class LogPulse(Record):
    """When the sealing loop (`log`) or a witness was last heard of, by the database's clock."""

    __tablename__ = "log_pulse"

    source: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class OutboxMessage(Record):
    """Something to be done after commit, written with the change that causes it. Delivered at least once."""

    __tablename__ = "outbox"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class PastRequest(Record):
    """A request already carried out under an idempotency key, kept seven days.

    Keeps the request's hash and the id of what it made, never a response: a replay is answered from the rows
    as they stand, so a disclosure is re-judged and not repeated from memory.
    """

    __tablename__ = "past_requests"

    caller: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    made: Mapped[UUID | None]
    ledger_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(index=True)


class ChangeNote(Record):
    """That a thing of somebody's changed, or is gone: written by triggers, placed by the loop in commit order.

    `written_by` is the transaction that wrote it, until it has its `place`: one thing is told once for each.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index("changes_once_idx", "written_by", "subject_id", "kind", "thing", unique=True),
        Index("changes_page_idx", "subject_id", "place"),
        Index("changes_unplaced_idx", "id", postgresql_where=text("place IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    subject_id: Mapped[UUID]
    kind: Mapped[str]
    thing: Mapped[UUID]
    gone: Mapped[bool]
    at: Mapped[datetime] = mapped_column(index=True)
    written_by: Mapped[int | None] = mapped_column(BigInteger)
    place: Mapped[int | None] = mapped_column(BigInteger, unique=True)


class FeedEnds(Record):
    """One row, once anything was placed: the last place of the feed given, and the last one swept away."""

    __tablename__ = "feed_ends"

    one: Mapped[bool] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
    swept: Mapped[int] = mapped_column(BigInteger)
