"""Token Status List (draft-ietf-oauth-status-list): how thousands of proofs stand, two bits each. Pure.

Where a proof stands on its list is drawn at random and told by the proof alone. Who fetches the whole list tells us
nothing about which proof they look at.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Self

from auth.jws.compact import decode as from_base64url
from auth.jws.compact import encode as to_base64url
from vault.errors import ProofFault, ProofRefused
from vault.proofs.compression import inflate

BITS: Final = 2
ENTRIES: Final = 2**17
"""Of each of our lists: more than 100,000 (standards.md §1d), so that one place among them names nobody."""
TTL_SECONDS: Final = 3_600
LIFE_SECONDS: Final = 24 * 3_600
CWT_TYP: Final = "application/statuslist+cwt"
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of a list once inflated: sixteen million entries of two bits."""


class Standing(IntEnum):
    """Types of status as registered by the draft, and as ours is for its application-specific one."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2
    SUPERSEDED = 3


@dataclass(frozen=True, slots=True)
class StatusRef:
    """Where a proof stands: the `status_list` member of its `status` claim."""

    index: int
    uri: str

    @property
    def claims(self) -> dict[str, Any]:
        return {"idx": self.index, "uri": self.uri}

    @classmethod
    def of(cls, value: Any) -> Self:
        """Raises KeyError, TypeError or ValueError for anything else."""
        if not isinstance(value, dict) or value.keys() != {"idx", "uri"}:
            raise ValueError
        if type(value["idx"]) is not int or value["idx"] < 0:
            raise ValueError
        if not isinstance(value["uri"], str) or not _URI.fullmatch(value["uri"]):
            raise ValueError
        return cls(value["idx"], value["uri"])


def pack(standings: Mapping[int, int], entries: int, bits: int = BITS) -> bytes:
    """A compressed list of so many entries, VALID but for these. The first entry is the lowest bits of a byte."""
    octets = bytearray((entries * bits + 7) // 8)
    for index, standing in standings.items():
        if not 0 <= index < entries or not 0 <= standing < 1 << bits:
            raise ValueError("no such entry")
        octets[index * bits // 8] |= standing << index * bits % 8
    return zlib.compress(octets, 9)


def look_up(packed: bytes, bits: int, index: int) -> Standing:
    """How one entry stands. Raises ProofRefused for what is no list, and for a place beyond its end.

    A value of its own meaning at other widths than ours is none: more than three is malformed.
    """
    if type(bits) is not int or bits not in (1, 2, 4, 8):
        raise ProofRefused(ProofFault.LIST_MALFORMED)
    try:
        octets = inflate(packed, MOST_BYTES)
    except ProofRefused:
        raise ProofRefused(ProofFault.LIST_MALFORMED) from None
    if not 0 <= index * bits < len(octets) * 8:
        raise ProofRefused(ProofFault.INDEX_OUT_OF_BOUNDS)
    value = octets[index * bits // 8] >> index * bits % 8 & (1 << bits) - 1
    try:
        return Standing(value)
    except ValueError:
        raise ProofRefused(ProofFault.LIST_MALFORMED) from None


def list_claims(packed: bytes, aggregation_uri: str) -> dict[str, Any]:
    """The `status_list` claim of the JWT form."""
    return {"bits": BITS, "lst": to_base64url(packed), "aggregation_uri": aggregation_uri}


def list_payload(
    uri: str, issued_at: int, expires_at: int, packed: bytes, aggregation: str
) -> dict[int, Any]:
    """The claims of the CWT form."""
    listed = {"bits": BITS, "lst": packed, "aggregation_uri": aggregation}
    return {2: uri, 6: issued_at, 4: expires_at, 65534: TTL_SECONDS, 65533: listed}


@dataclass(frozen=True, slots=True)
class StatusList:
    """A signed list, read and its signature checked. It speaks for the time from `issued_at` until `expires_at`."""

    uri: str
    issued_at: int
    expires_at: int
    bits: int
    packed: bytes

    def standing_at(self, index: int) -> Standing:
        """Raises ProofRefused."""
        return look_up(self.packed, self.bits, index)

    @classmethod
    def of_jwt(cls, claims: Mapping[str, Any]) -> Self:
        """From verified claims. Raises ProofRefused."""
        try:
            listed = claims["status_list"]
            packed = from_base64url(listed["lst"])
            return cls(claims["sub"], claims["iat"], claims["exp"], listed["bits"], packed)
        except Exception:  # whatever shape it has, it is none of a list
            raise ProofRefused(ProofFault.LIST_MALFORMED) from None

    @classmethod
    def of_cwt(cls, payload: Mapping[int | str, Any]) -> Self:
        """From a payload whose signature was checked. Raises ProofRefused."""
        try:
            listed = payload[65533]
            found = cls(payload[2], payload[6], payload[4], listed["bits"], listed["lst"])
        except (KeyError, TypeError):
            raise ProofRefused(ProofFault.LIST_MALFORMED) from None
        times = found.issued_at, found.expires_at
        if not isinstance(found.uri, str) or not all(type(one) is int for one in times):
            raise ProofRefused(ProofFault.LIST_MALFORMED)
        if not isinstance(found.packed, bytes) or found.issued_at >= found.expires_at:
            raise ProofRefused(ProofFault.LIST_MALFORMED)
        return found


_URI: Final = re.compile(r"https?://[!-~]{1,500}")
