"""Random small filings, and their best plan found by trying everything.

The brute force repeats the law of `Requirement` and `Holding` in its own plain words and its own cost, a tuple;
it shares no code with the planner.
"""

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from random import Random
from uuid import UUID

from procedures.law import AcceptedType, ClaimNeed, OutcomeClass, RegisterSource, Requirement
from procedures.plan import Filing, Probe, RegisterQuestion
from tests.rules.planning import APPLICANT, CHILD, DOSSIER, RULE, TODAY, filing, holding, requirement, some
from vault.holding import Holding, Origin, Status

TYPES = ("card", "passport", "permit")
CONCEPTS = ("a", "b", "c", "d")
SENSITIVITY = dict(zip(CONCEPTS, (0, 1, 2, 3), strict=True))
Cost = tuple[int, ...]


def random_filing(random: Random) -> Filing:
    """Up to five requirements, six papers and two registers; every rule of eligibility is met and broken."""
    asked = tuple(random_requirement(random, n) for n in range(random.randint(1, 5)))
    held = tuple(random_holding(random, n) for n in range(random.randint(0, 6)))
    probes = {
        RegisterQuestion(database, paper, subject): random.choice(list(Probe))
        for database in ("x", "y")
        for paper in TYPES
        for subject in (APPLICANT, CHILD)
        if random.random() < 0.4
    }
    return filing(
        asked,
        *held,
        parties={"applicant": (APPLICANT,), "filer": (APPLICANT,), "child": (CHILD,)},
        probes=probes,
        health={"x": random.choice((Probe.UP, Probe.DOWN))},
        askable=frozenset(random.sample((APPLICANT, CHILD), random.randint(0, 2))),
        sensitivity=SENSITIVITY,
        attests={
            paper: frozenset(f"{concept}@holder" for concept in random.sample(CONCEPTS, 3))
            for paper in TYPES
            if random.random() < 0.5
        },
        declined=frozenset(one.id for one in asked if random.random() < 0.05),
        overridden=frozenset(one.id for one in asked if random.random() < 0.05),
        excluded_versions=frozenset(one.version for one in held if random.random() < 0.05),
    )


def random_requirement(random: Random, number: int) -> Requirement:
    whole = random.random() < 0.2
    types = random.sample(TYPES, random.randint(1, 3))
    needs = random.sample(CONCEPTS, random.randint(1, 2))
    sources = [
        RegisterSource(database, (paper,), RULE)
        for database in ("x", "y")
        for paper in types
        if random.random() < 0.15
    ]
    return requirement(
        f"r{number}",
        document_type=types[0],
        subject_role=random.choice(("applicant", "applicant", "child")),
        outcome_class=OutcomeClass.SHOW if random.random() < 0.2 else OutcomeClass.EVIDENCE,
        accepts=tuple(AcceptedType(paper) for paper in types),
        registers=tuple(sources),
        claims=() if whole else tuple(ClaimNeed(concept, "holder") for concept in needs),
        whole=whole,
        min_level=random.randint(1, 3),
        max_age_days=random.choice((None, None, 30, 183)),
        self_object=random.random() < 0.1,
        group="group" if random.random() < 0.25 else None,
    )


def random_holding(random: Random, number: int) -> Holding:
    carried = frozenset(f"{concept}@holder" for concept in random.sample(CONCEPTS, random.randint(1, 4)))
    here = random.random() < 0.15
    return holding(
        f"h{number}",
        type=random.choice(TYPES),
        subject=random.choice((APPLICANT, APPLICANT, APPLICANT, CHILD)),
        origin=random.choice((Origin.SELF, Origin.DIGITISED, Origin.ISSUED, Origin.ISSUED)),
        level=random.randint(1, 3),
        status=random.choice((*[Status.VALID] * 9, Status.REVOKED)),
        claims=carried,
        disputed=carried if random.random() < 0.1 else frozenset(),
        bound_to=random.choice((*[None] * 8, DOSSIER, some("other"))),
        deposited_in=DOSSIER if here else None,
        issued_on=random.choice((None, *[TODAY - timedelta(days=days) for days in (3, 29, 100, 400)])),
        valid_until=random.choice((None, None, *[TODAY + timedelta(days=days) for days in (-1, 0, 90)])),
        seen=random.random() < 0.2,
    )


@dataclass(frozen=True)
class Way:
    """One way to meet a requirement, as the brute force sees it."""

    paper: Holding | None = None
    question: RegisterQuestion | None = None
    probe: Probe | None = None
    claims: frozenset[str] = frozenset()
    whole: bool = False
    ask: int = 0
    show: int = 0


