"""Which outcome a requirement gets, and what the plan then says it uses."""

from datetime import date
from typing import Any

import pytest

from procedures.law import AcceptedType, Channel, ConditionKind, Duty, OutcomeClass
from procedures.plan import Filing, Outcome, Probe, RegisterQuestion
from procedures.planner import plan
from procedures.reasons import Code
from tests.rules.planning import (
    APPLICANT,
    CHILD,
    DOSSIER,
    NAME,
    NUMBER,
    RULE,
    filing,
    holding,
    outcomes,
    plan_one,
    register,
    requirement,
    some,
    when,
    why_rejected,
)
from vault.holding import Origin

QUESTION = RegisterQuestion("population", "card", APPLICANT)
SHOWN = requirement(outcome_class=OutcomeClass.SHOW)


def test_a_held_paper_is_reused_with_only_the_claims_needed() -> None:
    planned = plan_one(filing(requirement(), holding()))
    assert planned.outcome is Outcome.REUSE
    assert planned.satisfied
    assert planned.reason.code == Code.HELD
    (used,) = planned.used
    assert (used.version, used.claims, used.whole, used.rule) == (some("h"), (NAME,), False, None)


def test_a_stand_in_names_the_rule_that_lets_it_stand_in() -> None:
    asked = requirement(accepts=(AcceptedType("card"), AcceptedType("passport", RULE)))
    planned = plan_one(filing(asked, holding(type="passport")))
    assert planned.reason.code == Code.HELD_UNDER_RULE
    assert (planned.used[0].rule, planned.used[0].legal_basis) == (RULE.id, RULE.article)


def test_a_narrower_fact_proves_the_wider_and_is_the_one_disclosed() -> None:
    wide = requirement(claims=(NAME.__class__("person.id", "holder"),))
    planned = plan_one(filing(wide, holding(), broader={NUMBER.concept: "person.id"}))
    assert planned.outcome is Outcome.REUSE
    assert planned.used[0].claims == (NUMBER,)


def test_a_wider_fact_does_not_prove_the_narrower() -> None:
    planned = plan_one(
        filing(
            requirement(claims=(NUMBER,)),
            holding(claims=frozenset({"person.id@holder"})),
            broader={NUMBER.concept: "person.id"},
        )
    )
    assert planned.outcome is Outcome.SUPPLY


def test_nothing_held_and_no_register_is_supplied_by_the_person() -> None:
    planned = plan_one(filing(requirement()))
    assert (planned.outcome, planned.satisfied, planned.reason.code) == (
        Outcome.SUPPLY,
        False,
        Code.NOTHING_HELD,
    )
    assert not planned.used


@pytest.mark.parametrize("probe", [Probe.UP, Probe.FOUND])
def test_a_register_that_answers_is_fetched(probe: Probe) -> None:
    planned = plan_one(filing(requirement(registers=(register(),)), probes={QUESTION: probe}))
    assert (planned.outcome, planned.satisfied) == (Outcome.FETCH, True)
    assert planned.used[0].register == QUESTION
    assert planned.used[0].legal_basis == RULE.article


def test_a_register_is_up_until_something_else_is_known() -> None:
    assert plan_one(filing(requirement(registers=(register(),)))).outcome is Outcome.FETCH


def test_down_is_not_missing() -> None:
    asked = requirement(registers=(register(),))
    planned = plan_one(filing(asked, health={"population": Probe.DOWN}))
    assert (planned.outcome, planned.satisfied) == (Outcome.PENDING_FETCH, True)
    assert planned.reason.code == Code.REGISTER_DOWN
    assert planned.used[0].register == QUESTION


def test_the_answer_about_this_person_outweighs_the_health_of_the_register() -> None:
    asked = requirement(registers=(register(),))
    found = filing(asked, health={"population": Probe.DOWN}, probes={QUESTION: Probe.FOUND})
    assert plan_one(found).outcome is Outcome.FETCH


