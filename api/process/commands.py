"""Commands that serve nothing: schema, catalogue, keys, migrations, the check of the log. Each returns its exit
code; what went on is told on standard error, results on standard output."""

import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from api.app import CATALOGUE, create_keys, import_law
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


def show(words: str) -> None:
    """A result, for a person or the next program."""
    print(words, flush=True)


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


def init_keys(settings: Settings) -> int:
    """Make the keys of a new installation; never touches keys that are there."""
    if not create_keys(settings):
        tell(f"the key ring is there already: {settings.keys}")
        return 1
    tell(f"keys made in {settings.keys}. Keep a copy where no database backup lies: without it every")
    tell("document is lost for good, and with it and a backup anyone can read them.")
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
