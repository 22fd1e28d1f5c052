"""`motlan restore DIR --keys DIR2 --shredded FILE`: a backup into an empty platform, checked before anything is
written, and before anybody is served.

Until the last step a table `restoring` stands in the main database: no server starts over it, and typing the command
again begins anew. Refused in between, everything is taken away again.
"""

import argparse
import asyncio
import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from api.app import OWNER
from api.process.backup import KEYS, MAIN
from api.process.commands import TOLD_EVERY, show, tell, telling
from api.process.destruction import read_shredded
from api.process.serving import hold, open_servers, owning
from api.rings import open_ring
from api.settings import Settings
from auth.signing import SigningKey
from auth.tokens import Tokens
from store.backup import folder
from store.backup.folder import Manifest
from store.backup.tables import Copied, Empty, to_be_filled
from store.checkpoints import LogKey, LogSigner
from store.database import Database
from store.embedded import Servers
from store.errors import BackupRefused
from store.log_sources import open_database
from store.migrate import knows, upgrade
from store.verification import verify
from vault.backup.files import FOLDER, FORGET_UPLOADS, begin_folder, give_name, put_back
from vault.backup.opening import Opened, open_everything
from vault.errors import KeyMissing
from vault.keycare.shredding import Order, replay
from vault.proofs.notary import load_notary
from vault.safe import Safe
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keyrings import KeyRing
from vault.sealing.keys import Keys

LAW = frozenset({"catalogue_items"})
"""What a platform that was started once has by itself, and the backup has too."""


