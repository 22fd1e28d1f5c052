"""Signing in from first click to session, over HTTP: our pages, the sandbox's provider, a browser between."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.door.front import FrontDoor, caller_from_cookie
from api.door.signin import routes
from auth.assurance import VAULT
from auth.errors import CredentialsConflict
from auth.provider.login import Door
from auth.provider.oidc import Client, Provider
from auth.signing import SigningKey
from auth.tokens import Tokens
from sandbox.agencies import OFFICERS
from sandbox.identity import Client as SandboxClient
from sandbox.identity import Settings, citizen_accounts, create_app, officer_accounts
from sandbox.people import PEOPLE
from store.database import Database
from store.embedded import Servers
from vault.proofs.notary import Notary
from vault.safe import Safe
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys
from vault.sealing.ring_files import create as create_ring

ISSUER = "https://idp.sandbox.example"
LOOPBACK, PUBLIC = "http://127.0.0.1:8000", "https://kho.example.gov.vn"
PERSON, OFFICER = PEOPLE[0], OFFICERS[0]


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class World:
    clock: Clock
    browser: httpx2.AsyncClient
    owner: AsyncEngine
    origin: str
    mounts: Mapping[str, httpx2.AsyncBaseTransport]

    async def begin(self, role: str = "citizen", query: str = "") -> str:
        """Click "sign in"; returns the provider's address."""
        response = await self.browser.get(f"{self.origin}/sign-in?role={role}{query}")
        assert response.status_code == 303, response.text
        return response.headers["location"]

    async def choose(self, address: str, login: str) -> str:
        """Press a button at the provider; returns the way back."""
        page = await self.browser.get(address)
        assert page.status_code == 200
        fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        fields = {name: html.unescape(value) for name, value in fields.items()}
        response = await self.browser.post(f"{ISSUER}/authorize", data={**fields, "login": login})
        assert response.status_code == 303
        return response.headers["location"]

    async def sign_in(self, role: str = "citizen", login: str = PERSON.key) -> httpx2.Response:
        return await self.browser.get(await self.choose(await self.begin(role), login))

    async def who(self, **headers: str) -> dict[str, Any]:
        response = await self.browser.get(f"{self.origin}/who", headers=headers)
        said: dict[str, Any] = response.json()
        return said

    async def count(self, table: str) -> int:
        async with self.owner.begin() as connection:
            return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)

    async def nothing_came_of_it(self) -> bool:
        made = [await self.count(table) for table in ("sessions", "accounts", "subjects", "ledger")]
        return made == [0, 0, 0, 0] and (await self.who())["kind"] == "anonymous"


@pytest.fixture(params=[LOOPBACK])
def origin(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
async def safe(servers: Servers, tmp_path: Path) -> AsyncIterator[Safe]:
    create_ring(tmp_path / "root-key")
    keys = Keys(servers.keys_url, LocalKeyRing(tmp_path / "root-key"))
    notary = Notary(PUBLIC, SigningKey.generate(), SigningKey.generate())
    yield Safe(keys, LocalBlobs(tmp_path / "blobs"), Tokens(PUBLIC, SigningKey.generate()), "test", notary)
    await keys.close()


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, safe: Safe, origin: str, now: datetime
) -> AsyncIterator[World]:
    clock = Clock(now)
    back = f"{origin}/sign-in/callback"
    sandbox = create_app(
        Settings(
            ISSUER,
            {
                "motlan-citizens": SandboxClient(back, citizen_accounts(PEOPLE, now.date())),
                "motlan-officers": SandboxClient(back, officer_accounts(OFFICERS)),
            },
            now=clock,
        )
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(sandbox), trust_env=False) as wire:
        door = FrontDoor(
            database,
            safe,
            {
                Door.CITIZEN: Provider(Client(ISSUER, "motlan-citizens", back, VAULT), wire),
                Door.OFFICER: Provider(Client(ISSUER, "motlan-officers", back, VAULT), wire),
            },
            origin,
            clock,
            sandbox=True,
        )
        mounts: dict[str, httpx2.AsyncBaseTransport] = {
            ISSUER: httpx2.ASGITransport(sandbox),
            origin: httpx2.ASGITransport(site(door)),
        }
        async with httpx2.AsyncClient(mounts=mounts, trust_env=False) as browser:
            yield World(clock, browser, owner, origin, mounts)


