"""Processes that are made to die, by the hundred: a platform, or an operator's command, in a fork of one nursery.

The nursery (`python -m tests.attacks.failing.victim`) imports the product, reads the law and builds the schema once;
each child goes on as `motlan serve` or a command would from there. Orders come on standard input, one line of JSON
each, and each is answered by one line on standard output. What the children print goes to standard error.
"""

import asyncio
import json
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

import api.app
import api.graphql
import api.work
from api.app import create_keys, open_platform
from api.gateway.documents import read_documents
from api.gateway.operations import Operations
from api.journal import start_journal
from api.process import destruction, keys
from api.process.serving import hold, listen, serving
from api.settings import Neighbours, Settings
from auth.caller import ANONYMOUS, LOOP
from dossiers.clock import local_day
from procedures.imports import LawBook, read_law_book
from resolvers.schema import build
from store.database import Database, Tx
from store.embedded import Servers
from tests.attacks.failing.points import Plan, Points, passing
from vault.keycare.shredding import Order
from vault.sealing import ring_files
from vault.sealing.blobs import LocalBlobs
from vault.sweeping import GRACE, drop_expired_uploads, forget_silent_uploads, sweep_blobs

HURRIED: Final[Mapping[str, float]] = {
    "SEAL_SECONDS": 0.1,
    "PLACE_SECONDS": 0.1,
    "DELIVER_SECONDS": 0.1,
    "RETRY_SECONDS": 0.5,
    "SWEEP_SECONDS": 0.5,
    "EXPIRE_SECONDS": 0.5,
}
"""The loops' pauses: a kill waits for no round that is an hour away."""
LATER: Final = timedelta(hours=25)
"""When every upload that was not used is over."""


@dataclass(frozen=True)
class Grounds:
    """Where children live: everything a platform is told by its settings and its sandbox."""

    settings: Settings
    servers: Servers
    neighbours: Neighbours
    port: int

    def now(self) -> datetime:
        return datetime.now(UTC) + self.settings.clock_offset


Life = Callable[[Points, Callable[[], None]], Coroutine[Any, Any, int]]
"""What a child does with its points; it calls what it is given once it is ready. Returns its exit code."""


class Nursery:
    """Forks children and follows orders about the one that lives."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._read = _Read(asyncio.run(_read_law(grounds)), grounds.settings)
        self._child: _Child | None = None

    def follow(self, order: Mapping[str, Any]) -> object:
        """Carry out one order; what it came to."""
        match order:
            case {"serve": True}:
                return self._begin(lambda points, ready: _serve(self._grounds, ready))
            case {"command": name, "plan": plan, **given}:
                return self._command(name, plan, given)
            case {"arm": plan}:
                return self._living.tell({"arm": plan})
            case {"passed": True}:
                return self._living.tell({"passed": True})
            case {"end": sign}:
                os.kill(self._living.pid, sign)
                return self._living.await_end(30.0)
            case {"await_end": seconds}:
                return self._living.await_end(seconds)
        raise ValueError(order)

    def close(self) -> None:
        """Nobody outlives the test, however it went."""
        if self._child is not None:
            self._child.end()

    @property
    def _living(self) -> "_Child":
        assert self._child is not None, "nobody lives"
        return self._child

    def _begin(self, life: Life) -> float:
        """Start a child; the seconds until it said it was ready."""
        begun = time.monotonic()
        self._child = _Child(life, self._read)
        assert self._child.hear() == "ready"
        return time.monotonic() - begun

    def _command(self, name: str, plan: list[Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
        """Run a command in a child of its own to its end. What it passed, where it was left alive."""

        async def run(points: Points, ready: Callable[[], None]) -> int:
            if plan is not None:
                points.arm(Plan(*plan))
            return await COMMANDS[name](self._grounds, given)

        child = _Child(run, self._read)
        try:
            passed = child.hear()
            return {"ended": child.await_end(60.0), "passed": passed}
        finally:
            child.end()


class _Child:
    """A fork with two pipes. It says one line when it is ready, or at its end, and answers each line it is told."""

    def __init__(self, life: Life, read: "_Read") -> None:
        heard, self._told = os.pipe()
        self._said, says = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            for end in (self._told, self._said, 0, 1):
                os.close(end)
            os.dup2(2, 1)
            with read.at_hand():
                _live(life, os.fdopen(heard), os.fdopen(says, "w", buffering=1))
        os.close(heard)
        os.close(says)
        self._answers = os.fdopen(self._said)
        self.code: int | None = None

    def tell(self, order: Mapping[str, Any]) -> object:
        os.write(self._told, json.dumps(order).encode() + b"\n")
        return self.hear()

    def hear(self) -> object:
        """What it said, or None when it died first."""
        said = self._answers.readline()
        return json.loads(said) if said else None

    def end(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.await_end(10.0)

    def await_end(self, seconds: float) -> int | None:
        """Its exit code, or minus the signal it died of; None while it lives."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._answers.close()
                os.close(self._told)
                self.code = os.waitstatus_to_exitcode(status)
                return self.code
            if time.monotonic() > deadline:
                return None
            time.sleep(0.005)


