"""What a witness puts under a head (C2SP tlog-cosignature v1, Ed25519), and how it is checked. No database, no clock.

cosignature/v1
time 1795300000
kho.example.gov.vn/log        the note's body, with its last newline
…
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from store.errors import CheckpointRefused

_COSIGNATURE = b"\x04"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One line of a note, and the moment (Unix seconds) its witness says it saw the head."""

    line: str
    at: int


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """By what a witness is known: its name and Ed25519 public key (32 bytes)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.public).digest()[:4]

    @property
    def text(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_COSIGNATURE + self.public).decode()}"

    @classmethod
    def parse(cls, words: str) -> "WitnessKey":
        """Read `text` back. Raises CheckpointRefused("key")."""
        try:
            name, key_id, encoded = words.strip().split("+", 2)
            kind_and_key = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise CheckpointRefused("key") from error
        key = cls(name, kind_and_key[1:])
        if (
            kind_and_key[:1] != _COSIGNATURE
            or len(key.public) != 32
            or key.key_id.hex() != key_id
            or not name
        ):
            raise CheckpointRefused("key")
        return key

    def found(self, body: str, lines: str) -> Cosigned:
        """This witness's cosignature of a note's `body` among signature lines; others are passed over.

        Raises CheckpointRefused: key (none of this one), signature.
        """
        for line in lines.splitlines():
            dash, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            try:
                decoded = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                continue
            if dash == "—" and name == self.name and hmac.compare_digest(decoded[:4], self.key_id):
                return self._checked(body, f"{line}\n", decoded[4:])
        raise CheckpointRefused("key")

    def _checked(self, body: str, line: str, stamped: bytes) -> Cosigned:
        if len(stamped) != 72:
            raise CheckpointRefused("signature")
        (at,) = struct.unpack(">Q", stamped[:8])
        message = f"cosignature/v1\ntime {at}\n{body}".encode()
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(stamped[8:], message)
        except InvalidSignature as error:
            raise CheckpointRefused("signature") from error
        return Cosigned(line, at)
