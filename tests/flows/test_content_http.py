"""Bytes in and out over HTTP: sealed as they come, opened once, and never shown inline."""

import asyncio
import hashlib
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from PIL import Image
from sqlalchemy import text
from starlette.requests import Request
from starlette.types import Message

from api.tus import body as bodies
from api.tus.body import Body, Ending
from tests import files
from tests.flows.conftest import Later
from tests.flows.journeys import DRAWING, DRAWING_TYPE, issued_permit, permit_in_work, rows, unchanged
from tests.flows.stage import ORIGIN, Person, Stage
from tests.rooms.disclosing import at_commit
from vault.sealing.envelope import SEGMENT_BYTES

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


async def test_no_byte_of_evidence_leaves_when_its_log_line_cannot_be_committed(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    dossier = await permit_in_work(me, officer)
    opened = await officer.act(
        "openEvidence", "evidence { contentUrl }", dossier=dossier["id"], requirements=[DRAWING]
    )
    address = opened["evidence"][0]["contentUrl"]
    async with at_commit(stage.owner, "RAISE EXCEPTION 'no'"), unchanged(stage):
        refused = await officer.browser.get(address)
    assert (refused.status_code, code(refused)) == (500, "INTERNAL")
    assert b"%PDF" not in refused.content
    assert (await officer.browser.get(address)).status_code == 200


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


async def test_an_address_takes_bytes_once_from_whoever_holds_it_and_is_nobody_else(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    address = await announce(me)
    bare, _, secret = address.partition("?key=")
    for somebody, where in (
        (other, address),
        (me, bare),
        (stage.anybody(), bare),
        (me, f"{bare}?key={secret[:-1]}x"),
        (me, f"{ORIGIN}/uploads/00000000-0000-4000-8000-000000000000?key={secret}"),
        (me, f"{ORIGIN}/uploads/x?key={secret}"),
    ):
        async with unchanged(stage):
            assert (await somebody.browser.put(where, content=PICTURE)).status_code in (401, 404)
    assert (await stage.anybody().browser.put(address, content=PICTURE)).status_code == 201
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
    monkeypatch.setattr(bodies, "SPAN_SECONDS", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        yield PICTURE[:4]
        await endless.wait()

    request = Request({"type": "http"}, spoken(trickle()))
    body = Body(request)
    assert [piece async for piece in body.pieces()] == [PICTURE[:4]]
    assert body.ending is Ending.SLOW
    assert (await me.browser.put(address, content=PICTURE)).status_code == 201


def spoken(pieces: AsyncIterator[bytes]) -> Callable[[], Awaitable[Message]]:
    """A sender's pieces as the server hands them on."""

    async def receive() -> Message:
        return {"type": "http.request", "body": await anext(pieces), "more_body": True}

    return receive


async def test_a_range_is_served_and_the_session_may_read_on_within_the_minute(
    stage: Stage, later: Later
) -> None:
    me, scan = await stage.citizen("minh-chau"), random.Random(7).randbytes(200_000)
    content = files.jpeg(scan=scan.replace(b"\xff", b"\0"))
    document = await keep(me, content, "image/jpeg")
    address = await ticket(me, document)
    first = await me.browser.get(address, headers={"Range": "bytes=0-99"})
    assert (first.status_code, first.content) == (206, content[:100])
    assert first.headers["content-range"] == f"bytes 0-99/{len(content)}"
    assert first.headers["accept-ranges"] == "bytes"
    tag = first.headers["etag"]
    lines = await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'vault.read'")
    async with unchanged(stage):
        for asked, start, stop in (
            ("bytes=65400-65600", 65400, 65601),
            ("bytes=131000-", 131000, len(content)),
            ("bytes=-1", len(content) - 1, len(content)),
            ("bytes=0-9999999", 0, len(content)),
        ):
            more = await me.browser.get(address, headers={"Range": asked, "If-Range": tag})
            assert (more.status_code, more.content) == (206, content[start:stop]), asked
        for headers in (
            {},
            {"Range": "bytes=5-", "If-Range": '"another"'},
            {"Range": "bytes=0-1,3-4"},
            {"Range": "lines=1-2"},
            {"Range": "bytes=9-3"},
        ):
            assert (await me.browser.get(address, headers=headers)).status_code == 404, headers
        unmet = await me.browser.get(address, headers={"Range": f"bytes={len(content)}-"})
        assert (unmet.status_code, unmet.headers["content-range"]) == (416, f"bytes */{len(content)}")
    assert lines == [(1,)]
    async with later(timedelta(seconds=75)) as then, unchanged(then):
        gone = await then.carry(me).browser.get(address, headers={"Range": "bytes=0-99"})
        assert gone.status_code == 404


async def test_another_session_of_the_same_person_does_not_read_on(stage: Stage) -> None:
    me, elsewhere = await stage.citizen("minh-chau"), await stage.citizen("minh-chau")
    address = await ticket(me, await keep(me, PICTURE, "image/png"))
    assert (await me.browser.get(address)).status_code == 200
    async with unchanged(stage):
        answer = await elsewhere.browser.get(address, headers={"Range": "bytes=0-3"})
        assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")


async def test_a_range_that_cannot_be_met_spends_no_ticket(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    address = await ticket(me, await keep(me, PICTURE, "image/png"))
    async with unchanged(stage):
        answer = await me.browser.get(address, headers={"Range": "bytes=99999-"})
        assert (answer.status_code, code(answer)) == (416, "RANGE_NOT_SATISFIABLE")
    ignored = await me.browser.get(address, headers={"Range": "bytes=0-1, 3-4"})
    assert (ignored.status_code, ignored.content) == (200, PICTURE)


async def test_a_segment_altered_behind_a_spent_ticket_is_not_served(stage: Stage) -> None:
    me, content = await stage.citizen("minh-chau"), files.jpeg(scan=b"\x12" * 300_000)
    address = await ticket(me, await keep(me, content, "image/jpeg"))
    assert (await me.browser.get(address, headers={"Range": "bytes=0-3"})).status_code == 206
    ((blob,),) = await rows(stage, "SELECT blob FROM document_versions")
    path = stage.platform.house.office.safe.blobs._root / blob[:2] / blob[2:4] / blob
    sealed = bytearray(path.read_bytes())
    sealed[2 * SEGMENT_BYTES + 100] ^= 1
    path.write_bytes(sealed)
    whole = await me.browser.get(address, headers={"Range": "bytes=70000-130000"})
    assert whole.content == content[70_000:130_001]
    with pytest.raises(ConnectionAbortedError):
        await me.browser.get(address, headers={"Range": "bytes=131100-131200"})
    async with stage.owner.begin() as connection:
        await connection.execute(text("UPDATE document_versions SET size_bytes = size_bytes + 1"))
    with pytest.raises(ConnectionAbortedError):
        await me.browser.get(address, headers={"Range": "bytes=-5"})


async def test_evidence_is_read_by_ranges_too_each_a_disclosure_of_its_own(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    dossier = await permit_in_work(me, officer)
    opened = await officer.act(
        "openEvidence", "evidence { contentUrl }", dossier=dossier["id"], requirements=[DRAWING]
    )
    address = opened["evidence"][0]["contentUrl"]
    before = await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'vault.read'")
    for _ in range(2):
        answer = await officer.browser.get(address, headers={"Range": "bytes=0-3"})
        assert (answer.status_code, answer.content) == (206, b"%PDF")
    after = await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'vault.read'")
    assert after[0][0] == before[0][0] + 2


async def test_a_thumbnail_is_drawn_anew_once_and_logged(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    photograph = io.BytesIO()
    secret = Image.Exif()
    secret[0x010E] = "where I live"
    Image.effect_noise((1600, 1200), 40).save(photograph, "JPEG", exif=secret)
    document = await keep(me, photograph.getvalue(), "image/jpeg")
    opened = await me.act("openDocument", "url thumbnailUrl", document=document)
    for somebody, address in (
        (other, opened["thumbnailUrl"]),
        (me, opened["url"].replace("/content", "/thumbnail")),
        (me, opened["thumbnailUrl"].replace("/thumbnail", "/content")),
    ):
        async with unchanged(stage):
            assert (await somebody.browser.get(address)).status_code == 404
    answer = await me.browser.get(opened["thumbnailUrl"], headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    with Image.open(io.BytesIO(answer.content)) as drawn:
        assert (drawn.size, dict(drawn.getexif())) == ((512, 384), {})
    assert b"where I live" in photograph.getvalue()
    assert b"where I live" not in answer.content
    assert await rows(stage, "SELECT outcome FROM ledger WHERE kind = 'vault.read'") == [("SUCCESS",)]
    async with unchanged(stage):
        again = await me.browser.get(opened["thumbnailUrl"], headers={"Range": "bytes=0-3"})
        assert again.status_code == 404


async def test_what_cannot_be_drawn_has_no_thumbnail(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    paper = await keep(me, files.pdf(), "application/pdf")
    assert (await me.act("openDocument", "url thumbnailUrl", document=paper))["thumbnailUrl"] is None
    undrawable = await keep(me, files.jpeg(scan=b"\x12"), "image/jpeg")
    opened = await me.act("openDocument", "thumbnailUrl", document=undrawable)
    answer = await me.browser.get(opened["thumbnailUrl"])
    assert (answer.status_code, code(answer)) == (409, "DOCUMENT_NOT_USABLE")
