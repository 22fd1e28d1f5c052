"""`kill -9` before and after every write, sync, rename, commit and outbox step of ours: nothing acknowledged is lost,
nothing dangles, nothing is half-written, and two sweeps leave no file nobody names.

What a platform passes in a citizen's and an officer's busy day is recorded first. Then it is started, made to die at
one of those points, started again and looked at from above and below; and operators' commands likewise, beside a
platform that serves. Plans come from the printed seed; among a machine's other business a point may be passed by a
little more or less often, so a plan that was not met is counted apart.
"""

import asyncio
import io
import json
import os
import pickle
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, redirect_stdout, suppress
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from sqlalchemy import text

from api.__main__ import neighbours_in
from api.process import commands
from api.process.commands import LogCheck
from store.embedded import Embedded
from tests import files
from tests.attacks.acknowledging import AGENCY, JPEG, OF_NO_USE, Life, Line, Unanswered, Witness, digest
from tests.attacks.failing.points import AFTER, BEFORE, Plan
from tests.attacks.failing.victim import COMMANDS, Grounds
from tests.attacks.killing import ROOT, free_port, surroundings
from tests.attacks.test_kills import READY_SECONDS, assert_acknowledged, assert_readable
from tests.attacks.wholeness import look_below
from tests.flows.app import append, reached
from tests.flows.conftest import House, empty
from tests.flows.stage import ORIGIN
from tests.size import FULL, seed, sized
from vault.sealing import ring_files

PER_EPOCH: Final = sized(6, 40)
"""Kills until everything is emptied: what is looked at after each grows with what came before."""
LONGEST_SECONDS: Final = 8.0
"""How long a life goes on towards a planned death."""
KILLED: Final = -9


@dataclass
class Victims:
    """The nursery, over a pipe."""

    process: asyncio.subprocess.Process
    grounds: Grounds
    slowest: float = 0.0

    async def order(self, **given: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(given).encode() + b"\n")
        said = await self.process.stdout.readline()
        assert said, "the nursery is gone"
        return json.loads(said)

    async def serve(self) -> None:
        self.slowest = max(self.slowest, await self.order(serve=True))

    async def arm(self, plan: Plan) -> None:
        assert await self.order(arm=astuple(plan))

    async def passed(self) -> Counter[str]:
        return Counter(await self.order(passed=True))

    async def await_end(self, seconds: float = 2.0) -> int | None:
        ended: int | None = await self.order(await_end=seconds)
        return ended

    async def end(self, sign: int = 9) -> int:
        ended: int = await self.order(end=sign)
        return ended

    async def command(self, name: str, given: Mapping[str, str], plan: Plan | None = None) -> dict[str, Any]:
        armed = None if plan is None else astuple(plan)
        said: dict[str, Any] = await self.order(command=name, plan=armed, **given)
        return said


class BusyLife(Life):
    """A life in which everything comes round by turns, papers sent in pieces and given up included."""

    def __init__(self, citizen: Witness, officer: Witness, lot: random.Random) -> None:
        super().__init__(citizen, officer, lot)
        self.turns = (
            self._deposit, self._be_built, self._send_in_pieces, self._give_up, self._be_supplied,
            self._withdraw, self._show,
        )  # fmt: skip

    async def go_on_with(self, turn: int) -> None:
        """Live on, this turn first, until an answer fails to come."""
        self._stopped = False
        with suppress(Unanswered, httpx2.TransportError):
            while not self._stopped:
                for one in (*self.turns[turn:], *self.turns[:turn]):
                    await one()

    async def _send_in_pieces(self) -> None:
        content = self._picture()
        upload = await self._announce(content)
        step = len(content) // 3
        for start, end in ((0, step), (step, 2 * step), (2 * step, len(content))):
            await append(self.citizen.browser, upload["url"], start, content[start:end])
            assert await reached(self.citizen.browser, upload["url"]) == end
        await self.citizen.act(
            "addDocument", "document { id }", upload=upload["id"], type=OF_NO_USE, claims={}
        )

    async def _give_up(self) -> None:
        content = self._picture()
        upload = await self._announce(content)
        await append(self.citizen.browser, upload["url"], 0, content[:-1])
        ended = await self.citizen.browser.delete(upload["url"], headers={"Tus-Resumable": "1.0.0"})
        assert ended.status_code == 204

    async def _announce(self, content: bytes) -> Any:
        announced = await self.citizen.act(
            "createUpload", "upload { id url }", fileName="to-giay", mediaType=JPEG,
            sizeBytes=len(content), sha256=digest(content), type=OF_NO_USE,
        )  # fmt: skip
        return announced["upload"]


