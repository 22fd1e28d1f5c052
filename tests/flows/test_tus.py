"""tus 1.0 over HTTP: announced, sent in pieces, resumed, ended; and what is refused with which status."""

import base64
import hashlib
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from api.work import expire_uploads
from tests import files
from tests.flows.conftest import Later
from tests.flows.journeys import (
    DRAWING_TYPE,
    LAND,
    LAND_TYPE,
    REFUSED_UPLOAD,
    changes,
    permit_draft,
    rows,
    unchanged,
)
from tests.flows.phone import clock_of
from tests.flows.stage import ORIGIN, Person, Stage

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}
CONTENT = files.jpeg(scan=b"\x12" * 150_000)
ABOUT = {
    "type": DRAWING_TYPE,
    "mediaType": "image/jpeg",
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "filename": "ảnh nhà tôi.jpg",
}


def told(about: dict[str, str]) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in about.items())


async def create(person: Person, **changed: Any) -> httpx2.Response:
    headers = {**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": told(ABOUT), **changed}
    return await person.browser.post(f"{ORIGIN}/uploads", headers=headers)


async def begun(person: Person) -> str:
    made = await create(person)
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


async def append(person: Person, address: str, start: int, content: bytes, **changed: str) -> httpx2.Response:
    headers = {**PIECE, "Upload-Offset": str(start), **changed}
    return await person.browser.patch(address, content=content, headers=headers)


async def offset(person: Person, address: str) -> int:
    answer = await person.browser.head(address, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["upload-length"] == str(len(CONTENT))
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def code(answer: httpx2.Response) -> str:
    said: str = answer.json()["errors"][0]["code"]
    return said


async def test_what_is_spoken_is_said_to_whoever_asks(stage: Stage) -> None:
    for place in ("/uploads", "/uploads/00000000-0000-4000-8000-000000000000"):
        answer = await stage.anybody().browser.request("OPTIONS", f"{ORIGIN}{place}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,checksum,expiration,termination"
        assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
        assert answer.headers["tus-max-size"] == str(100 * 1024 * 1024)


async def test_a_file_is_announced_sent_in_pieces_and_becomes_a_document(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    made = await create(me)
    address = made.headers["location"]
    assert made.status_code == 201
    ends = parsedate_to_datetime(made.headers["upload-expires"]) - clock_of(stage)()
    assert timedelta(hours=23, minutes=55) < ends <= timedelta(hours=24)
    assert await offset(me, address) == 0
    for start, stop in ((0, 1), (1, 70_000), (70_000, len(CONTENT))):
        sent = await append(me, address, start, CONTENT[start:stop])
        assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(stop))
        assert sent.headers["tus-resumable"] == "1.0.0"
        assert await offset(me, address) == stop
    ((upload,),) = await rows(stage, "SELECT id FROM uploads")
    given = base64.urlsafe_b64encode(f"Upload:{upload}".encode()).decode().rstrip("=")
    added = await me.act("addDocument", "document { id }", upload=given, type=DRAWING_TYPE)
    opened = await me.act("openDocument", "url", document=added["document"]["id"])
    assert (await me.browser.get(opened["url"])).content == CONTENT


async def test_an_announcement_by_headers_is_refused_as_create_upload_is(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    held = {**ABOUT, "type": LAND_TYPE, "dossier": draft["id"], "requirement": LAND}
    async with changes(stage, *REFUSED_UPLOAD):
        answer = await create(me, **{"Upload-Metadata": told(held)})
    assert (answer.status_code, code(answer)) == (409, "ALREADY_HELD")
    stranger = await stage.citizen("thanh-binh")
    for person, changed, status, name in (
        (stage.anybody(), {}, 401, "UNAUTHENTICATED"),
        (stranger, {"Upload-Metadata": told(held)}, 404, "NOT_FOUND"),
        (me, {"Upload-Metadata": told({**ABOUT, "sha256": "x"})}, 400, "BAD_INPUT"),
        (me, {"Upload-Metadata": told({**ABOUT, "mediaType": "image/gif"})}, 422, "UPLOAD_REFUSED"),
        (me, {"Upload-Metadata": told({**ABOUT, "type": "khong-co"})}, 409, "TYPE_NOT_ACCEPTED"),
        (me, {"Upload-Metadata": "type !!!"}, 400, "BAD_REQUEST"),
        (me, {"Upload-Metadata": "type eA==,type eA=="}, 400, "BAD_REQUEST"),
        (me, {"Upload-Metadata": "type /w=="}, 400, "BAD_REQUEST"),
        (me, {"Upload-Metadata": "x" * 5000}, 400, "BAD_REQUEST"),
        (me, {"Upload-Length": "-1"}, 400, "BAD_REQUEST"),
        (me, {"Upload-Length": "9" * 400}, 400, "BAD_REQUEST"),
        (me, {"Upload-Length": "200000000"}, 413, "TOO_LARGE"),
        (me, {"Upload-Defer-Length": "1"}, 400, "BAD_REQUEST"),
        (me, {"Tus-Resumable": "0.2.2"}, 412, "TUS_VERSION"),
        (me, {"Origin": "https://elsewhere.example"}, 403, "FOREIGN_ORIGIN"),
    ):
        async with unchanged(stage):
            answer = await create(person, **changed)
            assert (answer.status_code, code(answer)) == (status, name), changed
            assert answer.headers["tus-resumable"] == "1.0.0"


async def test_the_address_outlives_the_session_and_is_nobody_elses(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    address = await begun(me)
    await append(me, address, 0, CONTENT[:50_000])
    await me.browser.post(f"{ORIGIN}/sign-out", headers={"Origin": ORIGIN})
    assert (await me.post("{ viewer { id } }"))["data"]["viewer"] is None
    for somebody, where in (
        (other, address),
        (stage.anybody(), address[:-1] + ("A" if address[-1] != "A" else "B")),
        (stage.anybody(), address.partition("?")[0]),
    ):
        async with unchanged(stage):
            assert (await append(somebody, where, 50_000, CONTENT[50_000:])).status_code == 404
            assert (await somebody.browser.head(where, headers=TUS)).status_code == 404
            assert (await somebody.browser.delete(where, headers=TUS)).status_code == 404
    assert await offset(stage.anybody(), address) == 50_000
    assert (await append(me, address, 50_000, CONTENT[50_000:])).status_code == 204


async def test_each_refusal_of_a_piece_has_its_status_and_changes_nothing(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    address, rest = await begun(me), CONTENT[50_000:]
    await append(me, address, 0, CONTENT[:50_000])
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    for start, sent, changed, status in (
        (49_999, rest, {}, 409),
        (0, CONTENT, {}, 409),
        (50_000, rest + b"x", {}, 413),
        (50_000, rest, {"Content-Type": "application/octet-stream"}, 415),
        (50_000, rest, {"Content-Encoding": "gzip"}, 415),
        (50_000, rest, {"Tus-Resumable": "1.1.0"}, 412),
        (50_000, rest, {"Upload-Offset": "x"}, 400),
        (50_000, rest, {"Upload-Offset": "-1"}, 400),
        (50_000, rest, {"Upload-Checksum": f"sha256 {wrong}"}, 460),
        (50_000, rest, {"Upload-Checksum": f"md5 {wrong}"}, 400),
        (50_000, rest, {"Upload-Checksum": "sha256 !"}, 400),
    ):
        # A piece that began, and was dropped, is a sign of life.
        async with changes(stage, *(["uploads"] if status == 460 else [])):
            answer = await append(me, address, start, sent, **changed)
            assert answer.status_code == status, (start, changed)
            assert answer.headers["tus-resumable"] == "1.0.0"
        assert await offset(me, address) == 50_000
    refused = await append(me, address, 50_000, rest, **{"Tus-Resumable": "2"})
    assert refused.headers["tus-version"] == "1.0.0"
    for name in ("sha1", "sha256"):
        summed = base64.b64encode(hashlib.new(name, CONTENT[50_000:60_000]).digest()).decode()
        summed_up = await append(
            me, address, 50_000, CONTENT[50_000:60_000], **{"Upload-Checksum": f"{name} {summed}"}
        )
        assert summed_up.status_code == (204 if name == "sha1" else 409)
    assert (await append(me, address, 60_000, CONTENT[60_000:])).status_code == 204
    again = await append(me, address, len(CONTENT), b"")
    assert (again.status_code, code(again)) == (409, "UPLOAD_REFUSED")


async def test_a_whole_of_other_content_is_refused_with_its_last_piece(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), files.jpeg(scan=b"\x13" * 150_000)
    address = await begun(me)
    assert (await append(me, address, 0, other[:100_000])).status_code == 204
    refused = await append(me, address, 100_000, other[100_000:])
    assert (refused.status_code, code(refused)) == (422, "UPLOAD_REFUSED")
    assert await offset(me, address) == 0
    assert (await append(me, address, 0, CONTENT)).status_code == 204


async def test_an_upload_is_ended_by_whoever_holds_its_address(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    address = await begun(me)
    await append(me, address, 0, CONTENT[:-1])
    assert (await me.browser.delete(address, headers=TUS)).status_code == 204
    assert await rows(stage, "SELECT count(*) FROM uploads") == [(0,)]
    assert await rows(stage, "SELECT count(*) FROM upload_legs") == [(0,)]
    assert (await me.browser.head(address, headers=TUS)).status_code == 404


async def test_common_methods_alone_will_do(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    address = await begun(me)
    headers = {**PIECE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await me.browser.post(address, content=CONTENT, headers=headers)).status_code == 204
    async with unchanged(stage):
        for method in ("", "POST", "GET", "TRACE"):
            refused = await me.browser.post(address, headers={**TUS, "X-HTTP-Method-Override": method})
            assert (refused.status_code, refused.headers["allow"]) == (
                405,
                "OPTIONS, HEAD, PATCH, PUT, DELETE",
            )


async def test_an_upload_given_up_gives_its_space_back_within_five_minutes_and_is_gone_with_its_day(
    stage: Stage, later: Later
) -> None:
    me = await stage.citizen("minh-chau")
    address = await begun(me)
    await append(me, address, 0, CONTENT[: len(CONTENT) * 99 // 100])
    ((blob,),) = await rows(stage, "SELECT blob FROM upload_legs")
    path = stage.platform.house.office.safe.blobs._root / blob[:2] / blob[2:4] / blob
    assert path.stat().st_size > len(CONTENT) * 99 // 100
    async with later(timedelta(minutes=5)) as then:
        assert await expire_uploads(then.platform.loops._tools)
        assert not path.exists()
        told = await then.carry(me).browser.head(address, headers=TUS)
        assert (told.status_code, told.headers["upload-offset"]) == (200, "0")
    async with later(timedelta(hours=24)) as then:
        me = then.carry(me)
        for answer in (
            await append(me, address, len(CONTENT) * 99 // 100, b"x"),
            await me.browser.head(address, headers=TUS),
            await me.browser.delete(address, headers=TUS),
        ):
            assert answer.status_code == 410
    async with later(timedelta(hours=24, minutes=5)) as then:
        assert await expire_uploads(then.platform.loops._tools)
        assert await rows(then, "SELECT count(*) FROM uploads") == [(0,)]


async def test_two_credentials_at_once_are_refused(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    address = await begun(me)
    async with unchanged(stage):
        assert (await append(me, address, 0, CONTENT, Authorization="Bearer x")).status_code == 400
