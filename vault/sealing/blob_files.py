"""One sealed file on disk, being written or open for reading, and the folder it lies in.

What blocks here is called in a thread; `vault.sealing.blobs` gives the asynchronous face.

Folders are walked by descriptor and never through links, so nobody who plants one leads a write elsewhere.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vault.errors import BlobMissing, StorageFailed

CHUNK_BYTES: Final = 1024 * 1024
"""How much is written or read at once: what a transfer holds in memory."""

PART: Final = ".part"
"""Ends the name of a file not yet whole."""


class SealedFile:
    """An open blob, readable from its start as often as needed."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name
        self._descriptor = -1
        self._closed = False
        # A cancelled request leaves its thread running: without the lock, the thread's descriptor could close
        # under it and its number be given to another file.
        self._lock = threading.Lock()

    def open(self) -> None:
        """Blocking; called by `LocalBlobs.open`."""
        with self._lock, failing("read"), missing(), folder_of(self._root, self._name) as folder:
            if not self._closed:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                self._descriptor = os.open(self._name, flags, dir_fd=folder)

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The sealed bytes from the first to the last, or those between two places. Raises StorageFailed."""
        while stop is None or start < stop:
            most = CHUNK_BYTES if stop is None else min(CHUNK_BYTES, stop - start)
            chunk = await asyncio.to_thread(self._read, start, most)
            if not chunk:
                return
            start += len(chunk)
            yield chunk

    def close(self) -> None:
        """Closing again changes nothing."""
        with self._lock:
            self._closed = True
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _read(self, position: int, most: int) -> bytes:
        with self._lock, failing("read"):
            return os.pread(self._descriptor, most, position)


class PartFile:
    """A blob being written beside its final place. Every method blocks, and holds the lock for `SealedFile`'s
    reason."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name
        self._descriptor = self._folder = -1
        self._abandoned = False
        self._lock = threading.Lock()

    def open(self) -> None:
        with self._lock, failing("open"):
            if self._abandoned:
                return
            self._folder = make_folder(self._root, self._name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._name + PART, flags, 0o600, dir_fd=self._folder)
            # Rename replaces silently, so a taken name is refused here; the exclusive part keeps others out.
            if _exists(self._name, self._folder):
                raise FileExistsError

    def write(self, chunk: bytes) -> None:
        with self._lock, failing("write"):
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def keep(self) -> None:
        with self._lock:
            with failing("sync"):
                os.fsync(self._descriptor)
            with failing("place"):
                os.rename(self._name + PART, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                try:
                    os.fsync(self._folder)
                except OSError:
                    os.unlink(self._name, dir_fd=self._folder)
                    raise
            self._close()

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            if self._descriptor >= 0:
                with suppress(OSError):
                    os.unlink(self._name + PART, dir_fd=self._folder)
            self._close()

    def _close(self) -> None:
        for descriptor in (self._descriptor, self._folder):
            if descriptor >= 0:
                with suppress(OSError):
                    os.close(descriptor)
        self._descriptor = self._folder = -1


@contextmanager
def folder_of(root: Path, name: str) -> Iterator[int]:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for level in (name[:2], name[2:4]):
            outer, folder = folder, _descend(folder, level)
            os.close(outer)
        yield folder
    finally:
        os.close(folder)


@contextmanager
def failing(step: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(step) from error


def make_folder(root: Path, name: str) -> int:
    """An open descriptor of the blob's folder, made on the way.

    Each level is synced even if it was there: whoever made it may have crashed before syncing it.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    for level in (name[:2], name[2:4]):
        try:
            with suppress(FileExistsError):
                os.mkdir(level, 0o700, dir_fd=folder)
            os.fsync(folder)
            inner = _descend(folder, level)
        finally:
            os.close(folder)
        folder = inner
    return folder


def _descend(folder: int, level: str) -> int:
    return os.open(level, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)


@contextmanager
def missing() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise BlobMissing from None


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
