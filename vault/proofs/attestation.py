"""An attestation of one paper, as printed beside it: a CWT (RFC 8392) in COSE_Sign1, compressed, in the letters of a
QR code. Pure; the format is told to others in docs/clients/proofs.md.

Reading fails closed: whatever is not exactly such an attestation is refused with its own reason, before any key.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from auth.signing import SigningKey
from vault.errors import ProofFault, ProofRefused
from vault.proofs import base45, cose
from vault.proofs.compression import inflate
from vault.proofs.status_list import StatusRef

PREFIX: Final = "VNA1:"
TYP: Final = "application/vn-doc-attest+cwt"
MOST_CHARACTERS: Final = 4_296
"""A QR code holds no more letters (ISO/IEC 18004, version 40)."""
MOST_BYTES: Final = 4 * 1024
"""Of the signed object once inflated."""

ISS, EXP, IAT, CTI, STATUS, DOCUMENT = 1, 4, 6, 7, 65535, -65600
TYPE, NUMBER, DIGEST, AGENCY, ISSUED_ON, CLAIMS, LEVEL = range(1, 8)
SHA256: Final = -16


@dataclass(frozen=True, slots=True)
class Statement:
    """What is attested. Times are seconds since 1970. `level`: 1 issued as such, 2 certified copy, 3 its owner's
    word.

    `file_sha256` is over the attested file, which carries a random id, so that nothing can be guessed from it; None
    for a paper without a file. `number` is the paper's own, where its person shows it.
    """

    issuer: str
    issued_at: int
    expires_at: int
    id: UUID
    status: StatusRef
    document_type: str
    agency: str
    level: int
    number: str | None = None
    file_sha256: bytes | None = None
    issued_on: date | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


def sign(statement: Statement, key: SigningKey) -> bytes:
    """Raises ValueError for claims an attestation cannot hold, or too many of them."""
    signed = cose.sign(key, TYP, _payload(statement))
    if len(signed) > MOST_BYTES:
        raise ValueError("too large for an attestation")
    return signed


def text_of(signed: bytes) -> str:
    """As printed: base45 of the compressed object, after its prefix."""
    return PREFIX + base45.encode(zlib.compress(signed, 9))


def read(text: str) -> tuple[cose.Sign1, Statement]:
    """The object in a scanned text, and what it states if its signature holds. Raises ProofRefused."""
    if not text.startswith(PREFIX):
        raise ProofRefused(ProofFault.PREFIX)
    if len(text) > MOST_CHARACTERS:
        raise ProofRefused(ProofFault.TOO_LARGE)
    signed = cose.take_apart(inflate(base45.decode(text[len(PREFIX) :]), MOST_BYTES), TYP)
    return signed, _statement(signed.payload)


def _payload(one: Statement) -> dict[int, Any]:
    document: dict[int, Any] = {
        TYPE: one.document_type,
        NUMBER: one.number,
        DIGEST: [SHA256, one.file_sha256] if one.file_sha256 is not None else None,
        AGENCY: one.agency,
        ISSUED_ON: one.issued_on.isoformat() if one.issued_on is not None else None,
        CLAIMS: dict(one.claims) or None,
        LEVEL: one.level,
    }
    return {
        ISS: one.issuer,
        IAT: one.issued_at,
        EXP: one.expires_at,
        CTI: one.id.bytes,
        STATUS: {"status_list": one.status.claims},
        DOCUMENT: {name: value for name, value in document.items() if value is not None},
    }


def _statement(payload: Mapping[int | str, Any]) -> Statement:
    try:
        return _read(payload)
    except (KeyError, TypeError, ValueError):
        raise ProofRefused(ProofFault.CLAIMS) from None


def _read(payload: Mapping[int | str, Any]) -> Statement:
    """Raises KeyError, TypeError or ValueError for whatever is not exactly the claims of an attestation."""
    if payload.keys() != {ISS, IAT, EXP, CTI, STATUS, DOCUMENT}:
        raise ValueError
    status, document = _map(payload[STATUS]), _map(payload[DOCUMENT])
    if status.keys() != {"status_list"}:
        raise ValueError
    if not document.keys() <= {TYPE, NUMBER, DIGEST, AGENCY, ISSUED_ON, CLAIMS, LEVEL}:
        raise ValueError
    claims = _map(document.get(CLAIMS, {}))
    if not _is_plain(claims):
        raise TypeError
    statement = Statement(
        issuer=_text(payload[ISS]),
        issued_at=_whole(payload[IAT]),
        expires_at=_whole(payload[EXP]),
        id=UUID(bytes=_octets(payload[CTI], 16)),
        status=StatusRef.of(status["status_list"]),
        document_type=_text(document[TYPE]),
        number=_text(document[NUMBER]) if NUMBER in document else None,
        file_sha256=_digest(document[DIGEST]) if DIGEST in document else None,
        agency=_text(document[AGENCY]),
        issued_on=date.fromisoformat(_text(document[ISSUED_ON])) if ISSUED_ON in document else None,
        claims=claims,
        level=_whole(document[LEVEL]),
    )
    if not statement.issued_at < statement.expires_at or statement.level not in (1, 2, 3):
        raise ValueError
    return statement


def _is_plain(value: Any) -> bool:
    """What JSON could say too: every verifier can show it."""
    match value:
        case dict():
            return all(isinstance(name, str) and _is_plain(one) for name, one in value.items())
        case list():
            return all(map(_is_plain, value))
    return value is None or isinstance(value, str | bool | int | float)


def _map(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _digest(value: Any) -> bytes:
    algorithm, digest = value
    if _whole(algorithm) != SHA256:
        raise ValueError
    return _octets(digest, 32)


def _octets(value: Any, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _whole(value: Any) -> int:
    # bool is an int in Python.
    if type(value) is not int:
        raise TypeError
    return value
