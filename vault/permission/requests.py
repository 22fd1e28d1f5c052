"""An agency's system asks a person for claims of one kind of paper, for one purpose; the person answers.

The system learns nothing before the answer, not even whether the number it asked for is anybody's. What is granted is
an ordinary consent to exact versions, so that reading, logging and withdrawing are those of every other.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from auth.caller import Caller
from auth.errors import AccessDenied, NotFound
from auth.facts import ConsentFacts
from auth.policy import OF_CONSENTS, Action, reach, require
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.errors import AccessRefused, ConsentSettled
from vault.holding import Holding, Status
from vault.permission.limits import Limits
from vault.permission.notice import Item
from vault.permission.state import ConsentStatus
from vault.permission.views import ConsentView
from vault.records import AccessRequest
from vault.safe import Safe
from vault.subjects import number_index

MOST_CLAIMS: Final = 50
LONGEST_SECONDS: Final = 30 * 24 * 3600
POLL_SECONDS: Final = 2
"""How long a system waits between two looks at one request."""


ONCE: Final = Limits(max_uses=1)


@dataclass(frozen=True, slots=True)
class AccessAsked:
    """What a system asks for. `purpose` is `urn:vn:tthc:` and a procedure's code. `message` stands on the officer's
    screen and on the person's phone, so that both know they speak of the same request. `limits` count its uses."""

    number: str
    document_type: str
    claims: tuple[str, ...]
    purpose: str
    message: str
    limits: Limits = ONCE
    expires_in_seconds: int = 600


@dataclass(frozen=True, slots=True)
class AccessView:
    """A request as the person asked sees it. `message` ties it to what the officer says."""

    id: UUID
    subject: UUID
    agency: UUID
    document_type: str
    claims: tuple[str, ...]
    purpose: str
    message: str
    status: ConsentStatus
    requested_at: datetime
    expires_at: datetime
    limits: Limits


class Standing(StrEnum):
    """How a request stands for the system that made it."""

    PENDING = "pending"
    GRANTED = "granted"
    DENIED = "denied"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class AccessState:
    """`too_soon`: the system looked less than POLL_SECONDS ago. The rest is of a request that was GRANTED."""

    standing: Standing
    too_soon: bool
    subject: UUID | None = None
    claims: tuple[str, ...] = ()
    purpose: str = ""
    uses_left: int = 0
    consent: UUID | None = None


@dataclass(frozen=True, slots=True)
class AccessMade:
    """A request that stands. `subject` is for telling them, never for the answer."""

    id: UUID
    subject: UUID | None
    expires_at: datetime


async def request_access(tx: Tx, caller: Caller, asked: AccessAsked, safe: Safe, now: datetime) -> AccessMade:
    """Ask whoever has the number. Logged for them; nobody is told whether there is such a person.

    Raises AccessDenied for what the system did not declare, AccessRefused for limits.
    """
    require(caller, Action.REQUEST_ACCESS)
    if f"access:{asked.document_type}" not in (caller.scope or ()):
        raise AccessDenied("scope")
    _check_limits(asked)
    request, expires_at = new_id(), now + timedelta(seconds=asked.expires_in_seconds)
    asking = text(
        "SELECT ask_access(:id, :number, :type, :claims, :purpose, :message, :max_uses, :limits, :now,"
        " :expires_at)"
    ).bindparams(bindparam("limits", type_=JSONB()))
    subject: UUID | None = await tx.scalar(
        asking,
        {
            "id": request,
            "number": number_index(asked.number, safe),
            "type": asked.document_type,
            "claims": sorted(set(asked.claims)),
            "purpose": asked.purpose,
            "message": asked.message,
            "max_uses": asked.limits.max_uses,
            "limits": asked.limits.to_json(),
            "now": now,
            "expires_at": expires_at,
        },
    )
    entry = ledger.Entry(
        kind="consent.requested",
        subject_id=subject,
        outcome="SUCCESS",
        purpose=asked.purpose,
        legal_basis="CONSENT",
        claims=tuple(sorted(set(asked.claims))),
    )
    await ledger.record(tx, caller.actor, entry, now)
    return AccessMade(request, subject, expires_at)


async def lapses_at(tx: Tx, caller: Caller, request: UUID) -> datetime:
    """When a request the caller made lapses. Raises NotFound."""
    require(caller, Action.REQUEST_ACCESS)
    found: datetime | None = await tx.scalar(
        select(AccessRequest.expires_at).where(
            AccessRequest.id == request, AccessRequest.system_id == caller.id
        )
    )
    if found is None:
        raise NotFound
    return found


async def my_access_requests(
    tx: Tx, caller: Caller, after: UUID | None, first: int, now: datetime
) -> tuple[AccessView, ...]:
    """Requests of systems waiting for the caller's subjects, newest first. Lapsed ones are left out."""
    query = select(AccessRequest).where(
        AccessRequest.subject_id.in_(reach(caller, within=OF_CONSENTS).subjects),
        AccessRequest.status == ConsentStatus.REQUESTED,
        AccessRequest.expires_at > now,
    )
    if after is not None:
        query = query.where(AccessRequest.id < after)
    rows = await tx.scalars(query.order_by(AccessRequest.id.desc()).limit(first))
    return tuple(_view(row, now) for row in rows)


