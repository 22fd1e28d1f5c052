"""Hostile files at the doors: refused each for its reason, or kept where they can harm nobody.

Whatever rests leaves as an attachment from the content origin alone; what is shown was drawn anew, without a trace of
what it carried.
"""

import asyncio
import hashlib
import io
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest
from PIL import Image

from api.__main__ import neighbours_in
from api.app import open_platform
from tests.flows.conftest import House
from tests.flows.journeys import DRAWING_TYPE, rows
from tests.flows.stage import ORIGIN, Person, Stage
from tests.hostile_files import PAYLOAD, PNG, Hostile, corpus
from tests.scanning import StandIn, stand_in
from tests.size import seed, sized
from vault.showing.thumbnails import SIDE

CONTENT: Final = "http://localhost:8000"
FEWEST: Final = 64
AT_ONCE: Final = 3


@dataclass(frozen=True)
class Seen:
    """One answer that held bytes of a paper: from where, and what its reader was told about it."""

    address: str
    headers: httpx2.Headers
    content: bytes


def harms(seen: Seen, original: bytes) -> list[str]:
    """What is wrong with an answer, by what a browser would make of it."""
    wrong, told = [], seen.headers
    inline = not told.get("content-disposition", "inline").startswith("attachment")
    if inline and (original in seen.content or PAYLOAD in seen.content):
        wrong.append("served inline")
    if not inline or original in seen.content:
        if urlsplit(seen.address).netloc == urlsplit(ORIGIN).netloc:
            wrong.append("from the API's origin")
        if not told.get("content-security-policy", "").startswith("sandbox; default-src 'none'"):
            wrong.append("without a sandbox")
    if told.get("x-content-type-options") != "nosniff":
        wrong.append("open to guesses")
    return wrong


@pytest.fixture
async def scanner() -> AsyncIterator[StandIn]:
    async with stand_in() as made:
        yield made


@pytest.fixture
async def guarded(furnished: House, stage: Stage, scanner: StandIn) -> AsyncIterator[Stage]:
    """The stage's database, served with a scanner, and originals at a host of their own."""
    settings = replace(furnished.settings, content_url=CONTENT, scanner=scanner.scanner.address)
    async with open_platform(
        settings, furnished.servers, neighbours_in(furnished.sandbox.addresses)
    ) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made
        await made.close()


@pytest.fixture
async def outside(guarded: Stage) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(guarded.platform.app)
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        yield client


async def offer(me: Person, one: Hostile) -> tuple[str, str]:
    """The fault it is refused for, or empty; and the upload it became."""
    made = await me.attempt(
        "createUpload", "upload { id url }", fileName=one.file_name, mediaType=one.media_type,
        sizeBytes=len(one.content), sha256=hashlib.sha256(one.content).hexdigest(), type=DRAWING_TYPE,
    )  # fmt: skip
    if made["errors"]:
        return fault(made["errors"][0]), ""
    sent = await me.browser.put(
        made["upload"]["url"], content=one.content, headers={"Accept-Language": me.language}
    )
    if sent.status_code != 201:
        assert sent.status_code == 422, (one.name, sent.text)
        return fault(sent.json()["errors"][0]), ""
    return "", made["upload"]["id"]


def fault(error: dict[str, str]) -> str:
    assert error["code"] == "UPLOAD_REFUSED", error
    return error["message"].removeprefix("The file was not accepted: ").removesuffix(".")


async def look(me: Person, outside: httpx2.AsyncClient, upload: str) -> tuple[list[Seen], list[Seen]]:
    """Every answer in which the paper's bytes could be: originals, and what is shown."""
    added = await me.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    opened = await me.act("openDocument", "url thumbnailUrl", document=added["document"]["id"])
    here = await me.browser.get(opened["url"])
    originals = [Seen(opened["url"], here.headers, here.content)] if here.status_code == 200 else []
    if here.status_code == 303:
        assert here.content == b""
        led = here.headers["location"]
        there = await outside.get(led)
        assert there.status_code == 200, there.text
        originals.append(Seen(led, there.headers, there.content))
    if opened["thumbnailUrl"] is None:
        return originals, []
    shown = await me.browser.get(opened["thumbnailUrl"])
    if shown.status_code != 200:
        assert shown.json()["errors"][0]["code"] == "DOCUMENT_NOT_USABLE"
        return originals, []
    return originals, [Seen(opened["thumbnailUrl"], shown.headers, shown.content)]


