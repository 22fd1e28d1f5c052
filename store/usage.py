"""Who looked at my data: the log's lines about the caller's own subjects, newest first.

Row-level security lets a person see the lines about themself and their wards, and nobody else's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from store.database import Tx
from store.records import LedgerEntry


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


async def my_data_usage(
    tx: Tx, subjects: Sequence[UUID], after: int | None, first: int
) -> tuple[UsageRow, ...]:
    query = select(LedgerEntry).where(LedgerEntry.subject_id.in_(subjects))
    if after is not None:
        query = query.where(LedgerEntry.id < after)
    rows = await tx.scalars(query.order_by(LedgerEntry.id.desc()).limit(first))
    return tuple(_row(row) for row in rows)


async def log_indexes(tx: Tx, ids: Sequence[int]) -> dict[int, int | None]:
    """Where these lines stand in the sealed log; None for those not sealed yet."""
    rows = await tx.execute(select(LedgerEntry.id, LedgerEntry.log_index).where(LedgerEntry.id.in_(ids)))
    return {row.id: row.log_index for row in rows}


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
