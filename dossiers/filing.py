"""A person's own way through one filing: preview, open, answer, fill in, decline, submit, withdraw.

Every branch of a use case is here, top to bottom; what is held and what is asked is the planner's, what is shown
to whom is `pins`', what registers say is `probes`'.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from auth.errors import Unauthenticated
from auth.policy import Action, SubjectFacts, require
from dossiers.case import (
    Case,
    Office,
    load_case,
    move_case,
    plan_case,
    procedure_of,
    record_event,
    touch,
    write_plan,
)
from dossiers.clock import due_date, local_day
from dossiers.errors import (
    AgencyNotCompetent,
    EvidenceMissing,
    Gap,
    MoveNotAllowed,
    NotReusable,
    SituationsOpen,
)
from dossiers.evidence.asks import HELD, sync_asks
from dossiers.evidence.discretion import gap_reason
from dossiers.evidence.pins import agreed_as_shown, give_consents, pin_others, pin_rest, request_others
from dossiers.forms import FormState, freeze_form, write_form
from dossiers.notices import notify, tell_filer
from dossiers.numbers import next_code
from dossiers.objects import ObjectChoice, adopt_objects, chosen_objects
from dossiers.parties import Party, parties_of
from dossiers.records import Dossier, DossierParty
from dossiers.state import Move, Status
from procedures.agencies import competent_types
from procedures.law import Channel, Procedure
from procedures.plan import Outcome, Plan, Planned
from procedures.records import Agency
from store import ledger, outbox
from store.database import Tx
from store.identifiers import new_id
from vault.keycare.shredding import shred_newborns
from vault.notes import Note, write_note


@dataclass(frozen=True, slots=True)
class Opening:
    procedure: str
    agency: UUID
    answers: Mapping[str, bool] = field(default_factory=dict)
    parties: tuple[Party, ...] = ()
    objects: tuple[ObjectChoice, ...] = ()
    on_behalf_of: UUID | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    channel: Channel = Channel.ONLINE


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a dossier the caller has seen at `expected_version`."""

    dossier: UUID
    expected_version: int


@dataclass(frozen=True, slots=True)
class Answering:
    change: Change
    answers: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class FormPatch:
    change: Change
    patch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declining:
    change: Change
    requirement: str


@dataclass(frozen=True, slots=True)
class Withdrawing:
    """`reason` in the person's own words, if they care to say."""

    change: Change
    reason: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """`notice_sha256` is of the notice agreed to; None when nothing was agreed to."""

    change: Change
    notice_sha256: str | None


async def open_dossier(tx: Tx, caller: Caller, opening: Opening, office: Office, now: datetime) -> UUID:
    """Open a draft and plan it. No agency sees a draft.

    Registers are asked afterwards, outside this transaction (`probes.settle_registers`).
    Raises ProcedureUnknown, AgencyNotCompetent, PartyRefused, ObjectUndeclared, FormIncomplete.
    """
    applicant = opening.on_behalf_of or caller.principal
    require(caller, Action.OPEN_DOSSIER, SubjectFacts(applicant))
    if applicant is None:
        raise Unauthenticated
    today = local_day(now)
    law = office.laws.on(today)
    procedure = procedure_of(law, opening.procedure)
    await _competent_agency(tx, opening.agency, procedure)
    chosen = await chosen_objects(tx, caller, opening.objects)
    dossier = Dossier(
        id=new_id(),
        procedure_id=procedure.id,
        applicant_id=applicant,
        filer_id=caller.id,
        filer_relation=caller.represented.get(applicant, "self"),
        agency_id=opening.agency,
        channel=opening.channel.value,
        status=Status.DRAFT,
        version=1,
        law_version=law.version,
        filing_day=today,
        answers=_known_answers(procedure, opening.answers),
        objects={kind.value: str(key) for kind, key in chosen.items()},
        declared_absent=[],
        open_situations=[],
        opened_at=now,
    )
    tx.add(dossier)
    await tx.flush()
    named = await parties_of(tx, caller, dossier, opening.parties, office, now)
    for role, subjects in named.items():
        tx.add_all(DossierParty(dossier_id=dossier.id, role=role, subject_id=one) for one in subjects)
    await tx.flush()
    await _tell_parties(tx, caller, dossier, {one for group in named.values() for one in group}, now)
    case = await load_case(tx, dossier.id, office)
    await _replan(tx, caller, case, now)
    await write_form(tx, caller, case, opening.form, office, now)
    record_event(tx, case, "opened", caller, now, to_status=Status.DRAFT)
    return dossier.id


