"""The only spelling of a compact JWS that is read here: canonical base64url, strict JSON, bounded size and depth.

One token, one text: whatever two programs could read differently is refused before any key is looked at.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Never

import orjson

from auth.errors import TokenRefused

MAX_CHARACTERS = 6 * 1024
MAX_DEPTH = 12
"""Deepest nesting of header or payload; what passes may be walked recursively by anyone."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A token taken apart. `signed` are the octets the signature is over; nothing here is trusted yet."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


def take_apart(token: object, most_characters: int = MAX_CHARACTERS) -> Parts:
    """Raises TokenRefused, or what Python raises for text no JSON is made of: callers turn all into a refusal."""
    if not isinstance(token, str) or len(token) > most_characters or not token.isascii():
        refuse()
    parts = token.split(".")
    if len(parts) != 3:
        refuse()
    header, payload, signature = (decode(part) for part in parts)
    if len(signature) != 64:
        refuse()
    signed = token.rpartition(".")[0].encode("ascii")
    return Parts(_strict_object(header), _strict_object(payload), signed, signature)


def decode(segment: str) -> bytes:
    """Octets of canonical base64url. Raises TokenRefused."""
    # Re-encoding catches spare bits; the pattern catches padding, spaces and the other alphabet.
    if not _SEGMENT.fullmatch(segment):
        refuse()
    standard = segment.encode("ascii").translate(_STANDARD) + b"=" * (-len(segment) % 4)
    try:
        octets = binascii.a2b_base64(standard)
    except binascii.Error:
        refuse()
    if binascii.b2a_base64(octets, newline=False) != standard:
        refuse()
    return octets


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def refuse() -> Never:
    raise TokenRefused


_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_STANDARD = bytes.maketrans(b"-_", b"+/")


def _strict_object(octets: bytes) -> dict[str, Any]:
    """A JSON object without duplicate members, floats, NaN, NUL, lone surrogates or deep nesting."""
    value = _plain_object(octets)
    if value is not None:
        return value
    value = _JSON.decode(octets.decode("utf-8"))
    if not isinstance(value, dict):
        refuse()
    _check_value(value, MAX_DEPTH)
    return value


def _plain_object(octets: bytes) -> dict[str, Any] | None:
    """The object, where this is the one plain way to write it, as signers write; None says nothing about the rest.

    What is read and written back to the very same octets has no member twice and no number two programs would
    read differently. NUL and lone surrogates enter by an escape alone, depth by brackets.
    """
    if b"\\u" in octets or octets.count(b"{") + octets.count(b"[") >= MAX_DEPTH:
        return None
    try:
        value = orjson.loads(octets)
        if type(value) is not dict or orjson.dumps(value) != octets or _has_float(value):
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value


def _has_float(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_float, value.values()))
    if isinstance(value, list):
        return any(map(_has_float, value))
    return isinstance(value, float)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        refuse()
    return members


def _no_number(text: str) -> Never:
    refuse()


# One decoder for all: building it anew costs as much as a small token.
_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_no_number, parse_constant=_no_number)


def _check_value(value: object, depth: int) -> None:
    if depth == 0:
        refuse()
    if isinstance(value, str):
        # encode() fails on a lone surrogate, which JSON's \ud800 can smuggle in.
        if b"\0" in value.encode("utf-8"):
            refuse()
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_value(name, depth)
            _check_value(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _check_value(member, depth - 1)
