"""An app that keeps what it read is told what to read anew, and when to begin again."""

from datetime import timedelta
from typing import Any

import pytest

from api.work import sweep
from store.feed import KEPT_DAYS
from tests.flows.conftest import Later
from tests.flows.journeys import digitise, keep, move, permit_in_work, rows, submitted_permit, unchanged
from tests.flows.stage import Person, Stage

FEED = """query($first: Int!, $after: String) { changes(first: $first, after: $after) {
  startAnew pageInfo { hasNextPage endCursor } edges { cursor node { id kind gone at } } } }"""
TYPE, LAND_TYPE = "anh-chan-dung", "gcn-quyen-su-dung-dat"
PARCEL = {"land_parcel.parcel_number@land_parcel": "12"}


async def feed(person: Person, after: str | None, first: int = 100) -> dict[str, Any]:
    found: dict[str, Any] = (await person.ask(FEED, first=first, after=after))["changes"]
    return found


async def begun(stage: Stage, person: Person) -> str:
    await stage.settle()
    return str((await feed(person, None))["pageInfo"]["endCursor"])


def told(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(edge["node"]["kind"], edge["node"]["id"]) for edge in found["edges"]]


async def test_the_beginning_is_a_cursor_and_nothing_else(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    await keep(me, TYPE, {})
    await stage.settle()
    found = await feed(me, None)
    assert (found["edges"], found["startAnew"], found["pageInfo"]["hasNextPage"]) == ([], None, False)
    assert (await feed(me, found["pageInfo"]["endCursor"]))["edges"] == []


async def test_a_filing_is_told_to_its_filer_at_each_step_and_to_nobody_else(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thanh-binh")
    officer = await stage.officer("ubnd-mot.toan-quyen")
    mine, theirs = await begun(stage, me), await begun(stage, other)
    filed = await submitted_permit(me, officer)
    await stage.settle()
    found = await feed(me, mine)
    # The drawing it was supplied with, the land certificate's consent, the draft, what was told.
    assert {kind for kind, _ in told(found)} == {"Dossier", "Document", "Consent", "Notice"}
    assert ("Dossier", filed["id"]) in told(found)
    assert (await feed(other, theirs))["edges"] == []
    after = found["pageInfo"]["endCursor"]
    await move(officer, "receiveDossier", filed)
    assert (await feed(me, after))["edges"] == [], "told before it has its place"
    await stage.settle()
    found = await feed(me, after)
    assert ("Dossier", filed["id"]) in told(found)
    nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    read = (await me.ask(nodes, ids=[one for _, one in told(found)]))["nodes"]
    assert [(one["__typename"], one["id"]) for one in read] == told(found)


async def test_pages_go_on_where_they_ended(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    after: str | None = await begun(stage, me)
    kept = [await keep(me, TYPE, {}, pages=number) for number in (1, 2, 3)]
    await stage.settle()
    seen: list[tuple[str, str]] = []
    for last in (False, False, True):
        page = await feed(me, after, first=1)
        assert page["pageInfo"]["hasNextPage"] is not last
        assert page["edges"][0]["cursor"] == page["pageInfo"]["endCursor"] or last
        after, seen = page["pageInfo"]["endCursor"], seen + told(page)
    assert seen == [("Document", one) for one in kept]
    assert told(await feed(me, after)) == []


async def test_what_an_officer_puts_into_ones_vault_is_told(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    after = await begun(stage, me)
    paper = await digitise(officer, "minh-chau", LAND_TYPE, PARCEL)
    await stage.settle()
    assert ("Document", paper) in told(await feed(me, after))


async def test_anothers_cursor_or_a_made_up_one_is_none(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thanh-binh")
    mine = await begun(stage, me)
    swapped = f"{mine[:-1]}{'A' if mine[-1] != 'A' else 'B'}"
    async with unchanged(stage):
        for person, given in ((other, mine), (me, swapped), (me, "x"), (me, "")):
            said = await person.post(FEED, {"first": 1, "after": given})
            assert [one["extensions"]["code"] for one in said["errors"]] == ["BAD_INPUT"]
        for size in (0, 101):
            said = await me.post(FEED, {"first": size})
            assert [one["extensions"]["code"] for one in said["errors"]] == ["BAD_INPUT"]
        said = await stage.anybody().post(FEED, {"first": 1})
        assert [one["extensions"]["code"] for one in said["errors"]] == ["UNAUTHENTICATED"]


async def test_an_officer_follows_nothing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    after = await begun(stage, officer)
    await permit_in_work(me, officer)
    await stage.settle()
    found = await feed(officer, after)
    assert (found["edges"], found["startAnew"]) == ([], None)


async def test_a_new_ward_is_reason_to_start_anew(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    after = await begun(stage, me)
    ((subject,),) = await rows(stage, "SELECT holder_id FROM sessions")
    await rows(
        stage,
        f"""INSERT INTO mandates (id, actor_id, subject_id, basis, relation, scope, evidence, valid_from)
        VALUES (gen_random_uuid(), '{subject}', gen_random_uuid(), 'GUARDIAN', 'parent', '{{all}}', 'x', '2020-01-01')
        RETURNING id""",
    )
    found = await feed(me, after)
    assert (found["startAnew"], found["edges"]) == ("PERSONS_CHANGED", [])
    assert (await feed(me, found["pageInfo"]["endCursor"]))["startAnew"] is None


@pytest.mark.parametrize(("days", "answer"), [(KEPT_DAYS - 1, None), (KEPT_DAYS + 1, "CURSOR_EXPIRED")])
async def test_who_was_away_for_a_month_starts_anew(
    stage: Stage, later: Later, days: int, answer: str | None
) -> None:
    me = await stage.citizen("thanh-binh")
    after = await begun(stage, me)
    await keep(me, TYPE, {})
    await stage.settle()
    async with later(timedelta(days=days)) as then:
        me = then.carry(me)
        await sweep(then.platform.loops._tools)
        found = await feed(me, after)
        assert found["startAnew"] == answer
        assert bool(found["edges"]) is (answer is None)
        assert (await feed(me, found["pageInfo"]["endCursor"]))["startAnew"] is None