async def answer_situations(
    tx: Tx, caller: Caller, answering: Answering, office: Office, now: datetime
) -> UUID:
    """Answer yes/no questions; an answer that a higher-ranked paper does not exist is kept as its declaration."""
    case = await _draft(tx, caller, answering.change, Action.ANSWER_SITUATIONS, office, now)
    known = _known_answers(case.procedure, answering.answers)
    case.dossier.answers = {**case.dossier.answers, **known}
    case.dossier.declared_absent = sorted(_declared_absent(case))
    record_event(tx, case, "answered", caller, now, detail={"situations": sorted(known)})
    await _replan(tx, caller, case, now)
    touch(case)
    return case.dossier.id


async def update_dossier_form(tx: Tx, caller: Caller, form: FormPatch, office: Office, now: datetime) -> UUID:
    """Merge declared values. Raises FormIncomplete for fields that are read-only, unknown or of a wrong type."""
    case = await _draft(tx, caller, form.change, Action.UPDATE_DOSSIER_FORM, office, now)
    await plan_case(tx, case)
    await write_form(tx, caller, case, form.patch, office, now)
    touch(case)
    return case.dossier.id


async def decline_reuse(tx: Tx, caller: Caller, declining: Declining, office: Office, now: datetime) -> UUID:
    """Let the person bring the paper themself. Counted `declined_reuse`, never `asked_again`."""
    case = await _draft(tx, caller, declining.change, Action.DECLINE_REUSE, office, now)
    row = case.row(declining.requirement)
    if Outcome(row.outcome) not in HELD:
        raise NotReusable(declining.requirement)
    row.declined = True
    record_event(tx, case, "declined_reuse", caller, now, requirement=declining.requirement)
    await _replan(tx, caller, case, now)
    touch(case)
    return case.dossier.id


async def submit_dossier(
    tx: Tx, caller: Caller, submission: Submission, office: Office, now: datetime
) -> UUID:
    """Freeze the evidence and start the legal clock, under the law of this day.

    Raises SituationsOpen, ObjectUndeclared, EvidenceMissing with every gap, FormIncomplete, ConsentRequired,
    ConsentStale, ConsentOutstanding, so that a person is asked once.
    """
    case = await _draft(tx, caller, submission.change, Action.SUBMIT_DOSSIER, office, now)
    found = await _replan(tx, caller, case, now)
    _refuse_gaps(caller, case, found)
    state = await freeze_form(tx, caller, case, office, now)
    await sync_asks(tx, case, found, now, fields=_asked_fields(case, state))
    await give_consents(tx, caller, case, submission.notice_sha256, office, now)
    await pin_others(tx, case, now)
    await pin_rest(tx, case, now)
    agency = await tx.get_one(Agency, case.dossier.agency_id)
    case.dossier.code = await next_code(tx, agency.id, agency.code, local_day(now))
    case.dossier.submitted_at = now
    due = due_date(now, case.procedure.time_limit, case.procedure.cutoff)
    case.dossier.due_on = due.on if due is not None else None
    await move_case(tx, case, Move.SUBMIT, caller, now)
    await _log(tx, caller, case, "dossier.submitted", now)
    await outbox.put(tx, "dossier.status", {"dossier": str(case.dossier.id)}, now)
    await tell_filer(tx, case.dossier, "submitted", now)
    return case.dossier.id


async def renew_notice(tx: Tx, caller: Caller, submission: Submission, office: Office, now: datetime) -> None:
    """After ConsentStale or ConsentRequired, whose refusal took the new plan back with it: where the person agreed to
    just what their draft still shows, plan it anew and keep that. Else they would read the old notice, and agree to
    it, for ever. Nothing changes for whoever agreed to something else, or to a draft that has moved on."""
    case = await load_case(tx, submission.change.dossier, office, on=local_day(now))
    require(caller, Action.SUBMIT_DOSSIER, case.facts)
    if case.status is not Status.DRAFT or case.dossier.version != submission.change.expected_version:
        return
    if await agreed_as_shown(tx, case, caller.speaks_for, caller.language, submission.notice_sha256):
        await _replan(tx, caller, case, now)
        touch(case)


