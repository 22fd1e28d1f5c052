"""Engines and the two ways into the main database: `reading()` and `writing()`. Nothing else commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Tx = AsyncSession
"""One transaction, with the actor already set for row-level security."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who row-level security believes is asking. No actor sees no row."""

    kind: str
    id: UUID | None = None
    agency: UUID | None = None
    subjects: tuple[UUID, ...] = ()


class Database:
    """A PostgreSQL database reached as an unprivileged role: the application's, or that of the loops.

    `clock_offset` shifts the time row-level security judges by, for demonstrations and tests; production
    refuses one.
    """

    def __init__(self, url: str, *, pool_size: int = 10, clock_offset: timedelta = timedelta(0)) -> None:
        self.engine: AsyncEngine = create_async_engine(url, pool_size=pool_size, pool_pre_ping=False)
        self._clock_offset = clock_offset
        self._session = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self, actor: Actor) -> AsyncIterator[Tx]:
        """A read-only transaction seen through the actor's eyes. Always rolled back."""
        async with self._session() as tx:
            await tx.execute(text("SET TRANSACTION READ ONLY"))
            await self._become(tx, actor)
            yield tx

    @asynccontextmanager
    async def writing(self, actor: Actor) -> AsyncIterator[Tx]:
        """The one place that commits: on leaving without an exception, else everything rolls back."""
        async with self._session() as tx, tx.begin():
            await self._become(tx, actor)
            yield tx

    async def close(self) -> None:
        await self.engine.dispose()

    async def _become(self, tx: Tx, actor: Actor) -> None:
        # set_config(..., true) is SET LOCAL with parameters: it ends with the transaction, so a pooled
        # connection can never carry one person's sight into the next request.
        await tx.execute(
            _BECOME,
            {
                "kind": actor.kind,
                "id": str(actor.id or ""),
                "agency": str(actor.agency or ""),
                "subjects": "{" + ",".join(str(subject) for subject in actor.subjects) + "}",
                "offset": f"{self._clock_offset.total_seconds():f} seconds",
            },
        )


_BECOME = text(
    "SELECT set_config('app.actor_kind', :kind, true), set_config('app.actor_id', :id, true),"
    " set_config('app.agency', :agency, true), set_config('app.subjects', :subjects, true),"
    " set_config('app.clock_offset', :offset, true)"
)
