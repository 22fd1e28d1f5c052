"""Finding procedures and papers by their Vietnamese names, typed with or without diacritics; sorting them.

Pure. The database has no ICU, so folding and the alphabet live here. Words are compared as wholes or by their
beginnings; a query typed with diacritics prefers names that carry the same ones, and never hides the others.
"""

import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
SortKey = tuple[tuple[int, ...], tuple[int, ...], str]

ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
"""The Vietnamese alphabet in dictionary order, with the four letters that appear in foreign names."""
_AFTER_PUNCTUATION = 0x110000
"""Whatever is no letter of the alphabet sorts before all letters, by code point."""
_ORDER = {letter: index + 1 for index, letter in enumerate(ALPHABET)}
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}
"""Huyền, hỏi, ngã, sắc, nặng: the order of dictionaries (level tone first)."""
_STROKES = {"Đ": "D", "đ": "d"}


def fold(text: str) -> str:
    """Lower case without diacritics (đ → d), one space between words. What is not a letter or digit parts words."""
    bare = "".join(_STROKES.get(letter, letter) for letter in unicodedata.normalize("NFD", text))
    kept = (letter for letter in bare if not unicodedata.combining(letter))
    return " ".join(_words("".join(kept).lower()))


def normal(text: str) -> str:
    """Lower case with diacritics, composed (NFC), so that both ways of typing them compare equal."""
    return " ".join(_words(unicodedata.normalize("NFC", text).lower()))


def sort_key(text: str) -> SortKey:
    """Orders names as a Vietnamese dictionary does: by letters (a ă â b c d đ e ê …), and only then by tones."""
    letters: list[int] = []
    tones: list[int] = []
    for letter in unicodedata.normalize("NFC", text).lower():
        base, tone = _without_tone(letter)
        letters.append(_ORDER[base] if base in _ORDER else ord(base) - _AFTER_PUNCTUATION)
        tones.append(tone)
    return tuple(letters), tuple(tones), text


def search(query: str, things: Iterable[T], names: Callable[[T], Iterable[str]]) -> list[T]:
    """Those of `things` whose names hold every word of the query, best first, ties in the order of names.

    `names` gives each thing's searchable texts, the most telling first (name, then code, then synonyms).
    Best: the whole name, then its beginning, then the words in sequence, then every word somewhere; of equals,
    a name written with the query's own diacritics, then the shorter. An empty query finds everything.
    """
    wanted, exact = fold(query), normal(query)
    ranked: list[tuple[tuple[int, ...], SortKey, T]] = []
    for thing in things:
        texts = list(names(thing))
        scores = [
            (*score, place) for place, text in enumerate(texts) if (score := _score(text, wanted, exact))
        ]
        if scores:
            ranked.append((min(scores), sort_key(texts[0]), thing))
    return [thing for *_, thing in sorted(ranked, key=lambda row: row[:2])]


def _score(text: str, wanted: str, exact: str) -> tuple[int, int, int] | None:
    """Lower is better; None when some word of the query is nowhere in the text."""
    folded = fold(text)
    words = folded.split()
    if not all(any(word.startswith(part) for word in words) for part in wanted.split()):
        return None
    padded = f" {folded} "
    if folded == wanted:
        place = 0
    elif folded.startswith(wanted):
        place = 1
    else:
        place = 2 if f" {wanted}" in padded else 3
    return place, 0 if f" {exact}" in f" {normal(text)} " else 1, len(words)


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter == "." else " " for letter in text).split()


def _without_tone(letter: str) -> tuple[str, int]:
    parts = unicodedata.normalize("NFD", letter)
    tone = next((_TONES[part] for part in parts if part in _TONES), 0)
    return unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES)), tone
