"""Vectors NIST and the IETF published, from the `cryptography-vectors` package, through our own code paths.

AES-256-GCM (CAVS 14.0) through the envelope, HKDF (RFC 5869) through the key of a stream and of a push,
ECDSA P-256 with SHA-256 (FIPS 186-3) through the keys that judge tokens.
"""

import base64
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth.signing import KeyRefused, import_jwks
from auth.tokens import Verifier
from connectors import web_push
from vault.errors import TamperedContent
from vault.sealing import envelope, ring_files
from vault.sealing.envelope import HEADER_BYTES, Context, OpeningStream, open_sealed
from vault.sealing.keyrings import LocalKeyRing

VECTORS = Path(cryptography_vectors.__file__).parent


@dataclass(frozen=True)
class Placed(Context):
    """A context whose associated data is the vector's."""

    associated: bytes = b""

    def encode(self, form: bytes) -> bytes:
        return self.associated


def placed(associated: bytes) -> Placed:
    return Placed("", UUID(int=0), None, None, "", "", associated=associated)


def read(file: str) -> Iterator[dict[str, str]]:
    """The vectors of a file, each with the parameters of its section."""
    section: dict[str, str] = {}
    vector: dict[str, str] = {}
    for line in (one.strip() for one in (VECTORS / file).read_text("utf-8").splitlines()):
        if line.startswith("["):
            if vector:
                yield {**section, **vector}
            name, _, value = line.strip("[]").partition(" = ")
            # A parameter that comes again begins the next section, as does a name that is none.
            section, vector = {**({} if name in section or not value else section), name: value}, {}
        elif not line or line.startswith("#"):
            if vector:
                yield {**section, **vector}
            vector = {}
        else:
            name, _, value = line.partition("=")
            vector[name.strip()] = value.strip()
    if vector:
        yield {**section, **vector}


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def test_nist_aes_gcm_through_a_sealed_value() -> None:
    opened = refused = 0
    for one in read("ciphers/AES/GCM/gcmDecrypt256.rsp"):
        if (one["IVlen"], one["Taglen"]) != ("96", "128"):
            continue
        sealed = b"\x01" + octets(one["IV"]) + octets(one["CT"]) + octets(one["Tag"])
        if "FAIL" in one:
            with pytest.raises(TamperedContent):
                open_sealed(octets(one["Key"]), sealed, placed(octets(one["AAD"])))
            refused += 1
        else:
            assert open_sealed(octets(one["Key"]), sealed, placed(octets(one["AAD"]))) == octets(one["PT"])
            opened += 1
    print(f"AES-256-GCM: {opened} opened, {refused} refused")
    assert min(opened, refused) > 50


def test_nist_aes_gcm_sealed_by_us_is_the_published_ciphertext(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = 0
    for one in read("ciphers/AES/GCM/gcmEncryptExtIV256.rsp"):
        if (one["IVlen"], one["Taglen"]) != ("96", "128"):
            continue
        monkeypatch.setattr("vault.sealing.envelope.os.urandom", lambda _, one=one: octets(one["IV"]))
        made = envelope.seal(octets(one["Key"]), octets(one["PT"]), placed(octets(one["AAD"])))
        assert made == b"\x01" + octets(one["IV"]) + octets(one["CT"]) + octets(one["Tag"])
        sealed += 1
    print(f"AES-256-GCM: {sealed} sealed")
    assert sealed > 100


def hkdf_vectors() -> list[dict[str, str]]:
    text = (VECTORS / "KDF/rfc-5869-HKDF-SHA256.txt").read_text("utf-8")
    lines = [[line.partition("=") for line in part.splitlines()] for part in text.split("COUNT")[1:]]
    return [{name.strip(): value.strip() for name, _, value in part if name.strip()} for part in lines]


def expanded(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 by the standard library alone."""
    key, block, made = hmac.digest(salt or bytes(32), secret, "sha256"), b"", b""
    for count in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([count]), "sha256")
        made += block
    return made[:length]


@pytest.mark.parametrize("vector", hkdf_vectors())
def test_rfc_5869_through_a_push_and_our_own_oracle(vector: dict[str, str]) -> None:
    given = (octets(vector["salt"]), octets(vector["IKM"]), octets(vector["info"]), int(vector["L"]))
    assert web_push._derived(*given) == octets(vector["OKM"])
    salt, secret, info, length = given
    assert expanded(secret, salt, info, length) == octets(vector["OKM"])


@pytest.mark.parametrize("vector", [one for one in hkdf_vectors() if len(one["salt"]) <= 64])
def test_rfc_5869_through_the_key_of_a_sealed_stream(vector: dict[str, str]) -> None:
    # The header has room for a salt of 32 bytes, so a shorter published one is padded as HMAC pads a key.
    salt, prefix = octets(vector["salt"]), bytes(range(7))
    cipher = AESGCM(octets(vector["OKM"])[:32])
    segment = cipher.encrypt(prefix + bytes(4) + b"\x01", b"of a published key", None)
    opening = OpeningStream(octets(vector["IKM"]), placed(octets(vector["info"])))
    opening.update(bytes([HEADER_BYTES]) + salt.ljust(32, b"\0") + prefix + segment)
    assert opening.finish() == b"of a published key"


def test_a_blind_index_is_what_the_standard_library_makes_of_the_ring(tmp_path: Path) -> None:
    ring_files.create(tmp_path / "root.json")
    keyring, ring = LocalKeyRing(tmp_path / "root.json"), ring_files.read(tmp_path / "root.json")
    key = keyring.index_key("citizen-number")
    assert key == expanded(ring.index, b"", b"motlan-index-1:citizen-number", 32)
    assert key != keyring.index_key("another")


def test_fips_186_signatures_through_the_keys_that_judge_tokens() -> None:
    good = bad = 0
    for one in read("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp"):
        if "P-256,SHA-256" not in one:
            continue
        point = {name: base64url(octets(one[f"Q{name}"].zfill(64))) for name in ("x", "y")}
        try:
            keys = import_jwks(
                {"keys": [{"kty": "EC", "crv": "P-256", "kid": "nist", "alg": "ES256", **point}]}
            )
        except KeyRefused:
            keys = {}
        if not keys:  # the point was changed: it is on the curve no more
            assert one["Result"].startswith("F"), one
            bad += 1
            continue
        judge = Verifier("https://vectors.invalid", keys.values())._keys["nist"]
        signature = int(one["R"], 16).to_bytes(32, "big") + int(one["S"], 16).to_bytes(32, "big")
        verdict = judge.verify(octets(one["Msg"]), signature)
        assert verdict is one["Result"].startswith("P"), one
        good, bad = good + verdict, bad + (not verdict)
    print(f"ECDSA P-256: {good} good, {bad} bad")
    assert min(good, bad) >= 3
