"""Whose a paper is, what it is about, and for which case: told apart in planning, prefilling and depositing."""

from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, CallerKind
from auth.errors import NotFound, Unauthenticated
from dossiers.errors import ObjectUndeclared, TypeNotAccepted
from dossiers.evidence.papers import Paper, add_document, digitise_document
from dossiers.objects import ObjectChoice
from dossiers.parties import Party
from dossiers.preview import Preview, Question, plan_filing
from procedures.law import ObjectKind
from store.database import Database
from tests import files
from tests.conftest import NOW
from tests.filings import World, world
from tests.people import citizen
from tests.rooms.test_filing import LAND_CERTIFICATE, PERMIT, permit_draft, submitted_permit
from vault.safe import Safe

ELECTRICITY, BIRTH = "3.000001", "1.001193"
PLACE = {"building.address@building": "Thôn Thử", "person.full_name@occupant": "Trần Thị Thử"}
CARD = {
    "person.full_name@holder": "Trần Thị Thử",
    "person.residence@holder": "Thôn Thử",
    "person.nationality@holder": "Việt Nam",
}
CASE_PAPER = "giay-to-lien-quan-su-dung-dat"


@pytest.fixture
async def place(database: Database, owner: AsyncEngine, safe: Safe) -> World:
    return await world(database, owner, safe, NOW)


async def supplier(place: World) -> World:
    """The same place, with an agency that supplies electricity."""
    await place.rows("UPDATE agencies SET type_id = 'don-vi-dien-luc' RETURNING id")
    return place


async def test_a_land_certificate_says_which_building_is_meant_once_the_person_names_it(place: World) -> None:
    await supplier(place)
    land = await place.digitise("gcn-quyen-su-dung-dat", {**LAND_CERTIFICATE, **PLACE})
    with pytest.raises(ObjectUndeclared) as refused:
        await place.open(ELECTRICITY)
    assert refused.value.kinds == ("building",)
    assert await place.count("dossiers") == 0
    choice = ObjectChoice(ObjectKind.BUILDING, land.document)
    dossier = await place.open(ELECTRICITY, objects=(choice,))
    assert (await place.outcomes(dossier))["c03"] == "REUSE"


async def test_a_mothers_own_card_fills_her_fields_and_never_the_fathers(place: World) -> None:
    await place.digitise("the-can-cuoc", CARD)
    parties = (Party("mother", subject=place.me.id), Party("child"))
    dossier = await place.open(BIRTH, parties=parties)
    known = (await place._form(dossier))[1].known
    assert known["mother_residence"].value == "Thôn Thử"
    assert known["mother_nationality"].value == "Việt Nam"
    assert not {key for key in known if key.startswith(("father_", "child_"))}


async def test_a_card_fills_no_role_the_filing_names_nobody_for(place: World) -> None:
    await place.digitise("the-can-cuoc", CARD)
    known = (await place._form(await place.open(BIRTH)))[1].known
    assert not {key for key in known if key.startswith(("mother_", "father_", "child_"))}


async def test_a_paper_made_for_one_case_is_not_taken_without_its_dossier(place: World) -> None:
    upload = await place.upload(place.me, CASE_PAPER, files.pdf())
    paper = Paper(upload, CASE_PAPER)
    with pytest.raises(TypeNotAccepted):
        await place.write(place.me, lambda tx: add_document(tx, place.me, paper, place.office, place.now))
    scan = await place.upload(place.officer, CASE_PAPER, files.pdf(pages=2), subject=place.me.id)
    counter = Paper(scan, CASE_PAPER, subject=place.me.id)
    with pytest.raises(TypeNotAccepted):
        await place.write(
            place.officer, lambda tx: digitise_document(tx, place.officer, counter, place.office, place.now)
        )
    assert await place.count("documents") == 0
    assert await place.count("uploads WHERE claimed_at IS NOT NULL") == 0


async def test_an_officers_result_file_is_sealed_for_whoever_the_result_is_issued_to(place: World) -> None:
    dossier = await submitted_permit(place)
    upload = await place.upload(place.officer, "giay-phep-xay-dung", files.pdf(pages=3), dossier=dossier)
    assert await place.rows(f"SELECT subject_id FROM uploads WHERE id = '{upload}'") == [(place.me.id,)]


async def test_an_officer_sends_no_file_a_dossier_has_no_result_for(place: World) -> None:
    dossier = await submitted_permit(place)
    before = await place.count("uploads")
    with pytest.raises(TypeNotAccepted):
        await place.upload(place.officer, "gcn-quyen-su-dung-dat", files.pdf(pages=3), dossier=dossier)
    assert await place.count("uploads") == before


async def test_no_officer_sends_a_result_for_a_draft_or_another_agencys_dossier(place: World) -> None:
    draft = await permit_draft(place)
    elsewhere = Caller(CallerKind.OFFICER, UUID(int=82), UUID(int=83), place.officer.roles)
    before = await place.count("uploads")
    for who in (place.officer, elsewhere):
        with pytest.raises(NotFound):
            await place.upload(who, "giay-phep-xay-dung", files.pdf(pages=4), dossier=draft)
    assert await place.count("uploads") == before


async def previewed(place: World, caller: Caller, question: Question) -> Preview:
    async with place.database.reading(caller.actor) as tx:
        return await plan_filing(tx, caller, question, {}, place.office, place.now)


async def test_a_person_sees_what_a_filing_would_need_of_their_own(place: World) -> None:
    land = await place.digitise("gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    choice = ObjectChoice(ObjectKind.LAND_PARCEL, land.document)
    found = await previewed(place, place.me, Question(PERMIT, objects=(choice,)))
    outcomes = {key.rpartition(".")[2]: one.outcome for key, one in found.plan.by_requirement().items()}
    assert (outcomes["c02"], outcomes["c03"]) == ("REUSE", "SUPPLY")
    assert await place.count("dossiers") == 0


async def test_nobody_sees_a_plan_from_somebody_elses_papers(place: World) -> None:
    stranger = (await citizen(place.database, place.safe, place.now, "000190000777")).caller
    await place.digitise("gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    with pytest.raises(NotFound):
        await previewed(place, stranger, Question(PERMIT, on_behalf_of=place.me.id))
    with pytest.raises(Unauthenticated):
        await previewed(place, Caller(CallerKind.ANONYMOUS), Question(PERMIT))
    with pytest.raises(NotFound):
        await previewed(place, place.officer, Question(PERMIT))
    held = (await previewed(place, stranger, Question(PERMIT))).holdings
    assert held == {}
