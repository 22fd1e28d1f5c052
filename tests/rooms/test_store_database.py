"""The two ways into the main database, and what leaves with a transaction."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from store import outbox
from store.database import Actor, Database
from store.embedded import Servers
from store.errors import TemporarilyUnavailable
from store.identifiers import new_id
from store.records import OutboxMessage

LAN = Actor("citizen", new_id())


async def written(work: Database) -> int:
    async with work.reading(Actor("loop")) as tx:
        return (await tx.scalars(select(func.count()).select_from(OutboxMessage))).one()


async def test_writing_commits_on_leaving(database: Database, work: Database, now: datetime) -> None:
    async with database.writing(LAN) as tx:
        await outbox.put(tx, "x", {}, now)
        assert await written(work) == 0
    assert await written(work) == 1


async def test_a_raised_refusal_rolls_everything_back(
    database: Database, work: Database, now: datetime
) -> None:
    async def refuse() -> None:
        async with database.writing(LAN) as tx:
            await outbox.put(tx, "x", {}, now)
            raise LookupError

    with pytest.raises(LookupError):
        await refuse()
    assert await written(work) == 0


async def test_reading_cannot_write(database: Database, work: Database, now: datetime) -> None:
    async with database.reading(LAN) as tx:
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await outbox.put(tx, "x", {}, now)
    assert await written(work) == 0


async def test_the_actor_is_what_policies_see(database: Database) -> None:
    ward, agency = new_id(), new_id()
    seen = text("SELECT app_kind(), app_id(), app_agency(), app_subjects()")
    citizen = Actor("citizen", LAN.id, agency, (ward,))
    officer = Actor("officer", LAN.id, agency, (ward,))
    async with database.reading(citizen) as tx:
        assert tuple((await tx.execute(seen)).one()) == ("citizen", LAN.id, None, [ward])
    async with database.reading(officer) as tx:
        assert tuple((await tx.execute(seen)).one()) == ("officer", LAN.id, agency, [])
    async with database.reading(Actor("")) as tx:
        assert tuple((await tx.execute(seen)).one()) == (None, None, None, [])


async def test_policies_judge_by_the_shifted_clock(servers: Servers, clean: None) -> None:
    for offset in (timedelta(0), timedelta(days=100, seconds=1.5), -timedelta(days=3)):
        shifted = Database(servers.url, clock_offset=offset)
        async with shifted.reading(Actor("")) as tx:
            told = (await tx.scalars(text("SELECT app_now()"))).one()
        await shifted.close()
        assert abs(told - (datetime.now(UTC) + offset)) < timedelta(minutes=1)


async def test_who_is_cancelled_while_waiting_is_cancelled(database: Database) -> None:
    async def wait() -> None:
        async with database.writing(LAN) as tx:
            await tx.execute(text("SELECT pg_sleep(60)"))

    waiting = asyncio.create_task(wait())
    _, left = await asyncio.wait([waiting], timeout=0.2)
    assert left
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_statement_without_an_end_is_given_up(servers: Servers) -> None:
    hurried = Database(servers.url, answer_seconds=0.1)
    with pytest.raises(TemporarilyUnavailable):
        async with hurried.writing(LAN) as tx:
            await tx.execute(text("SELECT pg_sleep(60)"))
    async with hurried.writing(LAN) as tx:
        assert await tx.scalar(text("SELECT 1")) == 1
    await hurried.close()


@pytest.mark.parametrize("state", ["40001", "40P01", "53100", "57P01"])
async def test_what_passes_is_told_from_what_does_not(database: Database, state: str) -> None:
    raising = "DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{}'; END $$"
    with pytest.raises(TemporarilyUnavailable):
        async with database.writing(LAN) as tx:
            await tx.execute(text(raising.format(state)))
    with pytest.raises(DBAPIError):
        async with database.writing(LAN) as tx:
            await tx.execute(text(raising.format("22012")))
