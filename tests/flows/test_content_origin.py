"""Originals at an origin of their own: reached by a pass alone, and at the public address by nobody."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import text

from api.__main__ import neighbours_in
from api.app import open_platform
from api.work import sweep
from auth.sessions import PASS_LIFETIME
from tests import files
from tests.flows.conftest import House
from tests.flows.journeys import DRAWING, DRAWING_TYPE, permit_in_work, rows, unchanged
from tests.flows.stage import ORIGIN, Person, Stage, cookie

CONTENT: Final = "http://localhost:8000"
PICTURE: Final = files.png()


@pytest.fixture
async def apart(furnished: House, stage: Stage) -> AsyncIterator[Stage]:
    """The stage's database, served with originals at a host of their own."""
    settings = replace(
        furnished.settings, content_url=CONTENT, cors_origins=frozenset({"https://app.example.vn"})
    )
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with open_platform(settings, furnished.servers, neighbours) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made
        await made.close()


@pytest.fixture
async def outside(apart: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at the content host with nothing but an address."""
    transport = httpx2.ASGITransport(apart.platform.app)
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        yield client


async def kept(me: Person) -> str:
    upload = await me.send(PICTURE, "image/png", DRAWING_TYPE)
    added = await me.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    return str(added["document"]["id"])


async def sent_on(person: Person, address: str, **more: str) -> str:
    """Where the public address leads to, having given nothing itself."""
    answer = await person.browser.get(address, headers=more)
    assert (answer.status_code, answer.content) == (303, b"")
    led = answer.headers["location"]
    assert urlsplit(led).netloc == urlsplit(CONTENT).netloc
    return str(led)


async def opened(person: Person, document: str) -> str:
    return str((await person.act("openDocument", "url", document=document))["url"])


async def test_an_original_leaves_from_its_own_origin_once_and_as_an_attachment(
    apart: Stage, outside: httpx2.AsyncClient
) -> None:
    me = await apart.citizen("minh-chau")
    led = await sent_on(me, await opened(me, await kept(me)))
    answer = await outside.get(led)
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-disposition"] == 'attachment; filename="document.png"'
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert await rows(apart, "SELECT outcome FROM ledger WHERE kind = 'vault.read'") == [("SUCCESS",)]
    async with unchanged(apart):
        assert (await outside.get(led)).status_code == 404


async def test_a_pass_is_for_one_address_one_moment_and_a_session_that_goes_on(
    apart: Stage, outside: httpx2.AsyncClient
) -> None:
    me = await apart.citizen("minh-chau")
    first, second = await kept(me), await kept_other(me)
    for spoil in ("address", "time", "session", "none", "other"):
        led = await sent_on(me, await opened(me, first))
        if spoil == "address":
            # The other paper's own good ticket, with this one's pass: the pass alone can refuse it.
            theirs, (given,) = urlsplit(await opened(me, second)), parse_qs(urlsplit(led).query)["pass"]
            led = f"{CONTENT}{theirs.path}?pass={given}&{theirs.query}"
        if spoil == "time":
            async with apart.owner.begin() as connection:
                await connection.execute(
                    text("UPDATE content_passes SET expires_at = expires_at - CAST(:life AS interval)"),
                    {"life": PASS_LIFETIME},
                )
        if spoil == "session":
            async with apart.owner.begin() as connection:
                await connection.execute(text("UPDATE sessions SET ended_at = created_at"))
        if spoil == "none":
            led = led.replace("pass=", "fail=")
        if spoil == "other":
            led = led.replace("pass=", "pass=x")
        assert (await outside.get(led)).status_code == 404, spoil
        if spoil == "session":
            me = await apart.citizen("minh-chau")
    assert await rows(apart, "SELECT count(*) FROM ledger WHERE kind = 'vault.read'") == [(0,)]


async def kept_other(me: Person) -> str:
    upload = await me.send(files.png(height=1), "image/png", DRAWING_TYPE)
    added = await me.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    return str(added["document"]["id"])


async def test_a_pass_opens_no_more_than_its_person_may(apart: Stage, outside: httpx2.AsyncClient) -> None:
    me, other = await apart.citizen("minh-chau"), await apart.citizen("thu-ha")
    mine = await opened(me, await kept(me))
    # Somebody else's ticket, carried on by somebody's own pass.
    assert (await outside.get(await sent_on(other, mine))).status_code == 404
    answer = await apart.anybody().browser.get(mine)
    assert answer.status_code == 401
    assert (await outside.get(await sent_on(me, mine))).status_code == 200


async def test_the_content_host_is_nothing_else_and_the_public_address_serves_no_original(
    apart: Stage, outside: httpx2.AsyncClient
) -> None:
    me = await apart.citizen("minh-chau")
    document = await kept(me)
    address = await opened(me, document)
    for path in ("/", "/graphql", "/sign-in", "/readyz", "/uploads", "/verify", "/x"):
        assert (await me.browser.get(f"{ORIGIN}{path}")).status_code != 404 or path == "/x"
        there = await outside.get(f"{CONTENT}{path}")
        assert (there.status_code, there.json()["errors"][0]["code"]) == (404, "NOT_FOUND"), path
    posted = await outside.post(f"{CONTENT}/graphql", json={"query": "{ viewer { id } }"})
    assert posted.status_code == 404
    # A session's cookie means nothing there, a pass nothing here.
    cookie_of_mine = {"Cookie": cookie(me)}
    ticket = urlsplit(address).query
    there = await outside.get(f"{CONTENT}/documents/{document}/content?{ticket}", headers=cookie_of_mine)
    assert there.status_code == 404
    led = await sent_on(me, address)
    here = await outside.get(led.replace(CONTENT, ORIGIN))
    assert here.status_code == 401
    assert (await me.browser.get(led.replace(CONTENT, ORIGIN))).status_code == 303


async def test_a_picture_is_shown_at_the_public_address_and_drawn_anew(apart: Stage) -> None:
    me = await apart.citizen("minh-chau")
    given = await me.act("openDocument", "thumbnailUrl", document=await kept(me))
    shown = await me.browser.get(given["thumbnailUrl"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.headers["content-disposition"] == "inline"


async def test_a_download_that_broke_off_goes_on_from_the_first_address(
    apart: Stage, outside: httpx2.AsyncClient
) -> None:
    me = await apart.citizen("minh-chau")
    address = await opened(me, await kept(me))
    half = len(PICTURE) // 2
    first = await outside.get(await sent_on(me, address), headers={"Range": f"bytes=0-{half - 1}"})
    rest = await outside.get(
        await sent_on(me, address), headers={"Range": f"bytes={half}-", "If-Range": first.headers["etag"]}
    )
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == PICTURE


async def test_an_officer_and_everything_of_ones_own_leave_from_there_too(
    apart: Stage, outside: httpx2.AsyncClient
) -> None:
    me, officer = await apart.citizen("minh-chau"), await apart.officer("ubnd-mot.toan-quyen")
    dossier = await permit_in_work(me, officer)
    seen = await officer.act(
        "openEvidence", "evidence { contentUrl }", dossier=dossier["id"], requirements=[DRAWING]
    )
    address = seen["evidence"][0]["contentUrl"]
    paper = await outside.get(await sent_on(officer, address))
    assert (paper.status_code, paper.content[:4]) == (200, b"%PDF")
    # Who may not open it is sent on as anybody, and refused there.
    stranger = await apart.officer("ubnd-hai.toan-quyen")
    assert (await outside.get(await sent_on(stranger, address))).status_code in (403, 404)
    made = await me.act("exportMyData", "export { url }")
    whole = await outside.get(await sent_on(me, made["export"]["url"]))
    assert (whole.status_code, whole.content[:2]) == (200, b"PK")
    assert whole.headers["content-disposition"].startswith("attachment")


async def test_an_app_of_another_origin_may_follow_the_redirect(
    apart: Stage, outside: httpx2.AsyncClient
) -> None:
    me = await apart.citizen("minh-chau")
    led = await sent_on(me, await opened(me, await kept(me)))
    asked = await outside.options(led, headers={"Origin": "null", "Access-Control-Request-Method": "GET"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert "DPoP" in asked.headers["access-control-allow-headers"]
    answer = await outside.get(led, headers={"Origin": "null"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in answer.headers


async def test_passes_nobody_used_are_swept(apart: Stage) -> None:
    me = await apart.citizen("minh-chau")
    await sent_on(me, await opened(me, await kept(me)))
    assert await rows(apart, "SELECT count(*) FROM content_passes") == [(1,)]
    async with apart.owner.begin() as connection:
        await connection.execute(
            text("UPDATE content_passes SET expires_at = expires_at - CAST(:long AS interval)"),
            {"long": timedelta(hours=1)},
        )
    await sweep(apart.platform.loops._tools)
    assert await rows(apart, "SELECT count(*) FROM content_passes") == [(0,)]
