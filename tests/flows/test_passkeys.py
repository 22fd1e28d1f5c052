"""Signing in with a key in one's hand: a citizen's second factor, and what no officer gets in without."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from api.__main__ import neighbours_in
from api.app import open_platform
from api.process.officers import enrol, list_officers, strike_keys
from resolvers.connections import split_id
from sandbox.agencies import OFFICERS
from tests.authenticator import BE, UP, UV, Authenticator, Maker, b64, models_file
from tests.flows.conftest import House, Later
from tests.flows.journeys import unchanged
from tests.flows.stage import ORIGIN, Person, Stage
from tests.flows.test_export_my_data import export, read

LOGIN, OTHER = "minh-chau", "thanh-binh"
OFFICER = next(one for one in OFFICERS if one.login == "ubnd-mot.toan-quyen")
WHO = "{ viewer { kind passkeys { id name synced usedAt } sessions { acr current } } }"
PAPERS = "{ myDocuments(first: 1) { edges { node { id } } } }"
MAKER = Maker()

Answer = dict[str, Any]


async def step(person: Person, what: str, /, **given: Any) -> httpx2.Response:
    return await person.browser.post(
        f"{ORIGIN}/passkeys/{what}", json=given, headers={"Origin": ORIGIN, "Accept-Language": "en"}
    )


async def asked(person: Person, what: str, /, **given: Any) -> Answer:
    response = await step(person, what, **given)
    assert response.status_code == 200, response.text
    options: Answer = response.json()["options"]
    return options


async def added(person: Person, key: Authenticator, name: str = "Phone") -> None:
    credential = key.create(await asked(person, "begin", purpose="add"), ORIGIN)
    response = await step(person, "finish", credential=credential, name=name)
    assert response.json() == {"next": "/passkeys"}, response.text


async def refused(person: Person, what: str, /, **given: Any) -> tuple[int, str]:
    response = await step(person, what, **given)
    error = response.json()["errors"][0]
    assert error["message"]
    return response.status_code, error["code"]


async def viewer(person: Person) -> Answer:
    found: Answer = (await person.ask(WHO))["viewer"]
    return found


async def acr(person: Person) -> str:
    return next(str(one["acr"]) for one in (await viewer(person))["sessions"] if one["current"])


async def half_signed_in(stage: Stage, login: str = LOGIN) -> Person:
    person = stage.anybody()
    await person.sign_in("passkey", login)
    return person


async def test_a_citizen_adds_a_key_and_it_is_their_second_factor(stage: Stage) -> None:
    person, key = await stage.citizen(LOGIN), Authenticator()
    await added(person, key)
    kept = (await viewer(person))["passkeys"]
    assert [(one["name"], one["synced"], one["usedAt"]) for one in kept] == [("Phone", False, None)]

    later = await half_signed_in(stage)
    assert (await later.post(PAPERS))["errors"][0]["extensions"]["code"] == "STEP_UP_REQUIRED"
    assert 'id="show"' in (await later.browser.get(f"{ORIGIN}/passkeys?lang=en")).text
    before = dict(later.browser.cookies)
    options = await asked(later, "begin", purpose="raise", next="/passkeys")
    response = await step(later, "finish", credential=key.get(options, ORIGIN))
    assert response.json() == {"next": "/passkeys"}
    await later.ask(PAPERS)
    assert await acr(later) == "urn:vn:eid:tk2:xt2"
    assert (await viewer(later))["passkeys"][0]["usedAt"] is not None
    # The secret it had before opens nothing: whoever planted or saw it is not raised along.
    planted = stage.anybody()
    planted.browser.cookies.set("motlan", before["motlan"])
    assert (await planted.ask("{ viewer { kind } }"))["viewer"] is None


async def test_they_hear_of_it_and_read_it_in_the_log(stage: Stage) -> None:
    person = await stage.citizen(LOGIN)
    await added(person, Authenticator())
    key = (await viewer(person))["passkeys"][0]["id"]
    assert (await person.act("removePasskey", "passkey", passkey=key))["passkey"] == key
    notices = await person.ask("{ myNotices(first: 5) { edges { node { code text } } } }")
    told = [edge["node"] for edge in notices["myNotices"]["edges"]]
    assert [one["code"] for one in told] == ["passkey_removed", "passkey_added"]
    assert "passkey was added" in told[1]["text"]
    usage = await person.ask("{ myDataUsage(first: 20) { edges { node { kind } } } }")
    kinds = [edge["node"]["kind"] for edge in usage["myDataUsage"]["edges"]]
    assert {"passkey.added", "passkey.removed"} <= set(kinds)


async def test_it_stands_in_the_file_of_everything_kept_about_them(stage: Stage) -> None:
    person, key = await stage.citizen(LOGIN), Authenticator()
    await added(person, key)
    (kept,) = read(await export(person), "account.json")["passkeys"]
    assert {"name": "Phone", "synced": False, "usedAt": None}.items() <= kept.items()
    assert b64(key.id) not in json.dumps(kept)


async def test_a_key_taken_away_opens_nothing_any_more(stage: Stage) -> None:
    person, key, other = await stage.citizen(LOGIN), Authenticator(), Authenticator()
    await added(person, key)
    await added(person, other, "Spare")
    later = await half_signed_in(stage)
    options = await asked(later, "begin", purpose="raise")
    gone = (await viewer(person))["passkeys"][0]["id"]
    stranger = await stage.citizen(OTHER)
    for who, key_ in ((stranger, str(_uuid(gone))), (person, "nonsense"), (person, str(uuid4()))):
        assert await refused(who, "remove", key=key_) == (404, "NOT_FOUND")
    assert (await step(person, "remove", key=str(_uuid(gone)))).json() == {"next": "/passkeys"}
    assert [one["name"] for one in (await viewer(person))["passkeys"]] == ["Spare"]
    assert await refused(later, "finish", credential=key.get(options, ORIGIN)) == (400, "PASSKEY_REFUSED")
    options = await asked(later, "begin", purpose="raise")
    assert (await step(later, "finish", credential=other.get(options, ORIGIN))).status_code == 200


async def test_one_factor_adds_no_key_and_takes_none_away(stage: Stage) -> None:
    """Else whoever has the password makes a second factor of their own."""
    await added(await stage.citizen(LOGIN), Authenticator())
    half = await half_signed_in(stage)
    key = (await viewer(half))["passkeys"][0]["id"]
    async with unchanged(stage):
        assert await refused(half, "begin", purpose="add") == (403, "STEP_UP_REQUIRED")
        said = await half.post(
            "mutation($input: RemovePasskeyInput!) { removePasskey(input: $input) { passkey } }",
            {"input": {"idempotencyKey": str(uuid4()), "passkey": key}},
        )
        assert said["errors"][0]["extensions"]["code"] == "STEP_UP_REQUIRED"


async def test_somebody_elses_key_raises_nobody(stage: Stage) -> None:
    key = Authenticator()
    await added(await stage.citizen(OTHER), key)
    half = await half_signed_in(stage)
    assert await refused(half, "begin", purpose="raise") == (400, "PASSKEY_REFUSED")
    await added(await stage.citizen(LOGIN), Authenticator())
    options = await asked(half, "begin", purpose="raise")
    assert await refused(half, "finish", credential=key.get(options, ORIGIN)) == (400, "PASSKEY_REFUSED")
    assert await acr(half) == "urn:vn:eid:tk2:xt1"


async def test_a_key_somebody_has_is_not_added_again(stage: Stage) -> None:
    key = Authenticator()
    await added(await stage.citizen(OTHER), key)
    person = await stage.citizen(LOGIN)
    options = await asked(person, "begin", purpose="add")
    assert await refused(person, "finish", credential=key.create(options, ORIGIN)) == (400, "PASSKEY_REFUSED")
    assert (await viewer(person))["passkeys"] == []


async def test_an_eleventh_key_is_one_too_many(stage: Stage) -> None:
    person = await stage.citizen(LOGIN)
    for number in range(10):
        await added(person, Authenticator(), f"Key {number}")
    options = await asked(person, "begin", purpose="add")
    late = Authenticator().create(options, ORIGIN)
    assert await refused(person, "finish", credential=late) == (400, "PASSKEY_REFUSED")
    assert len((await viewer(person))["passkeys"]) == 10


async def test_a_challenge_is_answered_once_in_its_browser_and_within_five_minutes(
    stage: Stage, later: Later
) -> None:
    person, key = await stage.citizen(LOGIN), Authenticator()
    await added(person, key)
    half, elsewhere = await half_signed_in(stage), await half_signed_in(stage)
    # Another browser of the same person's: the answer was not asked for there.
    options = await asked(half, "begin", purpose="raise")
    answer = key.get(options, ORIGIN)
    assert await refused(elsewhere, "finish", credential=answer) == (400, "PASSKEY_REFUSED")
    # The same secret in another session: it was asked of somebody else.
    elsewhere.browser.cookies.set("motlan-key", half.browser.cookies["motlan-key"])
    assert await refused(elsewhere, "finish", credential=answer) == (400, "PASSKEY_REFUSED")
    # And that was its one look.
    assert await refused(half, "finish", credential=answer) == (400, "PASSKEY_REFUSED")
    assert await acr(half) == "urn:vn:eid:tk2:xt1"

    options = await asked(half, "begin", purpose="raise")
    answer, cookies = key.get(options, ORIGIN), dict(half.browser.cookies)
    sent = await asyncio.gather(*(step(half, "finish", credential=answer) for _ in range(10)))
    assert sorted(one.status_code for one in sent) == [200] + [400] * 9
    again = stage.anybody()
    again.browser.cookies.update(cookies)
    assert (await refused(again, "finish", credential=answer))[1] == "PASSKEY_REFUSED"

    options = await asked(half, "begin", purpose="raise")
    async with later(timedelta(minutes=6)) as then:
        late = then.carry(half)
        assert await refused(late, "finish", credential=key.get(options, ORIGIN)) == (400, "PASSKEY_REFUSED")


@pytest.mark.parametrize("name", ["begin", "enrol", "finish", "remove"])
async def test_no_other_site_and_no_form_begins_a_ceremony(stage: Stage, name: str) -> None:
    person = await stage.citizen(LOGIN)
    address = f"{ORIGIN}/passkeys/{name}"
    async with unchanged(stage):
        for origin in ({}, {"Origin": "https://evil.example"}):
            sent = await person.browser.post(address, json={"purpose": "add"}, headers=origin)
            assert (sent.status_code, sent.json()["errors"][0]["code"]) == (403, "FOREIGN_ORIGIN")
        form = await person.browser.post(address, data={"purpose": "add"}, headers={"Origin": ORIGIN})
        assert form.status_code == 415
        signed_out = await refused(stage.anybody(), "begin", purpose="add")
        assert signed_out == (401, "UNAUTHENTICATED")


async def test_the_page_runs_its_own_script_alone_and_needs_a_sign_in(stage: Stage) -> None:
    away = await stage.anybody().browser.get(f"{ORIGIN}/passkeys")
    assert (away.status_code, away.headers["location"]) == (303, "/")
    page = await (await stage.citizen(LOGIN)).browser.get(f"{ORIGIN}/passkeys")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "connect-src 'self'" in policy
    assert page.headers["cache-control"] == "no-store"


@pytest.fixture
async def guarded(stage: Stage, furnished: House, tmp_path: Path) -> AsyncIterator[Stage]:
    """The platform as production has it: officers show a key of a model on the list."""
    listed = tmp_path / "officer-keys.json"
    listed.write_bytes(models_file(MAKER))
    settings = replace(furnished.settings, officer_keys_path=listed)
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with open_platform(settings, furnished.servers, neighbours) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made
        await made.close()


Codes = Callable[[], Awaitable[str]]


@pytest.fixture
def code_for(furnished: House, guarded: Stage, capsys: pytest.CaptureFixture[str]) -> Codes:
    """A code as the operator's command prints it."""

    async def issued() -> str:
        settings = replace(furnished.settings, servers=furnished.servers)
        assert await enrol(settings, OFFICER.code) == 0
        return capsys.readouterr().out.strip()

    return issued