@pytest.mark.parametrize(
    ("probe", "code"), [(Probe.NOT_FOUND, Code.SOURCE_NOT_FOUND), (Probe.MISMATCH, Code.SOURCE_MISMATCH)]
)
def test_a_register_without_a_right_answer_lets_the_paper_be_asked_and_must_be_corrected(
    probe: Probe, code: Code
) -> None:
    planned = plan_one(filing(requirement(registers=(register(),)), probes={QUESTION: probe}))
    assert (planned.outcome, planned.reason.code) == (Outcome.SUPPLY, code)
    assert [one.reason.code for one in planned.unread] == [code]
    assert Code.SOURCE_MUST_BE_CORRECTED in [one.code for one in planned.warnings]


def test_any_one_register_that_answers_is_enough() -> None:
    asked = requirement(registers=(register("a"), register("b"), register("c")))
    probes = {
        RegisterQuestion("a", "card", APPLICANT): Probe.NOT_FOUND,
        RegisterQuestion("b", "card", APPLICANT): Probe.DOWN,
    }
    planned = plan_one(filing(asked, probes=probes))
    assert planned.outcome is Outcome.FETCH
    assert planned.used[0].register == RegisterQuestion("c", "card", APPLICANT)


def test_one_register_down_and_another_without_the_record_is_still_pending() -> None:
    asked = requirement(registers=(register("a"), register("b")))
    probes = {RegisterQuestion("a", "card", APPLICANT): Probe.NOT_FOUND}
    assert plan_one(filing(asked, probes=probes, health={"b": Probe.DOWN})).outcome is Outcome.PENDING_FETCH


def test_a_register_known_to_have_the_record_is_asked_before_an_unasked_one() -> None:
    asked = requirement(registers=(register("a"), register("b")))
    question = RegisterQuestion("b", "card", APPLICANT)
    assert plan_one(filing(asked, probes={question: Probe.FOUND})).used[0].register == question


def test_nobody_without_a_number_is_asked_about_in_a_register() -> None:
    newborn = requirement(subject_role="child", registers=(register(),))
    parties = {"applicant": (APPLICANT,), "filer": (APPLICANT,), "child": (CHILD,)}
    planned = plan_one(filing(newborn, parties=parties, askable=frozenset({APPLICANT})))
    assert planned.outcome is Outcome.SUPPLY
    assert [one.reason.code for one in planned.unread] == [Code.NOT_ASKABLE]


def test_a_register_answer_that_lacks_a_needed_fact_does_not_serve() -> None:
    asked = requirement(registers=(register(),))
    planned = plan_one(filing(asked, attests={"card": frozenset({str(NUMBER)})}))
    assert planned.outcome is Outcome.SUPPLY
    assert [one.reason.code for one in planned.unread] == [Code.ANSWER_INCOMPLETE]


def test_what_is_held_comes_before_asking_a_register_for_the_same_facts() -> None:
    asked = requirement(registers=(register(),))
    planned = plan_one(filing(asked, holding()))
    assert planned.outcome is Outcome.REUSE
    assert [one.reason.code for one in planned.unread] == [Code.ANOTHER_SERVES]


def test_a_register_that_discloses_less_comes_before_a_whole_paper() -> None:
    asked = requirement(claims=(), whole=True, registers=(register(),))
    found = filing(asked, holding(), attests={"card": frozenset({str(NAME)})})
    assert plan_one(found).outcome is Outcome.FETCH


def test_what_is_held_comes_before_waiting_for_a_register() -> None:
    asked = requirement(registers=(register(),), claims=(NAME, NUMBER))
    assert plan_one(filing(asked, holding(), health={"population": Probe.DOWN})).outcome is Outcome.REUSE


def test_of_two_papers_the_one_disclosing_less_is_used_and_the_other_explained() -> None:
    spare = holding("spare", claims=frozenset({"person.secret@holder"}), type="passport")
    asked = requirement(
        claims=(NAME.__class__("person.id", "holder"),),
        accepts=(AcceptedType("card"), AcceptedType("passport")),
    )
    broader = {"person.secret": "person.id", NUMBER.concept: "person.id"}
    planned = plan_one(filing(asked, spare, holding("open"), broader=broader))
    assert planned.used[0].version == some("open")
    assert why_rejected(planned) == {some("spare"): Code.ANOTHER_SERVES}


