"""A security key in software (W3C Web Authentication, section 6): for answers no honest browser would send.

It makes and signs what a browser's `toJSON()` would carry; each field can be bent. Real keys are tried by Chromium's.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AAGUID = UUID("7c1e5f02-4b0a-4f7e-9d52-0d0f3f1a2b3c")
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Maker:
    """Who makes a model of keys and vouches for it: a root, and a certificate of the model's under it."""

    model: UUID = AAGUID
    root_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    leaf_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    names_model: UUID | None = None
    """The model its certificate names, when another than its own."""

    def __post_init__(self) -> None:
        self.root = _certificate("Root", self.root_key, "Root", self.root_key, None)
        named = self.names_model or self.model
        self.leaf = _certificate("Model", self.leaf_key, "Root", self.root_key, named)

    @property
    def root_pem(self) -> str:
        return self.root.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Authenticator:
    """One key in one hand. `flags` are what it says of its holder's presence, and of where its secrets may go."""

    maker: Maker | None = None
    model: UUID = AAGUID
    flags: int = UP | UV
    counts: bool = True
    count: int = 0
    secret: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def create(self, options: dict[str, Any], origin: str, **bent: Any) -> dict[str, Any]:
        """The answer to `navigator.credentials.create`."""
        client = self._client("webauthn.create", bent.get("challenge", options["challenge"]), origin)
        numbers = self.secret.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = self.model.bytes + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        data = self._data(bent.get("rp", options["rp"]["id"]), self.flags | AT) + attested
        statement: dict[str, Any] = {}
        if self.maker is not None:
            signed = self.maker.leaf_key.sign(
                data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256())
            )
            leaf = self.maker.leaf.public_bytes(serialization.Encoding.DER)
            statement = {"alg": -7, "sig": signed, "x5c": [leaf]}
        elif bent.get("self_attested"):
            signed = self.secret.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
            statement = {"alg": -7, "sig": signed}
        attestation = {"fmt": "packed" if statement else "none", "attStmt": statement, "authData": data}
        return self._answer(
            {"clientDataJSON": b64(client), "attestationObject": b64(cbor2.dumps(attestation))}
        )

    def get(self, options: dict[str, Any], origin: str, **bent: Any) -> dict[str, Any]:
        """The answer to `navigator.credentials.get`."""
        client = self._client("webauthn.get", bent.get("challenge", options["challenge"]), origin)
        data = self._data(bent.get("rp", options["rpId"]), self.flags)
        signed = self.secret.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signed)}
        )

    def _client(self, kind: str, challenge: str, origin: str) -> bytes:
        return json.dumps(
            {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
        ).encode()

    def _data(self, rp: str, flags: int) -> bytes:
        self.count += self.counts
        return hashlib.sha256(rp.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }


def models_file(*makers: Maker) -> bytes:
    """What an operator writes of these makers' models."""
    models = [{"name": "Test key", "aaguid": str(one.model), "roots": [one.root_pem]} for one in makers]
    return json.dumps(models).encode()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    model: UUID | None,
) -> x509.Certificate:
    def named(what: str) -> x509.Name:
        parts = [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test maker"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
            x509.NameAttribute(NameOID.COMMON_NAME, what),
        ]
        return x509.Name(parts)

    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=model is None, path_length=None), critical=True)
    )
    if model is not None:
        stated = x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4"), b"\x04\x10" + model.bytes
        )
        made = made.add_extension(stated, critical=False)
    return made.sign(issuer_key, hashes.SHA256())
