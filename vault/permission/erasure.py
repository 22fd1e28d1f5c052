"""Erasure asked of a recipient when the permission for what it may have kept ends, tracked to its answer.

The clock is the caller's: this room knows days, not which of them are working days.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import func, or_, select, update

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import ConsentFacts
from auth.policy import OF_CONSENTS, Action, reach, require
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from store.records import MOST_COUNTED
from vault.errors import ErasureSettled
from vault.permission.receipt import limits_of
from vault.permission.state import Event
from vault.permission.views import items_of
from vault.records import Consent, ConsentEvent, ErasureRequest

ERASURE_ARTICLE: Final = "Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15"
"""Under which the person may demand it."""


class Cause(StrEnum):
    WITHDRAWN = "WITHDRAWN"
    DATA_LIFE = "DATA_LIFE"
    """The time is over for which it could be kept."""


class Answer(StrEnum):
    """What a recipient says."""

    RECEIVED = "RECEIVED"
    """It is being done: the reply the law wants within two working days."""
    EXTENDED = "EXTENDED"
    """It takes longer, once, for a reason."""
    ERASED = "ERASED"
    RETAINED = "RETAINED"
    """Another law has it kept: its article."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    reply_by: date
    due_on: date


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `due_on`: the day an EXTENDED one, or one with `third_parties`, is due instead."""

    answer: Answer
    article: str | None = None
    third_parties: bool = False
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class ErasureView:
    """As its person and the agency asked see it."""

    id: UUID
    consent: UUID
    agency: UUID
    purpose: str
    purpose_ref: UUID | None
    document_types: tuple[str, ...]
    cause: Cause
    asked_at: datetime
    reply_by: date
    due_on: date
    replied_at: datetime | None
    extended_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    article: str | None

    def status(self, today: date) -> str:
        """ASKED, RECEIVED, ERASED, RETAINED, or OVERDUE once a day the law set has passed without its answer."""
        if self.outcome is not None:
            return self.outcome
        if self.due_on < today or (self.replied_at is None and self.reply_by < today):
            return "OVERDUE"
        return "RECEIVED" if self.replied_at is not None else "ASKED"


async def ask_erasure(
    tx: Tx, caller: Caller, consent_id: UUID, cause: Cause, deadlines: Deadlines, now: datetime
) -> UUID | None:
    """Ask the recipient of the caller's consent to erase what it kept; None where it was never handed anything.

    Once for each consent. Raises NotFound.
    """
    row = await tx.get(Consent, consent_id)
    if row is None:
        raise NotFound
    require(caller, Action.WITHDRAW_CONSENT, ConsentFacts(row.subject_id, row.recipient_agency))
    before = await tx.scalar(select(ErasureRequest.id).where(ErasureRequest.consent_id == consent_id))
    if before is not None or not limits_of(row).may_be_kept or await last_read(tx, consent_id) is None:
        return None
    asked = ErasureRequest(
        id=new_id(),
        consent_id=row.id,
        subject_id=row.subject_id,
        agency_id=row.recipient_agency,
        cause=cause.value,
        asked_at=now,
        reply_by=deadlines.reply_by,
        due_on=deadlines.due_on,
        third_parties=False,
    )
    tx.add(asked)
    await tx.flush()
    await _log(tx, caller, row, "erasure.asked", cause.value, now)
    return asked.id


async def last_read(tx: Tx, consent_id: UUID) -> datetime | None:
    """When anything was last disclosed under it."""
    used = select(func.max(ConsentEvent.at)).where(
        ConsentEvent.consent_id == consent_id, ConsentEvent.state == Event.USED.value
    )
    found: datetime | None = await tx.scalar(used)
    return found


async def lock_erasure(tx: Tx, caller: Caller, erasure: UUID) -> ErasureView:
    """One asked of the caller's agency, theirs alone to answer until the transaction ends. Raises NotFound."""
    return (await _view(tx, [await _locked(tx, caller, erasure)]))[0]


async def acknowledge_erasure(
    tx: Tx, caller: Caller, erasure: UUID, reply: Reply, now: datetime
) -> tuple[UUID, UUID]:
    """Keep the agency's answer; the erasure's id and whom it is about, for telling them.

    Raises NotFound, AccessDenied, ErasureSettled for one answered for good, and for a second extension.
    """
    row = await _locked(tx, caller, erasure)
    again = reply.answer is Answer.EXTENDED and row.extended_at is not None
    if row.ended_at is not None or again or (reply.answer is Answer.RECEIVED and row.replied_at is not None):
        raise ErasureSettled(row.outcome or reply.answer.value)
    row.replied_at = row.replied_at or now
    row.article = reply.article or row.article
    row.third_parties = row.third_parties or reply.third_parties
    if reply.due_on is not None:
        row.due_on = reply.due_on
    if reply.answer is Answer.EXTENDED:
        row.extended_at = now
    if reply.answer in (Answer.ERASED, Answer.RETAINED):
        row.ended_at, row.outcome, row.ended_by = now, reply.answer.value, caller.id
    await tx.flush()
    consent = await tx.get_one(Consent, row.consent_id)
    await _log(tx, caller, consent, "erasure.answered", reply.answer.value, now, reply.article)
    return row.id, row.subject_id


