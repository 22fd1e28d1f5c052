"""Sealed files copied for a backup, and back. Ciphertext only: nothing here knows a key."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from store.backup.folder import Draft
from store.disk.files import sync_folder
from store.errors import BackupRefused
from vault.errors import BlobMissing
from vault.sealing.blob_files import CHUNK_BYTES
from vault.sealing.blobs import LocalBlobs

FOLDER: Final = "blobs"

OF_PAPERS: Final = "SELECT blob FROM document_versions WHERE blob IS NOT NULL"
OF_UPLOADS: Final = "SELECT blob FROM uploads WHERE blob IS NOT NULL"
"""What rows name. A paper's file outlives its row by a day; one not used yet may go at any moment, with its row."""

FORGET_UPLOADS: Final = "DELETE FROM uploads WHERE blob IS NULL OR NOT blob = ANY(CAST(:names AS text[]))"
"""After a restore: what had not arrived, or whose file was gone before it was copied. It is sent again."""

Told = Callable[[int, int], None]


async def copy_files(
    blobs: LocalBlobs, papers: Iterable[str], uploads: Iterable[str], draft: Draft, told: Told
) -> int:
    """Copy what a dump names; returns how many files of papers were not there. Raises StorageFailed, OSError."""
    needed = set(papers)
    names, missing = [*sorted(needed), *sorted(set(uploads) - needed)], 0
    for number, name in enumerate(names, 1):
        try:
            async with blobs.reading(name) as file:
                with draft.writing(place(name)) as sheet:
                    async for chunk in file.chunks():
                        await asyncio.to_thread(sheet.write, chunk)
        except BlobMissing:
            missing += name in needed
        told(number, len(names))
    return missing


def place(name: str) -> str:
    """Where a file rests, in a backup as in the platform's own folder."""
    return f"{FOLDER}/{name[:2]}/{name[2:4]}/{name}"


def put_back(source: Path, into: Path, path: str, digest: str) -> None:
    """Copy one file out of a backup, on the disk and as its sum says when this returns. Blocks.

    Raises BackupRefused("altered").
    """
    target = into / path.removeprefix(f"{FOLDER}/")
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    found = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (source / path).open("rb") as file, open(os.open(target, flags, 0o600), "wb") as copied:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
            copied.write(chunk)
        copied.flush()
        os.fsync(copied.fileno())
    if found.hexdigest() != digest:
        raise BackupRefused("altered", path)


def begin_folder(folder: Path) -> None:
    """An empty folder for files, whatever an earlier restore left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)


def give_name(folder: Path, name: Path) -> None:
    """What was put back becomes the platform's own. `name` is absent, empty, or of an earlier restore."""
    for level, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(level))
    if name.exists():
        shutil.rmtree(name)
    folder.rename(name)
    sync_folder(name.parent)
