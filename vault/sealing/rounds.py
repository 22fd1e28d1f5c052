"""Rounds of new subject keys: who has one already, whose rows have all moved to it, and which earlier ones may go.

This is the keys database's part. What in the main database refers to a subject's key, and files, which are never
touched, are `vault.keycare.renewal`'s.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from vault.sealing.key_records import KeyRound, SealedKey
from vault.sealing.keyrings import KeyRing
from vault.sealing.keys import new_row

BACKUPS_KEPT: Final = timedelta(days=35)
"""How long a dump may still be needed that refers to an earlier key (security.md, Shredding)."""

AT_ONCE: Final = 100
LIVING: Final = SealedKey.wrapped.is_not(None)
BEFORE_ALL: Final = UUID(int=0)


class Rounds:
    """One round at a time: whoever calls holds the lock of `vault.sealing.rotation.rotating`."""

    def __init__(self, engine: AsyncEngine, keyring: KeyRing) -> None:
        self._engine = engine
        self._keyring = keyring

    async def open_round(self) -> datetime:
        """When the round of new subject keys began that is under way; a new one begins where none is."""
        async with self._engine.begin() as connection:
            under_way = select(KeyRound.begun_at).where(KeyRound.finished_at.is_(None)).limit(1)
            begun: datetime | None = await connection.scalar(under_way)
            if begun is not None:
                return begun
            made = insert(KeyRound).values(begun_at=func.now()).returning(KeyRound.begun_at)
            return (await connection.execute(made)).scalar_one()

    async def close_round(self, begun: datetime) -> None:
        done = update(KeyRound).where(KeyRound.begun_at == begun).values(finished_at=func.now())
        async with self._engine.begin() as connection:
            await connection.execute(done)

    async def due(self, begun: datetime, after: UUID = BEFORE_ALL) -> Sequence[UUID]:
        """Some of the subjects of this round that have no new key yet, or whose rows have not all been moved to it,
        by id after this one."""
        newest = _newest()
        query = select(newest.c.subject_id).where(_is_due(newest.c, begun), newest.c.subject_id > after)
        async with self._engine.connect() as connection:
            return (await connection.scalars(query.order_by(newest.c.subject_id).limit(AT_ONCE))).all()

    async def count_due(self, begun: datetime) -> int:
        newest = _newest()
        query = select(func.count()).select_from(newest).where(_is_due(newest.c, begun))
        async with self._engine.connect() as connection:
            return (await connection.scalars(query)).one()

    async def renew(self, subject: UUID, begun: datetime) -> None:
        """Give the subject a new generation, unless this round has already, or the key was destroyed meanwhile."""
        columns = select(SealedKey.generation, SealedKey.wrapped, SealedKey.created_at)
        held = columns.where(SealedKey.subject_id == subject).order_by(SealedKey.generation.desc())
        async with self._engine.begin() as connection:
            # Locked: `Keys.destroy` waits for the new generation, and destroys it too.
            newest = (await connection.execute(held.with_for_update())).first()
            if newest is None or newest.wrapped is None or newest.created_at >= begun:
                return
            row = await new_row(self._keyring, subject, newest.generation + 1)
            await connection.execute(insert(SealedKey).values(row))

    async def settle(self, subject: UUID, generation: int) -> None:
        """Note that nothing refers to generations before this one any more."""
        this = (SealedKey.subject_id == subject, SealedKey.generation == generation)
        async with self._engine.begin() as connection:
            await connection.execute(update(SealedKey).where(*this).values(settled_at=func.now()))

    async def settled(self, since: timedelta, after: UUID = BEFORE_ALL) -> Sequence[Row[UUID, int]]:
        """Some subjects whose newest generation was settled that long ago and who have earlier ones, with that
        generation, by id after this one."""
        newest = _newest()
        earlier = select(SealedKey.generation).where(
            SealedKey.subject_id == newest.c.subject_id, SealedKey.generation < newest.c.generation, LIVING
        )
        query = select(newest.c.subject_id, newest.c.generation).where(
            newest.c.wrapped.is_not(None),
            newest.c.settled_at <= func.now() - since,
            newest.c.subject_id > after,
            earlier.exists(),
        )
        async with self._engine.connect() as connection:
            return (await connection.execute(query.order_by(newest.c.subject_id).limit(AT_ONCE))).all()

    async def drop_generations(self, subject: UUID, before: int) -> int:
        """Destroy the subject's generations before this one; returns how many. The caller has made sure that nothing
        refers to them."""
        earlier = (SealedKey.subject_id == subject, SealedKey.generation < before, LIVING)
        gone = update(SealedKey).where(*earlier).values(wrapped=None, destroyed_at=func.now())
        async with self._engine.begin() as connection:
            return (await connection.execute(gone)).rowcount


def _newest() -> Any:
    """The newest generation of each subject's key, destroyed or not."""
    newest = select(SealedKey).ext(distinct_on(SealedKey.subject_id))
    return newest.order_by(SealedKey.subject_id, SealedKey.generation.desc()).subquery()


def _is_due(newest: Any, begun: datetime) -> ColumnElement[bool]:
    unsettled = and_(newest.generation > 1, newest.settled_at.is_(None))
    due: ColumnElement[bool] = and_(newest.wrapped.is_not(None), or_(newest.created_at < begun, unsettled))
    return due
