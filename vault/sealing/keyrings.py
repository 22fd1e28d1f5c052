"""The root key, which wraps every subject's key, and the secret of the blind indexes."""

import base64
import binascii
import json
import os
import secrets
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vault.errors import KeyMissing, KeyRingRefused
from vault.sealing import envelope
from vault.sealing.blob_files import sync_folder
from vault.sealing.envelope import Context

_FILE_VERSION: Final = 1
_MAX_FILE_BYTES: Final = 64 * 1024


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

    def wrap(self, key: bytes, context: Context) -> bytes:
        """`key` under the current root key; the context's key id is set by the ring."""
        ...

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """What `wrap` sealed. Raises KeyMissing (root key not in the ring) or TamperedContent."""
        ...

    def index_key(self, purpose: str) -> bytes:
        """The 256-bit key of the blind index for one purpose."""
        ...


class LocalKeyRing:
    """Root keys in a JSON file, mode 0600: `{version, instance, keys: [{id, key}], index}`, newest key last.

    Whoever reads the file reads the vault: for trials and small installations. Raises KeyRingRefused when the
    file is missing, malformed, a link, someone else's, or open to other users.
    """

    def __init__(self, path: Path) -> None:
        content = _parse(_read_private(path))
        self._keys: dict[str, bytes] = content["keys"]
        self._index: bytes = content["index"]
        self._instance: str = content["instance"]

    def __repr__(self) -> str:
        return f"LocalKeyRing({self.key_id})"

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def key_id(self) -> str:
        return next(reversed(self._keys))

    def wrap(self, key: bytes, context: Context) -> bytes:
        return envelope.wrap_key(self._keys[self.key_id], key, replace(context, key_id=self.key_id))

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        key_id = envelope.wrapping_key_id(wrapped)
        if key_id not in self._keys:
            raise KeyMissing
        return envelope.unwrap_key(self._keys[key_id], wrapped, replace(context, key_id=key_id))

    def index_key(self, purpose: str) -> bytes:
        return HKDF(SHA256(), envelope.KEY_BYTES, None, b"motlan-index-1:" + purpose.encode()).derive(
            self._index
        )


def create(path: Path) -> None:
    """Write a new ring with fresh keys, mode 0600. Never overwrites: raises KeyRingRefused("exists").

    Losing this file loses every document for good; `motlan keys init` says so.
    """
    content = {
        "version": _FILE_VERSION,
        "instance": secrets.token_hex(16),
        "keys": [{"id": f"root-{secrets.token_hex(8)}", "key": _base64(envelope.new_key())}],
        "index": _base64(envelope.new_key()),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with open(descriptor, "w", encoding="ascii") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(descriptor)
        # A link, not a rename: it fails when the name is taken, so a crash or a race never loses a ring.
        os.link(draft, path)
    except FileExistsError:
        raise KeyRingRefused("exists") from None
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


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


def _parse(raw: bytes) -> dict[str, Any]:
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
    return {"keys": keys, "index": index, "instance": instance}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
