"""The recount of asks: each rule decides at least one case here, and dropping it changes that case's count.

Every test asks for one thing at ten in the morning and says whether it was there at that moment.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from dossiers.records import Dossier
from store.database import Database
from store.identifiers import new_id
from tests.recount_law import ADDRESS, LAPSES
from tests.recounts import AFTER, ASKED, BEFORE, SHOP, TODAY, Planted, plant
from vault.records import Document, Subject

AGAIN = {"asked_again": 1}
NOTHING: dict[str, int] = {}
ELSEWHERE = UUID(int=502)
LAPSED = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)
"""Midnight in Vietnam, when the rules that end have ended."""


@pytest.fixture
async def shop(database: Database, owner: AsyncEngine) -> Planted:
    return await plant(database, owner)


async def test_a_paper_held_and_asked_for_is_asked_again(shop: Planted) -> None:
    await shop.hold()
    await shop.ask()
    assert await shop.figures() == AGAIN


@pytest.mark.parametrize("kind", ["COMPONENT", "COUNTER", "SUPPLEMENT"])
async def test_whoever_asks_and_however(shop: Planted, kind: str) -> None:
    await shop.hold()
    await shop.ask(kind=kind, fit="MISSING" if kind == "SUPPLEMENT" else None)
    assert await shop.figures() == AGAIN


async def test_each_time_counts(shop: Planted) -> None:
    await shop.hold()
    await shop.ask()
    await shop.ask(retracted_at=AFTER)
    assert await shop.figures() == {"asked_again": 2}


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ({}, AGAIN),
        ({"deposited_at": ASKED}, NOTHING),
        ({"deposited_at": AFTER}, NOTHING),
        ({"status": "revoked", "status_at": BEFORE}, NOTHING),
        ({"status": "removed", "status_at": ASKED}, NOTHING),
        ({"status": "superseded", "status_at": BEFORE}, NOTHING),
        ({"status": "revoked", "status_at": AFTER}, AGAIN),
        ({"status": "removed", "status_at": AFTER}, AGAIN),
        ({"status": "superseded", "status_at": AFTER}, AGAIN),
        ({"valid_until": TODAY - timedelta(days=1)}, NOTHING),
        ({"valid_until": TODAY}, AGAIN),
        ({"object_key": ELSEWHERE}, NOTHING),
        ({"object_key": None}, NOTHING),
        ({"object_key": None, "deposited_in": "here"}, AGAIN),
        ({"bound_to": "elsewhere"}, NOTHING),
        ({"bound_to": "here"}, AGAIN),
        ({"origin": "register"}, NOTHING),
        ({"claims": [ADDRESS]}, NOTHING),
        ({"claims": [ADDRESS, "person.id@seller"]}, NOTHING),
        ({"claims": [ADDRESS, "person.card_number@holder"]}, AGAIN),
        ({"disputed": [ADDRESS]}, NOTHING),
    ],
    ids=str,
)
async def test_what_a_held_paper_must_be(shop: Planted, held: dict[str, Any], found: dict[str, int]) -> None:
    places = {"here": shop.dossier, "elsewhere": new_id()}
    await shop.hold(**{key: places.get(str(value), value) for key, value in held.items()})
    await shop.ask()
    assert await shop.figures() == found


async def test_only_papers_the_law_accepts(shop: Planted) -> None:
    await shop.hold("old-licence", object_key=SHOP, claims=[ADDRESS, "person.id@holder"])
    await shop.ask()
    await shop.hold("passport")
    await shop.ask("card", "NOT_FOUND")
    assert await shop.figures() == AGAIN  # the group names the old licence; nothing names the passport


async def test_a_paper_about_its_holder_alone_serves_whatever_the_filing_is_about(shop: Planted) -> None:
    await shop.hold("trade-card", claims=[ADDRESS, "person.id@holder"])
    await shop.ask()
    assert await shop.figures() == AGAIN


async def test_somebody_elses_paper_is_not_held(shop: Planted) -> None:
    await shop.hold(subject=await shop.subject())
    await shop.ask()
    assert await shop.figures() == NOTHING


async def test_a_paper_revoked_later_but_replaced_before_was_gone(shop: Planted) -> None:
    successor = await shop.document_of(await shop.hold(object_key=ELSEWHERE))
    await shop.hold(status="revoked", status_at=AFTER, superseded_by=successor)
    await shop.ask()
    assert await shop.figures() == NOTHING
    await shop.change(Document, successor, created_at=AFTER)
    assert await shop.figures() == AGAIN


async def test_a_paper_replaced_later_by_one_long_held_was_in_force(shop: Planted) -> None:
    successor = await shop.document_of(await shop.hold(object_key=ELSEWHERE))
    await shop.hold(status="superseded", status_at=AFTER, superseded_by=successor)
    await shop.ask()
    assert await shop.figures() == AGAIN


async def test_the_version_of_that_moment_is_judged(shop: Planted) -> None:
    document = await shop.document_of(await shop.hold(current=2))
    await shop.add_version(document, shop.me, number=2, deposited_at=AFTER)
    await shop.ask()
    await shop.ask(asked_at=AFTER + timedelta(minutes=1))
    assert await shop.figures() == AGAIN  # the second version states nothing of use


async def test_a_dispute_counts_from_the_moment_it_was_raised(shop: Planted) -> None:
    document = await shop.document_of(await shop.hold(disputed=[ADDRESS]))
    await shop.log("document.disputed", AFTER, claims=(ADDRESS,), documents=(document,))
    await shop.ask()
    await shop.ask(asked_at=AFTER)
    assert await shop.figures() == AGAIN


async def test_a_dispute_is_about_its_own_claim_and_paper(shop: Planted) -> None:
    document = await shop.document_of(await shop.hold(disputed=[ADDRESS, "x@holder"]))
    await shop.log("document.disputed", BEFORE, claims=("x@holder",), documents=(document,))
    await shop.log("document.disputed", BEFORE, claims=(ADDRESS,), documents=(new_id(),))
    await shop.log("vault.read", BEFORE, claims=(ADDRESS,), documents=(document,))
    await shop.log("document.disputed", AFTER, claims=(ADDRESS,), documents=(document,))
    await shop.ask()
    assert await shop.figures() == AGAIN


async def test_a_dispute_of_an_earlier_version_says_nothing_of_the_next(shop: Planted) -> None:
    document = await shop.document_of(await shop.hold(disputed=[ADDRESS], current=2))
    renewed = {"number": 2, "deposited_at": BEFORE, "claim_names": [ADDRESS, "person.id@holder"]}
    await shop.add_version(document, shop.me, disputed=[ADDRESS], **renewed)
    for at in (BEFORE - timedelta(hours=1), AFTER):
        await shop.log("document.disputed", at, claims=(ADDRESS,), documents=(document,))
    await shop.ask()
    assert await shop.figures() == AGAIN


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ({"origin": "self"}, NOTHING),
        ({"origin": "digitised"}, AGAIN),
        ({"origin": "issued", "issued_on": TODAY - timedelta(days=180)}, AGAIN),
        ({"origin": "issued", "issued_on": TODAY - timedelta(days=181)}, NOTHING),
        ({"origin": "issued", "issued_on": None}, NOTHING),
    ],
    ids=str,
)
async def test_assurance_and_age(shop: Planted, held: dict[str, Any], found: dict[str, int]) -> None:
    await shop.hold("health", **{"issued_on": TODAY, **held})
    await shop.ask("health")
    assert await shop.figures() == found


@pytest.mark.parametrize(
    ("name", "held", "found"),
    [
        ("photo", {}, NOTHING),
        ("photo", {"deposited_in": "here"}, AGAIN),
        ("statement", {}, NOTHING),
        ("statement", {"bound_to": "elsewhere"}, NOTHING),
        ("statement", {"bound_to": "here"}, AGAIN),
        ("deed", {"origin": "issued"}, AGAIN),
        ("shown", {}, NOTHING),
        ("shown", {"seen_at": AFTER}, NOTHING),
        ("shown", {"seen_at": BEFORE}, AGAIN),
        ("shown", {"origin": "digitised"}, AGAIN),
        ("own", {"origin": "digitised"}, AGAIN),
        ("own", {"seen_at": BEFORE}, NOTHING),
    ],
    ids=str,
)
async def test_papers_of_their_own_kind(
    shop: Planted, name: str, held: dict[str, Any], found: dict[str, int]
) -> None:
    """Made for this filing; of this case alone; the procedure's own object; to be shown once."""
    places = {"here": shop.dossier, "elsewhere": new_id()}
    kind = "deed" if name in ("shown", "own") else name
    await shop.hold(kind, **{key: places.get(str(value), value) for key, value in held.items()})
    await shop.ask(name)
    assert await shop.figures() == found