def site(door: FrontDoor) -> Starlette:
    async def who(request: Request) -> Response:
        try:
            caller = await caller_from_cookie(door.database, request, door.now(), secure=door.is_secure)
        except CredentialsConflict:
            return JSONResponse({}, status_code=400)
        return JSONResponse(
            {
                "kind": caller.kind,
                "id": str(caller.id),
                "acr": caller.acr,
                "agency": str(caller.agency),
                "roles": sorted(caller.roles),
                "language": caller.language,
            }
        )

    return Starlette(routes=[*routes(door), Route("/who", who)])


async def plant_officer(owner: AsyncEngine, *, active: bool = True) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO officers (id, issuer, external_id, code, agency_id, roles, active)"
                " VALUES (:id, :issuer, :login, :code, :agency, :roles, :active)"
            ),
            {
                "id": OFFICER.id,
                "issuer": ISSUER,
                "login": OFFICER.login,
                "code": OFFICER.code,
                "agency": OFFICER.agency,
                "roles": sorted(OFFICER.roles),
                "active": active,
            },
        )


async def test_a_citizen_signs_in_and_is_known_again_next_time(world: World) -> None:
    assert (await world.who())["kind"] == "anonymous"
    page = await world.sign_in()
    assert page.status_code == 200
    first = await world.who()
    assert (first["kind"], first["acr"]) == ("citizen", "urn:vn:eid:tk2:xt2")
    await world.sign_in()
    assert (await world.who())["id"] == first["id"]
    made = [await world.count(table) for table in ("subjects", "accounts", "sessions", "ledger")]
    assert made == [1, 1, 2, 1]


async def test_two_people_are_two_subjects(world: World) -> None:
    await world.sign_in(login=PEOPLE[0].key)
    first = await world.who()
    await world.sign_in(login=PEOPLE[1].key)
    assert (await world.who())["id"] != first["id"]
    assert await world.count("subjects") == 2


async def test_many_first_sign_ins_at_once_are_one_person(world: World) -> None:
    async def sign_in() -> str:
        async with httpx2.AsyncClient(mounts=world.mounts, trust_env=False) as browser:
            tab = replace(world, browser=browser)
            assert (await tab.sign_in()).status_code == 200
            return str((await tab.who())["id"])

    assert len(set(await asyncio.gather(*(sign_in() for _ in range(8))))) == 1
    assert [await world.count(table) for table in ("subjects", "accounts", "sessions")] == [1, 1, 8]


async def test_an_officer_signs_in_with_agency_and_roles(world: World) -> None:
    await plant_officer(world.owner)
    assert (await world.sign_in("officer", OFFICER.login)).status_code == 200
    who = await world.who()
    assert (who["kind"], who["id"]) == ("officer", str(OFFICER.id))
    assert (who["agency"], who["roles"]) == (str(OFFICER.agency), sorted(OFFICER.roles))
    assert await world.count("subjects") == 0


@pytest.mark.parametrize("planted", [False, True])
async def test_an_officer_not_on_our_roll_stays_outside(world: World, planted: bool) -> None:
    if planted:
        await plant_officer(world.owner, active=False)
    response = await world.sign_in("officer", OFFICER.login)
    assert response.status_code == 400
    assert await world.nothing_came_of_it()


async def test_the_callback_ends_on_a_page_that_leads_on(world: World) -> None:
    address = await world.begin(query="&next=/dossiers?page=2")
    page = await world.browser.get(await world.choose(address, PERSON.key))
    assert page.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/dossiers?page=2"' in page.text


@pytest.mark.parametrize(
    "trap",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a%0d%0aX", ""],
)
async def test_signing_in_never_leads_to_another_site(world: World, trap: str) -> None:
    address = await world.begin(query=f"&next={trap}")
    page = await world.browser.get(await world.choose(address, PERSON.key))
    assert 'content="0;url=/"' in page.text
    assert "evil" not in page.text


