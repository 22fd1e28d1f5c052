"""Asking the State's registers for a dossier, so that the person need not be asked.

Registers are never called inside a transaction: questions are read, asked, and their answers recorded, each in
its own. Down is not missing: a silent register leaves the requirement pending and is asked again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from connectors.registers import Answer, RegisterQuery, Registers
from dossiers.case import Case, Office, load_case, plan_case, record_event, touch, write_plan
from dossiers.evidence.asks import sync_asks
from dossiers.evidence.pins import request_others
from dossiers.notices import tell_filer
from dossiers.objects import object_of_claims
from dossiers.records import Dossier, DossierEvidence, RegisterProbe
from dossiers.state import Status
from procedures.plan import Outcome, Plan, Planned, Probe, RegisterQuestion
from procedures.reasons import Code
from store import ledger
from store.database import Database, Tx
from store.identifiers import new_id
from vault.deposits import Deposit, deposit
from vault.documents import version_digests
from vault.holding import Holding, Origin
from vault.subjects import profile_of

SOONEST_RETRY, LATEST_RETRY = timedelta(seconds=5), timedelta(minutes=10)
"""A silent register is asked again after as long as it has been silent, within these limits."""
ROUNDS = 12
"""A register that lacks the fact may leave another one to ask; each round settles at least one question."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what its register needs to answer it."""

    question: RegisterQuestion
    query: RegisterQuery


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with what its register said."""

    question: RegisterQuestion
    answer: Answer


@dataclass(frozen=True, slots=True)
class Told:
    """What a register said about a question, and the sealed answer it gave, if it found the fact."""

    question: RegisterQuestion
    probe: str
    document: UUID | None


async def settle_registers(
    database: Database, registers: Registers, caller: Caller, dossier_id: UUID, office: Office, now: datetime
) -> None:
    """Ask every register the plan would read for the caller's own subjects until nothing new is learnt."""
    for _ in range(ROUNDS):
        async with database.reading(caller.actor) as tx:
            asked = await questions_of(tx, caller, dossier_id, office, now)
        if not asked:
            return
        answers = await registers.ask_all([one.query for one in asked])
        async with database.writing(caller.actor) as tx:
            said = [Answered(one.question, answer) for one, answer in zip(asked, answers, strict=True)]
            await record_answers(tx, caller, dossier_id, said, office, now)


async def questions_of(
    tx: Tx, caller: Caller, dossier_id: UUID, office: Office, now: datetime
) -> list[Asked]:
    """What the plan would read from registers and has not, for subjects the caller may answer for."""
    dossier = await tx.scalar(select(Dossier).where(Dossier.id == dossier_id))
    if dossier is None or dossier.status not in (Status.DRAFT, *_WAITING):
        return []
    case = await load_case(tx, dossier_id, office, lock=False)
    found = await plan_case(tx, case)
    purpose = case.purpose
    asked = []
    for question in _unsettled(case, found, now):
        if question.subject in caller.subjects:
            profile = await profile_of(tx, question.subject, office.safe)
            if profile.number is not None:
                query = RegisterQuery(question.database, question.document_type, profile.number, purpose)
                asked.append(Asked(question, query))
    return asked


async def record_answers(
    tx: Tx,
    caller: Caller,
    dossier_id: UUID,
    answers: Sequence[Answered],
    office: Office,
    now: datetime,
) -> None:
    """Keep what each register said, seal what it found into the dossier's draft, plan again, log the asking."""
    case = await load_case(tx, dossier_id, office)
    for answered in answers:
        await _record(tx, caller, case, answered, now)
    await _plan_anew(tx, caller, case, now)


async def take_answer(
    tx: Tx, caller: Caller, dossier_id: UUID, told: Told, office: Office, now: datetime
) -> None:
    """Take into the filer's dossier what a register said about somebody else, who let it be asked."""
    case = await load_case(tx, dossier_id, office)
    row = _note(tx, case, told.question, told.probe, now)
    row.document_id = row.document_id or told.document
    await _plan_anew(tx, caller, case, now)


async def _plan_anew(tx: Tx, caller: Caller, case: Case, now: datetime) -> None:
    await tx.flush()
    found = await plan_case(tx, case)
    if case.status is Status.DRAFT:
        await write_plan(tx, case, found)
        await tx.flush()
        await sync_asks(tx, case, found, now)
        await request_others(tx, caller, case, now)
    else:
        await _heal(tx, caller, case, found.by_requirement(), now)
    touch(case)


_WAITING = (Status.NEWLY_FILED, Status.RECEIVED, Status.PROCESSING, Status.SUPPLEMENT_REQUESTED)


def _unsettled(case: Case, found: Plan, now: datetime) -> list[RegisterQuestion]:
    questions: dict[RegisterQuestion, None] = {}
    for planned in found.planned:
        if planned.outcome not in (Outcome.FETCH, Outcome.PENDING_FETCH):
            continue
        for used in planned.used:
            if used.register is not None and _due(case.probe_of(used.register), now):
                questions[used.register] = None
    return list(questions)


