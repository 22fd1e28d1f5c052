"""The command line: `motlan`, or `python -m api`.

The only module of the product that knows the sandbox: it starts the stand-ins for State systems beside a platform
that serves no real people, and enters the demo agencies.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from api.app import Platform, create_keys, enter_roll, open_platform, prepare
from api.boot import refuse_silent_owners, refuse_unsafe_keys
from api.journal import keep_journal, start_journal
from api.process.backup import add_backup_command
from api.process.commands import add_commands, show, tell
from api.process.keys import add_key_commands
from api.process.officers import add_officer_commands
from api.process.proving import add_proof_commands
from api.process.restore import add_restore_command
from api.process.serving import (
    heeding_signals,
    hold,
    listen,
    open_servers,
    reach_servers,
    seconds_since_start,
    serving,
    telling_figures,
)
from api.process.systems import add_system_commands
from api.process.wire import run_served
from api.settings import Neighbours, Settings, SettingsRefused, neighbours_of, read_settings
from auth.caller import Role
from auth.records import Officer
from auth.signing import KeyRefused
from auth.systems.registry import Registration
from procedures.errors import CatalogueRefused
from procedures.records import Agency
from sandbox.demo import Seed, seed
from sandbox.lifeline import SandboxRefused
from sandbox.supervisor import Addresses, Sandbox
from sandbox.systems import SystemAccount, system_accounts
from store.embedded import Servers
from store.errors import (
    BackupRefused,
    CheckpointRefused,
    DataFolderRefused,
    RestoreUnfinished,
    RolesMissing,
    SchemaUnknown,
    ServerFailed,
    WallsBroken,
)
from vault.errors import KeyRingRefused

REFUSED = 2
"""The exit code when the platform must not start; 1 is for a check that failed, 3 for a broken promise."""

REFUSALS = (
    SettingsRefused,
    SandboxRefused,
    DataFolderRefused,
    ServerFailed,
    RolesMissing,
    SchemaUnknown,
    WallsBroken,
    BackupRefused,
    RestoreUnfinished,
    CheckpointRefused,
    KeyRingRefused,
    KeyRefused,
    CatalogueRefused,
)
"""Why a platform does not start, each told in a line. Anything else is a fault and keeps its traceback."""

STOPPED = 130
"""As shells have it for a command ended by Ctrl-C."""

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["witness"]:
        _become_witness(words[1:])
    given = _parser().parse_args(words)
    # The demo's reader follows the story; what each process says of itself would drown it, and is kept in a file.
    start_journal(logging.WARNING if given.quiet else logging.INFO)
    try:
        settings = read_settings(data=given.data, port=given.port)
        return int(given.run(given, settings))
    except REFUSALS as refused:
        tell(f"motlan: {getattr(refused, 'code', 'refused')}: {refused}")
        return REFUSED
    except KeyboardInterrupt:
        return STOPPED


def neighbours_in(addresses: Addresses) -> Neighbours:
    """The sandbox as the platform is told of it."""
    return Neighbours(
        issuer=addresses.issuer,
        citizen_client=addresses.citizen_client,
        officer_client=addresses.officer_client,
        registers_url=addresses.registers_url,
        registers_issuer=addresses.registers_issuer,
        audience=addresses.audience,
        jwks=addresses.jwks,
    )


async def enter_demo(servers: Servers, demo: Seed, systems: Iterable[SystemAccount]) -> None:
    """The demo agencies, their officers and their own software. Citizens enrol themselves by signing in."""
    agencies = [
        Agency(
            id=one.id,
            type_id=one.type_id,
            code=one.code,
            name_vi=one.name_vi,
            name_en=one.name_en,
            province=one.province,
            active=True,
        )
        for one in demo.agencies
    ]
    officers = [
        Officer(
            id=one.id,
            issuer=one.issuer,
            external_id=one.external_id,
            code=one.code,
            agency_id=one.agency,
            roles=sorted(one.roles),
            active=True,
        )
        for one in demo.officers
    ]
    registrations = [
        Registration(
            one.client_id,
            one.name,
            one.agency,
            frozenset(map(Role, one.roles)),
            frozenset(one.scope),
            one.keys,
        )
        for one in systems
    ]
    await enter_roll(servers, agencies, officers, registrations)


@asynccontextmanager
async def open_demo(
    settings: Settings, listening: socket.socket, *, demo: bool, loops: bool = True
) -> AsyncIterator[Platform]:
    """A platform that answers on the socket, with its database and, if `demo`, the sandbox around it."""
    async with AsyncExitStack() as stack:
        stack.enter_context(hold(settings.data))
        neighbours = neighbours_of(settings)
        async with _beside(stack, _sandbox(settings) if demo else None) as sandbox_starts:
            servers = await stack.enter_async_context(open_servers(settings))
            if not settings.production:
                create_keys(settings)
            else:
                refuse_unsafe_keys(settings)
            if settings.servers is not None:
                await refuse_silent_owners(servers)
            await prepare(servers, datetime.now(UTC), tell)
        if sandbox_starts is not None:
            addresses = sandbox_starts.result().addresses
            neighbours = neighbours_in(addresses)
            software = system_accounts(settings.data / "sandbox")
            await enter_demo(servers, seed(addresses.issuer), software)
        platform = await stack.enter_async_context(open_platform(settings, servers, neighbours))
        await stack.enter_async_context(telling_figures(platform, settings))
        await stack.enter_async_context(serving(platform, listening, loops=loops))
        yield platform


def _sandbox(settings: Settings) -> Sandbox:
    back = f"{settings.public_url}/sign-in/callback"
    return Sandbox(settings.data / "sandbox", redirect_uri=back, clock_offset=settings.clock_offset)


@asynccontextmanager
async def _beside(
    stack: AsyncExitStack, sandbox: Sandbox | None
) -> AsyncIterator[asyncio.Task[Sandbox] | None]:
    """Starts the sandbox beside the block: both take about equally long, and need nothing of each other."""
    if sandbox is None:
        yield None
        return
    starts = asyncio.create_task(stack.enter_async_context(sandbox))
    try:
        yield starts
    finally:
        # Whatever became of the block, the sandbox is up or has failed before anything is taken down again.
        await asyncio.wait({starts})


async def _serve(given: argparse.Namespace, settings: Settings) -> int:
    demo = not (settings.production or given.no_demo)
    with heeding_signals() as stop, listen(settings.host, settings.port) as listening:
        async with open_demo(settings, listening, demo=demo, loops=not given.no_work):
            tell(f"serving on {settings.public_url} after {seconds_since_start():.1f} s")
            await stop.wait()
            tell("stopping")
    return 0


async def _run(given: argparse.Namespace, settings: Settings) -> int:
    """Serve the demo, tell the story once per data folder, keep serving."""
    _refuse_production(settings)
    told, journal = settings.data / "story-told", settings.data / "journal.log"
    keep_journal(journal)
    tell(f"what the platform says of itself goes to {journal}; errors are shown here too")
    with heeding_signals() as stop, listen(settings.host, settings.port) as listening:
        async with open_demo(settings, listening, demo=True):
            show(f"Motlan (sandbox) on {settings.public_url}, started in {seconds_since_start():.1f} s")
            if not told.exists() and await _unless(stop, _play(settings, [])) == 0:
                told.touch()
            if not stop.is_set():
                _show_logins()
            await stop.wait()
            tell("stopping")
    return 0


async def _story(given: argparse.Namespace, settings: Settings) -> int:
    """Tell the story on a platform of its own, and exit with its verdict."""
    _refuse_production(settings)
    arguments = [
        *(["--json"] if given.json else []),
        *(["--seed", str(given.seed)] if given.seed is not None else []),
        *(["--control", given.control] if given.control else []),
    ]
    with (
        heeding_signals() as stop,
        tempfile.TemporaryDirectory(prefix="motlan-story-") as fresh,
        listen("127.0.0.1", given.port or 0) as listening,
    ):
        port = listening.getsockname()[1]
        data = settings.data if given.data is not None else Path(fresh) / "data"
        # Never on servers somebody uses for something else.
        alone = replace(settings, data=data, servers=None, port=port, public_url=f"http://127.0.0.1:{port}")
        async with open_demo(alone, listening, demo=True):
            code = await _unless(stop, _play(alone, arguments))
    return code if code is not None else STOPPED


def _refuse_production(settings: Settings) -> None:
    if settings.production:
        raise SettingsRefused("MOTLAN_PRODUCTION is set: the demo never runs there, use serve")


async def _unless(stop: asyncio.Event, doing: Coroutine[None, None, int]) -> int | None:
    """What comes of it, or None once told to stop; then it is ended."""
    task, told = asyncio.create_task(doing), asyncio.create_task(stop.wait())
    await asyncio.wait((task, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if task.done():
        return task.result()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return None


async def _play(settings: Settings, arguments: Sequence[str]) -> int:
    """The story's exit code: 0 kept, 3 a promise broken. It runs as a client of its own, over HTTP."""
    if find_spec("sandbox.story.__main__") is None:
        tell("there is no story to tell yet")
        return 1
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.story",
        "--url", settings.public_url, "--data", str(settings.data), *arguments,
        cwd=ROOT,
    )  # fmt: skip
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _work(given: argparse.Namespace, settings: Settings) -> int:
    """The loops alone, beside a server started with --no-work."""
    async with (
        AsyncExitStack() as stack,
        reach_servers(settings) as servers,
        open_platform(settings, servers, neighbours_of(settings)) as platform,
    ):
        stop = stack.enter_context(heeding_signals())
        await stack.enter_async_context(telling_figures(platform, settings))
        loops = asyncio.create_task(platform.loops.run())
        await stop.wait()
        loops.cancel()
    return 0