async def vouched_for(stage: Stage) -> Person:
    """An officer back from the provider, whose word alone signs nobody in."""
    person = stage.anybody()
    await person.sign_in("officer", OFFICER.login)
    assert (await person.ask("{ viewer { kind } }"))["viewer"] is None
    return person


async def page_options(person: Person) -> Answer:
    """What the page after the provider hands to the key, drawn anew by signing in there again."""
    begun = await person.browser.get(f"{ORIGIN}/sign-in", params={"role": "officer"})
    provider = begun.headers["location"]
    page = await person.browser.get(provider)
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    form = {name: html.unescape(value) for name, value in fields.items()} | {"login": OFFICER.login}
    chosen = await person.browser.post(provider.partition("?")[0], data=form)
    arrived = await person.browser.get(chosen.headers["location"])
    (found,) = re.findall(r'on\("show", \(\) => show\((.*)\)\);', arrived.text)
    options: Answer = json.loads(found)
    return options


async def enrolled(stage: Stage, code: str, key: Authenticator) -> httpx2.Response:
    person = await vouched_for(stage)
    options = await asked(person, "enrol", code=code)
    return await step(person, "finish", credential=key.create(options, ORIGIN), name="On the ring")


async def test_an_officer_without_a_key_is_not_signed_in(guarded: Stage) -> None:
    person = await vouched_for(guarded)
    assert (await person.post("{ desk(first: 1) { edges { node { code } } } }"))["errors"]
    assert await refused(person, "begin", purpose="add") == (401, "UNAUTHENTICATED")
    assert await refused(person, "enrol", code="guessed") == (400, "PASSKEY_REFUSED")
    assert (await person.ask("{ viewer { kind } }"))["viewer"] is None


