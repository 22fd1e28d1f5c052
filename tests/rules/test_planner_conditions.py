"""Which requirements are live: situations, mandates, ranks; and which questions are still worth asking."""

from datetime import date
from typing import Any

import pytest

from procedures.law import AcceptedType, Channel, Condition, ConditionKind, OutcomeClass, Requirement
from procedures.plan import Filing, Outcome, Probe, RegisterQuestion
from procedures.planner import plan
from procedures.reasons import Code
from tests.rules.planning import (
    APPLICANT,
    filing,
    holding,
    outcomes,
    plan_one,
    register,
    requirement,
    situation,
    some,
    when,
)
from vault.holding import Status

S, T = situation("s"), situation("t")
SITUATION, FALLBACK, MANDATE, UNREADABLE = (
    ConditionKind.SITUATION,
    ConditionKind.FALLBACK,
    ConditionKind.MANDATE,
    ConditionKind.UNREADABLE,
)


def asked_when(condition: Condition, answers: dict[str, bool]) -> Filing:
    return filing(requirement(condition=condition), situations=(S, T), answers=answers)


@pytest.mark.parametrize(
    ("match_all", "answers", "live", "asked"),
    [
        (True, {}, True, ("s", "t")),
        (True, {"s": True}, True, ("t",)),
        (True, {"s": True, "t": False}, True, ()),
        (True, {"s": False}, False, ()),
        (True, {"t": True}, False, ()),
        (False, {}, True, ("s", "t")),
        (False, {"s": False}, True, ("t",)),
        (False, {"s": True}, True, ()),
        (False, {"s": False, "t": True}, False, ()),
    ],
)
def test_unanswered_counts_as_yes_and_is_asked_only_while_it_matters(
    match_all: bool, answers: dict[str, bool], live: bool, asked: tuple[str, ...]
) -> None:
    found = plan(asked_when(when(SITUATION, ("s", True), ("t", False), match_all=match_all), answers))
    assert (found.planned[0].outcome is not Outcome.NOT_APPLICABLE) is live
    assert found.open_situations == asked
    assert live or found.planned[0].reason.code == Code.SITUATION


def test_a_situation_no_requirement_depends_on_is_not_asked() -> None:
    assert plan(filing(requirement(), situations=(S,))).open_situations == ()


def test_a_situation_of_a_paper_the_law_dropped_is_not_asked() -> None:
    gone = requirement(outcome_class=OutcomeClass.NOT_REQUIRED, condition=when(SITUATION, ("s", True)))
    assert plan(filing(gone, situations=(S,))).open_situations == ()


@pytest.mark.parametrize(
    ("changes", "answered"),
    [
        ({}, True),
        ({"status": Status.REVOKED}, False),
        ({"valid_until": date(2026, 1, 1)}, False),
        ({"subject": some("neighbour")}, False),
        ({"bound_to": some("other dossier")}, False),
        ({"type": "diary"}, False),
    ],
)
def test_a_valid_holding_of_the_named_type_answers_yes(changes: dict[str, Any], answered: bool) -> None:
    by_record = situation("s", held="record")
    record = holding(**{"type": "record", **changes})
    found = plan(
        filing(requirement(condition=when(SITUATION, ("s", False))), record, situations=(by_record,))
    )
    assert (found.planned[0].outcome is Outcome.NOT_APPLICABLE) is answered
    assert (found.open_situations == ()) is answered


def test_the_persons_own_answer_stands_before_what_a_holding_suggests() -> None:
    by_record = situation("s", held="record")
    asked = requirement(condition=when(SITUATION, ("s", True)))
    found = filing(asked, holding(type="record"), situations=(by_record,), answers={"s": False})
    assert plan_one(found).outcome is Outcome.NOT_APPLICABLE


# Computed conditions


@pytest.mark.parametrize(
    ("relation", "recorded", "code"),
    [
        ("self", False, Code.FILER_IS_APPLICANT),
        ("father", False, Code.FILER_IN_OWN_RIGHT),
        ("spouse", False, Code.FILER_NEEDS_NO_PAPER),
        ("proxy", True, Code.MANDATE_RECORDED),
        ("proxy", False, None),
        ("sibling", False, None),
    ],
)
def test_authority_is_asked_only_of_who_needs_it(relation: str, recorded: bool, code: Code | None) -> None:
    authority = requirement(
        condition=when(
            MANDATE, own_right_filers=frozenset({"father"}), no_paper_relations=frozenset({"spouse"})
        )
    )
    mandates = frozenset({"r"}) if recorded else frozenset()
    planned = plan_one(filing(authority, filer_relation=relation, mandates=mandates))
    expected = (Outcome.SUPPLY, Code.NOTHING_HELD) if code is None else (Outcome.NOT_APPLICABLE, code)
    assert (planned.outcome, planned.reason.code) == expected


@pytest.mark.parametrize(
    ("channel", "health", "expected"),
    [
        (Channel.ONLINE, Probe.UP, Outcome.NOT_APPLICABLE),
        (Channel.IN_PERSON, Probe.UP, Outcome.FETCH),
        (Channel.IN_PERSON, Probe.DOWN, Outcome.PENDING_FETCH),
        (Channel.IN_PERSON, Probe.NOT_FOUND, Outcome.SUPPLY),
    ],
)
def test_asked_only_if_unreadable_is_met_by_reading(
    channel: Channel, health: Probe, expected: Outcome
) -> None:
    unreadable = when(UNREADABLE, databases=("population",), channels=frozenset({Channel.IN_PERSON}))
    asked = requirement(condition=unreadable, registers=(register(),))
    probes = {RegisterQuestion("population", "card", APPLICANT): health}
    assert plan_one(filing(asked, channel=channel, probes=probes)).outcome is expected


