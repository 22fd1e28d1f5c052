"""Signed heads as a witness reads and signs them: C2SP signed-note, tlog-checkpoint, tlog-cosignature v1. Pure."""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_LOG, _COSIGNATURE = b"\x01", b"\x04"
MOST_PROOF_LINES = 63


class Malformed(Exception):
    """What was sent is no request, no note or no key."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log this witness knows: its origin and its Ed25519 public key."""

    origin: str
    public: bytes

    @classmethod
    def parse(cls, words: str) -> "LogKey":
        """`origin+hash+base64(0x01 ‖ key)`, as logs publish it. Raises Malformed."""
        try:
            origin, key_id, encoded = words.strip().split("+", 2)
            kind_and_key = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise Malformed from None
        key = cls(origin, kind_and_key[1:])
        if kind_and_key[:1] != _LOG or len(key.public) != 32 or key.key_id.hex() != key_id:
            raise Malformed
        return key

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.origin.encode() + b"\n" + _LOG + self.public).digest()[:4]

    def signs(self, note: "Note") -> bool:
        """Whether one of the note's signatures is this key's and holds; others are passed over."""
        for name, signature in note.signatures:
            if name == self.origin and hmac.compare_digest(signature[:4], self.key_id):
                try:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(signature[4:], note.body.encode())
                except InvalidSignature:
                    continue
                return True
        return False


@dataclass(frozen=True, slots=True)
class Note:
    """A head as sent: `body` is what is signed, `signatures` are names with key id and signature."""

    body: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """`add-checkpoint`: the size seen before, the proof from there, the head."""

    old: int
    proof: tuple[bytes, ...]
    note: Note


def read_request(body: bytes) -> Request:
    """Raises Malformed."""
    try:
        head, separator, note = body.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError:
        raise Malformed from None
    old, *lines = head.split("\n")
    if not separator or not old.startswith("old ") or len(lines) > MOST_PROOF_LINES:
        raise Malformed
    proof = tuple(_base64(line) for line in lines)
    if any(len(value) != 32 for value in proof):
        raise Malformed
    return Request(_number(old[4:]), proof, read_note(note))


def read_note(note: str) -> Note:
    """Raises Malformed."""
    body, separator, lines = note.partition("\n\n")
    body += "\n"
    if not separator or not lines.endswith("\n"):
        raise Malformed
    said = body.split("\n")
    if len(said) < 4 or not said[0] or any(ord(sign) < 0x20 for sign in body.replace("\n", "")):
        raise Malformed
    root = _base64(said[2])
    if len(root) != 32:
        raise Malformed
    return Note(body, said[0], _number(said[1]), root, _signatures(lines.removesuffix("\n").split("\n")))


class Cosigner:
    """Signs heads in one witness's name, with the time it does."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        if not name or any(sign in name for sign in " +\n\t"):
            raise Malformed
        self._private = private
        self.name = name
        self.public = private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The verifier key, for whoever is to believe this witness."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_COSIGNATURE + self.public).decode()}"

    def cosigned(self, note: Note, at: int) -> str:
        """The line to put under the note; `at` in Unix seconds."""
        message = f"cosignature/v1\ntime {at}\n{note.body}".encode()
        stamped = self.key_id + struct.pack(">Q", at) + self._private.sign(message)
        return f"— {self.name} {base64.b64encode(stamped).decode()}\n"


def _signatures(lines: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    found = []
    for line in lines:
        dash, name, encoded = (*line.split(" "), "", "")[:3]
        if dash != "—" or not name or line.count(" ") != 2:
            raise Malformed
        found.append((name, _base64(encoded)))
    return tuple(found)


def _number(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19 and str(int(digits)) == digits):
        raise Malformed
    return int(digits)


def _base64(words: str) -> bytes:
    try:
        value = base64.b64decode(words, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed from None
    # One value, one spelling.
    if base64.b64encode(value).decode() != words:
        raise Malformed
    return value
