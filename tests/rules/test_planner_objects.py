"""Whose paper serves, and about which parcel, building, event or case."""

from typing import Any
from uuid import UUID

import pytest

from procedures.law import AcceptedType, ObjectKind
from procedures.plan import Outcome
from procedures.reasons import Code
from tests.rules.planning import (
    APPLICANT,
    CHILD,
    DOSSIER,
    filing,
    holding,
    plan_one,
    register,
    requirement,
    some,
    why_rejected,
)
from vault.holding import Holding


def test_a_thing_is_looked_up_with_the_applicant_when_nobody_else_is_named() -> None:
    assert plan_one(filing(requirement(subject_role="land_user"), holding())).outcome is Outcome.REUSE


def test_a_named_party_is_looked_up_instead_of_the_applicant() -> None:
    parties = {"applicant": (APPLICANT,), "filer": (APPLICANT,), "land_user": (CHILD,)}
    planned = plan_one(filing(requirement(subject_role="land_user"), holding(), parties=parties))
    assert planned.outcome is Outcome.SUPPLY
    assert why_rejected(planned) == {some("h"): Code.OTHER_SUBJECT}


@pytest.mark.parametrize(
    "role", ["child", "father", "mother", "spouse", "deceased", "seller", "other:mortgagee"]
)
def test_a_person_the_filing_does_not_name_must_be_named_first(role: str) -> None:
    asked = requirement(subject_role=role, registers=(register(),))
    planned = plan_one(filing(asked, holding()))
    assert (planned.outcome, planned.satisfied) == (Outcome.SUPPLY, False)
    assert (planned.reason.code, planned.reason.params) == (Code.PARTY_UNKNOWN, {"role": role})


def test_any_of_several_parties_in_a_role_may_hold_the_paper() -> None:
    parties = {"applicant": (APPLICANT,), "filer": (APPLICANT,), "co_owner": (CHILD, APPLICANT)}
    assert plan_one(filing(requirement(subject_role="co_owner"), holding(), parties=parties)).satisfied


LAND = requirement(object_kind=ObjectKind.LAND_PARCEL)


def on_parcel(name: str, day: int = 1, **changes: Any) -> Holding:
    base = holding(name, object_key=some(f"parcel of {name}"))
    return holding(
        name, object_key=base.object_key, deposited_at=base.deposited_at.replace(day=day), **changes
    )


def about(key: UUID | None) -> dict[str, Any]:
    return {"objects": {ObjectKind.LAND_PARCEL: key}}


def test_only_a_paper_about_the_declared_object_serves() -> None:
    found = filing(LAND, on_parcel("a"), on_parcel("b"), **about(some("parcel of b")))
    planned = plan_one(found)
    assert planned.used[0].version == some("b")
    assert why_rejected(planned) == {some("a"): Code.OTHER_OBJECT}
    assert not planned.assumed_object


def test_a_paper_about_nobody_knows_what_does_not_serve_a_declared_object() -> None:
    planned = plan_one(filing(LAND, holding(), **about(some("parcel"))))
    assert why_rejected(planned) == {some("h"): Code.OBJECT_UNKNOWN}


def test_nothing_held_is_about_a_new_object() -> None:
    planned = plan_one(filing(LAND, on_parcel("a"), **about(None)))
    assert (planned.outcome, planned.reason.code) == (Outcome.SUPPLY, Code.NEW_OBJECT)


def test_what_is_handed_in_for_this_filing_may_be_about_its_new_object() -> None:
    assert plan_one(filing(LAND, on_parcel("a", deposited_in=DOSSIER), **about(None))).satisfied
    assert plan_one(filing(LAND, holding(deposited_in=DOSSIER), **about(some("parcel")))).satisfied


def test_what_is_handed_in_about_another_object_does_not_serve() -> None:
    planned = plan_one(filing(LAND, on_parcel("a", deposited_in=DOSSIER), **about(some("parcel of b"))))
    assert not planned.satisfied


def test_undeclared_the_only_object_held_is_assumed_and_marked() -> None:
    planned = plan_one(filing(LAND, on_parcel("a")))
    assert (planned.outcome, planned.assumed_object) == (Outcome.REUSE, True)


def test_undeclared_the_latest_deposited_of_several_is_assumed() -> None:
    planned = plan_one(filing(LAND, on_parcel("late", day=9), on_parcel("early", day=2), holding()))
    assert (planned.used[0].version, planned.assumed_object) == (some("late"), True)
    assert why_rejected(planned) == {some("early"): Code.OTHER_OBJECT, some("h"): Code.OBJECT_UNKNOWN}


def test_nothing_is_assumed_when_the_assumed_paper_is_not_used() -> None:
    asked = requirement(object_kind=ObjectKind.LAND_PARCEL, claims=(), whole=True, registers=(register(),))
    planned = plan_one(filing(asked, on_parcel("a"), attests={"card": frozenset()}))
    assert (planned.outcome, planned.assumed_object) == (Outcome.FETCH, False)


def test_a_paper_about_a_person_stands_in_whatever_the_object() -> None:
    asked = requirement(
        object_kind=ObjectKind.LAND_PARCEL, accepts=(AcceptedType("card", None, ObjectKind.PERSON),)
    )
    planned = plan_one(filing(asked, holding(), **about(some("parcel"))))
    assert (planned.outcome, planned.assumed_object) == (Outcome.REUSE, False)


CASE_PAPER = requirement(object_kind=ObjectKind.CASE)


@pytest.mark.parametrize(
    ("bound_to", "dossier", "serves"),
    [(DOSSIER, DOSSIER, True), (some("other"), DOSSIER, False), (None, DOSSIER, False), (None, None, False)],
)
def test_a_case_bound_paper_never_crosses_cases(
    bound_to: UUID | None, dossier: UUID | None, serves: bool
) -> None:
    planned = plan_one(filing(CASE_PAPER, holding(bound_to=bound_to), dossier=dossier))
    assert bool(planned.used) is serves
    assert serves or why_rejected(planned) == {some("h"): Code.OTHER_CASE}
