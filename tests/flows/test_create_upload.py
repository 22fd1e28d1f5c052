"""Announcing an upload: refused before a byte is sent when the State holds what it is for."""

import hashlib
from typing import Any
from uuid import uuid4

from tests import files
from tests.flows.journeys import (
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    REFUSED_UPLOAD,
    changes,
    denied,
    line,
    open_dossier,
    permit_draft,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage

CONTENT = files.pdf()


def announced(**changed: Any) -> dict[str, Any]:
    return {
        "fileName": "x.pdf",
        "mediaType": "application/pdf",
        "sizeBytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "type": LAND_TYPE,
        **changed,
    }


async def refused(person: Person, **changed: Any) -> dict[str, Any]:
    return await person.refused("createUpload", "upload { id }", **announced(**changed))


async def test_what_is_held_is_not_uploaded_again_and_the_attempt_is_on_record(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    async with changes(stage, *REFUSED_UPLOAD):
        error = await refused(me, dossier=draft["id"], requirement=LAND)
    assert (error["code"], error["requirement"], error["retryable"]) == ("ALREADY_HELD", LAND, False)
    assert error["message"] == "The State already holds this document. It may not be asked for again."
    spared = next(one for one in await usage(me) if one["kind"] == "dossier.refused_upload")
    assert spared["outcome"] == "REFUSED"


async def test_what_a_register_answers_or_owes_is_not_uploaded_either(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    for mode, outcome in (("up", "FETCH"), ("down", "PENDING_FETCH")):
        await stage.sandbox.set_mode(LAND_REGISTER, mode)
        draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
        assert line(draft, LAND)["outcome"] == outcome
        async with changes(stage, *REFUSED_UPLOAD):
            error = await refused(me, dossier=draft["id"], requirement=LAND)
        assert error["code"] == "ALREADY_HELD"


async def test_what_does_not_fit_is_refused_before_it_is_sent(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft, stranger = await permit_draft(me, officer), await stage.citizen("thanh-binh")
    mine = (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    here = {"dossier": draft["id"], "requirement": DRAWING}
    async with unchanged(stage):
        for changed, code in (
            ({**here, "type": LAND_TYPE}, "TYPE_NOT_ACCEPTED"),
            ({"type": "khong-co-loai-nay"}, "TYPE_NOT_ACCEPTED"),
            ({"type": "don-de-nghi-cap-gpxd"}, "TYPE_NOT_ACCEPTED"),
            ({**here, "requirement": "dang-ky-khai-sinh.c02", "type": DRAWING_TYPE}, "REQUIREMENT_UNKNOWN"),
            ({"mediaType": "image/gif"}, "UPLOAD_REFUSED"),
            ({"sizeBytes": 0}, "UPLOAD_REFUSED"),
            ({"sizeBytes": 2_000_000_000}, "UPLOAD_REFUSED"),
            ({"sha256": "abc"}, "BAD_INPUT"),
            ({"sha256": "ab" * 31}, "BAD_INPUT"),
            ({"dossier": mine}, "BAD_INPUT"),
        ):
            assert (await refused(me, **changed))["code"] == code, changed
        assert await denied(stranger, "createUpload", **announced(**here, type=DRAWING_TYPE)) == "NOT_FOUND"
        assert await denied(stranger, "createUpload", **announced(onBehalfOf=mine)) == "NOT_FOUND"
        assert (
            await denied(stage.anybody(), "createUpload", **announced(onBehalfOf=mine)) == "UNAUTHENTICATED"
        )


async def test_the_address_is_shown_once(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    given = announced(idempotencyKey=str(uuid4()))
    first = (await me.act("createUpload", "upload { id url allowedTypes maxBytes }", **given))["upload"]
    assert first["allowedTypes"] == ["application/pdf", "image/jpeg", "image/png"]
    async with unchanged(stage):
        again = await me.attempt("createUpload", "upload { id url }", **given)
        conflict = await me.refused("createUpload", "upload { id }", **{**given, "sizeBytes": 7})
    assert (again["upload"], again["errors"][0]["code"]) == (None, "BAD_INPUT")
    assert conflict["code"] == "IDEMPOTENCY_CONFLICT"


async def test_naming_no_requirement_is_no_way_around(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    async with changes(stage, *REFUSED_UPLOAD):
        error = await refused(me, dossier=draft["id"])
    assert (error["code"], error["requirement"]) == ("ALREADY_HELD", LAND)
    # What the filing still needs is taken, and so is what no requirement of it would take.
    for type_ in (DRAWING_TYPE, "anh-chan-dung"):
        await me.act("createUpload", "upload { id }", **announced(dossier=draft["id"], type=type_))


async def test_a_form_is_filled_in_and_never_uploaded_as_evidence(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    form = line(draft, "c01")["requirement"]
    async with unchanged(stage):
        for type_ in (form["documentType"], LAND_TYPE, DRAWING_TYPE):
            error = await refused(me, dossier=draft["id"], requirement=form["id"], type=type_)
            assert error["code"] == "TYPE_NOT_ACCEPTED", type_