async def test_no_stand_in_for_the_procedures_own_object(shop: Planted) -> None:
    await shop.hold("deed-copy", origin="issued")
    await shop.ask("deed")
    assert await shop.figures() == NOTHING
    await shop.ask("shown")
    assert await shop.figures() == AGAIN


async def test_handing_in_a_paper_is_asked_of_its_holder(shop: Planted) -> None:
    await shop.hold()
    await shop.ask("handed-in", kind="COUNTER")
    assert await shop.figures() == NOTHING


async def test_a_disputed_paper_is_not_given_as_a_whole(shop: Planted) -> None:
    await shop.hold(claims=[ADDRESS, "person.id@holder", "x@holder"], disputed=["x@holder"])
    await shop.ask()
    assert await shop.figures() == AGAIN
    whole = {"outcome_class": "evidence", "subject_role": "applicant", "rank": 1, "whole": True, "claims": []}
    rules = {**whole, "min_level": 3, "max_age_days": None, "self_object": False}
    await shop.publish({"component_annotations": {"shop.licence": rules}}, at=BEFORE)
    assert await shop.figures() == NOTHING


async def test_the_object_of_the_ask_outweighs_what_the_filing_was_later_about(shop: Planted) -> None:
    await shop.hold(object_key=ELSEWHERE)
    await shop.ask(object_key=ELSEWHERE)
    assert await shop.figures() == AGAIN


