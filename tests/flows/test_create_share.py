"""A code for one paper: chosen claims, counted uses, shown once, and only its owner's to make."""

from typing import Any
from uuid import uuid4

from tests.flows.journeys import denied, issued_permit, keep, rows, unchanged, usage
from tests.flows.stage import Stage, agency_code

SHARED = "share { id code url qrSvg expiresAt usesLeft }"
ADDRESS = "building.address@building"


async def test_a_code_is_shown_once_and_kept_as_a_hash(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, permit = await issued_permit(me, officer)
    given = {"document": permit, "claims": [ADDRESS], "maxUses": 3, "idempotencyKey": str(uuid4())}
    share = (await me.act("createShare", SHARED, **given))["share"]
    assert len(share["code"]) == 26
    assert share["url"] == f"http://127.0.0.1:8000/verify/{share['code']}"
    assert share["qrSvg"].startswith("<svg")
    assert share["usesLeft"] == 3
    async with unchanged(stage):
        again = (await me.act("createShare", SHARED, **given))["share"]
    assert (again["id"], again["code"], again["qrSvg"]) == (share["id"], None, "")
    assert await rows(stage, f"SELECT count(*) FROM shares s WHERE s::text LIKE '%{share['code']}%'") == [
        (0,)
    ]
    (logged,) = [one for one in await usage(me) if one["kind"] == "share.created"]
    assert logged["claims"] == ["Address of the building or site"]
    node = "query($id: ID!) { node(id: $id) { ... on Share { id code usesLeft } } }"
    assert (await me.ask(node, id=share["id"]))["node"] == {"id": share["id"], "code": None, "usesLeft": 3}


async def test_a_share_that_cannot_be_made_leaves_nothing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, permit = await issued_permit(me, officer)
    stranger = await stage.citizen("thanh-binh")

    async def refused(**changed: Any) -> str:
        error = await me.refused(
            "createShare", SHARED, **{"document": permit, "claims": [ADDRESS], **changed}
        )
        return str(error["code"])

    async with unchanged(stage):
        assert await refused(claims=["person.nickname@holder"]) == "CLAIM_UNKNOWN"
        assert await refused(maxUses=0) == "SHARE_REFUSED"
        assert await refused(maxUses=101) == "SHARE_REFUSED"
        assert await refused(expiresInSeconds=0) == "SHARE_REFUSED"
        assert await refused(expiresInSeconds=604_801) == "SHARE_REFUSED"
        assert await refused(audience="H00.00.00") == "BAD_INPUT"
        assert await denied(stranger, "createShare", document=permit) == "NOT_FOUND"
        assert await denied(officer, "createShare", document=permit) in ("NOT_FOUND", "ACCESS_DENIED")
    why = {"reason": "x", "legalBasis": "Luật số 135/2025/QH15, Điều 54"}
    await officer.act("revokeResult", "document { id }", document=permit, **why)
    async with unchanged(stage):
        assert await refused() == "DOCUMENT_NOT_USABLE"


async def test_a_code_for_an_agency_names_it_by_its_code(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    paper = await keep(me, "anh-chan-dung", {"person.portrait@holder": "x"})
    made = await me.act("createShare", SHARED, document=paper, audience=agency_code("so-y-te"))
    assert made["share"]["usesLeft"] == 1
