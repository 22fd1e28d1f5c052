"""The real product as a child process: started on a data folder, killed without warning, started again.

Its standard output and error go to a file beside the data folder. Everything is done from outside, as an operator
and the kernel's out-of-memory killer would do it; nothing here imports what is being killed.
"""

import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx2

from store.embedded import Servers

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS: Final = 60.0
"""How long a start may take before the test gives up; what it should take is the tests' matter."""
POLL_SECONDS: Final = 0.02
_lot: Final = random.SystemRandom()


class Target(StrEnum):
    """Whom a kill hits: the server, PostgreSQL's postmaster, or the platform with every process below it."""

    SERVER = "server"
    POSTGRES = "postgres"
    EVERYTHING = "everything"


class Product:
    """`python -m api serve` with its demo data, on a folder and a port of its own, under these settings."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.settings = dict(settings or {})
        self._folder = folder
        self.data = folder / "data"
        self.output = folder / "output"
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def servers(self) -> Servers:
        """How the running platform reaches its databases, as it tells other commands on this machine."""
        return Servers(**json.loads((self.data / "servers.json").read_bytes()))

    @property
    def place(self) -> Path:
        """Where PostgreSQL rests: in the data folder, or where its note says."""
        note = self.data / "postgres" / "place"
        return Path(note.read_text("utf-8")) if note.exists() else self.data / "postgres"

    @property
    def roots(self) -> tuple[Path, ...]:
        """Every folder and file the platform writes to."""
        return tuple(
            one
            for one in (self._folder, self.place)
            if one == self._folder or not one.is_relative_to(self._folder)
        )

    async def start(self) -> float:
        """Start and wait until it takes requests; returns the seconds that took."""
        begun = time.monotonic()
        await self.launch()
        await self.await_ready()
        return time.monotonic() - begun

    async def launch(self) -> None:
        """Start and wait for nothing."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.command("serve"), cwd=ROOT, env=surroundings() | self.settings,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    async def await_ready(self) -> float:
        """Wait until it says it is ready; returns the seconds waited. Fails when it died or takes too long."""
        begun = time.monotonic()
        async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as client:
            while (waited := time.monotonic() - begun) < PATIENCE_SECONDS:
                assert self._living.returncode is None, f"died at the start: {self.last_words()}"
                with suppress(httpx2.TransportError):
                    if (await client.get(f"{self.origin}/readyz")).status_code == 200:
                        return waited
                await asyncio.sleep(POLL_SECONDS)
        raise AssertionError(f"not ready after {PATIENCE_SECONDS:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The end of what it and its PostgreSQL printed."""
        logs = (self.output, self.place / "server.log")
        return "\n".join(one.read_text("utf-8")[-2000:] for one in logs if one.exists())

    async def kill(self, target: Target) -> None:
        """`kill -9`, and wait until those hit are gone."""
        if target is Target.POSTGRES:
            hit = {self.postmaster}
        elif target is Target.SERVER:
            hit = {self._living.pid}
        else:
            hit = {self._living.pid, *descendants(self._living.pid)}
        for pid in hit:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if target is not Target.POSTGRES:
            await self._living.wait()
        await asyncio.to_thread(_await_gone, hit)

    async def stop(self) -> int:
        """Stop as an operator does; returns the exit code."""
        self._living.terminate()
        return await self._living.wait()

    async def end(self) -> None:
        """Leave nothing running, however the test went."""
        if self._process is not None and self._process.returncode is None:
            await self.kill(Target.EVERYTHING)
        await asyncio.to_thread(kill_cluster, self.place / "cluster")

    @property
    def pid(self) -> int:
        return self._living.pid

    @property
    def postmaster(self) -> int:
        return int((self.place / "cluster" / "postmaster.pid").read_text("ascii").split("\n", 1)[0])

    def command(self, *words: str) -> tuple[str, ...]:
        """A command of the product for this folder and port."""
        here = ("--data", str(self.data), "--port", str(self.port))
        return (sys.executable, "-m", "api", *words, *here)

    @property
    def _living(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "not started"
        return self._process


async def run(command: tuple[str, ...], settings: Mapping[str, str] | None = None) -> tuple[int, str]:
    """A command's exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=surroundings() | dict(settings or {}),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def surroundings() -> dict[str, str]:
    """This environment without anybody's settings of the product."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MOTLAN_", "PG"))}


def free_port() -> int:
    """A port nobody listens on, below those the system hands to callers and to whoever asks for any: what it names
    must be free still when its server starts, seconds later, beside other tests."""
    while True:
        port = _lot.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


def descendants(root: int) -> set[int]:
    """Every process below this one, in whatever session or group."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name before the parent's number is in brackets and may itself hold any character.
            parent = int((entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, set()).add(int(entry.name))
    found, left = set[int](), [root]
    while left:
        for child in children.get(left.pop(), set()) - found:
            found.add(child)
            left.append(child)
    return found


def is_running(pid: int) -> bool:
    """Whether it still runs: a dead process nobody has asked about yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_cluster(cluster: Path) -> None:
    """End the servers a killed platform left working in this folder."""
    hit = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").readlink() == cluster:
                os.kill(int(entry.name), signal.SIGKILL)
                hit.add(int(entry.name))
    _await_gone(hit)


def _await_gone(pids: set[int]) -> None:
    while any(map(is_running, pids)):
        time.sleep(POLL_SECONDS)