async def test_a_filing_about_nothing_in_particular_takes_any(shop: Planted) -> None:
    await shop.change(Dossier, shop.dossier, objects={})
    await shop.hold(object_key=ELSEWHERE)
    await shop.ask()
    assert await shop.figures() == AGAIN


async def test_a_stand_in_serves_while_its_rule_is_in_force(shop: Planted) -> None:
    await shop.hold("e-card")
    await shop.ask("card", "NOT_FOUND", asked_at=LAPSED - timedelta(seconds=1))
    await shop.ask("card", "NOT_FOUND", asked_at=LAPSED)
    # Submitted on a day of the rule: it stays with the dossier.
    assert await shop.figures() == {"asked_again": 2}
    await shop.change(Dossier, shop.dossier, filing_day=LAPSES + timedelta(days=1))
    assert await shop.figures() == NOTHING


async def test_a_draft_follows_the_law_of_each_day(shop: Planted) -> None:
    await shop.change(Dossier, shop.dossier, status=0, submitted_at=None)
    await shop.hold("e-card")
    await shop.ask("card", "NOT_FOUND", asked_at=LAPSED - timedelta(seconds=1))
    await shop.ask("card", "NOT_FOUND", asked_at=LAPSED)
    assert await shop.figures() == AGAIN


async def test_a_rule_serves_from_its_first_day_on(shop: Planted) -> None:
    rule = {"effects": ["stand_in"], "scope": "all", "in_place_of_document_type_id": "card"}
    entry = {**rule, "accepted_document_type_id": "passport", "effective_from": "2026-11-24"}
    await shop.publish({"document_substitutions": {"passport-for-card": entry}})
    await shop.hold("passport")
    await shop.ask("card", "NOT_FOUND")
    assert await shop.figures() == NOTHING
    await shop.change(Dossier, shop.dossier, filing_day=date(2026, 11, 24))
    assert await shop.figures() == AGAIN


