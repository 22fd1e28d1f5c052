"""A scene around `vault.disclosure.disclose` in which one thing at a time fails, and what must then be true.

A `Fault` says what fails, at which numbered step of the function, and how the caller hears of it. A new step brings
its faults into `tests/rooms/disclosure_faults.py`; nothing here changes.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, Grant, GrantKind
from store.identifiers import new_id
from store.records import Record
from tests.files import pdf
from tests.vaults import LAND, PARCEL, PURPOSE, Reliance, World, item_of, words_for
from vault.deposits import Deposit
from vault.disclosure import Disclosure, UnderGrant, disclose
from vault.holding import Holding, Origin
from vault.opening import Disclosed, OpenContent
from vault.permission.consent import Decision, Request, give_consent, request_consent
from vault.permission.limits import FetchType, Limits
from vault.permission.notice import notice
from vault.sealing.blobs import LocalBlobs
from vault.sealing.key_records import KeyRecord
from vault.sealing.keys import Keys

AREA = "land.area_m2@land"
CONTENT = pdf(pages=2)


@dataclass(frozen=True)
class Scene:
    """One paper with bytes, relied on in a dossier under consent to the whole, and granted to a system besides.

    `named`: the same paper in another dossier, under consent to one claim alone. `theirs`: another person's paper,
    pinned beside it. `other`: a second paper of the same person, pinned under the first one's consent. `periodic`:
    the first paper under a consent to read it once a week, and read this week.
    """

    world: World
    keys_owner: AsyncEngine
    folder: Path
    relied: Reliance
    named: Reliance
    other: Holding
    theirs: Holding
    unanswered: UUID
    system: Caller
    grant: UnderGrant
    periodic: Reliance

    async def read(self, disclosure: Disclosure, caller: Caller) -> "Got":
        """Committed, and only then streamed; a file whose COMMIT failed is let go of. As `api/content.py` does."""
        disclosed: Disclosed | None = None
        try:
            async with self.world.database.writing(caller.actor) as tx:
                disclosed = await disclose(tx, caller, disclosure, self.world.safe)
        except BaseException:
            if disclosed is not None and disclosed.content is not None:
                disclosed.content.close()
            raise
        return Got(disclosed, await _bytes(disclosed.content))

    async def tables(self) -> dict[str, str]:
        """A digest of every row of both databases, by table."""
        main = await _digests(self.world.owner, Record.metadata.tables)
        return main | await _digests(self.keys_owner, KeyRecord.metadata.tables)

    def open_files(self) -> list[str]:
        """Sealed files this process holds open."""
        links = (Path("/proc/self/fd") / one for one in os.listdir("/proc/self/fd"))
        held = (os.readlink(one) for one in links if one.is_symlink())
        return [one for one in held if one.startswith(str(self.folder))]

    async def row(self, table: str, row: UUID) -> dict[str, Any]:
        return next(one for one in await self.world.rows(table) if one["id"] == row)

    def blob(self, name: str) -> Path:
        (path,) = (one for one in self.folder.glob("blobs/??/??/*") if one.name == name)
        return path


@dataclass(frozen=True)
class Got:
    disclosed: Disclosed
    content: bytes | None


Act = Callable[[Scene], AbstractAsyncContextManager[None]]
Ask = Callable[[Scene], Mapping[str, Any]]


@asynccontextmanager
async def nothing_amiss(_: Scene) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True)
class Fault:
    """What fails at one step. `during` holds while it does; `asks` changes what is asked, `caller` who asks.

    `says`: fields of the refusal. `granted`: a system reads under its grant, and claims alone. `logged`: how many
    lines of the log may stand although nobody got a byte: over-reporting is the safe error.
    """

    step: int
    name: str
    refusal: type[BaseException]
    during: Act = nothing_amiss
    asks: Ask = field(default=lambda _: {})
    caller: Callable[[Scene], Caller] | None = None
    says: Mapping[str, Any] = field(default_factory=dict)
    granted: bool = False
    logged: int = 0

    def __str__(self) -> str:
        return f"{self.step}-{self.name.replace(' ', '-')}"

    def asking(self, scene: Scene) -> tuple[Disclosure, Caller]:
        """What would be disclosed if nothing failed, and to whom."""
        if not self.granted:
            return scene.relied.disclosure(AREA, content=True), scene.world.officer
        asked = scene.relied.disclosure(AREA, dossier=None, requirement=None, basis=scene.grant)
        return asked, scene.system

    def failing(self, scene: Scene) -> tuple[Disclosure, Caller]:
        asked, caller = self.asking(scene)
        return replace(asked, **self.asks(scene)), self.caller(scene) if self.caller else caller


@contextmanager
def watched(scene: Scene, seen: list[str]) -> Iterator[None]:
    """Notes each key and each sealed file that is opened inside the block."""
    opened, open_blob = Keys.opened, LocalBlobs.open

    def key(self: Keys, subject: UUID) -> Any:
        seen.append("key")
        return opened(self, subject)

    async def blob(self: LocalBlobs, name: str) -> Any:
        seen.append("blob")
        return await open_blob(self, name)

    Keys.opened, LocalBlobs.open = key, blob  # type: ignore[method-assign]
    try:
        yield
    finally:
        Keys.opened, LocalBlobs.open = opened, open_blob  # type: ignore[method-assign]


def statement(words: str) -> Act:
    """The first statement with these words fails in the database; its transaction with it."""

    @asynccontextmanager
    async def act(scene: Scene) -> AsyncIterator[None]:
        failed: list[str] = []

        def broken(_c: Any, _cursor: Any, sql: str, given: Any, *_: Any) -> tuple[str, Any]:
            if words not in sql or failed:
                return sql, given
            failed.append(sql)
            return "SELECT 1 / 0", ()

        engine = scene.world.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", broken, retval=True)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", broken)
        assert failed, f"no statement says {words!r}"

    return act


def changed(table: str, row: Callable[[Scene], UUID], edit: str) -> Act:
    """The row is another for a while: what an intruder in the database, or another transaction, left there."""
    columns = ", ".join(column.name for column in Record.metadata.tables[table].columns)
    keep = f"CREATE TABLE kept_row AS SELECT * FROM {table} WHERE id = :id"
    back = f"UPDATE {table} SET ({columns}) = (SELECT {columns} FROM kept_row) WHERE id = :id"

    @asynccontextmanager
    async def act(scene: Scene) -> AsyncIterator[None]:
        given = {"id": row(scene)}
        await _as_owner(scene.world.owner, table, (keep, f"UPDATE {table} SET {edit} WHERE id = :id"), given)
        try:
            yield
        finally:
            await _as_owner(scene.world.owner, table, (back, "DROP TABLE kept_row"), given)

    return act


async def _as_owner(
    engine: AsyncEngine, table: str, statements: tuple[str, ...], given: Mapping[str, Any]
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for one in statements:
            await connection.execute(text(one), {key: given[key] for key in given if f":{key}" in one})
        await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


def keys_changed(edit: str) -> Act:
    """The same for the subject's key."""

    @asynccontextmanager
    async def act(scene: Scene) -> AsyncIterator[None]:
        kept = "CREATE TABLE kept_keys AS SELECT * FROM subject_keys"
        named = {"subject": scene.world.mai, "other": scene.world.lan}
        async with scene.keys_owner.begin() as connection:
            await connection.execute(text(kept))
            given = {name: named[name] for name in named if f":{name}" in edit}
            await connection.execute(text(edit), given)
        try:
            yield
        finally:
            async with scene.keys_owner.begin() as connection:
                await connection.execute(text("DELETE FROM subject_keys"))
                await connection.execute(text("INSERT INTO subject_keys SELECT * FROM kept_keys"))
                await connection.execute(text("DROP TABLE kept_keys"))

    return act


