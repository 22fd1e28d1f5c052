"""Lists: pages by signed cursors, one's own rows alone, newest first, in the language of the reader."""

from typing import Any

import pytest

from tests.flows.journeys import (
    keep,
    notices,
    open_dossier,
    permit_in_work,
    unchanged,
)
from tests.flows.stage import Person, Stage

PAGE = "pageInfo { hasNextPage hasPreviousPage endCursor }"


async def page(person: Person, first: int, after: str | None = None) -> dict[str, Any]:
    query = f"""query($first: Int!, $after: String) {{
      myDocuments(first: $first, after: $after) {{ edges {{ cursor node {{ id }} }} {PAGE} }} }}"""
    found: dict[str, Any] = (await person.ask(query, first=first, after=after))["myDocuments"]
    return found


async def test_pages_follow_each_other_without_a_gap_and_end(stage: Stage) -> None:
    me, other = await stage.citizen("thanh-binh"), await stage.citizen("minh-chau")
    kept = [await keep(me, "anh-chan-dung", {}, pages=number) for number in (1, 2, 3)]
    await keep(other, "anh-chan-dung", {})
    first = await page(me, 2)
    assert [edge["node"]["id"] for edge in first["edges"]] == kept[:0:-1]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    # What comes in meanwhile is at the front and shifts nothing.
    await keep(me, "anh-chan-dung", {}, pages=4)
    last = await page(me, 2, first["pageInfo"]["endCursor"])
    assert [edge["node"]["id"] for edge in last["edges"]] == kept[:1]
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)
    assert (await page(me, 2, last["pageInfo"]["endCursor"]))["edges"] == []


async def test_a_cursor_of_another_list_or_made_up_opens_no_page(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    await keep(me, "anh-chan-dung", {})
    cursor = (await page(me, 1))["edges"][0]["cursor"]
    swapped = f"{cursor[:-1]}{'A' if cursor[-1] != 'A' else 'B'}"
    query = "query($after: String) { myDossiers(first: 1, after: $after) { edges { cursor } } }"
    documents = "query($after: String) { myDocuments(first: 1, after: $after) { edges { cursor } } }"
    for asked, given in ((query, cursor), (documents, swapped), (documents, "x"), (documents, "")):
        said = await me.post(asked, {"after": given})
        assert [one["extensions"]["code"] for one in said["errors"]] == ["BAD_INPUT"]


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_a_page_has_a_size(stage: Stage, first: int) -> None:
    me = await stage.citizen("thanh-binh")
    lists = ("myDocuments", "myDossiers", "myConsents", "accessRequests", "myDataUsage", "myNotices")
    for name in lists:
        said = await me.post(f"{{ {name}(first: {first}) {{ edges {{ cursor }} }} }}")
        assert [one["extensions"]["code"] for one in said["errors"]] == ["BAD_INPUT"], name


async def test_a_queue_is_its_agencys_alone_and_shows_nobody(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    query = """query($status: DossierStatus) { desk(first: 5, status: $status) { edges { node {
      id status form { value } notice { text } results { id }
      requirements { evidence { document { id } } rejected { reason } } } } } }"""
    (shown,) = [edge["node"] for edge in (await officer.ask(query))["desk"]["edges"]]
    assert (shown["id"], shown["form"], shown["notice"], shown["results"]) == (taken["id"], None, None, [])
    assert all(one["document"] is None for each in shown["requirements"] for one in each["evidence"])
    assert [
        edge["node"]["id"] for edge in (await officer.ask(query, status="PROCESSING"))["desk"]["edges"]
    ] == [taken["id"]]
    assert (await officer.ask(query, status="RECEIVED"))["desk"]["edges"] == []
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    assert (await elsewhere.ask(query))["desk"]["edges"] == []
    for person, code in ((me, "ACCESS_DENIED"), (stage.anybody(), "UNAUTHENTICATED")):
        assert [one["extensions"]["code"] for one in (await person.post(query))["errors"]] == [code]


async def test_what_is_said_is_said_in_the_readers_language(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    english = await notices(me)
    me.language = "vi"
    vietnamese = await notices(me)
    assert [one["code"] for one in english] == [one["code"] for one in vietnamese]
    assert all(one["text"] != other["text"] for one, other in zip(english, vietnamese, strict=True))
    assert vietnamese[0]["text"] == "Hồ sơ đang được xử lý."
    draft = await open_dossier(me, "1.003677")
    assert draft["requirements"][0]["reason"] == "Khai trên biểu mẫu."
    given = {"dossier": taken["id"], "expectedVersion": 1, "situations": []}
    async with unchanged(stage):
        refused = await me.refused("answerSituations", "dossier { id }", **given)
        assert refused["message"] == "Hồ sơ vừa được thay đổi. Vui lòng xem lại rồi thử lại."
