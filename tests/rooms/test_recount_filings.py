"""Real filings under the real catalogue, recounted: what the use cases leave behind says what they promised."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller
from dossiers.errors import AlreadyHeld
from dossiers.evidence.asks import record_refused_ask, record_refused_upload
from dossiers.evidence.withdrawals import withdraw_consent
from dossiers.figures.mismatches import find_mismatches
from dossiers.figures.recount import recount
from dossiers.filing import Declining, decline_reuse
from dossiers.objects import ObjectChoice
from procedures.catalogue import read_catalogue
from procedures.editions import items
from procedures.law import ObjectKind
from procedures.records import CatalogueItem
from store.database import Database
from tests.conftest import NOW
from tests.filings import World, world
from tests.house.tree import ROOT
from tests.rooms.test_filing import DRAWING, LAND, LAND_CERTIFICATE, PERMIT, PERMIT_CLAIMS
from vault.safe import Safe

DRAWINGS = "ho-so-thiet-ke-nha-o-rieng-le"
CERTIFICATE = "gcn-quyen-su-dung-dat"
LAND_REGISTER = "csdl-quoc-gia-dat-dai"
IMPORTED = [
    {"kind": one.kind, "item_id": one.id, "edition": 1, "position": one.position, "body": one.body}
    for one in items(read_catalogue(ROOT / "catalogue"))
]


def tick(place: World) -> None:
    """Every act a minute after the last: a paper handed in and an ask never share their moment by chance."""
    place.now += timedelta(minutes=1)


@pytest.fixture
async def place(database: Database, owner: AsyncEngine, safe: Safe) -> World:
    async with owner.begin() as connection:
        row = insert(CatalogueItem).values(digest="", imported_at=NOW - timedelta(days=1))
        await connection.execute(row, IMPORTED)
    return await world(database, owner, safe, NOW)


async def figures(place: World, caller: Caller | None = None) -> dict[str, int]:
    who = caller or place.me
    async with place.database.reading(who.actor) as tx:
        found = await recount(tx, who)
    return {figure.value: amount for figure, amount in found.items() if amount}


async def mismatches(place: World) -> list[UUID]:
    async with place.database.reading(place.me.actor) as tx:
        return [one.dossier for one in await find_mismatches(tx, place.me, None, 9)]


async def draft(place: World, **given: Any) -> UUID:
    land = await place.digitise(CERTIFICATE, LAND_CERTIFICATE)
    tick(place)
    about = (ObjectChoice(ObjectKind.LAND_PARCEL, land.document),)
    return await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False}, objects=about, **given)


async def filed(place: World) -> UUID:
    """A building permit asked for with a digitised certificate; only the drawing is handed in."""
    dossier = await draft(place)
    await hand_in(place, dossier)
    return dossier


async def hand_in(place: World, dossier: UUID) -> None:
    tick(place)
    await place.bring(dossier, DRAWING, DRAWINGS)
    tick(place)
    await place.fill(dossier)
    tick(place)
    await place.submit(dossier)
    tick(place)


REUSED = {"reused": 1, "reused_digitised": 1}


async def test_a_permit_and_its_extension_ask_for_one_drawing(place: World) -> None:
    dossier = await filed(place)
    found = await figures(place)
    drawing = {name: found.pop(name, 0) for name in ("supplied", "case_bound")}
    assert (found, sum(drawing.values())) == (REUSED, 1)
    await place.process(dossier)
    permit = await place.approve(dossier, "giay-phep-xay-dung", PERMIT_CLAIMS)
    tick(place)
    extension = await place.open("1.013227", objects=(ObjectChoice(ObjectKind.BUILDING, permit.document),))
    tick(place)
    await place.fill(extension)
    await place.submit(extension)
    assert await figures(place) == {
        "reused": 2,
        "reused_digitised": 1,
        "reused_issued": 1,
        **{name: amount for name, amount in drawing.items() if amount},
    }
    assert await figures(place, place.officer) == await figures(place)
    assert await mismatches(place) == []


async def test_an_attempt_to_ask_again_is_refused_and_counted(place: World) -> None:
    dossier = await filed(place)
    await place.process(dossier)
    before = await figures(place)
    with pytest.raises(AlreadyHeld):
        await place.ask(dossier, LAND, "MISSING")
    assert await figures(place) == before
    await place.write(
        place.officer,
        lambda tx: record_refused_ask(tx, place.officer, dossier, LAND, place.office, place.now),
    )
    await place.write(
        place.me, lambda tx: record_refused_upload(tx, place.me, dossier, LAND, place.office, place.now)
    )
    assert await figures(place) == {**before, "refused_asks": 1, "refused_uploads": 1}


async def test_an_override_shows_at_once_and_its_ask_is_no_second_one(place: World) -> None:
    dossier = await filed(place)
    await place.process(dossier)
    before = await figures(place)
    await place.override(dossier, LAND, "data_wrong")
    assert await figures(place) == {**before, "with_reason": 1}
    tick(place)
    await place.ask(dossier, LAND, "MISSING")
    assert await figures(place) == {**before, "with_reason": 1}


async def test_declining_reuse_is_never_asking_again(place: World) -> None:
    dossier = await draft(place)
    tick(place)
    change = await place.change(dossier)
    await place.write(
        place.me, lambda tx: decline_reuse(tx, place.me, Declining(change, LAND), place.office, place.now)
    )
    assert await figures(place) == {"declined_reuse": 1}
    tick(place)
    await place.bring(dossier, LAND, CERTIFICATE, LAND_CERTIFICATE, pages=3)
    await hand_in(place, dossier)
    found = await figures(place)
    assert found.pop("declined_reuse") == 1
    assert {"asked_again", "with_reason", "reused"}.isdisjoint(found)
    assert await mismatches(place) == []


async def test_an_unfit_drawing_is_replaced_without_asking_again(place: World) -> None:
    dossier = await filed(place)
    await place.process(dossier)
    await place.ask(dossier, DRAWING, "UNFIT")
    tick(place)
    await place.bring(dossier, DRAWING, DRAWINGS, pages=2)
    tick(place)
    await place.answer(dossier)
    found = await figures(place)
    assert found.pop("unfit") == 1
    assert found.pop("supplied", 0) + found.pop("case_bound", 0) == 2
    assert found == REUSED


async def test_consent_withdrawn_and_given_again_asks_nobody_twice(place: World) -> None:
    dossier = await filed(place)
    await place.process(dossier)
    before = await figures(place)
    consent = next(row.consent_id for row in (await place.case(dossier)).evidence if row.consent_id)
    await place.write(place.me, lambda tx: withdraw_consent(tx, place.me, consent, place.office, place.now))
    tick(place)
    await place.answer(dossier, agree=True)
    assert await figures(place) == before


async def test_a_register_down_at_filing_is_fetched_from_later(place: World) -> None:
    place.registers.down.add(LAND_REGISTER)
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    await hand_in(place, dossier)
    assert {"fetched", "asked_again", "asked_while_down"}.isdisjoint(await figures(place))
    place.registers.down.clear()
    place.registers.known[LAND_REGISTER, CERTIFICATE] = LAND_CERTIFICATE
    await place.settle(dossier)
    found = await figures(place)
    assert found.pop("fetched") == 1
    assert {"asked_again", "asked_while_down", "reused"}.isdisjoint(found)
    assert await mismatches(place) == []


async def test_a_register_that_lacks_the_fact_lets_the_paper_be_asked(place: World) -> None:
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    assert (await place.outcomes(dossier))["c02"] == "SUPPLY"
    assert await figures(place) == {}
    tick(place)
    await place.bring(dossier, LAND, CERTIFICATE, LAND_CERTIFICATE)
    await hand_in(place, dossier)
    found = await figures(place)
    assert found.pop("supplied", 0) + found.pop("case_bound", 0) == 2
    assert found == {}
    assert await mismatches(place) == []