@pytest.mark.parametrize("origin", [LOOPBACK, PUBLIC], indirect=True)
async def test_cookies_are_as_strict_as_the_address_allows(world: World) -> None:
    begun = await world.browser.get(f"{world.origin}/sign-in?role=citizen")
    (lax,) = begun.headers.get_list("set-cookie")
    page = await world.browser.get(await world.choose(begun.headers["location"], PERSON.key))
    forgotten, strict = page.headers.get_list("set-cookie")
    secure = world.origin == PUBLIC
    assert lax.startswith("__Host-motlan-sign-in=" if secure else "motlan-sign-in=")
    assert strict.startswith("__Host-motlan=" if secure else "motlan=")
    for cookie, same_site in ((lax, "lax"), (forgotten, "lax"), (strict, "strict")):
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "path=/", f"samesite={same_site}"} <= attributes
        assert ("secure" in attributes) is secure
        assert not any(part.startswith("domain") for part in attributes)
    assert "max-age=0" in forgotten.lower()
    assert (await world.who())["kind"] == "citizen"
    assert ("strict-transport-security" in page.headers) is secure


async def test_signing_out_ends_the_session_everywhere(world: World) -> None:
    await world.sign_in()
    stolen = world.browser.cookies["motlan"]
    response = await world.browser.post(f"{world.origin}/sign-out", headers={"Origin": world.origin})
    assert response.status_code == 303
    assert (await world.who())["kind"] == "anonymous"
    assert (await world.who(cookie=f"motlan={stolen}"))["kind"] == "anonymous"


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}, {"Origin": "https://evil.example"}])
async def test_another_site_cannot_sign_anyone_out(world: World, headers: dict[str, str]) -> None:
    await world.sign_in()
    response = await world.browser.post(f"{world.origin}/sign-out", headers=headers)
    assert response.status_code == 403
    assert (await world.who())["kind"] == "citizen"


async def test_a_cookie_and_a_token_together_are_refused(world: World) -> None:
    await world.sign_in()
    for path in ("/who", "/"):
        response = await world.browser.get(world.origin + path, headers={"Authorization": "DPoP x"})
        assert response.status_code == 400


async def test_a_return_this_browser_never_began_is_refused(world: World) -> None:
    """Login CSRF: an attacker's own finished sign-in, opened in somebody else's browser."""
    way_back = await world.choose(await world.begin(), PERSON.key)
    world.browser.cookies.clear()
    assert (await world.browser.get(way_back)).status_code == 400
    await world.begin()
    assert (await world.browser.get(way_back)).status_code == 400
    assert await world.nothing_came_of_it()


async def test_a_return_counts_once(world: World) -> None:
    address = await world.begin()
    cookie = {"cookie": f"motlan-sign-in={world.browser.cookies['motlan-sign-in']}"}
    way_back = await world.choose(address, PERSON.key)
    assert (await world.browser.get(way_back)).status_code == 200
    assert (await world.browser.get(way_back, headers=cookie)).status_code == 400
    assert await world.count("sessions") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"iss": None},
        {"iss": "https://other.example"},
        {"iss": ISSUER + "/"},
        {"code": None},
        {"code": "guessed"},
        {"error": "access_denied"},
        {"state": None},
        {"state": "citizen.guessed"},
        {"state": "administrator.guessed"},
    ],
    ids=str,
)
async def test_a_bent_return_is_refused(world: World, change: dict[str, str | None]) -> None:
    parts = urlsplit(await world.choose(await world.begin(), PERSON.key))
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()} | change
    query = {name: value for name, value in asked.items() if value is not None}
    response = await world.browser.get(f"{world.origin}{parts.path}", params=query)
    assert response.status_code == 400
    assert "alert" in response.text
    assert await world.nothing_came_of_it()


async def test_a_sign_in_is_given_up_after_ten_minutes(world: World) -> None:
    address = await world.begin()
    world.clock.now += timedelta(minutes=10)
    assert (await world.browser.get(await world.choose(address, PERSON.key))).status_code == 400
    assert await world.nothing_came_of_it()


async def test_a_code_is_good_for_a_minute(world: World) -> None:
    way_back = await world.choose(await world.begin(), PERSON.key)
    world.clock.now += timedelta(seconds=60)
    assert (await world.browser.get(way_back)).status_code == 400
    assert await world.nothing_came_of_it()


async def test_the_other_doors_state_opens_nothing(world: World) -> None:
    """A citizen's return relabelled as an officer's: the label is part of what is looked up."""
    await plant_officer(world.owner)
    way_back = await world.choose(await world.begin(), PERSON.key)
    state = world.browser.cookies["motlan-sign-in"].replace("citizen.", "officer.")
    bent = way_back.replace("state=citizen.", "state=officer.")
    world.browser.cookies.clear()
    response = await world.browser.get(bent, headers={"cookie": f"motlan-sign-in={state}"})
    assert response.status_code == 400
    assert await world.nothing_came_of_it()


