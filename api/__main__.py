"""The command line: `motlan`, or `python -m api`.

The only module of the product that knows the sandbox: it starts the stand-ins for State systems beside a platform
that serves no real people, and enters the demo agencies.
"""

import argparse
import asyncio
import logging
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

from api.app import Platform, create_keys, enter_roll, open_platform, prepare
from api.journal import start_journal
from api.process import commands
from api.process.commands import LogCheck, show, tell
from api.process.serving import listen, open_servers, reach_servers, serving, until_told_to_stop
from api.settings import Neighbours, Settings, SettingsRefused, neighbours_of, read_settings
from auth.records import Officer
from procedures.records import Agency
from sandbox.demo import Seed, seed
from sandbox.supervisor import Addresses, Sandbox
from store.embedded import Servers

REFUSED = 2
"""The exit code when the platform must not start; 1 is for a check that failed, 3 for a broken promise."""

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    given = _parser().parse_args(arguments)
    # The demo's reader follows the story; what each process says of itself would drown it.
    start_journal(logging.WARNING if given.quiet else logging.INFO)
    try:
        settings = read_settings(data=given.data, port=given.port)
        return int(given.run(given, settings))
    except SettingsRefused as refused:
        tell(f"motlan: {refused}")
        return REFUSED
    except KeyboardInterrupt:
        return 130


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


async def enter_demo(servers: Servers, demo: Seed) -> None:
    """The demo agencies and their officers. Citizens enrol themselves by signing in."""
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
    await enter_roll(servers, agencies, officers)


@asynccontextmanager
async def open_demo(
    settings: Settings, listening: socket.socket, *, demo: bool, loops: bool = True
) -> AsyncIterator[Platform]:
    """A platform that answers on the socket, with its database and, if `demo`, the sandbox around it."""
    async with AsyncExitStack() as stack:
        neighbours, roll = neighbours_of(settings), None
        sandbox = Sandbox(settings.data / "sandbox", redirect_uri=f"{settings.public_url}/sign-in/callback")
        # The two take about equally long and need nothing of each other.
        sandbox_starts = asyncio.create_task(stack.enter_async_context(sandbox)) if demo else None
        servers = await stack.enter_async_context(open_servers(settings))
        if not settings.production:
            create_keys(settings)
        await prepare(servers, datetime.now(UTC), tell)
        if sandbox_starts is not None:
            addresses = (await sandbox_starts).addresses
            neighbours, roll = neighbours_in(addresses), seed(addresses.issuer)
            await enter_demo(servers, roll)
        platform = await stack.enter_async_context(open_platform(settings, servers, neighbours))
        await stack.enter_async_context(serving(platform, listening, loops=loops))
        yield platform


async def _serve(given: argparse.Namespace, settings: Settings) -> int:
    demo = not (settings.production or given.no_demo)
    begun = time.monotonic()
    with listen(settings.host, settings.port) as listening:
        async with open_demo(settings, listening, demo=demo, loops=not given.no_work):
            tell(f"serving on {settings.public_url} after {time.monotonic() - begun:.1f} s")
            await until_told_to_stop()
            tell("stopping")
    return 0


async def _run(given: argparse.Namespace, settings: Settings) -> int:
    """Serve the demo, tell the story once per data folder, keep serving."""
    if settings.production:
        raise SettingsRefused("the demo never runs in production: use serve")
    begun = time.monotonic()
    told = settings.data / "story-told"
    with listen(settings.host, settings.port) as listening:
        async with open_demo(settings, listening, demo=True):
            show(f"Motlan (sandbox) on {settings.public_url}, started in {time.monotonic() - begun:.1f} s")
            stop = asyncio.create_task(until_told_to_stop())
            if not told.exists():
                story = asyncio.create_task(_play(settings, []))
                await asyncio.wait((story, stop), return_when=asyncio.FIRST_COMPLETED)
                if story.done() and story.result() == 0:
                    told.touch()
                story.cancel()
            _show_logins()
            await stop
            tell("stopping")
    return 0


