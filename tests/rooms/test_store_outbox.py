"""Messages written with their cause: leased by one loop at a time, repeated until done."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from store import outbox
from store.database import Actor, Database
from store.identifiers import new_id
from store.outbox import Message

LOOP = Actor("loop")
LAN = Actor("citizen", new_id())


async def put(database: Database, now: datetime, number: int = 0, due_at: datetime | None = None) -> UUID:
    async with database.writing(LAN) as tx:
        return await outbox.put(tx, "blob.unlink", {"number": number}, now, due_at)


async def lease(
    work: Database, now: datetime, limit: int = 10, topic: str = "blob.unlink"
) -> tuple[Message, ...]:
    async with work.writing(LOOP) as tx:
        return await outbox.lease(tx, topic, now, limit, seconds=30)


async def test_a_message_goes_with_its_transaction(database: Database, work: Database, now: datetime) -> None:
    async def act() -> None:
        async with database.writing(LAN) as tx:
            await outbox.put(tx, "blob.unlink", {}, now)
            raise LookupError

    with pytest.raises(LookupError):
        await act()
    assert await lease(work, now) == ()


async def test_due_messages_come_oldest_first_up_to_the_limit(
    database: Database, work: Database, now: datetime
) -> None:
    later = await put(database, now, 1, now - timedelta(seconds=1))
    first = await put(database, now, 2, now - timedelta(seconds=9))
    await put(database, now, 3, now + timedelta(seconds=1))
    third = await put(database, now, 4)
    taken = await lease(work, now, limit=2)
    assert [(message.id, message.payload, message.attempts) for message in taken] == [
        (first, {"number": 2}, 1),
        (later, {"number": 1}, 1),
    ]
    assert [message.id for message in await lease(work, now)] == [third]
    assert await lease(work, now) == ()


async def test_topics_do_not_mix(database: Database, work: Database, now: datetime) -> None:
    await put(database, now)
    assert await lease(work, now, topic="notice.send") == ()


async def test_a_lost_lease_is_taken_again_and_counted(
    database: Database, work: Database, now: datetime
) -> None:
    message = await put(database, now)
    await lease(work, now)
    assert await lease(work, now + timedelta(seconds=29)) == ()
    (again,) = await lease(work, now + timedelta(seconds=30))
    assert (again.id, again.attempts) == (message, 2)


async def test_a_done_message_never_comes_back(database: Database, work: Database, now: datetime) -> None:
    message = await put(database, now)
    await lease(work, now)
    async with work.writing(LOOP) as tx:
        await outbox.done(tx, message, now)
    assert await lease(work, now + timedelta(days=9)) == ()


async def test_a_retried_message_comes_back_after_the_delay(
    database: Database, work: Database, now: datetime
) -> None:
    message = await put(database, now)
    await lease(work, now)
    async with work.writing(LOOP) as tx:
        await outbox.retry(tx, message, now, timedelta(minutes=5))
    assert await lease(work, now + timedelta(minutes=4)) == ()
    (again,) = await lease(work, now + timedelta(minutes=5))
    assert (again.id, again.attempts) == (message, 2)


async def test_parallel_loops_share_the_messages_without_repeating_one(
    database: Database, work: Database, now: datetime
) -> None:
    expected = {await put(database, now, number) for number in range(20)}
    leased = await asyncio.gather(*(lease(work, now, limit=5) for _ in range(6)))
    taken = [message.id for batch in leased for message in batch]
    assert len(taken) == len(set(taken))
    # A loop that found rows locked takes fewer; what is left is still free.
    taken += [message.id for message in await lease(work, now, limit=20)]
    assert sorted(taken) == sorted(expected)


async def test_loops_do_not_wait_for_each_others_rows(
    database: Database, work: Database, now: datetime
) -> None:
    await put(database, now, 1)
    second = await put(database, now, 2)
    async with work.writing(LOOP) as tx:
        await outbox.lease(tx, "blob.unlink", now, 1, seconds=30)
        assert [message.id for message in await lease(work, now)] == [second]


async def test_the_application_cannot_read_the_outbox(database: Database, now: datetime) -> None:
    await put(database, now)
    for statement in ("SELECT FROM outbox", "UPDATE outbox SET done_at = now()", "DELETE FROM outbox"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.writing(LAN) as tx:
                await tx.execute(text(statement))