def held(locking: str, row: Callable[[Scene], UUID] | None = None) -> Act:
    """Another transaction holds something for as long as the reader is ready to wait, and longer."""

    @asynccontextmanager
    async def act(scene: Scene) -> AsyncIterator[None]:
        async with scene.world.owner.connect() as connection, connection.begin():
            await connection.execute(text(locking), {"id": row(scene)} if row else {})
            yield

    return act


def forbidden(right: str) -> Act:
    """The application may not do this for a while."""
    return _undone(f"REVOKE {right} FROM motlan_app", f"GRANT {right} TO motlan_app")


def full(table: str) -> Act:
    """There is no room for another row of the table."""
    return _undone(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;"
        f" CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()",
        f"DROP TRIGGER no_room ON {table}; DROP FUNCTION no_room()",
    )


@asynccontextmanager
async def at_commit(owner: AsyncEngine, doing: str) -> AsyncIterator[None]:
    """The database does this when it is told to COMMIT a line of the log, and not before."""
    await _script(
        owner,
        f"CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {doing}; RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON ledger DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION at_commit()",
    )
    try:
        yield
    finally:
        await _script(owner, "DROP TRIGGER at_commit ON ledger; DROP FUNCTION at_commit()")


def _undone(do: str, undo: str) -> Act:
    @asynccontextmanager
    async def act(scene: Scene) -> AsyncIterator[None]:
        await _script(scene.world.owner, do)
        try:
            yield
        finally:
            await _script(scene.world.owner, undo)

    return act


async def _script(owner: AsyncEngine, statements: str) -> None:
    async with owner.begin() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute(statements)


