"""What is asked of a person, and the refusal to ask twice.

Every ask is a row with what each relevant register said at that moment, so that the recount can judge it later
without trusting any outcome stored here. An officer's ask for something held is refused, unless a legal reason
allows it (`overrides`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from auth.policy import Action, require
from dossiers.case import Case, Office, load_case, move_case, plan_case, record_event
from dossiers.clock import due_date
from dossiers.errors import AlreadyHeld, NothingToAsk
from dossiers.notices import tell, tell_filer
from dossiers.records import DossierAsk, DossierRequirement
from dossiers.state import Move, Status, next_state, resume_state
from procedures.law import ObjectKind, OutcomeClass, Requirement
from procedures.plan import Outcome, Plan, Planned
from procedures.reasons import Code
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.notes import Note, write_note

HELD = frozenset({Outcome.REUSE, Outcome.FETCH, Outcome.PENDING_FETCH})
"""Outcomes under which asking the person is refused."""

ASKED = frozenset({Outcome.SUPPLY, Outcome.SHOW, Outcome.SURRENDER})


@dataclass(frozen=True, slots=True)
class Ask:
    """One line of a supplement request. `kind` MISSING or UNFIT."""

    requirement: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Supplement:
    dossier: UUID
    expected_version: int
    asks: tuple[Ask, ...]


def refuse_if_held(planned: Planned | None, requirement: str) -> None:
    """Raises AlreadyHeld when the plan covers the requirement without the person."""
    if planned is not None and planned.outcome in HELD:
        raise AlreadyHeld(requirement)


def refuse_if_spared(case: Case, found: Plan, document_type: str) -> None:
    """Raises AlreadyHeld for a paper named for no requirement when all that would take it are covered without it."""
    takers = [
        one
        for one in found.planned
        if one.outcome is not Outcome.NOT_APPLICABLE
        and any(each.document_type == document_type for each in case.requirement(one.requirement).accepts)
    ]
    if takers and all(one.outcome in HELD for one in takers):
        raise AlreadyHeld(takers[0].requirement)


async def sync_asks(tx: Tx, case: Case, found: Plan, now: datetime, fields: Iterable[str] = ()) -> None:
    """Keep one open ask per paper and form field the plan leaves to the person; close what it no longer asks.

    What was brought answers its ask for good: only once it serves no longer is the person asked anew.
    """
    by_requirement = found.by_requirement()
    standing = await _standing_asks(tx, case)
    open_asks = {(row.requirement, row.field_key): row for row in standing if row.answered_at is None}
    answered = {(row.requirement, row.answered_by) for row in standing if row.answered_by is not None}
    wanted = {one.requirement for one in found.planned if _asks(case, one)}
    for requirement in sorted(wanted):
        planned = by_requirement[requirement]
        if (requirement, None) not in open_asks and (requirement, _brought(planned)) not in answered:
            tx.add(_component_ask(case, planned, now))
    form = next((r.id for r in case.procedure.requirements if r.outcome_class is OutcomeClass.FORM), None)
    for name in sorted(fields):
        if form is not None and (form, name) not in open_asks:
            tx.add(_field_ask(case, form, name, now))
    for row in open_asks.values():
        if row.kind in ("COMPONENT", "COUNTER"):
            _close(row, by_requirement.get(row.requirement), row.requirement in wanted, now)


async def request_supplement(
    tx: Tx, caller: Caller, supplement: Supplement, office: Office, now: datetime
) -> UUID:
    """Ask the person for what is missing or unfit, all at once. Never for what is held.

    Raises AlreadyHeld, NothingToAsk, MoveNotAllowed, StaleVersion. An AlreadyHeld attempt is told to the person
    by `record_refused_ask`, in a transaction of its own, because this one rolls back.
    """
    case = await load_case(tx, supplement.dossier, office, expected_version=supplement.expected_version)
    require(caller, Action.REQUEST_SUPPLEMENT, case.facts)
    next_state(case.status, Move.ASK)
    if not supplement.asks:
        raise NothingToAsk("")
    for ask in supplement.asks:
        if ask.kind == "UNFIT":
            _exclude_unfit(case, ask)
    found = (await plan_case(tx, case)).by_requirement()
    _refuse_spared(case, supplement.asks, found)
    for ask in supplement.asks:
        row = case.row(ask.requirement)
        if ask.kind == "MISSING":
            _refuse_not_missing(found[ask.requirement], row)
        await _record_supplement_ask(tx, caller, case, ask, now)
        row.outcome, row.satisfied = Outcome.SUPPLY, False
        code = Code.ASKED_UNFIT if ask.kind == "UNFIT" else Code.ASKED_MISSING
        row.reason, row.reason_params = code.value, {}
    if case.status is not Status.SUPPLEMENT_REQUESTED:
        case.dossier.resume_status = resume_state(case.status)
    await move_case(tx, case, Move.ASK, caller, now, asks=len(supplement.asks))
    await tell(tx, case, "supplement_requested", now)
    return case.dossier.id


async def record_refused_upload(
    tx: Tx, caller: Caller, dossier_id: UUID, requirement: str, office: Office, now: datetime
) -> None:
    """Write down that a person was spared an upload of something held."""
    case = await load_case(tx, dossier_id, office)
    require(caller, Action.READ_DOSSIER, case.facts)
    record_event(tx, case, "refused_upload", caller, now, requirement=requirement)
    await ledger.record(
        tx, caller.actor, ask_entry(case, requirement, "dossier.refused_upload", "REFUSED"), now
    )


async def record_refused_ask(
    tx: Tx, caller: Caller, dossier_id: UUID, requirement: str, office: Office, now: datetime
) -> None:
    """Write down an attempt to ask again, and tell the person, who may object."""
    case = await load_case(tx, dossier_id, office)
    require(caller, Action.REQUEST_SUPPLEMENT, case.facts)
    record_event(tx, case, "refused_ask", caller, now, requirement=requirement)
    await ledger.record(tx, caller.actor, ask_entry(case, requirement, "dossier.refused_ask", "REFUSED"), now)
    params = {"requirement": requirement}
    await tell_filer(tx, case.dossier, "refused_ask", now, params)


async def open_supplement_asks(tx: Tx, case: Case) -> list[DossierAsk]:
    """Supplement lines the person has not answered yet."""
    standing = await _standing_asks(tx, case)
    return [row for row in standing if row.kind == "SUPPLEMENT" and row.answered_at is None]


def handed_over(case: Case, requirement: str) -> list[UUID]:
    """Versions the agency may see for the requirement. What the person prepares is theirs until they hand it in."""
    return [
        one.version_id
        for one in case.evidence
        if one.requirement == requirement and one.version_id and one.pinned_at and not one.revoked_at
    ]


def ask_entry(
    case: Case, requirement: str, kind: str, outcome: str, article: str | None = None
) -> ledger.Entry:
    """An ask, or an attempt at one, as it stands in the log of whom it concerns."""
    return ledger.Entry(
        kind=kind,
        subject_id=case.dossier.applicant_id,
        outcome=outcome,
        purpose=case.purpose,
        legal_basis="LEGAL_DUTY",
        article=article,
        dossier_id=case.dossier.id,
        requirement=requirement,
    )


def _refuse_not_missing(planned: Planned, row: DossierRequirement) -> None:
    """What was handed in, filled in or shown here is not missing, override or not: what does not serve is UNFIT."""
    here = planned.outcome is Outcome.FORM or planned.reason.code == Code.SHOWN_HERE
    if here or _brought(planned) is not None:
        raise AlreadyHeld(row.requirement)
    if not row.override_id:
        refuse_if_held(planned, row.requirement)
    if planned.outcome is Outcome.NOT_APPLICABLE:
        raise NothingToAsk(row.requirement)


def _refuse_spared(case: Case, asks: Iterable[Ask], found: Mapping[str, Planned]) -> None:
    """An unfit version is no reason to ask while another paper or a register does instead. Raises AlreadyHeld."""
    for ask in asks:
        if ask.kind == "UNFIT" and not case.row(ask.requirement).override_id:
            refuse_if_held(found.get(ask.requirement), ask.requirement)


def _close(row: DossierAsk, planned: Planned | None, still_asked: bool, now: datetime) -> None:
    """Answered once the plan uses what was brought; retracted when the plan asks for it no longer."""
    brought = _brought(planned) if planned is not None else None
    if brought is not None:
        row.answered_by, row.answered_at = brought, now
    elif not still_asked:
        row.retracted_at = now


def _brought(planned: Planned) -> UUID | None:
    """The version the person brought for the requirement, once the plan uses it."""
    if planned.outcome is Outcome.SUPPLY and planned.satisfied and planned.used:
        return planned.used[0].version
    return None


def _asks(case: Case, planned: Planned) -> bool:
    # A requirement hanging on an unanswered question is shown, not yet asked.
    condition = case.requirement(planned.requirement).condition
    waiting = condition is not None and any(
        test.situation in case.dossier.open_situations for test in condition.tests
    )
    return planned.outcome in ASKED and not waiting


def _component_ask(case: Case, planned: Planned, now: datetime) -> DossierAsk:
    requirement = case.requirement(planned.requirement)
    row = case.requirements[planned.requirement]
    ask = _blank_ask(case, requirement, now)
    ask.kind = "COMPONENT" if planned.outcome is Outcome.SUPPLY else "COUNTER"
    ask.declined, ask.override_id = row.declined, row.override_id
    brought = _brought(planned)
    if brought is not None:
        ask.answered_by, ask.answered_at = brought, now
    return ask


def _field_ask(case: Case, requirement: str, field: str | None, now: datetime) -> DossierAsk:
    ask = _blank_ask(case, case.requirement(requirement), now)
    ask.kind, ask.field_key = "FORM_FIELD", field
    return ask


def _blank_ask(case: Case, requirement: Requirement, now: datetime) -> DossierAsk:
    subjects = case.subjects_of(requirement.subject_role)
    databases = {source.database for source in requirement.registers}
    object_key = case.dossier.objects.get(requirement.object_kind.value)
    return DossierAsk(
        id=new_id(),
        dossier_id=case.dossier.id,
        requirement=requirement.id,
        subject_id=subjects[0],
        object_key=UUID(object_key)
        if object_key and requirement.object_kind is not ObjectKind.PERSON
        else None,
        asked_at=now,
        probes=[
            {
                "database": row.database,
                "document_type": row.document_type,
                "subject": str(row.subject_id),
                "probe": row.probe,
            }
            for row in case.probes
            if row.database in databases and row.subject_id in subjects
        ],
    )


def _exclude_unfit(case: Case, ask: Ask) -> None:
    row, versions = case.row(ask.requirement), handed_over(case, ask.requirement)
    if not versions:
        raise NothingToAsk(ask.requirement)
    row.excluded = [*row.excluded, *versions]


async def _record_supplement_ask(tx: Tx, caller: Caller, case: Case, ask: Ask, now: datetime) -> None:
    record = _blank_ask(case, case.requirement(ask.requirement), now)
    row = case.row(ask.requirement)
    record.kind, record.fit, record.asked_by = "SUPPLEMENT", ask.kind, caller.id
    record.override_id = row.override_id
    due = due_date(now, case.law.supplement_term)
    record.due_on = due.on if due is not None else None
    if ask.kind == "UNFIT":
        record.unfit_version = row.excluded[-1]
    # A paper asked for takes the place of whatever there was, a register's answer still to come among it.
    for one in case.evidence:
        if one.requirement == ask.requirement and (ask.kind == "MISSING" or one.version_id in row.excluded):
            one.revoked_at = one.revoked_at or now
    tx.add(record)
    await tx.flush()
    note = Note(case.dossier.applicant_id, record.id, "ask.reason", ask.reason)
    await write_note(tx, note, case.office.safe, now)
    await ledger.record(tx, caller.actor, ask_entry(case, ask.requirement, "dossier.ask", ask.kind), now)


async def _standing_asks(tx: Tx, case: Case) -> list[DossierAsk]:
    """What was asked and not taken back, answered or not."""
    found = await tx.scalars(
        select(DossierAsk).where(DossierAsk.dossier_id == case.dossier.id, DossierAsk.retracted_at.is_(None))
    )
    return list(found)
