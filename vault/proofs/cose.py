"""COSE_Sign1 (RFC 9052) with ES256: how attestations and CWT status lists are signed. Pure.

The signature is `cryptography`'s. Headers are exactly three, protected, and none beside them: the algorithm, which
key, and what kind of thing is signed (RFC 9596), so that a status list is never taken for an attestation.
"""

from dataclasses import dataclass
from typing import Any, Final

from auth.jws.compact import decode as from_base64url
from auth.jws.compact import encode as to_base64url
from auth.signing import PublicKey, SigningKey, is_signed
from vault.errors import ProofFault, ProofRefused
from vault.proofs import cbor

ALGORITHM, KEY_ID, TYPE = 1, 4, 16
ES256: Final = -7
ESP256: Final = -9
"""The same by its fully specified name (RFC 9864): written by others, read here."""
THUMBPRINT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Sign1:
    """A signed object taken apart; nothing of it is believed before `is_signed_by`."""

    kid: str
    typ: str
    payload: dict[int | str, Any]
    _signed: bytes
    _signature: bytes

    def is_signed_by(self, key: PublicKey) -> bool:
        return is_signed(key, self._signed, self._signature)


def sign(key: SigningKey, typ: str, payload: dict[int, Any]) -> bytes:
    """A tagged COSE_Sign1. `kid` is the key's thumbprint (RFC 7638), as bytes."""
    header = {ALGORITHM: ES256, KEY_ID: from_base64url(key.public.kid), TYPE: typ}
    protected, body = cbor.encode(header), cbor.encode(payload)
    return cbor.encode(cbor.Tagged([protected, {}, body, key.sign(_structure(protected, body))]))


def take_apart(octets: bytes, typ: str) -> Sign1:
    """A COSE_Sign1 of this type. Raises ProofRefused with what is wrong."""
    value = cbor.decode(octets)
    if not isinstance(value, cbor.Tagged):
        raise ProofRefused(ProofFault.ENCODING)
    match value.value:
        case [bytes() as protected, dict() as beside, bytes() as body, bytes() as signature]:
            pass
        case _:
            raise ProofRefused(ProofFault.ENCODING)
    header = cbor.decode(protected)
    if not isinstance(header, dict) or header.keys() != {ALGORITHM, KEY_ID, TYPE} or beside:
        raise ProofRefused(ProofFault.HEADER)
    if header[ALGORITHM] not in (ES256, ESP256) or isinstance(header[ALGORITHM], float):
        raise ProofRefused(ProofFault.ALGORITHM)
    if header[TYPE] != typ:
        raise ProofRefused(ProofFault.TYPE)
    kid = header[KEY_ID]
    if not isinstance(kid, bytes) or len(kid) != THUMBPRINT_BYTES:
        raise ProofRefused(ProofFault.HEADER)
    payload = cbor.decode(body)
    if not isinstance(payload, dict):
        raise ProofRefused(ProofFault.CLAIMS)
    return Sign1(to_base64url(kid), typ, payload, _structure(protected, body), signature)


def _structure(protected: bytes, body: bytes) -> bytes:
    """What is signed (RFC 9052, section 4.4), without external data."""
    return cbor.encode(["Signature1", protected, b"", body])
