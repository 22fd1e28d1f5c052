"""Signed tokens, in and out: the only module that imports jose, and every rule that makes jose safe.

python-jose checks a signature; all else it offers is optional or wrong: it ignores `typ`, `crit` and the
curve, lets claims be missing, accepts many spellings. So a token is first taken apart by strict rules, jose
gets one algorithm and one key object, and its answer is checked again. ES256 only; no HMAC, no encryption.

Replay lists must key on `(iss, jti)`, never on the text: an ECDSA signature (r, s) has a twin (r, n−s), so
one token has two valid spellings.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Never

from jose import jwk, jwt
from jose.backends.cryptography_backend import CryptographyECKey

from auth.errors import TokenRefused
from auth.signing import PublicKey, SigningKey

ALGORITHM = "ES256"
LEEWAY_SECONDS = 10
MAX_CHARACTERS = 6 * 1024
MAX_DEPTH = 12
"""Deepest nesting of header or payload; what passes may be walked recursively by anyone."""


@dataclass(frozen=True, slots=True)
class TokenKind:
    """One kind of token. `typ` keeps a token of one kind from being taken for another (RFC 8725, 3.11)."""

    name: str
    typ: str
    required: frozenset[str]
    longest: timedelta


ID_TOKEN = TokenKind(
    # The one kind whose typ is not ours to choose: OpenID Connect issuers write "JWT" or nothing. We ask for
    # "JWT", which no other kind here bears; an issuer that omits it gets a row of its own, not a laxer one.
    "id-token",
    "JWT",
    frozenset({"iss", "sub", "aud", "iat", "exp", "nonce", "acr", "auth_time"}),
    timedelta(hours=1),
)
CONSENT_RECEIPT = TokenKind(
    # A consent lasts twelve months at most (standards.md §2); long item lists go in as a digest.
    "consent-receipt",
    "consent-receipt+jwt",
    frozenset({"iss", "sub", "aud", "iat", "exp", "jti"}),
    timedelta(days=366),
)
SHARE_RECEIPT = TokenKind(
    "share-receipt",
    "share-receipt+jwt",
    frozenset({"iss", "sub", "aud", "iat", "exp", "jti"}),
    timedelta(days=366),
)
REGISTER_ANSWER = TokenKind(
    "register-answer",
    "register-answer+jwt",
    frozenset({"iss", "sub", "aud", "iat", "exp", "jti"}),
    timedelta(minutes=10),
)
CONTENT_TICKET = TokenKind(
    # One opening of one document's bytes by one caller; `jti` is spent with it.
    "content-ticket",
    "content-ticket+jwt",
    frozenset({"iss", "sub", "aud", "iat", "exp", "jti", "doc"}),
    timedelta(seconds=60),
)
LASTING = (CONSENT_RECEIPT, SHARE_RECEIPT)
"""Kinds that outlive a change of our key: what a person agreed to stands until they take it back."""
KINDS = (ID_TOKEN, CONSENT_RECEIPT, SHARE_RECEIPT, REGISTER_ANSWER, CONTENT_TICKET)


class Verifier:
    """Accepts tokens of one issuer, signed by one of its known keys."""

    def __init__(self, issuer: str, keys: Iterable[PublicKey]) -> None:
        _assert_backend()
        self.issuer = issuer
        # Key objects, never PEM text, JWK or sets: jose tries every key of a set and guesses at text.
        self._keys = {key.kid: CryptographyECKey(key.pem, ALGORITHM) for key in keys}

    def knows(self, kid: str) -> bool:
        return kid in self._keys

    def verify(self, kind: TokenKind, token: str, *, audience: str, now: datetime) -> dict[str, Any]:
        """The claims of a token of this kind, for this audience, valid now.

        Raises TokenRefused and nothing else, whatever the text is.
        """
        try:
            return self._verify(kind, token, audience, now)
        except Exception:  # jose lets RecursionError, TypeError, OverflowError and JWKError escape
            raise TokenRefused from None

    def _verify(self, kind: TokenKind, token: str, audience: str, now: datetime) -> dict[str, Any]:
        # 1. The text: one spelling only.
        header, payload = _segments(token)
        # 2. The header: exactly these members, this algorithm, this kind, a key we know.
        key = self._keys[_kid(header, kind)]
        # 3. Signature and registered claims. jose reads the machine's clock and we have our own (step 4), so
        #    its leeway is set where it never decides; `require_exp` then only demands presence and a number.
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=self.issuer,
            options={
                **{f"require_{name}": True for name in kind.required & _JOSE_CLAIMS},
                "verify_at_hash": False,  # binds an access token; we take none
                "leeway": _NEVER_DECIDES,
            },
        )
        # 4. What jose leaves open, on the payload read strictly in step 1.
        _check_claims(kind, payload, audience, self.issuer, int(now.timestamp()))
        if claims != payload:  # jose and we must have read the same words
            _refuse()
        return payload


class Tokens:
    """Signs with our key and verifies what we signed: receipts under earlier keys too, all else under this one."""

    def __init__(self, issuer: str, key: SigningKey, retired: Iterable[PublicKey] = ()) -> None:
        _assert_backend()
        self.issuer = issuer
        self._key = CryptographyECKey(key.pem, ALGORITHM)
        # A set published before the change names the key of today too once that change is taken back.
        self._public = (key.public, *(one for one in retired if one.kid != key.public.kid))
        self._verifier = Verifier(issuer, self._public[:1])
        self._lasting = Verifier(issuer, self._public)

    def sign(self, kind: TokenKind, claims: Mapping[str, Any], *, lifetime: timedelta, now: datetime) -> str:
        """A token of this kind. Sets `iss`, `iat` and `exp`; `sub`, `aud` and `jti` come with the claims.

        Raises ValueError for claims no verifier of this kind would accept, too many of them among others.
        """
        issued_at = int(now.timestamp())
        # A fresh dict: jose writes into the one it is given. No caller-made headers.
        body = {
            **claims,
            "iss": self.issuer,
            "iat": issued_at,
            "exp": issued_at + int(lifetime.total_seconds()),
        }
        header = {"typ": kind.typ, "kid": self._public[0].kid}
        token: str = jwt.encode(body, self._key, algorithm=ALGORITHM, headers=header)
        try:
            self.verify(kind, token, audience=body.get("aud", ""), now=now)
        except TokenRefused:
            raise ValueError(f"claims do not make a valid {kind.name}") from None
        return token

    def verify(self, kind: TokenKind, token: str, *, audience: str, now: datetime) -> dict[str, Any]:
        """The claims of a token we issued. Raises TokenRefused."""
        verifier = self._lasting if kind in LASTING else self._verifier
        return verifier.verify(kind, token, audience=audience, now=now)

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """What others verify our tokens with (RFC 7517): public members only."""
        return {"keys": [dict(key.jwk) for key in self._public]}


def key_name(token: str) -> str | None:
    """The `kid` an unverified token asks for, to decide whether fresh keys are worth fetching; None for
    anything that is no token. Trust nothing on its word."""
    try:
        header, _ = _segments(token)
    except Exception:
        return None
    kid = header.get("kid")
    return kid if isinstance(kid, str) else None


_HEADER_MEMBERS = {"alg", "typ", "kid"}
_JOSE_CLAIMS = frozenset({"iss", "sub", "aud", "iat", "exp", "jti"})
_NEVER_DECIDES = 1 << 60
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[!-~]{1,255}")
"""`sub`, `jti`, `nonce`, `kid`: visible ASCII, so that no two look alike (OpenID Connect Core, section 2)."""


def _assert_backend() -> None:
    # Without its cryptography extra jose falls back to pure Python and its timing leak (CVE-2024-23342).
    if jwk.get_key(ALGORITHM) is not CryptographyECKey:
        raise RuntimeError("python-jose does not use the cryptography backend")


def _refuse() -> Never:
    raise TokenRefused


def _segments(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload of a compact JWS in its only canonical spelling."""
    if not isinstance(token, str) or len(token) > MAX_CHARACTERS or not token.isascii():
        _refuse()
    parts = token.split(".")
    if len(parts) != 3:
        _refuse()
    header, payload, signature = (_decode(part) for part in parts)
    if len(signature) != 64:
        _refuse()
    return _strict_object(header), _strict_object(payload)


