"""Commands that serve nothing: schema, catalogue, migrations, the check of the log. Each returns its exit code; what
went on is told on standard error, results on standard output."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from api.app import CATALOGUE, import_law
from api.process.serving import reach_servers
from api.settings import Settings
from procedures.catalogue import read_catalogue
from procedures.checking.check import check, report
from procedures.checking.lapses import lapse_report, lapsing
from procedures.errors import CatalogueRefused
from resolvers.schema import build, printed
from store.checkpoints import LogKey, LogSigner
from store.log_sources import FolderLog, export, open_database
from store.migrate import upgrade
from store.verification import Report, verify

SCHEMA = CATALOGUE.parent / "schema.graphql"


def tell(words: str) -> None:
    """Progress, for a person."""
    print(words, file=sys.stderr, flush=True)


TOLD_EVERY = 100


def telling(what: str) -> Callable[[int, int], None]:
    """Progress of long work: so many of so many, now and then and at the end."""

    def told(done: int, total: int) -> None:
        if done % TOLD_EVERY == 0 or done == total:
            tell(f"{done} of {total} {what}")

    return told


def show(words: str) -> None:
    """A result, for a person or the next program."""
    print(words, flush=True)


def add_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """Every command of this module, under the command line's verbs."""
    migrating = verbs.add_parser("migrate", parents=[common], help="bring both databases to this version")
    migrating.set_defaults(run=lambda given, settings: asyncio.run(migrate(settings)))

    printing = verbs.add_parser("schema", parents=[common], help="print schema.graphql from the code")
    printing.add_argument("--check", action="store_true", help="only say whether it is up to date")
    printing.set_defaults(run=lambda given, settings: schema(only_check=given.check))

    catalogue = verbs.add_parser("catalogue", help="the law as data").add_subparsers(required=True)
    checking = catalogue.add_parser(
        "check", parents=[common], help="every fault; with --on, what lapses soon"
    )
    checking.add_argument("folder", type=Path, nargs="?")
    checking.add_argument("--on", type=date.fromisoformat, metavar="DATE")
    checking.set_defaults(run=lambda given, settings: check_catalogue(given.folder, given.on))
    importing = catalogue.add_parser("import", parents=[common], help="make a checked catalogue the law here")
    importing.add_argument("folder", type=Path, nargs="?")
    importing.set_defaults(run=lambda given, settings: asyncio.run(import_catalogue(settings, given.folder)))

    log = verbs.add_parser("log", help="the access log").add_subparsers(required=True)
    verifying = log.add_parser("verify", parents=[common], help="check every line, leaf and signed head")
    verifying.add_argument("folder", type=Path, nargs="?", help="an exported log instead of the database")
    verifying.add_argument("--schema", help="a copy of the log's tables in this schema of the database")
    verifying.add_argument("--key", help="the log's verifier key (name+hash+key)")
    verifying.add_argument(
        "--known", type=Path, action="append", default=[], help="a checkpoint kept elsewhere"
    )
    verifying.add_argument("--export", type=Path, help="also write the log to this new folder")
    verifying.set_defaults(
        run=lambda given, settings: asyncio.run(
            verify_log(
                settings,
                LogCheck(given.folder, given.schema, given.key, tuple(given.known), given.export),
            )
        )
    )


def schema(*, only_check: bool) -> int:
    """Print the schema into `schema.graphql`, or say whether the file is what the code prints."""
    words = printed(build())
    if not only_check:
        SCHEMA.write_text(words, encoding="utf-8")
        return 0
    if SCHEMA.exists() and SCHEMA.read_text("utf-8") == words:
        return 0
    tell("schema.graphql is not what the code prints: run `python -m api schema` and read the difference")
    return 1


def check_catalogue(folder: Path | None, on: date | None) -> int:
    """Every fault of the catalogue; with a day, also what lapses within 90 days of it."""
    files = read_catalogue(folder or CATALOGUE)
    faults = check(files, on)
    show(report(faults))
    if on is not None and not faults:
        show(lapse_report(lapsing(files, on), on))
    return 1 if faults else 0


async def import_catalogue(settings: Settings, folder: Path | None) -> int:
    """Make a checked catalogue the law of this platform. Running servers read it when they start again."""
    files = read_catalogue(folder or CATALOGUE)
    try:
        async with reach_servers(settings) as servers:
            changes = await import_law(servers, files, datetime.now(UTC))
    except CatalogueRefused as refused:
        show(report(refused.faults))
        return 1
    show(f"{len(changes.added)} added, {len(changes.changed)} changed, {len(changes.removed)} removed")
    return 0


async def migrate(settings: Settings) -> int:
    """Bring both databases to this version."""
    async with reach_servers(settings) as servers:
        await upgrade(servers.owner_url, servers.keys_owner_url, tell)
    return 0


@dataclass(frozen=True, slots=True)
class LogCheck:
    """Which log to check, and against what. `folder`: an exported one; `schema`: a copy of the log's tables in a
    schema of the same database; without either, the platform's own. `known`: heads a witness has kept."""

    folder: Path | None = None
    schema: str | None = None
    key: str | None = None
    known: tuple[Path, ...] = ()
    export_to: Path | None = None


async def verify_log(settings: Settings, wanted: LogCheck) -> int:
    """Check the access log; 1 when a line or head is wrong."""
    log_key = LogKey.parse(wanted.key) if wanted.key else _own_log_key(settings)
    notes = [path.read_text("utf-8") for path in wanted.known]
    if wanted.folder is not None:
        return _show_report(await verify(FolderLog(wanted.folder), log_key, notes))
    async with (
        reach_servers(settings) as servers,
        open_database(servers.work_url, wanted.schema) as source,
    ):
        if wanted.export_to is not None:
            await export(source, wanted.export_to)
        return _show_report(await verify(source, log_key, notes))


def _own_log_key(settings: Settings) -> LogKey:
    return LogSigner.from_file(settings.keys / "log.key", settings.log_origin).key


def _show_report(found: Report) -> int:
    for finding in found.findings:
        show(str(finding))
    verdict = "sound" if found.sound else f"{len(found.findings)} fault(s)"
    show(f"{found.leaves} leaves, {found.heads} signed heads, {found.unsealed} not sealed yet: {verdict}")
    return 0 if found.sound else 1
