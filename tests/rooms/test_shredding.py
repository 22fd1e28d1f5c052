"""A person's key destroyed by order: on record first, gone for good, and gone again after every restore."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import LOOP
from auth.errors import NotFound
from store import ledger
from store.checkpoints import LogSigner
from store.database import Actor, Database
from store.embedded import Servers
from store.identifiers import new_id
from store.log_sources import open_database
from store.verification import verify
from tests.people import Somebody, citizen
from tests.rooms.households import Household
from tests.vaults import make_safe, make_world
from vault.disclosure import disclose
from vault.documents import claims_of, my_documents
from vault.errors import ShreddingRefused, SubjectShredded
from vault.keycare.shredding import Order, order_shredding, replay, shred, shredded
from vault.notes import read_note
from vault.opening import open_own
from vault.subjects import find_by_number, profile_of, profiles_of

ARTICLE = "Quyết định 12/QĐ-TA"
OWNER = Actor("owner")
LINES = (
    "SELECT kind, outcome, entry ->> 'reason' AS reason FROM ledger WHERE kind LIKE 'subject.%' ORDER BY id"
)


@pytest.fixture
async def household(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[Household]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield Household(await make_world(database, owner, safe, now), servers, tmp_path)
    await safe.keys.close()


@pytest.fixture
async def owning(servers: Servers) -> AsyncIterator[Database]:
    opened = Database(servers.owner_url, pool_size=2)
    yield opened
    await opened.close()


async def order(owning: Database, person: Somebody, now: datetime) -> bool:
    async with owning.writing(OWNER) as tx:
        return await order_shredding(tx, Order(person.subject, ARTICLE), now)


async def destroy(household: Household, owning: Database, work: Database, person: Somebody) -> None:
    await order(owning, person, household.world.now)
    async with work.writing(LOOP.actor) as tx:
        await shred(tx, person.subject, household.safe.keys, household.world.now)


async def copied(engine: AsyncEngine, table: str) -> list[dict[str, Any]]:
    async with engine.begin() as connection:
        return [dict(row._mapping) for row in await connection.execute(text(f"SELECT * FROM {table}"))]


async def restored(engine: AsyncEngine, table: str, rows: list[dict[str, Any]]) -> None:
    """The table as it was when it was copied."""
    async with engine.begin() as connection:
        await connection.execute(text(f"DELETE FROM {table}"))
        for row in rows:
            names = ", ".join(row)
            places = ", ".join(f":{name}" for name in row)
            await connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), row)


async def lines(household: Household) -> list[tuple[str, str, str | None]]:
    async with household.world.owner.begin() as connection:
        return [tuple(row) for row in await connection.execute(text(LINES))]


async def test_it_is_on_record_before_the_key_goes_and_written_down_after(
    household: Household, owning: Database, work: Database, keys_owner: AsyncEngine
) -> None:
    person, now = await household.add(), household.world.now
    keys = await copied(keys_owner, "subject_keys")
    assert await order(owning, person, now)
    assert await copied(keys_owner, "subject_keys") == keys
    assert await lines(household) == [("subject.shredding", "ORDERED", None)]
    (message,) = await household.world.rows("outbox")
    assert (message["topic"], message["payload"]) == ("subject.shred", {"subject": str(person.subject)})
    assert not await order(owning, person, now)
    for _ in range(2):
        async with work.writing(LOOP.actor) as tx:
            await shred(tx, person.subject, household.safe.keys, now)
    assert await lines(household) == [
        ("subject.shredding", "ORDERED", None),
        ("subject.shredded", "SUCCESS", None),
    ]
    (written,) = await household.world.rows("shreddings", "subject_id")
    assert (written["article"], written["destroyed_at"], written["dossier_id"]) == (ARTICLE, now, None)


async def test_nothing_of_theirs_is_read_any_more_and_everybody_else_reads_on(
    household: Household, owning: Database, work: Database
) -> None:
    gone, other = [await household.add() for _ in range(2)]
    document, _ = household.papers[gone.subject]
    versions = [row["id"] for row in await household.world.rows("document_versions")]
    await destroy(household, owning, work, gone)
    async with household.world.database.reading(gone.actor) as tx:
        with pytest.raises(SubjectShredded):
            await profile_of(tx, gone.subject, household.safe)
        assert await profiles_of(tx, [gone.subject], household.safe) == {}
        assert await read_note(tx, gone.subject, "form", household.safe) is None
        assert await my_documents(tx, gone.caller, None, 10) == ()
        assert await claims_of(tx, gone.caller, versions, household.safe) == {}
    async with household.world.database.writing(gone.actor) as tx:
        with pytest.raises(SubjectShredded):
            await open_own(tx, gone.caller, document, household.safe, household.world.now)
    assert await household.read(other) == "first"


async def test_evidence_an_agency_relied_on_is_not_disclosed_any_more(
    household: Household, owning: Database, work: Database
) -> None:
    world = household.world
    reliance = await world.relied_on()
    await world.run("UPDATE dossiers SET status = 10")
    await destroy(household, owning, work, Somebody(world.mai, world.citizen))
    async with world.database.writing(world.officer.actor) as tx:
        with pytest.raises(SubjectShredded):
            await disclose(tx, world.officer, reliance.disclosure(), world.safe)


async def test_their_sessions_keys_devices_and_mandates_end_with_the_order(
    household: Household, owning: Database
) -> None:
    gone, other = [await household.add() for _ in range(2)]
    world = household.world
    for person in (gone, other):
        await world.run(
            """INSERT INTO sessions (id, secret_hash, kind, holder_id, acr, authenticated_at, created_at, seen_at,
                expires_at)
                VALUES (gen_random_uuid(), :secret, 'citizen', :who, 'x', :at, :at, :at, :at)""",
            who=person.subject, secret=person.subject.bytes * 2, at=world.now,
        )  # fmt: skip
        await world.run(
            """INSERT INTO passkeys VALUES (gen_random_uuid(), 'citizen', :who, :credential, '', 0,
                gen_random_uuid(), true, '', :at, NULL)""",
            who=person.subject, credential=person.subject.bytes, at=world.now,
        )  # fmt: skip
        await world.run(
            "INSERT INTO devices VALUES (gen_random_uuid(), :who, :index, :at)",
            who=person.subject, index=person.subject.bytes, at=world.now,
        )  # fmt: skip
    await order(owning, gone, world.now)
    ended = {row["holder_id"]: row["ended_at"] for row in await world.rows("sessions")}
    assert ended == {gone.subject: world.now, other.subject: None}
    assert [row["holder_id"] for row in await world.rows("passkeys")] == [other.subject]
    assert [row["subject_id"] for row in await world.rows("devices")] == [other.subject]
    number = "001099000000"
    async with world.database.reading(other.actor) as tx:
        assert await find_by_number(tx, number, household.safe) is None
    again = await citizen(world.database, household.safe, world.now, number)
    assert again.subject != gone.subject


async def test_it_waits_for_filings_under_way_and_changes_nothing(
    household: Household, owning: Database, keys_owner: AsyncEngine
) -> None:
    world = household.world
    dossier = await world.dossier()
    tables = ("shreddings", "ledger", "outbox", "subjects", "documents", "sealed_notes")
    before = [await copied(world.owner, table) for table in tables]
    with pytest.raises(ShreddingRefused) as refused:
        await order(owning, Somebody(world.mai, world.citizen), world.now)
    assert refused.value.filings == 1
    with pytest.raises(NotFound):
        await order(owning, Somebody(new_id(), world.citizen), world.now)
    assert [await copied(world.owner, table) for table in tables] == before
    await world.run("UPDATE dossiers SET status = 7 WHERE id = :id", id=dossier)
    assert await order(owning, Somebody(world.mai, world.citizen), world.now)


async def test_only_the_owner_orders(household: Household, work: Database) -> None:
    person, now = await household.add(), household.world.now
    for database, actor in ((household.world.database, person.actor), (work, LOOP.actor)):
        async with database.writing(actor) as tx:
            with pytest.raises(DBAPIError, match="permission denied"):
                await tx.execute(
                    text("SELECT order_shredding(:who, 'x', :now)"), {"who": person.subject, "now": now}
                )
    assert await household.read(person) == "first"


async def test_the_log_stays_whole(
    household: Household, owning: Database, work: Database, servers: Servers
) -> None:
    person, now = await household.add(), household.world.now
    await household.read(person)
    signer = LogSigner.from_file(household.folder / "log.key", "motlan.test/log")
    async with work.writing(LOOP.actor) as tx:
        sealed = await ledger.seal(tx, signer, now)
    leaves = await household.world.rows("log_leaves", "log_index")
    await destroy(household, owning, work, person)
    assert (await household.world.rows("log_leaves", "log_index"))[:sealed] == leaves
    async with work.writing(LOOP.actor) as tx:
        assert await ledger.seal(tx, signer, now) == 2
    async with open_database(servers.work_url, None) as source:
        report = await verify(source, signer.key, [])
    assert report.sound
    assert report.leaves == sealed + 2


async def test_a_restored_keys_database_brings_nobody_back(
    household: Household, owning: Database, work: Database, keys_owner: AsyncEngine
) -> None:
    gone, other = [await household.add() for _ in range(2)]
    yesterday = await copied(keys_owner, "subject_keys")
    await destroy(household, owning, work, gone)
    await restored(keys_owner, "subject_keys", yesterday)
    async with household.safe.keys.opened(gone.subject):
        pass  # the danger: it came back
    # A row of the orders deleted by hand hides nobody: the log names them too.
    await household.world.run("DELETE FROM shreddings")
    back = await replay(owning, work, household.safe.keys, [], household.world.now)
    assert back == [gone.subject]
    with pytest.raises(SubjectShredded):
        async with household.safe.keys.opened(gone.subject):
            pytest.fail("opened")
    assert await household.read(other) == "first"
    assert (await lines(household))[-1] == ("subject.shredded", "SUCCESS", "replayed")
    before = await lines(household), await copied(keys_owner, "subject_keys")
    assert await replay(owning, work, household.safe.keys, [], household.world.now) == []
    assert (await lines(household), await copied(keys_owner, "subject_keys")) == before


async def test_with_the_main_database_restored_too_the_list_kept_elsewhere_does_it(
    household: Household, owning: Database, work: Database, keys_owner: AsyncEngine
) -> None:
    gone, other = [await household.add() for _ in range(2)]
    tables = ("subjects", "sealed_notes", "uploads")
    yesterday = {table: await copied(household.world.owner, table) for table in tables}
    papers = await copied(household.world.owner, "document_versions")
    keys = await copied(keys_owner, "subject_keys")
    await destroy(household, owning, work, gone)
    async with owning.reading(OWNER) as tx:
        kept = await shredded(tx)
    assert kept == [Order(gone.subject, ARTICLE)]
    await household.world.run("DELETE FROM shreddings")
    await household.world.run("DELETE FROM ledger")
    await household.world.run("UPDATE documents SET status = 'valid', status_reason = NULL")
    for table in ("sealed_notes", "uploads"):
        await restored(household.world.owner, table, yesterday[table])
    for row in (*yesterday["subjects"], *papers):
        table, changed = ("subjects", ("number_index", "profile"))
        if "wrapped_key" in row:
            table, changed = "document_versions", ("wrapped_key", "blob")
        setting = ", ".join(f"{name} = :{name}" for name in changed)
        values = {name: row[name] for name in ("id", *changed)}
        await household.world.run(f"UPDATE {table} SET {setting} WHERE id = :id", **values)
    await restored(keys_owner, "subject_keys", keys)
    assert await household.read(gone) == "first"
    assert await replay(owning, work, household.safe.keys, kept, household.world.now) == [gone.subject]
    with pytest.raises(SubjectShredded):
        await household.read(gone)
    assert await household.read(other) == "first"
    async with owning.reading(OWNER) as tx:
        assert await shredded(tx) == kept
    (written,) = await household.world.rows("shreddings", "subject_id")
    assert written["destroyed_at"] is not None


async def test_a_filing_that_a_restore_brought_back_does_not_hold_it_up(
    household: Household, owning: Database, work: Database, keys_owner: AsyncEngine
) -> None:
    world = household.world
    keys = await copied(keys_owner, "subject_keys")
    await destroy(household, owning, work, Somebody(world.mai, world.citizen))
    async with owning.reading(OWNER) as tx:
        kept = await shredded(tx)
    for table in ("shreddings", "ledger"):
        await world.run(f"DELETE FROM {table}")
    await restored(keys_owner, "subject_keys", keys)
    await world.dossier()
    assert await replay(owning, work, household.safe.keys, kept, world.now) == [world.mai]
    with pytest.raises(SubjectShredded):
        async with household.safe.keys.opened(world.mai):
            pytest.fail("opened")


async def test_an_order_nobody_carried_out_is_by_the_replay(
    household: Household, owning: Database, work: Database
) -> None:
    person = await household.add()
    await order(owning, person, household.world.now)
    assert await replay(owning, work, household.safe.keys, [], household.world.now) == [person.subject]
    assert [one[0] for one in await lines(household)] == ["subject.shredding", "subject.shredded"]