def add_restore_command(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """`restore DIR --keys DIR2 --shredded FILE`."""
    restoring = verbs.add_parser("restore", parents=[common], help="a backup into an empty platform")
    restoring.add_argument("folder", type=Path, help="what `motlan backup` made")
    restoring.add_argument("--keys", type=Path, required=True, help="its keys, or those of a later backup")
    restoring.add_argument(
        "--shredded", type=Path, required=True, help="what `motlan keys shredded` last said"
    )
    restoring.add_argument("--accept-damaged", action="store_true", help="go on when some papers do not open")
    restoring.set_defaults(
        run=lambda given, settings: asyncio.run(
            restore(
                settings,
                Wanted(given.folder, given.keys, given.shredded, accept_damaged=given.accept_damaged),
            )
        )
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to restore. `shredded`: the list of whoever was destroyed, kept elsewhere."""

    folder: Path
    keys: Path
    shredded: Path
    accept_damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """A backup that was found whole and ours."""

    wanted: Wanted
    main: Manifest
    keys: Manifest
    orders: Collection[Order]
    ring: KeyRing
    log_key: LogKey


async def restore(settings: Settings, wanted: Wanted) -> int:
    """Fill this empty platform; 1 when papers that do not open were accepted.

    Raises BackupRefused, KeyRingRefused; then nothing is there that was not.
    """
    plan = await asyncio.to_thread(_checked, settings, wanted)
    now = datetime.now(UTC) + settings.clock_offset
    opened: Opened | None = None
    with hold(settings.data):
        async with (
            open_servers(settings) as servers,
            to_be_filled(servers.owner_url) as main,
            to_be_filled(servers.keys_owner_url) as keys,
        ):
            if not await main.is_proven():
                async with _emptied(settings, main, keys):
                    await _fill(settings, servers, plan, main, keys)
                    opened = await _prove(settings, servers, plan, now)
                    await asyncio.to_thread(give_name, _drafts(settings), settings.data / "blobs")
                    await main.prove()
            for one in (keys, main):
                await one.unmark()
    return _told(opened)


def _checked(settings: Settings, wanted: Wanted) -> _Plan:
    """Everything that can be known before a line is written."""
    log_key = _log_key(settings)
    ring = open_ring(settings)
    try:
        orders = read_shredded(wanted.shredded)
    except (OSError, ValueError):
        raise BackupRefused("absent", str(wanted.shredded)) from None
    main = folder.read(wanted.folder, "platform", log_key)
    keys = folder.read(wanted.keys, KEYS, log_key)
    for place, one in ((wanted.folder, main), (wanted.keys, keys)):
        if one.instance != ring.instance:
            raise BackupRefused("instance", str(place))
        if not knows(one.revision, keys=one.kind == KEYS):
            raise BackupRefused("version", one.revision)
        for done in folder.check(place, one):
            if done % TOLD_EVERY == 0 or done == one.files:
                tell(f"{done} of {one.files} files as they were")
    return _Plan(wanted, main, keys, orders, ring, log_key)


def _log_key(settings: Settings) -> LogKey:
    if not (settings.keys / "log.key").exists():
        # It would be made anew, and nothing would be ours any more.
        raise BackupRefused("keys", "log.key")
    return LogSigner.from_file(settings.keys / "log.key", settings.log_origin).key


@asynccontextmanager
async def _emptied(settings: Settings, main: Empty, keys: Empty) -> AsyncIterator[None]:
    """Both databases are marked and cleared; cleared again when what is done in the block is refused.

    Raises BackupRefused("occupied").
    """
    await main.refuse_occupied(LAW)
    await keys.refuse_occupied(frozenset())
    blobs = settings.data / "blobs"
    if not await main.is_marked() and await asyncio.to_thread(_holds_files, blobs):
        raise BackupRefused("occupied", str(blobs))
    try:
        for one in (main, keys):
            await one.mark()
        for one in (main, keys):
            await one.clear()
        yield
    except Exception:
        for left in (_drafts(settings), blobs):
            await asyncio.to_thread(shutil.rmtree, left, True)
        for one in (keys, main):
            await one.clear()
        for one in (keys, main):
            await one.unmark()
        raise


async def _fill(settings: Settings, servers: Servers, plan: _Plan, main: Empty, keys: Empty) -> None:
    urls = (servers.owner_url, servers.keys_owner_url)
    await upgrade(*urls, tell, revisions=(plan.main.revision, plan.keys.revision))
    await keys.fill(plan.wanted.keys / KEYS, _copied(plan.keys), tell)
    await main.fill(plan.wanted.folder / MAIN, _copied(plan.main), tell)
    await upgrade(*urls, tell)
    drafts = _drafts(settings)
    await asyncio.to_thread(begin_folder, drafts)
    names, done = [], 0
    for path, digest in folder.sums(plan.wanted.folder):
        if path.startswith(f"{FOLDER}/"):
            await asyncio.to_thread(put_back, plan.wanted.folder, drafts, path, digest)
            names.append(Path(path).name)
            done += 1
            if done % TOLD_EVERY == 0:
                tell(f"{done} files put back")
    async with owning(servers) as owner, owner.writing(OWNER) as tx:
        await tx.execute(text(FORGET_UPLOADS), {"names": names})


async def _prove(settings: Settings, servers: Servers, plan: _Plan, now: datetime) -> Opened:
    """The log is the one whose head the manifest has; whoever was destroyed is so again; everything else opens."""
    async with open_database(servers.owner_url) as source:
        heads = [plan.main.checkpoint] if plan.main.checkpoint is not None else []
        report = await verify(source, plan.log_key, heads)
    if not report.sound:
        raise BackupRefused("log", f"{len(report.findings)} faults")
    tell(f"the log is sound: {report.leaves} leaves")
    work = Database(servers.work_url, pool_size=1, clock_offset=settings.clock_offset)
    keys = Keys(servers.keys_url, plan.ring, pool_size=1)
    tokens = Tokens(settings.public_url, SigningKey.load(settings.keys / "tokens.pem"))
    notary = load_notary(settings.keys, settings.public_url)
    safe = Safe(keys, LocalBlobs(_drafts(settings)), tokens, settings.public_url, notary)
    try:
        async with owning(servers) as owner:
            back = await replay(owner, work, keys, plan.orders, now)
            tell(f"{len(back)} destroyed again")
            opened = await open_everything(owner, safe, telling("papers opened"))
    except KeyMissing:
        raise BackupRefused("keys") from None
    finally:
        await keys.close()
        await work.close()
    if opened.damaged and not plan.wanted.accept_damaged:
        raise BackupRefused("unopened", str(len(opened.damaged)))
    for version in opened.damaged:
        tell(f"does not open: version {version}")
    return opened


def _told(opened: Opened | None) -> int:
    if opened is None:
        show("restored and proven before; finished now")
        return 0
    show(f"{opened.whole} papers open, {opened.gone} have no key any more, {len(opened.damaged)} do not open")
    return 1 if opened.damaged else 0


def _holds_files(blobs: Path) -> bool:
    return blobs.exists() and any(one.is_file() for one in blobs.rglob("*"))


def _copied(manifest: Manifest) -> Copied:
    return Copied(manifest.revision, manifest.tables, manifest.sequences)


def _drafts(settings: Settings) -> Path:
    return settings.data / "blobs.new"
