"""A witness by itself: what it signs, what it refuses, and that it never forgets."""

import base64
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from store import merkle
from store.checkpoints import LogSigner
from store.errors import CheckpointRefused
from store.log.cosigning import WitnessKey
from witness.memory import DataRefused, Memory
from witness.notes import Cosigner, LogKey
from witness.witnessing import SIZE, Answer, Witness

LOG = LogSigner("log.example", Ed25519PrivateKey.generate())
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(40)]
NODES = merkle.grown(0, {}, LEAVES)
AT = 1_795_300_000


def head(size: int, signer: LogSigner = LOG) -> str:
    return signer.signed(size, merkle.root(size, NODES))


def request(old: int, size: int, note: str | None = None, proof: list[bytes] | None = None) -> bytes:
    hashes = merkle.consistency_proof(old, size, NODES) if proof is None and 0 < old <= size else proof or []
    lines = "".join(f"{base64.b64encode(value).decode()}\n" for value in hashes)
    return f"old {old}\n{lines}\n{note or head(size)}".encode()


@pytest.fixture
def opened() -> Iterator[list[Memory]]:
    """Every memory opened in a test, closed after it."""
    memories: list[Memory] = []
    yield memories
    for memory in memories:
        memory.close()


def open_witness(folder: Path, opened: list[Memory]) -> tuple[Witness, Memory, WitnessKey]:
    memory = Memory(folder)
    opened.append(memory)
    cosigner = Cosigner("witness.example/w1", memory.key())
    return (
        Witness([LogKey.parse(LOG.key.text)], memory, cosigner, lambda: AT),
        memory,
        WitnessKey.parse(cosigner.text),
    )


def test_it_signs_a_log_that_grows_and_says_when(tmp_path: Path, opened: list[Memory]) -> None:
    witness, _, key = open_witness(tmp_path, opened)
    for old, size in ((0, 1), (1, 7), (7, 7), (7, 8), (8, 40)):
        answer = witness.add_checkpoint(request(old, size))
        assert answer.status == 200
        body, lines = head(size).partition("\n\n")[0] + "\n", answer.body
        assert key.found(body, lines).at == AT
        with pytest.raises(CheckpointRefused):
            key.found(body.replace(f"\n{size}\n", "\n99\n"), lines)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (request(0, 9, head(9, LogSigner("other.example", Ed25519PrivateKey.generate()))), 404),
        (request(0, 9, head(9, LogSigner("log.example", Ed25519PrivateKey.generate()))), 403),
        (request(7, 9, head(9).replace("\n9\n", "\n8\n")), 403),
        (request(8, 7, head(7)), 400),
        (request(0, 9), 409),
        (request(6, 9), 409),
        (request(7, 9, proof=[]), 422),
        (request(7, 9, proof=merkle.consistency_proof(7, 10, NODES)), 422),
        (request(7, 9, LOG.signed(9, bytes(32))), 422),
        (request(7, 7, LOG.signed(7, bytes(32))), 409),
        (request(7, 7, proof=[bytes(32)]), 422),
        (b"", 400),
        (b"old 7\n\n", 400),
        (request(7, 9).replace(b"old 7", b"old 07"), 400),
        (request(7, 9).replace(b"old 7", b"old -7"), 400),
        (request(7, 9).replace("\n— ".encode(), b"\n- "), 400),
        (request(7, 9, proof=[bytes(32)] * 64), 400),
        (request(7, 9).replace(b"\nlog", b"\nl\x00g"), 400),
        (b"\xff" * 100, 400),
    ],
    ids=itertools.count(),
)
def test_what_it_does_not_sign_changes_nothing(
    tmp_path: Path, opened: list[Memory], body: bytes, status: int
) -> None:
    witness, memory, _ = open_witness(tmp_path, opened)
    assert witness.add_checkpoint(request(0, 7)).status == 200
    before = memory.seen("log.example")
    answer = witness.add_checkpoint(body)
    assert answer.status == status
    assert "—" not in answer.body
    if status == 409:
        assert answer == Answer(409, "7\n", SIZE)
    assert memory.seen("log.example") == before
    assert witness.add_checkpoint(request(7, 9)).status == 200, "and it goes on"


def test_it_remembers_over_a_restart_and_refuses_what_it_cannot_read(
    tmp_path: Path, opened: list[Memory]
) -> None:
    witness, memory, key = open_witness(tmp_path, opened)
    assert witness.add_checkpoint(request(0, 30)).status == 200
    with pytest.raises(DataRefused, match="another witness"):
        Memory(tmp_path)
    memory.close()
    again, memory, same = open_witness(tmp_path, opened)
    assert same == key
    assert again.add_checkpoint(request(0, 9)) == Answer(409, "30\n", SIZE)
    (kept,) = tmp_path.glob("*.json")
    for spoilt in ("", "{}", '{"origin": "log.example"}', kept.read_text("utf-8").replace("log.", "lag.")):
        kept.write_text(spoilt, "utf-8")
        with pytest.raises(DataRefused):
            again.add_checkpoint(request(30, 31))
    memory.close()


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_nothing_is_signed_that_is_not_on_disk(
    tmp_path: Path, opened: list[Memory], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    witness, memory, _ = open_witness(tmp_path, opened)
    assert witness.add_checkpoint(request(0, 7)).status == 200

    def fail(*given: object) -> None:
        raise OSError(5, "no")

    with monkeypatch.context() as broken:
        broken.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "rename", fail)))
        with pytest.raises(OSError, match="no"):
            witness.add_checkpoint(request(7, 9))
    assert memory.seen("log.example").size == 7
    assert witness.add_checkpoint(request(7, 9)).status == 200


def test_of_many_heads_at_once_each_extends_the_one_signed_before(
    tmp_path: Path, opened: list[Memory]
) -> None:
    witness, memory, _ = open_witness(tmp_path, opened)
    assert witness.add_checkpoint(request(0, 7)).status == 200
    answers: list[tuple[int, int]] = []
    threads = [
        threading.Thread(
            target=lambda size=size: answers.append((size, witness.add_checkpoint(request(7, size)).status))
        )
        for size in range(8, 40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    signed = [size for size, status in answers if status == 200]
    assert len(signed) == 1
    assert memory.seen("log.example").size == signed[0]
    assert sorted({status for _, status in answers}) == [200, 409]