async def test_an_officer_adds_a_first_key_by_a_code_and_signs_in_with_it(
    guarded: Stage, code_for: Codes
) -> None:
    person, key, code = await vouched_for(guarded), Authenticator(MAKER), await code_for()
    options = await asked(person, "enrol", code=code)
    assert options["attestation"] == "direct"
    response = await step(person, "finish", credential=key.create(options, ORIGIN), name="On the ring")
    assert response.json() == {"next": "/"}
    assert (await viewer(person))["kind"] == "officer"
    assert [one["name"] for one in (await viewer(person))["passkeys"]] == ["On the ring"]

    again = guarded.anybody()
    options = await page_options(again)
    assert [one["id"] for one in options["allowCredentials"]] == [
        key.create(options | {"rp": {"id": "x"}}, ORIGIN)["id"]
    ]
    assert (await again.ask("{ viewer { kind } }"))["viewer"] is None
    response = await step(again, "finish", credential=key.get(options, ORIGIN))
    assert response.status_code == 200, response.text
    assert (await viewer(again))["kind"] == "officer"
    # A spare one, signed in by the first.
    await added(again, Authenticator(MAKER), "Spare")
    assert len((await viewer(again))["passkeys"]) == 2


@pytest.mark.parametrize(
    "key",
    [
        Authenticator(),
        Authenticator(Maker()),
        Authenticator(MAKER, model=uuid4()),
        Authenticator(MAKER, flags=UP | UV | BE),
        Authenticator(MAKER, flags=UP),
    ],
    ids=["not attested", "attested by another", "another model", "may be copied", "no PIN"],
)
async def test_no_other_key_lets_an_officer_in(guarded: Stage, code_for: Codes, key: Authenticator) -> None:
    code = await code_for()
    response = await enrolled(guarded, code, key)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "PASSKEY_REFUSED")
    assert await _held(guarded) == 0
    # The code is not spent by it: the right key is still taken.
    assert (await enrolled(guarded, code, Authenticator(MAKER))).status_code == 200
    assert await _held(guarded) == 1


