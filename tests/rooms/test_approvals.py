"""Another person's facts need that person's own approval, and reach the filer's dossier only through it."""

from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller
from dossiers.errors import ConsentOutstanding
from dossiers.evidence.approvals import fetch_approved
from dossiers.evidence.pins import accept_request, request_words
from dossiers.evidence.probes import Told, take_answer
from dossiers.parties import Party
from procedures.plan import RegisterQuestion
from procedures.records import Agency
from store.database import Database
from tests.conftest import NOW
from tests.filings import LAWS, World, world
from tests.people import citizen
from vault.permission.consent import my_requests
from vault.permission.notice import notice
from vault.safe import Safe

MOTHER_NUMBER = "001199000002"
BIRTH_NOTICE = {
    "birth.notification_code@child": "GCS-1",
    "person.full_name@mother": "Mẹ Thử",
    "person.personal_id_number@mother": MOTHER_NUMBER,
    "person.date_of_birth@child": "2026-11-20",
    "person.place_of_birth@child": "Bệnh viện Thử",
    "person.sex@child": "F",
}
NOTIFICATION = "dang-ky-khai-sinh.c02"
GCS = ("he-thong-du-lieu-gcs-gbt", "giay-chung-sinh")
HER_REGISTERS = {
    GCS: BIRTH_NOTICE,
    ("csdl-ho-tich-dien-tu", "giay-chung-nhan-ket-hon"): {
        "person.full_name@husband": "Trần Văn Thử",
        "person.full_name@wife": "Mẹ Thử",
        "marriage.registration_date@marriage": "2024-05-01",
    },
    ("csdl-cu-tru", "xac-nhan-thong-tin-cu-tru"): {"person.current_residence@holder": "Thôn Thử"},
}


@pytest.fixture
async def place(database: Database, owner: AsyncEngine, safe: Safe) -> World:
    return await world(database, owner, safe, NOW)


@pytest.fixture
async def mother(place: World) -> Caller:
    return (await citizen(place.database, place.safe, place.now, MOTHER_NUMBER)).caller


async def fathers_draft(place: World) -> UUID:
    parties = (Party("mother", citizen_number=MOTHER_NUMBER), Party("child"))
    answers = {one.id: False for one in LAWS.on(NOW.date()).procedures["dang-ky-khai-sinh"].situations}
    answers["co-giay-chung-sinh"] = True
    return await place.open("1.001193", parties=parties, answers=answers)


async def approve(place: World, mother: Caller) -> UUID:
    """The mother reads the request, agrees, and her register is asked in her name."""
    async with place.database.reading(mother.actor) as tx:
        asked = (await my_requests(tx, mother, None, 5, place.now))[0]
        agency = await tx.get_one(Agency, asked.recipient_agency)
    words = request_words(asked, agency, LAWS.on(NOW.date()), "vi")
    shown = notice(asked.items, words, "vi").sha256
    await place.write(mother, lambda tx: accept_request(tx, mother, asked.id, shown, place.office, place.now))
    registers = place.registers
    await fetch_approved(place.database, registers, mother, asked.id, place.office, place.now)  # type: ignore[arg-type]
    return asked.id


async def deliver(place: World) -> None:
    """What the outbox's loop does with a register's answer, in the filer's place."""
    rows = await place.rows("SELECT payload FROM outbox WHERE topic = 'register.answered'")
    for (payload,) in rows:
        question = RegisterQuestion(payload["database"], payload["document_type"], UUID(payload["subject"]))
        told = Told(question, payload["probe"], UUID(payload["document"]) if payload["document"] else None)
        async with place.database.writing(place.me.actor) as tx:
            await take_answer(tx, place.me, UUID(payload["dossier"]), told, place.office, place.now)


async def test_a_register_is_not_asked_about_somebody_who_has_not_agreed(
    place: World, mother: Caller
) -> None:
    place.registers.known.update(HER_REGISTERS)
    dossier = await fathers_draft(place)
    assert (await place.outcomes(dossier))["c02"] == "FETCH"
    assert [one.database for one in place.registers.asked if one.number == MOTHER_NUMBER] == []
    await place.fill(dossier)
    with pytest.raises(ConsentOutstanding) as refused:
        await place.submit(dossier)
    assert refused.value.roles == ("mother",)
    assert (await place.case(dossier)).dossier.submitted_at is None


async def test_her_approval_fetches_the_notification_into_the_fathers_dossier(
    place: World, mother: Caller
) -> None:
    place.registers.known.update(HER_REGISTERS)
    dossier = await fathers_draft(place)
    consent = await approve(place, mother)
    await deliver(place)
    case = await place.case(dossier)
    row = next(one for one in case.evidence if one.requirement == NOTIFICATION)
    assert (row.register, row.version_id is not None) == (GCS[0], True)
    await place.fill(dossier)
    await place.submit(dossier)
    after = await place.case(dossier)
    pinned = next(one for one in after.evidence if one.requirement == NOTIFICATION)
    assert pinned.consent_id == consent
    await place.process(dossier)
    opened = await place.open_evidence(dossier, NOTIFICATION)
    assert "GCS-1" in [claim.value for one in opened.evidence for claim in one.claims]


async def test_what_she_holds_stays_out_of_the_fathers_own_list(place: World, mother: Caller) -> None:
    place.registers.known.update(HER_REGISTERS)
    await fathers_draft(place)
    await approve(place, mother)
    async with place.database.reading(place.me.actor) as tx:
        seen = await tx.connection()
        rows = await seen.exec_driver_sql("SELECT count(*) FROM document_versions")
    assert rows.scalar_one() == 0


async def test_one_approval_covers_every_source_that_may_have_the_fact(place: World, mother: Caller) -> None:
    place.registers.known.update(HER_REGISTERS)
    dossier = await fathers_draft(place)
    async with place.database.reading(mother.actor) as tx:
        (asked,) = await my_requests(tx, mother, None, 5, place.now)
    marriage = {item.register for item in asked.items if item.document_type == "giay-chung-nhan-ket-hon"}
    assert marriage == {"csdl-ho-tich-dien-tu", "he-thong-dinh-danh-vneid"}
    await approve(place, mother)
    await deliver(place)
    case = await place.case(dossier)
    # Several of the sources had nothing; nobody comes back to her for the next.
    assert {row.probe for row in case.probes if row.subject_id == mother.id} == {"FOUND", "NOT_FOUND"}
    assert await place.count(f"consents WHERE subject_id = '{mother.id}'") == 1
    hers = [row for row in case.evidence if row.subject_id == mother.id]
    assert all(row.version_id is not None for row in hers)
    assert len({row.requirement for row in hers}) == len(hers)
    await place.fill(dossier)
    await place.submit(dossier)
    after = await place.case(dossier)
    assert {row.consent_id for row in after.evidence if row.subject_id == mother.id} == {asked.id}
