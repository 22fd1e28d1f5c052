"""Ids open nothing by themselves: foreign, random, malformed and of another type all look alike, which is null."""

import base64
from uuid import uuid4

from tests.flows.journeys import (
    PERMIT_TYPE,
    consents,
    held,
    issued_permit,
    unchanged,
)
from tests.flows.stage import Stage

NODE = "query($id: ID!) { node(id: $id) { __typename id } }"


def made_up(kind: str, key: str = "") -> str:
    """An id as the API would spell it, of a thing that is not there."""
    return base64.urlsafe_b64encode(f"{kind}:{key or uuid4()}".encode()).decode().rstrip("=")


async def test_a_node_is_shown_to_those_it_concerns_and_is_null_to_all_others(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    done, permit = await issued_permit(me, officer)
    agreement = (await consents(me))[0]["id"]
    share = (await me.act("createShare", "share { id }", document=permit))["share"]["id"]
    stranger, elsewhere = await stage.citizen("thanh-binh"), await stage.officer("ubnd-hai.toan-quyen")
    nobody = stage.anybody()
    for kind, key in (
        ("Dossier", done["id"]),
        ("Document", permit),
        ("Consent", agreement),
        ("Share", share),
    ):
        assert (await me.ask(NODE, id=key))["node"] == {"__typename": kind, "id": key}
        unknown = await stranger.post(NODE, {"id": made_up(kind)})
        assert (await stranger.post(NODE, {"id": key})) == unknown, kind
        assert (await elsewhere.ask(NODE, id=key))["node"] is None, kind
        said, none = await nobody.post(NODE, {"id": key}), await nobody.post(NODE, {"id": made_up(kind)})
        assert ((said.get("data") or {}).get("node"), said) == (None, none), kind
    assert (await officer.ask(NODE, id=done["id"]))["node"]["__typename"] == "Dossier"
    for hidden in (permit, agreement, share):
        assert (await officer.ask(NODE, id=hidden))["node"] is None


async def test_an_id_of_another_type_or_of_no_type_is_null(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    done, permit = await issued_permit(me, officer)
    key = base64.urlsafe_b64decode(permit + "=" * (-len(permit) % 4)).decode().partition(":")[2]
    respelt = [
        made_up(kind, key) for kind in ("Dossier", "Consent", "Share", "AccessRequest", "Upload", "Subject")
    ]
    broken = [
        "",
        "x",
        "%",
        "Document",
        made_up("Document", "x"),
        f"{permit}=",
        permit[:-1],
        "Ω",
        done["id"] * 2,
    ]
    mine = (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    async with unchanged(stage):
        for given in (*respelt, *broken, mine, made_up("Procedure", "khong-co")):
            assert (await me.ask(NODE, id=given))["node"] is None, given
        document = "query($id: ID!) { document(id: $id) { id } }"
        for given in (*respelt, *broken, done["id"]):
            assert (await me.ask(document, id=given))["document"] is None, given
    assert (await me.ask(NODE, id=made_up("Procedure", "dang-ky-khai-sinh")))["node"][
        "__typename"
    ] == "Procedure"


async def test_many_nodes_come_in_the_order_asked_with_nulls_between(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    done, permit = await issued_permit(me, officer)
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    asked = [permit, made_up("Document"), done["id"], "x", permit]
    found = (await me.ask(query, ids=asked))["nodes"]
    assert found == [{"id": permit}, None, {"id": done["id"]}, None, {"id": permit}]
    too_many = await me.post(query, {"ids": ["x"] * 101})
    assert [one["extensions"]["code"] for one in too_many["errors"]] == ["BAD_INPUT"]
    assert [one["id"] for one in await held(me, PERMIT_TYPE)] == [permit]