def _due(row: RegisterProbe | None, now: datetime) -> bool:
    return row is None or (row.probe == Probe.DOWN and row.retry_at is not None and row.retry_at <= now)


async def _record(tx: Tx, caller: Caller, case: Case, answered: Answered, now: datetime) -> None:
    question, answer = answered.question, answered.answer
    row = _note(tx, case, question, answer.probe, now)
    if answer.probe == Probe.FOUND and row.document_id is None:
        row.document_id = (await _seal_answer(tx, caller, case, answered, now)).document
    await ledger.record(
        tx,
        caller.actor,
        ledger.Entry(
            kind="register.asked",
            subject_id=question.subject,
            outcome=answer.probe,
            purpose=case.purpose,
            legal_basis="OWN_REQUEST",
            dossier_id=case.dossier.id,
            reason=question.database,
        ),
        now,
    )


def _note(tx: Tx, case: Case, question: RegisterQuestion, probe: str, now: datetime) -> RegisterProbe:
    row = case.probe_of(question)
    if row is None:
        row = RegisterProbe(
            id=new_id(),
            dossier_id=case.dossier.id,
            database=question.database,
            document_type=question.document_type,
            subject_id=question.subject,
        )
        case.probes.append(row)
        tx.add(row)
    down = probe == Probe.DOWN
    row.probe, row.at = probe, now
    row.first_down_at = (row.first_down_at or now) if down else None
    silent = now - (row.first_down_at or now)
    row.retry_at = now + min(max(silent, SOONEST_RETRY), LATEST_RETRY) if down else None
    return row


async def _seal_answer(tx: Tx, caller: Caller, case: Case, answered: Answered, now: datetime) -> Holding:
    question, answer = answered.question, answered.answer
    kind = case.law.document_types[question.document_type]
    return await deposit(
        tx,
        caller,
        Deposit(
            subject=question.subject,
            type=question.document_type,
            origin=Origin.REGISTER,
            claims=answer.claims,
            issued_on=answer.issued_on,
            valid_until=answer.valid_until,
            object_key=await object_of_claims(tx, kind, answer.claims, case.office, now),
            bound_to=case.dossier.id,
            deposited_in=case.dossier.id,
            register=question.database,
        ),
        case.office.safe,
        now,
    )


async def _heal(tx: Tx, caller: Caller, case: Case, planned: Mapping[str, Planned], now: datetime) -> None:
    """A register that was down at submission has answered: the pending requirement takes its real outcome."""
    for row in case.requirements.values():
        pending = [one for one in case.evidence if one.requirement == row.requirement and not one.revoked_at]
        # A FETCH still without a version is somebody else's answer that came after submission.
        if row.outcome != Outcome.PENDING_FETCH and all(one.version_id for one in pending):
            continue
        kept = await _answered(tx, case, pending)
        if kept is not None:
            # The person agreed to whichever register answers; the others no longer need to.
            for one in pending:
                one.revoked_at = None if one is kept else now
            row.outcome, row.satisfied = Outcome.FETCH, True
            row.reason = Code.REGISTER_ANSWERS.value
            row.reason_params = {"database": kept.register or "", "article": kept.article or ""}
            record_event(tx, case, "healed", caller, now, requirement=row.requirement)
            params = {"requirement": row.requirement}
            await tell_filer(tx, case.dossier, "register_healed", now, params)
            continue
        now_planned = planned.get(row.requirement)
        if now_planned is not None and now_planned.outcome is Outcome.SUPPLY:
            # The register is up and lacks the fact: only now may the agency ask for the paper (66.7, Art. 2).
            row.outcome, row.satisfied, row.reason = Outcome.SUPPLY, False, now_planned.reason.code
            row.reason_params = dict(now_planned.reason.params)
            record_event(tx, case, "register_lacks", caller, now, requirement=row.requirement)


async def _answered(tx: Tx, case: Case, pending: Sequence[DossierEvidence]) -> DossierEvidence | None:
    """The first of these that a register has answered, with its answer taken in."""
    for one in pending:
        if await _take_answer(tx, case, one):
            return one
    return None


async def _take_answer(tx: Tx, case: Case, evidence: DossierEvidence) -> bool:
    if evidence.version_id is not None:
        return True
    for row in case.probes:
        if (row.database, row.document_type, row.subject_id, row.probe) == (
            evidence.register,
            evidence.document_type,
            evidence.subject_id,
            Probe.FOUND,
        ):
            holding = next((h for h in case.holdings.values() if h.document == row.document_id), None)
            if holding is not None:
                evidence.document_id, evidence.version_id = holding.document, holding.version
                evidence.digest = (await version_digests(tx, [holding.version])).get(holding.version)
                return True
    return False
