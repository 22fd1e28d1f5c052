"""Signed tree heads: the C2SP form, and what is not accepted as one."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from store.checkpoints import LogKey, LogSigner, TreeHead
from store.errors import CheckpointRefused

ORIGIN = "kho.example.gov.vn/nhat-ky"
ROOT = base64.b64decode("Y4r6mAIpJbrP3a2xXvIv0BmcGsmcKXO2FYJD0T/OBcI=")


@pytest.fixture
def signer() -> LogSigner:
    return LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def refusal(key: LogKey, note: str) -> str:
    with pytest.raises(CheckpointRefused) as refused:
        key.opened(note)
    return refused.value.reason


def test_a_signed_head_has_the_published_form(signer: LogSigner) -> None:
    note = signer.signed(1000, ROOT)
    lines = note.split("\n")
    assert lines[:4] == [ORIGIN, "1000", "Y4r6mAIpJbrP3a2xXvIv0BmcGsmcKXO2FYJD0T/OBcI=", ""]
    assert lines[4].startswith(f"— {ORIGIN} ")
    assert lines[5:] == [""]
    assert base64.b64decode(lines[4].split(" ")[2])[:4] == signer.key.key_id


def test_a_verifier_key_published_elsewhere_is_read() -> None:
    # The example key of golang.org/x/mod/sumdb/note: its id was computed by another implementation.
    key = LogKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert key.origin == "PeterNeumann"
    assert key.text == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_a_signed_head_opens_to_what_was_signed(signer: LogSigner) -> None:
    assert signer.key.opened(signer.signed(1000, ROOT)) == TreeHead(ORIGIN, 1000, ROOT)
    assert LogKey.parse(signer.key.text) == signer.key


def test_a_cosignature_beside_ours_is_ignored(signer: LogSigner) -> None:
    witness = LogSigner("witness.example", Ed25519PrivateKey.generate())
    theirs = witness.signed(1000, ROOT).splitlines()[-1]
    note = signer.signed(1000, ROOT)
    body, _, ours = note.partition("\n\n")
    assert signer.key.opened(f"{body}\n\n{theirs}\n{ours}").size == 1000


def test_another_size_root_name_or_key_is_refused(signer: LogSigner) -> None:
    note = signer.signed(1000, ROOT)
    impostor = LogSigner(ORIGIN, Ed25519PrivateKey.generate())
    elsewhere = LogSigner("kho.example.gov.vn/khac", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    assert refusal(signer.key, note.replace("\n1000\n", "\n1001\n")) == "signature"
    assert refusal(signer.key, note.replace("Y4r6", "Y4r7")) == "signature"
    assert refusal(signer.key, impostor.signed(1000, ROOT)) == "key"
    assert refusal(signer.key, elsewhere.signed(1000, ROOT)) == "origin"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: "",
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.rstrip("\n"),
        lambda note: note.replace("\n1000\n", "\n01000\n"),
        lambda note: note.replace("\n1000\n", "\n-1000\n"),
        lambda note: note.replace("\n1000\n", "\n١٠٠٠\n"),
        lambda note: note.replace("Y4r6mAIpJbrP3a2xXvIv0BmcGsmcKXO2FYJD0T/OBcI=", "Y4r6"),
        lambda note: note.replace("Y4r6mAIpJbrP3a2xXvIv0BmcGsmcKXO2FYJD0T/OBcI=", "not base64!"),
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("— ", "—"),
    ],
)
def test_a_malformed_note_is_refused(signer: LogSigner, spoil: object) -> None:
    assert callable(spoil)
    assert refusal(signer.key, spoil(signer.signed(1000, ROOT))) == "form"


@pytest.mark.parametrize("words", ["", "name", "name+00000000", "name+00000000+####", "name+00000000+AQ=="])
def test_a_malformed_verifier_key_is_refused(words: str) -> None:
    with pytest.raises(CheckpointRefused, match="key"):
        LogKey.parse(words)


def test_a_verifier_key_under_another_name_is_refused(signer: LogSigner) -> None:
    with pytest.raises(CheckpointRefused, match="key"):
        LogKey.parse(signer.key.text.replace("kho.", "kha."))


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "line\nbreak"])
def test_a_name_that_would_break_the_note_is_refused(origin: str) -> None:
    with pytest.raises(CheckpointRefused, match="origin"):
        LogSigner(origin, Ed25519PrivateKey.generate())


def test_the_key_file_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.key"
    made = LogSigner.from_file(path, ORIGIN)
    assert path.stat().st_mode & 0o777 == 0o600
    assert LogSigner.from_file(path, ORIGIN).key == made.key
    path.chmod(0o640)
    with pytest.raises(CheckpointRefused, match="file"):
        LogSigner.from_file(path, ORIGIN)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(CheckpointRefused, match="file"):
        LogSigner.from_file(path, ORIGIN)


def test_a_statement_is_vouched_for_by_its_platform_alone_and_is_never_a_head(signer: LogSigner) -> None:
    said = b"manifest"
    signature = signer.vouch(said)
    assert signer.key.vouched(said, signature)
    assert not signer.key.vouched(said + b" ", signature)
    assert not LogKey("elsewhere/log", signer.key.public).vouched(said, signature)
    body = TreeHead(ORIGIN, 1000, ROOT).body.encode()
    head = base64.b64decode(signer.signed(1000, ROOT).split("\n")[4].split(" ")[2])[4:]
    assert not signer.key.vouched(body, head)
    # No body of a head begins like this: an origin has no blank.
    assert signer.key.statement(said).startswith(b"motlan statement\n")