async def withdraw_dossier(
    tx: Tx, caller: Caller, withdrawing: Withdrawing, office: Office, now: datetime
) -> UUID:
    """Take a filing back before it is decided (status 7); a newborn that existed for it alone goes with it.

    Raises MoveNotAllowed, StaleVersion.
    """
    change = withdrawing.change
    case = await load_case(tx, change.dossier, office, expected_version=change.expected_version)
    require(caller, Action.WITHDRAW_DOSSIER, case.facts)
    await move_case(tx, case, Move.WITHDRAW, caller, now)
    for row in case.evidence:
        row.revoked_at = row.revoked_at or now
    if withdrawing.reason:
        note = Note(case.dossier.applicant_id, case.dossier.id, "withdrawal.reason", withdrawing.reason)
        await write_note(tx, note, office.safe, now)
    await _log(tx, caller, case, "dossier.withdrawn", now)
    await outbox.put(tx, "dossier.status", {"dossier": str(case.dossier.id)}, now)
    await tx.flush()
    await shred_newborns(tx, caller, case.dossier.id, now)
    return case.dossier.id


async def _draft(
    tx: Tx, caller: Caller, change: Change, action: Action, office: Office, now: datetime
) -> Case:
    case = await load_case(
        tx, change.dossier, office, expected_version=change.expected_version, on=local_day(now)
    )
    require(caller, action, case.facts)
    if case.status is not Status.DRAFT:
        raise MoveNotAllowed(case.status, action.value)
    return case


async def _replan(tx: Tx, caller: Caller, case: Case, now: datetime) -> Plan:
    found = await plan_case(tx, case)
    if adopt_objects(case, found, caller.subjects):
        found = await plan_case(tx, case)
    await write_plan(tx, case, found)
    await tx.flush()
    await sync_asks(tx, case, found, now)
    await request_others(tx, caller, case, now)
    return found


def _refuse_gaps(caller: Caller, case: Case, found: Plan) -> None:
    if found.open_situations:
        raise SituationsOpen(found.open_situations)
    gaps = tuple(
        Gap(one.requirement, one.outcome, gap_reason(caller, case, one.requirement, one.reason))
        for one in found.planned
        if _is_gap(one)
    )
    if gaps:
        raise EvidenceMissing(gaps)


def _is_gap(planned: Planned) -> bool:
    return planned.outcome is Outcome.SUPPLY and not planned.satisfied


def _asked_fields(case: Case, state: FormState) -> list[str]:
    """Fields the person had to declare although somebody else attests such facts (prefill is not `declare`).

    What has become known since stands in the form from its source: its declaration is used no more.
    """
    form = case.procedure.form
    if form is None:
        return []
    return [
        one.key
        for one in form.fields
        if one.key in state.declared
        and one.key not in state.known
        and one.prefill != "declare"
        and one.concept
    ]


async def _tell_parties(tx: Tx, caller: Caller, dossier: Dossier, named: set[UUID], now: datetime) -> None:
    """Whoever is named in somebody else's filing learns of it at once: naming a person lets the plan look at
    which kinds of papers they hold, so it may never happen unseen."""
    for subject in sorted(named - caller.subjects - {dossier.applicant_id}):
        entry = ledger.Entry(
            kind="dossier.party_named",
            subject_id=subject,
            outcome="SUCCESS",
            purpose=f"urn:vn:tthc:{dossier.procedure_id}",
            legal_basis="OWN_REQUEST",
            dossier_id=dossier.id,
        )
        await ledger.record(tx, caller.actor, entry, now)
        await notify(tx, subject, "party_named", now)


def _known_answers(procedure: Procedure, answers: Mapping[str, bool]) -> dict[str, Any]:
    asked = {one.id for one in procedure.situations}
    return {key: value for key, value in answers.items() if key in asked}


def _declared_absent(case: Case) -> set[str]:
    absent: set[str] = set()
    for requirement in case.procedure.requirements:
        condition = requirement.condition
        if condition is None or not condition.higher_components:
            continue
        if all(case.dossier.answers.get(test.situation) is test.when for test in condition.tests):
            absent.update(condition.higher_components)
    return absent


async def _competent_agency(tx: Tx, agency_id: UUID, procedure: Procedure) -> Agency:
    agency = await tx.scalar(select(Agency).where(Agency.id == agency_id, Agency.active))
    if agency is None or agency.type_id not in competent_types(procedure):
        raise AgencyNotCompetent
    return agency


async def _log(tx: Tx, caller: Caller, case: Case, kind: str, now: datetime) -> None:
    entry = ledger.Entry(
        kind=kind,
        subject_id=case.dossier.applicant_id,
        outcome="SUCCESS",
        purpose=case.purpose,
        legal_basis="OWN_REQUEST",
        dossier_id=case.dossier.id,
    )
    await ledger.record(tx, caller.actor, entry, now)
