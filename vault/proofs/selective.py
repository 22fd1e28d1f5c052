"""Credentials of which their holder shows what they choose: SD-JWT (RFC 9901), typed as SD-JWT VC. Pure.

Our profile is flat: every claim of a paper is one disclosure or none, and nothing is hidden inside another. A claim
not shown is a claim not known: its absence says nothing about its value.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Never

from auth.errors import TokenRefused
from auth.jws.compact import decode as from_base64url
from auth.jws.compact import encode as to_base64url
from auth.tokens import inspect_binding
from vault.errors import ProofFault, ProofRefused

SALT_BYTES: Final = 16
MOST_CHARACTERS: Final = 32 * 1024
MOST_DISCLOSURES: Final = 100
BINDING_SECONDS: Final = 300
LEEWAY_SECONDS: Final = 10
DIGESTS_TOGETHER: Final = 8
"""Decoys fill the digests up to a multiple: how many claims a paper has is not to be counted."""

DOCUMENT: Final = "vn_document"
"""Our own claim: which agency attests the paper, at which level."""
NEVER_DISCLOSED: Final = frozenset(
    {"iss", "iat", "nbf", "exp", "cnf", "vct", "status", "sub", DOCUMENT, "_sd_alg"}
)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Claims hidden behind digests: what is signed in their place, and the disclosures that open them, by name."""

    digests: tuple[str, ...]
    disclosures: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as shown: its signed part, what is disclosed of it, and perhaps its holder's binding."""

    credential: str = field(repr=False)
    disclosures: tuple[str, ...] = field(repr=False)
    binding: str | None = field(repr=False)
    digest: str
    """What the binding's `sd_hash` must be: over everything before it."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a verifier asked the holder for: who they are to it, and the number drawn for this once."""

    audience: str
    nonce: str


def hide(claims: Mapping[str, Any]) -> Hidden:
    """A fresh salt for every claim: two credentials over the same paper have no digest in common."""
    disclosures = {name: _disclosure(name, value) for name, value in claims.items()}
    digests = [digest_of(one) for one in disclosures.values()]
    while len(digests) % DIGESTS_TOGETHER or not digests:
        digests.append(to_base64url(secrets.token_bytes(32)))
    # In the order of the digests themselves: the order of the claims would tell which is which.
    return Hidden(tuple(sorted(digests)), disclosures)


def digest_of(disclosure: str) -> str:
    """Over the disclosure's text, not its value (RFC 9901, section 4.2.3)."""
    return to_base64url(sha256(disclosure.encode("ascii")).digest())


def serialised(credential: str, disclosures: Iterable[str]) -> str:
    """With a `~` after each part; a binding may follow the last (RFC 9901, section 4)."""
    return "~".join((credential, *disclosures, ""))


def read(text: str) -> Presented:
    """Raises ProofRefused for what is no credential."""
    if len(text) > MOST_CHARACTERS:
        raise ProofRefused(ProofFault.TOO_LARGE)
    parts = text.split("~")
    if not text.isascii() or not 2 <= len(parts) <= MOST_DISCLOSURES + 2:
        raise ProofRefused(ProofFault.ENCODING)
    credential, *disclosures, binding = parts
    covered = text[: len(text) - len(binding)]
    digest = to_base64url(sha256(covered.encode("ascii")).digest())
    return Presented(credential, tuple(disclosures), binding or None, digest)


def disclosed(claims: Mapping[str, Any], disclosures: Iterable[str]) -> dict[str, Any]:
    """The claims these disclosures open, of a credential whose signature was checked (RFC 9901, section 7.1).

    Raises ProofRefused.
    """
    digests = _digests(claims)
    plain = {name: value for name, value in claims.items() if name != "_sd"}
    if _hides(plain):
        raise ProofRefused(ProofFault.NESTED)
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for text in disclosures:
        name, value = _opened(text)
        digest = digest_of(text)
        if digest in seen:
            raise ProofRefused(ProofFault.DIGEST_TWICE)
        seen.add(digest)
        if name in ("_sd", "...") or name in NEVER_DISCLOSED:
            raise ProofRefused(ProofFault.NAME_FORBIDDEN)
        if digest not in digests:
            raise ProofRefused(ProofFault.DISCLOSURE_UNREFERENCED)
        if name in claims or name in found:
            raise ProofRefused(ProofFault.NAME_COLLISION)
        if _hides(value):
            raise ProofRefused(ProofFault.NESTED)
        found[name] = value
    return found


def check_binding(shown: Presented, jwk: object, meeting: Meeting, now: int) -> None:
    """That whoever shows the credential holds its key, and shows it here and now. Raises ProofRefused."""
    if shown.binding is None:
        raise ProofRefused(ProofFault.KEY_BINDING_MISSING)
    try:
        said = inspect_binding(shown.binding, jwk)
    except TokenRefused:
        raise ProofRefused(ProofFault.KEY_BINDING) from None
    if said["aud"] != meeting.audience:
        raise ProofRefused(ProofFault.KEY_BINDING_AUDIENCE)
    if said["nonce"] != meeting.nonce:
        raise ProofRefused(ProofFault.KEY_BINDING_NONCE)
    if said["sd_hash"] != shown.digest:
        raise ProofRefused(ProofFault.KEY_BINDING_DIGEST)
    made_at = said["iat"]
    if type(made_at) is not int or not now - BINDING_SECONDS <= made_at <= now + LEEWAY_SECONDS:
        raise ProofRefused(ProofFault.KEY_BINDING_AGE)


def _disclosure(name: str, value: Any) -> str:
    salt = to_base64url(secrets.token_bytes(SALT_BYTES))
    plain = json.dumps([salt, name, value], ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return to_base64url(plain.encode("utf-8"))


def _digests(claims: Mapping[str, Any]) -> frozenset[str]:
    if claims.get("_sd_alg", "sha-256") != "sha-256":
        raise ProofRefused(ProofFault.DIGEST_ALGORITHM)
    digests = claims.get("_sd", [])
    if not isinstance(digests, list) or not all(isinstance(one, str) for one in digests):
        raise ProofRefused(ProofFault.CLAIMS)
    if len(set(digests)) != len(digests):
        raise ProofRefused(ProofFault.DIGEST_TWICE)
    return frozenset(digests)


def _opened(text: str) -> tuple[str, Any]:
    try:
        plain = from_base64url(text).decode("utf-8")
        parts = json.loads(plain, object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except (TokenRefused, ValueError, RecursionError):
        raise ProofRefused(ProofFault.DISCLOSURE) from None
    match parts:
        # 22 characters of base64url are 128 bits.
        case [str() as salt, str() as name, value] if len(salt) >= 22:
            return name, value
    raise ProofRefused(ProofFault.DISCLOSURE)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse_constant(name: str) -> Never:
    raise ValueError(name)


def _hides(value: Any) -> bool:
    """Whether anything in it would be hidden behind a digest in turn. As deep as JSON was read, which is bounded."""
    if isinstance(value, dict):
        return any(name in ("_sd", "...") or _hides(one) for name, one in value.items())
    return isinstance(value, list) and any(_hides(one) for one in value)
