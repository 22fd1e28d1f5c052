"""The two ways into the main database, and what leaves with a transaction."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from store import outbox
from store.database import Actor, Database
from store.embedded import Servers
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
