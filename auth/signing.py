"""P-256 keys: our own signing key on disk, and the public keys of issuers we trust.

Knows nothing of tokens. Every key that leaves this module is on P-256; nothing else is ever imported.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from store.disk.files import forget_drafts, write_new

MAX_KEYS = 20
"""Keys taken from one published set: an issuer under attack must not make every look-up slow."""


class KeyRefused(Exception):
    """A key file or a published key set that must not be used. The message never carries key material."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 public key and the name (`kid`) under which tokens ask for it."""

    kid: str
    pem: str
    jwk: Mapping[str, str]


class SigningKey:
    """Our private key. `kid` is its RFC 7638 thumbprint."""

    __slots__ = ("_private", "public")

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private.curve, ec.SECP256R1):
            raise KeyRefused("signing key is not on P-256")
        self._private = private
        self.public = _published(private.public_key())

    @classmethod
    def generate(cls) -> Self:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a PEM file (PKCS#8 or SEC 1). Raises KeyRefused when others could have read it too."""
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise KeyRefused("signing key file is open to others: mode must be 0600")
            pem = file.read(16_384)
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyRefused("signing key file is not an unencrypted PEM private key") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise KeyRefused("signing key is not on P-256")
        return cls(private)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The key in the file, made now if there is none. Two processes starting together get one key."""
        if not path.exists():
            with suppress(FileExistsError):
                write_new(path, cls.generate().pem.encode("ascii"))
        forget_drafts(path)
        return cls.load(path)

    def sign(self, octets: bytes) -> bytes:
        """ES256 (RFC 7518, section 3.4): r and s, 32 octets each."""
        r, s = decode_dss_signature(self._private.sign(octets, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    @property
    def pem(self) -> str:
        """PKCS#8, unencrypted: for `auth.tokens` and the key file, nothing else."""
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii")

    def __repr__(self) -> str:
        return f"SigningKey({self.public.kid})"


def is_signed(key: PublicKey, octets: bytes, signature: bytes) -> bool:
    """Whether this is the key's ES256 signature over the octets."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public = _point(key.jwk)
    try:
        public.verify(encode_dss_signature(r, s), octets, _ES256)
    except InvalidSignature:
        return False
    return True


def import_jwks(published: object) -> dict[str, PublicKey]:
    """The usable keys of a JWK set, by `kid`. Keys of other kinds and curves are passed over: issuers publish
    them for others.

    Raises KeyRefused when the set is malformed, carries private members, or names one `kid` twice: which of
    the two verifies would depend on order.
    """
    entries = published.get("keys") if isinstance(published, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise KeyRefused("not a JWK set")
    found: dict[str, PublicKey] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not entry.keys().isdisjoint(_PRIVATE_MEMBERS):
            raise KeyRefused("a key of the set is malformed or private")
        if not _is_for_es256(entry):
            continue
        key = _import_jwk(entry)
        if key.kid in found:
            raise KeyRefused("a kid appears twice in the set")
        found[key.kid] = key
    return found


def read_header_key(jwk: object) -> tuple[ec.EllipticCurvePublicKey, str]:
    """The P-256 key a DPoP proof carries, and its thumbprint (RFC 7638).

    Exactly four members: a proof's key has no name, no use and above all no `d`. Raises KeyRefused.
    """
    if not isinstance(jwk, dict) or jwk.keys() != _POINT_MEMBERS:
        raise KeyRefused("not the public members of an elliptic-curve key")
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise KeyRefused("not a key on P-256")
    return _point(jwk), thumbprint(jwk)


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638, SHA-256, of a P-256 public key."""
    # In this order and without spaces; the values are base64url, which JSON leaves as it is.
    canonical = f'{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    return _encode(hashlib.sha256(canonical.encode("ascii")).digest())


_ES256 = ec.ECDSA(hashes.SHA256())
_POINT_MEMBERS = {"kty", "crv", "x", "y"}
# RFC 7518 sections 6.2.2, 6.3.2 and 6.4: a set carrying one of these was published by mistake.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def _is_for_es256(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kty") == "EC"
        and jwk.get("crv") == "P-256"
        and jwk.get("alg", "ES256") == "ES256"
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _import_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise KeyRefused("a key of the set has no name")
    return _published(_point(jwk), kid)


def _point(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    try:
        # public_key() checks that the point lies on the curve (invalid-curve attack).
        return ec.EllipticCurvePublicNumbers(
            _coordinate(jwk.get("x")), _coordinate(jwk.get("y")), ec.SECP256R1()
        ).public_key()
    except ValueError:
        raise KeyRefused("a key is not a point of P-256") from None


def _coordinate(text: object) -> int:
    """A 32-byte big-endian integer in canonical base64url (RFC 7518, section 6.2.1.2)."""
    if not isinstance(text, str) or len(text) != 43:
        raise ValueError
    try:
        octets = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError from None
    if _encode(octets) != text:
        raise ValueError
    return int.from_bytes(octets, "big")


def _published(public: ec.EllipticCurvePublicKey, kid: str | None = None) -> PublicKey:
    numbers = public.public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": _encode(numbers.x.to_bytes(32, "big")),
        "y": _encode(numbers.y.to_bytes(32, "big")),
    }
    kid = kid or thumbprint(jwk)
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode("ascii")
    return PublicKey(kid, pem, {**jwk, "kid": kid, "alg": "ES256", "use": "sig"})


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
