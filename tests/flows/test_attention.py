"""What waits is counted for whom it waits, capped, and put away by them alone."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from dossiers.records import Notice
from resolvers.connections import global_id
from store.identifiers import new_id
from tests.conftest import NOW
from tests.flows.journeys import (
    DRAWING,
    attempt_raw,
    issued_permit,
    move,
    permit_in_work,
    rows,
    submitted_permit,
    unchanged,
)
from tests.flows.stage import Person, Stage

COUNTS = """{ viewer { attention {
  notices requests dossiers results desk { toReceive toAssign mine toReturn overdue } } } }"""
ABOUT = "{ apiInfo { version minClientVersion now deprecations { coordinate reason announcedOn goneOn } } }"


async def attention(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = (await person.ask(COUNTS))["viewer"]["attention"]
    return found


async def told(person: Person) -> list[dict[str, Any]]:
    query = "{ myNotices(first: 100) { edges { node { id code readAt } } } }"
    return [edge["node"] for edge in (await person.ask(query))["myNotices"]["edges"]]


async def test_anybody_may_ask_about_the_api(stage: Stage) -> None:
    about = (await stage.anybody().ask(ABOUT))["apiInfo"]
    assert about["version"].count(".") == 2
    assert (about["minClientVersion"], about["deprecations"]) == ("0", [])
    assert about["now"].startswith("2026-11-2")


async def test_a_filing_asks_until_it_is_answered_and_ends_until_it_is_read(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    nothing = {"notices": 0, "requests": 0, "dossiers": 0, "results": 0, "desk": None}
    assert await attention(me) == nothing
    filed = await permit_in_work(me, officer)
    asks = [{"requirement": DRAWING, "kind": "UNFIT", "reason": "mờ"}]
    await move(officer, "requestSupplement", filed, asks=asks)
    seen = await attention(me)
    assert (seen["dossiers"], seen["results"]) == (1, 0)
    assert seen["notices"] == len(await told(me)) > 0
    await me.act("markNoticesRead", "notices { id readAt }", notices=[one["id"] for one in await told(me)])
    assert await attention(me) == nothing | {"dossiers": 1}


async def test_a_result_waits_until_its_notice_is_read(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    assert (await attention(me))["results"] == 1
    ended = [one["id"] for one in await told(me) if one["code"] in ("processed", "result_returned")]
    key = str(uuid4())
    for _ in range(2):
        again = await me.act("markNoticesRead", "notices { id readAt }", notices=ended, idempotencyKey=key)
        assert {one["id"] for one in again["notices"]} == set(ended)
        assert all(one["readAt"] for one in again["notices"])
    assert (await attention(me))["results"] == 0


async def test_a_desk_is_told_what_its_officer_can_do(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    idle = {"toReceive": 0, "toAssign": 0, "mine": 0, "toReturn": 0, "overdue": 0}
    filed = await submitted_permit(me, officer)
    assert (await attention(officer))["desk"] == idle | {"toReceive": 1}
    received = await move(officer, "receiveDossier", filed)
    assert (await attention(officer))["desk"] == idle | {"toAssign": 1}
    own = (await officer.ask("{ viewer { id } }"))["viewer"]["id"]
    await move(officer, "assignDossier", received, officer=own)
    assert (await attention(officer))["desk"] == idle | {"mine": 1}
    await rows(stage, "UPDATE dossiers SET due_on = '2026-11-20' RETURNING id")
    assert (await attention(officer))["desk"] == idle | {"mine": 1, "overdue": 1}
    assert (await attention(elsewhere))["desk"] == idle
    assert (await attention(officer))["notices"] == 0


async def test_counting_ends_at_ninety_nine(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    ((subject,),) = await rows(stage, "SELECT holder_id FROM sessions")
    await plant_notices(stage, subject, 120)
    assert (await attention(me))["notices"] == 99


async def test_anothers_notice_is_put_away_by_nobody_else_and_unfound(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thanh-binh")
    ((mine,), (theirs,)) = await rows(stage, "SELECT holder_id FROM sessions ORDER BY created_at, id")
    (own,), (foreign,) = [await plant_notices(stage, one, 1) for one in (mine, theirs)]
    async with unchanged(stage):
        for given in ([foreign], [own, foreign], [str(global_id("Notice", uuid4()))]):
            said = await attempt_raw(me, "markNoticesRead", notices=given)
            assert said["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        for odd in ([], [own] * 101, ["x"]):
            refusal = await me.refused("markNoticesRead", "notices { id }", notices=odd)
            assert refusal["code"] == "BAD_INPUT"
    assert (await attention(other))["notices"] == 1
    assert (await me.ask("query($id: ID!) { node(id: $id) { id } }", id=foreign))["node"] is None
    assert (await me.ask("query($id: ID!) { node(id: $id) { id } }", id=own))["node"] == {"id": own}


async def plant_notices(stage: Stage, subject: UUID, count: int) -> list[str]:
    ids = [new_id() for _ in range(count)]
    plain = {"subject_id": subject, "code": "submitted", "params": {}, "at": NOW}
    async with stage.owner.begin() as connection:
        await connection.execute(insert(Notice), [{"id": one, **plain} for one in ids])
    return [str(global_id("Notice", one)) for one in ids]
