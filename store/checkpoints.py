"""Signed heads of the log: C2SP tlog-checkpoint in a signed note, Ed25519. No database, no clock.

    kho.example.gov.vn/nhat-ky        origin
    1000                              leaves
    Y4r6mAIp…=                        root
                                      blank
    — kho.example.gov.vn/nhat-ky …=   key id (4 bytes) and signature, base64

The signing key is its own file, 0600: neither the database nor its backups can sign a rewritten history.
"""

import base64
import binascii
import hashlib
import hmac
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from store.disk.files import forget_drafts, write_new
from store.errors import CheckpointRefused

_ED25519 = b"\x01"


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says: the log `origin` held `size` leaves under `root`."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class LogKey:
    """Whoever may check the log's heads: its name and Ed25519 public key (32 bytes)."""

    origin: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.origin.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The verifier key as notes publish it: `name+hash+base64(type ‖ key)`."""
        return f"{self.origin}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, words: str) -> "LogKey":
        """Read `text` back. Raises CheckpointRefused("key")."""
        try:
            origin, key_id, encoded = words.strip().split("+", 2)
            kind_and_key = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise CheckpointRefused("key") from error
        key = cls(origin, kind_and_key[1:])
        if kind_and_key[:1] != _ED25519 or len(key.public) != 32 or key.key_id.hex() != key_id:
            raise CheckpointRefused("key")
        return key

    def opened(self, note: str) -> TreeHead:
        """The head a note signs under this key; other signatures on it are ignored.

        Raises CheckpointRefused: form, origin, key (not signed by this one), signature.
        """
        body, separator, signatures = note.partition("\n\n")
        body += "\n"
        if not separator or not signatures.endswith("\n"):
            raise CheckpointRefused("form")
        head = _parse_body(body)
        if head.origin != self.origin:
            raise CheckpointRefused("origin")
        signature = self._own_signature(signatures)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, body.encode())
        except InvalidSignature as error:
            raise CheckpointRefused("signature") from error
        return head

    def vouched(self, statement: bytes, signature: bytes) -> bool:
        """Whether `LogSigner.vouch` made this signature, under this key and for this platform."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, self.statement(statement))
        except InvalidSignature:
            return False
        return True

    def statement(self, content: bytes) -> bytes:
        """What is signed for content that is no head: the first line can be no head's, whose origin has no blank."""
        return f"motlan statement\n{self.origin}\n".encode() + hashlib.sha256(content).digest()

    def _own_signature(self, lines: str) -> bytes:
        for line in lines.splitlines():
            try:
                dash, name, encoded = line.split(" ")
                decoded = base64.b64decode(encoded, validate=True)
            except (ValueError, binascii.Error) as error:
                raise CheckpointRefused("form") from error
            if dash != "—":
                raise CheckpointRefused("form")
            if name == self.origin and hmac.compare_digest(decoded[:4], self.key_id):
                return decoded[4:]
        raise CheckpointRefused("key")


class LogSigner:
    """Signs heads of one log. `origin` is its name, without spaces or plus signs."""

    def __init__(self, origin: str, private: Ed25519PrivateKey) -> None:
        if not origin or any(sign in origin for sign in " +\n\t"):
            raise CheckpointRefused("origin")
        self._private = private
        self.key = LogKey(origin, private.public_key().public_bytes_raw())

    @classmethod
    def from_file(cls, path: Path, origin: str) -> "LogSigner":
        """Read the raw 32-byte key, or make it on first use. Raises CheckpointRefused("file") when others may
        read it or it is no key."""
        if not path.exists():
            with suppress(FileExistsError):
                write_new(path, Ed25519PrivateKey.generate().private_bytes_raw())
        forget_drafts(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise CheckpointRefused("file")
        secret = path.read_bytes()
        if len(secret) != 32:
            raise CheckpointRefused("file")
        return cls(origin, Ed25519PrivateKey.from_private_bytes(secret))

    def signed(self, size: int, root: bytes) -> str:
        """The note for a tree of `size` leaves under `root`."""
        body = TreeHead(self.key.origin, size, root).body
        signature = base64.b64encode(self.key.key_id + self._private.sign(body.encode())).decode()
        return f"{body}\n— {self.key.origin} {signature}\n"

    def vouch(self, statement: bytes) -> bytes:
        """A signature over something else of this platform's, its manifests: never one of a head."""
        return self._private.sign(self.key.statement(statement))


def _parse_body(body: str) -> TreeHead:
    lines = body.split("\n")
    try:
        origin, digits, encoded = lines[:3]
        root = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise CheckpointRefused("form") from error
    canonical = digits.isascii() and digits.isdigit() and str(int(digits)) == digits
    if not origin or not canonical or len(root) != 32:
        raise CheckpointRefused("form")
    return TreeHead(origin, int(digits), root)
