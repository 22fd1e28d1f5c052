"""One dossier with everything a decision on it needs: loaded once, locked, planned again, written back.

Owns the way from rows to the planner's question and from the plan back to rows. Decides nothing itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import delete, inspect, select

from auth.caller import Caller
from auth.errors import NotFound
from auth.policy import DossierFacts
from dossiers.errors import ProcedureUnknown, RequirementUnknown, StaleVersion
from dossiers.question import filing_of
from dossiers.records import (
    Dossier,
    DossierAsk,
    DossierEvent,
    DossierEvidence,
    DossierOverride,
    DossierParty,
    DossierRequirement,
    DossierResult,
    RegisterProbe,
)
from dossiers.state import Move, Status, next_state
from procedures.imports import LawBook
from procedures.law import Law, Procedure, Requirement
from procedures.plan import Outcome, Plan, Planned, Reason, RegisterQuestion, Used
from procedures.planner import plan
from store.database import Tx
from store.identifiers import new_id
from vault.documents import holdings
from vault.holding import Holding
from vault.holding import Status as HoldingStatus
from vault.safe import Safe
from vault.subjects import askable

R = TypeVar(
    "R",
    DossierParty,
    DossierRequirement,
    DossierEvidence,
    DossierAsk,
    DossierOverride,
    DossierEvent,
    DossierResult,
    RegisterProbe,
)


@dataclass(frozen=True, slots=True)
class Office:
    """What every use case of a filing works with: the law in force and the safe."""

    laws: LawBook
    safe: Safe


@dataclass(slots=True)
class Case:
    """A dossier and its rows, under the law of its filing day."""

    dossier: Dossier
    parties: dict[str, tuple[UUID, ...]]
    requirements: dict[str, DossierRequirement]
    evidence: list[DossierEvidence]
    probes: list[RegisterProbe]
    law: Law
    procedure: Procedure
    office: Office
    holdings: dict[UUID, Holding] = field(default_factory=dict)
    """By version, as seen by the last plan."""

    @property
    def status(self) -> Status:
        return Status(self.dossier.status)

    @property
    def facts(self) -> DossierFacts:
        dossier = self.dossier
        return DossierFacts(
            applicant=dossier.applicant_id,
            filer=dossier.filer_id,
            agency=dossier.agency_id,
            submitted=self.status is not Status.DRAFT,
            parties=frozenset(subject for group in self.parties.values() for subject in group),
        )

    @property
    def purpose(self) -> str:
        """What consents and log lines name: the procedure, by national code."""
        return f"urn:vn:tthc:{self.procedure.code or self.procedure.id}"

    def requirement(self, requirement: str) -> Requirement:
        """Raises RequirementUnknown."""
        for one in self.procedure.requirements:
            if one.id == requirement:
                return one
        raise RequirementUnknown(requirement)

    def row(self, requirement: str) -> DossierRequirement:
        """Raises RequirementUnknown."""
        row = self.requirements.get(requirement)
        if row is None:
            raise RequirementUnknown(requirement)
        return row

    def subjects_of(self, role: str) -> tuple[UUID, ...]:
        return self.parties.get(role) or self.parties["applicant"]

    def probe_of(self, question: RegisterQuestion) -> RegisterProbe | None:
        for row in self.probes:
            if (row.database, row.document_type, row.subject_id) == (
                question.database,
                question.document_type,
                question.subject,
            ):
                return row
        return None


async def load_case(
    tx: Tx,
    dossier_id: UUID,
    office: Office,
    *,
    expected_version: int | None = None,
    on: date | None = None,
    lock: bool = True,
) -> Case:
    """The dossier within the caller's reach (row-level security), locked unless only read.

    `on` moves a draft to the law of that day. Raises NotFound, StaleVersion.
    """
    dossier = await tx.get(Dossier, dossier_id, with_for_update=lock, populate_existing=True)
    if dossier is None:
        raise NotFound
    if expected_version is not None and dossier.version != expected_version:
        raise StaleVersion(dossier.version)
    if on is not None and dossier.status == Status.DRAFT:
        dossier.filing_day = on
    return (await _cases(tx, [dossier], office))[0]


async def load_cases(tx: Tx, dossiers: Collection[UUID], office: Office) -> list[Case]:
    """Those of the dossiers within the caller's reach, unlocked: for lists, one statement a table."""
    found = await tx.scalars(select(Dossier).where(Dossier.id.in_(dossiers)))
    return await _cases(tx, found.all(), office)


