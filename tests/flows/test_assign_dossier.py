"""Passing a dossier to a specialist: of the same agency alone."""

from tests.flows.journeys import DESK, denied, move, notices, seen, submitted_permit, unchanged
from tests.flows.stage import Stage

ME = "{ viewer { id } }"


async def test_a_specialist_of_the_same_agency_gets_the_dossier(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    specialist, stranger = (
        await stage.officer("ubnd-mot.tham-dinh"),
        await stage.officer("ubnd-hai.tham-dinh"),
    )
    filed = await submitted_permit(me, officer)
    theirs, foreign = (await specialist.ask(ME))["viewer"]["id"], (await stranger.ask(ME))["viewer"]["id"]
    async with unchanged(stage):
        early = await officer.refused("assignDossier", DESK, **seen(filed), officer=theirs)
    assert early["code"] == "MOVE_NOT_ALLOWED"
    received = await move(officer, "receiveDossier", filed)
    mine = (await me.ask(ME))["viewer"]["id"]
    async with unchanged(stage):
        assert await denied(officer, "assignDossier", **seen(received), officer=foreign) == "NOT_FOUND"
        malformed = await officer.refused("assignDossier", DESK, **seen(received), officer=mine)
    assert malformed["code"] == "BAD_INPUT"
    assigned = await move(officer, "assignDossier", received, officer=theirs)
    assert assigned["status"] == "PROCESSING"
    again = await move(officer, "assignDossier", assigned, officer=theirs)
    assert again["status"] == "PROCESSING"
    assert (await notices(me))[0]["code"] == "processing"