async def test_a_code_is_good_once_for_one_officer_within_a_day(
    guarded: Stage, code_for: Codes, furnished: House, later: Later
) -> None:
    code = await code_for()
    other = guarded.anybody()
    await other.sign_in("officer", "ubnd-hai.toan-quyen")
    assert await refused(other, "enrol", code=code) == (400, "PASSKEY_REFUSED")
    # Two browsers at once with one code: one key.
    first, second = await vouched_for(guarded), await vouched_for(guarded)
    keys = Authenticator(MAKER), Authenticator(MAKER)
    asked_of = [await asked(one, "enrol", code=code) for one in (first, second)]
    sent = await asyncio.gather(
        *(
            step(one, "finish", credential=key.create(options, ORIGIN))
            for one, key, options in zip((first, second), keys, asked_of, strict=True)
        )
    )
    assert sorted(one.status_code for one in sent) == [200, 400]
    assert await refused(await vouched_for(guarded), "enrol", code=code) == (400, "PASSKEY_REFUSED")
    stale = await code_for()
    async with guarded.owner.begin() as connection:
        await connection.execute(
            text("UPDATE key_enrolments SET expires_at = expires_at - interval '25 hours'")
        )
    assert await refused(await vouched_for(guarded), "enrol", code=stale) == (400, "PASSKEY_REFUSED")


async def test_the_operator_strikes_lost_keys(
    guarded: Stage, code_for: Codes, furnished: House, capsys: pytest.CaptureFixture[str]
) -> None:
    key = Authenticator(MAKER)
    person = await vouched_for(guarded)
    options = await asked(person, "enrol", code=await code_for())
    await step(person, "finish", credential=key.create(options, ORIGIN))
    settings = replace(furnished.settings, servers=furnished.servers)
    assert await list_officers(settings) == 0
    assert f"{OFFICER.code}  1" in capsys.readouterr().out.splitlines()
    half = guarded.anybody()
    options = await page_options(half)
    assert await strike_keys(settings, OFFICER.code) == 0
    assert capsys.readouterr().out == "1 struck\n"
    assert (await person.ask("{ viewer { kind } }"))["viewer"] is None
    assert await refused(half, "finish", credential=key.get(options, ORIGIN)) == (400, "PASSKEY_REFUSED")
    assert await enrol(settings, "nobody") == await strike_keys(settings, "nobody") == 1


async def _held(stage: Stage) -> int:
    async with stage.owner.begin() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM passkeys")) or 0)


def _uuid(global_id: str) -> UUID:
    return UUID(split_id(global_id)[1])
