"""Handing the result over: the last move of a dossier."""

from tests.flows.journeys import DESK, denied, issued_permit, look, move, notices, seen, unchanged
from tests.flows.stage import Stage


async def test_a_result_is_returned_once_by_those_who_decide(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    done, permit = await issued_permit(me, officer)
    receiver, stranger = (
        await stage.officer("ubnd-mot.tiep-nhan"), await stage.officer("ubnd-hai.toan-quyen"),
    )  # fmt: skip
    async with unchanged(stage):
        assert await denied(receiver, "returnResult", **seen(done)) == "ACCESS_DENIED"
        assert await denied(stranger, "returnResult", **seen(done)) == "NOT_FOUND"
        assert await denied(me, "returnResult", **seen(done)) == "ACCESS_DENIED"
        stale = await officer.refused("returnResult", DESK, dossier=done["id"], expectedVersion=1)
        assert stale["code"] == "STALE_VERSION"
    returned = await move(officer, "returnResult", done)
    assert (returned["status"], returned["availableMoves"]) == ("RESULT_RETURNED", [])
    async with unchanged(stage):
        again = await officer.refused("returnResult", DESK, **seen(returned))
        late = await me.refused("withdrawDossier", DESK, **seen(returned))
    assert (again["code"], late["code"]) == ("MOVE_NOT_ALLOWED", "MOVE_NOT_ALLOWED")
    mine = await look(me, returned)
    assert [one["id"] for one in mine["results"]] == [permit]
    assert (await notices(me))[0]["code"] == "result_returned"