def _become_witness(words: Sequence[str]) -> NoReturn:
    """A witness shares nothing with what it watches, not even a process: this one becomes it."""
    begin = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from witness.__main__ import main; sys.exit(main())"
    )
    os.execv(sys.executable, [sys.executable, "-c", begin, *words])  # noqa: S606 - our own interpreter


def _show_logins() -> None:
    show("Sign in at / and choose, for instance:")
    demo = seed("")
    show(f"  citizens  {', '.join(demo.citizens[:4])} …")
    officers = [one.external_id for one in demo.officers if one.external_id.startswith("ubnd-mot.")]
    show(f"  officers  {', '.join(officers)} …")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="motlan", description="Once only: file, reuse, decide.")
    parser.add_argument("--data", type=Path, help="folder of this installation (default .motlan)")
    parser.add_argument("--port", type=int, help="port to listen at (default 8000)")
    parser.set_defaults(quiet=False)
    common = argparse.ArgumentParser(add_help=False)
    # Also after the command, where people write them; SUPPRESS keeps what was given before it.
    common.add_argument("--data", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    common.add_argument("--port", type=int, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    run = verbs.add_parser("run", parents=[common], help="the demo: serve, tell the story once, keep serving")
    run.set_defaults(quiet=True, run=lambda given, settings: run_served(_run(given, settings)))
    story = verbs.add_parser("story", parents=[common], help="tell the story and exit with its verdict")
    story.add_argument("--json", action="store_true", help="one JSON object as the last line of output")
    story.add_argument("--seed", type=int, help="other people, other procedures")
    story.add_argument("--control", choices=["no-results", "nothing-supplied"], help="must exit 3")
    story.set_defaults(quiet=True, run=lambda given, settings: run_served(_story(given, settings)))
    serve = verbs.add_parser("serve", parents=[common], help="serve until stopped")
    serve.add_argument("--no-demo", action="store_true", help="no sandbox, no demo data")
    serve.add_argument("--no-work", action="store_true", help="leave the loops to `motlan work`")
    serve.set_defaults(run=lambda given, settings: run_served(_serve(given, settings)))
    work = verbs.add_parser("work", parents=[common], help="the loops alone: seal, deliver, retry, sweep")
    work.set_defaults(run=lambda given, settings: run_served(_work(given, settings)))
    verbs.add_parser("witness", add_help=False, help="a witness of somebody else's log: its own program")
    add_commands(verbs, common)
    add_key_commands(verbs, common)
    add_backup_command(verbs, common)
    add_restore_command(verbs, common)
    add_system_commands(verbs, common)
    add_proof_commands(verbs, common, lambda: datetime.now(UTC))
    add_officer_commands(verbs, common)
    return parser


if __name__ == "__main__":
    sys.exit(main())
