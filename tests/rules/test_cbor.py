"""The strict reader of what attestations are made of, against a general one; and the letters of the QR code."""

import random
import struct
from typing import Any

import cbor2
import pytest

from tests.size import seed, sized
from vault.errors import ProofFault, ProofRefused
from vault.proofs import base45, cbor

VALUES = [
    0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1, -1, -24, -25, -65_600, -(2**64),
    True, False, None, 1.5, -0.0, 1e300, b"", b"\x00" * 300, "", "Nguyễn", "x" * 24,
    [], [1, [2, [3]]], {}, {1: 2, "a": {"b": [None]}}, {-65_600: {1: "KS-01"}},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_written_is_read_back_and_read_alike_by_a_general_reader(value: Any) -> None:
    written = cbor.encode(value)
    assert cbor.decode(written) == value
    assert cbor2.loads(written) == value


def test_what_a_general_writer_writes_plainly_is_read_alike() -> None:
    for value in VALUES:
        written = cbor2.dumps(value)
        if not isinstance(value, float):
            assert cbor.decode(written) == value
            assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1, float("inf"), float("nan"), {1}, object()])
def test_what_has_no_place_in_an_attestation_is_not_written(value: Any) -> None:
    with pytest.raises(ValueError):
        cbor.encode(value)


E, D, N, T = (
    ProofFault.ENCODING,
    ProofFault.DUPLICATE_KEY,
    ProofFault.INDEFINITE_LENGTH,
    ProofFault.TRAILING,
)
HOSTILE = [
    ("", E), ("0000", T), ("01ff", T), ("a10102a10102", T),
    ("a2010102", E), ("a201020103", D), ("a2616101616102", D), ("a10aa201010102", D),
    ("9f01ff", N), ("bf0101ff", N), ("5f4101ff", N), ("7f6161ff", N), ("ff", N), ("1f", N), ("3f", N),
    ("1817", E), ("190017", E), ("1a00000017", E), ("1b0000000000000017", E), ("3817", E), ("5801ff", E), ("19", E),
    ("18ff00", T), ("1900ff", E), ("1a0000ffff", E), ("1b00000000ffffffff", E), ("3900ff", E),
    ("5900ff" + "00" * 255, E),
    ("1c", E), ("1d", E), ("1e", E), ("fc", E), ("f0", E), ("f7", E), ("f8ff", E),
    ("f97e00", E), ("fa7fc00000", E), ("fb7ff8000000000000", E), ("fb7ff0000000000000", E), ("fbfff0000000000000", E),
    ("c074323032362d31312d32335430303a30303a30305a", E), ("c249010000000000000000", E), ("d81c80", E), ("d81d00", E),
    ("d8238161", E), ("d90100820101", E), ("c482221904d2", E),
    ("a1f501", E), ("a1410101", E), ("a1f601", E), ("a1800101", E), ("a1a00101", E), ("a1fb3ff800000000000001", E),
    ("62c328", E), ("61ff", E), ("63eda080", E),
    ("9b7fffffffffffffff", E), ("5b7fffffffffffffff", E), ("bb7fffffffffffffff", E), ("9a7fffffff00", E),
    ("81" * 20 + "00", E), ("d2" * 20 + "00", E),
]  # fmt: skip


@pytest.mark.parametrize(("octets", "fault"), HOSTILE, ids=[one for one, _ in HOSTILE])
def test_what_two_readers_could_read_differently_is_refused(octets: str, fault: ProofFault) -> None:
    with pytest.raises(ProofRefused) as refused:
        cbor.decode(bytes.fromhex(octets))
    assert refused.value.fault is fault


def test_whatever_is_read_has_one_spelling_but_for_the_order_of_keys() -> None:
    given, rounds, read = random.Random(at := seed()), sized(4_000, 200_000), 0
    for _ in range(rounds):
        octets = bytearray(cbor.encode(given.choice(VALUES)))
        for _ in range(given.randrange(3)):
            octets[given.randrange(len(octets))] = given.randrange(256)
        try:
            value = cbor.decode(bytes(octets))
        except ProofRefused:
            continue
        read += 1
        assert len(cbor.encode(value)) == len(octets)
        assert _same(cbor2.loads(bytes(octets)), value)
    print(f"seed {at}: {rounds} damaged values, {read} of them still read, and read alike")
    assert 0 < read < rounds


def _same(theirs: Any, ours: Any) -> bool:
    if isinstance(ours, cbor.Tagged):
        return isinstance(theirs, cbor2.CBORTag) and _same(theirs.value, ours.value)
    if isinstance(ours, list | tuple):
        return len(theirs) == len(ours) and all(map(_same, theirs, ours))
    if isinstance(ours, dict):
        return theirs.keys() == ours.keys() and all(_same(theirs[name], one) for name, one in ours.items())
    if isinstance(ours, float):
        return struct.pack(">d", theirs) == struct.pack(">d", ours)
    return type(theirs) is type(ours) and bool(theirs == ours)


@pytest.mark.parametrize(
    ("octets", "letters"),
    [
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
        (b"", ""),
    ],
)
def test_the_letters_are_those_of_rfc_9285(octets: bytes, letters: str) -> None:
    assert base45.encode(octets) == letters
    assert base45.decode(letters) == octets


@pytest.mark.parametrize("letters", ["A", "ABCD", "GGW", "::", ":::", "bb8", "B|8", "BB8\n", "ＢB8", "ZZ"])
def test_letters_that_stand_for_no_bytes_are_refused(letters: str) -> None:
    with pytest.raises(ProofRefused) as refused:
        base45.decode(letters)
    assert refused.value.fault is ProofFault.BASE45


def test_every_two_bytes_have_letters_of_their_own() -> None:
    written = {base45.encode(number.to_bytes(2, "big")) for number in range(2**16)}
    assert len(written) == 2**16
    assert all(len(one) == 3 for one in written)
