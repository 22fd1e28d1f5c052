"""The database of the tests: one private server for the whole run, and copies of one migrated database.

Rooms share a copy that is emptied before each test, because rules of row-level security show only across
committed transactions. Whoever needs a database of their own takes one with `new_database`.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import httpcore2
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.signing import SigningKey
from auth.tokens import Tokens
from store.database import Database, open_engine
from store.embedded import Embedded, Servers
from store.migrate import upgrade
from store.records import Record
from vault.proofs.notary import Notary
from vault.safe import Safe
from vault.sealing import ring_files
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys

for room in ("auth", "vault", "procedures", "dossiers"):
    import_module(f"{room}.records")  # declares the room's tables

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""A Monday, ten in the morning in Vietnam."""

NewDatabase = Callable[[], Awaitable[Servers]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what the tests that passed have to tell: their seeds, counts and figures."""
    passed: list[pytest.TestReport] = terminalreporter.stats.get("passed", [])
    for report in sorted((one for one in passed if one.capstdout), key=lambda one: one.nodeid):
        terminalreporter.write_sep("-", report.nodeid)
        terminalreporter.write(report.capstdout)


@pytest.fixture(scope="session", autouse=True)
def authorities_read_once() -> Iterator[None]:
    """Reading the world's certificate authorities takes 30 ms, and a run makes thousands of clients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    folder = Path(tempfile.mkdtemp(prefix="motlan-test-"))
    server = Embedded(folder / "data", durable=False)
    folder.chmod(0o711)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def new_database(embedded: Embedded) -> NewDatabase:
    """Copies of a freshly migrated main database. The keys database is one for all: its rows are by subject."""
    template = await asyncio.to_thread(embedded.start)
    await upgrade(template.owner_url, template.keys_owner_url)
    made = 0

    async def copy() -> Servers:
        nonlocal made
        made += 1
        name = f"motlan_{made}"
        root = await superuser(embedded, template)
        await root.execute(f"CREATE DATABASE {name} TEMPLATE motlan OWNER motlan_owner STRATEGY file_copy")
        await root.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        await root.execute(f"GRANT CONNECT ON DATABASE {name} TO motlan_app, motlan_work")
        await root.close()
        return replace(
            template,
            url=_renamed(template.url, name),
            owner_url=_renamed(template.owner_url, name),
            work_url=_renamed(template.work_url, name),
        )

    return copy


@pytest.fixture(scope="session")
async def servers(new_database: NewDatabase) -> Servers:
    """URLs of the shared copy, one per role."""
    return await new_database()


@pytest.fixture(scope="session")
async def owner(servers: Servers) -> AsyncIterator[AsyncEngine]:
    """The owner's engine, for planting what no actor could write. Use `owner.begin()`."""
    engine = open_engine(servers.owner_url, pool_size=5, answer_seconds=None)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
async def keys_owner(servers: Servers) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(servers.keys_owner_url, pool_size=5, answer_seconds=None)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def shift() -> timedelta:
    """From the machine's clock to that of the rooms: the same for every role, however late its first test comes."""
    return NOW - datetime.now(UTC)


@pytest.fixture(scope="session")
async def application(servers: Servers, shift: timedelta) -> AsyncIterator[Database]:
    opened = Database(servers.url, clock_offset=shift)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def loops(servers: Servers, shift: timedelta) -> AsyncIterator[Database]:
    opened = Database(servers.work_url, clock_offset=shift)
    yield opened
    await opened.close()


@pytest.fixture
async def clean(owner: AsyncEngine, keys_owner: AsyncEngine) -> None:
    """Empty both databases: only tables that hold rows are touched."""
    tables = [table.name for table in reversed(Record.metadata.sorted_tables)]
    probes = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in tables)
    async with owner.begin() as connection:
        filled = set(await connection.scalars(text(probes)))
        for name in (name for name in tables if name in filled):
            await connection.execute(text(f"DELETE FROM {name}"))
        if "ledger" in filled:
            await connection.execute(text("ALTER TABLE ledger ALTER COLUMN id RESTART"))
    async with keys_owner.begin() as connection:
        for name in ("subject_keys", "root_keys", "key_rounds"):
            await connection.execute(text(f"DELETE FROM {name}"))


@pytest.fixture
def database(clean: None, application: Database) -> Database:
    """The empty main database as the application's role."""
    return application


@pytest.fixture
def work(clean: None, loops: Database) -> Database:
    """The empty main database as the role of the loops. The same database as `database`."""
    return loops


@pytest.fixture(scope="session")
async def safe(servers: Servers) -> AsyncIterator[Safe]:
    """Keys, blobs and receipts of their own, in a folder that goes with the run."""
    folder = Path(tempfile.mkdtemp(prefix="motlan-safe-"))
    ring_files.create(folder / "root.json")
    keys = Keys(servers.keys_url, LocalKeyRing(folder / "root.json"))
    yield Safe(
        keys,
        LocalBlobs(folder / "blobs"),
        Tokens("https://motlan.invalid", SigningKey.generate()),
        "test",
        Notary("https://motlan.invalid", SigningKey.generate(), SigningKey.generate()),
    )
    await keys.close()
    shutil.rmtree(folder)


@pytest.fixture
def now() -> datetime:
    return NOW


async def superuser(embedded: Embedded, servers: Servers) -> Any:
    """A connection as the cluster's administrator, whom the product never uses."""
    passwords = json.loads((embedded.folder / "passwords").read_text("utf-8"))
    folder = make_url(servers.url).query["host"]
    return await asyncpg.connect(
        user="postgres", password=passwords["postgres"], host=folder, database="postgres"
    )


def _renamed(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
