"""The planted world with its endpoint, every caller signed in, and the way back to how it was planted."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auth.caller import CallerKind, Grant, GrantKind
from auth.systems.grants import Terms
from store.database import Database
from store.embedded import Servers
from store.records import Record
from tests.attacks.matrix.face import Face, open_face
from tests.attacks.matrix.world import CITIZENS, OFFICERS, Planted, plant
from tests.conftest import NOW
from vault.safe import Safe

UNCOUNTED = frozenset({"seen_proofs", "changes", "feed_ends"})
"""Every request of a system leaves its proof behind, whatever comes of it; changes tell of other tables, and of how
those are restored."""
TABLES = [table.name for table in Record.metadata.sorted_tables if table.name not in UNCOUNTED]
"""Parents before children."""

TELLING = """SELECT tgrelid::regclass::text, tgname FROM pg_trigger
    WHERE tgname IN ('tell_insert', 'count_usage')"""

Print = Mapping[str, tuple[int, int]]
"""How many rows each table has, and a sum over all they hold."""


@dataclass
class Stage:
    planted: Planted
    face: Face
    owner: AsyncEngine
    kept: Print = field(default_factory=dict)
    """The fingerprint of everything as it was kept, and as it is after every `restore`."""

    async def fingerprint(self) -> Print:
        sums = " UNION ALL ".join(
            f"SELECT '{name}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {name} t"
            for name in TABLES
        )
        async with self.owner.connect() as connection:
            return {name: (count, int(total)) for name, count, total in await connection.execute(text(sums))}

    async def keep(self) -> None:
        """Remember every row as it is now."""
        async with self.owner.begin() as connection:
            await connection.execute(text("CREATE SCHEMA kept"))
            for name in TABLES:
                await connection.execute(text(f"CREATE TABLE kept.{name} AS TABLE {name}"))
            # What is restored is no change.
            for name, trigger in (await connection.execute(text(TELLING))).all():
                await connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER {trigger}"))
        self.kept = await self.fingerprint()

    async def restore(self) -> None:
        """Every row as it was kept, and none besides."""
        async with self.owner.begin() as connection:
            await connection.execute(text(f"TRUNCATE {', '.join(TABLES)}"))
            for name in TABLES:
                copy = f"INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{name}"
                await connection.execute(text(copy))


@asynccontextmanager
async def open_stage(servers: Servers, safe: Safe) -> AsyncIterator[Stage]:
    offset = NOW - datetime.now(UTC)
    database = Database(servers.url, clock_offset=offset)
    loops = Database(servers.work_url, clock_offset=offset)
    owner = create_async_engine(servers.owner_url)
    try:
        planted = await plant(database, loops, owner, safe, NOW)
        async with open_face(database, safe, planted.place.registers, NOW) as face:
            for name in CITIZENS:
                await face.sign_in(name, CallerKind.CITIZEN, planted.people[name])
            for name in (*OFFICERS, "foreign", "system"):
                await face.sign_in(name, CallerKind.OFFICER, planted.officers[name])
            grant = Grant(GrantKind.ACCESS, planted.grants["owner"])
            face.let("reader", Terms(grant, planted.people["owner"], (), "", 50))
            stage = Stage(planted, face, owner)
            await stage.keep()
            yield stage
    finally:
        await database.close()
        await loops.close()
        await owner.dispose()
