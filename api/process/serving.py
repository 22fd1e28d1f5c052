"""A platform in one process: its database, its server and its loops, started in order and stopped in reverse."""

import asyncio
import fcntl
import gc
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import orjson
import uvicorn
from starlette.types import ASGIApp

from api.app import Platform
from api.journal import log_fault
from api.process.wire import HttpWire
from api.settings import Settings, SettingsRefused
from store.database import Database
from store.disk.files import make_folder
from store.embedded import Embedded, Servers
from store.errors import StoreRefusal

STOP_SECONDS = 10
WATCH_SECONDS = 0.5


@contextmanager
def hold(data: Path) -> Iterator[None]:
    """One platform per data folder. The lock goes with its process, however that ends. Raises SettingsRefused."""
    make_folder(data, 0o711)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsRefused(f"another process serves {data}") from None
        yield


@asynccontextmanager
async def open_servers(settings: Settings) -> AsyncIterator[Servers]:
    """The PostgreSQL servers: those of the settings, or the embedded one for as long as the block lasts.

    While it runs, `<data>/servers.json` (0600) tells other commands on this machine how to reach it.
    """
    if settings.servers is not None:
        yield settings.servers
        return
    make_folder(settings.data, 0o711)
    embedded = Embedded(settings.data / "postgres")
    servers = await asyncio.to_thread(embedded.start)
    told = settings.data / "servers.json"
    _write_private(told, orjson.dumps(asdict(servers)))
    leaving = asyncio.Event()
    keeping = asyncio.create_task(_keep_up(embedded, leaving))
    try:
        yield servers
    finally:
        leaving.set()
        await keeping
        told.unlink(missing_ok=True)
        await asyncio.to_thread(embedded.stop)


@asynccontextmanager
async def reach_servers(settings: Settings) -> AsyncIterator[Servers]:
    """The servers for a command beside a running platform; starts the embedded one when nothing runs."""
    if settings.servers is not None:
        # An operator's own: they run whether a platform does or not.
        yield settings.servers
        return
    told = settings.data / "servers.json"
    if told.exists() and _is_held(settings.data):
        yield Servers(**orjson.loads(told.read_bytes()))
        return
    with hold(settings.data):
        async with open_servers(settings) as servers:
            yield servers


@asynccontextmanager
async def owning(servers: Servers) -> AsyncIterator[Database]:
    """The main database as its owner, for an operator's command."""
    owner = Database(servers.owner_url, pool_size=1, answer_seconds=None)
    try:
        yield owner
    finally:
        await owner.close()


def listen(host: str, port: int, *, setting: str = "--port") -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises SettingsRefused when the port is taken; `setting` is where
    another one can be chosen."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise SettingsRefused(f"port {port} is taken; choose another one with {setting}") from None
    listening.listen(512)
    return listening


class HttpServer(uvicorn.Server):
    """Serves one application on a socket that is already listening, until told to exit. `up` is set once it
    does."""

    def __init__(self, app: ASGIApp) -> None:
        self.up = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,  # addresses carry the secrets of uploads
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=15,
                http=HttpWire,
                ws="none",
                limit_concurrency=512,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not here: the library raises the signal again before our own cleaning up."""
        yield


@asynccontextmanager
async def serving(platform: Platform, listening: socket.socket, *, loops: bool) -> AsyncIterator[None]:
    """The platform answers inside the block; outside, the requests begun are finished and the loops stopped."""
    server = HttpServer(platform.app)
    answering = asyncio.create_task(server.serve([listening]))
    following = [asyncio.create_task(platform.loops.run())] if loops else []
    # What was built at the start stays: a collection that walked it all would hold up an answer for a third of a
    # second each time.
    gc.collect()
    gc.freeze()
    try:
        await server.up.wait()
        yield
    finally:
        gc.unfreeze()
        server.should_exit = True
        await answering
        for task in following:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def telling_figures(platform: Platform, settings: Settings) -> AsyncIterator[None]:
    """Metrics are served inside the block, where the settings name a place for them. Raises SettingsRefused."""
    if settings.metrics is None:
        yield
        return
    with listen(*settings.metrics, setting="MOTLAN_METRICS") as listening:
        server = HttpServer(platform.figures)
        answering = asyncio.create_task(server.serve([listening]))
        try:
            await server.up.wait()
            yield
        finally:
            server.should_exit = True
            await answering


def seconds_since_start() -> float:
    """How long this process has been there, the interpreter's own start and every import included."""
    with open("/proc/self/stat", encoding="ascii", errors="replace") as stat:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def heeding_signals() -> Iterator[asyncio.Event]:
    """Set by SIGINT or SIGTERM, from the first moment on: a start that is told to stop still stops in order."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, told.set)
    try:
        yield told
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(sign)


def _is_held(data: Path) -> bool:
    """Whether a platform lives there. A file it left behind says nothing: it may have been killed."""
    try:
        with hold(data):
            return False
    except SettingsRefused:
        return True


async def _keep_up(embedded: Embedded, leaving: asyncio.Event) -> None:
    """Bring our own server back when it dies under us; its log replays whatever was acknowledged.

    Until then every request is refused, and nothing more: pools drop their dead connections by themselves.
    """
    while not leaving.is_set():
        if not embedded.running:
            try:
                await asyncio.to_thread(embedded.start)
            except (StoreRefusal, OSError) as refused:  # a full disk may be emptied: tried again
                log_fault("database", refused)
        with suppress(TimeoutError):
            await asyncio.wait_for(leaving.wait(), WATCH_SECONDS)


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.write_bytes(content)
