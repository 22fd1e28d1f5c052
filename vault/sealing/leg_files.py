"""A sealed file that arrives in the open: written by one process at a time, kept up to where it got.

It lies under its final name from the start, because a row decides what it is and how much of it counts. Its writer
holds a lock on it that goes with the process, however that ends: an unlocked file nobody has closed was left
behind by a dead one.
"""

import asyncio
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from vault.errors import BlobBusy
from vault.sealing.blob_files import CHUNK_BYTES, failing, folder_of, make_folder, missing
from vault.sealing.envelope import SEGMENT_BYTES

_FLAGS: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class LegFile:
    """Locked from `create` or `take_over` until `release` or `drop`. What is written is gathered into chunks.

    Raises StorageFailed throughout. The inner lock is held for `SealedFile`'s reason.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._root = root
        self._descriptor = -1
        self._closed = False
        self._gathered = bytearray()
        self._lock = threading.Lock()

    async def create(self) -> None:
        """A new, empty file."""
        await asyncio.to_thread(self._create)

    async def take_over(self) -> None:
        """A file a dead process left behind. Raises BlobMissing, or BlobBusy while its writer lives."""
        await asyncio.to_thread(self._take_over)

    async def write(self, sealed: bytes) -> None:
        self._gathered += sealed
        if len(self._gathered) >= CHUNK_BYTES:
            await self._flush()

    async def keep(self) -> None:
        """Make what was written last. Still locked: the row that says so comes next."""
        await self._flush()
        await asyncio.to_thread(self._sync)

    async def segment(self, index: int) -> bytes:
        """The sealed bytes of one segment; fewer than a segment's at the file's end."""
        return await asyncio.to_thread(self._read, index * SEGMENT_BYTES)

    async def cut(self, segments: int) -> None:
        """Forget what follows the first so many whole segments."""
        await asyncio.to_thread(self._cut, segments * SEGMENT_BYTES)

    def release(self) -> None:
        """Let go of it as it lies. Doing it again changes nothing."""
        with self._lock:
            self._close()

    def drop(self) -> None:
        """Remove it, in this thread and at once: a cancelled request must not leave its bytes behind."""
        with self._lock:
            if not self._closed:
                with suppress(OSError), folder_of(self._root, self.name) as folder:
                    os.unlink(self.name, dir_fd=folder)
            self._close()

    def _create(self) -> None:
        with self._lock, failing("open"):
            folder = make_folder(self._root, self.name)
            try:
                if not self._closed:
                    self._descriptor = os.open(
                        self.name, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder
                    )
                    fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(folder)

    def _take_over(self) -> None:
        with self._lock, failing("open"), missing(), folder_of(self._root, self.name) as folder:
            if self._closed:
                return
            self._descriptor = os.open(self.name, _FLAGS, dir_fd=folder)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._close()
                raise BlobBusy from None

    async def _flush(self) -> None:
        gathered, self._gathered = bytes(self._gathered), bytearray()
        await asyncio.to_thread(self._write, gathered)

    def _write(self, chunk: bytes) -> None:
        with self._lock, failing("write"):
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def _read(self, position: int) -> bytes:
        with self._lock, failing("read"):
            return os.pread(self._descriptor, SEGMENT_BYTES, position)

    def _cut(self, size: int) -> None:
        with self._lock, failing("write"):
            os.ftruncate(self._descriptor, size)
            os.fsync(self._descriptor)

    def _sync(self) -> None:
        with self._lock, failing("sync"):
            os.fsync(self._descriptor)
            with folder_of(self._root, self.name) as folder:
                os.fsync(folder)

    def _close(self) -> None:
        self._closed = True
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)
