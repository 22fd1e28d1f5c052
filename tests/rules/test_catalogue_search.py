"""Search understands Vietnamese typed with or without diacritics; names sort as in a Vietnamese dictionary."""

import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures.catalogue import law_on, read_catalogue
from procedures.law import Law, Procedure
from procedures.search import ALPHABET, fold, search, sort_key


@pytest.fixture(scope="module")
def law() -> Law:
    return law_on(read_catalogue(Path(__file__).parents[2] / "catalogue"), date(2026, 11, 21))


def found(law: Law, query: str) -> list[str]:
    def names(procedure: Procedure) -> list[str]:
        return [procedure.name.vi, procedure.code or "", procedure.name.en or ""]

    return [procedure.id for procedure in search(query, law.procedures.values(), names)]


@pytest.mark.parametrize("query", ["đăng ký khai sinh", "dang ky khai sinh", "KHAI SINH", "  khai   sinh "])
def test_the_plain_birth_registration_comes_first(law: Law, query: str) -> None:
    assert found(law, query)[0] == "dang-ky-khai-sinh"


def test_diacritics_typed_decide_between_names_that_fold_alike() -> None:
    names = ["Cấp bàn", "Cấp bạn", "Cấp bản"]
    assert search("bản", names, lambda name: [name])[0] == "Cấp bản"
    assert set(search("ban", names, lambda name: [name])) == set(names)


def test_decomposed_typing_finds_the_same(law: Law) -> None:
    assert found(law, unicodedata.normalize("NFD", "hộ chiếu")) == found(law, "hộ chiếu")
    assert found(law, "hộ chiếu")


def test_a_code_and_an_english_word_find_too(law: Law) -> None:
    assert found(law, "1.001193") == ["dang-ky-khai-sinh"]
    assert "dang-ky-khai-sinh" in found(law, "birth")


def test_beginnings_of_words_count_and_their_middles_do_not() -> None:
    assert search("sin", ["khai sinh"], lambda name: [name]) == ["khai sinh"]
    assert search("inh", ["khai sinh"], lambda name: [name]) == []


def test_every_word_must_be_there() -> None:
    assert search("khai tử", ["khai sinh", "khai tử"], lambda name: [name]) == ["khai tử"]


def test_an_empty_query_lists_everything_in_order() -> None:
    assert search("", ["đất", "ăn", "an"], lambda name: [name]) == ["an", "ăn", "đất"]


def test_the_alphabet_sorts_as_a_dictionary_does() -> None:
    words = ["đa", "da", "ê", "e", "ơ", "ô", "o", "ư", "u", "ân", "ăn", "an", "xe", "y"]
    assert sorted(words, key=sort_key) == [
        "an", "ăn", "ân", "da", "đa", "e", "ê", "o", "ô", "ơ", "u", "ư", "xe", "y",
    ]  # fmt: skip


def test_letters_come_before_tones_and_tones_in_their_order() -> None:
    assert sorted(["mạ", "má", "mã", "mả", "mà", "ma"], key=sort_key) == ["ma", "mà", "mả", "mã", "má", "mạ"]
    assert sorted(["cán bộ", "can thiệp", "càn"], key=sort_key) == ["càn", "cán bộ", "can thiệp"]


@given(st.text(alphabet=ALPHABET + "ấầẩẫậ Đ", max_size=30))
def test_folding_is_stable_and_leaves_plain_letters(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert folded.isascii()


@given(st.text(alphabet=ALPHABET + "áàạ ", max_size=12))
def test_both_normal_forms_sort_alike(text: str) -> None:
    assert sort_key(unicodedata.normalize("NFD", text))[:2] == sort_key(text)[:2]
