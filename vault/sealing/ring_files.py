"""The local key ring's file: `{version, instance, keys: [{id, key}], index}`, newest key last, mode 0600.

It is never changed in place: a new file is written, synced and put under the name, and its folder synced, so that
a crash leaves the former ring or the next one, whole. Two commands never change it at once: whoever does so holds
the keys database's lock (`vault.sealing.rotation`).
"""

import base64
import binascii
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from store.disk.files import forget_drafts, sync_folder, write_new
from vault.errors import KeyRingRefused
from vault.sealing import envelope

_FILE_VERSION: Final = 1
_MAX_FILE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ring:
    """What a ring's file says. `keys` by id, in the order they came; the last one wraps, the others only unwrap."""

    instance: str
    keys: Mapping[str, bytes] = field(repr=False)
    index: bytes = field(repr=False)

    @property
    def newest(self) -> str:
        return next(reversed(list(self.keys)))


def read(path: Path) -> Ring:
    """Raises KeyRingRefused when the file is missing, malformed, a link, someone else's, or open to other users."""
    return _parsed(_read_private(path))


def create(path: Path) -> None:
    """Write a new ring with fresh keys, mode 0600. Never overwrites: raises KeyRingRefused("exists").

    Losing this file loses every document for good; `motlan keys init` says so.
    """
    ring = Ring(secrets.token_hex(16), {_new_id(): envelope.new_key()}, envelope.new_key())
    try:
        write_new(path, _written(ring))
    except FileExistsError:
        raise KeyRingRefused("exists") from None
    # What an earlier creation left behind when it was killed holds keys nobody will use.
    forget_drafts(path)


def add_key(path: Path) -> str:
    """Add a fresh key, which wraps from now on; the earlier ones stay. Returns its id once it cannot be lost.

    Raises KeyRingRefused, OSError: then nothing may be wrapped with it yet.
    """
    ring, added = read(path), _new_id()
    _put(path, replace(ring, keys={**ring.keys, added: envelope.new_key()}))
    return added


def drop_key(path: Path, key_id: str) -> None:
    """Take an earlier key out of the ring, for good; again changes nothing.

    Raises ValueError for the key that wraps, KeyRingRefused, OSError.
    """
    ring = read(path)
    if key_id == ring.newest:
        raise ValueError("the key that wraps stays")
    if key_id in ring.keys:
        _put(path, replace(ring, keys={one: key for one, key in ring.keys.items() if one != key_id}))


def _put(path: Path, ring: Ring) -> None:
    # What an earlier change left behind when it was killed holds keys.
    forget_drafts(path)
    with _drafted(path, ring) as draft:
        if _read_private(draft) != _written(ring):
            raise KeyRingRefused("malformed")
        draft.rename(path)


@contextmanager
def _drafted(path: Path, ring: Ring) -> Iterator[Path]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(draft, flags, 0o600), "wb") as file:
            file.write(_written(ring))
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _written(ring: Ring) -> bytes:
    content = {
        "version": _FILE_VERSION,
        "instance": ring.instance,
        "keys": [{"id": one, "key": _base64(key)} for one, key in ring.keys.items()],
        "index": _base64(ring.index),
    }
    return json.dumps(content, indent=1).encode("ascii")


def _read_private(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise KeyRingRefused("missing") from None
    except OSError:
        raise KeyRingRefused("permissions") from None
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
            raise KeyRingRefused("permissions")
        if found.st_uid != os.geteuid():
            raise KeyRingRefused("owner")
        return file.read(_MAX_FILE_BYTES)


def _parsed(raw: bytes) -> Ring:
    try:
        content = json.loads(raw)
        keys = {str(key["id"]): base64.b64decode(key["key"], validate=True) for key in content["keys"]}
        index = base64.b64decode(content["index"], validate=True)
        instance = content["instance"]
        known = content["version"] == _FILE_VERSION
    except (ValueError, KeyError, TypeError, binascii.Error):
        # `from None`: the parser's message would quote the file.
        raise KeyRingRefused("malformed") from None
    sizes = {len(key) for key in (*keys.values(), index)}
    whole = keys and len(keys) == len(content["keys"]) and sizes == {envelope.KEY_BYTES}
    if not (known and whole and isinstance(instance, str) and instance):
        raise KeyRingRefused("malformed")
    return Ring(instance, keys, index)


def index_message(purpose: str) -> bytes:
    """What HKDF's second half authenticates for the one block an index key is (RFC 5869 section 2.3)."""
    return index_info(purpose) + b"\x01"


def index_info(purpose: str) -> bytes:
    """What tells the blind indexes of one installation apart."""
    return b"motlan-index-1:" + purpose.encode()


def _new_id() -> str:
    return f"root-{secrets.token_hex(8)}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
