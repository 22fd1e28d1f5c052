"""Starts the sandbox's processes, each with its own folder and port on the loopback, and keeps them running.

The supervisor holds the listening sockets and hands them down: addresses are known before a process answers,
stay the same when it is restarted after a crash, and are kept for the folder's next start where still free.
The processes are in groups of their own and end with the supervisor, even with `kill -9`.
`python -m sandbox.supervisor --folder DIR` runs it alone and prints the addresses as one line of JSON.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from sandbox.lifeline import SandboxRefused, refuse_production
from sandbox.registers import EVERY_DATABASE, ISSUER, new_control_token

AUDIENCE: Final = "urn:motlan:platform"
CITIZEN_CLIENT: Final = "motlan-portal"
OFFICER_CLIENT: Final = "motlan-desk"
REDIRECT_URI: Final = "http://127.0.0.1:8000/sign-in/callback"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
_ROOT: Final = Path(__file__).resolve().parent.parent
MOST_RESTARTS: Final = 20
"""Crashes of one process after which the sandbox gives up on it: something is wrong with it, not with luck."""


@dataclass(slots=True)
class _Child:
    role: str
    folder: Path
    listening: socket.socket
    settings: dict[str, Any]
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    watch: asyncio.Task[None] | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the process is exchanged or ended: a restart must not slip past the stop."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the platform must be told. `jwks`: the registers' public keys; `audience`: our name to them."""

    issuer: str
    citizen_client: str
    officer_client: str
    registers_url: str
    registers_issuer: str
    audience: str
    jwks: dict[str, Any] = field(repr=False)


class Sandbox:
    """The sandbox as a context: everything answers inside, nothing is left running outside.

    `clock_offset` moves the clocks of its processes to where a test has put the platform's. Raises
    SandboxRefused in production, or when a process does not come up.
    """

    def __init__(
        self,
        folder: Path,
        *,
        redirect_uri: str = REDIRECT_URI,
        slow_seconds: float = 10.0,
        clock_offset: timedelta = timedelta(0),
    ) -> None:
        self.folder = folder.resolve()
        self._redirect_uri = redirect_uri
        self._slow_seconds = slow_seconds
        self._clock_offset = clock_offset
        self._children: dict[str, _Child] = {}
        self._stopping = False
        self.addresses: Addresses

    async def __aenter__(self) -> Self:
        refuse_production()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            for role in ("identity", "registers"):
                self._children[role] = self._prepare(role)
                await self._start(self._children[role])
            self.addresses = await self._meet()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def issuer(self) -> str:
        return self.addresses.issuer

    @property
    def registers_url(self) -> str:
        return self.addresses.registers_url

    @property
    def jwks(self) -> dict[str, Any]:
        return self.addresses.jwks

    def pid(self, role: str) -> int | None:
        """The process now playing `identity` or `registers`, for tests that kill it."""
        process = self._children[role].process
        return process.pid if process else None

    async def set_mode(self, database: str, mode: str, lie: str | None = None) -> None:
        """Make one database (or `all`) up, down, slow, lying or stale. `lie`: see `sandbox.registers.LIES`."""
        child = self._children["registers"]
        body = {"mode": mode} | ({"lie": lie} if lie else {})
        headers = {"Authorization": f"Bearer {child.settings['control_token']}"}
        async with httpx2.AsyncClient(trust_env=False) as client:
            response = await client.post(
                f"{child.address}/control/{database}", json=body, headers=headers, timeout=START_SECONDS
            )
        response.raise_for_status()

    async def restore(self) -> None:
        """Every database up again."""
        await self.set_mode(EVERY_DATABASE, "up")

    def _prepare(self, role: str) -> _Child:
        folder = self.folder / role
        folder.mkdir(mode=0o700, exist_ok=True)
        listening = _listen(_kept_port(folder))
        (folder / "port").write_text(str(listening.getsockname()[1]), encoding="ascii")
        child = _Child(role, folder, listening, {})
        child.settings = self._settings_of(child)
        return child

    def _settings_of(self, child: _Child) -> dict[str, Any]:
        offset = {"clock_offset_seconds": self._clock_offset.total_seconds()}
        if child.role == "registers":
            return {
                **offset,
                "audience": AUDIENCE,
                "control_token": new_control_token(),
                "slow_seconds": self._slow_seconds,
            }
        clients = {CITIZEN_CLIENT: "citizens", OFFICER_CLIENT: "officers"}
        return {
            **offset,
            "issuer": child.address,
            "redirect_uri": self._redirect_uri,
            "clients": clients,
        }

    async def _start(self, child: _Child) -> None:
        settings = child.folder / "settings.json"
        _write_private(settings, json.dumps(child.settings))
        await self._spawn(child)
        child.watch = asyncio.create_task(self._keep_alive(child))

    async def _spawn(self, child: _Child) -> None:
        descriptor = child.listening.fileno()
        arguments = (child.role, str(child.folder / "settings.json"), str(descriptor), str(os.getpid()))
        with (child.folder / "log").open("ab") as log:
            child.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sandbox", *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, pass_fds=(descriptor,),
                start_new_session=True, cwd=_ROOT,
            )  # fmt: skip

    async def _keep_alive(self, child: _Child) -> None:
        while child.process is not None:
            await child.process.wait()
            async with child.changing:
                if self._stopping or child.restarts >= MOST_RESTARTS:
                    return
                child.restarts += 1
                await self._spawn(child)

    async def _meet(self) -> Addresses:
        """Wait until every process answers. Connections made earlier simply queue at the sockets we hold."""
        identity, registers = self._children["identity"], self._children["registers"]
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=START_SECONDS) as client:
                (await client.get(f"{identity.address}/healthz")).raise_for_status()
                jwks = (await client.get(f"{registers.address}/jwks.json")).raise_for_status().json()
        except httpx2.HTTPError as error:
            raise SandboxRefused(f"a sandbox process did not start; see the logs in {self.folder}") from error
        return Addresses(
            issuer=identity.address,
            citizen_client=CITIZEN_CLIENT,
            officer_client=OFFICER_CLIENT,
            registers_url=registers.address,
            registers_issuer=ISSUER,
            audience=AUDIENCE,
            jwks=jwks,
        )

    async def _stop(self) -> None:
        self._stopping = True
        for child in self._children.values():
            await _end(child)
            child.listening.close()


async def _end(child: _Child) -> None:
    async with child.changing:
        process = child.process
    if process is not None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
    if child.watch is not None:
        await child.watch


def _listen(port: int) -> socket.socket:
    """A listening socket on the loopback: on that port where it is free, else on any."""
    for wanted in (port, 0):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", wanted))
        except OSError:
            listening.close()
            continue
        listening.listen(128)
        return listening
    raise SandboxRefused("no port is free on the loopback")


def _kept_port(folder: Path) -> int:
    try:
        return int((folder / "port").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


async def _run(folder: Path, redirect_uri: str) -> None:
    async with Sandbox(folder, redirect_uri=redirect_uri) as sandbox:
        told = {name: getattr(sandbox.addresses, name) for name in Addresses.__slots__}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m sandbox.supervisor", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--redirect-uri", default=REDIRECT_URI)
    given = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(given.folder, given.redirect_uri))
