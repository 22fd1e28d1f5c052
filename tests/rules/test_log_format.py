"""The format page's vectors are what the platform makes and what the program from outside expects."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.log.addresses import asked_tile
from store import merkle
from store.checkpoints import LogSigner
from store.ledger import Line
from store.log import heads
from store.log.tiles import Tile
from verifier import log as outside
from witness.notes import Cosigner, read_note

PAGE = Path(__file__).parents[2] / "docs/log/format.md"
LAN, MINH = UUID("01993c5e-8a10-7c3e-8000-000000000001"), UUID("01993c5e-8a10-7c3e-8000-000000000002")
SIGNER = LogSigner("kho.example.gov.vn/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
COSIGNER = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


def line(**changed: Any) -> Line:
    said: dict[str, Any] = {
        "id": 7, "at": "2026-11-21T02:03:00.000000+00:00", "kind": "vault.read", "subject": str(LAN),
        "actor_kind": "officer", "actor": str(MINH), "agency": None, "dossier": None, "consent": None,
        "outcome": "SUCCESS", "entry": {"purpose": "Đăng ký kết hôn", "claims": ["person.full_name@owner"]},
        "salt": "00" * 32, "log_index": 0, "count": 1, "query": None, "previous": None, "form": 2,
    }  # fmt: skip
    return Line(**{**said, **changed})


def vectors() -> dict[str, Any]:
    """Everything the page shows, made by the platform and the witness."""
    lines = [line(form=1), line(), line(log_index=1, count=2, previous=merkle.leaf_hash(line().leaf).hex())]
    last = merkle.leaf_hash(lines[2].leaf)
    people = [(heads.key_of(LAN), heads.leaf_of(heads.key_of(LAN), 2, last))]
    people.append((heads.key_of(MINH), heads.leaf_of(heads.key_of(MINH), 1, bytes(32))))
    stated = {"root": heads.subtree(people)[1].hex(), "size": 2, "subjects": 2}
    about_itself = line(
        id=9, kind="log.heads", subject=None, count=None, log_index=2, entry={"public": stated}
    )
    hashes = [merkle.leaf_hash(one.leaf) for one in (lines[1], lines[2], about_itself)]
    root = merkle.root(3, merkle.grown(0, {}, hashes))
    note = SIGNER.signed(3, root)
    return {
        "logKey": SIGNER.key.text,
        "witnessKey": COSIGNER.text,
        "checkpoint": note + COSIGNER.cosigned(read_note(note), 1_795_300_000),
        "lines": [asdict(one) | {"leaf": one.leaf.decode()} for one in (*lines, about_itself)],
        "people": [
            {"subject": str(who), "key": key.hex(), "leaf": leaf.hex()}
            for who, (key, leaf) in zip((LAN, MINH), people, strict=True)
        ],
        "path": [value.hex() for value in heads.path(people[0][0], people)],
    }


def shown() -> dict[str, Any]:
    found = re.search(r"^## Vectors\n.*?```json\n(.*?)```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    said: dict[str, Any] = json.loads(found[1])
    return said


def test_the_page_shows_what_the_platform_makes() -> None:
    assert shown() == vectors()


def test_the_program_from_outside_reads_the_page_alike() -> None:
    said = shown()
    log = outside.read_key(said["logKey"], outside.LOG_KEY)
    witness = outside.read_key(said["witnessKey"], outside.WITNESS_KEY)
    head = outside.read_head(said["checkpoint"], log, [witness])
    assert head.cosigned == {"witness.example/w1": 1_795_300_000}
    assert [outside.leaf_of(one).decode() for one in said["lines"]] == [one["leaf"] for one in said["lines"]]
    tree = outside.Growing()
    for one in said["lines"][1:]:
        tree.grow(outside.leaf_hash(one["leaf"].encode()))
    assert (tree.size, tree.root()) == (head.size, head.root)
    lan, minh = said["people"]
    stated = said["lines"][3]["entry"]["public"]
    last = outside.leaf_hash(said["lines"][2]["leaf"].encode())
    assert outside.person_key(lan["subject"]).hex() == lan["key"]
    assert outside.person_leaf(bytes.fromhex(lan["key"]), 2, last).hex() == lan["leaf"]
    leaves = [(bytes.fromhex(one["key"]), bytes.fromhex(one["leaf"])) for one in (lan, minh)]
    assert outside.people_root(leaves).hex() == stated["root"]
    path = [bytes.fromhex(one) for one in said["path"]]
    assert outside.is_at_its_place(bytes.fromhex(stated["root"]), *leaves[0], path)


def test_a_tile_has_one_address() -> None:
    spelled = {
        (0, 256): "000",
        (999, 256): "999",
        (1_234_067, 256): "x001/x234/067",
        (1000, 7): "x001/000.p/7",
    }
    for (number, width), place in spelled.items():
        assert outside.tile_path(number, width) == place
        assert asked_tile(0, place) == Tile(0, number, width)
    for other in (
        "0",
        "0000",
        "x000/000",
        "001/000",
        "x001",
        "000.p/0",
        "000.p/256",
        "000.p/07",
        "000/",
        "٠٠٠",
    ):
        assert asked_tile(0, other) is None
    assert asked_tile(8, "000") is None
