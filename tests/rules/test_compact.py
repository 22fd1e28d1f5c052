"""The one spelling of a token: the quick reading of plain JSON says what the strict one says, or nothing."""

import base64
import json
import random
from typing import Any

import pytest

from auth.errors import TokenRefused
from auth.jws import compact
from tests.size import seed, sized

PIECES = (
    b'{"a":1}', b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"a":1.0}', b'{"a":1e3}', b'{"a":-0}', b'{"a":-0.0}',
    b'{"a":NaN}', b'{"a":[1,2.5]}', b'{"a": 1}', b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b'{"a":"\xff"}', b"[]",
    b'{"a":' + b"9" * 25 + b"}", b'{"a":' + b"9" * 5000 + b"}", b'{"\xc4\x91":"\xc4\x91"}', b'{"a":true,"b":null}',
    b'{"a":' + b"[" * 11 + b"]" * 11 + b"}", b'{"a":' + b"[" * 12 + b"]" * 12 + b"}", b'{"a":"\x00"}', b"{}", b"",
    b'{"a":"\\u0111"}', b'{"a":"\\/"}', b'{"a":1}\n', b'\xef\xbb\xbf{"a":1}', b'{"":""}',
    b'{"a":18446744073709551616}',
)  # fmt: skip


def strict(octets: bytes) -> dict[str, Any] | None:
    """What the strict reading alone says; None for a refusal of any kind."""
    try:
        value = compact._JSON.decode(octets.decode("utf-8"))
        compact._check_value(value, compact.MAX_DEPTH)
    except Exception:
        return None
    return value if isinstance(value, dict) else None


def test_plain_json_is_read_as_strictly_as_any() -> None:
    run, count = seed(), sized(20_000, 500_000)
    rng = random.Random(run)
    quick = 0
    for number in range(count):
        octets = bytearray(PIECES[number % len(PIECES)])
        for _ in range(rng.choice((0, 0, 1, 2))):
            place = rng.randrange(len(octets) + 1)
            octets[place : place + rng.randrange(2)] = rng.choice(
                (b"{", b"}", b"1", b".", b'"', b",", b"e", b"a")
            )
        plain = compact._plain_object(bytes(octets))
        if plain is not None:
            quick += 1
            assert plain == strict(bytes(octets)), bytes(octets)
    print(f"seed {run}: {count} bent objects, {quick} of them read the quick way")
    assert quick > count // 20


@pytest.mark.parametrize("claims", [{"iss": "x", "aud": ["y"], "exp": 1795300300, "cnf": {"jkt": "z"}}, {}])
def test_what_signers_write_is_read_the_quick_way(claims: dict[str, Any]) -> None:
    assert compact._plain_object(json.dumps(claims, separators=(",", ":")).encode()) == claims


def test_octets_have_one_spelling() -> None:
    rng = random.Random(5)
    for length in range(1, 70):
        octets = rng.randbytes(length)
        text = base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
        assert compact.encode(octets) == text
        assert compact.decode(text) == octets
        for bent in (f"{text}=", f" {text}", f"{text}\n", "", text + "!", f"{text}é"):
            with pytest.raises(TokenRefused):
                compact.decode(bent)


def test_spare_bits_are_no_second_spelling() -> None:
    for text in ("AB", "AAB"):  # one and two octets of zeros end in "AA" and "AAA"
        with pytest.raises(TokenRefused):
            compact.decode(text)