async def erasures_asked(tx: Tx, caller: Caller, after: UUID | None, first: int) -> tuple[ErasureView, ...]:
    """What the caller's agency is asked to erase and was, newest first. Raises AccessDenied."""
    require(caller, Action.READ_ERASURES)
    query = select(ErasureRequest).where(ErasureRequest.agency_id == caller.agency)
    if after is not None:
        query = query.where(ErasureRequest.id < after)
    rows = await tx.scalars(query.order_by(ErasureRequest.id.desc()).limit(first))
    return await _view(tx, list(rows))


async def erasures_of(tx: Tx, caller: Caller, consents: Collection[UUID]) -> dict[UUID, ErasureView]:
    """What came of the caller's own consents among these, by consent."""
    query = select(ErasureRequest).where(
        ErasureRequest.consent_id.in_(consents),
        ErasureRequest.subject_id.in_(reach(caller, within=OF_CONSENTS).subjects),
    )
    return {one.consent: one for one in await _view(tx, list(await tx.scalars(query)))}


async def erasure_for_agency(tx: Tx, caller: Caller, erasure: UUID) -> ErasureView:
    """One asked of the caller's agency. Raises NotFound."""
    row = await tx.get(ErasureRequest, erasure)
    if row is None:
        raise NotFound
    require(caller, Action.ACKNOWLEDGE_ERASURE, ConsentFacts(row.subject_id, row.agency_id))
    return (await _view(tx, [row]))[0]


@dataclass(frozen=True, slots=True)
class Late:
    """Whose erasure is late, and whether for good or only without a reply."""

    id: UUID
    subject: UUID
    overdue: bool


async def note_late(tx: Tx, today: date, now: datetime, limit: int) -> tuple[Late, ...]:
    """Erasures whose day has passed and of which nobody was told yet; each is told once. For the loops' role."""
    late = []
    for due, noted, overdue in (
        (ErasureRequest.due_on < today, ErasureRequest.overdue_at, True),
        ((ErasureRequest.reply_by < today) & ErasureRequest.replied_at.is_(None),
         ErasureRequest.late_reply_at, False),
    ):  # fmt: skip
        some = select(ErasureRequest.id).where(ErasureRequest.ended_at.is_(None), noted.is_(None), due)
        telling = (
            update(ErasureRequest)
            .where(ErasureRequest.id.in_(some.limit(limit)))
            .values({noted: now})
            .returning(ErasureRequest.id, ErasureRequest.subject_id)
            .execution_options(synchronize_session=False)
        )
        late += [Late(row.id, row.subject_id, overdue) for row in await tx.execute(telling)]
    return tuple(late)


async def count_late(tx: Tx, today: date) -> int:
    """Erasures late at this moment, up to `MOST_COUNTED`. For the loops' role."""
    unanswered = (ErasureRequest.reply_by < today) & ErasureRequest.replied_at.is_(None)
    late = select(ErasureRequest.id).where(
        ErasureRequest.ended_at.is_(None), or_(ErasureRequest.due_on < today, unanswered)
    )
    found = await tx.scalar(select(func.count()).select_from(late.limit(MOST_COUNTED).subquery()))
    return found or 0


async def _locked(tx: Tx, caller: Caller, erasure: UUID) -> ErasureRequest:
    row = await tx.get(ErasureRequest, erasure, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound
    require(caller, Action.ACKNOWLEDGE_ERASURE, ConsentFacts(row.subject_id, row.agency_id))
    return row


async def _view(tx: Tx, rows: list[ErasureRequest]) -> tuple[ErasureView, ...]:
    query = select(Consent).where(Consent.id.in_([row.consent_id for row in rows]))
    consents = {one.id: one for one in await tx.scalars(query)} if rows else {}
    return tuple(_of(row, consents[row.consent_id]) for row in rows)


def _of(row: ErasureRequest, consent: Consent) -> ErasureView:
    return ErasureView(
        id=row.id,
        consent=row.consent_id,
        agency=row.agency_id,
        purpose=consent.purpose,
        purpose_ref=consent.purpose_ref,
        document_types=tuple(sorted({item.document_type for item in items_of(consent)})),
        cause=Cause(row.cause),
        asked_at=row.asked_at,
        reply_by=row.reply_by,
        due_on=row.due_on,
        replied_at=row.replied_at,
        extended_at=row.extended_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        article=row.article,
    )


async def _log(
    tx: Tx, caller: Caller, consent: Consent, kind: str, why: str, now: datetime, article: str | None = None
) -> None:
    entry = ledger.Entry(
        kind=kind,
        subject_id=consent.subject_id,
        outcome="SUCCESS",
        purpose=consent.purpose,
        legal_basis="LEGAL_DUTY",
        documents=tuple(item.document for item in items_of(consent) if item.document is not None),
        dossier_id=consent.purpose_ref,
        consent_id=consent.id,
        article=article or ERASURE_ARTICLE,
        reason=why,
    )
    await ledger.record(tx, caller.actor, entry, now)