@asynccontextmanager
async def answer_lost(scene: Scene) -> AsyncIterator[None]:
    """COMMIT is done, and its answer never arrives."""
    dialect = scene.world.database.engine.sync_engine.dialect
    commit = dialect.do_commit

    def lost(connection: Any) -> None:
        commit(connection)
        raise ConnectionResetError("the answer to COMMIT")

    dialect.do_commit = lost  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        dialect.do_commit = commit  # type: ignore[method-assign]


def file_changed(change: Callable[[Scene, bytes], bytes | None]) -> Act:
    """The sealed file is another, or (None) gone."""

    @asynccontextmanager
    async def act(scene: Scene) -> AsyncIterator[None]:
        version = await scene.row("document_versions", scene.relied.held.version)
        path = scene.blob(version["blob"])
        sealed, other = path.read_bytes(), change(scene, path.read_bytes())
        path.unlink()
        if other is not None:
            path.write_bytes(other)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            path.write_bytes(sealed)

    return act


async def set_up(world: World, keys_owner: AsyncEngine, folder: Path) -> Scene:
    held_ = await world.paper(content=CONTENT)
    other = await world.paper(content=pdf(pages=3))
    theirs = await world.deposit(world.other, Deposit(world.lan, LAND, Origin.SELF, PARCEL))
    relied = await _relied(world, held_, whole=True)
    named = await _relied(world, held_, whole=False)
    for one in (other, theirs):
        await world.rely(relied.dossier, one, relied.consent)
    shared = await world.dossier(parties=(world.mai, world.lan))
    request = Request(
        world.lan, world.commune, PURPOSE, shared, (item_of(theirs),), words_for(item_of(theirs))
    )
    async with world.database.writing(world.citizen.actor) as tx:
        unanswered = await request_consent(tx, world.citizen, request, world.now)
    system = replace(world.officer, id=new_id(), scope=frozenset({f"access:{LAND}"}))
    grant = await _granted(world, held_, system)
    system = replace(system, grant=Grant(GrantKind.ACCESS, grant.request))
    periodic = await _weekly(world, held_)
    scene = Scene(
        world, keys_owner, folder, relied, named, other, theirs, unanswered, system, grant, periodic
    )
    await scene.read(periodic.disclosure(AREA), world.officer)
    return scene


async def _weekly(world: World, held_: Holding) -> Reliance:
    dossier, limits = await world.dossier(), Limits(FetchType.PERIODIC, every_days=7)
    decision = world.decision(dossier, item_of(held_))
    shown = notice(decision.items, decision.words, world.citizen.language, limits).sha256
    weekly = replace(decision, limits=limits, notice_sha256=shown)
    async with world.database.writing(world.citizen.actor) as tx:
        consent = (await give_consent(tx, world.citizen, weekly, world.safe, world.now))[world.mai]
    await world.rely(dossier, held_, consent)
    return Reliance(world, held_, dossier, consent)


async def _relied(world: World, held_: Holding, *, whole: bool) -> Reliance:
    dossier = await world.dossier()
    consent = await world.consent(dossier, item_of(held_, *(() if whole else (AREA,)), whole=whole))
    await world.rely(dossier, held_, consent)
    return Reliance(world, held_, dossier, consent)


async def _granted(world: World, held_: Holding, system: Caller) -> UnderGrant:
    item = item_of(held_, AREA)
    words = words_for(item)
    shown = notice((item,), words, world.citizen.language).sha256
    decision = Decision(world.commune, PURPOSE, None, (item,), words, shown)
    async with world.database.writing(world.citizen.actor) as tx:
        consent = (await give_consent(tx, world.citizen, decision, world.safe, world.now))[world.mai]
    request = new_id()
    await world.run(
        "INSERT INTO officers (id, issuer, external_id, code, agency_id, roles, active)"
        " VALUES (:id, 'none', 'system', 'system-of-a-scene', :agency, '{tham_dinh}', true)",
        id=system.id,
        agency=world.commune,
    )
    await world.run(
        "INSERT INTO access_requests (id, system_id, agency_id, subject_id, document_type, claims, purpose, message,"
        " max_uses, uses, status, consent_id, requested_at, expires_at) VALUES (:id, :system, :agency, :subject,"
        " :type, ARRAY[:claim], :purpose, 'a', 100, 0, 'GIVEN', :consent, :now, :now)",
        id=request,
        system=system.id,
        agency=world.commune,
        subject=world.mai,
        type=LAND,
        claim=AREA,
        purpose=PURPOSE,
        consent=consent,
        now=world.now,
    )
    return UnderGrant(consent, request)


async def _bytes(content: OpenContent | None) -> bytes | None:
    return b"".join([piece async for piece in content.stream()]) if content is not None else None


async def _digests(engine: AsyncEngine, tables: Mapping[str, Any]) -> dict[str, str]:
    one = "SELECT '{0}', count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {0} t"
    async with engine.connect() as connection:
        found = await connection.execute(text(" UNION ALL ".join(one.format(name) for name in tables)))
        return {row[0]: row[1] for row in found}
