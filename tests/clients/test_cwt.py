"""Attestations and CWT status lists against the published `cwt` library: it reads ours, we read what it signed."""

import asyncio
import json
import os
import shutil
import sys
import zlib
from asyncio.subprocess import DEVNULL, PIPE
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from auth.jws.compact import decode
from auth.signing import import_jwks
from tests.programs import cannot
from tests.proofs import CLAIMS, FILE, HERE, ISSUER, LIST, SECOND, Issuer
from vault.proofs import base45
from vault.proofs.attestation import PREFIX, text_of
from vault.proofs.judging import Shelf, judge_attestation
from vault.proofs.trust import Attestor, TrustKey, TrustList

FOLDER = Path(__file__).parent
FROZEN = json.loads((FOLDER.parent / "vectors" / "cwt.json").read_text("utf-8"))
"""Made once with cwt 3.3.0 and cbor2 5.9.0, with a key then thrown away. Never made anew."""


def test_what_another_library_signed_is_valid_here() -> None:
    (key,) = import_jwks({"keys": [FROZEN["jwk"]]}).values()
    agency = Attestor({"vi": "x"}, frozenset({key.kid}), issues="ward")
    trust = TrustList(
        ISSUER,
        SECOND,
        SECOND + 1,
        {key.kid: TrustKey(key)},
        {"H29.12.05": agency},
        {"ward": frozenset({"permit"})},
    )
    attested = text_of(bytes.fromhex(FROZEN["attestation"]))
    shelf = Shelf(trust, lambda uri: [bytes.fromhex(FROZEN["list"])])
    found = judge_attestation(attested, shelf, HERE, sha256(FILE).digest())
    assert found.valid
    assert (found.claims, found.number) == (CLAIMS, "01/GPXD")


@pytest.fixture(scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library in a folder of its own, exactly the releases of `cwt.txt`."""
    folder = tmp_path_factory.mktemp("cwt")
    uv = shutil.which("uv")
    pip = (
        [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    )
    wanted = [
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--target",
        str(folder),
        "-r",
        str(FOLDER / "cwt.txt"),
    ]
    child = await asyncio.create_subprocess_exec(*pip, *wanted, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    if await child.wait() != 0:
        cannot("the cwt library could not be installed")
    return folder


async def test_another_library_reads_what_we_sign_and_refuses_what_nobody_signed(library: Path) -> None:
    issuer = Issuer()
    signed = zlib.decompress(base45.decode(issuer.attestation()[len(PREFIX) :]))
    forged = signed.replace(b"01/GPXD", b"02/GPXD")
    kid = issuer.key.public.kid
    objects = [signed.hex(), issuer.list_cwt({1: 1}).hex(), forged.hex()]
    read = await _read(library, {"pem": issuer.key.public.pem, "kid": decode(kid).hex(), "objects": objects})
    attestation, listed, refused = read
    assert attestation["protected"] == {
        "1": -7,
        "4": decode(kid).hex(),
        "16": "application/vn-doc-attest+cwt",
    }
    assert attestation["beside"] == {}
    assert attestation["claims"]["-65600"]["6"] == CLAIMS
    assert (listed["claims"]["2"], listed["claims"]["65533"]["bits"]) == (LIST, 2)
    assert refused == "VerifyError"


async def _read(library: Path, given: Any) -> Any:
    environ = {**os.environ, "PYTHONPATH": str(library)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(FOLDER / "read_cwt.py"), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environ
    )
    out, err = await child.communicate(json.dumps(given).encode())
    assert child.returncode == 0, err.decode()
    return json.loads(out)
