"""Signed tokens, in and out: the only module that imports jose, and every rule that makes jose safe.

python-jose checks a signature; all else it offers is optional or wrong: it ignores `typ`, `crit` and the
curve, lets claims be missing, accepts many spellings. So a token is taken apart by our own strict rules, a key
object of jose's checks the signature over exactly those octets, and every claim is judged here. ES256 only; no
HMAC, no encryption. What kinds there are stands in `auth.jws.kinds`.

Replay lists must key on `(iss, jti)`, or for proofs on `(thumbprint, jti)`, never on the text: an ECDSA signature
(r, s) has a twin (r, n−s), so one token has two valid spellings.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jose import jwk, jwt
from jose.backends.cryptography_backend import CryptographyECKey

from auth.errors import TokenRefused
from auth.jws.compact import MAX_CHARACTERS, MAX_DEPTH, Parts, decode, encode, refuse, take_apart
from auth.jws.kinds import (
    ACCESS_TOKEN,
    CLIENT_ASSERTION,
    CONSENT_AGREEMENT,
    CONSENT_RECEIPT,
    CONTENT_TICKET,
    DPOP_PROOF,
    GRANT_TOKEN,
    ID_TOKEN,
    KEY_BINDING,
    KINDS,
    LASTING,
    LOGOUT_TOKEN,
    REGISTER_ANSWER,
    SHARE_RECEIPT,
    UNTYPED_ID_TOKEN,
    TokenKind,
    is_name,
)
from auth.signing import KeyRefused, PublicKey, SigningKey, read_header_key

__all__ = [
    "ACCESS_TOKEN",
    "CLIENT_ASSERTION",
    "CONSENT_AGREEMENT",
    "CONSENT_RECEIPT",
    "CONTENT_TICKET",
    "DPOP_PROOF",
    "GRANT_TOKEN",
    "ID_TOKEN",
    "KEY_BINDING",
    "KINDS",
    "LASTING",
    "LOGOUT_TOKEN",
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "REGISTER_ANSWER",
    "SHARE_RECEIPT",
    "UNTYPED_ID_TOKEN",
    "Inspected",
    "Proof",
    "TokenKind",
    "Tokens",
    "Verifier",
    "inspect",
    "inspect_binding",
    "key_name",
    "sign_proof",
    "verify_proof",
]

ALGORITHM = "ES256"
LEEWAY_SECONDS = 10
PROOF_SECONDS = 60
"""How old a DPoP proof may be. Its clock may be ahead by the leeway."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a DPoP proof proves: that the key of this thumbprint signed this request, once, about then.

    `nonce` is for whoever issues nonces, `(thumbprint, id)` for whoever keeps the list of proofs seen.
    """

    thumbprint: str
    id: str
    issued_at: int
    nonce: str | None


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
        return self.verify_any((kind,), token, audience=audience, now=now)[1]

    def verify_any(
        self, kinds: Sequence[TokenKind], token: str, *, audience: str, now: datetime
    ) -> tuple[TokenKind, dict[str, Any]]:
        """As `verify`, where one of several kinds may come: which it is, and its claims. Kinds that share a `typ`
        must exclude each other by their claims. Raises TokenRefused and nothing else."""
        try:
            return self._verify(kinds, token, audience, now)
        except Exception:  # text no JSON is made of raises RecursionError, ValueError, UnicodeError
            raise TokenRefused from None

    def _verify(
        self, kinds: Sequence[TokenKind], token: str, audience: str, now: datetime
    ) -> tuple[TokenKind, dict[str, Any]]:
        # 1. The text: one spelling only.
        parts = take_apart(token, max(kind.most_characters for kind in kinds))
        # 2. The header: exactly these members, this algorithm, this kind, a key we know. crit, b64, jwk, jku, x5u
        #    and zip are refused by not being among them.
        header = parts.header
        members = _HEADER_MEMBERS if "typ" in header else _UNTYPED_MEMBERS
        fitting = [kind for kind in kinds if _is_typed(kind, header)]
        if header.keys() != members or header["alg"] != ALGORITHM or not fitting:
            refuse()
        key = self._keys[header["kid"]]
        # 3. The signature, by jose, over the very octets that were read.
        if not key.verify(parts.signed, parts.signature):
            refuse()
        # 4. What it says.
        kind = next((one for one in fitting if one.fits(parts.payload)), fitting[0])
        _check_claims(kind, parts.payload, audience, self.issuer, int(now.timestamp()))
        return kind, parts.payload


def verify_proof(
    proof: str, *, method: str, url: str, now: datetime, access_token: str | None = None
) -> Proof:
    """A DPoP proof (RFC 9449, section 4.3) made for this request and, where one came along, this access token.

    `url` is the address as the public knows it, without query. Raises TokenRefused and nothing else.
    """
    try:
        return _verify_proof(proof, method, url, access_token, int(now.timestamp()))
    except Exception:  # as in Verifier.verify
        raise TokenRefused from None


def _verify_proof(proof: str, method: str, url: str, access_token: str | None, now: int) -> Proof:
    parts = take_apart(proof)
    header, claims = parts.header, parts.payload
    if header.keys() != _PROOF_MEMBERS or header["alg"] != ALGORITHM or header["typ"] != DPOP_PROOF.typ:
        refuse()
    try:
        public, thumbprint = read_header_key(header["jwk"])
    except KeyRefused:
        refuse()
    if not CryptographyECKey(public, ALGORITHM).verify(parts.signed, parts.signature):
        refuse()
    if not DPOP_PROOF.fits(claims) or claims["htm"] != method or claims["htu"] != url:
        refuse()
    if type(claims["iat"]) is not int or not now - PROOF_SECONDS <= claims["iat"] <= now + LEEWAY_SECONDS:
        refuse()
    wanted = None if access_token is None else encode(hashlib.sha256(access_token.encode("ascii")).digest())
    # Also without a token: a proof made for one is not taken where none is shown.
    if claims.get("ath") != wanted:
        refuse()
    return Proof(thumbprint, claims["jti"], claims["iat"], claims.get("nonce"))


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

    def verify_any(
        self, kinds: Sequence[TokenKind], token: str, *, audience: str, now: datetime
    ) -> tuple[TokenKind, dict[str, Any]]:
        """One of several kinds under today's key. Raises TokenRefused."""
        return self._verifier.verify_any(kinds, token, audience=audience, now=now)

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """What others verify our tokens with (RFC 7517): public members only."""
        return {"keys": [dict(key.jwk) for key in self._public]}


