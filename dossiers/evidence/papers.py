"""Papers that enter a vault through a filing or at the counter, and the refusal to take one twice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from auth.caller import Caller, CallerKind
from auth.errors import NotFound, Unauthenticated
from auth.policy import Action, SubjectFacts, require
from dossiers.case import Case, Office, load_case, plan_case, record_event, touch, write_plan
from dossiers.clock import local_day
from dossiers.errors import ClaimsRefused, MoveNotAllowed, RequirementUnknown, TypeNotAccepted
from dossiers.evidence.asks import open_supplement_asks, refuse_if_held, refuse_if_spared, sync_asks
from dossiers.evidence.originals import settle_digitised
from dossiers.evidence.supplements import replan_reopened
from dossiers.notices import notify
from dossiers.objects import object_of_paper
from dossiers.parties import result_holder
from dossiers.state import LIVE, Status
from procedures.law import DocumentType, Law
from procedures.reasons import Code
from store import ledger
from store.database import Tx
from vault.deposits import Deposit, deposit
from vault.holding import Holding, Origin
from vault.intake.uploads import Announced, Announcement, create_upload
from vault.subjects import find_at_counter


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper to deposit for `subject` (default: the caller), perhaps for one requirement of one dossier."""

    upload: UUID
    type: str
    claims: Mapping[str, Any] = field(default_factory=dict)
    subject: UUID | None = None
    dossier: UUID | None = None
    requirement: str | None = None


async def announce_upload(
    tx: Tx, caller: Caller, announcement: Announcement, office: Office, now: datetime
) -> Announced:
    """Open an upload. Refused at once when the requirement it is for is covered without it.

    An officer's file for a dossier is a result of it: it is sealed for whom the result is issued to, whose id no
    officer needs to know. Raises AlreadyHeld, TypeNotAccepted, RequirementUnknown and the vault's intake refusals.
    """
    if caller.kind is CallerKind.OFFICER and announcement.dossier is not None:
        case = await load_case(tx, announcement.dossier, office, lock=False)
        require(caller, Action.APPROVE_DOSSIER, case.facts)
        if announcement.type not in case.procedure.result_types:
            raise TypeNotAccepted(None, announcement.type)
        holder = result_holder(case, case.law.document_types[announcement.type])
        return await create_upload(tx, caller, replace(announcement, subject=holder), office.safe, now)
    kind = _known_type(office.laws.on(local_day(now)), announcement.type)
    if announcement.dossier is not None:
        case = await load_case(tx, announcement.dossier, office, lock=False)
        require(caller, Action.READ_DOSSIER, case.facts)
        await _refuse_unneeded(tx, case, announcement.requirement, kind)
    return await create_upload(tx, caller, announcement, office.safe, now)


async def add_document(tx: Tx, caller: Caller, paper: Paper, office: Office, now: datetime) -> Holding:
    """A person deposits their own paper (level 3). For a dossier, it must be one the plan asks of them.

    Raises AlreadyHeld, TypeNotAccepted, ClaimsRefused, MoveNotAllowed and the vault's intake refusals.
    """
    subject = paper.subject or caller.principal
    require(caller, Action.ADD_DOCUMENT, SubjectFacts(subject))
    if subject is None:
        raise Unauthenticated
    kind = _deposited_type(office.laws.on(local_day(now)), paper)
    claims = check_claims(kind, paper.claims)
    case = None
    if paper.dossier is not None:
        case = await load_case(tx, paper.dossier, office)
        require(caller, Action.READ_DOSSIER, case.facts)
        if case.status not in (Status.DRAFT, Status.SUPPLEMENT_REQUESTED):
            raise MoveNotAllowed(case.status, "addDocument")
        await _refuse_unneeded(tx, case, paper.requirement, kind)
        if paper.requirement is not None:
            _prefer_brought(case, paper.requirement)
            subject = _subject_for(caller, case, paper.requirement, subject)
    kept = await deposit(
        tx,
        caller,
        Deposit(
            subject=subject,
            type=kind.id,
            origin=Origin.SELF,
            claims=claims,
            upload=paper.upload,
            issued_on=_issued_on(claims),
            object_key=await object_of_paper(tx, case, kind, claims, office, now),
            bound_to=case.dossier.id if case is not None and kind.case_bound else None,
            deposited_in=case.dossier.id if case is not None else None,
        ),
        office.safe,
        now,
    )
    if case is not None:
        await take_into_dossier(tx, caller, case, kept, now)
    return kept


async def digitise_document(tx: Tx, caller: Caller, paper: Paper, office: Office, now: datetime) -> Holding:
    """An officer scans a paper against its original, once (level 2, seen): Circular 03/2025/TT-VPCP, Article 5.

    The person is told. Raises TypeNotAccepted, ClaimsRefused, AlreadyHeld when a dossier's plan covers it.
    """
    require(caller, Action.DIGITISE_DOCUMENT, SubjectFacts(None))
    if paper.subject is None:
        raise NotFound
    kind = _deposited_type(office.laws.on(local_day(now)), paper)
    claims = check_claims(kind, paper.claims)
    case = await load_case(tx, paper.dossier, office) if paper.dossier is not None else None
    if case is not None:
        require(caller, Action.READ_DOSSIER, case.facts)
        refuse_if_spared(case, await plan_case(tx, case), kind.id)
    kept = await deposit(
        tx,
        caller,
        Deposit(
            subject=paper.subject,
            type=kind.id,
            origin=Origin.DIGITISED,
            claims=claims,
            upload=paper.upload,
            issued_on=_issued_on(claims),
            object_key=await object_of_paper(tx, case, kind, claims, office, now),
            bound_to=case.dossier.id if case is not None and kind.case_bound else None,
            deposited_in=case.dossier.id if case is not None else None,
            issuer_agency=caller.agency,
        ),
        office.safe,
        now,
    )
    if case is not None and case.status in LIVE:
        await settle_digitised(tx, caller, case, now)
    await notify(tx, paper.subject, "digitised", now, params={"type": kind.id})
    return kept


