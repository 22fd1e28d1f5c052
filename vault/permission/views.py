"""Consents as their person, their recipient and the filer waiting for them see them. Changes nothing."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarResult, and_, select, text

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import ConsentFacts
from auth.policy import Action, reach, require
from store.database import Tx
from vault.permission.notice import Item
from vault.records import Consent

REQUEST_LASTS = timedelta(days=30)
"""Somebody's approval not decided in this time must be asked for again."""


class ConsentStatus(StrEnum):
    """EXPIRED is computed on reading, never stored."""

    REQUESTED = "REQUESTED"
    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A consent or request as its person and its recipient may see it."""

    id: UUID
    subject: UUID
    recipient_agency: UUID
    purpose: str
    purpose_ref: UUID | None
    items: tuple[Item, ...]
    status: ConsentStatus
    requested_at: datetime
    given_at: datetime | None
    valid_until: datetime | None
    withdrawn_at: datetime | None
    receipt: str | None


@dataclass(frozen=True, slots=True)
class ConsentState:
    """How one party's approval stands, for whoever files the dossier: enough to wait for it, no more."""

    id: UUID
    subject: UUID
    status: ConsentStatus
    items: tuple[Item, ...]
    valid_until: datetime | None


async def consent(tx: Tx, caller: Caller, id_: UUID, now: datetime) -> ConsentView:
    """One consent or request, for its person or its recipient. Raises NotFound."""
    row = await tx.get(Consent, id_)
    if row is None:
        raise NotFound
    require(caller, Action.READ_CONSENT, ConsentFacts(row.subject_id, row.recipient_agency))
    return view(row, now)


async def consents_by_id(
    tx: Tx, caller: Caller, ids: Collection[UUID], now: datetime
) -> dict[UUID, ConsentView]:
    """Consents and requests about the caller's own subjects among these, for batched reads."""
    query = select(Consent).where(Consent.id.in_(ids), Consent.subject_id.in_(reach(caller).subjects))
    return {row.id: view(row, now) for row in await tx.scalars(query)}


async def my_consents(
    tx: Tx, caller: Caller, after: UUID | None, first: int, now: datetime
) -> tuple[ConsentView, ...]:
    """Consents the caller's subjects gave, in force or ended, newest first, after the one named."""
    decided = Consent.status.in_((ConsentStatus.GIVEN, ConsentStatus.WITHDRAWN))
    return tuple(view(row, now) for row in await _page(tx, caller, after, first, decided))


async def my_requests(
    tx: Tx, caller: Caller, after: UUID | None, first: int, now: datetime
) -> tuple[ConsentView, ...]:
    """Requests waiting for the caller's decision, newest first. Lapsed ones are left out."""
    waiting = and_(Consent.status == ConsentStatus.REQUESTED, Consent.requested_at > now - REQUEST_LASTS)
    return tuple(view(row, now) for row in await _page(tx, caller, after, first, waiting))


async def consents_for(tx: Tx, purpose_ref: UUID, now: datetime) -> tuple[ConsentState, ...]:
    """How every party's approval for this dossier stands; empty for anyone the dossier is not in reach of."""
    rows = await tx.execute(text("SELECT * FROM consents_for(:ref)"), {"ref": purpose_ref})
    return tuple(
        ConsentState(
            row.id,
            row.subject_id,
            status_at(row.status, row.requested_at, row.valid_until, now),
            tuple(Item.from_json(row.subject_id, one) for one in row.items),
            row.valid_until,
        )
        for row in rows
    )


def view(row: Consent, now: datetime) -> ConsentView:
    """The row as others see it at `now`."""
    return ConsentView(
        row.id,
        row.subject_id,
        row.recipient_agency,
        row.purpose,
        row.purpose_ref,
        items_of(row),
        status_at(row.status, row.requested_at, row.valid_until, now),
        row.requested_at,
        row.given_at,
        row.valid_until,
        row.withdrawn_at,
        row.receipt,
    )


def status_at(
    stored: str, requested_at: datetime, valid_until: datetime | None, now: datetime
) -> ConsentStatus:
    """The stored status, or EXPIRED once a consent's validity or a request's waiting time is over."""
    status = ConsentStatus(stored)
    if status is ConsentStatus.GIVEN and (valid_until is None or valid_until <= now):
        return ConsentStatus.EXPIRED
    if status is ConsentStatus.REQUESTED and requested_at + REQUEST_LASTS <= now:
        return ConsentStatus.EXPIRED
    return status


def items_of(row: Consent) -> tuple[Item, ...]:
    """What the row covers, as values."""
    return tuple(Item.from_json(row.subject_id, one) for one in row.items)


async def _page(
    tx: Tx, caller: Caller, after: UUID | None, first: int, wanted: ColumnElement[bool]
) -> ScalarResult[Consent]:
    query = select(Consent).where(wanted, Consent.subject_id.in_(reach(caller).subjects))
    if after is not None:
        query = query.where(Consent.id < after)
    return await tx.scalars(query.order_by(Consent.id.desc()).limit(first))
