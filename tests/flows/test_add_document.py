"""Depositing one's own paper: sealed once, recognised the second time, and never in place of what is held."""

from typing import Any
from uuid import uuid4

from tests import files
from tests.flows.journeys import (
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_CLAIMS,
    LAND_TYPE,
    bring,
    denied,
    held,
    keep,
    line,
    look,
    permit_draft,
    permit_in_work,
    rows,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

ADDED = "document { id level origin status claims { name value } } dossier { id }"


async def test_a_paper_first_brought_here_stays_to_be_supplied_and_is_satisfied(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    after = await bring(me, draft, DRAWING, DRAWING_TYPE)
    c03 = line(after, DRAWING)
    assert (c03["outcome"], c03["satisfied"]) == ("SUPPLY", True)
    assert c03["reason"].endswith("was supplied in this dossier.")
    answered = await rows(
        stage, "SELECT kind, answered_by IS NOT NULL FROM dossier_asks WHERE requirement LIKE '%.c03'"
    )
    assert answered == [("COMPONENT", True)]
    (drawing,) = await held(me, DRAWING_TYPE)
    assert (drawing["level"], drawing["origin"]) == (3, "SELF")


async def test_the_same_bytes_again_are_recognised(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    first = await keep(me, "anh-chan-dung", {"person.portrait@holder": "x"})
    assert await keep(me, "anh-chan-dung", {"person.portrait@holder": "x"}) == first
    assert len(await held(me)) == 1
    # The same bytes of somebody else are somebody else's paper.
    other = await stage.citizen("minh-chau")
    assert await keep(other, "anh-chan-dung", {"person.portrait@holder": "x"}) != first


async def test_claims_are_completed_by_their_only_bearer_and_kept_for_their_person_alone(
    stage: Stage,
) -> None:
    me = await stage.citizen("thanh-binh")
    paper = await keep(me, "anh-chan-dung", {"person.portrait": "x"})
    (kept,) = await held(me)
    assert kept["claims"] == [
        {"name": "person.portrait@holder", "value": "x", "disputed": False, "source": "self"}
    ]
    query = "query($id: ID!) { document(id: $id) { id claims { value } } }"
    for stranger in (
        await stage.citizen("minh-chau"),
        await stage.officer("ubnd-mot.toan-quyen"),
        stage.anybody(),
    ):
        said = await stranger.post(query, {"id": paper})
        assert (said.get("data") or {"document": None})["document"] is None
    assert [one["kind"] for one in await usage(me)][:1] == ["vault.deposit"]


async def test_what_came_to_be_held_meanwhile_is_not_taken(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    upload = await me.send(files.pdf(pages=3), "application/pdf", LAND_TYPE)
    draft = await permit_draft(me, officer)
    given = {"upload": upload, "type": LAND_TYPE, "claims": dict(LAND_CLAIMS), "dossier": draft["id"]}
    async with unchanged(stage):
        refused = await me.refused("addDocument", ADDED, **given, requirement=LAND)
    assert (refused["code"], refused["requirement"]) == ("ALREADY_HELD", LAND)
    assert line(await look(me, draft), LAND)["outcome"] == "REUSE"


async def test_what_does_not_fit_is_refused_and_the_upload_stays_unspent(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft, stranger = await permit_draft(me, officer), await stage.citizen("thanh-binh")
    here: dict[str, Any] = {"dossier": draft["id"], "requirement": DRAWING}
    upload = await me.send(files.pdf(), "application/pdf", DRAWING_TYPE, **here)
    given = {"upload": upload, "type": DRAWING_TYPE, **here}
    async with unchanged(stage):
        for changed, code in (
            ({"claims": {"person.nickname@holder": "x"}}, "CLAIMS_REFUSED"),
            ({"claims": {"building.address@building": ["x"]}}, "CLAIMS_REFUSED"),
            ({"claims": ["x"]}, "BAD_INPUT"),
            ({"type": LAND_TYPE}, "TYPE_NOT_ACCEPTED"),
            ({"requirement": "cap-giay-phep-xay-dung-nha-o-rieng-le.c09"}, "REQUIREMENT_UNKNOWN"),
            ({"upload": draft["id"]}, "BAD_INPUT"),
        ):
            refused = await me.refused("addDocument", ADDED, **{**given, **changed})
            assert refused["code"] == code, changed
        assert await denied(stranger, "addDocument", upload=upload, type=DRAWING_TYPE) == "NOT_FOUND"
        assert await denied(stranger, "addDocument", **given) == "NOT_FOUND"
    key = str(uuid4())
    first = await me.act("addDocument", ADDED, **given, idempotencyKey=key)
    async with unchanged(stage):
        assert await me.act("addDocument", ADDED, **given, idempotencyKey=key) == first
        spent = await me.refused("addDocument", ADDED, upload=upload, type=DRAWING_TYPE)
    assert spent["code"] == "UPLOAD_REFUSED"


async def test_nothing_is_brought_to_a_filing_nobody_asked_anything_of(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    upload = await me.send(files.pdf(pages=4), "application/pdf", DRAWING_TYPE)
    given = {"upload": upload, "type": DRAWING_TYPE, "dossier": taken["id"], "requirement": DRAWING}
    async with unchanged(stage):
        refused = await me.refused("addDocument", ADDED, **given)
    assert refused["code"] == "MOVE_NOT_ALLOWED"


async def test_held_it_is_not_taken_for_the_filing_in_general_either(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    upload = await me.send(files.pdf(pages=3), "application/pdf", LAND_TYPE)
    draft = await permit_draft(me, officer)
    given = {"upload": upload, "type": LAND_TYPE, "claims": dict(LAND_CLAIMS), "dossier": draft["id"]}
    async with unchanged(stage):
        refused = await me.refused("addDocument", ADDED, **given)
    assert (refused["code"], refused["requirement"]) == ("ALREADY_HELD", LAND)