async def test_hostile_files_are_refused_for_their_reason_or_can_harm_nobody(
    guarded: Stage, outside: httpx2.AsyncClient
) -> None:
    me, drawn, lanes = await guarded.citizen("minh-chau"), seed(), asyncio.Semaphore(AT_ONCE)
    tried = random.Random(drawn).sample(corpus(), sized(FEWEST, len(corpus())))

    async def try_one(one: Hostile) -> tuple[list[str], list[str]]:
        async with lanes:
            return await tried_out(me, outside, one)

    results = await asyncio.gather(*map(try_one, tried))
    found = Counter(outcome for outcomes, _ in results for outcome in outcomes)
    print(f"seed {drawn}: {len(tried)} of {len(corpus())} hostile files: {dict(sorted(found.items()))}")
    assert [harm for _, wrong in results for harm in wrong] == []
    assert len({one.name for one in tried}) >= 60
    kept = await rows(guarded, "SELECT count(*) FROM uploads WHERE blob IS NOT NULL AND claimed_at IS NULL")
    assert kept == [(0,)], "nothing of what was refused is left"


async def tried_out(me: Person, outside: httpx2.AsyncClient, one: Hostile) -> tuple[list[str], list[str]]:
    """What became of it, and what is wrong with that."""
    refused, upload = await offer(me, one)
    if refused != (one.fault or ""):
        return [], [f"{one.name}: {refused or 'accepted'} instead of {one.fault or 'accepted'}"]
    if not upload:
        return [refused], []
    originals, shown = await look(me, outside, upload)
    assert [seen.content for seen in originals] == [one.content], one.name
    assert originals[0].headers["content-disposition"].startswith('attachment; filename="document.')
    wrong = [harm for seen in (*originals, *shown) for harm in harms(seen, one.content)]
    wrong += [trace for seen in shown for trace in traces(seen.content)]
    return ["rests", *("shown" for _ in shown)], [f"{one.name}: {each}" for each in wrong]


def traces(shown: bytes) -> list[str]:
    """What a picture drawn anew must not have: more than pixels, or anything of the old one."""
    with Image.open(io.BytesIO(shown)) as picture:
        picture.load()
        told = set(picture.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        odd = [] if picture.format == "JPEG" and max(picture.size) <= SIDE else ["not drawn by us"]
    return [*odd, *(f"carries {name}" for name in sorted(told)), *(["payload"] if PAYLOAD in shown else [])]


async def test_the_looks_find_what_they_look_for(
    stage: Stage, guarded: Stage, outside: httpx2.AsyncClient
) -> None:
    """The same platform without an origin of its own serves the original itself, and is caught at it."""
    carrying = next(one for one in corpus() if one.name == "PNG, text")
    me = await stage.citizen("minh-chau")
    _, upload = await offer(me, carrying)
    ((original,), (shown,)) = await look(me, outside, upload)
    assert harms(original, carrying.content) == ["from the API's origin"]
    assert harms(shown, carrying.content) == []
    bare = httpx2.Headers({"content-type": PNG})
    inline = harms(Seen(f"{ORIGIN}/x", bare, carrying.content), carrying.content)
    assert inline == ["served inline", "from the API's origin", "without a sandbox", "open to guesses"]
    carried = next(one for one in corpus() if one.name == "JPEG, comment")
    assert traces(carried.content) == ["carries comment", "payload"]
    assert traces(carrying.content)[0] == "not drawn by us"