def sign_proof(key: SigningKey, *, method: str, url: str, nonce: str | None, now: datetime) -> str:
    """A DPoP proof of our own, for a request to somebody else's token endpoint (RFC 9449, section 4.2)."""
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": url,
        "iat": int(now.timestamp()),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    public = {name: key.public.jwk[name] for name in ("kty", "crv", "x", "y")}
    proof: str = jwt.encode(
        claims,
        CryptographyECKey(key.pem, ALGORITHM),
        algorithm=ALGORITHM,
        headers={"typ": DPOP_PROOF.typ, "jwk": public},
    )
    return proof


PUSH_LIFETIME = timedelta(hours=12)
"""RFC 8292 allows a day."""


class PushSigner:
    """Names us to the push services devices name (RFC 8292). A key of its own: devices are bound to it."""

    def __init__(self, key: SigningKey, contact: str) -> None:
        self._key = CryptographyECKey(key.pem, ALGORITHM)
        self._contact = contact
        x, y = (decode(key.public.jwk[one]) for one in ("x", "y"))
        self.public = encode(b"\x04" + x + y)
        """What an app subscribes with (`applicationServerKey`): the uncompressed point, base64url."""

    def authorization(self, origin: str, now: datetime) -> str:
        """The header for one service: good for that origin alone, and half a day."""
        claims = {
            "aud": origin,
            "exp": int((now + PUSH_LIFETIME).timestamp()),
            "sub": self._contact,
        }
        token = jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"typ": "JWT"})
        return f"vapid t={token}, k={self.public}"


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a token anybody may check says, and the first thing wrong with it: `encoding`, `header`, `algorithm`,
    `type`, `key_unknown`, `signature`, `claims`; None for nothing. Claims only of a sound one. Times are not judged:
    how old it may be is for whoever asked."""

    kid: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    flaw: str | None = None


def inspect(kind: TokenKind, token: str, keys: Mapping[str, PublicKey]) -> Inspected:
    """A token of a public kind under one of these keys. Its flaws are told apart: it is nobody's way in, and the
    person who shows it must know what to do. Raises nothing, whatever the text is."""
    try:
        parts = take_apart(token, kind.most_characters)
    except Exception:  # as in Verifier.verify
        return Inspected(flaw="encoding")
    header, kid = parts.header, parts.header.get("kid")
    if header.keys() != _HEADER_MEMBERS or not isinstance(kid, str):
        return Inspected(flaw="header")
    key = keys.get(kid)
    flaw = _flaw_of(kind, parts, key)
    return Inspected(kid, parts.payload if flaw is None else {}, flaw)


def inspect_binding(token: str, jwk: object) -> Mapping[str, Any]:
    """What the holder of this key signed for one verifier, audience, time and all else unjudged. Raises TokenRefused
    and nothing else."""
    try:
        parts = take_apart(token)
        public, _ = read_header_key(jwk)
        if parts.header != {"alg": ALGORITHM, "typ": KEY_BINDING.typ} or not KEY_BINDING.fits(parts.payload):
            refuse()
        if not CryptographyECKey(public, ALGORITHM).verify(parts.signed, parts.signature):
            refuse()
    except Exception:  # as in Verifier.verify
        raise TokenRefused from None
    return parts.payload


def key_name(token: str) -> str | None:
    """The `kid` an unverified token asks for, to decide whether fresh keys are worth fetching; None for
    anything that is no token. Trust nothing on its word."""
    try:
        kid = take_apart(token).header.get("kid")
    except Exception:
        return None
    return kid if isinstance(kid, str) else None


_HEADER_MEMBERS = {"alg", "typ", "kid"}
_UNTYPED_MEMBERS = {"alg", "kid"}
_PROOF_MEMBERS = {"alg", "typ", "jwk"}


def _is_typed(kind: TokenKind, header: Mapping[str, Any]) -> bool:
    # A member that is there and null is not one that is not there.
    return "typ" not in header if kind.typ is None else header.get("typ") == kind.typ


def _flaw_of(kind: TokenKind, parts: Parts, key: PublicKey | None) -> str | None:
    if parts.header["alg"] != ALGORITHM:
        return "algorithm"
    if not _is_typed(kind, parts.header):
        return "type"
    if key is None:
        return "key_unknown"
    if not CryptographyECKey(key.pem, ALGORITHM).verify(parts.signed, parts.signature):
        return "signature"
    if not kind.fits(parts.payload):
        return "claims"
    begins, ends = parts.payload["iat"], parts.payload["exp"]
    # bool is an int in Python, not in JSON.
    return None if type(begins) is int and type(ends) is int and begins < ends else "claims"


def _assert_backend() -> None:
    # Without its cryptography extra jose falls back to pure Python and its timing leak (CVE-2024-23342).
    if jwk.get_key(ALGORITHM) is not CryptographyECKey:
        raise RuntimeError("python-jose does not use the cryptography backend")


def _check_claims(kind: TokenKind, claims: Mapping[str, Any], audience: str, issuer: str, now: int) -> None:
    if not kind.fits(claims):
        refuse()
    # One string, exactly ours: an audience list lets one recipient's token open another's door.
    named = kind.is_public or (isinstance(audience, str) and audience and claims["aud"] == audience)
    if not named or claims["iss"] != issuer:
        refuse()
    for name in ("sub", "jti", "nonce", "acr"):
        if name in claims and not is_name(claims[name]):
            refuse()
    for name in ("iat", "exp", "nbf", "auth_time"):
        # bool is an int in Python, not in JSON.
        if name in claims and type(claims[name]) is not int:
            refuse()
    issued_at, expires_at = claims["iat"], claims["exp"]
    if not 0 < expires_at - issued_at <= kind.longest.total_seconds():
        refuse()
    if not issued_at - LEEWAY_SECONDS <= now < expires_at + LEEWAY_SECONDS:
        refuse()
    if (
        claims.get("nbf", issued_at) - LEEWAY_SECONDS > now
        or claims.get("auth_time", 0) > now + LEEWAY_SECONDS
    ):
        refuse()
    if "azp" in claims and claims["azp"] != audience:
        refuse()
