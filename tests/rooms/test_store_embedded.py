"""The private PostgreSQL: born closed, back after any kill, refusing what it cannot serve."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from store.embedded import Embedded, Servers, cluster, launcher
from store.errors import DataFolderRefused, ServerFailed
from tests.boxes import ask, make_box, postmaster


@pytest.fixture
def box() -> Iterator[Path]:
    """A folder the server's account can walk to, watched for what is left in it."""
    folder = make_box()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def started(box: Path) -> Iterator[Embedded]:
    """A server of the test's own. A kill of processes costs nothing without fsync; a power cut would."""
    server = Embedded(box / "data", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def standing() -> Iterator[Embedded]:
    """A server as a first `./run` starts it, for tests that only look at it."""
    folder = make_box()
    server = Embedded(folder / "data")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


def keep_a_row(server: Embedded) -> None:
    ask(server.start().owner_url, "CREATE TABLE kept AS SELECT 1 AS one")


def kept(server: Embedded) -> Any:
    return ask(server.start().owner_url, "SELECT count(*) FROM kept")


def kill_and_reap(server: Embedded, *pids: int) -> None:
    for pid in pids:
        # A postmaster that still lives ends its other children when the first dies.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert server._server is not None
    server._server.wait(10)


def processes(server: Embedded) -> set[int]:
    return launcher._processes_of(server.folder / "cluster")


def test_a_fresh_cluster_is_durable_and_checked(standing: Embedded) -> None:
    url = standing.start().url
    shown = {
        name: ask(url, f"SHOW {name}")
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "listen_addresses")
    }
    assert shown == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "",
    }
    assert ask(url, "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database LIMIT 1") == "b C.UTF-8"


def test_each_url_is_a_powerless_role_of_its_own(standing: Embedded) -> None:
    servers = standing.start()
    urls = (servers.url, servers.work_url, servers.owner_url, servers.keys_url, servers.keys_owner_url)
    expected = ("motlan_app", "motlan_work", "motlan_owner", "motlan_keys", "motlan_keys_owner")
    for url, role in zip(urls, expected, strict=True):
        assert ask(url, "SELECT current_user") == role
        powers = "SELECT rolsuper OR rolbypassrls OR rolinherit OR rolcreaterole OR rolcreatedb FROM pg_roles"
        assert ask(url, f"{powers} WHERE rolname = current_user") is False


