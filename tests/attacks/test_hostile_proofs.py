"""Damaged proofs, lists and trust lists by the thousand: none is believed, and none is a fault of the reader."""

import random
import zlib
from collections.abc import Callable

import pytest

from auth.jws.compact import decode, encode
from tests.proofs import CLAIMS, HERE, MEETING, NAME, Issuer
from tests.size import seed, sized
from vault.errors import ProofRefused
from vault.proofs import base45
from vault.proofs.attestation import PREFIX
from vault.proofs.judging import Finding, Listed, Shelf, judge_attestation, judge_credential
from vault.proofs.trust import read_trust

ISS = Issuer()
SHELF = ISS.shelf()
ATTESTATION = ISS.attestation()
COMPRESSED = base45.decode(ATTESTATION[len(PREFIX) :])
SIGNED = zlib.decompress(COMPRESSED)
CREDENTIAL = ISS.credential().present(NAME)
CWT_LIST = ISS.list_cwt({17: 1})
JWT_LIST = ISS.list_jwt({17: 1})
TRUST = ISS.trust_token()


def damaged(given: random.Random, octets: bytes) -> bytes:
    """One to three injuries: a bit, a byte, a piece lost, doubled, moved or put in from anywhere."""
    hurt = bytearray(octets)
    for _ in range(given.randint(1, 3)):
        at, size = given.randrange(len(hurt) or 1), given.randint(1, 12)
        piece = bytes(hurt[at : at + size])
        match given.randrange(6):
            case 0 if hurt:
                hurt[at] ^= 1 << given.randrange(8)
            case 1 if hurt:
                hurt[at] = given.randrange(256)
            case 2:
                del hurt[at : at + size]
            case 3:
                hurt[at:at] = piece
            case 4:
                del hurt[at : at + size]
                to = given.randrange(len(hurt) + 1)
                hurt[to:to] = piece
            case _:
                hurt[at:at] = given.randbytes(size)
    return bytes(hurt)


def hurt_text(given: random.Random, text: str) -> str:
    return damaged(given, text.encode()).decode("latin-1")


def hurt_letters(given: random.Random) -> str:
    """Damage below the letters, or below the compression: what no scanner ever shows, and an attacker does."""
    if given.random() < 0.5:
        return PREFIX + base45.encode(damaged(given, COMPRESSED))
    return PREFIX + base45.encode(zlib.compress(damaged(given, SIGNED)))


def hurt_part(given: random.Random, token: str) -> str:
    """Damage below the base64url of one part of a token, written plainly again."""
    separator = "~" if "~" in token and given.random() < 0.4 else "."
    parts = token.split(separator)
    at = given.randrange(len(parts))
    try:
        parts[at] = encode(damaged(given, decode(parts[at])))
    except Exception:
        parts[at] = hurt_text(given, parts[at])
    return separator.join(parts)


def judged_by(lists: Listed) -> Finding:
    return judge_attestation(ATTESTATION, Shelf(SHELF.trust, lambda uri: [lists]), HERE)


def listed(given: Listed) -> bool:
    return judged_by(given).status != "UNKNOWN"


def trusted(text: str) -> bool:
    try:
        read_trust(text, ISS.anchors)
    except ProofRefused:
        return False
    return True


KINDS: dict[str, tuple[Callable[[random.Random], str | bytes], Callable[[str | bytes], bool]]] = {
    "attestation": (
        lambda given: hurt_text(given, ATTESTATION) if given.random() < 0.3 else hurt_letters(given),
        lambda text: judge_attestation(str(text), SHELF, HERE).valid,
    ),
    "credential": (
        lambda given: hurt_text(given, CREDENTIAL) if given.random() < 0.3 else hurt_part(given, CREDENTIAL),
        lambda text: judge_credential(str(text), SHELF, HERE, MEETING).valid,
    ),
    "status list, JWT": (lambda given: hurt_part(given, JWT_LIST), listed),
    "status list, CWT": (lambda given: damaged(given, CWT_LIST), listed),
    "trust list": (lambda given: hurt_part(given, TRUST), lambda text: trusted(str(text))),
}  # fmt: skip
WHOLE: dict[str, str | bytes] = {
    "attestation": ATTESTATION,
    "credential": CREDENTIAL,
    "status list, JWT": JWT_LIST,
    "status list, CWT": CWT_LIST,
    "trust list": TRUST,
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_damaged_is_believed_and_nothing_damaged_is_a_fault(kind: str) -> None:
    hurt, believed = KINDS[kind]
    assert believed(WHOLE[kind])
    given, rounds, same = random.Random(at := seed()), sized(800, 100_000), 0
    for _ in range(rounds):
        injured = hurt(given)
        if _is_same(kind, injured):
            same += 1
            continue
        assert not believed(injured), injured
    print(f"seed {at}: {rounds - same} damaged ({kind}), 0 believed, 0 faults; {same} healed by chance")
    assert same < rounds // 50


def _is_same(kind: str, injured: str | bytes) -> bool:
    """Whether the injuries took each other back, or touched what says nothing: zlib has several spellings."""
    if injured == WHOLE[kind] or kind != "attestation":
        return injured == WHOLE[kind]
    try:
        octets = zlib.decompress(base45.decode(str(injured)[len(PREFIX) :]))
    except (ProofRefused, zlib.error):
        return False
    return str(injured).startswith(PREFIX) and octets == zlib.decompress(
        base45.decode(ATTESTATION[len(PREFIX) :])
    )


def test_every_single_bit_of_an_attestation_counts() -> None:
    tried = range(0, len(SIGNED) * 8, sized(7, 1))
    for bit in tried:
        hurt = bytearray(SIGNED)
        hurt[bit // 8] ^= 1 << bit % 8
        assert not judge_attestation(PREFIX + base45.encode(zlib.compress(bytes(hurt))), SHELF, HERE).valid
    print(f"{len(tried)} single bits of {len(SIGNED) * 8}, 0 believed")


def test_a_signature_over_one_thing_serves_no_other() -> None:
    """Every pair of things our key signs: none passes for another."""
    wallet = ISS.credential()
    texts = {
        "attestation": ATTESTATION,
        "credential": wallet.unbound(*CLAIMS),
        "list": JWT_LIST,
        "trust": TRUST,
    }
    for name, text in texts.items():
        assert judge_attestation(text, SHELF, HERE).valid == (name == "attestation")
        assert judge_credential(text, SHELF, HERE, None).valid == (name == "credential")
        assert judge_credential(text + "~", SHELF, HERE, None).valid is False
        assert (judged_by(text).status == "VALID") == (name == "list")
        assert trusted(text) == (name == "trust")
    assert judged_by(SIGNED).status == "UNKNOWN"
