"""The keys that sign proofs: read from their files, with those from before and until when they count."""

import json
from pathlib import Path
from typing import Any

import pytest

from auth.signing import KeyRefused, SigningKey
from auth.tokens import Tokens
from vault.proofs.notary import Notary, load_notary, read_archive

ISSUER = "https://kho.example.gov.vn"


def published(key: SigningKey, **more: Any) -> dict[str, Any]:
    (jwk,) = Tokens(ISSUER, key).public_jwks()["keys"]
    return {**jwk, **more}


def test_former_keys_count_until_the_second_they_were_revoked() -> None:
    retired, stolen = SigningKey.generate(), SigningKey.generate()
    found = read_archive({"keys": [published(retired), published(stolen, revokedFrom=1_700_000_000)]})
    assert {one.public.kid: one.revoked_from for one in found} == {
        retired.public.kid: None,
        stolen.public.kid: 1_700_000_000,
    }
    (lost,) = [one for one in found if one.revoked_from]
    assert [lost.counts_at(1_699_999_999), lost.counts_at(1_700_000_000)] == [True, False]
    assert read_archive({"keys": []}) == ()


@pytest.mark.parametrize(
    "archive",
    [
        None,
        [],
        "keys",
        {},
        {"keys": None},
        {"keys": {"kid": "a"}},
        {"keys": ["a"]},
        {"keys": [published(SigningKey.generate()), None]},
        {"keys": [published(SigningKey.generate(), revokedFrom=True)]},
        {"keys": [published(SigningKey.generate(), revokedFrom="2026-11-23")]},
        {"keys": [published(SigningKey.generate(), revokedFrom=1.5)]},
    ],
)
def test_an_archive_out_of_shape_is_refused(archive: object) -> None:
    with pytest.raises(KeyRefused):
        read_archive(archive)


def test_a_notary_is_read_from_the_files_of_an_installation(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_notary(tmp_path, ISSUER)
    key, anchor = (SigningKey.load_or_create(tmp_path / name) for name in ("attest.pem", "anchor.pem"))
    assert [one.public.kid for one in load_notary(tmp_path, ISSUER).keys] == [key.public.kid]
    former = SigningKey.generate()
    archive = tmp_path / "attest-archive.json"
    archive.write_text(json.dumps({"keys": [published(former), published(key)]}), "utf-8")
    read = load_notary(tmp_path, ISSUER)
    assert (read.key.public, read.anchor.public, read.issuer) == (key.public, anchor.public, ISSUER)
    assert [one.public.kid for one in read.keys] == [key.public.kid, former.public.kid]
    archive.write_text("{ half", "utf-8")
    with pytest.raises(KeyRefused):
        load_notary(tmp_path, ISSUER)


def test_nobody_reads_the_anchor_in_a_log() -> None:
    anchor = SigningKey.generate()
    assert anchor.public.kid not in repr(Notary(ISSUER, SigningKey.generate(), anchor))
