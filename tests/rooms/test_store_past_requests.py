"""Repeated requests: done once, whatever arrives at the same time."""

import asyncio
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from store import outbox
from store.database import Actor, Database
from store.errors import IdempotencyConflict
from store.identifiers import new_id
from store.past_requests import Past, recall, remember, request_hash
from store.records import OutboxMessage, PastRequest
from tests.size import sized

LAN, MINH = Actor("citizen", new_id()), Actor("citizen", new_id())
REQUEST = {"procedure": "1.013225", "for": None}


def past(actor: Actor, key: UUID, request: object = REQUEST, operation: str = "openDossier") -> Past:
    return Past(f"{actor.kind}:{actor.id}", operation, key, request_hash(request))


async def carry_out(database: Database, actor: Actor, request: Past, now: datetime) -> tuple[UUID, bool]:
    """What a use case does: answer from what was made, or make it and write both down. Whether it was made now."""
    async with database.writing(actor) as tx:
        before = await recall(tx, request)
        if before is not None:
            assert before.made is not None
            return before.made, False
        made = await outbox.put(tx, "dossier.opened", {}, now)
        await remember(tx, request, made, None, now)
        return made, True


async def effects(work: Database) -> int:
    async with work.reading(Actor("loop")) as tx:
        return (await tx.scalars(select(func.count()).select_from(OutboxMessage))).one()


async def test_a_replay_finds_what_was_made(database: Database, work: Database, now: datetime) -> None:
    request = past(LAN, new_id())
    made, fresh = await carry_out(database, LAN, request, now)
    assert fresh
    assert await carry_out(database, LAN, request, now) == (made, False)
    assert await effects(work) == 1


async def test_the_key_with_another_request_is_a_conflict(
    database: Database, work: Database, now: datetime
) -> None:
    key = new_id()
    await carry_out(database, LAN, past(LAN, key), now)
    with pytest.raises(IdempotencyConflict):
        await carry_out(database, LAN, past(LAN, key, {"procedure": "1.013227"}), now)
    assert await effects(work) == 1


async def test_the_same_words_in_another_order_are_the_same_request() -> None:
    assert request_hash({"a": 1, "b": [2]}) == request_hash({"b": [2], "a": 1})
    assert request_hash({"a": 1}) != request_hash({"a": "1"})


async def test_callers_and_operations_have_keys_of_their_own(
    database: Database, work: Database, now: datetime
) -> None:
    key = new_id()
    await carry_out(database, LAN, past(LAN, key), now)
    await carry_out(database, MINH, past(MINH, key, {"other": True}), now)
    await carry_out(database, LAN, past(LAN, key, {"other": True}, "giveConsent"), now)
    assert await effects(work) == 3


async def test_a_rolled_back_request_may_come_again(
    database: Database, work: Database, now: datetime
) -> None:
    request = past(LAN, new_id())

    async def fail() -> None:
        async with database.writing(LAN) as tx:
            await recall(tx, request)
            await remember(tx, request, None, None, now)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert (await carry_out(database, LAN, request, now))[1]


async def test_eight_parallel_requests_have_one_effect(
    database: Database, work: Database, now: datetime
) -> None:
    rounds = sized(10, 200)
    for _ in range(rounds):
        request = past(LAN, new_id())
        answers = await asyncio.gather(*(carry_out(database, LAN, request, now) for _ in range(8)))
        assert len({made for made, _ in answers}) == 1
        assert [fresh for _, fresh in answers].count(True) == 1
    assert await effects(work) == rounds


async def test_of_eight_different_requests_under_one_key_one_wins(
    database: Database, work: Database, now: datetime
) -> None:
    key = new_id()
    tries = (carry_out(database, LAN, past(LAN, key, number), now) for number in range(8))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(answer, IdempotencyConflict) for answer in answers].count(True) == 7
    assert await effects(work) == 1


async def test_a_past_request_belongs_to_its_caller(database: Database, now: datetime) -> None:
    request = past(LAN, new_id())
    await carry_out(database, LAN, request, now)
    async with database.writing(MINH) as tx:
        assert (await tx.scalars(select(PastRequest))).all() == []
        assert await recall(tx, request) is None
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.writing(MINH) as tx:
            await remember(tx, past(LAN, new_id()), None, None, now)
