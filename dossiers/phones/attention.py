"""What waits for somebody, counted for the badge of an app: capped, because counting on costs and tells no more.

A handful of statements whatever is there, each over an index of the caller's own rows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select

from auth.assurance import SIGNED_IN
from auth.caller import Caller, Role
from auth.policy import reach
from dossiers.clock import local_day
from dossiers.records import Dossier, Notice
from dossiers.state import LIVE, Status
from store.database import Tx
from vault.permission.waiting import count_waiting

MOST: Final = 99
RESULTS: Final = ("processed", "result_returned", "not_received")
"""Notices that say how a dossier ended."""


@dataclass(frozen=True, slots=True)
class DeskCounts:
    """At the caller's desk, by what their roles let them do. `overdue`: under way there and past the due day."""

    to_receive: int = 0
    to_assign: int = 0
    mine: int = 0
    to_return: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Each up to MOST. `desk` is None for who has none."""

    notices: int = 0
    requests: int = 0
    dossiers: int = 0
    results: int = 0
    desk: DeskCounts | None = None


async def attention(tx: Tx, caller: Caller, now: datetime) -> Waiting:
    """What waits for the caller and their wards, or on their desk. Raises Unauthenticated."""
    seen = reach(caller, SIGNED_IN)
    if seen.agencies:
        return Waiting(desk=await _desk(tx, caller, seen.agencies, now))
    if not seen.subjects:
        return Waiting()
    unread = Notice.subject_id.in_(seen.subjects), Notice.read_at.is_(None)
    ended = select(Notice.dossier_id).where(*unread, Notice.code.in_(RESULTS)).distinct()
    asked = select(Dossier.id).where(
        Dossier.applicant_id.in_(seen.subjects), Dossier.status == Status.SUPPLEMENT_REQUESTED
    )
    counted = select(
        _capped(select(Notice.id).where(*unread)).label("notices"),
        _capped(asked).label("dossiers"),
        _capped(ended).label("results"),
    )
    row = (await tx.execute(counted)).one()
    requests = await count_waiting(tx, caller, MOST, now)
    return Waiting(row.notices, requests, row.dossiers, row.results)


async def _desk(tx: Tx, caller: Caller, agencies: frozenset[UUID], now: datetime) -> DeskCounts:
    def with_us(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
        return _capped(select(Dossier.id).where(Dossier.agency_id.in_(agencies), *conditions))

    counted = select(
        with_us(Dossier.status == Status.NEWLY_FILED).label("new"),
        with_us(Dossier.status == Status.RECEIVED).label("received"),
        with_us(Dossier.status == Status.PROCESSING, Dossier.officer_id == caller.id).label("mine"),
        with_us(Dossier.status == Status.PROCESSED).label("processed"),
        with_us(Dossier.status.in_(sorted(LIVE)), Dossier.due_on < local_day(now)).label("overdue"),
    )
    row = (await tx.execute(counted)).one()
    receives, approves = Role.RECEIVE in caller.roles, Role.APPROVE in caller.roles
    return DeskCounts(
        to_receive=row.new if receives else 0,
        to_assign=row.received if receives else 0,
        mine=row.mine,
        to_return=row.processed if approves else 0,
        overdue=row.overdue,
    )


def _capped(found: Select[Any]) -> ScalarSelect[int]:
    return select(func.count()).select_from(found.limit(MOST).subquery()).scalar_subquery()
