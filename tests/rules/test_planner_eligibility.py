"""Why a held paper does not serve: one row per rule, and what the person is told instead."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from procedures.law import AcceptedType, OutcomeClass
from procedures.plan import Outcome
from procedures.reasons import Code
from tests.rules.planning import (
    DOSSIER,
    NAME,
    NUMBER,
    TODAY,
    filing,
    holding,
    plan_one,
    requirement,
    some,
    why_rejected,
)
from vault.holding import Origin, Status

OLD = {"max_age_days": 183}


@pytest.mark.parametrize(
    ("asked", "held", "code"),
    [
        ({}, {"status": Status.SUPERSEDED}, Code.SUPERSEDED),
        ({}, {"status": Status.REVOKED}, Code.REVOKED),
        ({}, {"status": Status.REMOVED}, Code.REMOVED),
        ({}, {"subject": some("neighbour")}, Code.OTHER_SUBJECT),
        ({}, {"bound_to": some("other dossier")}, Code.OTHER_CASE),
        ({}, {"valid_until": TODAY - timedelta(days=1)}, Code.EXPIRED),
        ({}, {"level": 3}, Code.LEVEL_TOO_LOW),
        ({"min_level": 1}, {"level": 2}, Code.LEVEL_TOO_LOW),
        ({}, {"claims": frozenset({str(NUMBER)})}, Code.CLAIMS_MISSING),
        ({}, {"claims": frozenset({"person.full_name@spouse"})}, Code.CLAIMS_MISSING),
        ({}, {"disputed": frozenset({str(NAME)})}, Code.DISPUTED),
        ({"whole": True, "claims": ()}, {"disputed": frozenset({str(NUMBER)})}, Code.DISPUTED),
        (OLD, {"issued_on": TODAY - timedelta(days=184)}, Code.TOO_OLD),
        (OLD, {"issued_on": None}, Code.AGE_UNKNOWN),
        ({"fresh": True}, {"deposited_in": some("other dossier")}, Code.MADE_BEFORE),
        ({"self_object": True}, {"origin": Origin.SELF, "level": 2}, Code.NOT_THE_ORIGINAL),
        ({"self_object": True}, {"origin": Origin.DIGITISED, "level": 3}, Code.NOT_THE_ORIGINAL),
        (
            {"self_object": True, "outcome_class": OutcomeClass.SHOW},
            {"origin": Origin.SELF, "level": 3, "seen": True},
            Code.NOT_THE_ORIGINAL,
        ),
    ],
)
def test_a_paper_that_does_not_serve_is_rejected_for_this_reason(
    asked: dict[str, Any], held: dict[str, Any], code: Code
) -> None:
    planned = plan_one(filing(requirement(**asked), holding(**held)))
    assert why_rejected(planned) == {some("h"): code}
    assert not planned.used


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({}, {"valid_until": TODAY}),
        ({}, {"level": 2}),
        ({}, {"disputed": frozenset({str(NUMBER)})}),
        ({}, {"bound_to": DOSSIER}),
        (OLD, {"issued_on": TODAY - timedelta(days=183)}),
        ({"fresh": True}, {"deposited_in": DOSSIER}),
        ({"self_object": True}, {"origin": Origin.ISSUED}),
        ({"self_object": True}, {"origin": Origin.DIGITISED, "level": 2}),
        ({"self_object": True, "min_level": 3}, {"origin": Origin.SELF, "level": 3}),
    ],
)
def test_at_the_edge_of_the_rule_the_paper_still_serves(asked: dict[str, Any], held: dict[str, Any]) -> None:
    planned = plan_one(filing(requirement(**asked), holding(**held)))
    assert (planned.satisfied, planned.used[0].version) == (True, some("h"))


def test_a_version_found_unfit_is_out_of_this_dossier() -> None:
    planned = plan_one(filing(requirement(), holding(), excluded_versions=frozenset({some("h")})))
    assert why_rejected(planned) == {some("h"): Code.EXCLUDED}


def test_a_paper_of_no_accepted_type_is_no_candidate_at_all() -> None:
    planned = plan_one(filing(requirement(), holding(type="diary")))
    assert not planned.rejected
    assert planned.reason.code == Code.NOTHING_HELD


def test_evidence_must_last_until_the_decision_where_the_rule_says_so() -> None:
    short = holding(valid_until=TODAY + timedelta(days=5))
    assert plan_one(filing(requirement(), short)).satisfied
    planned = plan_one(filing(requirement(), short, valid_through=TODAY + timedelta(days=6)))
    assert why_rejected(planned) == {some("h"): Code.EXPIRES_TOO_EARLY}


@pytest.mark.parametrize(("days", "warned"), [(0, True), (30, True), (31, False)])
def test_expiring_soon_warns_and_never_asks(days: int, warned: bool) -> None:
    planned = plan_one(filing(requirement(), holding(valid_until=TODAY + timedelta(days=days))))
    assert planned.outcome is Outcome.REUSE
    assert ([one.code for one in planned.warnings] == [Code.EXPIRES_SOON]) is warned


@pytest.mark.parametrize(
    ("min_level", "held", "code"),
    [(2, 3, Code.UPGRADE_BY_CERTIFICATION), (1, 2, Code.UPGRADE_BY_ISSUE)],
)
def test_too_low_a_level_offers_an_upgrade_before_a_new_upload(min_level: int, held: int, code: Code) -> None:
    planned = plan_one(filing(requirement(min_level=min_level), holding(level=held)))
    assert (planned.outcome, planned.satisfied, planned.reason.code) == (Outcome.SUPPLY, False, code)


def test_the_nearest_miss_is_the_one_told() -> None:
    holdings = (
        holding("revoked", status=Status.REVOKED),
        holding("expired", valid_until=date(2026, 1, 1)),
        holding("scan", level=3),
    )
    assert plan_one(filing(requirement(), *holdings)).reason.code == Code.UPGRADE_BY_CERTIFICATION
    assert plan_one(filing(requirement(), *holdings[:2])).reason.code == Code.EXPIRED
    assert plan_one(filing(requirement(), *holdings[:1])).reason.code == Code.REVOKED


def test_legality_is_never_overridden_by_cost() -> None:
    dear = holding("dear", claims=frozenset({"person.secret@holder"}))
    asked = requirement(claims=(NAME.__class__("person.id", "holder"),))
    broader = {"person.secret": "person.id", NUMBER.concept: "person.id"}
    cheap_but_unlawful = [
        holding("revoked", status=Status.REVOKED),
        holding("scan", level=3),
        holding("expired", valid_until=date(2026, 1, 1)),
        holding("theirs", subject=some("neighbour")),
    ]
    planned = plan_one(filing(asked, dear, *cheap_but_unlawful, broader=broader))
    assert planned.used[0].version == some("dear")
    assert len(planned.rejected) == len(cheap_but_unlawful)


def test_of_equal_papers_the_younger_is_used_whatever_the_order() -> None:
    papers = [
        holding("old", issued_on=date(2026, 1, 1)),
        holding("young", issued_on=None, deposited_at=datetime(2026, 11, 30, tzinfo=UTC)),
    ]
    for order in (papers, papers[::-1]):
        assert plan_one(filing(requirement(), *order)).used[0].version == some("young")


def test_a_vault_full_of_copies_is_planned_as_one() -> None:
    copies = [holding(f"copy {n}", issued_on=TODAY - timedelta(days=n)) for n in range(500)]
    asked = tuple(
        requirement(f"r{n}", accepts=(AcceptedType("card"), AcceptedType("passport"))) for n in range(5)
    )
    planned = plan_one(filing(asked, *copies), "r0")
    assert planned.used[0].version == some("copy 0")
    assert len(planned.rejected) == 499