async def access_requests_by_id(
    tx: Tx, caller: Caller, ids: Collection[UUID], now: datetime
) -> dict[UUID, AccessView]:
    """Requests about the caller's own subjects among these, answered ones too."""
    query = select(AccessRequest).where(
        AccessRequest.id.in_(ids), AccessRequest.subject_id.in_(reach(caller, within=OF_CONSENTS).subjects)
    )
    return {row.id: _view(row, now) for row in await tx.scalars(query)}


async def answer_access(
    tx: Tx, caller: Caller, request: UUID, consent: UUID | None, now: datetime
) -> AccessView:
    """Settle a request, with the consent just given to it or None for a no. Raises NotFound, ConsentSettled."""
    view = await lock_access(tx, caller, request, now)
    status = ConsentStatus.GIVEN if consent is not None else ConsentStatus.REFUSED
    await tx.execute(
        update(AccessRequest)
        .where(AccessRequest.id == request)
        .values(status=status.value, consent_id=consent)
    )
    if consent is None:
        entry = ledger.Entry(
            kind="consent.refused",
            subject_id=view.subject,
            outcome="SUCCESS",
            purpose=view.purpose,
            legal_basis="CONSENT",
            claims=view.claims,
        )
        await ledger.record(tx, caller.actor, entry, now)
    return replace(view, status=status)


async def lock_access(tx: Tx, caller: Caller, request: UUID, now: datetime) -> AccessView:
    """A request waiting for the caller, theirs alone to answer until the transaction ends.

    Raises NotFound, ConsentSettled.
    """
    row = await tx.get(AccessRequest, request, with_for_update=True, populate_existing=True)
    if row is None or row.subject_id is None:
        raise NotFound
    require(caller, Action.GIVE_CONSENT, ConsentFacts(row.subject_id, row.agency_id))
    view = _view(row, now)
    if view.status is not ConsentStatus.REQUESTED:
        raise ConsentSettled(view.status)
    return view


async def look_at_access(tx: Tx, request: UUID, now: datetime) -> AccessState | None:
    """How a request stands, for the system that made it and is the transaction's actor; None for any other."""
    row = (
        await tx.execute(text("SELECT * FROM poll_access(:id, :now)"), {"id": request, "now": now})
    ).one_or_none()
    if row is None:
        return None
    too_soon = row.polled_at is not None and now - row.polled_at < timedelta(seconds=POLL_SECONDS)
    if row.status == ConsentStatus.REQUESTED:
        return AccessState(Standing.PENDING if row.expires_at > now else Standing.OVER, too_soon)
    if row.status == ConsentStatus.REFUSED or row.consent_status != ConsentStatus.GIVEN:
        return AccessState(Standing.DENIED, too_soon)
    left = row.max_uses - row.uses
    if left < 1 or row.valid_until <= now:
        return AccessState(Standing.OVER, too_soon)
    return AccessState(
        Standing.GRANTED, too_soon, row.subject_id, tuple(row.claims), row.purpose, left, row.consent_id
    )


def item_for(view: AccessView, held: Collection[Holding]) -> Item | None:
    """The one of the person's papers that would be shown: in force, with every claim asked for and none of them
    disputed, best attested, newest. Pure; None when they hold none."""
    fit = [
        one
        for one in held
        if one.subject == view.subject
        and one.type == view.document_type
        and one.status is Status.VALID
        and one.bound_to is None
        and one.claims.issuperset(view.claims)
        and one.disputed.isdisjoint(view.claims)
        and (one.valid_until is None or one.valid_until >= view.requested_at.date())
    ]
    if not fit:
        return None
    best = min(fit, key=lambda one: (one.level, -one.deposited_at.timestamp(), one.version))
    return Item(view.subject, best.type, view.claims, best.document, best.version)


def as_consent(view: AccessView, item: Item | None) -> ConsentView:
    """The request in the shape of a consent not yet given, for whoever shows either."""
    return ConsentView(
        view.id, view.subject, view.agency, view.purpose, None, (item,) if item else (), view.status,
        view.requested_at, None, view.expires_at, None, None, view.limits,
    )  # fmt: skip


def _view(row: AccessRequest, now: datetime) -> AccessView:
    status = ConsentStatus(row.status)
    if row.subject_id is None:
        raise NotFound
    if status is ConsentStatus.REQUESTED and row.expires_at <= now:
        status = ConsentStatus.EXPIRED
    return AccessView(
        row.id, row.subject_id, row.agency_id, row.document_type, tuple(row.claims), row.purpose,
        row.message, status, row.requested_at, row.expires_at, _limits(row),
    )  # fmt: skip


def _limits(row: AccessRequest) -> Limits:
    """What the request asks for; of one of before there were limits, so many uses of an ordinary consent."""
    return replace(Limits.from_json(row.limits), max_uses=row.max_uses)


def _check_limits(asked: AccessAsked) -> None:
    if not 0 < len(asked.claims) <= MOST_CLAIMS:
        raise AccessRefused("claims")
    if asked.limits.max_uses is None:
        raise AccessRefused("maxUses")
    asked.limits.check()
    if not 60 <= asked.expires_in_seconds <= LONGEST_SECONDS:
        raise AccessRefused("expiresInSeconds")
