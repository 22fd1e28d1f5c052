"""Consents as their person, their recipient and the filer waiting for them see them. Changes nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarResult, and_, func, select, text

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import ConsentFacts
from auth.policy import OF_CONSENTS, Action, reach, require
from store.database import Tx
from vault.permission.agreement import agreed_side
from vault.permission.limits import Limits
from vault.permission.notice import Item
from vault.permission.receipt import limits_of, shown_record, shown_text
from vault.permission.state import REQUEST_LASTS, ConsentStatus, Event, status_at
from vault.records import Consent, ConsentEvent, ConsentUse

__all__ = [
    "REQUEST_LASTS",
    "Asked",
    "ConsentHappened",
    "ConsentState",
    "ConsentStatus",
    "ConsentView",
    "consent",
    "consents_by_id",
    "consents_for",
    "current",
    "happened",
    "items_of",
    "my_consents",
    "my_requests",
    "uses_of",
    "view",
]


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
    limits: Limits = field(default_factory=Limits)
    uses: int = 0
    language: str = ""
    text: str | None = None
    """The very words agreed to; None while nothing is, and for one of before they were kept."""
    record: Mapping[str, Any] | None = None
    """What was signed; None for a request."""
    agreed_by: str | None = None
    """Which side has agreed to a request that needs two; None where none has."""

    @property
    def uses_left(self) -> int | None:
        """None where uses are not counted down."""
        return max(self.limits.max_uses - self.uses, 0) if self.limits.max_uses is not None else None


@dataclass(frozen=True, slots=True)
class ConsentHappened:
    """One line of a consent's history. `by_agency`: its recipient's doing, else its person's or whoever acts for
    them."""

    id: UUID
    event: str
    at: datetime
    by_agency: bool
    ledger_id: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """So many lines of one consent's history, after the one named."""

    consent: UUID
    after: UUID | None
    first: int


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
    return (await _views(tx, [row], now))[0]


async def consents_by_id(
    tx: Tx, caller: Caller, ids: Collection[UUID], now: datetime
) -> dict[UUID, ConsentView]:
    """Consents and requests about the caller's own subjects among these, for batched reads."""
    query = select(Consent).where(
        Consent.id.in_(ids), Consent.subject_id.in_(reach(caller, within=OF_CONSENTS).subjects)
    )
    return {one.id: one for one in await _views(tx, await tx.scalars(query), now)}


async def my_consents(
    tx: Tx, caller: Caller, after: UUID | None, first: int, now: datetime
) -> tuple[ConsentView, ...]:
    """Consents the caller's subjects gave, in force or ended, newest first, after the one named."""
    return await _views(tx, await _page(tx, caller, after, first, Consent.given_at.is_not(None)), now)


async def my_requests(
    tx: Tx, caller: Caller, after: UUID | None, first: int, now: datetime
) -> tuple[ConsentView, ...]:
    """Requests waiting for the caller's decision, newest first. Lapsed ones are left out."""
    waiting = and_(Consent.status == ConsentStatus.REQUESTED, Consent.requested_at > now - REQUEST_LASTS)
    return await _views(tx, await _page(tx, caller, after, first, waiting), now)


async def happened(
    tx: Tx, caller: Caller, asked: Collection[Asked]
) -> dict[Asked, tuple[ConsentHappened, ...]]:
    """What happened to the caller's own consents among these, oldest first; nothing of any other."""
    own = select(Consent.id).where(Consent.subject_id.in_(reach(caller, within=OF_CONSENTS).subjects))
    found: dict[Asked, tuple[ConsentHappened, ...]] = {}
    for (after, first), alike in groupby(
        sorted(asked, key=_page_key), key=lambda one: (one.after, one.first)
    ):
        group = {one.consent: one for one in alike}
        place = func.row_number().over(partition_by=ConsentEvent.consent_id, order_by=ConsentEvent.id)
        listed = select(ConsentEvent.id, place.label("place")).where(
            ConsentEvent.consent_id.in_(own.where(Consent.id.in_(group)))
        )
        if after is not None:
            listed = listed.where(ConsentEvent.id > after)
        page = listed.subquery()
        query = select(ConsentEvent).join(page, page.c.id == ConsentEvent.id).where(page.c.place <= first)
        for row in await tx.scalars(query.order_by(ConsentEvent.id)):
            line = ConsentHappened(row.id, row.state, row.at, row.state in _BY_AGENCY, row.ledger_id)
            key = group[row.consent_id]
            found[key] = (*found.get(key, ()), line)
    return found