async def rows_of(tx: Tx, record: type[R], dossiers: Collection[UUID]) -> Mapping[UUID, list[R]]:
    """The rows of one table that belong to these dossiers, by dossier; none for one that has none."""
    found: defaultdict[UUID, list[R]] = defaultdict(list)
    ordered = select(record).where(record.dossier_id.in_(dossiers)).order_by(*inspect(record).primary_key)
    for row in await tx.scalars(ordered):
        found[row.dossier_id].append(row)
    return found


def procedure_of(law: Law, key: str) -> Procedure:
    """By id or national code. Raises ProcedureUnknown."""
    procedure = law.procedure(key)
    if procedure is None:
        raise ProcedureUnknown(key, law.on)
    return procedure


async def plan_case(tx: Tx, case: Case) -> Plan:
    """Plan the dossier anew with what is held now and what the registers said. Writes nothing."""
    subjects = sorted({subject for group in case.parties.values() for subject in group})
    held = await holdings(tx, subjects, case.dossier.id)
    case.holdings = {one.version: one for one in held}
    numbered = await askable(tx, subjects, case.dossier.id)
    return plan(filing_of(case, held, numbered))


async def write_plan(tx: Tx, case: Case, found: Plan, only: Collection[str] | None = None) -> None:
    """Put the plan into rows: one outcome per requirement, one unpinned evidence row per thing disclosed.

    `only` limits it to the requirements a supplement reopened; the rest stay as frozen at submission.
    """
    case.dossier.open_situations = list(found.open_situations)
    case.dossier.optimal = found.optimal
    for position, planned in enumerate(found.planned):
        if only is not None and planned.requirement not in only:
            continue
        row = case.requirements.get(planned.requirement)
        if row is None:
            row = DossierRequirement(
                dossier_id=case.dossier.id, requirement=planned.requirement, declined=False, excluded=[]
            )
            case.requirements[planned.requirement] = row
            tx.add(row)
        row.position, row.outcome, row.satisfied = position, planned.outcome.value, planned.satisfied
        row.reason, row.reason_params = planned.reason.code, dict(planned.reason.params)
        row.warnings = [{"code": one.code, "params": dict(one.params)} for one in planned.warnings]
    await _rewrite_evidence(
        tx, case, [one for one in found.planned if only is None or one.requirement in only]
    )


async def move_case(tx: Tx, case: Case, move: Move, caller: Caller, now: datetime, **detail: Any) -> None:
    """Advance the state table, the version and the history together. Raises MoveNotAllowed."""
    before = case.status
    after = next_state(before, move)
    if move is Move.ANSWER:
        after = Status(case.dossier.resume_status or Status.RECEIVED)
    case.dossier.status = after
    record_event(tx, case, move.value, caller, now, from_status=before, to_status=after, detail=detail)
    touch(case)


def touch(case: Case) -> None:
    """A change others must notice before they change the dossier themselves."""
    case.dossier.version += 1


