"""Seal and open bytes. Pure: no database, clock, file or network.

Three forms, each bound by associated data to the place it was made for (`Context`), so that a row, key or
file copied to another owner, document, version or purpose does not open:

- a wrapped key: ``0x01 ‖ len ‖ key id ‖ nonce 12 ‖ AES-256-GCM``, naming the key that wrapped it;
- a sealed value, for small things held in rows: ``0x01 ‖ nonce 12 ‖ AES-256-GCM``;
- a sealed stream, for documents of any size: Tink's AES256-GCM-HKDF streaming AEAD with 64 KiB segments.

Associated data cannot stop an old value being put back in the very same place; what must not go back in time
gets a fresh version id, which the context names.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vault.errors import TamperedContent

KEY_BYTES: Final = 32
SEGMENT_BYTES: Final = 64 * 1024
"""Bytes of one sealed segment, tag included; the first one also holds the header."""

_TAG_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SALT_BYTES: Final = 32
_PREFIX_BYTES: Final = 7
HEADER_BYTES: Final = 1 + _SALT_BYTES + _PREFIX_BYTES
_MAX_SEGMENTS: Final = 2**32
_FORMAT: Final = b"\x01"
_KEY_FORMAT: Final = b"motlan-key-1"
_VALUE_FORMAT: Final = b"motlan-value-1"
_STREAM_FORMAT: Final = b"motlan-stream-1"

Cipher = Callable[[bytes, bytes, bytes], bytes]
"""One direction of AES-256-GCM under some key: nonce, content, associated data."""


@dataclass(frozen=True, slots=True)
class Context:
    """The place a sealed thing belongs to. Nothing here may ever change for the thing's lifetime.

    `key_id` names the sealing key. `document` and `version` are None for what belongs to the whole subject.
    `tenant` is reserved: empty until one instance serves several.
    """

    instance: str
    subject: UUID
    document: UUID | None
    version: UUID | None
    key_id: str
    purpose: str
    tenant: str = ""

    def encode(self, form: bytes) -> bytes:
        """The associated data: every field with its length before it, so no two contexts ever share bytes."""
        fields = (
            form,
            self.instance.encode(),
            self.tenant.encode(),
            self.subject.bytes,
            self.document.bytes if self.document else b"",
            self.version.bytes if self.version else b"",
            self.key_id.encode(),
            self.purpose.encode(),
        )
        return b"".join(struct.pack(">I", len(field)) + field for field in fields)


@dataclass(frozen=True, slots=True)
class Span:
    """Which whole segments of a sealed stream hold a range of its plaintext.

    Sealed bytes `sealed_start` up to `sealed_stop` are opened from segment `first` on; `skip` bytes of what comes
    out lie before the range. `at_end`: the stream's last segment is among them.
    """

    first: int
    sealed_start: int
    sealed_stop: int
    skip: int
    at_end: bool


def span_of(start: int, stop: int, size: int) -> Span:
    """The span of plaintext bytes `start` up to `stop` in a stream of `size` bytes of plaintext."""
    if not 0 <= start <= stop <= size:
        raise ValueError("a range lies within its stream")
    # Every segment but the last takes SEGMENT_BYTES of the file; the first one's header counts as plaintext here.
    room = SEGMENT_BYTES - _TAG_BYTES
    final = max(size + HEADER_BYTES - 1, HEADER_BYTES) // room
    first = min((start + HEADER_BYTES) // room, final)
    last = max(first, min(max(stop + HEADER_BYTES - 1, HEADER_BYTES) // room, final))
    whole = size + HEADER_BYTES + (final + 1) * _TAG_BYTES
    return Span(
        first=first,
        sealed_start=first * SEGMENT_BYTES if first else HEADER_BYTES,
        sealed_stop=whole if last == final else (last + 1) * SEGMENT_BYTES,
        skip=start - max(first * room - HEADER_BYTES, 0),
        at_end=last == final,
    )


def new_key() -> bytes:
    """A fresh 256-bit key."""
    return AESGCM.generate_key(256)


def wrap_key(kek: bytes, key: bytes, context: Context) -> bytes:
    """`key` (32 bytes) sealed under `kek`, which `context.key_id` (1–255 bytes) names inside the result."""
    return wrap_with(AESGCM(kek).encrypt, key, context)


def wrap_with(seal: Cipher, key: bytes, context: Context) -> bytes:
    """The same by a key that is elsewhere: `seal` is its AES-256-GCM, given nonce, key and associated data."""
    name = context.key_id.encode()
    if len(key) != KEY_BYTES or not 0 < len(name) < 256:
        raise ValueError("a key has 32 bytes, its id 1 to 255")
    nonce = os.urandom(_NONCE_BYTES)
    sealed = seal(nonce, key, context.encode(_KEY_FORMAT))
    return _FORMAT + bytes([len(name)]) + name + nonce + sealed


def unwrap_key(kek: bytes, wrapped: bytes, context: Context) -> bytes:
    """The key `wrap_key` sealed in this very context. Raises TamperedContent."""
    return unwrap_with(lambda nonce, sealed, bound: _decrypt(kek, nonce + sealed, bound), wrapped, context)


def unwrap_with(unseal: Cipher, wrapped: bytes, context: Context) -> bytes:
    """The same by a key that is elsewhere. Raises TamperedContent, and what `unseal` does."""
    name = wrapping_key_id(wrapped).encode()
    body = wrapped[2 + len(name) :]
    if name != context.key_id.encode() or len(body) != _NONCE_BYTES + KEY_BYTES + _TAG_BYTES:
        raise TamperedContent
    return unseal(body[:_NONCE_BYTES], body[_NONCE_BYTES:], context.encode(_KEY_FORMAT))


def wrapping_key_id(wrapped: bytes) -> str:
    """Which key wrapped this: a hint to find it, proven only by `unwrap_key`. Raises TamperedContent."""
    if len(wrapped) < 3 or wrapped[:1] != _FORMAT or not wrapped[1] or len(wrapped) < 2 + wrapped[1]:
        raise TamperedContent
    try:
        return wrapped[2 : 2 + wrapped[1]].decode()
    except UnicodeDecodeError:
        raise TamperedContent from None


def seal(key: bytes, plaintext: bytes, context: Context) -> bytes:
    """A small value sealed for its place. Its length stays visible."""
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode(_VALUE_FORMAT))


def open_sealed(key: bytes, sealed: bytes, context: Context) -> bytes:
    """The value `seal` sealed in this very context. Raises TamperedContent."""
    if sealed[:1] != _FORMAT or len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
        raise TamperedContent
    return _decrypt(key, sealed[1:], context.encode(_VALUE_FORMAT))


class SealingStream:
    """Seals a stream piece by piece in constant memory; each `update` returns what is ready to be written.

    Two streams never share a key: each derives its own from `key`, a fresh 256-bit salt and the context.
    """

    def __init__(self, key: bytes, context: Context) -> None:
        salt, prefix = os.urandom(_SALT_BYTES), os.urandom(_PREFIX_BYTES)
        self._segments = _Segments(key, salt, prefix, context)
        self._ready = bytearray([HEADER_BYTES]) + salt + prefix
        self._pending = bytearray()
        self._room = SEGMENT_BYTES - HEADER_BYTES - _TAG_BYTES

    def update(self, plaintext: bytes) -> bytes:
        """Take more plaintext; give back sealed bytes, perhaps none yet."""
        self._pending += plaintext
        # A full segment waits for one more byte: only then is it known not to be the last.
        while len(self._pending) > self._room:
            self._ready += self._segments.seal(bytes(self._pending[: self._room]), last=False)
            del self._pending[: self._room]
            self._room = SEGMENT_BYTES - _TAG_BYTES
        ready, self._ready = bytes(self._ready), bytearray()
        return ready

    def finish(self) -> bytes:
        """The rest, its last segment marked as such. The stream takes nothing more."""
        return bytes(self._ready) + self._segments.seal(bytes(self._pending), last=True)


class OpeningStream:
    """Opens a sealed stream piece by piece in constant memory.

    Every byte given back is authentic and in its place, yet only `finish` proves that none is missing: until
    it returns, what came out is a prefix. Raises TamperedContent for truncated, dropped, exchanged, repeated
    or altered segments, trailing data, another key or another context.

    With `first`, takes the stream's header and then its segments from that one on: a range is read without what
    lies before it. What is outside the range is then neither read nor vouched for.
    """

    def __init__(self, key: bytes, context: Context, first: int = 0) -> None:
        self._key = key
        self._context = context
        self._first = first
        self._segments: _Segments | None = None
        self._pending = bytearray()
        self._size = SEGMENT_BYTES - (0 if first else HEADER_BYTES)

    def update(self, sealed: bytes) -> bytes:
        """Take more sealed bytes; give back authenticated plaintext, perhaps none yet."""
        self._pending += sealed
        if self._segments is None and len(self._pending) >= HEADER_BYTES:
            self._segments = self._read_header()
        opened = bytearray()
        while self._segments is not None and len(self._pending) > self._size:
            opened += self._segments.open(bytes(self._pending[: self._size]), last=False)
            del self._pending[: self._size]
            self._size = SEGMENT_BYTES
        return bytes(opened)

    def finish(self) -> bytes:
        """The last segment's plaintext, and with it the proof that the stream is whole."""
        if self._segments is None:
            raise TamperedContent
        return self._segments.open(bytes(self._pending), last=True)

    def stop(self) -> bytes:
        """The whole segment taken last, of a stream that was cut or a range that ends before its stream does.

        Proves what came out to be authentic and in its place, and says nothing of what should follow.
        """
        if self._segments is None or len(self._pending) != self._size:
            raise TamperedContent
        opened = self._segments.open(bytes(self._pending), last=False)
        self._pending.clear()
        self._size = SEGMENT_BYTES
        return opened

    def _read_header(self) -> "_Segments":
        header = bytes(self._pending[:HEADER_BYTES])
        del self._pending[:HEADER_BYTES]
        if header[0] != HEADER_BYTES:
            raise TamperedContent
        salt, prefix = header[1 : 1 + _SALT_BYTES], header[1 + _SALT_BYTES :]
        return _Segments(self._key, salt, prefix, self._context, self._first)


class _Segments:
    """One stream's derived key and its running segment number; the number and the last mark are the nonce."""

    def __init__(self, key: bytes, salt: bytes, prefix: bytes, context: Context, first: int = 0) -> None:
        derived = HKDF(SHA256(), KEY_BYTES, salt, context.encode(_STREAM_FORMAT)).derive(key)
        self._cipher = AESGCM(derived)
        self._prefix = prefix
        self._index = first

    def seal(self, segment: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last), segment, None)

    def open(self, segment: bytes, *, last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(last), segment, None)
        except (InvalidTag, ValueError):
            # ValueError: shorter than a tag.
            raise TamperedContent from None

    def _nonce(self, last: bool) -> bytes:
        # A counter that wrapped round would repeat nonces and give up the key's secrecy (Tink once did).
        if self._index >= _MAX_SEGMENTS:
            raise OverflowError("a sealed stream holds at most 2**32 segments")
        nonce = self._prefix + struct.pack(">I?", self._index, last)
        self._index += 1
        return nonce


def _decrypt(key: bytes, body: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise TamperedContent from None
