"""Who looked at my data: the log's lines about the caller's own subjects, newest first; and what an agency opened.

Row-level security lets a person see the lines about themself and their wards, and nobody else's. An agency learns
of its own openings through a door: when, for which requirement, at which place of the log.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text

from store.database import Tx
from store.records import LedgerEntry, LogLeaf


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One line as its subject reads it: names of claims, never values; officers by agency, not by name."""

    id: int
    at: datetime
    kind: str
    agency_id: UUID | None
    actor_kind: str
    dossier_id: UUID | None
    purpose: str
    legal_basis: str
    article: str | None
    claims: tuple[str, ...]
    outcome: str
    log_index: int | None


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """One disclosure to the actor's agency. `log_index` is None until its line is sealed."""

    requirement: str
    at: datetime
    log_index: int | None


MOST_OPENINGS = 50
"""Of one dossier, the latest: what an agency checks is what it has just done."""


async def my_data_usage(
    tx: Tx, subjects: Sequence[UUID], after: int | None, first: int
) -> tuple[UsageRow, ...]:
    query = select(LedgerEntry).where(LedgerEntry.subject_id.in_(subjects))
    if after is not None:
        query = query.where(LedgerEntry.id < after)
    rows = await tx.scalars(query.order_by(LedgerEntry.id.desc()).limit(first))
    return tuple(_row(row) for row in rows)


async def lines_about(
    tx: Tx,
    subjects: Sequence[UUID],
    after: int | None,
    span: tuple[datetime | None, datetime | None],
    limit: int,
) -> Sequence[LedgerEntry]:
    """Whole lines about these subjects, newest first, from the first moment of `span` on and before the second."""
    query = select(LedgerEntry).where(LedgerEntry.subject_id.in_(subjects))
    start, end = span
    if after is not None:
        query = query.where(LedgerEntry.id < after)
    if start is not None:
        query = query.where(LedgerEntry.at >= start)
    if end is not None:
        query = query.where(LedgerEntry.at < end)
    return (await tx.scalars(query.order_by(LedgerEntry.id.desc()).limit(limit))).all()


async def officer_codes(tx: Tx, officers: Sequence[UUID]) -> dict[UUID, str]:
    """The codes of those among them who acted on the actor's own subjects."""
    found = text("SELECT * FROM officer_codes(:officers)")
    return {row.id: row.code for row in await tx.execute(found, {"officers": list(officers)})}


async def log_indexes(tx: Tx, ids: Sequence[int]) -> dict[int, int]:
    """Where these lines stand in the sealed log, which is public; lines not sealed yet are absent."""
    rows = await tx.execute(select(LogLeaf.ledger_id, LogLeaf.log_index).where(LogLeaf.ledger_id.in_(ids)))
    return {row.ledger_id: row.log_index for row in rows}


async def openings_of(tx: Tx, dossiers: Sequence[UUID]) -> Mapping[UUID, list[OpeningRow]]:
    """What the actor's agency opened of these dossiers, newest first; none for whoever is no officer."""
    query = text("SELECT * FROM openings_of(:dossiers, :most)")
    found: dict[UUID, list[OpeningRow]] = defaultdict(list)
    for row in await tx.execute(query, {"dossiers": list(dossiers), "most": MOST_OPENINGS}):
        found[row.dossier].append(OpeningRow(row.requirement, row.at, row.log_index))
    return found


def _row(row: LedgerEntry) -> UsageRow:
    return UsageRow(
        id=row.id,
        at=row.at,
        kind=row.kind,
        agency_id=row.agency_id,
        actor_kind=row.actor_kind,
        dossier_id=row.dossier_id,
        purpose=row.entry["purpose"],
        legal_basis=row.entry["legal_basis"],
        article=row.entry["article"],
        claims=tuple(row.entry["claims"]),
        outcome=row.outcome,
        log_index=row.log_index,
    )
