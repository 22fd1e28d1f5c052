"""The stage of the flows: sandbox and database for the whole run, a freshly built platform for each test."""

import io
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from strawberry import Schema
from strawberry.extensions import SchemaExtension

import api.app
import api.graphql
from api.__main__ import enter_demo, neighbours_in
from api.app import create_keys, open_platform, prepare
from api.gateway.operations import Operation, Operations
from api.process import commands
from api.process.commands import LogCheck
from api.settings import Settings
from procedures.imports import LawBook, read_law_book
from resolvers.schema import build
from sandbox.demo import seed
from sandbox.story import state
from sandbox.supervisor import Sandbox
from sandbox.systems import system_accounts
from store.database import Tx, open_engine
from store.embedded import Servers
from store.records import Record
from tests.conftest import NOW, NewDatabase
from tests.flows.phone import APP, OTHER_APP
from tests.flows.runbook import terminal
from tests.flows.stage import ORIGIN, Stage

LAW = frozenset({"catalogue_items", "agencies", "officers", "systems"})
"""Tables that stay filled: the law and who applies it."""


@dataclass(frozen=True)
class House:
    """What is set up once: settings with keys made, a database with the law in it, the sandbox."""

    settings: Settings
    servers: Servers
    sandbox: Sandbox
    owner: AsyncEngine
    keys_owner: AsyncEngine


@pytest.fixture(scope="session")
def stage_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="motlan-stage-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def programs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A folder for PATH in which `motlan` is the product of this tree."""
    async with terminal(tmp_path_factory.mktemp("terminal")) as opened:
        yield opened


@pytest.fixture(scope="session")
def offset() -> timedelta:
    """The platform, the sandbox and the database all live at `tests.conftest.NOW`."""
    return NOW - datetime.now(UTC)


@pytest.fixture(scope="session")
async def sandbox(stage_folder: Path, offset: timedelta) -> AsyncIterator[Sandbox]:
    callback = f"{ORIGIN}/sign-in/callback"
    async with Sandbox(stage_folder / "sandbox", redirect_uri=callback, clock_offset=offset) as running:
        yield running


@pytest.fixture(scope="session")
async def furnished(
    stage_folder: Path, new_database: NewDatabase, sandbox: Sandbox, offset: timedelta
) -> AsyncIterator[House]:
    servers = await new_database()
    settings = Settings(data=stage_folder, public_url=ORIGIN, clock_offset=offset, apps=(APP, OTHER_APP))
    create_keys(settings)
    await prepare(servers, NOW, lambda step: None)
    await enter_demo(servers, seed(sandbox.issuer), system_accounts(sandbox.folder))
    # As the product's own, they find their way back when a test restarts the server.
    owner, keys_owner = [
        open_engine(url, pool_size=5, answer_seconds=None)
        for url in (servers.owner_url, servers.keys_owner_url)
    ]
    yield House(settings, servers, sandbox, owner, keys_owner)
    await owner.dispose()
    await keys_owner.dispose()


@pytest.fixture(scope="session")
def law_read_once() -> Iterator[None]:
    """Reading the law takes half a second, and no test changes it: the first platform reads it for all."""
    books: list[LawBook] = []

    async def read_once(tx: Tx) -> LawBook:
        if not books:
            books.append(await read_law_book(tx))
        return books[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.app, "read_law_book", read_once)
        yield


@pytest.fixture(scope="session")
def schema_built_once() -> Iterator[None]:
    """So it is with the schema and the registered documents: together 0.3 s for every platform."""
    found: dict[tuple[object, ...], dict[str, Operation]] = {}
    trust = Operations.trust

    def trust_once(operations: Operations, texts: Mapping[str, str]) -> None:
        of = (operations._schema, *operations._rules, *texts.items())
        if of not in found:
            trust(operations, texts)
            found[of] = operations._trusted
        operations._trusted = found[of]

    schemas: list[Schema] = []

    def build_once(extensions: Sequence[Callable[[], SchemaExtension]]) -> Schema:
        if not schemas:
            schemas.append(build(extensions))
        return schemas[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Operations, "trust", trust_once)
        patch.setattr(api.graphql, "build", build_once)
        yield


@pytest.fixture
async def stage(furnished: House, law_read_once: None, schema_built_once: None) -> AsyncIterator[Stage]:
    """An empty platform with the law, the agencies and their officers in it, and every register up."""
    await empty(furnished)
    await furnished.sandbox.restore()
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with open_platform(furnished.settings, furnished.servers, neighbours) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made
        await made.close()


@pytest.fixture
def operator_here(furnished: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The story's operator finds the database's servers in the data folder, and checks the log by the command itself,
    without a second interpreter to wait for."""
    settings = replace(furnished.settings, servers=furnished.servers)
    told = settings.data / "servers.json"
    told.write_text(json.dumps(asdict(furnished.servers)))

    async def verify_here(operator: state.Operator, *, copy: bool = False) -> tuple[bool, str]:
        said = io.StringIO()
        with redirect_stdout(said):
            code = await commands.verify_log(settings, LogCheck(schema=state.COPY if copy else None))
        return code == 0, said.getvalue().strip()

    monkeypatch.setattr(state.Operator, "verify_log", verify_here)
    yield
    told.unlink(missing_ok=True)


Later = Callable[[timedelta], AbstractAsyncContextManager[Stage]]


@pytest.fixture
def later(furnished: House, stage: Stage) -> Later:
    """The same platform after some time: `async with later(timedelta(days=2)) as then`.

    Whoever was signed in still is (`then.carry(person)`). The sandbox's clock stays: for a platform more than ten
    minutes ahead its registers are stale, which is to say down.
    """

    @asynccontextmanager
    async def after(passed: timedelta) -> AsyncIterator[Stage]:
        settings = replace(furnished.settings, clock_offset=furnished.settings.clock_offset + passed)
        neighbours = neighbours_in(furnished.sandbox.addresses)
        async with furnished.owner.begin() as connection:
            await connection.execute(
                text(
                    "UPDATE sessions SET created_at = created_at + :passed, seen_at = seen_at + :passed,"
                    " expires_at = expires_at + :passed"
                ),
                {"passed": passed},
            )
            # The sealing loop was there all the while, and is heard of within a second of any start.
            await connection.execute(text("UPDATE log_pulse SET at = at + :passed"), {"passed": passed})
        async with open_platform(settings, furnished.servers, neighbours) as platform:
            made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
            yield made
            await made.close()

    return after


async def empty(house: House) -> None:
    """Of everything but the law, the agencies and their people."""
    tables = [table.name for table in reversed(Record.metadata.sorted_tables) if table.name not in LAW]
    async with house.owner.begin() as connection:
        for name in tables:
            await connection.execute(text(f"DELETE FROM {name}"))
    async with house.keys_owner.begin() as connection:
        await connection.execute(text("DELETE FROM subject_keys"))