async def test_a_rule_published_later_accuses_nobody(shop: Planted) -> None:
    await shop.hold("passport")
    await shop.ask("card", "NOT_FOUND")
    rule = {"effects": ["stand_in"], "scope": "all", "in_place_of_document_type_id": "card"}
    entry = {**rule, "accepted_document_type_id": "passport"}
    await shop.publish({"document_substitutions": {"passport-for-card": entry}}, at=AFTER)
    assert await shop.figures() == NOTHING
    await shop.ask("card", "NOT_FOUND", asked_at=AFTER)
    assert await shop.figures() == AGAIN


async def test_who_holds_the_higher_paper_owes_none_ranked_below(shop: Planted) -> None:
    await shop.hold("birth-note")
    await shop.ask("oath")
    assert await shop.figures() == AGAIN


async def test_who_holds_the_lower_paper_may_be_asked_for_the_higher(shop: Planted) -> None:
    await shop.hold("oath")
    await shop.ask("note")
    assert await shop.figures() == NOTHING


async def test_a_role_is_played_by_whom_the_filing_names(shop: Planted) -> None:
    await shop.hold("card")
    await shop.ask("seller")
    assert await shop.figures() == NOTHING  # nobody is named, and the applicant is not the seller
    seller = await shop.subject()
    await shop.party("seller", seller)
    assert await shop.figures() == NOTHING
    await shop.hold("card", subject=seller)
    assert await shop.figures() == AGAIN


async def test_the_applicant_plays_a_role_meant_for_them_until_somebody_else_is_named(shop: Planted) -> None:
    await shop.hold("card")
    await shop.ask("buyer")
    assert await shop.figures() == AGAIN
    await shop.party("buyer", await shop.subject())
    assert await shop.figures() == NOTHING


@pytest.mark.parametrize(
    ("probe", "found"),
    [
        ("FOUND", AGAIN),
        ("UP", AGAIN),
        (None, AGAIN),  # a register nobody asked is no excuse
        ("NOT_FOUND", NOTHING),
        ("MISMATCH", NOTHING),
        ("DOWN", {"asked_while_down": 1}),
    ],
)
async def test_what_the_register_said(shop: Planted, probe: str | None, found: dict[str, int]) -> None:
    await shop.ask("card", probe)
    assert await shop.figures() == found


async def test_a_register_counts_while_its_rule_is_in_force(shop: Planted) -> None:
    await shop.change(Dossier, shop.dossier, filing_day=LAPSES + timedelta(days=1))
    await shop.ask("card", "FOUND")
    assert await shop.figures() == NOTHING


async def test_a_register_that_attests_too_little_is_not_readable(shop: Planted) -> None:
    await shop.publish({"document_claims": {"card": {"claims": []}}})
    await shop.ask("card", "FOUND")
    assert await shop.figures() == NOTHING


async def test_what_a_register_said_of_somebody_else(shop: Planted) -> None:
    await shop.change(Subject, shop.me, number_index=None)
    said = {"database": "population", "document_type": "card", "subject": str(new_id()), "probe": "FOUND"}
    await shop.ask("card", probes=[said])
    assert await shop.figures() == NOTHING


async def test_what_a_register_did_say_counts_whatever_became_of_the_number(shop: Planted) -> None:
    await shop.change(Subject, shop.me, number_index=None)
    await shop.ask("card", "FOUND")
    assert await shop.figures() == AGAIN


async def test_a_register_cannot_be_asked_without_a_number(shop: Planted) -> None:
    await shop.change(Subject, shop.me, number_index=None)
    await shop.ask("card")
    assert await shop.figures() == NOTHING


async def test_a_newborn_has_no_number_before_the_birth_is_registered(shop: Planted) -> None:
    child = await shop.newborn_of(shop.dossier)
    filing = await shop.file(child)
    await shop.ask("card", dossier_id=filing)
    assert (await shop.figures(), await shop.counts(filing)) == (NOTHING, NOTHING)
    await shop.result(shop.dossier, at=AFTER)
    assert await shop.counts(filing, child) == NOTHING
    await shop.ask("card", dossier_id=filing, asked_at=AFTER)
    assert await shop.counts(filing, child) == AGAIN
