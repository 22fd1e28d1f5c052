"""Bytes in and out over HTTP: sealed as they come, opened once, and never shown inline."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from api import content as content_face
from tests import files
from tests.flows.journeys import DRAWING, DRAWING_TYPE, issued_permit, permit_in_work, rows, unchanged
from tests.flows.stage import ORIGIN, Person, Stage

PICTURE = files.png()


async def announce(person: Person, content: bytes = PICTURE, **changed: Any) -> str:
    """The address for these bytes."""
    given = {
        "fileName": "x",
        "mediaType": "image/png",
        "sizeBytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "type": DRAWING_TYPE,
    }
    made = await person.act("createUpload", "upload { id url }", **{**given, **changed})
    return str(made["upload"]["url"])


async def keep(person: Person, content: bytes, media_type: str) -> str:
    upload = await person.send(content, media_type, DRAWING_TYPE)
    added = await person.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    return str(added["document"]["id"])


async def ticket(person: Person, document: str) -> str:
    return str((await person.act("openDocument", "url", document=document))["url"])


def code(answer: httpx2.Response) -> str:
    said: str = answer.json()["errors"][0]["code"]
    return said


@pytest.mark.parametrize(
    ("content", "media_type", "name"),
    [
        (PICTURE, "image/png", "document.png"),
        (files.pdf(pages=3), "application/pdf", "document.pdf"),
        (files.jpeg(scan=b"\x12" * 300_000), "image/jpeg", "document.jpg"),
    ],
    ids=["png", "pdf", "jpeg"],
)
async def test_what_was_sent_comes_back_as_an_attachment_without_a_name_of_its_own(
    stage: Stage, content: bytes, media_type: str, name: str
) -> None:
    me = await stage.citizen("minh-chau")
    answer = await me.browser.get(await ticket(me, await keep(me, content, media_type)))
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    read = await rows(stage, "SELECT outcome FROM ledger WHERE kind = 'vault.read'")
    assert read == [("SUCCESS",)]


async def test_a_ticket_opens_once_and_for_its_holder_alone(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    document = await keep(me, PICTURE, "image/png")
    address = await ticket(me, document)
    for somebody in (other, await stage.officer("ubnd-mot.toan-quyen")):
        async with unchanged(stage):
            answer = await somebody.browser.get(address)
            assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")
    async with unchanged(stage):
        answer = await stage.anybody().browser.get(address)
        assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
    async with unchanged(stage):
        assert (await me.browser.head(address)).status_code == 405
    assert (await me.browser.get(address)).content == PICTURE
    again = await me.browser.get(address)
    assert (again.status_code, code(again)) == (404, "NOT_FOUND")


async def test_a_ticket_for_one_document_opens_no_other(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    first = await keep(me, PICTURE, "image/png")
    second = await keep(me, files.pdf(), "application/pdf")
    swapped = (await ticket(me, first)).replace(first, second)
    assert (await me.browser.get(swapped)).status_code == 404
    for broken in (
        f"/documents/{first}/content",
        f"/documents/{first}/content?ticket=x",
        "/documents/x/content?ticket=x",
        "/documents/RG9jdW1lbnQ6eA/content",
    ):
        answer = await me.browser.get(f"{ORIGIN}{broken}")
        assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")


async def test_a_paper_that_is_data_alone_has_no_bytes(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, permit = await issued_permit(me, officer)
    answer = await me.browser.get(await ticket(me, permit))
    assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")


async def test_an_officer_opens_the_bytes_handed_in_and_another_agency_does_not(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    dossier = await permit_in_work(me, officer)
    opened = await officer.act(
        "openEvidence", "evidence { contentUrl }", dossier=dossier["id"], requirements=[DRAWING]
    )
    address = opened["evidence"][0]["contentUrl"]
    for somebody in (await stage.officer("ubnd-hai.toan-quyen"), me, stage.anybody()):
        async with unchanged(stage):
            assert (await somebody.browser.get(address)).status_code in (401, 403, 404)
    before = await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'vault.read'")
    answer = await officer.browser.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["content-disposition"].startswith("attachment")
    after = await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'vault.read'")
    assert after[0][0] == before[0][0] + 1


async def test_bytes_that_do_not_fit_their_announcement_are_refused_and_nothing_is_kept(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    other = files.png(height=1)
    for content, address, status in (
        (PICTURE + b"x", await announce(me), 413),
        (PICTURE[:-1], await announce(me), 413),
        (other, await announce(me, other, sha256="00" * 32), 422),
        (files.pdf(), await announce(me, files.pdf(), mediaType="image/png"), 422),
        (b"", await announce(me), 413),
    ):
        async with unchanged(stage):
            answer = await me.browser.put(address, content=content)
            assert (answer.status_code, code(answer)) == (status, "UPLOAD_REFUSED")
    assert await rows(stage, "SELECT count(*) FROM uploads WHERE arrived_at IS NOT NULL") == [(0,)]


async def test_an_address_takes_bytes_once_by_its_secret_and_from_who_announced_them(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    address = await announce(me)
    bare, _, secret = address.partition("?key=")
    for somebody, where in (
        (other, address),
        (stage.anybody(), address),
        (me, bare),
        (me, f"{bare}?key={secret[:-1]}x"),
        (me, f"{ORIGIN}/uploads/00000000-0000-4000-8000-000000000000?key={secret}"),
        (me, f"{ORIGIN}/uploads/x?key={secret}"),
    ):
        async with unchanged(stage):
            assert (await somebody.browser.put(where, content=PICTURE)).status_code in (401, 404)
    assert (await me.browser.put(address, content=PICTURE)).status_code == 201
    async with unchanged(stage):
        again = await me.browser.put(address, content=PICTURE)
        assert (again.status_code, code(again)) == (409, "UPLOAD_REFUSED")


async def test_an_upload_whose_day_is_over_is_gone(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    address = await announce(me)
    async with stage.owner.begin() as connection:
        await connection.execute(text("UPDATE uploads SET expires_at = created_at"))
    answer = await me.browser.put(address, content=PICTURE)
    assert (answer.status_code, code(answer)) == (410, "UPLOAD_REFUSED")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Authorization": "Bearer x"}, 400),
    ],
)
async def test_a_request_another_site_could_make_is_refused(
    stage: Stage, headers: dict[str, str], status: int
) -> None:
    me = await stage.citizen("minh-chau")
    address = await announce(me)
    assert (await me.browser.put(address, content=PICTURE, headers=headers)).status_code == status
    assert (await me.browser.put(address, content=PICTURE)).status_code == 201


async def test_an_upload_that_trickles_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    me = await stage.citizen("minh-chau")
    address, endless = await announce(me), asyncio.Event()
    monkeypatch.setattr(content_face, "CHUNK_SECONDS", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        yield PICTURE[:4]
        await endless.wait()

    pieces = content_face._paced(trickle())
    assert await anext(pieces) == PICTURE[:4]
    with pytest.raises(Exception, match="size"):
        await anext(pieces)
    assert (await me.browser.put(address, content=PICTURE)).status_code == 201