def test_roles_stay_in_their_own_database(standing: Embedded) -> None:
    servers = standing.start()
    for url in (
        servers.url.replace("/motlan?", "/motlan_keys?"),
        servers.keys_url.replace("/motlan_keys?", "/motlan?"),
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            ask(url, "SELECT 1")


def test_a_wrong_or_missing_password_is_refused(standing: Embedded) -> None:
    url = standing.start().url
    for wrong in (url.replace("motlan_app:", "motlan_app:x"), url.replace("motlan_app:", "postgres:")):
        with pytest.raises(Exception, match="password authentication failed"):
            ask(wrong, "SELECT 1")


def test_passwords_are_never_printed(standing: Embedded) -> None:
    servers = standing.start()
    passwords = json.loads((standing.folder / "passwords").read_text())
    assert isinstance(servers, Servers)
    assert not any(password in repr(servers) for password in passwords.values())
    assert (standing.folder / "passwords").stat().st_mode & 0o777 == 0o600


def test_folders_are_closed_and_the_socket_short(standing: Embedded) -> None:
    for name in ("cluster", "socket"):
        assert (standing.folder / name).stat().st_mode & 0o777 == 0o700
    owner = Path(f"/proc/{postmaster(standing)}").stat().st_uid
    assert owner != 0
    assert (standing.folder / "cluster").stat().st_uid == owner


def test_the_server_inherits_neither_files_nor_variables(standing: Embedded) -> None:
    server = Path(f"/proc/{postmaster(standing)}")
    environment = (server / "environ").read_bytes()
    assert b"HOME=" not in environment
    assert b"PYTEST" not in environment
    inside = (str(standing.folder), "/dev/", "socket:", "pipe:", "anon_inode:", "/memfd", "/SYSV")
    opened = [str(link.readlink()) for link in (server / "fd").iterdir()]
    assert [name for name in opened if not name.startswith(inside)] == []


def test_logs_carry_neither_statements_nor_values(standing: Embedded) -> None:
    url = standing.start().owner_url
    ask(url, "CREATE TABLE secret (name text UNIQUE)")
    for statement in (
        "INSERT INTO secret VALUES ('Trần Thị Canary'), ('Trần Thị Canary')",
        "SELECT 'Trần Thị Canary'::uuid",
        "DO $$ BEGIN RAISE WARNING 'Trần Thị Canary'; END $$; SELECT 1/0",
    ):
        with pytest.raises(DBAPIError):
            ask(url, statement)
    assert "Canary" not in (standing.folder / "server.log").read_text("utf-8")


def owned_by(uid: int) -> set[Path]:
    """What an account owns where programs usually leave things."""
    found = set()
    for folder in ("/tmp", "/dev/shm", "/var/lib", "/var/tmp", "/run"):
        for path in Path(folder).glob("*"):
            # Other programs come and go in these folders meanwhile.
            with suppress(FileNotFoundError):
                if path.lstat().st_uid == uid:
                    found.add(path)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user's server owns what that user owns")
def test_nothing_is_made_outside_the_folder(started: Embedded, box: Path) -> None:
    keep_a_row(started)
    uid = (started.folder / "cluster").stat().st_uid
    segments = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    assert owned_by(uid) == set()
    # One interlock segment of a few bytes, which holds no row.
    assert [int(size) < 1024 for _, _, _, size, *rest in segments if str(uid) in rest] == [True]
    assert [path.name for path in box.iterdir()] == ["data"]


def test_a_restart_keeps_rows_and_passwords(started: Embedded, box: Path) -> None:
    keep_a_row(started)
    before = started.start()
    started.stop()
    assert not started.running
    after = started.start()
    assert after == before
    assert kept(started) == 1


def test_starting_twice_is_one_server(standing: Embedded) -> None:
    server = postmaster(standing)
    standing.start()
    assert postmaster(standing) == server


def test_a_killed_postmaster_is_brought_back(started: Embedded) -> None:
    keep_a_row(started)
    kill_and_reap(started, postmaster(started))
    assert kept(started) == 1


def test_a_server_killed_with_all_its_children_is_brought_back(started: Embedded) -> None:
    keep_a_row(started)
    kill_and_reap(started, *processes(started), postmaster(started))
    assert kept(started) == 1


ORPHAN = """
import sys, time
from pathlib import Path
from store.embedded import Embedded
Embedded(Path(sys.argv[1]), durable=False).start()
print("up", flush=True)
time.sleep(600)
"""


def abandon(data: Path) -> None:
    """Start a server from another process, and kill that process alone."""
    child = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(data)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_server_whose_launcher_was_killed_is_ended_and_replaced(box: Path) -> None:
    abandon(box / "data")
    left = launcher._processes_of(box / "data" / "cluster")
    assert left
    server = Embedded(box / "data")
    server.start()
    try:
        assert not left & processes(server)
        assert ask(server.start().url, "SELECT 1") == 1
    finally:
        server.stop()


def test_a_pid_that_now_belongs_to_a_stranger_does_not_stop_the_start(started: Embedded) -> None:
    kill_and_reap(started, postmaster(started))
    note = started.folder / "cluster" / "postmaster.pid"
    lines = note.read_text().splitlines()
    note.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert ask(started.start().url, "SELECT 1") == 1


def test_a_killed_postmaster_nobody_has_reaped_does_not_stop_the_start(started: Embedded, box: Path) -> None:
    """Where nothing reaps orphans, as in many containers, the dead keep their numbers and their account."""
    keep_a_row(started)
    dead = postmaster(started)
    for pid in processes(started):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    remains = Path("/proc", str(dead), "stat")
    while processes(started) or remains.read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    assert started._lock is not None
    started._lock.close()
    another = Embedded(box / "data")
    try:
        assert kept(another) == 1
    finally:
        another.stop()


def test_a_birth_cut_short_leaves_nothing_half_made(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Embedded(box / "data", durable=False)
    with monkeypatch.context() as patched:
        patched.setattr(cluster, "_first_statements", lambda passwords: iter(["CREATE ROLE broken nonsense"]))
        with pytest.raises(ServerFailed, match="roles and databases"):
            server.start()
    assert not (box / "data" / "cluster").exists()
    assert ask(server.start().url, "SELECT 1") == 1
    server.stop()


def test_a_folder_in_use_is_refused(started: Embedded, box: Path) -> None:
    server = postmaster(started)
    with pytest.raises(DataFolderRefused) as refused:
        Embedded(box / "data").start()
    assert refused.value.reason == "in_use"
    assert postmaster(started) == server


def test_a_folder_of_another_major_version_is_refused_untouched(started: Embedded, box: Path) -> None:
    started.stop()
    version = box / "data" / "cluster" / "PG_VERSION"
    version.write_text("15\n")
    before = {path: path.stat().st_mtime_ns for path in (box / "data" / "cluster").rglob("*")}
    with pytest.raises(DataFolderRefused) as refused:
        started.start()
    assert (refused.value.reason, refused.value.found, refused.value.expected) == (
        "other_version",
        "15",
        "18",
    )
    assert {path: path.stat().st_mtime_ns for path in (box / "data" / "cluster").rglob("*")} == before


def test_a_folder_that_is_no_cluster_is_refused(box: Path) -> None:
    (box / "data" / "cluster").mkdir(parents=True)
    with pytest.raises(DataFolderRefused, match="not_a_cluster"):
        Embedded(box / "data").start()
    assert list((box / "data" / "cluster").iterdir()) == []
