"""Where sealed bytes rest: one file each, in a private folder, written so that an acknowledged one is kept.

Names are random and say nothing. Only ciphertext comes here; nothing here knows a key. Before a write is
acknowledged: temp file → fsync → rename → fsync of the folder. A failed fsync is a failed write and is never
tried again on that descriptor: the kernel may already have dropped the pages (PostgreSQL's lesson of 2018).
"""

import asyncio
import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from store.disk.files import make_folder, sync_folder
from vault.errors import BlobMissing, StorageFailed
from vault.sealing.blob_files import CHUNK_BYTES, PART, PartFile, SealedFile, failing, folder_of
from vault.sealing.leg_files import LegFile

_NAME: Final = re.compile(r"[0-9a-f]{32}")
_ORPHANS: Final = "orphans.json"


def new_name() -> str:
    """A name for a new blob: 128 random bits in hex."""
    return secrets.token_hex(16)


class LocalBlobs:
    """Blobs in a folder of mode 0700, files 0600, spread over two levels of sub-folders.

    Raises StorageFailed("open") when the folder is a link, not ours, or open to other users.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder
        with failing("open"):
            make_folder(folder)
            # Even if it was there: whoever made it may have crashed before syncing it.
            sync_folder(folder.parent)
            found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
        if not private or found.st_uid != os.geteuid():
            raise StorageFailed("open")

    @asynccontextmanager
    async def writing(self, name: str) -> AsyncIterator["Sink"]:
        """Write a new blob. Leaving the block keeps it for good; leaving by an exception leaves nothing.

        Raises StorageFailed; in that case too nothing is left under the name.
        """
        part = PartFile(self._root, _checked(name))
        try:
            await asyncio.to_thread(part.open)
            sink = Sink(part)
            yield sink
            await sink.finish()
        except BaseException:
            # In this thread, at once: a cancelled request must not leave its bytes behind.
            part.abandon()
            raise

    @asynccontextmanager
    async def reading(self, name: str) -> AsyncIterator[SealedFile]:
        """The blob, open for the length of the block. Raises BlobMissing or StorageFailed."""
        file = await self.open(name)
        try:
            yield file
        finally:
            file.close()

    async def open(self, name: str) -> SealedFile:
        """The blob, open until `close`: the file authenticated is then the file streamed."""
        file = SealedFile(self._root, _checked(name))
        try:
            await asyncio.to_thread(file.open)
        except BaseException:
            file.close()
            raise
        return file

    async def create(self, name: str) -> LegFile:
        """A new file, locked for its one writer, in place from the start: see `vault.sealing.leg_files`."""
        file = LegFile(self._root, _checked(name))
        try:
            await file.create()
        except BaseException:
            file.drop()
            raise
        return file

    async def resume(self, name: str) -> LegFile:
        """Such a file whose writer died. Raises BlobMissing, or BlobBusy while the writer lives."""
        file = LegFile(self._root, _checked(name))
        try:
            await file.take_over()
        except BaseException:
            file.release()
            raise
        return file

    async def remove(self, name: str) -> None:
        """Remove a blob; removing it again changes nothing. Only after its rows are gone for good."""
        await asyncio.to_thread(self._remove, _checked(name))

    async def sweep(self, known: set[str], now: datetime, grace: timedelta) -> int:
        """Remove files no row names, and half-written ones; returns how many.

        Two passes: the first notes an orphan, a later one removes it if it is still an orphan `grace` after
        it was noted. So a blob written just before its row commits is never lost. `known` must be read from
        the database before the call.
        """
        return await asyncio.to_thread(self._sweep, known, now, grace)

    def _sweep(self, known: set[str], now: datetime, grace: timedelta) -> int:
        with self._taking_turns():
            return self._sweep_alone(known, now, grace)

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """Processes that sweep the same folder write the same notes. The lock goes with its process."""
        with failing("open"):
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with failing("open"):
                fcntl.flock(root, fcntl.LOCK_EX)
            yield
        finally:
            os.close(root)

    def _sweep_alone(self, known: set[str], now: datetime, grace: timedelta) -> int:
        noted = self._noted()
        found = {
            file for file in self._files() if file.removesuffix(PART) not in known or file.endswith(PART)
        }
        due = {file for file in found if file in noted and noted[file] + grace <= now}
        for file in due:
            self._remove(file)
        self._note({file: noted.get(file, now) for file in found - due})
        return len(due)

    def _files(self) -> Iterator[str]:
        with failing("read"):
            for path in self._root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
                if _NAME.fullmatch(path.name.removesuffix(PART)):
                    yield path.name

    def _noted(self) -> dict[str, datetime]:
        # Losing these notes only delays the sweep by one grace.
        try:
            noted: dict[str, str] = json.loads((self._root / _ORPHANS).read_text("ascii"))
            return {file: datetime.fromisoformat(at) for file, at in noted.items()}
        except (OSError, ValueError):
            return {}

    def _note(self, orphans: dict[str, datetime]) -> None:
        draft = self._root / f"{_ORPHANS}{PART}"
        with failing("write"):
            draft.write_text(json.dumps({file: at.isoformat() for file, at in orphans.items()}), "ascii")
            draft.replace(self._root / _ORPHANS)

    def _remove(self, file: str) -> None:
        with failing("write"), suppress(FileNotFoundError), folder_of(self._root, file) as folder:
            os.unlink(file, dir_fd=folder)
            os.fsync(folder)


class Sink:
    """Takes a new blob's bytes; gathers them into chunks so the disk is not asked for every segment."""

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._gathered = bytearray()

    async def write(self, sealed: bytes) -> None:
        """Raises StorageFailed."""
        self._gathered += sealed
        if len(self._gathered) >= CHUNK_BYTES:
            await self._flush()

    async def finish(self) -> None:
        """Called on leaving `writing`."""
        await self._flush()
        await asyncio.to_thread(self._part.keep)

    async def _flush(self) -> None:
        gathered, self._gathered = bytes(self._gathered), bytearray()
        await asyncio.to_thread(self._part.write, gathered)


def _checked(name: str) -> str:
    # Names come from our own rows; whoever can write rows must still not reach other files.
    if not _NAME.fullmatch(name):
        raise BlobMissing
    return name
