"""`motlan trust fetch` over HTTP from a running platform, and what it fetched judging proofs where there is none."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.__main__ import neighbours_in
from api.app import open_platform
from api.process import proving
from api.process.serving import listen, serving
from api.proofs.telling import told
from auth.signing import SigningKey
from tests.flows.conftest import House
from tests.flows.journeys import (
    EXTENSION,
    PERMIT_RESULT,
    PERMIT_TYPE,
    keep,
    move,
    open_dossier,
    submit,
    take_in,
)
from tests.flows.journeys import held as papers
from tests.flows.stage import Person, Stage
from tests.flows.strangers import NUMBER, Clock, attested, permit
from tests.proofs import Issuer
from vault.proofs.judging import Shown, When, judge

ANCHOR, TRUST, LISTS, LIST = (
    "/.well-known/vn-trust-anchor", "/.well-known/vn-trust-list", "/status-lists", "/status-lists/1",
)  # fmt: skip
DAY = 24 * 3600


@dataclass
class Counter:
    """A platform under the very address it is served at. `instead`: what is answered there in its place, by path."""

    app: ASGIApp
    address: str
    clock: Clock
    instead: dict[str, Callable[[bytes], Response]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.instead.get(scope.get("path", ""))
        if answer is None:
            await self.app(scope, receive, send)
            return
        body = bytearray()

        async def kept(message: Any) -> None:
            body.extend(message.get("body", b""))

        await self.app(scope, receive, kept)
        await answer(bytes(body))(scope, receive, send)

    def carry(self, person: Person) -> Person:
        """Somebody signed in on the stage, over this platform's own line."""
        browser = httpx2.AsyncClient(trust_env=False, timeout=30.0, cookies=person.browser.cookies)
        return Person(browser, origin=self.address)

    async def verdict(self, text: str, folder: Path, later: int = 0) -> tuple[str, bool, list[str]]:
        """Offline, by what lies in the folder, so many seconds from now."""
        found = told(judge(Shown(text), proving.shelf_in(folder), When(self.clock(later))))
        return found["verdict"], found["valid"], found["reasons"]

    async def on_page(self, text: str) -> str:
        async with httpx2.AsyncClient(trust_env=False, timeout=30.0) as browser:
            headers = {"Accept": "application/json"}
            answer = await browser.post(f"{self.address}/verify", data={"shown": text}, headers=headers)
        return str(answer.json()["verdict"])


@pytest.fixture
async def counter(furnished: House, stage: Stage) -> AsyncIterator[Counter]:
    with listen("127.0.0.1", 0) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = replace(furnished.settings, public_url=address)
        neighbours = neighbours_in(furnished.sandbox.addresses)
        async with open_platform(settings, furnished.servers, neighbours) as platform:
            made = Counter(platform.app, address, Clock(settings.clock_offset))
            async with serving(replace(platform, app=made), listening, loops=False):
                yield made


async def fetch(counter: Counter, folder: Path, **given: Any) -> int:
    asked = {"url": counter.address, "into": folder, "anchor": None, "on": None, **given}
    return await proving.fetch(argparse.Namespace(**asked))