def _page_key(asked: Asked) -> tuple[str, int]:
    return str(asked.after or ""), asked.first


async def uses_of(tx: Tx, ids: Collection[UUID]) -> dict[UUID, int]:
    """How often each was used that counts its uses; absent: never."""
    query = select(ConsentUse.consent_id, ConsentUse.uses).where(ConsentUse.consent_id.in_(ids))
    return {row.consent_id: row.uses for row in await tx.execute(query)}


_BY_AGENCY = frozenset({Event.USED, Event.EXHAUSTED, Event.REVOKED})


async def consents_for(tx: Tx, purpose_ref: UUID, now: datetime) -> tuple[ConsentState, ...]:
    """How every party's approval for this dossier stands; empty for anyone the dossier is not in reach of."""
    rows = await tx.execute(text("SELECT * FROM consents_for(:ref)"), {"ref": purpose_ref})
    return tuple(
        ConsentState(
            row.id,
            row.subject_id,
            status_at(
                row.status,
                now,
                requested_at=row.requested_at,
                valid_until=row.valid_until,
                paused_at=row.paused_at,
            ),
            tuple(Item.from_json(row.subject_id, one) for one in row.items),
            row.valid_until,
        )
        for row in rows
    )


def view(row: Consent, now: datetime, uses: int = 0) -> ConsentView:
    """The row as others see it at `now`, used so often."""
    return ConsentView(
        id=row.id,
        subject=row.subject_id,
        recipient_agency=row.recipient_agency,
        purpose=row.purpose,
        purpose_ref=row.purpose_ref,
        items=items_of(row),
        status=current(row, now, uses),
        requested_at=row.requested_at,
        given_at=row.given_at,
        valid_until=row.valid_until,
        withdrawn_at=row.withdrawn_at,
        receipt=row.receipt,
        limits=limits_of(row),
        uses=uses,
        language=row.language,
        text=shown_text(row) if row.given_at is not None else None,
        record=shown_record(row),
        agreed_by=agreed_side(row),
    )


def current(row: Consent, now: datetime, uses: int = 0) -> ConsentStatus:
    """The stored status as time, use and its person's flag have made it."""
    most = limits_of(row).max_uses
    return status_at(
        row.status,
        now,
        requested_at=row.requested_at,
        valid_until=row.valid_until,
        paused_at=row.paused_at,
        spent=most is not None and uses >= most,
    )


def items_of(row: Consent) -> tuple[Item, ...]:
    """What the row covers, as values."""
    return tuple(Item.from_json(row.subject_id, one) for one in row.items)


async def _views(tx: Tx, rows: Iterable[Consent], now: datetime) -> tuple[ConsentView, ...]:
    read = list(rows)
    uses = await uses_of(tx, [row.id for row in read]) if read else {}
    return tuple(view(row, now, uses.get(row.id, 0)) for row in read)


async def _page(
    tx: Tx, caller: Caller, after: UUID | None, first: int, wanted: ColumnElement[bool]
) -> ScalarResult[Consent]:
    query = select(Consent).where(wanted, Consent.subject_id.in_(reach(caller, within=OF_CONSENTS).subjects))
    if after is not None:
        query = query.where(Consent.id < after)
    return await tx.scalars(query.order_by(Consent.id.desc()).limit(first))
