"""A filing that waits for a register does not stake everything on the one answer it would read first."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from dossiers.errors import AlreadyHeld, EvidenceGone, NothingToAsk
from store.database import Database
from tests.conftest import NOW
from tests.filings import World, world
from tests.rooms.test_filing import DRAWING, LAND, LAND_CERTIFICATE, PERMIT
from vault.safe import Safe

REGISTER = "csdl-quoc-gia-dat-dai"
PAPERS = ("gcn-quyen-su-dung-dat", "gcn-so-huu-nha-o")
"""What the land register may have of a parcel: either will do for a building permit."""


@pytest.fixture
async def place(database: Database, owner: AsyncEngine, safe: Safe) -> World:
    return await world(database, owner, safe, NOW)


async def waiting_permit(place: World) -> UUID:
    place.registers.down.add(REGISTER)
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.fill(dossier)
    await place.submit(dossier)
    assert (await place.outcomes(dossier))["c02"] == "PENDING_FETCH"
    return dossier


async def test_the_person_agrees_to_every_answer_that_may_yet_come(place: World) -> None:
    dossier = await waiting_permit(place)
    waiting = [row for row in (await place.case(dossier)).evidence if row.requirement == LAND]
    assert sorted(row.document_type for row in waiting) == sorted(PAPERS)
    assert {row.register for row in waiting} == {REGISTER}
    assert all(row.pinned_at is not None and row.consent_id is not None for row in waiting)


@pytest.mark.parametrize("paper", PAPERS)
async def test_whichever_paper_the_register_has_heals_the_filing(place: World, paper: str) -> None:
    dossier = await waiting_permit(place)
    place.registers.down.clear()
    place.registers.known[REGISTER, paper] = LAND_CERTIFICATE
    place.now += timedelta(minutes=1)
    await place.settle(dossier)
    assert (await place.outcomes(dossier))["c02"] == "FETCH"
    rows = [row for row in (await place.case(dossier)).evidence if row.requirement == LAND]
    assert [row.document_type for row in rows if row.revoked_at is None] == [paper]
    await place.process(dossier)
    opened = await place.open_evidence(dossier, LAND)
    assert [one.document_type for one in opened.evidence] == [paper]
    assert "12" in [claim.value for one in opened.evidence for claim in one.claims]


async def test_a_register_that_has_none_of_them_lets_the_paper_be_asked(place: World) -> None:
    dossier = await waiting_permit(place)
    place.registers.down.clear()
    place.now += timedelta(minutes=1)
    await place.settle(dossier)
    assert (await place.outcomes(dossier))["c02"] == "SUPPLY"
    await place.process(dossier)
    with pytest.raises(EvidenceGone):
        await place.open_evidence(dossier, LAND)
    assert await place.count("ledger WHERE kind = 'vault.read'") == 0


async def test_a_register_is_asked_less_often_the_longer_it_is_silent(place: World) -> None:
    dossier = await waiting_permit(place)
    pauses = []
    for minutes in (1, 3, 60):
        place.now = NOW + timedelta(minutes=minutes)
        await place.settle(dossier)
        row = (await place.rows("SELECT max(retry_at) FROM register_probes WHERE probe = 'DOWN'"))[0]
        pauses.append(row[0] - place.now)
    assert pauses == [timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=10)]


IDENTITY, POPULATION, ACCOUNTS = "3.000333", "csdl-quoc-gia-dan-cu", "he-thong-dinh-danh-vneid"
"""A criminal record: who asks for it is read from the population register, or from the e-identity system."""


async def test_a_database_silent_about_one_paper_is_not_asked_for_the_next(place: World) -> None:
    place.registers.down |= {POPULATION, ACCOUNTS}
    await place.rows("UPDATE agencies SET type_id = 'cong-an-cap-tinh' RETURNING id")
    dossier = await place.open(IDENTITY)
    assert (await place.outcomes(dossier))["c02"] == "PENDING_FETCH"
    assert sorted(one.database for one in place.registers.asked) == [POPULATION, ACCOUNTS]


async def test_a_plan_never_relies_on_a_register_nobody_asked(place: World) -> None:
    await place.rows("UPDATE agencies SET type_id = 'cong-an-cap-tinh' RETURNING id")
    dossier = await place.open(IDENTITY)
    assert (await place.outcomes(dossier))["c02"] == "SUPPLY"
    asked = {(one.database, one.document_type) for one in place.registers.asked}
    assert {database for database, _ in asked} == {POPULATION, ACCOUNTS}
    assert len(asked) == len(place.registers.asked) > 3


async def test_the_one_answer_there_is_found_unfit_lets_the_paper_be_asked_for(place: World) -> None:
    place.registers.known[REGISTER, PAPERS[1]] = LAND_CERTIFICATE
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    assert {row.probe for row in (await place.case(dossier)).probes} == {"FOUND", "NOT_FOUND"}
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.fill(dossier)
    await place.submit(dossier)
    await place.process(dossier)
    await place.ask(dossier, LAND, "UNFIT")
    await place.bring(dossier, LAND, "gcn-quyen-su-dung-dat", LAND_CERTIFICATE, pages=3)
    await place.answer(dossier)
    rows = [row for row in (await place.case(dossier)).evidence if row.requirement == LAND]
    assert [(row.register, row.legal_basis) for row in rows if row.revoked_at is None] == [(None, "OWN")]


async def test_what_was_handed_in_unfit_is_not_asked_for_again_once_another_is_held(place: World) -> None:
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    await place.bring(dossier, LAND, "gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.fill(dossier)
    await place.submit(dossier)
    await place.process(dossier)
    parcel = (await place.case(dossier)).dossier.objects["land_parcel"]
    kept = await place.digitise("gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    await place.rows(f"UPDATE documents SET object_key = '{parcel}' WHERE id = '{kept.document}' RETURNING 1")
    before = await place.rows("SELECT * FROM dossiers"), await place.rows("SELECT * FROM dossier_evidence")
    with pytest.raises(AlreadyHeld):
        await place.ask(dossier, LAND, "UNFIT")
    after = await place.rows("SELECT * FROM dossiers"), await place.rows("SELECT * FROM dossier_evidence")
    assert after == before
    assert await place.count("dossier_asks WHERE kind = 'SUPPLEMENT'") == 0
    with pytest.raises(NothingToAsk):
        await place.override(dossier, DRAWING, "data_wrong")
    await place.override(dossier, LAND, "data_wrong")
    await place.ask(dossier, LAND, "UNFIT")
    assert (await place.outcomes(dossier))["c02"] == "SUPPLY"