async def _story(given: argparse.Namespace, settings: Settings) -> int:
    """Tell the story on a platform of its own, and exit with its verdict."""
    with tempfile.TemporaryDirectory(prefix="motlan-story-") as fresh:
        if given.data is None:
            settings = replace(settings, data=Path(fresh) / "data")
        with listen("127.0.0.1", given.port or 0) as listening:
            port = listening.getsockname()[1]
            settings = replace(settings, port=port, public_url=f"http://127.0.0.1:{port}")
            async with open_demo(settings, listening, demo=True):
                arguments = [
                    *(["--json"] if given.json else []),
                    *(["--seed", str(given.seed)] if given.seed is not None else []),
                    *(["--control", given.control] if given.control else []),
                ]
                return await _play(settings, arguments)


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
        reach_servers(settings) as servers,
        open_platform(settings, servers, neighbours_of(settings)) as platform,
    ):
        loops = asyncio.create_task(platform.loops.run())
        await until_told_to_stop()
        loops.cancel()
    return 0


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
    run.set_defaults(quiet=True, run=lambda given, settings: asyncio.run(_run(given, settings)))
    story = verbs.add_parser("story", parents=[common], help="tell the story and exit with its verdict")
    story.add_argument("--json", action="store_true", help="one JSON object as the last line of output")
    story.add_argument("--seed", type=int, help="other people, other procedures")
    story.add_argument("--control", choices=["no-results", "nothing-supplied"], help="must exit 3")
    story.set_defaults(quiet=True, run=lambda given, settings: asyncio.run(_story(given, settings)))
    serve = verbs.add_parser("serve", parents=[common], help="serve until stopped")
    serve.add_argument("--no-demo", action="store_true", help="no sandbox, no demo data")
    serve.add_argument("--no-work", action="store_true", help="leave the loops to `motlan work`")
    serve.set_defaults(run=lambda given, settings: asyncio.run(_serve(given, settings)))
    work = verbs.add_parser("work", parents=[common], help="the loops alone: seal, deliver, retry, sweep")
    work.set_defaults(run=lambda given, settings: asyncio.run(_work(given, settings)))
    _add_offline_commands(verbs, common)
    return parser


def _add_offline_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    migrate = verbs.add_parser("migrate", parents=[common], help="bring both databases to this version")
    migrate.set_defaults(run=lambda given, settings: asyncio.run(commands.migrate(settings)))

    schema = verbs.add_parser("schema", parents=[common], help="print schema.graphql from the code")
    schema.add_argument("--check", action="store_true", help="only say whether it is up to date")
    schema.set_defaults(run=lambda given, settings: commands.schema(only_check=given.check))

    catalogue = verbs.add_parser("catalogue", help="the law as data").add_subparsers(required=True)
    check = catalogue.add_parser("check", parents=[common], help="every fault; with --on, what lapses soon")
    check.add_argument("folder", type=Path, nargs="?")
    check.add_argument("--on", type=date.fromisoformat, metavar="DATE")
    check.set_defaults(run=lambda given, settings: commands.check_catalogue(given.folder, given.on))
    load = catalogue.add_parser("import", parents=[common], help="make a checked catalogue the law here")
    load.add_argument("folder", type=Path, nargs="?")
    load.set_defaults(
        run=lambda given, settings: asyncio.run(commands.import_catalogue(settings, given.folder))
    )

    keys = verbs.add_parser("keys", help="root and signing keys").add_subparsers(required=True)
    init = keys.add_parser("init", parents=[common], help="make the keys of a new installation")
    init.set_defaults(run=lambda given, settings: commands.init_keys(settings))

    log = verbs.add_parser("log", help="the access log").add_subparsers(required=True)
    verify = log.add_parser("verify", parents=[common], help="check every line, leaf and signed head")
    verify.add_argument("folder", type=Path, nargs="?", help="an exported log instead of the database")
    verify.add_argument("--schema", help="a copy of the log's tables in this schema of the database")
    verify.add_argument("--key", help="the log's verifier key (name+hash+key)")
    verify.add_argument("--known", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    verify.add_argument("--export", type=Path, help="also write the log to this new folder")
    verify.set_defaults(
        run=lambda given, settings: asyncio.run(
            commands.verify_log(
                settings,
                LogCheck(given.folder, given.schema, given.key, tuple(given.known), given.export),
            )
        )
    )


if __name__ == "__main__":
    sys.exit(main())
