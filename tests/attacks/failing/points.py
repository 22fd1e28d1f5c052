"""Moments at which a process of ours can die: before and after each call about a file, each commit, each step of the
outbox. Counted first, then one of them is where a `kill -9` hits.

Everything here runs inside the process that dies; the product knows nothing of it.
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

import pytest
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from api import work
from store import outbox
from store.database import Database, Tx
from tests.attacks.failing.calls import Call, our_place, watched

BEFORE: Final = "before"
AFTER: Final = "after"
_NOT_A_POINT: Final = frozenset({"pread"})
_KEY_TABLES: Final = ("subject_keys", "root_keys", "key_rounds")
_DEEPEST: Final = 12

_committing: ContextVar[str] = ContextVar("committing", default="a command's")


@dataclass(frozen=True, slots=True)
class Plan:
    """Die before or after the `hit`th time, from 1, that this point is passed. `first`: a process that dies first."""

    point: str
    moment: str
    hit: int
    first: int | None = None


@dataclass
class Points:
    """Counts what is passed and, once armed, dies where the plan says."""

    passed: Counter[str] = field(default_factory=Counter)
    _plan: Plan | None = None
    _left: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, plan: Plan) -> None:
        with self._lock:
            self._left, self._plan = plan.hit, plan

    def pass_by(self, point: str, moment: str) -> None:
        with self._lock:
            if moment == BEFORE:
                self.passed[point] += 1
            plan = self._plan
            if plan is None or (plan.point, plan.moment) != (point, moment):
                return
            self._left -= 1
            if self._left == 0:
                die(plan.first)

    def __call__(self, call: Call, do: Callable[[], Any]) -> Any:
        if call.act in _NOT_A_POINT:
            return do()
        self.pass_by(call.place, BEFORE)
        done = do()
        self.pass_by(call.place, AFTER)
        return done


def die(first: int | None = None) -> None:
    """As the kernel's out-of-memory killer would have it: at once, with nothing finished."""
    if first is not None:
        os.kill(first, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def passing(points: Points) -> Iterator[None]:
    """Everything this process does inside the block passes by the points."""
    with watched(points), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "writing", _named(Database.writing))
        patch.setattr(PGDialect_asyncpg, "do_commit", _commit(points, PGDialect_asyncpg.do_commit))
        patch.setattr(PGDialect_asyncpg, "do_execute", _execute(points, PGDialect_asyncpg.do_execute))
        for step in ("put", "lease", "done", "retry"):
            patch.setattr(outbox, step, _step(points, f"outbox: {step}", getattr(outbox, step)))
        acts = {topic: _step(points, f"outbox: act on {topic}", act) for topic, act in work.TOPICS.items()}
        patch.setattr(work, "TOPICS", acts)
        yield


def _named(writing: Callable[..., AbstractAsyncContextManager[Tx]]) -> Callable[..., Any]:
    """Transactions that know who opened them."""

    @asynccontextmanager
    async def named(opened: str, transaction: AbstractAsyncContextManager[Tx]) -> AsyncIterator[Tx]:
        before = _committing.set(opened)
        try:
            async with transaction as tx:
                yield tx
        finally:
            _committing.reset(before)

    def open_named(*given: Any, **more: Any) -> AbstractAsyncContextManager[Tx]:
        return named(_opener(sys._getframe(1)), writing(*given, **more))

    return open_named


def _opener(frame: FrameType | None) -> str:
    """The mutation a transaction is of, or else the place in our code that opened it."""
    place = our_place(frame) or "?"
    for _ in range(_DEEPEST):
        if frame is None:
            break
        if frame.f_code.co_name in ("_act", "disclose") and "operation" in frame.f_locals:
            return str(frame.f_locals["operation"])
        frame = frame.f_back
    return place


def _commit(points: Points, real: Callable[..., Any]) -> Callable[..., Any]:
    def do_commit(dialect: PGDialect_asyncpg, connection: Any) -> None:
        point = f"commit: {_committing.get()}"
        points.pass_by(point, BEFORE)
        real(dialect, connection)
        points.pass_by(point, AFTER)

    return do_commit


def _execute(points: Points, real: Callable[..., Any]) -> Callable[..., Any]:
    """In the keys database each statement is a commit."""

    def do_execute(dialect: Any, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        verb, table = _changes(statement)
        if table is not None:
            points.pass_by(f"keys: {verb} {table}", BEFORE)
        real(dialect, cursor, statement, parameters, context)
        if table is not None:
            points.pass_by(f"keys: {verb} {table}", AFTER)

    return do_execute


def _changes(statement: str) -> tuple[str, str | None]:
    verb, _, rest = statement.partition(" ")
    if verb not in ("INSERT", "UPDATE", "DELETE"):
        return verb, None
    return verb, next((one for one in _KEY_TABLES if one in rest[:40]), None)


def _step(points: Points, point: str, real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def step(*given: Any, **named: Any) -> Any:
        points.pass_by(point, BEFORE)
        done = await real(*given, **named)
        points.pass_by(point, AFTER)
        return done

    return step
