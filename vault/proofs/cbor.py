"""The little of CBOR (RFC 8949) that attestations are made of. Pure.

Written here because reading is the hard half: what a general reader is glad to understand (indefinite lengths, tags
that build objects or share references, a key given twice) is a way for two programs to read two things.
"""

import struct
from typing import Any, Final

from vault.errors import ProofFault, ProofRefused

MAX_DEPTH: Final = 8
SIGN1_TAG: Final = 18
"""COSE_Sign1 (RFC 9052, section 4.2)."""


class Tagged:
    """A value under a tag: only COSE_Sign1's is written or read."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def encode(value: Any) -> bytes:
    """Definite lengths, shortest heads, keys in the order of their bytes (RFC 8949, section 4.2.1).

    Raises ValueError for what has no place in an attestation: sets, dates, infinities, integers beyond 64 bits.
    """
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case None:
            return b"\xf6"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case float() if value - value == 0:
            return b"\xfb" + struct.pack(">d", value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            octets = value.encode("utf-8")
            return _head(3, len(octets)) + octets
        case list() | tuple():
            return _head(4, len(value)) + b"".join(encode(one) for one in value)
        case dict():
            pairs = sorted((encode(name), encode(one)) for name, one in value.items())
            return _head(5, len(pairs)) + b"".join(name + one for name, one in pairs)
        case Tagged():
            return _head(6, SIGN1_TAG) + encode(value.value)
    raise ValueError("no value of an attestation")


def decode(octets: bytes) -> Any:
    """The one value in these octets, all of them. Raises ProofRefused with what is wrong."""
    reader = _Reader(octets)
    value = reader.value(MAX_DEPTH)
    if reader.at != len(octets):
        raise ProofRefused(ProofFault.TRAILING)
    return value


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | extra]) + number.to_bytes(size, "big")
    raise ValueError("an integer beyond 64 bits")


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.at = 0

    def value(self, depth: int) -> Any:
        if depth == 0:
            raise ProofRefused(ProofFault.ENCODING)
        initial = self._take(1)[0]
        major, info = initial >> 5, initial & 31
        if major == 7:
            return self._simple(info)
        number = self._number(info)
        match major:
            case 0:
                return number
            case 1:
                return -1 - number
            case 2:
                return self._take(number)
            case 3:
                return self._text(number)
            case 4:
                return [self.value(depth - 1) for _ in range(self._counted(number))]
            case 5:
                return self._map(self._counted(number), depth)
        if number != SIGN1_TAG:
            raise ProofRefused(ProofFault.ENCODING)
        return Tagged(self.value(depth - 1))

    def _map(self, pairs: int, depth: int) -> dict[int | str, Any]:
        found: dict[int | str, Any] = {}
        for _ in range(pairs):
            name = self.value(depth - 1)
            if type(name) not in (int, str):
                raise ProofRefused(ProofFault.ENCODING)
            if name in found:
                raise ProofRefused(ProofFault.DUPLICATE_KEY)
            found[name] = self.value(depth - 1)
        return found

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info == 31:
            raise ProofRefused(ProofFault.INDEFINITE_LENGTH)
        if info != 27:
            raise ProofRefused(ProofFault.ENCODING)
        number: float = struct.unpack(">d", self._take(8))[0]
        if number - number != 0:
            raise ProofRefused(ProofFault.ENCODING)
        return number

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info == 31:
            raise ProofRefused(ProofFault.INDEFINITE_LENGTH)
        if info > 27:
            raise ProofRefused(ProofFault.ENCODING)
        size = 1 << info - 24
        number = int.from_bytes(self._take(size), "big")
        # The shortest head alone: one number, one spelling.
        if number < (24 if size == 1 else 1 << 4 * size):
            raise ProofRefused(ProofFault.ENCODING)
        return number

    def _counted(self, number: int) -> int:
        # Every member takes a byte at least: a count beyond what is left is a lie told to make us reserve memory.
        if number > len(self._octets) - self.at:
            raise ProofRefused(ProofFault.ENCODING)
        return number

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode("utf-8")
        except UnicodeDecodeError:
            raise ProofRefused(ProofFault.ENCODING) from None

    def _take(self, size: int) -> bytes:
        taken = self._octets[self.at : self.at + size]
        if len(taken) != size:
            raise ProofRefused(ProofFault.ENCODING)
        self.at += size
        return taken


_SIMPLE: Final[dict[int, Any]] = {20: False, 21: True, 22: None}