async def identify_subject(
    tx: Tx, caller: Caller, citizen_number: str, office: Office, now: datetime
) -> UUID:
    """Find the person standing at the counter by number. Logged and told to them: a look-up of a person is a
    reading of their data. Raises NotFound."""
    require(caller, Action.DIGITISE_DOCUMENT, SubjectFacts(None))
    subject = await find_at_counter(tx, citizen_number, office.safe)
    if subject is None:
        raise NotFound
    entry = ledger.Entry(
        kind="subject.identified",
        subject_id=subject,
        outcome="SUCCESS",
        purpose="counter",
        legal_basis="LEGAL_DUTY",
        article="Nghị định số 118/2025/NĐ-CP",
    )
    await ledger.record(tx, caller.actor, entry, now)
    return subject


async def take_into_dossier(tx: Tx, caller: Caller, case: Case, kept: Holding, now: datetime) -> None:
    """Plan again with the new paper. In a supplement it waits for `answer_supplement` to be handed over."""
    await tx.flush()
    if case.status is Status.DRAFT:
        found = await plan_case(tx, case)
        await write_plan(tx, case, found)
        await sync_asks(tx, case, found, now)
    else:
        await replan_reopened(tx, case, await open_supplement_asks(tx, case))
    record_event(tx, case, "deposited", caller, now, detail={"type": kept.type})
    touch(case)


def check_claims(kind: DocumentType, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Claims the type attests, as `concept@role`; a bare concept is completed when one role bears it.

    Raises ClaimsRefused naming those it does not attest or whose value is not a plain one.
    """
    attested = {str(claim) for claim in kind.claims}
    complete: dict[str, Any] = {}
    refused: list[str] = []
    for name, value in claims.items():
        bearers = [one for one in attested if one == name or one.split("@")[0] == name]
        if len(bearers) == 1 and isinstance(value, str | int | float | bool) and _plain(value):
            complete[bearers[0]] = value
        else:
            refused.append(name)
    if refused:
        raise ClaimsRefused(kind.id, tuple(sorted(refused)))
    return complete


async def _refuse_unneeded(tx: Tx, case: Case, requirement: str | None, kind: DocumentType) -> None:
    if requirement is None:
        refuse_if_spared(case, await plan_case(tx, case), kind.id)
        return
    asked = case.requirement(requirement)
    if case.status is Status.SUPPLEMENT_REQUESTED:
        # The officer's ask has already passed the same refusal, or a counted override.
        if requirement not in {row.requirement for row in await open_supplement_asks(tx, case)}:
            _refuse_lost_or_held(case, requirement)
    else:
        found = (await plan_case(tx, case)).by_requirement()
        refuse_if_held(found.get(requirement), requirement)
    accepted = {one.document_type for one in asked.accepts} | {asked.document_type}
    if kind.id not in accepted:
        raise TypeNotAccepted(requirement, kind.id)


def _refuse_lost_or_held(case: Case, requirement: str) -> None:
    # After a withdrawal the person may answer with another paper instead of consenting again.
    if case.row(requirement).reason != Code.CONSENT_WITHDRAWN:
        raise RequirementUnknown(requirement)


def _prefer_brought(case: Case, requirement: str) -> None:
    """Who brings a paper in place of one they no longer let be seen has declined its reuse."""
    row = case.requirements.get(requirement)
    if case.status is Status.SUPPLEMENT_REQUESTED and row and row.reason == Code.CONSENT_WITHDRAWN:
        row.declined = True


def _subject_for(caller: Caller, case: Case, requirement: str, given: UUID) -> UUID:
    """The vault a dossier's paper goes to: its subject's, if the caller may act for them, else the depositor's."""
    for subject in case.subjects_of(case.requirement(requirement).subject_role):
        if caller.kind is CallerKind.CITIZEN and subject in caller.subjects:
            return subject
    return given


def _known_type(law: Law, document_type: str) -> DocumentType:
    kind = law.document_types.get(document_type)
    if kind is None or kind.application_form or kind.members:
        raise TypeNotAccepted(None, document_type)
    return kind


def _deposited_type(law: Law, paper: Paper) -> DocumentType:
    kind = _known_type(law, paper.type)
    # Bound to no case it would serve every case.
    if kind.case_bound and paper.dossier is None:
        raise TypeNotAccepted(None, paper.type)
    return kind


def _issued_on(claims: Mapping[str, Any]) -> date | None:
    value = claims.get("document.issue_date@document")
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _plain(value: object) -> bool:
    return not isinstance(value, str) or (len(value) <= 2_000 and "\x00" not in value)
