"""Share codes: long enough, easy to read out, one however they are typed."""

from hypothesis import given
from hypothesis import strategies as st

from vault.shares import CODE_CHARACTERS, code_hash, new_code

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_code_has_128_bits_in_26_unmistakable_characters() -> None:
    codes = {new_code() for _ in range(2_000)}
    assert len(codes) == 2_000
    assert {len(code) for code in codes} == {CODE_CHARACTERS}
    assert set().union(*codes) == set(CROCKFORD)
    # 26 characters hold 130 bits; the first carries the three highest of 128.
    assert {code[0] for code in codes} == set("01234567")
    for place in range(1, CODE_CHARACTERS):
        assert len({code[place] for code in codes}) == 32


def test_case_hyphens_spaces_and_look_alikes_do_not_matter() -> None:
    assert code_hash("01AB CD") == code_hash("oiab-cd") == code_hash("OLabcd")
    assert code_hash("01ABCD") != code_hash("01ABCE")


@given(st.text())
def test_whatever_is_typed_has_a_hash(typed: str) -> None:
    assert len(code_hash(typed)) == 32
