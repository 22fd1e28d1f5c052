"""A ZIP put together while it is sent: nothing of it is kept, and it has no end before everything is in it.

Readers of ZIPs find entries by the directory at the end. A file that was cut off has none, so it is a broken file and
never a smaller one.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import IO, Final, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

_PRIVATE: Final = 0o600 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """What was put in under this name."""

    name: str
    sha256: str
    size_bytes: int


class Archive:
    """One entry after the other: `start`, `write` as often as needed, `end`; then `finish`. After each of them
    `taken` has what is ready to be sent. `abandon` in every other case."""

    def __init__(self, at: datetime) -> None:
        self._ready = _Ready()
        # A stream that cannot be sought: sizes and checksums follow each entry's bytes.
        self._zip = ZipFile(cast(IO[bytes], self._ready), "w")
        self._at = at
        self._open: tuple[str, IO[bytes]] | None = None
        self._digest = sha256()
        self._size_bytes = 0

    def start(self, name: str, size_bytes: int | None = None) -> None:
        """`size_bytes` of what comes as it is; without, it is packed. `name` is ours: ASCII, no way out of the folder
        it is unpacked in."""
        at = self._at
        info = ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
        info.external_attr = _PRIVATE
        info.compress_type = ZIP_DEFLATED if size_bytes is None else ZIP_STORED
        info.file_size = size_bytes or 0
        self._open = name, self._zip.open(info, "w")
        self._digest, self._size_bytes = sha256(), 0

    def write(self, piece: bytes) -> None:
        _, entry = self._open or (None, None)
        if entry is None:
            raise ValueError("no entry is open")
        entry.write(piece)
        self._digest.update(piece)
        self._size_bytes += len(piece)

    def end(self) -> Entry:
        if self._open is None:
            raise ValueError("no entry is open")
        (name, entry), self._open = self._open, None
        entry.close()
        return Entry(name, self._digest.hexdigest(), self._size_bytes)

    def finish(self) -> None:
        """Write the directory: only now it is a ZIP."""
        self._zip.close()

    def abandon(self) -> None:
        """Let go of everything; what is still ready is never sent. After `finish` this changes nothing."""
        if self._open is not None:
            (_, entry), self._open = self._open, None
            entry.close()
        self._zip.close()
        self._ready.taken()

    def taken(self) -> bytes:
        """What became ready since the last time."""
        return self._ready.taken()


class _Ready:
    """Where the ZIP is written to: what cannot tell where it is, and so is never gone back in."""

    def __init__(self) -> None:
        self._gathered = bytearray()

    def write(self, piece: bytes) -> int:
        self._gathered += piece
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        gathered, self._gathered = bytes(self._gathered), bytearray()
        return gathered