def _decode(segment: str) -> bytes:
    # Re-encoding catches spare bits; the pattern catches padding, spaces and the other alphabet.
    if not _SEGMENT.fullmatch(segment):
        _refuse()
    try:
        octets = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        _refuse()
    if base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii") != segment:
        _refuse()
    return octets


def _strict_object(octets: bytes) -> dict[str, Any]:
    """A JSON object without duplicate members, floats, NaN, NUL, lone surrogates or deep nesting."""
    value = json.loads(
        octets.decode("utf-8"),
        object_pairs_hook=_unique,
        parse_float=lambda _: _refuse(),
        parse_constant=lambda _: _refuse(),
    )
    if not isinstance(value, dict):
        _refuse()
    _check_value(value, MAX_DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse()
    return members


def _check_value(value: object, depth: int) -> None:
    if depth == 0:
        _refuse()
    match value:
        case str():
            # encode() fails on a lone surrogate, which JSON's \ud800 can smuggle in.
            if b"\0" in value.encode("utf-8"):
                _refuse()
        case dict():
            for name, member in value.items():
                _check_value(name, depth)
                _check_value(member, depth - 1)
        case list():
            for member in value:
                _check_value(member, depth - 1)
        case int() | None:
            pass


def _kid(header: Mapping[str, Any], kind: TokenKind) -> str:
    # Exact members: crit, b64, jwk, jku, x5u and zip are refused by not being among them.
    if header.keys() != _HEADER_MEMBERS or header["alg"] != ALGORITHM or header["typ"] != kind.typ:
        _refuse()
    kid = header["kid"]
    if not isinstance(kid, str):
        _refuse()
    return kid


def _check_claims(kind: TokenKind, claims: Mapping[str, Any], audience: str, issuer: str, now: int) -> None:
    if not kind.required <= claims.keys():
        _refuse()
    # One string, exactly ours: an audience list lets one recipient's token open another's door.
    if not audience or claims["aud"] != audience or claims["iss"] != issuer:
        _refuse()
    for name in ("sub", "jti", "nonce", "acr"):
        if name in claims and not (isinstance(claims[name], str) and _NAME.fullmatch(claims[name])):
            _refuse()
    for name in ("iat", "exp", "nbf", "auth_time"):
        # bool is an int in Python, not in JSON.
        if name in claims and type(claims[name]) is not int:
            _refuse()
    issued_at, expires_at = claims["iat"], claims["exp"]
    if not 0 < expires_at - issued_at <= kind.longest.total_seconds():
        _refuse()
    if not issued_at - LEEWAY_SECONDS <= now < expires_at + LEEWAY_SECONDS:
        _refuse()
    if (
        claims.get("nbf", issued_at) - LEEWAY_SECONDS > now
        or claims.get("auth_time", 0) > now + LEEWAY_SECONDS
    ):
        _refuse()
    if "azp" in claims and claims["azp"] != audience:
        _refuse()
