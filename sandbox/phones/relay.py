"""A push service and the devices behind it, as on somebody's phone.

Takes what RFC 8030 lets a sender send, checks who sends it (RFC 8292), and opens it with the device's own key (RFC
8291). Written against the RFCs alone.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Handset:
    """One device. `heard`: what it was told, opened; each time it rings. `status`: how its service answers for it."""

    name: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    heard: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    status: int = 201
    ring: Callable[[], object] = lambda: None

    @property
    def keys(self) -> dict[str, str]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": b64(point), "auth": b64(self.secret)}

    def opened(self, body: bytes) -> bytes:
        """RFC 8188, section 2, with the keys of RFC 8291, section 3.4."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        _expect(len(sealed) <= size)
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        own = unb64(self.keys["p256dh"])
        shared = self.key.exchange(ec.ECDH(), sender)
        start = HKDF(SHA256(), 32, self.secret, b"WebPush: info\x00" + own + theirs).derive(shared)
        content = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(start)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(start)
        plain = AESGCM(content).decrypt(nonce, sealed, None).rstrip(b"\x00")
        _expect(plain.endswith(b"\x02"))
        return plain[:-1]


@dataclass
class PushRelay:
    """`origin`: its address. `sender`: the application server key its devices subscribed with."""

    sender: str = ""
    origin: str = ""
    handsets: dict[str, Handset] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """Requests it would not take, and why."""

    def subscribe(self) -> tuple[Handset, dict[str, str]]:
        """A new device, and what its app hands on."""
        handset = Handset()
        self.handsets[handset.name] = handset
        return handset, {"endpoint": f"{self.origin}/push/{handset.name}", **handset.keys}

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/push/{name}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        handset = self.handsets.get(request.path_params["name"])
        if handset is None:
            return Response(status_code=404)
        try:
            self._judge(request)
            plain = handset.opened(await request.body())
        except Exception as fault:
            self.refused.append(repr(fault))
            return Response(status_code=400)
        if handset.status in (200, 201, 202):
            handset.heard.append(plain)
            handset.headers.append(dict(request.headers))
            handset.ring()
        headers = {"Location": f"{self.origin}/elsewhere"} if 300 <= handset.status < 400 else {}
        return Response(status_code=handset.status, headers=headers)

    def _judge(self, request: Request) -> None:
        scheme, _, given = request.headers["authorization"].partition(" ")
        parts = dict(one.strip().split("=", 1) for one in given.split(","))
        _expect(scheme == "vapid")
        _expect(parts["k"] == self.sender)
        point = unb64(parts["k"])
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])})
        token = jwt.decode(parts["t"], key, algorithms=["ES256"])
        _expect(token.header["typ"] == "JWT")
        _expect(token.claims["aud"] == self.origin)
        _expect(urlsplit(str(token.claims["sub"])).scheme in ("mailto", "https", "http"))
        _expect(request.headers["content-encoding"] == "aes128gcm")
        _expect(int(request.headers["ttl"]) >= 0)


def _expect(holds: bool) -> None:
    if not holds:
        raise ValueError("not what the RFCs let a sender send")
