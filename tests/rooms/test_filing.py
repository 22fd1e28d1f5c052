"""A filing from draft to decision, its refusals, and what each leaves unchanged."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from dossiers.desk.results import Revocation, revoke_result
from dossiers.errors import (
    AlreadyHeld,
    EvidenceGone,
    EvidenceMissing,
    FormIncomplete,
    LegalReasonUnknown,
    ObjectUndeclared,
    StaleVersion,
)
from dossiers.evidence.withdrawals import withdraw_consent
from dossiers.filing import Change, Declining, decline_reuse
from dossiers.objects import ObjectChoice
from dossiers.state import Status
from dossiers.views import my_dossiers
from procedures.law import ObjectKind
from store.database import Database
from tests.conftest import NOW
from tests.filings import World, world
from vault.documents import remove_document
from vault.holding import Holding
from vault.safe import Safe

PERMIT = "1.013225"
LAND = "cap-giay-phep-xay-dung-nha-o-rieng-le.c02"
DRAWING = "cap-giay-phep-xay-dung-nha-o-rieng-le.c03"
PERMIT_CLAIMS = {
    "permit.number@permit_holder": "01/GPXD",
    "person.full_name@permit_holder": "Trần Thị Thử",
    "building.address@building": "Thôn Thử",
    "permit.start_before@permit_holder": "2027-11-23",
}
LAND_CERTIFICATE = {
    "person.full_name@land_user": "Trần Thị Thử",
    "land_parcel.parcel_number@land_parcel": "12",
    "land_parcel.map_sheet_number@land_parcel": "7",
    "land_parcel.address@land_parcel": "Thôn Thử",
    "land_parcel.area@land_parcel": 84.5,
    "land_parcel.land_use_purpose@land_parcel": "ODT",
    "land_parcel.certificate_serial@land_parcel": "AA 000001",
}


@pytest.fixture
async def place(database: Database, owner: AsyncEngine, safe: Safe) -> World:
    return await world(database, owner, safe, NOW)


async def permit_draft(place: World) -> UUID:
    land = await place.digitise("gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    return await place.open(
        PERMIT,
        answers={"co-cong-trinh-lien-ke": False},
        objects=(ObjectChoice(ObjectKind.LAND_PARCEL, land.document),),
    )


async def test_a_digitised_land_certificate_is_reused_and_only_the_drawing_is_supplied(place: World) -> None:
    dossier = await permit_draft(place)
    assert await place.outcomes(dossier) == {
        "c01": "FORM",
        "c02": "REUSE",
        "c03": "SUPPLY",
        "c04": "NOT_APPLICABLE",
    }
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.fill(dossier)
    await place.submit(dossier)
    case = await place.case(dossier)
    assert case.status is Status.NEWLY_FILED
    assert case.dossier.code == "H26.12.05-261123-0001"
    assert {row.legal_basis for row in case.evidence} == {"CONSENT", "OWN"}


async def test_submission_names_every_gap_and_changes_nothing(place: World) -> None:
    dossier = await permit_draft(place)
    with pytest.raises(EvidenceMissing) as refused:
        await place.submit(dossier)
    assert [gap.requirement.rpartition(".")[2] for gap in refused.value.gaps] == ["c03"]
    case = await place.case(dossier)
    assert (case.status, case.dossier.code) == (Status.DRAFT, None)
    assert all(row.pinned_at is None for row in case.evidence)


async def test_an_unfilled_form_is_refused_with_all_missing_fields(place: World) -> None:
    dossier = await permit_draft(place)
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    with pytest.raises(FormIncomplete) as refused:
        await place.submit(dossier)
    assert "construction_grade" in refused.value.missing
    assert "parcel_number" not in refused.value.missing
    assert (await place.case(dossier)).status is Status.DRAFT


async def submitted_permit(place: World) -> UUID:
    dossier = await permit_draft(place)
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.fill(dossier)
    return await place.submit(dossier)


async def issued_permit(place: World) -> Holding:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    return await place.approve(dossier, "giay-phep-xay-dung", PERMIT_CLAIMS)


async def test_the_issued_permit_is_extended_without_any_upload(place: World) -> None:
    permit = await issued_permit(place)
    dossier = await place.open("1.013227", objects=(ObjectChoice(ObjectKind.BUILDING, permit.document),))
    assert await place.outcomes(dossier) == {"c01": "FORM", "c02": "REUSE"}
    await place.fill(dossier)
    await place.submit(dossier)
    await place.process(dossier)
    extended = await place.approve(dossier, "giay-phep-xay-dung", PERMIT_CLAIMS)
    assert extended.object_key == permit.object_key
    case = await place.case(dossier)
    assert case.status is Status.PROCESSED


async def test_the_permit_alone_names_the_building_it_extends(place: World) -> None:
    await issued_permit(place)
    dossier = await place.open("1.013227")
    assert (await place.outcomes(dossier))["c02"] == "REUSE"


async def test_a_drawing_of_one_house_never_serves_another(place: World) -> None:
    first = await submitted_permit(place)
    land = (await place.case(first)).dossier.objects["land_parcel"]
    held = await place.held("gcn-quyen-su-dung-dat")
    choices = (ObjectChoice(ObjectKind.LAND_PARCEL, held.document), ObjectChoice(ObjectKind.BUILDING, None))
    second = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False}, objects=choices)
    assert (await place.outcomes(second))["c03"] == "SUPPLY"
    assert (await place.case(second)).dossier.objects["land_parcel"] == land


async def test_an_undeclared_object_is_asked_for_and_nothing_is_opened(place: World) -> None:
    await place.digitise("gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    with pytest.raises(ObjectUndeclared) as refused:
        await place.open(PERMIT)
    assert refused.value.kinds == ("land_parcel",)
    async with place.database.reading(place.me.actor) as tx:
        assert await my_dossiers(tx, place.me, None, 5) == []


async def test_an_upload_for_something_held_is_refused(place: World) -> None:
    dossier = await permit_draft(place)
    before = await place.case(dossier)
    with pytest.raises(AlreadyHeld) as refused:
        await place.bring(dossier, LAND, "gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    assert refused.value.requirement == LAND
    after = await place.case(dossier)
    assert after.dossier.version == before.dossier.version
    assert await place.count("uploads") == 1 + 0


async def test_an_officer_may_not_ask_for_what_is_held(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    before = await place.case(dossier)
    with pytest.raises(AlreadyHeld):
        await place.ask(dossier, LAND, "MISSING")
    after = await place.case(dossier)
    assert (after.status, after.dossier.version) == (before.status, before.dossier.version)
    assert await place.count("dossier_asks WHERE kind = 'SUPPLEMENT'") == 0


async def test_a_legal_reason_lets_the_officer_ask_and_tells_the_person(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    await place.override(dossier, LAND, "data_wrong")
    await place.ask(dossier, LAND, "MISSING")
    assert (await place.case(dossier)).status is Status.SUPPLEMENT_REQUESTED
    assert "override" in await place.told()
    asked = await place.rows("SELECT override_id IS NOT NULL FROM dossier_asks WHERE kind = 'SUPPLEMENT'")
    assert asked == [(True,)]


async def test_an_unknown_legal_reason_is_refused(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    with pytest.raises(LegalReasonUnknown):
        await place.override(dossier, LAND, "because")
    assert await place.count("dossier_overrides") == 0


async def test_an_unfit_version_is_excluded_here_and_answered_by_another(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    await place.ask(dossier, DRAWING, "UNFIT")
    case = await place.case(dossier)
    assert case.row(DRAWING).excluded
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le", pages=2)
    await place.answer(dossier)
    after = await place.case(dossier)
    assert after.status is Status.PROCESSING
    live = [row for row in after.evidence if row.requirement == DRAWING and row.revoked_at is None]
    assert [row.version_id in case.row(DRAWING).excluded for row in live] == [False]


async def test_the_unfit_bytes_again_answer_nothing(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    await place.ask(dossier, DRAWING, "UNFIT")
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    with pytest.raises(EvidenceMissing):
        await place.answer(dossier)


async def test_an_unanswered_supplement_names_its_gaps(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    await place.ask(dossier, DRAWING, "UNFIT")
    with pytest.raises(EvidenceMissing):
        await place.answer(dossier)
    assert (await place.case(dossier)).status is Status.SUPPLEMENT_REQUESTED


async def test_withdrawing_consent_stops_the_dossier_and_keeps_only_digests(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    consent = next(row.consent_id for row in (await place.case(dossier)).evidence if row.consent_id)
    await place.write(place.me, lambda tx: withdraw_consent(tx, place.me, consent, place.office, place.now))
    case = await place.case(dossier)
    assert case.status is Status.SUPPLEMENT_REQUESTED
    lost = [row for row in case.evidence if row.revoked_at is not None]
    assert [row.requirement for row in lost] == [LAND]
    assert lost[0].digest is not None
    with pytest.raises(EvidenceGone):
        await place.open_evidence(dossier, LAND)
    await place.answer(dossier, agree=True)
    assert (await place.case(dossier)).status is Status.PROCESSING
    assert await place.open_evidence(dossier, LAND)


async def test_declining_reuse_opens_the_upload_and_is_counted_apart(place: World) -> None:
    dossier = await permit_draft(place)
    change = await place.change(dossier)
    await place.write(
        place.me, lambda tx: decline_reuse(tx, place.me, Declining(change, LAND), place.office, place.now)
    )
    assert (await place.outcomes(dossier))["c02"] == "SUPPLY"
    await place.bring(dossier, LAND, "gcn-quyen-su-dung-dat", LAND_CERTIFICATE)
    asked = await place.rows("SELECT declined FROM dossier_asks WHERE requirement LIKE '%.c02'")
    assert asked == [(True,)]


async def test_a_register_that_is_down_leaves_the_filing_pending_and_heals(place: World) -> None:
    place.registers.down.add("csdl-quoc-gia-dat-dai")
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    assert (await place.outcomes(dossier))["c02"] == "PENDING_FETCH"
    await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.fill(dossier)
    await place.submit(dossier)
    place.registers.down.clear()
    place.registers.known["csdl-quoc-gia-dat-dai", "gcn-quyen-su-dung-dat"] = LAND_CERTIFICATE
    place.now += timedelta(minutes=1)
    await place.settle(dossier)
    assert (await place.outcomes(dossier))["c02"] == "FETCH"
    assert await place.count("dossier_asks WHERE requirement LIKE '%.c02'") == 0
    await place.process(dossier)
    opened = await place.open_evidence(dossier, LAND)
    assert "12" in [claim.value for one in opened.evidence for claim in one.claims]


async def test_a_register_that_lacks_the_fact_lets_the_paper_be_asked(place: World) -> None:
    dossier = await place.open(PERMIT, answers={"co-cong-trinh-lien-ke": False})
    assert (await place.outcomes(dossier))["c02"] == "SUPPLY"
    probes = await place.rows("SELECT probes FROM dossier_asks WHERE requirement LIKE '%.c02'")
    assert {probe["probe"] for row in probes for probe in row[0]} == {"NOT_FOUND"}


async def test_an_officer_opens_exactly_what_was_agreed_to(place: World) -> None:
    dossier = await submitted_permit(place)
    await place.process(dossier)
    opened = await place.open_evidence(dossier, LAND)
    names = {claim.name for one in opened.evidence for claim in one.claims}
    assert names == {
        name for name in LAND_CERTIFICATE if "certificate_serial" not in name and "purpose" not in name
    }
    assert await place.count("ledger WHERE kind = 'vault.read'") == 1


async def test_a_revoked_result_is_never_planned_again(place: World) -> None:
    permit = await issued_permit(place)
    revocation = Revocation(permit.document, "issued in error", "50/2014/QH13, Điều 101")
    await place.write(
        place.officer, lambda tx: revoke_result(tx, place.officer, revocation, place.office, place.now)
    )
    dossier = await place.open("1.013227")
    assert (await place.outcomes(dossier))["c02"] == "SUPPLY"


async def test_a_stale_version_changes_nothing(place: World) -> None:
    dossier = await permit_draft(place)
    old = Change(dossier, 0)
    with pytest.raises(StaleVersion) as refused:
        await place.write(
            place.me, lambda tx: decline_reuse(tx, place.me, Declining(old, LAND), place.office, place.now)
        )
    assert refused.value.current == (await place.case(dossier)).dossier.version
    assert (await place.outcomes(dossier))["c02"] == "REUSE"


ASKED = "SELECT kind, answered_by FROM dossier_asks WHERE requirement LIKE '%.c03' ORDER BY id"


async def test_a_paper_is_asked_for_once_however_often_the_filing_is_planned_again(place: World) -> None:
    dossier = await permit_draft(place)
    assert await place.rows(ASKED) == [("COMPONENT", None)]
    drawing = await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    answered = [("COMPONENT", drawing.version)]
    for value in (True, False, True, False):
        await place.answer_questions(dossier, {"co-cong-trinh-lien-ke": value})
        assert await place.rows(ASKED) == answered
    await place.fill(dossier)
    await place.submit(dossier)
    assert await place.rows(ASKED) == answered


async def test_a_paper_that_serves_no_longer_is_asked_for_anew(place: World) -> None:
    dossier = await permit_draft(place)
    first = await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le")
    await place.write(place.me, lambda tx: remove_document(tx, place.me, first.document, place.now))
    await place.answer_questions(dossier, {"co-cong-trinh-lien-ke": False})
    assert await place.rows(ASKED) == [("COMPONENT", first.version), ("COMPONENT", None)]
    second = await place.bring(dossier, DRAWING, "ho-so-thiet-ke-nha-o-rieng-le", pages=2)
    await place.answer_questions(dossier, {"co-cong-trinh-lien-ke": False})
    assert await place.rows(ASKED) == [("COMPONENT", first.version), ("COMPONENT", second.version)]
