"""No document leaves over HTTP without its line: the log locked, full or closed to us; or hours without a witness."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from tests.flows.journeys import (
    EXTENSION,
    issued_permit,
    keep,
    line,
    open_dossier,
    submit,
    take_in,
    unchanged,
)
from tests.flows.stage import Person, Stage
from tests.flows.systems import System, started
from tests.flows.test_request_access import READ, granted

SHARED = "share { id code }"
EVIDENCE = "evidence { contentUrl claims { name value } }"
VERDICT = "verdict { valid claims { name value } }"
ADDRESS = "building.address@building"
LISTS = "{ myDocuments(first: 5) { edges { node { id } } } myDossiers(first: 5) { edges { node { id } } } }"
UNAVAILABLE = {"LOG_UNWRITABLE", "TEMPORARILY_UNAVAILABLE"}

Closure = Callable[[Stage], Any]


@asynccontextmanager
async def locked(stage: Stage) -> AsyncIterator[None]:
    async with stage.owner.begin() as other:
        await other.execute(text("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE"))
        yield


def changed(begin: str, end: str) -> Closure:
    @asynccontextmanager
    async def closure(stage: Stage) -> AsyncIterator[None]:
        async with stage.owner.begin() as connection:
            for statement in begin.split(";;"):
                await connection.execute(text(statement))
        try:
            yield
        finally:
            async with stage.owner.begin() as connection:
                for statement in end.split(";;"):
                    await connection.execute(text(statement))

    return closure


CLOSED: dict[str, Closure] = {
    "locked": locked,
    "full": changed(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;;"
        "CREATE TRIGGER no_room BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION no_room()",
        "DROP TRIGGER no_room ON ledger;;DROP FUNCTION no_room()",
    ),
    "door shut": changed(
        "REVOKE EXECUTE ON FUNCTION append_ledger FROM motlan_app",
        "GRANT EXECUTE ON FUNCTION append_ledger TO motlan_app",
    ),
    "table shut": changed(
        "REVOKE INSERT ON ledger FROM motlan_owner", "GRANT INSERT ON ledger TO motlan_owner"
    ),
}


@dataclass
class Scene:
    """Everything made ready, so that the next thing each of them does is to look."""

    me: Person
    officer: Person
    reader: System
    taken: dict[str, Any]
    requirement: str
    paper: str
    code: str
    addresses: dict[str, str]
    """Where bytes are waiting, by what they are."""


async def scene(stage: Stage) -> Scene:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, paper = await issued_permit(me, officer)
    reader, _ = await granted(stage, me, await started(stage, "so-tai-chinh"))
    share = await me.act("createShare", SHARED, document=paper, claims=[ADDRESS], maxUses=5)
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    extension = await open_dossier(me, EXTENSION, "ubnd-hai")
    needed = line(extension, "c02")["requirement"]["id"]
    taken = await take_in(elsewhere, await submit(me, extension))
    portrait = await keep(me, "anh-chan-dung", {})
    own = (await me.act("openDocument", "url", document=portrait))["url"]
    export = (await me.act("exportMyData", "export { url }"))["export"]["url"]
    await stage.settle()
    addresses = {"own": own, "export": export}
    return Scene(me, elsewhere, reader, taken, needed, paper, share["share"]["code"], addresses)


async def looks(scene: Scene) -> dict[str, tuple[set[str], str]]:
    """Everything by which a document could leave, at once: the codes of the refusals, and all that was said."""

    async def told(person: Person, operation: str, selection: str, /, **given: Any) -> tuple[set[str], str]:
        kind = f"{operation[0].upper()}{operation[1:]}Input"
        words = (
            f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ {selection} errors {{ code }} }} }}"
        )
        said = await person.post(words, {"input": {"idempotencyKey": str(uuid4()), **given}})
        above = {one["extensions"]["code"] for one in said.get("errors", [])}
        payload = (said.get("data") or {}).get(operation) or {"errors": []}
        return above | {one["code"] for one in payload["errors"]}, str(said)

    async def fetched(person: Person, url: str) -> tuple[set[str], str]:
        answer = await person.browser.get(url)
        if answer.status_code == 200:
            return set(), answer.text
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        return {one["code"] for one in answer.json()["errors"]}, answer.text

    officer, me = scene.officer, scene.me
    ways = {
        "openEvidence": told(
            officer, "openEvidence", EVIDENCE, dossier=scene.taken["id"], requirements=[scene.requirement]
        ),
        "verifyDocument": told(officer, "verifyDocument", VERDICT, code=scene.code),
        "readGranted": told(scene.reader, "readGranted", READ),
        "createShare": told(me, "createShare", SHARED, document=scene.paper, claims=[ADDRESS]),
        **{what: fetched(me, url) for what, url in scene.addresses.items()},
    }
    return dict(zip(ways, await asyncio.gather(*ways.values()), strict=True))


async def test_with_the_log_closed_no_document_leaves_and_the_rest_goes_on(stage: Stage) -> None:
    ready = await scene(stage)
    for how, closure in CLOSED.items():
        async with unchanged(stage):
            async with closure(stage):
                refused = await looks(ready)
                going_on = await ready.me.ask(LISTS)
            assert {way: bool(codes) and codes <= UNAVAILABLE for way, (codes, _) in refused.items()} == (
                dict.fromkeys(refused, True)
            ), (how, refused)
            said = "".join(words for _, words in refused.values())
            assert "Thôn Thử Nghiệm" not in said
            assert "%PDF" not in said
        assert len(going_on["myDocuments"]["edges"]) == 4
        assert len(going_on["myDossiers"]["edges"]) == 2
    # By itself, at once, and with what was ready before: no ticket, use or grant was lost by it.
    after = await looks(ready)
    assert {way: codes for way, (codes, _) in after.items()} == {way: set() for way in after}
    assert "Thôn Thử Nghiệm" in after["openEvidence"][1]
    assert "%PDF" in after["own"][1]
    print(f"{len(after)} ways out, {len(CLOSED)} ways to close the log, 0 documents")


async def test_after_hours_without_a_witness_third_parties_see_nothing_and_people_their_own(
    stage: Stage,
) -> None:
    ready = await scene(stage)
    async with stage.owner.begin() as connection:
        await connection.execute(text("INSERT INTO log_pulse SELECT 'witness.example', at FROM log_pulse"))
    async with quiet(stage, "witness.example"), unchanged_but_for_the_own(stage):
        seen = await looks(ready)
    third = {"openEvidence", "verifyDocument", "readGranted"}
    assert {way for way, (codes, _) in seen.items() if codes == {"LOG_SILENT"}} == third
    assert {way for way, (codes, _) in seen.items() if not codes} == seen.keys() - third
    assert "Thôn Thử Nghiệm" not in "".join(seen[way][1] for way in third)
    async with stage.owner.begin() as connection:
        await connection.execute(
            text("UPDATE log_pulse SET at = (SELECT at FROM log_pulse WHERE source = 'log')")
        )
    ready.addresses.clear()
    again = await looks(ready)
    assert {way for way in third if again[way][0]} == set()


@asynccontextmanager
async def quiet(stage: Stage, source: str) -> AsyncIterator[None]:
    """Not heard of for a little more than four hours; the readiness page names it."""
    async with stage.owner.begin() as connection:
        await connection.execute(
            text("UPDATE log_pulse SET at = at - interval '241 minutes' WHERE source = :source"),
            {"source": source},
        )
    ready = await stage.anybody().browser.get("http://127.0.0.1:8000/readyz")
    assert (ready.status_code, ready.json()["status"], ready.json()["silent"]) == (200, "ready", [source])
    yield


@asynccontextmanager
async def unchanged_but_for_the_own(stage: Stage) -> AsyncIterator[None]:
    """No use of a grant or of a share is spent by a refusal."""
    spent = "SELECT (SELECT sum(uses) FROM access_requests), (SELECT sum(uses) FROM shares)"
    async with stage.owner.connect() as connection:
        before = (await connection.execute(text(spent))).one()
    yield
    async with stage.owner.connect() as connection:
        assert (await connection.execute(text(spent))).one() == before
