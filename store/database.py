"""Engines and the two ways into the main database: `reading()` and `writing()`. Nothing else commits.

A database that is away, frozen, full, or breaks a deadlock is one refusal, `TemporarilyUnavailable`, whatever the
driver calls it, and never a wait without an end.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection

from store.errors import TemporarilyUnavailable

CONNECT_SECONDS: Final = 5.0
FREE_SECONDS: Final = 5.0
"""How long a request waits for one of our connections while all are in use."""
ANSWER_SECONDS: Final = 10.0
"""How long one statement may take: beyond it the server is frozen, or somebody holds what it waits for."""

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
    refuses one. `answer_seconds` bounds each statement; None is for an operator, who waits.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        clock_offset: timedelta = timedelta(0),
        answer_seconds: float | None = ANSWER_SECONDS,
    ) -> None:
        self.engine = open_engine(url, pool_size=pool_size, answer_seconds=answer_seconds)
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
    async def writing(self, actor: Actor, query: str = "") -> AsyncIterator[Tx]:
        """The one place that commits: on leaving without an exception, else everything rolls back.

        `query`: the request this is for, a UUID; lines of the access log written here carry it. Raises
        TemporarilyUnavailable. When the answer to the COMMIT is what never came, the change may stand: the same
        request under its idempotency key finds out.
        """
        async with self._session() as tx, tx.begin():
            await self._become(tx, actor, query)
            yield tx

    async def close(self) -> None:
        await self.engine.dispose()

    async def _become(self, tx: Tx, actor: Actor, query: str = "") -> None:
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
                "query": query,
            },
        )


_BECOME = text(
    "SELECT set_config('app.actor_kind', :kind, true), set_config('app.actor_id', :id, true),"
    " set_config('app.agency', :agency, true), set_config('app.subjects', :subjects, true),"
    " set_config('app.clock_offset', :offset, true), set_config('app.query', :query, true)"
)


def open_engine(url: str, *, pool_size: int, answer_seconds: float | None, **options: Any) -> AsyncEngine:
    """An engine none of whose waits is endless, and which raises TemporarilyUnavailable for whatever will pass."""
    engine = create_async_engine(
        url,
        poolclass=_Pool,
        pool_size=pool_size,
        pool_timeout=FREE_SECONDS,
        connect_args={"timeout": CONNECT_SECONDS, "command_timeout": answer_seconds},
        **options,
    )
    event.listen(engine.sync_engine, "do_connect", _connect)
    event.listen(engine.sync_engine, "handle_error", _tell)
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


class _Pool(AsyncAdaptedQueuePool):
    def connect(self) -> PoolProxiedConnection:
        try:
            return super().connect()
        except NoneFree as none_free:
            raise TemporarilyUnavailable from none_free


def _connect(dialect: Any, record: Any, arguments: Any, given: Any) -> Any:
    try:
        return dialect.connect(*arguments, **given)
    except OSError as away:  # TimeoutError is one
        raise TemporarilyUnavailable from away


def _refuse_closed(connection: Any, record: Any, proxy: Any) -> None:
    # What the server has closed, at a restart or by an administrator, is seen without asking it, and another opened.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _tell(failed: ExceptionContext) -> Exception | None:
    error = failed.original_exception
    if not isinstance(error, Exception):
        return None  # a request that is cancelled, a process that stops
    if isinstance(error, OSError):
        # Given up waiting, or the line is cut. What the server still sends belongs to nobody: not in this pool.
        failed.is_disconnect, failed.invalidate_pool_on_disconnect = True, False
        return TemporarilyUnavailable()
    state = str(getattr(error, "sqlstate", None) or "")
    if failed.is_disconnect or state.startswith(_PASSING):
        return TemporarilyUnavailable()
    return None


_PASSING: Final = (
    *("40001", "40003", "40P01"),  # a conflict, a commit whose end is not known, a deadlock
    *("08", "53", "57"),  # the connection, the server's resources, an administrator or a start
    "58030",  # its disk
)
"""SQLSTATEs of what the same request may not meet again (PostgreSQL, Appendix A). By the first characters."""
