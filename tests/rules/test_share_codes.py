"""Share codes: long enough, easy to read out, one however they are typed."""

from hypothesis import given
from hypothesis import strategies as st

from vault.sharing.shares import CODE_CHARACTERS, HANDLE_CHARACTERS, code_hash, handle_of, new_code

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_code_has_130_bits_in_26_unmistakable_characters() -> None:
    codes = {new_code() for _ in range(2_000)}
    assert len(codes) == 2_000
    assert {len(code) for code in codes} == {CODE_CHARACTERS}
    assert set().union(*codes) == set(CROCKFORD)
    for place in range(CODE_CHARACTERS):
        assert len({code[place] for code in codes}) == 32


def test_case_hyphens_spaces_and_look_alikes_do_not_matter() -> None:
    assert code_hash("01AB CD") == code_hash("oiab-cd") == code_hash("OLabcd")
    assert code_hash("01ABCD") != code_hash("01ABCE")


def test_a_handle_is_the_codes_own_and_says_nothing_of_its_secret() -> None:
    code = new_code()
    spoken = "-".join(code[at : at + 4].lower() for at in range(0, CODE_CHARACTERS, 4))
    assert handle_of(spoken) == handle_of(code) == code[:HANDLE_CHARACTERS]
    assert [handle_of(other) for other in ("", code[:-1], f"{code}0", "é" * CODE_CHARACTERS)] == [""] * 4


@given(st.text())
def test_whatever_is_typed_has_a_hash(typed: str) -> None:
    assert len(code_hash(typed)) == 32
