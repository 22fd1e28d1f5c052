"""A PostgreSQL in trouble: restarted, frozen, its backends ended, its commits gone wrong in each way they can.

Arranged with the server's own means and the kernel's. Only the moment of a commit is taken from inside: the driver's
call that sends it is wrapped for the length of a block.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from store.embedded import Embedded, Servers
from tests.conftest import superuser

USERS = ["motlan_app", "motlan_work", "motlan_keys"]


class Fate(StrEnum):
    """What becomes of a COMMIT."""

    KEPT = "kept"
    RACED = "raced by an administrator who ends its backend"
    UNSENT = "its backend ended before"
    UNANSWERED = "done, and the answer lost"
    CONFLICT = "refused with 40001"
    DEADLOCK = "refused with 40P01"


@dataclass
class Troubles:
    """Troubles of one cluster, for the connections of one database. `met` counts the fates of commits."""

    embedded: Embedded
    servers: Servers
    root: Any
    lot: random.Random
    met: Counter[Fate] = field(default_factory=Counter)
    _ending: set[asyncio.Task[None]] = field(default_factory=set)

    async def end_backends(self) -> int:
        """Terminate every connection the platform has; returns how many."""
        ending = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE usename = ANY($1) AND datname = ANY($2)"""
        names = [make_url(one).database for one in (self.servers.url, self.servers.keys_url)]
        ended: int = await self.root.fetchval(ending, USERS, names)
        return ended

    async def restart(self) -> None:
        """A fast shutdown, as by an operator, and a start."""
        await asyncio.to_thread(self.embedded.stop)
        await asyncio.to_thread(self.embedded.start)
        self.root = await superuser(self.embedded, self.servers)

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Every process of the cluster stands still inside the block."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self._processes():
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def commits_going_wrong(self, share: float) -> Iterator[None]:
        """That share of the application's commits meets another fate than to be kept."""
        original = PGDialect_asyncpg.do_commit

        def do_commit(dialect: PGDialect_asyncpg, connection: Any) -> None:
            wrong = self.lot.random() < share
            fate = self.lot.choice([one for one in Fate if one is not Fate.KEPT]) if wrong else Fate.KEPT
            self.met[fate] += 1
            self._before(fate, connection)
            original(dialect, connection)  # type: ignore[no-untyped-call]
            if fate is Fate.UNANSWERED:
                connection.driver_connection.terminate()
                connection._handle_exception(asyncpg.ConnectionDoesNotExistError("the answer was lost"))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PGDialect_asyncpg, "do_commit", do_commit)
            yield

    def _before(self, fate: Fate, connection: Any) -> None:
        pid = connection.driver_connection.get_server_pid()
        if fate is Fate.UNSENT:
            os.kill(pid, signal.SIGTERM)
        elif fate is Fate.RACED:
            racing = asyncio.get_running_loop().create_task(self._end_soon(pid, self.lot.uniform(0, 0.001)))
            self._ending.add(racing)
            racing.add_done_callback(self._ending.discard)
        elif fate in (Fate.CONFLICT, Fate.DEADLOCK):
            state = "40001" if fate is Fate.CONFLICT else "40P01"
            raising = f"DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{state}'; END $$"
            connection.cursor().execute(raising)

    async def _end_soon(self, pid: int, seconds: float) -> None:
        await asyncio.sleep(seconds)  # the moment is what is being tried
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def _processes(self) -> list[int]:
        cluster, found = self.embedded.folder / "cluster", []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (entry / "cwd").readlink() == cluster:
                    found.append(int(entry.name))
        return found
