"""Browser apps of other origins: those on the list come in as programs with tokens, everybody else stays out."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from api.__main__ import neighbours_in
from api.app import open_platform
from tests import files
from tests.flows.conftest import House
from tests.flows.phone import APP, Phone, clock_of
from tests.flows.stage import ORIGIN, Stage, cookie

THERE = "https://app.example.vn"
ELSEWHERE = (
    "https://other.example.vn", "http://app.example.vn", "https://app.example.vn:8443", "https://app.example.vn.evil.vn",
    "https://evil-app.example.vn", "HTTPS://APP.EXAMPLE.VN", "null", "*", "",
)  # fmt: skip
WHO = {"query": "{ viewer { __typename } }"}
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,dpop"}
PLACES = (
    "/graphql",
    "/uploads",
    "/oauth/token",
    "/oauth/par",
    "/documents/x/content",
    "/exports/x",
    "/log/checkpoint",
)


@pytest.fixture
async def open_stage(stage: Stage, furnished: House) -> AsyncIterator[Stage]:
    """The same platform with one origin on its list."""
    settings = replace(furnished.settings, cors_origins=frozenset({THERE}))
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with open_platform(settings, furnished.servers, neighbours) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made
        await made.close()


def permitted(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def words(value: str) -> set[str]:
    return {one.strip().lower() for one in value.split(",")}


async def test_a_browser_that_asks_beforehand_is_told_the_lists(open_stage: Stage) -> None:
    browser = open_stage.anybody().browser
    for place in PLACES:
        answer = await browser.options(f"{ORIGIN}{place}", headers={"Origin": THERE, **ASKING})
        told = permitted(answer)
        assert answer.status_code == 204, place
        assert told["access-control-allow-origin"] == THERE
        assert words(told["access-control-allow-methods"]) >= {
            "get",
            "post",
            "patch",
            "head",
            "delete",
            "put",
        }
        asked = words(told["access-control-allow-headers"])
        assert asked >= {"authorization", "dpop", "content-type", "range", "tus-resumable", "upload-offset"}
        assert "access-control-allow-credentials" not in told
        assert "*" not in "".join(told.values())
        assert "Origin" in answer.headers["vary"]


async def test_an_origin_that_is_not_on_the_list_is_told_nothing_and_refused(open_stage: Stage) -> None:
    browser = open_stage.anybody().browser
    for origin in ELSEWHERE:
        beforehand = await browser.options(f"{ORIGIN}/graphql", headers={"Origin": origin, **ASKING})
        asked = await browser.post(f"{ORIGIN}/graphql", json=WHO, headers={"Origin": origin})
        assert beforehand.status_code == 405, origin
        assert permitted(beforehand) == permitted(asked) == {}
        assert asked.status_code == 403
        assert asked.json()["errors"][0]["extensions"]["code"] == "FOREIGN_ORIGIN"


async def test_two_origins_are_none(open_stage: Stage) -> None:
    browser = open_stage.anybody().browser
    both = [("Origin", THERE), ("Origin", "https://other.example.vn")]
    answer = await browser.post(f"{ORIGIN}/graphql", json=WHO, headers=both)
    assert answer.status_code == 403
    assert permitted(answer) == {}


async def test_without_the_setting_nobody_is_told_anything(stage: Stage) -> None:
    browser = stage.anybody().browser
    for place in PLACES:
        answer = await browser.options(f"{ORIGIN}{place}", headers={"Origin": THERE, **ASKING})
        assert permitted(answer) == {}, place
    assert (await browser.post(f"{ORIGIN}/graphql", json=WHO, headers={"Origin": THERE})).status_code == 403


async def test_an_app_there_signs_in_and_reads_what_is_its_persons(open_stage: Stage) -> None:
    person = open_stage.anybody()
    app = Phone(person.browser, clock_of(open_stage), APP.id, f"{THERE}/signed-in")
    await app.sign_in("minh-chau")
    url = f"{ORIGIN}/graphql"
    answer = await app.http.post(url, json=WHO, headers={**app.headers("POST", url), "Origin": THERE})
    if answer.status_code == 401:
        # As a script there would: the nonce is a header it may read.
        assert "dpop-nonce" in words(permitted(answer)["access-control-expose-headers"])
        app.nonce = answer.headers["DPoP-Nonce"]
        answer = await app.http.post(url, json=WHO, headers={**app.headers("POST", url), "Origin": THERE})
    assert answer.json()["data"] == {"viewer": {"__typename": "Viewer"}}
    told = permitted(answer)
    assert told["access-control-allow-origin"] == THERE
    shown = words(told["access-control-expose-headers"])
    assert shown >= {
        "dpop-nonce",
        "www-authenticate",
        "x-request-id",
        "upload-offset",
        "location",
        "content-range",
    }
    assert "access-control-allow-credentials" not in told


async def test_a_session_of_this_site_is_nothing_there(open_stage: Stage) -> None:
    citizen = await open_stage.citizen("minh-chau")
    session = {"Cookie": cookie(citizen), "Origin": THERE}
    bare = open_stage.anybody().browser
    own = await bare.post(
        f"{ORIGIN}/graphql", json=WHO, headers={"Cookie": cookie(citizen), "Origin": ORIGIN}
    )
    theirs = await bare.post(f"{ORIGIN}/graphql", json=WHO, headers=session)
    assert own.json()["data"]["viewer"] is not None
    assert permitted(own) == {}
    assert theirs.json()["data"] == {"viewer": None}
    ending = {"query": 'mutation { endSession(input: {idempotencyKey: "01a2013d-ce4a-7ff2-ae13-fc26454c6847",'
              ' session: "x"}) { errors { code } } }'}  # fmt: skip
    refused = await bare.post(f"{ORIGIN}/graphql", json=ending, headers=session)
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await bare.post(f"{ORIGIN}/sign-out", headers=session)).headers.get("set-cookie") is None
    assert await citizen.ask("{ viewer { __typename } }") == {"viewer": {"__typename": "Viewer"}}


async def test_a_paper_is_sent_from_there(open_stage: Stage) -> None:
    citizen = await open_stage.citizen("minh-chau")
    content = files.png()
    upload = (
        await citizen.act(
            "createUpload", "upload { url }",
            fileName="x", mediaType="image/png", sizeBytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(), type="thuyet-minh-co-so-vat-chat-attp",
        )
    )["upload"]  # fmt: skip
    headers = {
        "Origin": THERE, "Tus-Resumable": "1.0.0", "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }  # fmt: skip
    bare = open_stage.anybody().browser
    refused = await bare.patch(
        upload["url"], content=content, headers=headers | {"Origin": "https://other.vn"}
    )
    assert (refused.status_code, permitted(refused)) == (403, {})
    sent = await bare.patch(upload["url"], content=content, headers=headers)
    assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(len(content)))
    assert permitted(sent)["access-control-allow-origin"] == THERE


async def test_what_caches_keep_is_kept_apart_by_origin(open_stage: Stage) -> None:
    browser, query = open_stage.anybody().browser, "{ procedures(first: 1) { edges { cursor } } }"
    for headers in ({}, {"Origin": THERE}):
        answer = await browser.get(f"{ORIGIN}/graphql", params={"query": query}, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["cache-control"].startswith("public")
        assert {"origin", "accept"} <= words(answer.headers["vary"])


async def test_pages_for_people_are_for_this_origin(open_stage: Stage) -> None:
    browser = open_stage.anybody().browser
    for page in ("/", "/verify", "/sign-in", "/oauth/authorize", "/healthz"):
        asked = await browser.get(f"{ORIGIN}{page}", headers={"Origin": THERE})
        beforehand = await browser.options(f"{ORIGIN}{page}", headers={"Origin": THERE, **ASKING})
        assert permitted(asked) == permitted(beforehand) == {}, page
