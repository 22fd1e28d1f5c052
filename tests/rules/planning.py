"""Small filings for the planner's tests: one procedure, a few papers, everything named."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from procedures.law import (
    AcceptedType,
    Channel,
    ClaimNeed,
    Condition,
    ConditionKind,
    Duty,
    OutcomeClass,
    Procedure,
    RegisterSource,
    Requirement,
    Rule,
    Situation,
    SituationTest,
    Text,
    TimeLimit,
)
from procedures.plan import Filing, Plan, Planned
from procedures.planner import plan
from vault.holding import Holding, Origin, Status

TODAY = date(2026, 12, 1)
RULE = Rule("rule-1", "Decree 1/2026, Article 2")
NAME = ClaimNeed("person.full_name", "holder")
NUMBER = ClaimNeed("person.number", "holder")


def some(name: str) -> UUID:
    """The same id for the same name, in every test."""
    return uuid5(NAMESPACE_OID, name)


APPLICANT, CHILD, DOSSIER = some("applicant"), some("child"), some("dossier")


def requirement(name: str = "r", **changes: Any) -> Requirement:
    """Evidence about the applicant: a `card` carrying a name, at level 2 at least."""
    base = Requirement(
        id=name,
        name=Text(name),
        document_type="card",
        subject_role="applicant",
        outcome_class=OutcomeClass.EVIDENCE,
        duty=Duty.MANDATORY,
        accepts=(AcceptedType("card"),),
        claims=(NAME,),
        min_level=2,
    )
    return replace(base, **changes)


def holding(name: str = "h", **changes: Any) -> Holding:
    """A valid `card` of the applicant, issued electronically a month ago."""
    base = Holding(
        document=some(f"{name} document"),
        version=some(name),
        number=1,
        type="card",
        subject=APPLICANT,
        origin=Origin.ISSUED,
        level=1,
        status=Status.VALID,
        claims=frozenset({str(NAME), str(NUMBER)}),
        disputed=frozenset(),
        object_key=None,
        bound_to=None,
        deposited_in=None,
        deposited_at=datetime(2026, 11, 1, 9, tzinfo=UTC),
        issued_on=date(2026, 11, 1),
        valid_until=None,
        seen=False,
    )
    return replace(base, **changes)


def register(database: str = "population", *types: str) -> RegisterSource:
    return RegisterSource(database, types or ("card",), RULE)


def situation(name: str, about_role: str = "applicant", held: str | None = None) -> Situation:
    return Situation(name, Text(f"{name}?"), None, about_role, answered_by_holding=held)


def when(kind: ConditionKind, *tests: tuple[str, bool], match_all: bool = True, **changes: Any) -> Condition:
    tested = tuple(SituationTest(name, answer) for name, answer in tests)
    return Condition(kind=kind, tests=tested, match_all=match_all, **changes)


def filing(
    requirements: Requirement | tuple[Requirement, ...],
    *holdings: Holding,
    situations: tuple[Situation, ...] = (),
    **changes: Any,
) -> Filing:
    """Filed online by the applicant, who has a number; every register is up."""
    asked = (requirements,) if isinstance(requirements, Requirement) else requirements
    procedure = Procedure(
        id="procedure",
        code=None,
        name=Text("procedure"),
        field="field",
        requirements=asked,
        situations=situations,
        fees=(),
        time_limit=TimeLimit(None, None, None),
        legal_basis=(),
        executing_agency_types=(),
        reception_agency_types=(),
        result_types=(),
        form=None,
    )
    base = Filing(
        procedure=procedure,
        on=TODAY,
        channel=Channel.ONLINE,
        parties={"applicant": (APPLICANT,), "filer": (APPLICANT,)},
        holdings=holdings,
        dossier=DOSSIER,
        askable=frozenset({APPLICANT, CHILD}),
        sensitivity={NAME.concept: 1, NUMBER.concept: 2},
    )
    return replace(base, **changes)


def plan_one(filing: Filing, name: str = "r") -> Planned:
    """What the plan says of one requirement."""
    return plan(filing).by_requirement()[name]


def outcomes(found: Plan) -> dict[str, str]:
    return {one.requirement: one.outcome.value for one in found.planned}


def why_rejected(planned: Planned) -> dict[UUID, str]:
    return {one.version: one.reason.code for one in planned.rejected}
