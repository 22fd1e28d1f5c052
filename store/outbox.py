"""Messages written with the change that causes them, delivered at least once after it is committed.

Producers `put` under the application's role. Loops `lease`, act, and say `done` or `retry`: a loop that dies
loses its lease, and another takes the message again, so whoever acts must bear a repetition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update

from store.database import Tx
from store.identifiers import new_id
from store.records import MOST_COUNTED, OutboxMessage


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is due and not done: how many messages, up to `MOST_COUNTED`, and for how long the oldest has been."""

    due: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Message:
    """A leased message. `attempts` counts this lease too. `payload` holds ids and codes, nothing personal."""

    id: UUID
    topic: str
    payload: dict[str, Any]
    attempts: int


async def put(
    tx: Tx, topic: str, payload: Mapping[str, Any], now: datetime, due_at: datetime | None = None
) -> UUID:
    """Have something done once this transaction commits, not before `due_at`."""
    message = new_id()
    row = {
        "id": message,
        "topic": topic,
        "payload": dict(payload),
        "created_at": now,
        "due_at": due_at or now,
    }
    await tx.execute(insert(OutboxMessage).values(**row, attempts=0))
    return message


async def lease(tx: Tx, topic: str, now: datetime, limit: int, seconds: int) -> tuple[Message, ...]:
    """Take up to `limit` due messages for `seconds`, oldest first. Commit before acting on them.

    Rows another loop is leasing at this moment are skipped, not waited for.
    """
    free = (
        select(OutboxMessage.id)
        .where(OutboxMessage.topic == topic, OutboxMessage.done_at.is_(None), OutboxMessage.due_at <= now)
        .where(or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now))
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    taken = (
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(select(free.c.id)))
        .values(leased_until=now + timedelta(seconds=seconds), attempts=OutboxMessage.attempts + 1)
        .returning(OutboxMessage.due_at, OutboxMessage.id, OutboxMessage.payload, OutboxMessage.attempts)
        .execution_options(synchronize_session=False)
    )
    rows = (await tx.execute(taken)).all()
    ordered = sorted(rows, key=lambda row: (row.due_at, row.id))
    return tuple(Message(row.id, topic, row.payload, row.attempts) for row in ordered)


async def done(tx: Tx, message: UUID, now: datetime) -> None:
    """The message has had its effect and is never leased again."""
    await _settle(tx, message, done_at=now, leased_until=None)


async def retry(tx: Tx, message: UUID, now: datetime, delay: timedelta) -> None:
    """Give the lease back; the message is due again after `delay`."""
    await _settle(tx, message, due_at=now + delay, leased_until=None)


async def forget(tx: Tx, before: datetime) -> None:
    """Drop messages that had their effect before then."""
    await tx.execute(delete(OutboxMessage).where(OutboxMessage.done_at < before))


async def backlog(tx: Tx, now: datetime) -> Backlog:
    """How far the loops are behind. For the loops' role."""
    late = (
        select(OutboxMessage.due_at)
        .where(OutboxMessage.done_at.is_(None), OutboxMessage.due_at <= now)
        .order_by(OutboxMessage.due_at)
        .limit(MOST_COUNTED)
        .subquery()
    )
    row = (await tx.execute(select(func.count(), func.min(late.c.due_at)).select_from(late))).one()
    return Backlog(row[0], (now - row[1]).total_seconds() if row[1] is not None else 0.0)


async def _settle(tx: Tx, message: UUID, **values: datetime | None) -> None:
    await tx.execute(update(OutboxMessage).where(OutboxMessage.id == message).values(values))
