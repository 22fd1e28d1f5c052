"""A platform whose vault lives, backed up while it does, and empty platforms to restore it into."""

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from api.process.backup import back_up
from api.process.restore import Wanted, restore
from api.settings import Settings
from auth.caller import LOOP
from auth.signing import SigningKey
from auth.tokens import Tokens
from store.checkpoints import LogSigner
from store.database import Database
from store.embedded import Servers
from store.ledger import seal
from tests.attacks.killing import surroundings
from tests.rooms.households import Household, Life
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys

NewServers = Callable[[], Awaitable[Servers]]


@dataclass
class Platform:
    """Settings of one, and people in it."""

    settings: Settings
    household: Household
    work: Database

    @property
    def signer(self) -> LogSigner:
        return LogSigner.from_file(self.settings.keys / "log.key", self.settings.log_origin)

    async def seal(self) -> None:
        async with self.work.writing(LOOP.actor) as tx:
            await seal(tx, self.signer, datetime.now(UTC))

    @contextlib.asynccontextmanager
    async def living(self, drawn: random.Random) -> AsyncIterator[Life]:
        """People read and write, and the log is sealed, for as long as the block lasts."""
        life = Life(self.household, drawn)
        tasks = [
            asyncio.create_task(one) for one in (life.read(), life.read(), life.write(), self._seal(life))
        ]
        yield life
        life.over = True
        await asyncio.gather(*tasks)

    async def _seal(self, life: Life) -> None:
        while not life.over:
            await self.seal()
            await asyncio.sleep(0)


@dataclass
class Backup:
    """Two folders, and the list of the shredded."""

    main: Path
    keys: Path
    shredded: Path

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.main, self.keys, self.shredded)

    def copied(self, folder: Path) -> "Backup":
        """The same again, to be spoilt."""
        shutil.copytree(self.main, folder / "spoilt", symlinks=True)
        shutil.copytree(self.keys, folder / "spoilt-keys", symlinks=True)
        return Backup(folder / "spoilt", folder / "spoilt-keys", self.shredded)


async def take(platform: Platform, folder: Path) -> Backup:
    made = Backup(folder / "backup", folder / "backup-keys", folder / "shredded.txt")
    made.shredded.write_text("", "utf-8")
    assert await back_up(platform.settings, made.main, made.keys) == 0
    return made


@dataclass
class Elsewhere:
    """An empty platform with the other's keys folder, as an operator puts it there."""

    settings: Settings

    @classmethod
    def beside(cls, platform: Platform, servers: Servers | None, folder: Path) -> "Elsewhere":
        data = folder / "elsewhere"
        data.mkdir(mode=0o711)
        shutil.copytree(platform.settings.keys, data / "keys")
        return cls(replace(platform.settings, data=data, servers=servers))

    @property
    def servers(self) -> Servers:
        assert self.settings.servers is not None
        return self.settings.servers

    async def restore(self, backup: Backup) -> int:
        return await restore(self.settings, backup.wanted)

    async def is_empty(self) -> bool:
        """No table, no function, no file of the platform."""
        blobs = [one for name in ("blobs", "blobs.new") for one in (self.settings.data / name).rglob("*")]
        left = 0
        for url in (self.servers.owner_url, self.servers.keys_owner_url):
            engine = create_async_engine(url, poolclass=NullPool)
            async with engine.connect() as connection:
                left += await connection.scalar(text(_LEFT)) or 0
            await engine.dispose()
        return left == 0 and not blobs

    @contextlib.asynccontextmanager
    async def inhabited(self, platform: Platform) -> AsyncIterator[Household]:
        """The people of the other platform, as they find this one."""
        keys = Keys(self.servers.keys_url, LocalKeyRing(self.settings.keys / "root.json"), pool_size=1)
        database = Database(self.servers.url, pool_size=2, clock_offset=self.settings.clock_offset)
        owner = create_async_engine(self.servers.owner_url, poolclass=NullPool)
        there = platform.household
        blobs = LocalBlobs(self.settings.data / "blobs")
        safe = replace(there.safe, keys=keys, blobs=blobs)
        world = replace(there.world, database=database, owner=owner, safe=safe)
        yield replace(there, world=world, servers=self.servers, folder=self.settings.data)
        await keys.close()
        await database.close()
        await owner.dispose()

    async def subjects(self) -> set[UUID]:
        engine = create_async_engine(self.servers.owner_url, poolclass=NullPool)
        async with engine.connect() as connection:
            found = set((await connection.scalars(text("SELECT id FROM subjects"))).all())
        await engine.dispose()
        return found


@dataclass(frozen=True)
class Typing:
    """`motlan` typed in a shell for one platform, and killed in the middle."""

    programs: Path
    settings: Settings

    async def run(self, *words: str, lines: int | None = None) -> int | None:
        """The exit code; None when killed once it had told so many lines."""
        process = await asyncio.create_subprocess_exec(
            str(self.programs / "motlan"), *words, env=surroundings() | self._environment(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        told = 0
        while await process.stderr.readline():
            told += 1
            if told == lines:
                process.kill()
                # Its streams close when everything that ran is gone.
                await process.stderr.read()
                await process.wait()
                return None
        return await process.wait()

    def _environment(self) -> dict[str, str]:
        servers = self.settings.servers
        assert servers is not None
        return {
            "MOTLAN_DATA": str(self.settings.data),
            "MOTLAN_PUBLIC_URL": self.settings.public_url,
            "DATABASE_URL": servers.url,
            "WORK_DATABASE_URL": servers.work_url,
            "OWNER_DATABASE_URL": servers.owner_url,
            "KEYS_DATABASE_URL": servers.keys_url,
            "KEYS_OWNER_DATABASE_URL": servers.keys_owner_url,
        }


def tokens_of(settings: Settings) -> Tokens:
    return Tokens(settings.public_url, SigningKey.load(settings.keys / "tokens.pem"))


_LEFT = """
SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v', 'c'))
    + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
"""
