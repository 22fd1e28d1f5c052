"""Declining reuse: the person may bring a paper themself; it is counted apart and never as asked again."""

import pytest

from tests.flows.journeys import (
    BRIEF,
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_CLAIMS,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    bring,
    denied,
    figures,
    line,
    look,
    open_dossier,
    permit_draft,
    rows,
    seen,
    submit,
    unchanged,
)
from tests.flows.stage import Stage


async def test_declining_opens_the_upload_and_is_counted_apart(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    declined = await me.act("declineReuse", BRIEF, **seen(draft), requirement=LAND)
    c02 = line(declined["dossier"], LAND)
    assert (c02["outcome"], c02["satisfied"]) == ("SUPPLY", False)
    assert c02["reason"].startswith("You declined")
    after = await bring(me, draft, LAND, LAND_TYPE, LAND_CLAIMS, pages=2)
    assert (line(after, LAND)["outcome"], line(after, LAND)["satisfied"]) == ("SUPPLY", True)
    assert await rows(stage, "SELECT declined FROM dossier_asks WHERE requirement LIKE '%.c02'") == [(True,)]
    query = "query($id: ID!) { node(id: $id) { ... on Dossier { onceOnly { declinedReuse askedAgain } } } }"
    counted = await me.ask(query, id=draft["id"])
    assert counted["node"]["onceOnly"] == {"declinedReuse": 1, "askedAgain": 0}


async def test_there_is_nothing_to_decline_where_nothing_is_reused(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    other = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        for requirement, code in (
            (DRAWING, "NOT_REUSABLE"),
            ("dang-ky-khai-sinh.c02", "REQUIREMENT_UNKNOWN"),
        ):
            refused = await me.refused(
                "declineReuse", "dossier { id }", **seen(draft), requirement=requirement
            )
            assert refused["code"] == code
        stale = {"dossier": draft["id"], "expectedVersion": 0}
        refused = await me.refused("declineReuse", "dossier { id }", **stale, requirement=LAND)
        assert refused["code"] == "STALE_VERSION"
        assert await denied(other, "declineReuse", **seen(draft), requirement=LAND) == "NOT_FOUND"
    assert line(await look(me, draft), LAND)["outcome"] == "REUSE"


@pytest.mark.parametrize(("mode", "outcome"), [("up", "FETCH"), ("down", "PENDING_FETCH")])
async def test_a_registers_answer_may_be_declined_as_well(stage: Stage, mode: str, outcome: str) -> None:
    me = await stage.citizen("minh-chau")
    await stage.sandbox.set_mode(LAND_REGISTER, mode)
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    assert line(draft, LAND)["outcome"] == outcome
    declined = (await me.act("declineReuse", BRIEF, **seen(draft), requirement=LAND))["dossier"]
    assert line(declined, LAND)["outcome"] == "SUPPLY"
    await bring(me, draft, LAND, LAND_TYPE, LAND_CLAIMS, pages=2)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    filed = await submit(me, draft)
    assert (line(filed, LAND)["outcome"], line(filed, LAND)["satisfied"]) == ("SUPPLY", True)
    assert await figures(me, filed) == {"declinedReuse": 1, "supplied": 2}
