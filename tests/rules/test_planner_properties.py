"""What holds for every plan: the optimum, soundness, and that nothing is decided by chance or left unexplained."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from procedures.law import Law, Requirement
from procedures.plan import Filing, Outcome, Plan, Planned, Probe
from procedures.planner import plan
from procedures.planning.disclosure import ASK, CLAIM, DAY, DOCUMENT, PENDING, REGISTER, SENSITIVITY, SHOW
from procedures.reasons import Code, words
from tests.rules.planning import DOSSIER, holding, some
from tests.rules.random_filings import (
    CONCEPTS,
    Cost,
    brute_force,
    is_lawful,
    random_filing,
    random_holding,
    ways,
)
from tests.size import seed, sized
from vault.holding import Holding, Status

randoms = st.randoms(use_true_random=False)
property_of_plans = settings(max_examples=sized(100, 1_000), deadline=None, database=None)
ALL_CLAIMS = frozenset(f"{concept}@holder" for concept in CONCEPTS)
NO_LAW = Law(date(2026, 12, 1), "v", {}, {}, {}, {}, {}, {})


def unpacked(cost: int) -> Cost:
    """The planner's integer as the tuple the brute force counts."""
    fields = []
    for unit in (ASK, SHOW, PENDING, SENSITIVITY, REGISTER, DOCUMENT, DAY, CLAIM):
        amount, cost = divmod(cost, unit)
        fields.append(amount)
    return tuple(fields)


def versions_of(planned: Planned) -> set[UUID]:
    return {used.version for used in planned.used if used.version is not None}


def used_versions(found: Plan) -> set[UUID]:
    return {version for one in found.planned for version in versions_of(one)}


def with_paper(filing: Filing, *papers: Holding) -> Filing:
    return replace(filing, holdings=(*filing.holdings, *papers))


def fitting(asked: Requirement, filing: Filing, **changes: Any) -> Holding:
    """A paper that surely serves."""
    return holding(
        f"fits {asked.id}",
        type=asked.document_type,
        subject=filing.parties[asked.subject_role][0],
        claims=ALL_CLAIMS,
        issued_on=filing.on,
        **changes,
    )


def test_equals_brute_force() -> None:
    chosen, count = seed(), sized(2_000, 10_000)
    print(f"seed {chosen}, {count} filings")
    random = Random(chosen)
    for _ in range(count):
        filing = random_filing(random)
        found = plan(filing)
        assert found.optimal
        assert unpacked(found.cost) == brute_force(filing), filing
        assert found.lower_bound == found.cost


@property_of_plans
@given(randoms)
def test_every_paper_used_is_lawful_and_every_outcome_has_its_evidence(random: Random) -> None:
    filing = random_filing(random)
    asked = {one.id: one for one in filing.procedure.requirements}
    held = {one.version: one for one in filing.holdings}
    for planned in plan(filing).planned:
        fetched = [used.register for used in planned.used if used.register is not None]
        assert bool(fetched) == (planned.outcome in (Outcome.FETCH, Outcome.PENDING_FETCH))
        for used in planned.used:
            if used.version is None or planned.reason.code == Code.SHOW_HELD_ORIGINAL:
                continue
            paper = held[used.version]
            assert is_lawful(paper, asked[planned.requirement], filing)
            assert {str(claim) for claim in used.claims} <= paper.claims
            before = paper.deposited_in != filing.dossier
            assert before == (planned.outcome is Outcome.REUSE)


@property_of_plans
@given(randoms)
def test_nobody_is_asked_for_what_a_plan_without_asking_could_bring(random: Random) -> None:
    filing = random_filing(random)
    by_id = {one.id: one for one in filing.procedure.requirements}
    for planned in plan(filing).planned:
        if planned.outcome is Outcome.SUPPLY and not planned.satisfied:
            group = by_id[planned.requirement].group
            members = [r for r in by_id.values() if group and r.group == group] or [
                by_id[planned.requirement]
            ]
            assert all(way.ask for member in members for way in ways(member, filing))


@property_of_plans
@given(randoms)
def test_each_slot_is_met_exactly_once(random: Random) -> None:
    filing = random_filing(random)
    found = plan(filing).by_requirement()
    slots: dict[str, list[str]] = {}
    for one in filing.procedure.requirements:
        slots.setdefault(one.group or one.id, []).append(one.id)
    for members in slots.values():
        assert sum(found[name].outcome is not Outcome.NOT_APPLICABLE for name in members) == 1


@property_of_plans
@given(randoms)
def test_no_used_paper_can_be_left_out(random: Random) -> None:
    filing = replace(random_filing(random), declined=frozenset(), overridden=frozenset())
    found = plan(filing)
    for version in used_versions(found):
        without = plan(replace(filing, excluded_versions=filing.excluded_versions | {version}))
        assert without.cost >= found.cost


