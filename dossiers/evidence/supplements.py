"""A person's answer to a supplement: everything asked at once, or a fresh agreement where one was withdrawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.caller import Caller
from auth.policy import Action, require
from dossiers.case import Case, Office, load_case, move_case, plan_case, reason_of, touch, write_plan
from dossiers.clock import due_date
from dossiers.errors import EvidenceMissing, Gap, MoveNotAllowed
from dossiers.evidence.asks import open_supplement_asks
from dossiers.evidence.discretion import gap_reason
from dossiers.evidence.pins import agreed_as_shown, give_consents, pin_others, pin_rest, request_others
from dossiers.forms import freeze_form, write_form
from dossiers.records import DossierAsk
from dossiers.state import Move, Status
from procedures.plan import Outcome, Plan
from procedures.reasons import Code
from store import outbox
from store.database import Tx
from vault.documents import my_document
from vault.errors import DocumentNotUsable


@dataclass(frozen=True, slots=True)
class SupplementAnswer:
    """`documents` the person deposited for it; `form` further declarations; the notice agreed to, if any."""

    dossier: UUID
    expected_version: int
    documents: tuple[UUID, ...] = ()
    form: Mapping[str, Any] = field(default_factory=dict)
    notice_sha256: str | None = None


async def answer_supplement(
    tx: Tx, caller: Caller, answer: SupplementAnswer, office: Office, now: datetime
) -> UUID:
    """Hand everything asked over; the dossier goes back where it was asked from and the clock runs on.

    Raises EvidenceMissing with all that is still missing, DocumentNotUsable for a document named that answers
    nothing, FormIncomplete, ConsentRequired, ConsentStale, ConsentOutstanding, MoveNotAllowed, StaleVersion.
    """
    case = await load_case(tx, answer.dossier, office, expected_version=answer.expected_version)
    require(caller, Action.ANSWER_SUPPLEMENT, case.facts)
    if case.status is not Status.SUPPLEMENT_REQUESTED:
        raise MoveNotAllowed(case.status, Move.ANSWER)
    asks = await open_supplement_asks(tx, case)
    found = await replan_reopened(tx, case, asks)
    await _refuse_useless(tx, caller, case, answer.documents)
    if answer.form:
        await write_form(tx, caller, case, answer.form, office, now)
        await freeze_form(tx, caller, case, office, now)
    reopened = {row.requirement for row in asks} | _lost(case)
    _refuse_gaps(caller, case, reopened)
    _close(case, asks, now)
    await give_consents(tx, caller, case, answer.notice_sha256, office, now)
    await pin_others(tx, case, now)
    await pin_rest(tx, case, now)
    for requirement in reopened:
        row, planned = case.requirements[requirement], found.by_requirement()[requirement]
        row.satisfied, row.reason, row.reason_params = True, planned.reason.code, dict(planned.reason.params)
    await move_case(tx, case, Move.ANSWER, caller, now)
    due = due_date(now, case.procedure.time_limit, case.procedure.cutoff)
    case.dossier.due_on = due.on if due is not None else None
    await outbox.put(tx, "dossier.status", {"dossier": str(case.dossier.id)}, now)
    return case.dossier.id


async def renew_reopened(
    tx: Tx, caller: Caller, answer: SupplementAnswer, office: Office, now: datetime
) -> None:
    """As `dossiers.filing.renew_notice`, of what a supplement reopened."""
    case = await load_case(tx, answer.dossier, office)
    require(caller, Action.ANSWER_SUPPLEMENT, case.facts)
    if case.status is not Status.SUPPLEMENT_REQUESTED or case.dossier.version != answer.expected_version:
        return
    if await agreed_as_shown(tx, case, caller.speaks_for, caller.language, answer.notice_sha256):
        await replan_reopened(tx, case, await open_supplement_asks(tx, case))
        touch(case)


async def ask_reopened(
    tx: Tx, caller: Caller, answer: SupplementAnswer, office: Office, now: datetime
) -> None:
    """After ConsentOutstanding, whose refusal took the plan back with it: ask whoever's agreement is missing."""
    case = await load_case(tx, answer.dossier, office)
    require(caller, Action.ANSWER_SUPPLEMENT, case.facts)
    if case.status is Status.SUPPLEMENT_REQUESTED:
        await replan_reopened(tx, case, await open_supplement_asks(tx, case))
        await request_others(tx, caller, case, now)


async def replan_reopened(tx: Tx, case: Case, asks: list[DossierAsk]) -> Plan:
    """Plan what the supplement reopened, and only that: unpinned evidence then shows what would be disclosed."""
    reopened = {row.requirement for row in asks} | _lost(case)
    found = await plan_case(tx, case)
    lost = {requirement: reason_of(case.requirements[requirement]) for requirement in _lost(case)}
    await write_plan(tx, case, found, only=reopened)
    for requirement, reason in lost.items():
        # Planned again, still unagreed: it stays unsatisfied until the person agrees anew or brings a paper.
        row = case.requirements[requirement]
        if row.outcome != Outcome.SUPPLY or not row.satisfied:
            row.satisfied, row.reason, row.reason_params = False, reason.code, dict(reason.params)
    await tx.flush()
    return found


async def _refuse_useless(tx: Tx, caller: Caller, case: Case, documents: tuple[UUID, ...]) -> None:
    handed_over = {row.document_id for row in case.evidence if row.pinned_at is None}
    for document in documents:
        holding = await my_document(tx, caller, document)
        if document not in handed_over:
            raise DocumentNotUsable(holding.status.value)


def _lost(case: Case) -> set[str]:
    return {row.requirement for row in case.requirements.values() if row.reason == Code.CONSENT_WITHDRAWN}


def _refuse_gaps(caller: Caller, case: Case, reopened: set[str]) -> None:
    gaps = tuple(
        Gap(
            row.requirement,
            Outcome(row.outcome),
            gap_reason(caller, case, row.requirement, reason_of(row)),
        )
        for row in sorted(case.requirements.values(), key=lambda one: one.position)
        if row.requirement in reopened and row.outcome == Outcome.SUPPLY and not row.satisfied
    )
    if gaps:
        raise EvidenceMissing(gaps)


def _close(case: Case, asks: list[DossierAsk], now: datetime) -> None:
    for ask in asks:
        brought = [row for row in case.evidence if row.requirement == ask.requirement and not row.pinned_at]
        ask.answered_at = now
        ask.answered_by = brought[0].version_id if brought else None