def test_one_paper_for_two_requirements_is_opened_once() -> None:
    both = (requirement("a"), requirement("b", accepts=(AcceptedType("card"), AcceptedType("passport"))))
    younger = holding("younger", type="passport", issued_on=date(2026, 11, 30))
    found = plan(filing(both, holding(), younger))
    assert {one.used[0].version for one in found.planned} == {some("h")}


def test_a_paper_given_whole_serves_the_rest_at_no_further_cost() -> None:
    whole = requirement("whole", claims=(), whole=True)
    part = requirement("part", claims=(NUMBER,), accepts=(AcceptedType("card"), AcceptedType("passport")))
    cheap = holding("cheap", type="passport", claims=frozenset({str(NUMBER)}))
    found = plan(filing((whole, part), holding(), cheap))
    assert {one.used[0].version for one in found.planned} == {some("h")}


# Deposited in this very dossier


def test_a_paper_supplied_in_this_dossier_stays_supplied_and_is_enough() -> None:
    planned = plan_one(filing(requirement(), holding(deposited_in=DOSSIER, level=2, origin=Origin.DIGITISED)))
    assert (planned.outcome, planned.satisfied, planned.reason.code) == (
        Outcome.SUPPLY,
        True,
        Code.SUPPLIED_HERE,
    )
    assert planned.used[0].version == some("h")


def test_a_paper_from_another_dossier_is_a_reuse() -> None:
    assert plan_one(filing(requirement(), holding(deposited_in=some("other")))).outcome is Outcome.REUSE


def test_before_a_dossier_exists_nothing_counts_as_supplied_in_it() -> None:
    assert plan_one(filing(requirement(), holding(), dossier=None)).outcome is Outcome.REUSE


def test_a_registers_answer_kept_for_the_dossier_is_never_a_paper() -> None:
    kept = holding(origin=Origin.REGISTER, bound_to=DOSSIER, deposited_in=DOSSIER)
    assert plan_one(filing(requirement(), kept)).outcome is Outcome.SUPPLY


# Declined, overridden


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"declined": frozenset({"r"})}, Code.DECLINED),
        ({"overridden": frozenset({"r"})}, Code.OVERRIDDEN),
    ],
)
def test_withheld_from_reuse_the_person_supplies_it_and_the_upload_is_enough(
    changes: dict[str, Any], code: Code
) -> None:
    asked = requirement(registers=(register(),))
    planned = plan_one(filing(asked, holding(), **changes))
    assert (planned.outcome, planned.satisfied, planned.reason.code) == (Outcome.SUPPLY, False, code)
    assert why_rejected(planned) == {some("h"): code}
    assert [one.reason.code for one in planned.unread] == [code]

    supplied = plan_one(filing(asked, holding(), holding("new", deposited_in=DOSSIER), **changes))
    assert (supplied.outcome, supplied.satisfied, supplied.reason.code) == (Outcome.SUPPLY, True, code)
    assert supplied.used[0].version == some("new")


def test_declining_what_is_not_held_changes_nothing() -> None:
    planned = plan_one(filing(requirement(), declined=frozenset({"r"})))
    assert planned.reason.code == Code.NOTHING_HELD


# Shown, handed in, declared, not asked


@pytest.mark.parametrize(
    ("level", "seen", "expected"),
    [
        (1, False, Outcome.REUSE),
        (2, False, Outcome.REUSE),
        (3, True, Outcome.REUSE),
        (3, False, Outcome.SHOW),
    ],
)
def test_an_original_is_shown_at_most_once(level: int, seen: bool, expected: Outcome) -> None:
    planned = plan_one(filing(SHOWN, holding(level=level, seen=seen)))
    assert (planned.outcome, planned.satisfied) == (expected, True)
    assert planned.used[0].version == some("h")


def test_showing_accepts_no_self_made_copy_even_where_the_level_would() -> None:
    planned = plan_one(filing(requirement(outcome_class=OutcomeClass.SHOW, min_level=3), holding(level=3)))
    assert planned.outcome is Outcome.SHOW


