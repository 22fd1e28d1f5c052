"""The root key changed under load: a new one wraps, every subject's key is wrapped anew row by row, and the earlier
one goes only when nothing refers to it.

Every row is compared and set by itself and no step undoes another, so a rotation may be killed anywhere: the same
command goes on where it was.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from vault.errors import KeyMissing, RotationRefused, TamperedContent
from vault.sealing import envelope
from vault.sealing.key_records import RootKey, SealedKey
from vault.sealing.keyrings import KeptRing
from vault.sealing.keys import root_context
from vault.sealing.rounds import AT_ONCE, BACKUPS_KEPT, BEFORE_ALL, LIVING, Rounds

Progress = Callable[[int, int], None]
"""Told after each row: how many are done, and of how many."""


@dataclass(frozen=True, slots=True)
class RootTurn:
    """What a rotation of the root key came to. `begun_earlier`: it went on with one that was not finished.

    `unopened`: rows no key of the ring opens; they stay as they are.
    """

    key_id: str
    begun_earlier: bool
    moved: int
    unopened: int


@dataclass(frozen=True, slots=True)
class RootState:
    """One root key of the ring. `unused_since`: None while it wraps or is referred to."""

    key_id: str
    wraps: bool
    references: int
    unused_since: datetime | None


@asynccontextmanager
async def rotating(keys_owner_url: str, ring: KeptRing) -> AsyncIterator["Rotation"]:
    """The keys database and the ring, for one operator's command at a time.

    Raises RotationRefused("busy"). The lock goes with the process, however that ends.
    """
    engine = create_async_engine(keys_owner_url, pool_size=2)
    try:
        async with engine.connect() as holding:
            await holding.execution_options(isolation_level="AUTOCOMMIT")
            if not await holding.scalar(text("SELECT pg_try_advisory_lock(hashtext('motlan keys'))")):
                raise RotationRefused("busy")
            yield Rotation(engine, ring)
    finally:
        await engine.dispose()


class Rotation:
    """Made by `rotating`. Runs as the keys database's owner."""

    def __init__(self, engine: AsyncEngine, ring: KeptRing) -> None:
        self._engine = engine
        self.keyring = ring
        self.rounds = Rounds(engine, self.keyring)

    async def turn_root(self, progress: Progress) -> RootTurn:
        """Let a new root key wrap, and wrap every subject's key under it; or go on with a rotation not finished.

        A row that does not open is nothing to go on with: a stolen key must not stay for its sake. The key is on disk
        before anything is wrapped with it. Raises KeyRingRefused, OSError.
        """
        roots, keys = await self._roots_of_rows(), await self._ring_keys()
        await self._mark_used(roots.intersection(keys))
        moved, unopened = await self._rewrap_all(progress) if roots.intersection(keys[:-1]) else (0, 0)
        begun_earlier = moved > 0
        if not begun_earlier:
            await asyncio.to_thread(self.keyring.add_key)
            moved, unopened = await self._rewrap_all(progress)
        await self._mark_unused()
        return RootTurn(self.keyring.key_id, begun_earlier, moved, unopened)

    async def retire_root(self, key_id: str, *, backups_gone: bool = False) -> None:
        """Take an earlier root key out of the ring, for good; again changes nothing.

        Raises RotationRefused: current (it wraps), unknown, referenced, backups (dumps of the keys database may
        still need it: nothing has referred to it for less than BACKUPS_KEPT; `backups_gone` vouches for them).
        """
        if key_id == self.keyring.key_id:
            raise RotationRefused("current")
        async with self._engine.begin() as connection:
            # Whoever is writing a key finishes first, and none begins before this is decided. Reading goes on.
            await connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            await connection.execute(text("LOCK TABLE subject_keys IN SHARE ROW EXCLUSIVE MODE"))
            await self._check_unused(connection, key_id, backups_gone=backups_gone)
            # First here, then in the file: killed in between, nothing is wrapped with it, and nothing is lost.
            row = insert(RootKey).values(id=key_id, unused_since=func.now(), retired_at=func.now())
            retired = {"retired_at": func.coalesce(RootKey.retired_at, func.now())}
            await connection.execute(row.on_conflict_do_update(index_elements=["id"], set_=retired))
        await asyncio.to_thread(self.keyring.drop_key, key_id)

    async def roots(self) -> list[RootState]:
        """Every root key of the ring, the oldest first."""
        keys = await self._ring_keys()
        async with self._engine.connect() as connection:
            unused = {
                row.id: row.unused_since
                for row in await connection.execute(select(RootKey.id, RootKey.unused_since))
            }
            counted = [await _references(connection, key_id) for key_id in keys]
        return [
            RootState(one, one == keys[-1], count, None if count else unused.get(one))
            for one, count in zip(keys, counted, strict=True)
        ]

    async def _ring_keys(self) -> list[str]:
        return await asyncio.to_thread(self.keyring.key_ids)

    async def _roots_of_rows(self) -> set[str]:
        async with self._engine.connect() as connection:
            return set(await connection.scalars(select(SealedKey.root_key).where(LIVING).distinct()))

    async def _rewrap_all(self, progress: Progress) -> tuple[int, int]:
        """As `_rewrap_others`, until nothing is left to move: keys are made meanwhile."""
        moved = 0
        while True:
            step, unopened = await self._rewrap_others(progress)
            moved += step
            if not step:
                return moved, unopened

    async def _rewrap_others(self, progress: Progress) -> tuple[int, int]:
        """How many rows were moved to the key that wraps, and how many could not be."""
        others = (LIVING, SealedKey.root_key != self.keyring.key_id)
        columns = select(SealedKey.subject_id, SealedKey.generation, SealedKey.wrapped)
        async with self._engine.connect() as connection:
            total = (
                await connection.scalars(select(func.count()).select_from(SealedKey).where(*others))
            ).one()
        place, moved, unopened = (BEFORE_ALL, 0), 0, 0
        while True:
            behind = tuple_(SealedKey.subject_id, SealedKey.generation) > place
            page = columns.where(*others, behind).order_by(SealedKey.subject_id, SealedKey.generation)
            async with self._engine.connect() as connection:
                rows = (await connection.execute(page.limit(AT_ONCE))).all()
            for row in rows:
                try:
                    moved += await self._rewrap(row)
                except (TamperedContent, KeyMissing):
                    unopened += 1
                progress(moved, total)
            if not rows:
                return moved, unopened
            place = (rows[-1].subject_id, rows[-1].generation)

    async def _rewrap(self, row: Row[*tuple[Any, ...]]) -> int:
        context = root_context(self.keyring, row.subject_id, row.generation)
        key = await self.keyring.unwrapped(row.wrapped, context)
        wrapped = await self.keyring.wrapped(key, context)
        # As it was read, or not at all: a key destroyed meanwhile stays destroyed.
        unchanged = (
            SealedKey.subject_id == row.subject_id,
            SealedKey.generation == row.generation,
            SealedKey.wrapped == row.wrapped,
        )
        setting = (
            update(SealedKey)
            .where(*unchanged)
            .values(wrapped=wrapped, root_key=envelope.wrapping_key_id(wrapped))
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(setting)).rowcount

    async def _mark_used(self, key_ids: set[str]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(
                delete(RootKey).where(RootKey.id.in_(key_ids), RootKey.retired_at.is_(None))
            )

    async def _mark_unused(self) -> None:
        referred_to = await self._roots_of_rows()
        unused = [one for one in (await self._ring_keys())[:-1] if one not in referred_to]
        async with self._engine.begin() as connection:
            for key_id in unused:
                row = insert(RootKey).values(id=key_id, unused_since=func.now())
                await connection.execute(row.on_conflict_do_nothing())

    async def _check_unused(self, connection: AsyncConnection, key_id: str, *, backups_gone: bool) -> None:
        expired = select(RootKey.retired_at, RootKey.unused_since <= func.now() - BACKUPS_KEPT)
        known = (await connection.execute(expired.where(RootKey.id == key_id))).one_or_none()
        if known is None and key_id not in await self._ring_keys():
            raise RotationRefused("unknown")
        left = await _references(connection, key_id)
        if left:
            raise RotationRefused("referenced", left)
        retired, old_enough = known or (None, False)
        if retired is None and not old_enough and not backups_gone:
            raise RotationRefused("backups")


async def _references(connection: AsyncConnection, key_id: str) -> int:
    """Rows that say they need the key, and rows whose wrap says so whatever their column does."""
    name = key_id.encode()
    head = bytes([1, len(name)]) + name
    named = or_(SealedKey.root_key == key_id, func.substring(SealedKey.wrapped, 1, len(head)) == head)
    query = select(func.count()).select_from(SealedKey).where(LIVING, named)
    return (await connection.scalars(query)).one()