def record_event(
    tx: Tx,
    case: Case,
    kind: str,
    caller: Caller,
    now: datetime,
    *,
    from_status: Status | None = None,
    to_status: Status | None = None,
    requirement: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    tx.add(
        DossierEvent(
            id=new_id(),
            dossier_id=case.dossier.id,
            at=now,
            kind=kind,
            from_status=from_status,
            to_status=to_status,
            actor_kind=caller.kind.value,
            actor_id=caller.id,
            requirement=requirement,
            detail=dict(detail or {}),
        )
    )


def reason_of(row: DossierRequirement) -> Reason:
    return Reason(row.reason, {key: str(value) for key, value in row.reason_params.items()})


async def _rewrite_evidence(tx: Tx, case: Case, planned: Collection[Planned]) -> None:
    rewritten = {one.requirement for one in planned}
    await tx.execute(
        delete(DossierEvidence).where(
            DossierEvidence.dossier_id == case.dossier.id,
            DossierEvidence.requirement.in_(rewritten),
            DossierEvidence.pinned_at.is_(None),
        )
    )
    kept = [row for row in case.evidence if row.pinned_at is not None or row.requirement not in rewritten]
    settled = {row.requirement for row in kept if row.revoked_at is None}
    fresh = [
        evidence
        for one in planned
        if one.requirement not in settled and one.outcome in DISCLOSED
        for evidence in _evidence_rows(case, one)
    ]
    tx.add_all(fresh)
    case.evidence = [*kept, *fresh]


DEATH, CERTIFIED = "death.date@deceased", 2
"""What a paper says of somebody proven dead, and the lowest level at which it is believed."""

DISCLOSED = (Outcome.REUSE, Outcome.FETCH, Outcome.PENDING_FETCH, Outcome.SUPPLY)
"""Outcomes under which the agency gets to see something once the person agrees."""


def _evidence_rows(case: Case, planned: Planned) -> Iterable[DossierEvidence]:
    """One row per thing disclosed; until a register has answered, one per answer that may yet come: the first to
    come is kept (`probes`)."""
    for used in (*planned.used, *planned.instead):
        version, document, document_type = used.version, used.document, ""
        if used.register is not None:
            document_type = used.register.document_type
            probe = case.probe_of(used.register)
            document = probe.document_id if probe is not None else None
            version = next((h.version for h in case.holdings.values() if h.document == document), None)
        elif used.version is not None:
            document_type = case.holdings[used.version].type
        own = version is not None and case.holdings[version].deposited_in == case.dossier.id
        yield DossierEvidence(
            id=new_id(),
            dossier_id=case.dossier.id,
            requirement=planned.requirement,
            subject_id=used.subject,
            document_id=document,
            version_id=version,
            register=used.register.database if used.register is not None else None,
            document_type=document_type,
            claims=[str(claim) for claim in used.claims],
            whole=used.whole,
            rule=used.rule,
            legal_basis=_basis(case, planned.requirement, used, own=own and used.register is None),
            article=used.legal_basis or case.requirement(planned.requirement).legal_basis,
        )


def _basis(case: Case, requirement: str, used: Used, *, own: bool) -> str:
    if own:
        return "OWN"
    if case.requirement(requirement).subject_role != "deceased":
        return "CONSENT"
    # The dead cannot consent: their papers are read under the agency's legal duty, with its article, logged. Who
    # merely calls somebody dead opens nothing: a certified paper proves it, and a register answers for itself.
    return "LEGAL_DUTY" if used.register is not None or _is_dead(case, used.subject) else "CONSENT"


def _is_dead(case: Case, subject: UUID) -> bool:
    return any(
        one.subject == subject
        and one.status is HoldingStatus.VALID
        and one.level <= CERTIFIED
        and DEATH in one.claims - one.disputed
        for one in case.holdings.values()
    )


async def _cases(tx: Tx, dossiers: Sequence[Dossier], office: Office) -> list[Case]:
    ids = [dossier.id for dossier in dossiers]
    parties = await rows_of(tx, DossierParty, ids)
    requirements = await rows_of(tx, DossierRequirement, ids)
    evidence = await rows_of(tx, DossierEvidence, ids)
    probes = await rows_of(tx, RegisterProbe, ids)
    cases = []
    for dossier in dossiers:
        law = office.laws.on(dossier.filing_day)
        cases.append(
            Case(
                dossier,
                _by_role(parties[dossier.id]),
                {row.requirement: row for row in requirements[dossier.id]},
                evidence[dossier.id],
                probes[dossier.id],
                law,
                procedure_of(law, dossier.procedure_id),
                office,
            )
        )
    return cases


def _by_role(rows: Iterable[DossierParty]) -> dict[str, tuple[UUID, ...]]:
    parties: dict[str, tuple[UUID, ...]] = {}
    for row in rows:
        parties[row.role] = (*parties.get(row.role, ()), row.subject_id)
    return parties
