"""The root key, which wraps every subject's key, and the secret of the blind indexes."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from store.disk.files import sync_folder
from vault.errors import KeyMissing, KeyRingRefused
from vault.sealing import envelope, ring_files
from vault.sealing.envelope import Context
from vault.sealing.ring_files import Ring


class KeyRing(Protocol):
    """Holder of the root key, in a file or in a hardware module.

    `instance` names this installation for good: it is bound into everything sealed below the root key.
    """

    @property
    def instance(self) -> str: ...

    @property
    def key_id(self) -> str:
        """The root key new wraps are made with; older ones only unwrap."""
        ...

    async def wrapped(self, key: bytes, context: Context) -> bytes:
        """`key` under the current root key; the context's key id is set by the ring.

        Raises TemporarilyUnavailable when the module that holds it does not answer, as `unwrapped` does.
        """
        ...

    async def unwrapped(self, wrapped: bytes, context: Context) -> bytes:
        """What `wrapped` sealed. Raises KeyMissing (root key not in the ring) or TamperedContent."""
        ...

    def index_key(self, purpose: str) -> bytes:
        """The 256-bit key of the blind index for one purpose."""
        ...


class KeptRing(KeyRing, Protocol):
    """A ring an operator's command may change. Its calls block."""

    def key_ids(self) -> list[str]:
        """Every root key, the one that wraps last."""
        ...

    def add_key(self) -> str:
        """Add a fresh key, which wraps from now on. Returns its id once it cannot be lost."""
        ...

    def drop_key(self, key_id: str) -> None:
        """Take an earlier key out, for good; again changes nothing. Raises ValueError for the key that wraps."""
        ...


class LocalKeyRing:
    """Root keys in a file (`vault.sealing.ring_files`), read again whenever another one lies under its name: a key
    added or retired beside a running server counts there from the next wrap on.

    Whoever reads the file reads the vault: for trials and small installations. Raises KeyRingRefused as
    `ring_files.read` does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Noted before reading: a ring put there in between is read again.
        self._read_as = _state_of(path)
        self._ring = ring_files.read(path)

    def __repr__(self) -> str:
        return f"LocalKeyRing({self.key_id})"

    @property
    def instance(self) -> str:
        return self._ring.instance

    @property
    def key_id(self) -> str:
        return self._current().newest

    async def wrapped(self, key: bytes, context: Context) -> bytes:
        return self.wrap(key, context)

    async def unwrapped(self, wrapped: bytes, context: Context) -> bytes:
        return self.unwrap(wrapped, context)

    def key_ids(self) -> list[str]:
        return list(ring_files.read(self._path).keys)

    def add_key(self) -> str:
        return ring_files.add_key(self._path)

    def drop_key(self, key_id: str) -> None:
        ring_files.drop_key(self._path, key_id)

    def wrap(self, key: bytes, context: Context) -> bytes:
        ring = self._current()
        return envelope.wrap_key(ring.keys[ring.newest], key, replace(context, key_id=ring.newest))

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        key_id = envelope.wrapping_key_id(wrapped)
        key = self._current().keys.get(key_id)
        if key is None:
            raise KeyMissing
        return envelope.unwrap_key(key, wrapped, replace(context, key_id=key_id))

    def index_key(self, purpose: str) -> bytes:
        return HKDF(SHA256(), envelope.KEY_BYTES, None, ring_files.index_info(purpose)).derive(
            self._ring.index
        )

    def _current(self) -> Ring:
        state = _state_of(self._path)
        if state != self._read_as:
            # A ring that cannot be used at this moment, or is another installation's, leaves the last one in force:
            # somebody copying files by hand must not stop what is being served.
            with suppress(KeyRingRefused):
                found = ring_files.read(self._path)
                if (found.instance, found.index) == (self._ring.instance, self._ring.index):
                    self._read_as, self._ring = state, found
        return self._ring


class MovingRing:
    """A token's ring that goes on from a file's: it wraps in the token, and opens what the file's keys wrapped for as
    long as the file is there. Raises KeyRingRefused("instance") where they are not of one installation."""

    def __init__(self, token: KeptRing, path: Path) -> None:
        self._token = token
        self._path = path
        self._file = LocalKeyRing(path)
        if (self._file.instance, self._file.index_key("check")) != (token.instance, token.index_key("check")):
            raise KeyRingRefused("instance")

    @property
    def instance(self) -> str:
        return self._token.instance

    @property
    def key_id(self) -> str:
        return self._token.key_id

    async def wrapped(self, key: bytes, context: Context) -> bytes:
        return await self._token.wrapped(key, context)

    async def unwrapped(self, wrapped: bytes, context: Context) -> bytes:
        with suppress(KeyMissing):
            return self._file.unwrap(wrapped, context)
        return await self._token.unwrapped(wrapped, context)

    def index_key(self, purpose: str) -> bytes:
        return self._token.index_key(purpose)

    def key_ids(self) -> list[str]:
        return [*self._of_file(), *self._token.key_ids()]

    def add_key(self) -> str:
        return self._token.add_key()

    def drop_key(self, key_id: str) -> None:
        left = self._of_file()
        if left == [key_id]:
            # The last of it; its instance and index secret are the token's.
            self._path.unlink()
            sync_folder(self._path.parent)
        elif key_id in left:
            ring_files.drop_key(self._path, key_id)
        else:
            self._token.drop_key(key_id)

    def _of_file(self) -> list[str]:
        return self._file.key_ids() if self._path.exists() else []


def _state_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
