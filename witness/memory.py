"""What a witness must never forget: the largest head of each log it has signed. Whole on disk before it answers.

A file per log, written beside and renamed, both made durable: cut off at any moment it is the former or the next.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class DataRefused(Exception):
    """The folder cannot be used: another witness holds it, or what it remembers is spoilt. Nothing is signed then."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The largest head signed of one log."""

    size: int = 0
    root: bytes = b""


class Memory:
    """One folder, one process. `signing` lets one request at a time compare, remember and sign."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._one_at_a_time = threading.Lock()
        self._hold = (folder / "lock").open("w")
        try:
            fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._hold.close()
            raise DataRefused(f"another witness serves {folder}") from None

    def close(self) -> None:
        self._hold.close()

    @contextmanager
    def signing(self) -> Iterator[None]:
        with self._one_at_a_time:
            yield

    def key(self) -> Ed25519PrivateKey:
        """This witness's own key, made on first use. Raises DataRefused for one others may read."""
        path = self._folder / "witness.key"
        if not path.exists():
            self._write(path, Ed25519PrivateKey.generate().private_bytes_raw())
        secret = path.read_bytes()
        if path.stat().st_mode & 0o077 or len(secret) != 32:
            raise DataRefused(f"{path} must be 32 bytes nobody else may read")
        return Ed25519PrivateKey.from_private_bytes(secret)

    def seen(self, origin: str) -> Seen:
        """Nothing yet for a log never seen. Raises DataRefused for what cannot be read: starting anew would let a
        log start anew."""
        try:
            found = json.loads(self._path(origin).read_text("utf-8"))
            if found["origin"] != origin:
                raise ValueError
            return Seen(int(found["size"]), bytes.fromhex(found["root"]))
        except FileNotFoundError:
            return Seen()
        except (ValueError, KeyError, TypeError, OSError) as spoilt:
            raise DataRefused(f"what is remembered of {origin} cannot be read") from spoilt

    def remember(self, origin: str, seen: Seen) -> None:
        """Returns once it is on disk. Raises OSError; then nothing may be signed."""
        words = {"origin": origin, "size": seen.size, "root": seen.root.hex()}
        self._write(self._path(origin), json.dumps(words).encode())

    def _path(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"

    def _write(self, path: Path, content: bytes) -> None:
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
