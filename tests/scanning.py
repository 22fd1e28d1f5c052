"""Malware scanners for tests: Debian's clamd with a signature base of two lines, and a stand-in that misbehaves."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from connectors.malware import Address, Scanner
from tests.programs import found

EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!" + b"$H+H*"
"""The harmless text every scanner takes for malware, put together here so that no file of ours is taken for it."""

MARKED: Final = b"motlan-malware-" + b"for-tests"
SIGNATURES: Final = f"Motlan.Eicar:0:*:{EICAR.hex()}\nMotlan.Marked:0:*:{MARKED.hex()}\n"

PATIENCE_SECONDS: Final = 30.0


class Way(StrEnum):
    """How the stand-in answers."""

    HONEST = "honest"
    """OK or FOUND, by MARKED."""
    GARBAGE = "garbage"
    EMPTY = "empty"
    UNKNOWN = "unknown command"
    ERROR = "error"
    TOO_LARGE = "size limit"
    HALF = "half an answer"
    NO_END = "an answer without its end"
    TWICE = "two answers"
    CONTRADICTS = "ok, then found"
    EARLY = "ok before the last byte"
    OTHER_STREAM = "ok for another stream"
    LOWER_CASE = "ok in other letters"
    ENDLESS = "an answer without end"
    SILENT = "never answers"
    DIES = "dies in the middle"
    HANGS_UP = "hangs up at once"


_SAID: Final = {
    Way.GARBAGE: b"\xff\xfe\x00\x01 stream? OK!\0",
    Way.EMPTY: b"",
    Way.UNKNOWN: b"UNKNOWN COMMAND\0",
    Way.ERROR: b"stream: Can't allocate memory ERROR\0",
    Way.TOO_LARGE: b"INSTREAM size limit exceeded. ERROR\0",
    Way.HALF: b"stream: O",
    Way.NO_END: b"stream: OK",
    Way.TWICE: b"stream: OK\0stream: OK\0",
    Way.CONTRADICTS: b"stream: OK\0stream: Motlan FOUND\0",
    Way.OTHER_STREAM: b"1: stream: OK\0",
    Way.LOWER_CASE: b"stream: ok\0",
    Way.ENDLESS: b"stream: OK" * 10_000,
}
FAULTS: Final = tuple(way for way in Way if way not in (Way.HONEST, Way.EARLY))


@dataclass
class StandIn:
    """Speaks clamd's protocol on a port of this machine, in the `way` it is set to at the moment. `seen`: what it was
    shown, whole streams alone. `asked` is set with every stream that begins, `answered` by an early answer."""

    port: int = 0
    way: Way = Way.HONEST
    seen: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _talks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def scanner(self) -> Scanner:
        return Scanner(Address(host="127.0.0.1", port=self.port))

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Gone in the middle of whatever it was doing, its port with it."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._answer(reader, writer)
        finally:
            self._talks.discard(talk)
            writer.transport.abort() if self.way is Way.DIES else writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = await reader.readuntil(b"\0")
        if command == b"zPING\0":
            writer.write(b"PONG\0")
            return
        assert command == b"zINSTREAM\0", command
        self.asked.set()
        if self.way is Way.HANGS_UP:
            return
        content = b""
        while length := struct.unpack(">I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(length)
            if self.way is Way.DIES:
                return
            if self.way is Way.EARLY:
                writer.write(b"stream: OK\0")
                writer.write_eof()
                self.answered.set()
                await asyncio.Event().wait()
        self.seen.append(content)
        if self.way is Way.SILENT:
            await asyncio.Event().wait()
        elif self.way is Way.HONEST:
            writer.write(b"stream: Motlan.Marked FOUND\0" if MARKED in content else b"stream: OK\0")
        else:
            writer.write(_SAID[self.way])
        await writer.drain()


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    made = StandIn()
    await made.start()
    try:
        yield made
    finally:
        await made.kill()


@dataclass
class Clamd:
    """Debian's clamd as a child process, by the configuration shipped in `deploy`, with SIGNATURES for a base."""

    folder: Path
    _process: asyncio.subprocess.Process | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "clamd.ctl"

    @property
    def scanner(self) -> Scanner:
        return Scanner(Address(path=str(self.socket)))

    async def start(self) -> None:
        base = self.folder / "base"
        base.mkdir(parents=True, exist_ok=True)
        (base / "motlan.ndb").write_text(SIGNATURES)
        shipped = (Path(__file__).parents[1] / "deploy" / "clamd.conf").read_text("utf-8")
        changed = {
            "LocalSocket": str(self.socket),
            "DatabaseDirectory": str(base),
            "LogFile": str(self.folder / "clamd.log"),
            "TemporaryDirectory": str(self.folder),
        }
        kept = [line for line in shipped.splitlines() if line.partition(" ")[0] not in (*changed, "User")]
        (self.folder / "clamd.conf").write_text(
            "\n".join([*kept, *(f"{name} {value}" for name, value in changed.items()), "Foreground yes", ""])
        )
        self._process = await asyncio.create_subprocess_exec(
            found("clamd"), "--config-file", str(self.folder / "clamd.conf"),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.scanner.answers():
                assert self._process.returncode is None, "clamd died at the start"
                await asyncio.sleep(0.05)  # another process: there is nothing to wait on but the clock

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
