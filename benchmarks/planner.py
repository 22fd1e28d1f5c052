"""How long one plan takes: `python -m benchmarks.planner [--seed N] [--filings N]`.

Random filings shaped like the catalogue's: a requirement accepts a few types and needs a few claims, a third can
be read in a register, papers serve several requirements. CPU time of `plan` alone, one filing at a time, nothing
kept warm between filings but the interpreter.
"""

import argparse
import random
import time
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from procedures.law import (
    AcceptedType,
    Channel,
    ClaimNeed,
    Duty,
    OutcomeClass,
    Procedure,
    RegisterSource,
    Requirement,
    Rule,
    Text,
    TimeLimit,
)
from procedures.plan import Filing
from procedures.planner import plan
from vault.holding import Holding, Origin, Status

SIZES = ((15, 30), (30, 60), (40, 120))
GOAL_MS = {(30, 60): 20.0}
"""p95 of CPU time; the other sizes are printed for comparison."""

TYPES = tuple(f"type-{n}" for n in range(40))
CONCEPTS = tuple(f"concept-{n}" for n in range(16))
RULE = Rule("rule", "article")
TODAY = date(2026, 12, 1)
PERSON = UUID(int=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--filings", type=int, default=200)
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.filings} filings of each size, CPU time of plan()")
    print("requirements/papers    p50 ms    p95 ms    max ms   optimal   goal p95")
    source = Random(given.seed)
    for asked, held in SIZES:
        times, optimal = measure(source, asked, held, given.filings)
        goal = GOAL_MS.get((asked, held))
        met = f"{'met' if times[percentile(95, times)] <= goal else 'MISSED'} ({goal:g})" if goal else ""
        figures = "".join(f"{times[percentile(p, times)]:10.2f}" for p in (50, 95, 100))
        print(f"{asked:12d}/{held:<7d}{figures}{optimal:9.1%}   {met}")


def measure(source: Random, asked: int, held: int, count: int) -> tuple[list[float], float]:
    """Sorted milliseconds of CPU time, and the share of plans proven optimal."""
    times, optimal = [], 0
    plan(random_filing(source, asked, held))
    for _ in range(count):
        filing = random_filing(source, asked, held)
        start = time.process_time()
        found = plan(filing)
        times.append((time.process_time() - start) * 1_000)
        optimal += found.optimal
    return sorted(times), optimal / count


def percentile(percent: int, values: list[float]) -> int:
    return min(len(values) * percent // 100, len(values) - 1)


def random_filing(source: Random, asked: int, held: int) -> Filing:
    described = {paper: source.sample(CONCEPTS, source.randint(4, 10)) for paper in TYPES}
    return Filing(
        procedure=Procedure(
            id="procedure",
            code=None,
            name=Text("procedure"),
            field="field",
            requirements=tuple(_requirement(source, n, described) for n in range(asked)),
            situations=(),
            fees=(),
            time_limit=TimeLimit(None, None, None),
            legal_basis=(),
            executing_agency_types=(),
            reception_agency_types=(),
            result_types=(),
            form=None,
        ),
        on=TODAY,
        channel=Channel.ONLINE,
        parties={"applicant": (PERSON,), "filer": (PERSON,)},
        holdings=tuple(_holding(source, n, described) for n in range(held)),
        dossier=UUID(int=2),
        askable=frozenset({PERSON}),
        sensitivity={concept: n % 4 for n, concept in enumerate(CONCEPTS)},
    )


def _requirement(source: Random, number: int, described: dict[str, list[str]]) -> Requirement:
    first = source.choice(TYPES)
    needs = source.sample(described[first], source.randint(1, 4))
    others = [paper for paper in TYPES if set(needs) & set(described[paper]) and paper != first]
    accepted = [first, *source.sample(others, min(len(others), source.randint(0, 5)))]
    whole = source.random() < 0.15
    return Requirement(
        id=f"r{number:02d}",
        name=Text("requirement"),
        document_type=first,
        subject_role="applicant",
        outcome_class=OutcomeClass.SHOW if source.random() < 0.15 else OutcomeClass.EVIDENCE,
        duty=Duty.MANDATORY,
        accepts=tuple(AcceptedType(paper) for paper in accepted),
        registers=(RegisterSource("register", (first,), RULE),) if source.random() < 0.35 else (),
        claims=() if whole else tuple(ClaimNeed(concept, "holder") for concept in needs),
        whole=whole,
        min_level=source.randint(2, 3),
    )


def _holding(source: Random, number: int, described: dict[str, list[str]]) -> Holding:
    paper = source.choice(TYPES)
    issued = TODAY - timedelta(days=source.randint(1, 2_000))
    return Holding(
        document=UUID(int=1_000 + number),
        version=UUID(int=source.getrandbits(128)),
        number=1,
        type=paper,
        subject=PERSON,
        origin=Origin.ISSUED,
        level=source.choice((1, 1, 2, 3)),
        status=Status.VALID,
        claims=frozenset(f"{concept}@holder" for concept in described[paper]),
        disputed=frozenset(),
        object_key=None,
        bound_to=None,
        deposited_in=None,
        deposited_at=datetime.combine(issued, datetime.min.time(), UTC),
        issued_on=issued,
        valid_until=source.choice((None, None, TODAY + timedelta(days=source.randint(-100, 900)))),
        seen=False,
    )


if __name__ == "__main__":
    main()