def test_a_paper_whose_register_no_rule_allows_any_more_is_asked_for() -> None:
    assert plan_one(filing(requirement(condition=when(UNREADABLE)))).outcome is Outcome.SUPPLY


# Ranks of alternatives


def ranked(**first: Any) -> tuple[Requirement, ...]:
    """A birth notification, failing that witnesses, failing that a sworn statement."""
    witnesses = when(FALLBACK, ("s", False), higher_components=("one",))
    sworn = when(FALLBACK, ("s", False), ("t", False), higher_components=("one", "two"))
    return (
        requirement("one", group="birth", **first),
        requirement("two", group="birth", rank=2, accepts=(AcceptedType("witness"),), condition=witnesses),
        requirement("three", group="birth", rank=3, accepts=(AcceptedType("sworn"),), condition=sworn),
    )


def live_rank(found: Filing) -> str:
    live = [name for name, outcome in outcomes(plan(found)).items() if outcome != "NOT_APPLICABLE"]
    (only,) = live
    return only


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, "one"),
        ({"answers": {"s": True}}, "one"),
        ({"answers": {"s": False}}, "two"),
        ({"answers": {"s": False, "t": True}}, "two"),
        ({"answers": {"s": False, "t": False}}, "three"),
        ({"answers": {"t": False}}, "one"),
        ({"declared_absent": frozenset({"one"})}, "two"),
        ({"declared_absent": frozenset({"one", "two"})}, "three"),
        ({"declared_absent": frozenset({"two"})}, "one"),
        ({"declared_absent": frozenset({"one"}), "answers": {"s": True}}, "one"),
        ({"declared_absent": frozenset({"one", "two", "three"})}, "three"),
    ],
)
def test_exactly_one_rank_is_live_and_a_higher_one_leaves_only_by_declaration(
    changes: dict[str, Any], live: str
) -> None:
    assert live_rank(filing(ranked(), situations=(S, T), **changes)) == live


def test_rank_comes_before_cost() -> None:
    held_lower = holding(type="witness")
    found = filing(ranked(), held_lower, situations=(S, T))
    assert outcomes(plan(found))["one"] == "SUPPLY"


def test_the_lower_ranks_and_the_declared_absent_say_why_they_are_not_asked() -> None:
    planned = plan(filing(ranked(), situations=(S, T), answers={"s": False})).by_requirement()
    assert planned["one"].reason.code == Code.DECLARED_ABSENT
    assert planned["three"].reason.code == Code.HIGHER_RANK


@pytest.mark.parametrize("held", [True, False])
def test_data_outweigh_the_declaration_that_a_paper_does_not_exist(held: bool) -> None:
    papers = (holding(),) if held else ()
    sources = () if held else (register(),)
    found = filing(ranked(registers=sources), *papers, situations=(S, T), answers={"s": False, "t": False})
    planned = plan(found).by_requirement()
    assert live_rank(found) == "one"
    assert [one.code for one in planned["one"].warnings] == [Code.DECLARATION_CONTRADICTED]


@pytest.mark.parametrize("probe", [Probe.DOWN, Probe.NOT_FOUND])
def test_silence_of_a_register_does_not_contradict_the_declaration(probe: Probe) -> None:
    probes = {RegisterQuestion("population", "card", APPLICANT): probe}
    found = filing(ranked(registers=(register(),)), situations=(S, T), answers={"s": False}, probes=probes)
    assert live_rank(found) == "two"


def test_questions_about_lower_ranks_are_asked_one_after_the_other() -> None:
    def asked(answers: dict[str, bool]) -> tuple[str, ...]:
        return plan(filing(ranked(), situations=(S, T), answers=answers)).open_situations

    assert asked({}) == ("s",)
    assert asked({"s": False}) == ("t",)
    assert asked({"s": True}) == ()


def test_a_held_paper_of_the_first_rank_leaves_nothing_to_ask() -> None:
    assert plan(filing(ranked(), holding(), situations=(S, T))).open_situations == ()


# Alternatives of one rank


def pair(**second: Any) -> tuple[Requirement, ...]:
    return (
        requirement("passport", group="identity", accepts=(AcceptedType("passport"),)),
        requirement("card", group="identity", **second),
    )


def test_of_equal_alternatives_the_one_already_held_serves() -> None:
    found = plan(filing(pair(), holding())).by_requirement()
    assert found["card"].outcome is Outcome.REUSE
    assert found["passport"].outcome is Outcome.NOT_APPLICABLE
    assert found["passport"].reason.code == Code.ANOTHER_OF_GROUP


def test_of_equal_alternatives_only_one_is_asked_for() -> None:
    found = outcomes(plan(filing(pair())))
    assert found == {"card": "SUPPLY", "passport": "NOT_APPLICABLE"}


def test_of_equal_alternatives_one_declared_absent_leaves_the_other() -> None:
    found = outcomes(plan(filing(pair(), declared_absent=frozenset({"card"}))))
    assert found == {"card": "NOT_APPLICABLE", "passport": "SUPPLY"}


def test_of_equal_alternatives_a_register_spares_the_person() -> None:
    found = outcomes(plan(filing(pair(registers=(register(),)))))
    assert found == {"card": "FETCH", "passport": "NOT_APPLICABLE"}
