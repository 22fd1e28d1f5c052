"""Every table of a database, out into files and back in: PostgreSQL's own COPY, in one snapshot, as the owner.

No program of the server's version is needed, and the schema comes from our own migrations: a dump holds rows and the
revision they belong to, nothing that could be executed.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from asyncpg import PostgresError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from store.backup.folder import Draft, Sheet
from store.errors import BackupRefused

MARK: Final = "restoring"
"""A table that stands while a database is being restored: no platform serves over it (`store.migrate`)."""

NEVER_COPIED: Final = frozenset({"alembic_version", MARK})

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What a database held at the moment it was copied."""

    revision: str
    tables: Mapping[str, int]
    sequences: Mapping[str, int]


class Snapshot:
    """One database as of one moment, whoever writes meanwhile."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def copy_to(self, draft: Draft, folder: str, told: Told) -> Copied:
        """Every row of every table, one file a table."""
        raw = await _driver(self._connection)
        counts = {}
        for table, columns in (await _columns(self._connection)).items():
            with draft.writing(f"{folder}/{table}.copy") as sheet:
                names = ", ".join(map(_quoted, columns))
                reading = f"SELECT {names} FROM public.{_quoted(table)}"  # noqa: S608 - catalogue names
                said: str = await raw.copy_from_query(reading, output=_into(sheet))
            counts[table] = int(said.removeprefix("COPY "))
            if counts[table]:
                told(f"{folder}/{table}: {counts[table]} rows")
        revision = (await self.values("SELECT version_num FROM public.alembic_version"))[0]
        # Sequences stand outside snapshots: read last, none lies before a row that was copied.
        numbered = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
        rows = (await self._connection.execute(text(numbered))).all()
        return Copied(revision, counts, {one: last for one, last in rows if last is not None})

    async def values(self, query: str) -> list[str]:
        """The first column of a query, in the same snapshot."""
        return list((await self._connection.scalars(text(query))).all())


@asynccontextmanager
async def snapshot(owner_url: str) -> AsyncIterator[Snapshot]:
    engine = create_async_engine(owner_url, poolclass=NullPool, isolation_level="REPEATABLE READ")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            yield Snapshot(connection)
    finally:
        await engine.dispose()


class Empty:
    """A database that may be filled. Made by `to_be_filled`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def refuse_occupied(self, given: frozenset[str]) -> None:
        """Raises BackupRefused("occupied") where a table other than these `given` ones holds rows, unless an earlier
        restore put them there and was killed."""
        if await self.is_marked():
            return
        async with self._engine.connect() as connection:
            for table in (await _columns(connection)).keys() - given:
                probe = f"SELECT EXISTS (SELECT FROM public.{_quoted(table)})"  # noqa: S608 - a catalogue name
                if await connection.scalar(text(probe)):
                    raise BackupRefused("occupied", table)

    async def is_marked(self) -> bool:
        """Whether a restore was begun here and not finished."""
        async with self._engine.connect() as connection:
            found = await connection.scalar(text(f"SELECT to_regclass('public.{MARK}') IS NOT NULL"))
        return bool(found)

    async def mark(self) -> None:
        """From here on this database belongs to a restore, until `unmark`."""
        async with self._engine.begin() as connection:
            await connection.execute(
                text(f"CREATE TABLE IF NOT EXISTS public.{MARK} (proven_at timestamptz)")
            )

    async def prove(self) -> None:
        """Everything is in, and was found right: what is left to do is `unmark`."""
        async with self._engine.begin() as connection:
            await connection.execute(text(f"INSERT INTO public.{MARK} VALUES (now())"))  # noqa: S608 - our own name

    async def is_proven(self) -> bool:
        if not await self.is_marked():
            return False
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(text(f"SELECT EXISTS (SELECT FROM public.{MARK})")))  # noqa: S608

    async def clear(self) -> None:
        """Take away what is ours in it, so that migrations begin at nothing."""
        async with self._engine.begin() as connection:
            await connection.execute(text(_CLEAR))

    async def fill(self, folder: Path, copied: Copied, told: Told) -> None:
        """Rows into the empty tables of the same revision: in one transaction, foreign keys checked at its end.

        Raises BackupRefused: tables (other tables, or other rows, than the manifest has), rows (the server refuses).
        """
        async with self._engine.begin() as connection:
            columns = await _columns(connection)
            if columns.keys() != copied.tables.keys():
                raise BackupRefused("tables", ", ".join(sorted(columns.keys() ^ copied.tables.keys())))
            try:
                await self._fill(connection, folder, columns, copied, told)
            except (DBAPIError, PostgresError) as refused:
                cause = getattr(refused, "orig", refused)
                raise BackupRefused("rows", str(getattr(cause, "sqlstate", ""))) from None

    async def unmark(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(f"DROP TABLE IF EXISTS public.{MARK}"))

    async def _fill(
        self,
        connection: AsyncConnection,
        folder: Path,
        columns: Mapping[str, Sequence[str]],
        copied: Copied,
        told: Told,
    ) -> None:
        keys = (await connection.execute(text(_FOREIGN_KEYS))).all()
        walls = (await connection.scalars(text(_WALLS))).all()
        for key in keys:
            await connection.execute(text(f"ALTER TABLE {key.of} DROP CONSTRAINT {key.name}"))
        # The owner fills what is walled even from it, and what triggers made of these rows is among them.
        for wall in walls:
            await connection.execute(text(f"ALTER TABLE {wall} NO FORCE ROW LEVEL SECURITY"))
        for table in columns:
            await connection.execute(text(f"ALTER TABLE public.{_quoted(table)} DISABLE TRIGGER USER"))
            await connection.execute(text(f"DELETE FROM public.{_quoted(table)}"))  # noqa: S608
        raw = await _driver(connection)
        for table, names in columns.items():
            with (folder / f"{table}.copy").open("rb") as rows:
                said = await raw.copy_to_table(table, schema_name="public", columns=list(names), source=rows)
            if int(said.removeprefix("COPY ")) != copied.tables[table]:
                raise BackupRefused("tables", table)
            if copied.tables[table]:
                told(f"{folder.name}/{table}: {copied.tables[table]} rows")
        for table in columns:
            await connection.execute(text(f"ALTER TABLE public.{_quoted(table)} ENABLE TRIGGER USER"))
        for wall in walls:
            await connection.execute(text(f"ALTER TABLE {wall} FORCE ROW LEVEL SECURITY"))
        for key in keys:
            await connection.execute(text(f"ALTER TABLE {key.of} ADD CONSTRAINT {key.name} {key.words}"))
        for sequence, last in copied.sequences.items():
            setting = text("SELECT setval(format('public.%I', CAST(:name AS text))::regclass, :last)")
            await connection.execute(setting, {"name": sequence, "last": last})


