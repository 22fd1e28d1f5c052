"""The private PostgreSQL: born, started, stopped, and brought back after a `kill -9`.

Only a unix socket in a closed folder, scram passwords in a 0600 file, checksums and fsync on. Logs carry
neither statements nor values. Where it rests and under which account is `store.embedded.premises`' matter.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sqlalchemy import URL

from store.embedded.cluster import KEYS, MAIN, give_birth, refuse_other_version, surroundings
from store.embedded.premises import Premises, settle
from store.errors import DataFolderRefused, ServerFailed

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "80",
    "max_wal_size": "256MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Shared segments and parallel workers would put rows into /dev/shm, outside our folder.
    "dynamic_shared_memory_type": "mmap",
    "max_parallel_workers_per_gather": "0",
    # An error's message and DETAIL quote the values that caused it, so no error of a session is logged.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}

VOLATILE: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""For tests alone: a commit outlives the processes, and not the machine."""

LOG_LIMIT_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Servers:
    """SQLAlchemy URLs (asyncpg) of both databases, one per role. They hold passwords: never print them."""

    url: str = field(repr=False)
    keys_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    keys_owner_url: str = field(repr=False)
    work_url: str = field(repr=False)


class Embedded:
    """One cluster in one data folder, held by one process at a time.

    Blocking throughout: from a running event loop, call it in a thread. `durable=False` turns fsync off and
    belongs to tests.
    """

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self._data = data
        self._durable = durable
        self._server: subprocess.Popen[bytes] | None = None
        self._premises: Premises | None = None
        self._lock: IO[str] | None = None

    @property
    def folder(self) -> Path:
        """Where the cluster rests: the data folder or its stand-in (`store.embedded.premises`). Settled by start."""
        return self._settled.place

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self) -> Servers:
        """Serve the folder: create the cluster on first use, end what a killed launcher left behind.

        Also brings back a server that died under a living launcher. Raises DataFolderRefused (nothing
        touched) or ServerFailed.
        """
        if self._premises is None:
            premises = settle(self._data)
            self._lock = _hold(premises)
            self._premises = premises
        try:
            if not self.running:
                self._bring_up(self._premises)
        except BaseException:
            self.stop()
            raise
        return _servers(self._premises)

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, everything committed is on disk. Repeatable."""
        if self._server is not None:
            _end(self._server)
            self._server = None
        if self._premises is not None and (fallback := self._premises.socket_folder()).parent != self.folder:
            shutil.rmtree(fallback, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
        self._premises = self._lock = None

    @property
    def _settled(self) -> Premises:
        if self._premises is None:
            raise RuntimeError("not started")
        return self._premises

    def _bring_up(self, premises: Premises) -> None:
        if not premises.cluster.exists():
            give_birth(premises, self._durable)
        refuse_other_version(premises)
        _end_leftovers(premises.cluster)
        _forget_the_dead(premises)
        settings = {**SETTINGS, **({} if self._durable else VOLATILE)}
        settings["unix_socket_directories"] = str(premises.socket_folder())
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(premises.binaries / "postgres"), "-D", str(premises.cluster), *options]
        _rotate(premises.log)
        with premises.log.open("ab") as log:
            # Own session: Ctrl-C in a terminal must reach the platform first, which then stops its database.
            self._server = subprocess.Popen(  # noqa: S603 - our own binary, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **surroundings(premises.uid),
            )
        _await_ready(self._server, premises)


def _hold(premises: Premises) -> IO[str]:
    """The lock dies with its holder, so a `kill -9` never leaves it behind."""
    lock = (premises.place / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise DataFolderRefused(premises.place, "in_use") from error
    return lock


def _end_leftovers(cluster: Path) -> None:
    """End servers of this very folder whose launcher was killed: the postmaster first, then strays."""
    for sign, patience_seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0)):
        left = _processes_of(cluster)
        if not left:
            break
        # Children are never signalled fast: their postmaster ends them in order, or they notice its death.
        for pid in left & _postmaster(cluster) if sign is signal.SIGINT else left:
            _signal(pid, sign)
        deadline = time.monotonic() + patience_seconds
        while _processes_of(cluster) and time.monotonic() < deadline:
            time.sleep(0.01)


def _processes_of(cluster: Path) -> set[int]:
    """Servers working in this folder. PostgreSQL's processes all have the cluster as working directory."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == cluster and (entry / "comm").read_text() == "postgres\n":
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def _postmaster(cluster: Path) -> set[int]:
    return _named_in(cluster / "postmaster.pid")


def _named_in(lock: Path) -> set[int]:
    """The process a PostgreSQL lock file names on its first line."""
    try:
        return {int(lock.read_text().splitlines()[0])}
    except (FileNotFoundError, IndexError, ValueError):
        return set()


def _forget_the_dead(premises: Premises) -> None:
    """Drop the lock files of a killed server whose number is still in use: by a stranger of its account, or by
    its own remains where nothing reaps orphans.

    PostgreSQL drops those of a number nobody has by itself, and refuses to start over any other.
    """
    for lock in (premises.cluster / "postmaster.pid", premises.socket_folder() / ".s.PGSQL.5432.lock"):
        if _named_in(lock) - _processes_of(premises.cluster):
            lock.unlink()


def _signal(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def _await_ready(server: subprocess.Popen[bytes], premises: Premises) -> None:
    """Wait for the eighth line of postmaster.pid, as pg_ctl does. Recovery may take its time."""
    while server.poll() is None:
        try:
            lines = (premises.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
            return
        time.sleep(0.005)
    raise ServerFailed("start", premises.log)


def _end(server: subprocess.Popen[bytes]) -> None:
    # After an immediate stop the next start recovers from the log: slower, and nothing committed is lost.
    for sign, patience_seconds in ((signal.SIGINT, 15), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        if server.poll() is not None:
            return
        server.send_signal(sign)
        try:
            server.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            continue


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _servers(premises: Premises) -> Servers:
    passwords = json.loads((premises.place / "passwords").read_text("utf-8"))
    folder = str(premises.socket_folder())

    def url(role: str, database: str) -> str:
        made = URL.create(
            "postgresql+asyncpg", role, passwords[role], database=database, query={"host": folder}
        )
        return made.render_as_string(hide_password=False)

    return Servers(
        url=url("motlan_app", MAIN),
        keys_url=url("motlan_keys", KEYS),
        owner_url=url("motlan_owner", MAIN),
        keys_owner_url=url("motlan_keys_owner", KEYS),
        work_url=url("motlan_work", MAIN),
    )
