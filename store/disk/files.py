"""Small files that must outlast a crash of the machine: written whole or not at all, with the folders above them.

A file is there after a crash only when its bytes, its name in its folder, and that folder's name in the next one up
have each been synced.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """The folder, made now where it is missing, and those above it, as the account makes folders. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent, 0o777)
    with suppress(FileExistsError):
        folder.mkdir(mode)
    sync_folder(folder.parent)


def write_new(path: Path, content: bytes) -> None:
    """A private file under a name not taken yet. Returns once it cannot be lost.

    Raises FileExistsError, and OSError when the disk fails; then nothing is left under the name.
    """
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_synced(draft, content)
        # A link, not a rename: it fails when the name is taken, so a race never replaces what somebody uses.
        os.link(draft, path)
    except FileNotFoundError:
        # Whoever won the race has cleaned up behind us.
        if not path.exists():
            raise
        raise FileExistsError from None
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    """A private new file whose bytes outlast a crash; its name does once its folder is synced. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def forget_drafts(path: Path) -> None:
    """Remove what writers of this file left when they were killed. Only where the file itself is there."""
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """The names in a folder, as they are now, outlast a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