@pytest.mark.parametrize("role", ["", "administrator", "CITIZEN"])
async def test_there_are_two_doors(world: World, role: str) -> None:
    assert (await world.browser.get(f"{world.origin}/sign-in?role={role}")).status_code == 400
    assert await world.count("login_states") == 0


@pytest.mark.parametrize(("query", "language"), [("", "vi"), ("?lang=en", "en"), ("?lang=xx", "vi")])
async def test_the_sign_in_page_speaks_both_languages_and_loads_nothing(
    world: World, query: str, language: str
) -> None:
    page = await world.browser.get(f"{world.origin}/{query}")
    assert f'<html lang="{language}">' in page.text
    assert page.headers["content-language"] == language
    assert "SANDBOX" in page.text
    for other in ("<script", "<img", "<link", "http://", "https://", "url("):
        assert other not in page.text
    nonce = re.search(r'<style nonce="([^"]+)">', page.text)
    assert nonce is not None
    policy = page.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'nonce-{nonce[1]}';")
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert len(re.findall(r"<h1>", page.text)) == len(re.findall(r"<main>", page.text)) == 1


async def test_the_language_of_a_caller_is_the_browsers(world: World) -> None:
    assert (await world.who(**{"accept-language": "en-GB,vi;q=0.5"}))["language"] == "en"
    assert (await world.who(**{"accept-language": "vi,en;q=0.5"}))["language"] == "vi"


async def test_nothing_about_the_person_is_in_an_address_a_cookie_or_a_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        address = await world.begin()
        way_back = await world.choose(address, PERSON.key)
        page = await world.browser.get(way_back)
        failed = await world.browser.get(way_back)
    assert failed.status_code == 400
    said = "\n".join([address, way_back, page.text, str(page.headers), str(failed.headers), caplog.text])
    for private in (PERSON.number, PERSON.name, PERSON.born.isoformat()):
        assert private not in said


async def test_the_sandbox_itself_keeps_the_protocol(world: World) -> None:
    """Its refusals are what our relying party is tested against, so they must be real."""
    address = await world.begin()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    for change in (
        {"redirect_uri": "https://evil.example/"},
        {"client_id": "unknown"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"response_type": "token"},
        {"nonce": ""},
        {"scope": "profile"},
    ):
        refused = await world.browser.get(f"{ISSUER}/authorize", params={**asked, **change})
        assert refused.status_code == 400
        assert "location" not in refused.headers
    way_back = parse_qs(urlsplit(await world.choose(address, PERSON.key)).query)
    redeem = {
        "grant_type": "authorization_code",
        "code": way_back["code"][0],
        "client_id": asked["client_id"],
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": "x" * 43,
    }
    for _ in range(2):
        spent = await world.browser.post(f"{ISSUER}/token", data=redeem)
        assert (spent.status_code, spent.json()) == (400, {"error": "invalid_grant"})


async def test_a_provider_out_of_reach_is_said_so_and_nothing_is_kept(
    database: Database, safe: Safe, now: datetime, owner: AsyncEngine
) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        raise httpx2.ConnectError("down")

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(silent)) as wire:
        provider = Provider(Client(ISSUER, "c", f"{LOOPBACK}/sign-in/callback", VAULT), wire)
        door = FrontDoor(database, safe, dict.fromkeys(Door, provider), LOOPBACK, lambda: now)
        transport = httpx2.ASGITransport(site(door))
        async with httpx2.AsyncClient(transport=transport, base_url=LOOPBACK) as browser:
            response = await browser.get("/sign-in?role=citizen")
    assert response.status_code == 503
    world = World(Clock(now), browser, owner, LOOPBACK, {})
    assert await world.count("login_states") == 0


def test_small_children_and_the_dead_hold_no_account(now: datetime) -> None:
    accounts = citizen_accounts([*PEOPLE, replace(PERSON, key="late", died=now.date())], now.date())
    assert PERSON.key in accounts
    assert "late" not in accounts
    assert all(person.age(now.date()) >= 6 for person in PEOPLE if person.key in accounts)
    assert len(accounts) < len(PEOPLE)