def held(folder: Path) -> Mapping[str, bytes]:
    """Every file of a folder that may not be there."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


async def thumbprint(counter: Counter) -> str:
    async with httpx2.AsyncClient(trust_env=False) as browser:
        return str((await browser.get(counter.address + ANCHOR)).json()["keys"][0]["kid"])


async def test_a_permit_that_gives_way_to_a_newer_one_is_seen_to_at_once(
    stage: Stage, counter: Counter, tmp_path: Path
) -> None:
    me, _, document = await permit(stage)
    here = counter.carry(me)
    made = await attested(here, document, claims=[NUMBER])
    kept, fresh = tmp_path / "kept", tmp_path / "fresh"
    assert await fetch(counter, kept) == 0
    assert await counter.verdict(made["text"], kept) == ("GOOD", True, [])
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    extension = await take_in(elsewhere, await submit(me, await open_dossier(me, EXTENSION, "ubnd-hai")))
    await move(
        elsewhere, "approveDossier", extension, results=[{**PERMIT_RESULT, "validUntil": "2028-11-23"}]
    )
    assert await counter.on_page(made["text"]) == "SUPERSEDED"
    assert await fetch(counter, fresh) == 0
    assert await counter.verdict(made["text"], fresh) == ("SUPERSEDED", False, ["superseded"])
    # What was fetched before says how things stood; once it is old it says that nobody knows, and never GOOD.
    assert (await counter.verdict(made["text"], kept, DAY - 60))[0] == "GOOD"
    assert await counter.verdict(made["text"], kept, DAY + 60) == ("UNKNOWN", False, ["list_stale"])
    assert await counter.verdict(made["text"], fresh, DAY + 60) == ("UNKNOWN", False, ["list_stale"])
    newer = next(one["id"] for one in await papers(me, PERMIT_TYPE) if one["status"] == "VALID")
    assert await counter.verdict((await attested(here, newer))["text"], fresh) == ("GOOD", True, [])
    await here.browser.aclose()


async def test_a_paper_replaced_by_its_own_person_is_seen_to_at_once(stage: Stage, counter: Counter) -> None:
    me = await stage.citizen("minh-chau")
    here = counter.carry(me)
    wrong, right = [await keep(me, PERMIT_TYPE, {NUMBER: words}, pages=len(words)) for words in ("a", "bb")]
    texts = [(await attested(here, one))["text"] for one in (wrong, right)]
    assert [await counter.on_page(one) for one in texts] == ["SELF_DECLARED", "SELF_DECLARED"]
    given = {"document": wrong, "claim": NUMBER, "reason": "sai", "replacement": right}
    await me.act("correctClaim", "document { status }", **given)
    assert [await counter.on_page(one) for one in texts] == ["SUPERSEDED", "SELF_DECLARED"]
    await here.browser.aclose()


async def test_the_command_fetches_what_its_own_judge_needs(
    counter: Counter, programs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, expected = tmp_path / "trust", await thumbprint(counter)
    on = "2026-11-23T10:00+07:00"
    arguments = ("trust", "fetch", counter.address, "--anchor", expected, "--into", str(folder), "--on", on)
    command = await asyncio.create_subprocess_exec(str(programs / "motlan"), *arguments, cwd=tmp_path)
    assert await command.wait() == 0
    assert capfd.readouterr().out.startswith(f"anchor {expected}: compare it")
    assert len(held(folder)) == 4  # anchor, trust list, the list as it stands and as it stood
    shelf = proving.shelf_in(folder)
    assert shelf.trust is not None
    assert shelf.trust.issuer == counter.address
    assert len(shelf.lists(counter.address + LIST)) == 2


async def test_another_anchor_is_refused_and_so_is_one_that_cannot_be_read(
    counter: Counter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "trust"
    assert await fetch(counter, folder, anchor="x" * 43) == 1
    assert held(folder) == {}
    assert await fetch(counter, folder, anchor=await thumbprint(counter)) == 0
    before = held(folder)
    another = json.dumps({"keys": [dict(SigningKey.generate().public.jwk)]})
    counter.instead[ANCHOR] = lambda body: Response(another)
    assert await fetch(counter, folder) == 1
    assert "the anchor is another one" in capsys.readouterr().err
    assert held(folder) == before
    counter.instead.clear()
    for unreadable in (b"", b"{}", b"\xff", before["anchor.json"][:-9]):
        (folder / "anchor.json").write_bytes(unreadable)
        assert await fetch(counter, folder) == 1
        assert "cannot be read" in capsys.readouterr().err
        assert held(folder) == {**before, "anchor.json": unreadable}
    (folder / "anchor.json").unlink()
    assert await fetch(counter, folder) == 0


async def test_a_damaged_answer_leaves_what_was_fetched_before(counter: Counter, tmp_path: Path) -> None:
    folder, stranger = tmp_path / "trust", Issuer()
    assert await fetch(counter, folder) == 0
    before = held(folder)
    theirs, foreign = stranger.list_jwt(uri=counter.address + LIST), "http://127.0.0.1:9/status-lists/1"
    damage: list[tuple[str, Callable[[bytes], Response]]] = [
        *((path, lambda body: Response(b"")) for path in (ANCHOR, TRUST, LISTS, LIST)),
        *((path, lambda body: Response(body[:-9])) for path in (ANCHOR, TRUST, LISTS, LIST)),
        *((path, lambda body: Response(b"\xff\xfe")) for path in (ANCHOR, TRUST, LISTS, LIST)),
        *((path, lambda body: Response(body, 500)) for path in (ANCHOR, TRUST, LISTS, LIST)),
        *((path, lambda body: Response(b"[" * 100_000)) for path in (ANCHOR, TRUST, LISTS, LIST)),
        *((path, lambda body: Response(b" " * (proving.MOST_BYTES + 1))) for path in (ANCHOR, LIST)),
        (TRUST, lambda body: Response(b"", 302, {"Location": counter.address + TRUST})),
        (TRUST, lambda body: Response(stranger.trust_token())),
        (TRUST, lambda body: Response(theirs)),
        (ANCHOR, lambda body: Response(b"[]")),
        (LISTS, lambda body: Response(b"{}")),
        (LISTS, lambda body: Response(b'{"status_lists": "http"}')),
        (LISTS, lambda body: Response(b'{"status_lists": [1]}')),
        (LISTS, lambda body: Response(json.dumps({"status_lists": [foreign]}))),
        (LISTS, lambda body: Response(json.dumps({"status_lists": [counter.address + LIST, foreign]}))),
        (LIST, lambda body: Response(theirs)),
        (LIST, lambda body: Response(before["trust.jwt"])),
        (LIST, lambda body: Response(body.swapcase())),
    ]
    for number, (path, answer) in enumerate(damage):
        counter.instead = {path: answer}
        assert await fetch(counter, folder) == 2, (number, path)
        assert held(folder) == before, (number, path)
    counter.instead = dict.fromkeys((ANCHOR, TRUST, LISTS, LIST), Response)
    assert await fetch(counter, folder) == 0
    assert held(folder).keys() == before.keys()
    assert held(folder)["trust.jwt"] != before["trust.jwt"]
    assert await fetch(counter, folder, url="http://127.0.0.1:9") == 2
    assert await fetch(counter, folder, url="no address") == 2