@asynccontextmanager
async def to_be_filled(owner_url: str) -> AsyncIterator[Empty]:
    engine = create_async_engine(owner_url, poolclass=NullPool)
    try:
        yield Empty(engine)
    finally:
        await engine.dispose()


def _into(sheet: Sheet) -> Any:
    async def write(chunk: bytes) -> None:
        sheet.write(chunk)

    return write


async def _driver(connection: AsyncConnection) -> Any:
    # The library begins its transaction with the first statement; what the driver does by itself then is in it.
    await connection.execute(text("SELECT 1"))
    return (await connection.get_raw_connection()).driver_connection


async def _columns(connection: AsyncConnection) -> dict[str, Sequence[str]]:
    """The tables of the platform, each with its columns that are not computed."""
    rows = (await connection.execute(text(_COLUMNS))).all()
    return {row.of: row.names for row in rows if row.of not in NEVER_COPIED}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_COLUMNS: Final = """
SELECT c.relname AS of, array_agg(a.attname::text ORDER BY a.attnum) AS names
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
        AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname ORDER BY c.relname
"""

_FOREIGN_KEYS: Final = """
SELECT conrelid::regclass::text AS of, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS words
    FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY oid
"""

_WALLS: Final = """
SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relforcerowsecurity
"""

_CLEAR: Final = """
DO $clear$
DECLARE gone text;
BEGIN
    FOR gone IN SELECT format('DROP TABLE IF EXISTS %s CASCADE', c.oid::regclass)
        FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND r.rolname = current_user
            AND c.relname <> 'restoring'
    LOOP EXECUTE gone; END LOOP;
    FOR gone IN SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.pronamespace = 'public'::regnamespace AND r.rolname = current_user
    LOOP EXECUTE gone; END LOOP;
    FOR gone IN SELECT format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype)
        FROM pg_type t JOIN pg_roles r ON r.oid = t.typowner LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace = 'public'::regnamespace AND r.rolname = current_user
            AND (t.typtype IN ('e', 'd') OR c.relkind = 'c')
    LOOP EXECUTE gone; END LOOP;
END $clear$
"""
