"""A backup's folder: files that are written once, their hashes in `SHA256SUMS`, and a signed manifest over those.

It is written as NAME.new, 0700 and its files 0600, and takes its name once everything in it is on the disk: what has
the name is whole. `sha256sum -c SHA256SUMS` reads the sums too. Everything here blocks.
"""

import base64
import binascii
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from store.checkpoints import LogKey, LogSigner
from store.disk.files import sync_folder, write_synced
from store.errors import BackupRefused, CheckpointRefused

FORMAT: Final = 1
SUMS: Final = "SHA256SUMS"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"

_CHUNK: Final = 1024 * 1024
_NOTE: Final = ".unfinished"
_MOST_MANIFEST: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is of; nothing in it names a person.

    `kind`: platform or keys. `backup`: the same for both of one command. `instance`: the key ring's name. `revision`:
    of the database's schema. `tables`: rows of each. `sequences`: the last number each gave. `checkpoint`: the newest
    signed head of the log. `missing`: files its rows name that were not there.
    """

    kind: str
    backup: str
    platform: str
    taken_at: str
    instance: str
    origin: str
    revision: str
    tables: Mapping[str, int]
    sequences: Mapping[str, int]
    checkpoint: str | None = None
    missing: int = 0
    files: int = 0
    size_bytes: int = 0
    sums: str = ""
    format: int = FORMAT


class Draft:
    """A backup being written. Leaving the block without `keep` leaves nothing under the name."""

    def __init__(self, target: Path, backup: str) -> None:
        self.target = target
        self.backup = backup
        self.folder = target.with_name(f"{target.name}.new")
        self.files = self.size_bytes = 0
        self._note = -1
        self._sums: IO[bytes]

    def __enter__(self) -> "Draft":
        """Raises BackupRefused: exists (there is something under the name), busy (another command writes it)."""
        if self.target.exists():
            raise BackupRefused("exists", str(self.target))
        if self.folder.exists():
            _drop_earlier(self.folder)
        self.folder.mkdir(mode=0o700)
        self._note = os.open(self.folder / _NOTE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._note, fcntl.LOCK_EX)
        os.write(self._note, self.backup.encode())
        self._sums = open(os.open(self.folder / SUMS, _NEW, 0o600), "wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sums.close()
        os.close(self._note)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator["Sheet"]:
        """A new file of the backup; on leaving the block it is on the disk, and in the sums."""
        place = self.folder / path
        for level in reversed(place.relative_to(self.folder).parents):
            (self.folder / level).mkdir(mode=0o700, exist_ok=True)
        with open(os.open(place, _NEW, 0o600), "wb") as file:
            sheet = Sheet(file)
            yield sheet
            file.flush()
            os.fsync(file.fileno())
        self.files += 1
        self.size_bytes += sheet.size_bytes
        self._sums.write(f"{sheet.digest}  {path}\n".encode())

    def finish(self, facts: Manifest, signer: LogSigner) -> None:
        """Write sums, manifest and signature; what is left to do is giving the name."""
        self._sums.flush()
        os.fsync(self._sums.fileno())
        counted = {"files": self.files, "size_bytes": self.size_bytes, "sums": _digest(self.folder / SUMS)}
        content = json.dumps(asdict(facts) | counted, indent=1, sort_keys=True).encode()
        write_synced(self.folder / MANIFEST, content)
        write_synced(self.folder / SIGNATURE, base64.b64encode(signer.vouch(content)) + b"\n")
        for folder, _, _ in os.walk(self.folder, topdown=False):
            sync_folder(Path(folder))

    def keep(self) -> None:
        """Give the folder its name."""
        self.folder.rename(self.target)
        (self.target / _NOTE).unlink()
        sync_folder(self.target)
        sync_folder(self.target.parent)


@dataclass(slots=True)
class Sheet:
    """One file being written and hashed."""

    file: IO[bytes] = field(repr=False)
    size_bytes: int = 0
    _hash: Any = field(default_factory=hashlib.sha256, repr=False)

    @property
    def digest(self) -> str:
        digest: str = self._hash.hexdigest()
        return digest

    def write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        self.file.write(chunk)


def drop_twin(target: Path, other: Path) -> None:
    """A command killed between giving two folders their names left `target` whole and `other` as a draft: it was of
    that draft, and nobody was told of it. Another backup under the name stays."""
    try:
        begun = (other.with_name(f"{other.name}.new") / _NOTE).read_text("ascii")
        whole = json.loads((target / MANIFEST).read_bytes())["backup"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if begun and begun == whole and not other.exists():
        shutil.rmtree(target)


def read(folder: Path, kind: str, key: LogKey) -> Manifest:
    """The manifest of a whole backup, signed by this platform.

    Raises BackupRefused: absent, form (no manifest of ours), signature (altered, or another platform's key), kind,
    version (a later format).
    """
    content, signature = _content(folder / MANIFEST), _content(folder / SIGNATURE)
    try:
        signed = key.vouched(content, base64.b64decode(signature, validate=False))
        given = json.loads(content)
    except (ValueError, binascii.Error, CheckpointRefused):
        raise BackupRefused("form", str(folder)) from None
    if not signed:
        raise BackupRefused("signature", str(folder))
    if given.get("format") != FORMAT:
        raise BackupRefused("version", str(folder))
    if given.get("kind") != kind:
        raise BackupRefused("kind", str(folder))
    return Manifest(**given)


def check(folder: Path, manifest: Manifest) -> Iterator[int]:
    """Compare every file with its sum; yields how many were. Nothing may be missing, altered, or there besides.

    Raises BackupRefused: missing, altered, extra; each with the file.
    """
    if _digest_if_there(folder, SUMS) != manifest.sums:
        raise BackupRefused("altered", SUMS)
    count = 0
    for path, expected in sums(folder):
        found = _digest_if_there(folder, path)
        if found != expected:
            raise BackupRefused("altered", path)
        count += 1
        yield count
    if count != manifest.files:
        raise BackupRefused("altered", SUMS)
    # Every file of the sums is there; one more means one that nobody signed.
    if sum(one not in _OURS for one in _files(folder)) != count:
        known = _OURS | {path for path, _ in sums(folder)}
        raise BackupRefused("extra", next((one for one in _files(folder) if one not in known), ""))


def sums(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file of the backup with its SHA-256, in hex. Raises BackupRefused("form")."""
    with (folder / SUMS).open(encoding="utf-8") as lines:
        for line in lines:
            digest, separator, path = line.rstrip("\n").partition("  ")
            parts = Path(path).parts
            if not separator or not parts or Path(path).is_absolute() or ".." in parts:
                raise BackupRefused("form", SUMS)
            yield path, digest


def _files(folder: Path) -> Iterator[str]:
    for base, inner, files in os.walk(folder):
        links = [one for one in inner if Path(base, one).is_symlink()]
        yield from (str(Path(base, one).relative_to(folder)) for one in (*files, *links))


_OURS: Final = frozenset({SUMS, MANIFEST, SIGNATURE, _NOTE})
"""The note too: a command killed between naming the folder and taking it away had finished."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def _drop_earlier(folder: Path) -> None:
    """What a killed command left. Anything else under the name is somebody's, and stays."""
    try:
        note = os.open(folder / _NOTE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise BackupRefused("exists", str(folder)) from None
    try:
        fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BackupRefused("busy", str(folder)) from None
    finally:
        os.close(note)
    shutil.rmtree(folder)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_MANIFEST + 1)
    except OSError:
        raise BackupRefused("absent", str(path)) from None
    if len(content) > _MOST_MANIFEST:
        raise BackupRefused("form", str(path))
    return content


def _digest_if_there(folder: Path, path: str) -> str:
    try:
        if not stat.S_ISREG((folder / path).lstat().st_mode):
            raise BackupRefused("altered", path)
        return _digest(folder / path)
    except FileNotFoundError:
        raise BackupRefused("missing", path) from None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
