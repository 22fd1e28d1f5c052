"""`motlan keys shred`, `keys shredded`, `keys replay`: keys destroyed for good, and again after a restore."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from api.app import OWNER
from api.process.commands import show, tell
from api.process.serving import owning, reach_servers
from api.rings import open_ring
from api.settings import Settings
from auth.caller import LOOP
from auth.errors import NotFound
from store.database import Database
from vault.errors import ShreddingRefused
from vault.keycare.shredding import Order, order_shredding, replay, shred, shredded
from vault.sealing.keys import Keys


def add_destruction_commands(
    keys: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """`keys shred SUBJECT`, `keys shredded`, `keys replay [FILE]`, under `keys`."""
    shredding = keys.add_parser("shred", parents=[common], help="destroy everything sealed for a person")
    shredding.add_argument("subject", type=UUID, help="the person's id, as the log has it")
    shredding.add_argument("--article", required=True, help="the article, or the decision, it rests on")
    shredding.add_argument("--yes", action="store_true", help="do not ask")
    shredding.set_defaults(
        run=lambda given, settings: asyncio.run(
            shred_person(settings, Order(given.subject, given.article), sure=given.yes)
        )
    )
    listing = keys.add_parser("shredded", parents=[common], help="whose key was destroyed: keep it elsewhere")
    listing.set_defaults(run=lambda given, settings: asyncio.run(list_shredded(settings)))
    replaying = keys.add_parser("replay", parents=[common], help="after a restore: destroy them again")
    replaying.add_argument("file", type=Path, nargs="?", help="what `keys shredded` last said")
    replaying.set_defaults(run=lambda given, settings: asyncio.run(replay_shredding(settings, given.file)))


async def shred_person(settings: Settings, order: Order, *, sure: bool) -> int:
    """Destroy a person's key for good, once it is on record; 1 when it may not be, or whoever typed it thought
    better of it."""
    if not sure and not await asyncio.to_thread(_confirmed, order.subject):
        tell("nothing was done")
        return 1
    now = datetime.now(UTC) + settings.clock_offset
    async with _opened(settings) as opened:
        try:
            async with opened.owner.writing(OWNER) as tx:
                ordered = await order_shredding(tx, order, now)
        except NotFound:
            tell("no such person")
            return 1
        except ShreddingRefused as refused:
            tell(f"refused: {refused.filings} filings of theirs are under way; they end first")
            return 1
        # What a running platform's loops would do as well; whoever comes second finds it done.
        async with opened.work.writing(LOOP.actor) as tx:
            await shred(tx, order.subject, opened.keys, now)
    show("destroyed" if ordered else "ordered before; carried out")
    return 0


async def list_shredded(settings: Settings) -> int:
    """Whose destruction was ordered, and under what: a list that brings nobody back, for `replay`."""
    async with _opened(settings) as opened, opened.owner.reading(OWNER) as tx:
        for one in await shredded(tx):
            show(f"{one.subject} {one.article}")
    return 0


async def replay_shredding(settings: Settings, file: Path | None) -> int:
    """Destroy again, in restored databases, whoever was destroyed before; 1 when the file is no such list."""
    now = datetime.now(UTC) + settings.clock_offset
    try:
        kept = await asyncio.to_thread(read_shredded, file) if file else []
    except (OSError, ValueError) as refused:
        tell(f"nothing done: {refused}")
        return 1
    async with _opened(settings) as opened:
        back = await replay(opened.owner, opened.work, opened.keys, kept, now)
    show(f"{len(back)} destroyed again")
    return 0


def read_shredded(file: Path) -> list[Order]:
    """What `keys shredded` said. Raises OSError, ValueError."""
    return _listed(file.read_text("utf-8").splitlines())


@dataclass(frozen=True, slots=True)
class _Opened:
    owner: Database
    work: Database
    keys: Keys


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Opened]:
    async with reach_servers(settings) as servers, owning(servers) as owner:
        work = Database(servers.work_url, pool_size=1, clock_offset=settings.clock_offset)
        keys = Keys(servers.keys_url, open_ring(settings), pool_size=1)
        try:
            yield _Opened(owner, work, keys)
        finally:
            await keys.close()
            await work.close()


def _confirmed(subject: UUID) -> bool:
    tell("Everything sealed for this person can then be read by nobody, ever. Type the id again to go on:")
    return sys.stdin.readline().strip() == str(subject)


def _listed(lines: Iterable[str]) -> list[Order]:
    words = (line.partition(" ") for line in lines if line.strip())
    return [Order(UUID(subject), article.strip()) for subject, _, article in words]