@dataclass
class Tally:
    met: int = 0
    missed: int = 0
    with_postgres: int = 0
    acknowledged: int = 0
    moments: set[tuple[str, str]] = field(default_factory=set)
    met_at: set[tuple[str, str]] = field(default_factory=set)

    def count(self, plan: Plan, *, met: bool) -> None:
        self.met += met
        self.missed += not met
        self.with_postgres += met and plan.first is not None
        if met:
            self.met_at.add((plan.point, plan.moment))


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-crash-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def victims(furnished: House, folder: Path) -> AsyncIterator[Victims]:
    settings = replace(furnished.settings, data=folder / "data", servers=furnished.servers)
    neighbours = neighbours_in(furnished.sandbox.addresses)
    grounds = Grounds(settings, furnished.servers, neighbours, free_port())
    told = folder / "grounds"
    told.touch(0o600)
    told.write_bytes(pickle.dumps(grounds))
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.attacks.failing.victim", str(told), cwd=ROOT, env=surroundings(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=output, limit=2**20,
        )  # fmt: skip
    try:
        yield Victims(process, grounds)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
        print((folder / "output").read_text("utf-8")[-4000:])


async def test_nothing_acknowledged_is_lost_wherever_it_is_killed(
    victims: Victims, furnished: House, embedded: Embedded
) -> None:
    lot, kills, tally = random.Random(drawn := seed()), sized(6, 520), Tally()
    print(f"seed {drawn}")
    while tally.met < kills:
        await _epoch(victims, furnished, embedded, tally, lot)
        if FULL:
            _tell(victims, tally)
    _tell(victims, tally)
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert victims.slowest <= READY_SECONDS * busy


async def _epoch(
    victims: Victims, house: House, embedded: Embedded, tally: Tally, lot: random.Random
) -> None:
    """Some kills upon one another, over databases that were empty at first."""
    await _clear(house)
    await victims.serve()
    async with AsyncExitStack() as stack:
        life, seen = await _begin(stack, victims, lot), set[str]()
        day = [await _recorded(victims, turn) for turn in life.turns]
        commands = {name: await _recorded_command(stack, victims, name) for name in COMMANDS}
        tally.moments |= {
            (point, moment) for passed in (*day, *commands.values()) for point in passed
            for moment in (BEFORE, AFTER)
        }  # fmt: skip
        wanted = tally.met + PER_EPOCH
        for number in range(2 * PER_EPOCH):
            if tally.met == wanted:
                break
            if number % 4 == 3:
                name = lot.choice(sorted(commands))
                plan = _plan(commands[name], lot)
                tally.count(plan, met=await _kill_command(stack, victims, name, plan))
            else:
                turn = lot.randrange(len(day))
                first = _postmaster(embedded) if number % 8 == 6 else None
                plan = replace(_plan(day[turn], lot), first=first)
                tally.count(plan, met=await _kill_server(victims, life, turn, plan, embedded))
            await life.settle()
            await assert_acknowledged(life)
            seen |= await assert_whole(victims, seen)
        await assert_swept(victims)
        await assert_readable(life)
        tally.acknowledged += life.book.acknowledged
    assert await victims.end(15) == 0
    await assert_log_sound(victims)


async def _recorded(victims: Victims, turn: Callable[[], Awaitable[None]]) -> Counter[str]:
    """How often the platform passes each point in one turn of a life."""
    before = await victims.passed()
    await turn()
    return await victims.passed() - before


async def _recorded_command(stack: AsyncExitStack, victims: Victims, name: str) -> Counter[str]:
    said = await victims.command(name, await _given_to(stack, victims, name))
    assert said["ended"] == 0, name
    return Counter(said["passed"])


async def assert_whole(victims: Victims, seen: set[str]) -> set[str]:
    """Nothing dangles; every sealed file not seen before opens. Returns their names."""
    grounds = victims.grounds
    ring = ring_files.read(grounds.settings.keys / "root.json")
    assert ring.keys
    async with look_below(grounds.servers, grounds.settings.data) as below:
        assert await below.dangling() == []
        assert await below.keyless() == []
        return await below.authenticate(seen)


async def assert_swept(victims: Victims) -> None:
    """Two sweeps leave the files that rows name, and no other."""
    assert (await victims.command("sweep", {}))["ended"] == 0
    grounds = victims.grounds
    async with look_below(grounds.servers, grounds.settings.data) as below:
        found = (grounds.settings.data / "blobs").glob("??/??/*")
        assert {path.name for path in found} == await below.named_blobs()


async def assert_log_sound(victims: Victims) -> None:
    said = io.StringIO()
    with redirect_stdout(said):
        code = await commands.verify_log(victims.grounds.settings, LogCheck())
    assert code == 0, said.getvalue()


