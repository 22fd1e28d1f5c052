"""One message for one device, sealed so that the push service between us reads nothing (RFC 8291 over RFC 8188).

Pure: no network, clock or state. One record, as messages are of a few bytes.
"""

import base64
import binascii
import os
import re
import struct
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.errors import PushRefused

POINT_BYTES: Final = 65
AUTH_BYTES: Final = 16
RECORD_BYTES: Final = 4096
_SALT_BYTES: Final = 16
_TAG_BYTES: Final = 16
_LAST: Final = b"\x02"
"""RFC 8188: what delimits the last record from its padding."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where a device is reached, as its browser or system gave it (W3C Push API): a capability, kept sealed.

    `p256dh` is the device's public point, `auth` its secret of 16 bytes, both base64url.
    """

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)


def check_keys(subscription: Subscription) -> None:
    """Raises PushRefused for a point that is none of P-256, or a secret of another length."""
    _point(subscription.p256dh)
    _octets(subscription.auth, AUTH_BYTES)


def seal_message(
    plaintext: bytes,
    subscription: Subscription,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of the request (`aes128gcm`). `key` and `salt` are fresh for each message; only tests give them.

    Raises PushRefused.
    """
    theirs, point = _point(subscription.p256dh)
    ours = key or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(_SALT_BYTES)
    own_point = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = ours.exchange(ec.ECDH(), theirs)
    # RFC 8291, section 3.4: both public keys enter, so that a message binds who sent it and for whom.
    secret = _derived(
        _octets(subscription.auth, AUTH_BYTES), shared, b"WebPush: info\0" + point + own_point, 32
    )
    content_key = _derived(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(salt, secret, b"Content-Encoding: nonce\0", 12)
    if len(plaintext) > RECORD_BYTES - _TAG_BYTES - 1:
        raise ValueError("a push message is one record")
    sealed = AESGCM(content_key).encrypt(nonce, plaintext + _LAST, None)
    return salt + struct.pack(">IB", RECORD_BYTES, len(own_point)) + own_point + sealed


_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


def _derived(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def _point(given: str) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    octets = _octets(given, POINT_BYTES)
    try:
        # Refuses what is not on the curve: an invalid point would give our side of the exchange away.
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets), octets
    except ValueError:
        raise PushRefused("key") from None


def _octets(given: str, length: int) -> bytes:
    if not _BASE64URL.fullmatch(given):
        raise PushRefused("key")
    try:
        octets = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        raise PushRefused("key") from None
    if len(octets) != length:
        raise PushRefused("key")
    return octets
