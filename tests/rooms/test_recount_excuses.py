"""What excuses an ask, what only records one, and the fields of forms: judged as of ten in the morning."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.records import Mandate
from dossiers.records import DossierAsk
from store.database import Database
from store.identifiers import new_id
from tests.recount_law import ADDRESS, LAW
from tests.recounts import AFTER, ASKED, BEFORE, LONG_AGO, Planted, plant
from vault.records import Subject

AGAIN = {"asked_again": 1}
NOTHING: dict[str, int] = {}
ELSEWHERE = UUID(int=502)


@pytest.fixture
async def shop(database: Database, owner: AsyncEngine) -> Planted:
    return await plant(database, owner)


async def test_an_unfit_version_excuses_its_own_replacement(shop: Planted) -> None:
    version = await shop.hold()
    await shop.ask(kind="SUPPLEMENT", fit="UNFIT", unfit_version=version)
    await shop.ask(asked_at=AFTER)
    await shop.ask(asked_at=BEFORE)
    assert await shop.figures() == {"unfit": 1, "asked_again": 1}


async def test_every_version_an_officer_took_out_with_it_is_unfit(shop: Planted) -> None:
    await shop.pin(await shop.hold(), revoked_at=ASKED)
    other = await shop.hold(deposited_at=BEFORE)
    await shop.ask(kind="SUPPLEMENT", fit="UNFIT", unfit_version=other)
    assert await shop.figures() == {"unfit": 1}
    await shop.ask(asked_at=BEFORE)
    assert await shop.figures() == {"unfit": 1, "asked_again": 1}


async def test_evidence_lost_for_another_reason_is_not_unfit(shop: Planted) -> None:
    await shop.pin(await shop.hold(), revoked_at=BEFORE)
    await shop.pin(await shop.hold("card"), "card", revoked_at=ASKED)
    other = await shop.hold(origin="issued")
    await shop.ask(kind="SUPPLEMENT", fit="UNFIT", unfit_version=other)
    await shop.ask("card", "NOT_FOUND")
    found = await shop.figures()
    assert (found["unfit"], found["asked_again"]) == (1, 2)


async def test_while_another_paper_serves_an_unfit_one_is_no_reason_to_ask(shop: Planted) -> None:
    await shop.hold()
    version = await shop.hold()
    await shop.ask(kind="SUPPLEMENT", fit="UNFIT", unfit_version=version)
    assert await shop.figures() == {"unfit": 1, "asked_again": 1}


async def test_a_registers_unfit_answer_may_be_replaced_by_the_paper(shop: Planted) -> None:
    answer = await shop.hold("card", origin="register", register="population", bound_to=shop.dossier)
    await shop.ask("card", "FOUND", kind="SUPPLEMENT", fit="UNFIT", unfit_version=answer)
    assert await shop.figures() == {"unfit": 1}


async def test_a_declined_reuse_is_the_persons_own_act(shop: Planted) -> None:
    await shop.hold()
    await shop.ask(declined=True)
    assert await shop.figures() == AGAIN  # a mark nobody made
    await shop.event("declined_reuse", actor_kind="officer")
    await shop.event("declined_reuse", "card")
    assert await shop.figures() == {"asked_again": 1, "declined_reuse": 1}
    await shop.event("declined_reuse", at=AFTER)
    assert await shop.figures() == {"asked_again": 1, "declined_reuse": 2}
    await shop.event("declined_reuse")
    assert await shop.figures() == {"declined_reuse": 2}


async def test_an_override_counts_at_once_and_excuses_what_follows(shop: Planted) -> None:
    await shop.hold()
    override = await shop.override()
    assert await shop.figures() == {"with_reason": 1}
    await shop.ask(override_id=override)
    await shop.ask(override_id=override, legal_reason="original_needed")
    assert await shop.figures() == {"with_reason": 1}
    await shop.ask()
    assert await shop.figures() == {"with_reason": 1, "asked_again": 1}


@pytest.mark.parametrize("how", ["unlogged", "logged otherwise", "unknown", "of another paper", "later"])
async def test_an_override_that_did_not_happen_so_excuses_nothing(shop: Planted, how: str) -> None:
    await shop.hold()
    if how == "unlogged":
        override = await shop.override(logged=False)
    elif how == "logged otherwise":
        override = await shop.override(logged=False)
        await shop.log("dossier.ask", BEFORE, requirement="shop.licence")
        await shop.log("dossier.override", BEFORE, requirement="shop.card")
        await shop.log("dossier.override", AFTER, requirement="shop.licence")
    elif how == "of another paper":
        override = await shop.override("card")
    else:
        override = await shop.override(at=AFTER) if how == "later" else new_id()
    await shop.ask(override_id=override)
    found = await shop.figures()
    assert found.pop("asked_again") == 1
    assert found == ({"with_reason": 1} if how in ("of another paper", "later") else {})


async def test_a_legal_fallback_is_counted_with_its_reason(shop: Planted) -> None:
    await shop.ask("card", "DOWN", legal_reason="pending_too_long")
    assert await shop.figures() == {"with_reason": 1}


async def test_a_line_about_what_was_handed_in_here_asks_nobody(shop: Planted) -> None:
    here = await shop.hold(deposited_in=shop.dossier, deposited_at=BEFORE)
    line = await shop.ask(answered_by=here, answered_at=ASKED)
    assert await shop.figures() == {"supplied": 1}
    await shop.change(DossierAsk, line, answered_at=AFTER)
    assert await shop.figures() == {"supplied": 1, "asked_again": 1}


async def test_a_line_met_at_once_by_an_old_paper_did_ask(shop: Planted) -> None:
    await shop.ask(answered_by=await shop.hold(), answered_at=ASKED)
    assert await shop.figures() == AGAIN


@pytest.mark.parametrize(
    ("field", "held", "found"),
    [
        ("address", {}, AGAIN),
        ("address", {"object_key": ELSEWHERE}, NOTHING),
        ("address", {"object_key": None}, AGAIN),
        ("address", {"deposited_at": ASKED}, NOTHING),
        ("address", {"valid_until": date(2026, 11, 22)}, NOTHING),
        ("address", {"bound_to": "elsewhere"}, NOTHING),
        ("address", {"disputed": [ADDRESS]}, NOTHING),
        ("home", {}, NOTHING),
        ("home", {"claims": ["person.home@applicant"]}, AGAIN),
        ("home", {"claims": ["person.home@holder"]}, AGAIN),
        ("home", {"claims": ["person.home@holder", "person.home@father"]}, NOTHING),
        ("home", {"origin": "register", "bound_to": "here", "claims": ["person.home@holder"]}, AGAIN),
        ("address", {"origin": "register", "bound_to": "here", "object_key": ELSEWHERE}, AGAIN),
        ("child", {"claims": ["person.home@child"]}, AGAIN),  # of the same premises
        ("child", {"claims": ["person.home@child"], "object_key": None}, NOTHING),
        ("child", {"claims": ["person.home@holder"]}, NOTHING),
        ("wish", {"claims": ["person.home@applicant"]}, NOTHING),
    ],
    ids=str,
)
async def test_a_form_field_somebody_attests(
    shop: Planted, field: str, held: dict[str, Any], found: dict[str, int]
) -> None:
    places = {"here": shop.dossier, "elsewhere": new_id()}
    await shop.hold(**{key: places.get(str(value), value) for key, value in held.items()})
    await shop.ask_field(field)
    assert await shop.figures() == found


async def test_a_field_is_judged_by_the_form_of_its_day(shop: Planted) -> None:
    fields = LAW["forms"]["shop-form"]["fields"]
    swapped = {"home": "declare", "wish": "held"}
    renewed = [{**one, "prefill": swapped.get(one["key"], one["prefill"])} for one in fields]
    await shop.publish({"forms": {"shop-form": {"fields": renewed}}}, at=AFTER)
    await shop.hold("card", claims=["person.home@applicant"])
    await shop.ask_field("wish")
    await shop.ask_field("home", asked_at=AFTER)
    assert await shop.figures() == NOTHING
    await shop.ask_field("home")
    await shop.ask_field("wish", asked_at=AFTER)
    assert await shop.figures() == {"asked_again": 2}


async def test_the_account_knows_its_holder(shop: Planted) -> None:
    await shop.ask_field("name")
    assert await shop.figures() == AGAIN
    await shop.change(Subject, shop.me, number_index=None)
    assert await shop.figures() == NOTHING


@pytest.mark.parametrize(
    ("field", "claim", "found"),
    [
        ("child", "person.home@holder", AGAIN),
        ("child", "person.home@child", AGAIN),
        ("child", "person.home@father", NOTHING),
        ("child-name", "person.home@father", AGAIN),  # the child's own account
    ],
)
async def test_another_persons_facts_fill_a_field_only_while_the_filer_acts_for_them(
    shop: Planted, field: str, claim: str, found: dict[str, int]
) -> None:
    child = await shop.subject()
    await shop.party("child", child)
    await shop.hold("card", subject=child, claims=[claim])
    await shop.ask_field(field)
    assert await shop.figures() == NOTHING
    mandate = new_id()
    row = {"basis": "GUARDIAN", "relation": "parent", "scope": ["all"], "evidence": "version:1"}
    await shop.add(Mandate, id=mandate, actor_id=shop.me, subject_id=child, valid_from=LONG_AGO, **row)
    assert await shop.figures() == found
    for ended in ({"revoked_at": BEFORE}, {"revoked_at": None, "valid_until": BEFORE}, {"valid_from": AFTER}):
        await shop.change(Mandate, mandate, **{"valid_until": None, **ended})
        assert await shop.figures() == NOTHING
