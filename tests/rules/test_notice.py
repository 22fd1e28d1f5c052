"""The words of a consent: exact, complete, and hashed as shown."""

import dataclasses
import hashlib
from uuid import UUID

import pytest

from vault.permission.notice import Item, PaperWords, Words, notice

MAI = UUID(int=1)
VERSION = UUID("01993c5e-8a10-7c3e-8a10-0000deadbeef")
HELD = Item(MAI, "land", ("area@land", "parcel@land"), UUID(int=2), VERSION)
ASKED = Item(MAI, "marriage", ("status@person",), register="civil-status")
WORDS = Words(
    "Building permit",
    "Commune office",
    (
        PaperWords("Land-use certificate", ("area", "parcel")),
        PaperWords("Marriage certificate", ("marital status",), "the civil status database"),
    ),
)


def test_every_paper_claim_source_recipient_and_purpose_is_named() -> None:
    text = notice((HELD, ASKED), WORDS, "en").text
    for word in (
        "Purpose: Building permit",
        "Recipient: Commune office",
        "1. Land-use certificate (version deadbeef): area; parcel",
        "2. Marriage certificate (asked directly from the civil status database): marital status",
        "90 days",
        "withdraw",
    ):
        assert word in text


def test_the_hash_is_of_the_very_text_shown() -> None:
    for language in ("vi", "en"):
        shown = notice((HELD, ASKED), WORDS, language)
        assert shown.sha256 == hashlib.sha256(shown.text.encode()).hexdigest()


def test_languages_differ_and_an_unknown_one_reads_english() -> None:
    vi, en, fr = (notice((HELD, ASKED), WORDS, language).text for language in ("vi", "en", "fr"))
    assert "Mục đích: Building permit" in vi
    assert en == fr != vi


@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(HELD, version=UUID(int=9)),
        dataclasses.replace(HELD, whole=True),
        dataclasses.replace(HELD, version=None, register="land"),
    ],
)
def test_another_version_or_the_whole_paper_makes_another_notice(changed: Item) -> None:
    before = notice((HELD, ASKED), WORDS, "en")
    assert notice((changed, ASKED), WORDS, "en").sha256 != before.sha256


def test_the_whole_paper_is_called_so() -> None:
    whole = dataclasses.replace(HELD, whole=True)
    assert "the whole document; area; parcel" in notice((whole, ASKED), WORDS, "en").text


def test_words_that_do_not_run_parallel_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        notice((HELD,), WORDS, "en")


def test_an_item_survives_being_kept() -> None:
    for item in (HELD, ASKED, dataclasses.replace(HELD, whole=True)):
        assert Item.from_json(MAI, item.to_json()) == item


def test_an_item_covers_its_version_or_the_answer_it_was_agreed_for() -> None:
    assert HELD.covers(VERSION, None, "land")
    assert not HELD.covers(UUID(int=9), None, "land")
    assert ASKED.covers(UUID(int=9), "civil-status", "marriage")
    assert not ASKED.covers(UUID(int=9), None, "marriage")
    assert not ASKED.covers(UUID(int=9), "civil-status", "birth")