def brute_force(filing: Filing) -> Cost:
    slots: dict[str, list[Way]] = {}
    for asked in filing.procedure.requirements:
        slots.setdefault(asked.group or asked.id, []).extend(ways(asked, filing))
    return min(cost(choice, filing) for choice in product(*slots.values()))


def ways(asked: Requirement, filing: Filing) -> list[Way]:
    needs = frozenset(f"{need.concept}@{need.role}" for need in asked.claims)
    papers = [paper for paper in filing.holdings if is_lawful(paper, asked, filing)]
    found = [
        Way(paper=paper, claims=paper.claims if asked.whole else needs, whole=asked.whole) for paper in papers
    ]
    found += readable(asked, needs, filing)
    others = [way for way in found if way.paper is None or way.paper.deposited_in != filing.dossier]
    withheld = asked.id in filing.overridden or bool(asked.id in filing.declined and others)
    if withheld:
        found = [way for way in found if way not in others]
    shown = asked.outcome_class is OutcomeClass.SHOW and not withheld
    return found or [Way(show=1) if shown else Way(ask=1)]


def readable(asked: Requirement, needs: frozenset[str], filing: Filing) -> list[Way]:
    person = filing.parties[asked.subject_role][0]
    found = []
    for source in asked.registers:
        question = RegisterQuestion(source.database, source.document_types[0], person)
        probe = filing.probes.get(question, filing.health.get(source.database, Probe.UP))
        told = needs <= filing.attests.get(question.document_type, needs)
        if told and person in filing.askable and probe not in (Probe.NOT_FOUND, Probe.MISMATCH):
            found.append(Way(question=question, probe=probe, claims=needs, whole=asked.whole))
    return found


def is_lawful(paper: Holding, asked: Requirement, filing: Filing) -> bool:
    shown = asked.outcome_class is OutcomeClass.SHOW
    needs = {f"{need.concept}@{need.role}" for need in asked.claims}
    itself = paper.level < 3 and paper.origin in (Origin.ISSUED, Origin.DIGITISED)
    return (
        paper.type in [accepted.document_type for accepted in asked.accepts]
        and paper.subject in filing.parties[asked.subject_role]
        and paper.status is Status.VALID
        and paper.version not in filing.excluded_versions
        and (paper.bound_to is None or paper.bound_to == filing.dossier)
        and (paper.valid_until is None or paper.valid_until >= filing.on)
        and (asked.max_age_days is None or age(paper, asked, filing))
        and needs <= paper.claims - paper.disputed
        and not (asked.whole and paper.disputed)
        and (itself or not asked.self_object or (not shown and asked.min_level == 3))
        and (paper.level <= min(asked.min_level, 2 if shown else 3) or (shown and paper.seen))
    )


def age(paper: Holding, asked: Requirement, filing: Filing) -> bool:
    days = asked.max_age_days or 0
    return paper.issued_on is not None and paper.issued_on + timedelta(days=days) >= filing.on


def cost(choice: tuple[Way, ...], filing: Filing) -> Cost:
    """(asked, shown, pending, sensitivity, registers, documents, age, claims): requirements that ask, show or wait
    each count, what is disclosed counts once."""
    sensitivity = claims = documents = registers = days = 0
    sources: dict[UUID | RegisterQuestion, list[Way]] = {}
    for way in choice:
        key = way.paper.version if way.paper else way.question
        if key is not None:
            sources.setdefault(key, []).append(way)
    for used in sources.values():
        whole = any(way.whole for way in used)
        paper, question = used[0].paper, used[0].question
        carried = frozenset(claim for way in used for claim in way.claims)
        if whole and paper is not None:
            carried |= paper.claims
        elif whole and question is not None:
            carried |= filing.attests.get(question.document_type, frozenset())
        sensitivity += sum(SENSITIVITY[claim.split("@")[0]] for claim in carried) + whole
        claims += len(carried)
        if paper is not None:
            documents += 1
            days += (filing.on - (paper.issued_on or paper.deposited_at.date())).days
        else:
            registers += 1
            days += used[0].probe is not Probe.FOUND
    asked, shown = sum(way.ask for way in choice), sum(way.show for way in choice)
    pending = sum(way.probe is Probe.DOWN for way in choice)
    return asked, shown, pending, sensitivity, registers, documents, days, claims