@property_of_plans
@given(randoms)
def test_one_more_paper_never_costs_more(random: Random) -> None:
    # A decision against what is held is the exception: a paper of a rank declared absent brings that rank back,
    # and where the person declined it or an officer overrode it, somebody is asked because somebody chose so.
    filing = replace(random_filing(random), declined=frozenset(), overridden=frozenset())
    more = with_paper(filing, random_holding(random, 99))
    assert plan(more).cost <= plan(filing).cost


@property_of_plans
@given(randoms)
def test_no_order_changes_the_plan(random: Random) -> None:
    filing = random_filing(random)
    asked = [
        replace(
            one,
            accepts=tuple(random.sample(one.accepts, len(one.accepts))),
            registers=tuple(random.sample(one.registers, len(one.registers))),
        )
        for one in filing.procedure.requirements
    ]
    shuffled = replace(
        filing,
        procedure=replace(filing.procedure, requirements=tuple(random.sample(asked, len(asked)))),
        holdings=tuple(random.sample(filing.holdings, len(filing.holdings))),
    )
    one, other = plan(filing), plan(shuffled)
    assert one.cost == other.cost
    assert {p.requirement: (p.outcome, p.reason, p.used) for p in one.planned} == {
        p.requirement: (p.outcome, p.reason, p.used) for p in other.planned
    }


@property_of_plans
@given(randoms)
def test_planning_twice_gives_the_same_plan(random: Random) -> None:
    filing = random_filing(random)
    assert plan(filing) == plan(filing)


@property_of_plans
@given(randoms)
def test_once_everything_asked_is_supplied_nothing_more_is_asked(random: Random) -> None:
    filing = random_filing(random)
    missing = [one.requirement for one in plan(filing).planned if not one.satisfied]
    supplied = [
        fitting(one, filing, deposited_in=DOSSIER)
        for one in filing.procedure.requirements
        if one.id in missing
    ]
    after = plan(with_paper(filing, *supplied))
    assert after.to_supply == 0
    assert all(one.satisfied for one in after.planned)
    for name in missing:
        assert after.by_requirement()[name].outcome in (Outcome.SUPPLY, Outcome.SHOW, Outcome.NOT_APPLICABLE)


@property_of_plans
@given(randoms)
def test_a_paper_that_expires_in_mid_procedure_is_out_of_the_next_plan(random: Random) -> None:
    filing = random_filing(random)
    filing = with_paper(filing, fitting(filing.procedure.requirements[0], filing))
    used = {v for one in plan(filing).planned if one.outcome is not Outcome.SHOW for v in versions_of(one)}
    lapsed = filing.on - timedelta(days=1)
    later = replace(
        filing,
        holdings=tuple(replace(h, valid_until=lapsed) if h.version in used else h for h in filing.holdings),
    )
    after = plan(later)
    assert not used_versions(after) & used
    expired = {r.version for one in after.planned for r in one.rejected if r.reason.code == Code.EXPIRED}
    assert used <= expired


@property_of_plans
@given(randoms)
def test_no_saving_makes_an_unlawful_paper_serve(random: Random) -> None:
    filing = random_filing(random)
    breaches: list[dict[str, Any]] = [
        {"status": Status.REVOKED},
        {"subject": some("neighbour")},
        {"bound_to": some("other")},
        {"valid_until": filing.on - timedelta(days=1)},
    ]
    cheap = [
        replace(random_holding(random, 100 + n), claims=ALL_CLAIMS, issued_on=filing.on, **breach)
        for n, breach in enumerate(breaches)
    ]
    tempted = plan(with_paper(filing, *cheap))
    assert tempted.cost == plan(filing).cost
    assert not used_versions(tempted) & {one.version for one in cheap}


@property_of_plans
@given(randoms)
def test_every_candidate_is_explained_in_words(random: Random) -> None:
    filing = random_filing(random)
    found = plan(filing)
    for asked, planned in zip(filing.procedure.requirements, found.planned, strict=True):
        types = {accepted.document_type for accepted in asked.accepts}
        candidates = {h.version for h in filing.holdings if h.type in types}
        spoken_of = {used.version for used in planned.used} | {one.version for one in planned.rejected}
        if planned.reason.code != Code.ANOTHER_OF_GROUP:
            assert candidates <= spoken_of
        questions = {used.register for used in planned.used} | {one.register for one in planned.unread}
        if planned.reason.code != Code.ANOTHER_OF_GROUP:
            assert {source.database for source in asked.registers} <= {q.database for q in questions if q}
        for reason in (
            planned.reason,
            *planned.warnings,
            *(one.reason for one in planned.rejected),
            *(one.reason for one in planned.unread),
        ):
            assert words(reason, "vi", NO_LAW)
            assert words(reason, "en", NO_LAW)


@property_of_plans
@given(randoms)
def test_a_register_going_down_never_turns_into_an_ask(random: Random) -> None:
    filing = random_filing(random)
    down = replace(
        filing,
        health={"x": Probe.DOWN, "y": Probe.DOWN},
        probes={q: p for q, p in filing.probes.items() if p in (Probe.NOT_FOUND, Probe.MISMATCH)},
    )
    up = replace(down, health={})
    assert plan(down).to_supply == plan(up).to_supply