def test_an_original_still_to_be_shown_is_named_but_nothing_of_it_disclosed() -> None:
    planned = plan_one(filing(SHOWN, holding(level=3)))
    assert planned.reason.code == Code.SHOW_HELD_ORIGINAL
    assert (planned.used[0].claims, planned.used[0].whole) == ((), False)
    assert why_rejected(planned) == {some("h"): Code.NOT_SEEN}


def test_with_nothing_held_the_original_is_shown_at_the_counter() -> None:
    planned = plan_one(filing(SHOWN))
    assert (planned.outcome, planned.satisfied, planned.reason.code) == (
        Outcome.SHOW,
        True,
        Code.SHOW_ORIGINAL,
    )


def test_a_readable_register_spares_the_showing() -> None:
    asked = requirement(outcome_class=OutcomeClass.SHOW, registers=(register(),))
    assert plan_one(filing(asked, holding(level=3))).outcome is Outcome.FETCH


def test_a_register_down_spares_the_showing_until_it_answers() -> None:
    asked = requirement(outcome_class=OutcomeClass.SHOW, registers=(register(),))
    assert plan_one(filing(asked, health={"population": Probe.DOWN})).outcome is Outcome.PENDING_FETCH


def test_an_original_shown_for_this_dossier_stays_a_showing() -> None:
    planned = plan_one(filing(SHOWN, holding(deposited_in=DOSSIER, level=2)))
    assert (planned.outcome, planned.reason.code) == (Outcome.SHOW, Code.SHOWN_HERE)


def test_an_original_to_hand_in_is_named_when_held_whatever_its_level() -> None:
    asked = requirement(outcome_class=OutcomeClass.SURRENDER, self_object=True)
    old = holding("old", level=3, valid_until=date(2020, 1, 1))
    planned = plan_one(filing(asked, old))
    assert (planned.outcome, planned.satisfied) == (Outcome.SURRENDER, True)
    assert (planned.used[0].version, planned.used[0].claims) == (some("old"), ())
    assert plan_one(filing(asked)).outcome is Outcome.SURRENDER


def test_a_form_is_the_persons_to_fill_and_not_the_planners_to_judge() -> None:
    planned = plan_one(filing(requirement(outcome_class=OutcomeClass.FORM, accepts=())))
    assert (planned.outcome, planned.satisfied) == (Outcome.FORM, True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"outcome_class": OutcomeClass.GENERATED}, Code.GENERATED),
        ({"outcome_class": OutcomeClass.NOT_REQUIRED}, Code.NOT_REQUIRED),
        ({"duty": Duty.NOT_REQUIRED}, Code.NOT_REQUIRED),
        ({"duty": Duty.CONDITIONAL}, Code.CONDITION_UNPUBLISHED),
        ({"duty": Duty.CONDITIONAL, "condition": when(ConditionKind.NOTE)}, Code.CONDITION_UNPUBLISHED),
        (
            {"condition": when(ConditionKind.CHANNEL, channels=frozenset({Channel.IN_PERSON}))},
            Code.CHANNEL,
        ),
    ],
)
def test_what_is_not_asked_for_is_not_applicable_and_says_why(changes: dict[str, Any], code: Code) -> None:
    planned = plan_one(filing(requirement(**changes), holding()))
    assert (planned.outcome, planned.satisfied, planned.reason.code) == (Outcome.NOT_APPLICABLE, True, code)
    assert not planned.used


def test_the_plan_lists_requirements_in_catalogue_order() -> None:
    asked = tuple(requirement(name) for name in ("z", "a", "m"))
    assert list(outcomes(plan(filing(asked)))) == ["z", "a", "m"]


def test_only_what_the_person_still_has_to_bring_counts_as_to_supply() -> None:
    asked = (requirement("a"), requirement("b", accepts=(AcceptedType("passport"),)))
    found: Filing = filing(asked, holding(deposited_in=DOSSIER))
    assert plan(found).to_supply == 1