def _live(life: Life, heard: Any, says: Any) -> None:
    """A child's whole life. Never returns."""
    points, code = Points(), 1

    def obey() -> None:
        for line in heard:
            match json.loads(line):
                case {"arm": plan}:
                    points.passed.clear()
                    points.arm(Plan(*plan))
                    says.write("true\n")
                case {"passed": True}:
                    says.write(json.dumps(points.passed) + "\n")

    try:
        threading.Thread(target=obey, daemon=True).start()
        with pytest.MonkeyPatch.context() as patch:
            for name, seconds in HURRIED.items():
                patch.setattr(api.work, name, seconds)
            with passing(points):
                code = asyncio.run(life(points, lambda: says.write('"ready"\n')))
        says.write(json.dumps(points.passed) + "\n")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class _Read:
    """What every platform reads at its start, and no child changes: the law, the schema, registered documents."""

    def __init__(self, law: LawBook, settings: Settings) -> None:
        self._law = law
        self._schema = build([api.graphql._Prepared])
        operations = Operations(self._schema._schema, open_book=not settings.production)
        operations.trust(read_documents(settings.operations))
        self._trusted = operations._trusted

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """Nothing of it is read anew inside the block."""

        async def read_law(tx: Tx) -> LawBook:
            return self._law

        def trust(operations: Operations, texts: Mapping[str, str]) -> None:
            operations._trusted = self._trusted

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(api.app, "read_law_book", read_law)
            patch.setattr(api.graphql, "build", lambda extensions: self._schema)
            patch.setattr(Operations, "trust", trust)
            yield


async def _read_law(grounds: Grounds) -> LawBook:
    database = Database(grounds.servers.url, pool_size=1)
    try:
        async with database.reading(ANONYMOUS.actor) as tx:
            law = await read_law_book(tx)
        law.on(local_day(grounds.now()))
        return law
    finally:
        await database.close()


async def _serve(grounds: Grounds, ready: Callable[[], None]) -> int:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    with hold(grounds.settings.data), listen("127.0.0.1", grounds.port) as listening:
        create_keys(grounds.settings)
        async with (
            open_platform(grounds.settings, grounds.servers, grounds.neighbours) as platform,
            serving(platform, listening, loops=True),
        ):
            ready()
            await told.wait()
    return 0


async def _rotate_root(grounds: Grounds, given: Mapping[str, Any]) -> int:
    return await keys.rotate(grounds.settings, "root")


async def _rotate_subjects(grounds: Grounds, given: Mapping[str, Any]) -> int:
    return await keys.rotate(grounds.settings, keys.SUBJECTS)


async def _retire(grounds: Grounds, given: Mapping[str, Any]) -> int:
    """Every root key but the one that wraps; 0 as well when rows still need one."""
    roots = list(ring_files.read(grounds.settings.keys / "root.json").keys)
    for root in roots[:-1]:
        await keys.retire(grounds.settings, root, backups_gone=True)
    return 0


async def _shred(grounds: Grounds, given: Mapping[str, Any]) -> int:
    order = Order(UUID(given["subject"]), "Điều thử nghiệm")
    return await destruction.shred_person(grounds.settings, order, sure=True)


async def _sweep(grounds: Grounds, given: Mapping[str, Any]) -> int:
    """What the loops do in two days, at once."""
    work, blobs = Database(grounds.servers.work_url, pool_size=1), LocalBlobs(grounds.settings.data / "blobs")
    now = grounds.now() + LATER
    try:
        async with work.writing(LOOP.actor) as tx:
            await drop_expired_uploads(tx, blobs, now)
        async with work.writing(LOOP.actor) as tx:
            await forget_silent_uploads(tx, blobs, now)
        for moment in (now, now + GRACE):
            async with work.reading(LOOP.actor) as tx:
                await sweep_blobs(tx, blobs, moment)
    finally:
        await work.close()
    return 0


async def _init_keys(grounds: Grounds, given: Mapping[str, Any]) -> int:
    keys.init_keys(Settings(data=Path(given["folder"]), public_url=grounds.settings.public_url))
    return 0


COMMANDS: Final[Mapping[str, Callable[[Grounds, Mapping[str, Any]], Awaitable[int]]]] = {
    "rotate root": _rotate_root,
    "rotate subjects": _rotate_subjects,
    "retire": _retire,
    "sweep": _sweep,
    "shred": _shred,
    "init keys": _init_keys,
}


def main() -> None:
    start_journal()
    # Ours alone wrote it, a moment ago, through a pipe of ours.
    nursery = Nursery(pickle.loads(Path(sys.argv[1]).read_bytes()))
    try:
        for line in sys.stdin:
            print(json.dumps(nursery.follow(json.loads(line))), flush=True)
    finally:
        nursery.close()


if __name__ == "__main__":
    main()
