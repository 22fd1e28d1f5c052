"""A wrong document: its claim leaves planning at once, its source is asked to correct it, one replacement serves."""

from tests.flows.journeys import (
    LAND,
    LAND_CLAIMS,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    denied,
    digitise,
    held,
    keep,
    line,
    notices,
    open_dossier,
    plan,
    rows,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

AREA = "land_parcel.area@land_parcel"
CORRECTED = "document { id status claims { name disputed } }"


async def test_a_disputed_claim_leaves_planning_at_once_and_its_source_is_asked(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.sandbox.set_mode("all", "down")
    land = await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS)
    about = [{"kind": "LAND_PARCEL", "document": land}]
    planned = await plan(me, PERMIT, situations=NO_NEIGHBOURS, objects=about)
    assert line(planned, LAND)["outcome"] == "REUSE"
    done = await me.act("correctClaim", CORRECTED, document=land, claim=AREA, reason="đo sai")
    assert {"name": AREA, "disputed": True} in done["document"]["claims"]
    assert done["document"]["status"] == "VALID"
    again = line(await plan(me, PERMIT, situations=NO_NEIGHBOURS, objects=about), LAND)
    assert again["outcome"] == "PENDING_FETCH"
    assert [one["document"]["id"] for one in again["rejected"]] == [land]
    assert "correction_opened" in [one["code"] for one in await notices(me)]
    assert await rows(stage, "SELECT count(*) FROM outbox WHERE topic = 'correction.requested'") == [(1,)]
    assert "document.disputed" in [one["kind"] for one in await usage(me)]
    # A claim the requirement does not need changes nothing for another filing.
    assert (
        line(await plan(me, PERMIT, situations=NO_NEIGHBOURS, objects=about, on="2027-03-01"), LAND)[
            "outcome"
        ]
        == "SUPPLY"
    )


async def test_one_replacement_serves_in_its_place(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    claims = {"person.full_name@worker": "sai", "education.training_course@worker": "y"}
    wrong = await keep(me, "xac-nhan-tap-huan-attp", claims)
    right = await keep(me, "xac-nhan-tap-huan-attp", {**claims, "person.full_name@worker": "đúng"}, pages=2)
    third = await keep(me, "xac-nhan-tap-huan-attp", {**claims, "person.full_name@worker": "nữa"}, pages=3)
    given = {"document": wrong, "claim": "person.full_name@worker", "reason": "tên sai"}
    await me.act("correctClaim", CORRECTED, **given, replacement=right)
    status = {one["id"]: one["status"] for one in await held(me, "xac-nhan-tap-huan-attp")}
    assert (status[wrong], status[right]) == ("SUPERSEDED", "VALID")
    draft = await open_dossier(me, "1.013855")
    (used,) = line(draft, "c05")["evidence"]
    assert used["document"]["id"] in (right, third)
    async with unchanged(stage):
        refused = await me.refused("correctClaim", CORRECTED, **given, replacement=third)
    assert refused["code"] == "DOCUMENT_NOT_USABLE"


async def test_what_cannot_be_corrected_changes_nothing(stage: Stage) -> None:
    me, other = await stage.citizen("thanh-binh"), await stage.citizen("minh-chau")
    mine = await keep(me, "anh-chan-dung", {"person.portrait@holder": "x"})
    theirs = await keep(other, "anh-chan-dung", {"person.portrait@holder": "x"})
    given = {"claim": "person.portrait@holder", "reason": "sai"}
    async with unchanged(stage):
        unknown = await me.refused(
            "correctClaim", CORRECTED, document=mine, claim="person.full_name@holder", reason="x"
        )
        foreign = await me.refused("correctClaim", CORRECTED, document=mine, replacement=theirs, **given)
        itself = await me.refused("correctClaim", CORRECTED, document=mine, replacement=mine, **given)
        assert await denied(me, "correctClaim", document=theirs, **given) == "NOT_FOUND"
    assert unknown["code"] == "CLAIM_UNKNOWN"
    assert (foreign["code"], itself["code"]) == ("REPLACEMENT_REFUSED", "REPLACEMENT_REFUSED")