async def _kill_server(victims: Victims, life: BusyLife, turn: int, plan: Plan, embedded: Embedded) -> bool:
    """Live towards the planned death and be back; whether it came as planned."""
    await victims.arm(plan)
    living = asyncio.create_task(life.go_on_with(turn))
    await asyncio.wait([living], timeout=LONGEST_SECONDS)
    life.stop()
    met = await victims.await_end(0.5 if living.done() else 0.0)
    if met is None:
        await victims.end()
    await living
    assert met in (None, KILLED)
    if not embedded.running or plan.first is not None:
        await asyncio.to_thread(embedded.start)
    await victims.serve()
    return met == KILLED


async def _kill_command(stack: AsyncExitStack, victims: Victims, name: str, plan: Plan) -> bool:
    """Let a command die beside the platform, and give it again."""
    given = await _given_to(stack, victims, name)
    said = await victims.command(name, given, plan)
    assert said["ended"] in (0, 1, KILLED), name
    again = await victims.command(name, given)
    assert again["ended"] == 0 or (name == "init keys" and again["ended"] == 1), (name, plan)
    if name == "init keys":
        _assert_keys_made(Path(given["folder"]) / "keys")
    return bool(said["ended"] == KILLED)


def _assert_keys_made(folder: Path) -> None:
    """Whole, and no key lies about that is not the ring's own: a second name of it goes with its next change."""
    ring = folder / "root.json"
    assert ring_files.read(ring).keys
    others = {one for one in folder.iterdir() if one.name.startswith(".")}
    assert all(one.samefile(ring) for one in others)
    names = {one.name for one in folder.iterdir()} - {one.name for one in others}
    assert names >= {"root.json", "tokens.pem", "push.pem", "log.key"}


async def _given_to(stack: AsyncExitStack, victims: Victims, name: str) -> dict[str, str]:
    """What a command is given: a folder without keys, somebody to destroy."""
    match name:
        case "init keys":
            return {"folder": tempfile.mkdtemp(prefix="keys-", dir=victims.grounds.settings.data.parent)}
        case "shred":
            return {"subject": await _somebody(stack, victims)}
    return {}


async def _somebody(stack: AsyncExitStack, victims: Victims) -> str:
    """Somebody with a paper, who is to be destroyed; their id. Whoever was destroyed before is somebody new."""
    person = await _browse(stack, victims)
    await person.sign_in("citizen", "thanh-binh")
    upload = await person.send(files.jpeg(), JPEG, OF_NO_USE)
    await person.act("addDocument", "document { id }", upload=upload, type=OF_NO_USE, claims={})
    newest = """SELECT s.id FROM sessions x JOIN subjects s ON s.id = x.holder_id
        ORDER BY x.created_at DESC LIMIT 1"""
    grounds = victims.grounds
    async with (
        look_below(grounds.servers, grounds.settings.data) as below,
        below.owner.connect() as connection,
    ):
        return str((await connection.scalars(text(newest))).one())


def _plan(passed: Counter[str], lot: random.Random) -> Plan:
    """Each point as often as any other, at one of the times it will surely be passed again."""
    point = lot.choice(sorted(passed))
    return Plan(point, lot.choice((BEFORE, AFTER)), lot.randint(1, (passed[point] + 1) // 2))


def _tell(victims: Victims, tally: Tally) -> None:
    print(
        f"{tally.met} kills, {tally.with_postgres} of them with PostgreSQL, at {len(tally.met_at)} of"
        f" {len(tally.moments)} moments, {tally.missed} plans not met, {tally.acknowledged} acknowledged"
        f" changes, ready after at most {victims.slowest:.1f} s",
        flush=True,
    )


def _postmaster(embedded: Embedded) -> int:
    return int((embedded.folder / "cluster" / "postmaster.pid").read_text("ascii").split("\n", 1)[0])


async def _begin(stack: AsyncExitStack, victims: Victims, lot: random.Random) -> BusyLife:
    citizen, officer = [await _browse(stack, victims) for _ in range(2)]
    await citizen.sign_in("citizen", "minh-chau")
    await officer.sign_in("officer", f"{AGENCY}.toan-quyen")
    return BusyLife(citizen, officer, random.Random(lot.getrandbits(32)))


class _Rerouted(Line):
    """The public address is the one port the platform listens at."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if str(request.url).startswith(ORIGIN):
            request.url = request.url.copy_with(port=self._port)
        return await super().handle_async_request(request)


async def _browse(stack: AsyncExitStack, victims: Victims) -> Witness:
    transport = _Rerouted(victims.grounds.port)
    browser = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, timeout=30.0))
    return Witness(browser)


async def _clear(house: House) -> None:
    await empty(house)
    async with house.owner.begin() as connection:
        await connection.execute(text("ALTER TABLE ledger ALTER COLUMN id RESTART"))
    async with house.keys_owner.begin() as connection:
        for name in ("root_keys", "key_rounds"):
            await connection.execute(text(f"DELETE FROM {name}"))
