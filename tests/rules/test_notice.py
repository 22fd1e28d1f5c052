"""The words of a consent: exact, complete, and hashed as shown."""

import dataclasses
import hashlib
from uuid import UUID

import pytest

from vault.permission.limits import FetchType, Limits, Mode
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


EVERY_LIMIT = Limits(FetchType.PERIODIC, Mode.STORE, lasts_days=180, life_days=10, every_days=30, max_uses=6)
AGREED = {
    "vi": """ĐỒNG Ý CHO DÙNG GIẤY TỜ CỦA BẠN
Mục đích: Building permit
Cơ quan nhận: Commune office
Những gì cơ quan này được xem:
1. Land-use certificate (bản deadbeef): toàn bộ giấy tờ; area; parcel
2. Marriage certificate (hỏi trực tiếp the civil status database): marital status
Thời hạn: 180 ngày kể từ lúc bạn đồng ý.
Cơ quan này được lưu lại những gì đã xem.
Lặp lại: nhiều nhất một lần trong mỗi 30 ngày.
Số lần xem: nhiều nhất 6.
Những gì đã xem phải xóa trong vòng 10 ngày kể từ lần xem.
Chỉ dùng cho mục đích trên; mỗi lần xem đều được ghi lại và bạn đọc được.
Bạn có thể không đồng ý. Bạn rút lại được bất cứ lúc nào, dễ như lúc đồng ý; từ lúc đó cơ quan nhận \
không mở được nữa và được yêu cầu xóa những gì đã giữ (Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15).""",
    "en": """PERMISSION TO USE YOUR DOCUMENTS
Purpose: Building permit
Recipient: Commune office
What the recipient may see:
1. Land-use certificate (version deadbeef): the whole document; area; parcel
2. Marriage certificate (asked directly from the civil status database): marital status
Lasts 180 days from when you agree.
The recipient may keep what it has read.
Repeated: at most once every 30 days.
Number of readings: at most 6.
What was read must be erased within 10 days of reading it.
For this purpose alone; every time it is read is logged, and you can read the log.
You may refuse. You may withdraw at any time, as easily as you agreed; from then on the recipient \
cannot open it any more and is asked to erase what it kept (Law on Personal Data Protection 91/2025/QH15).""",
}
"""What people agreed to, whose hash their receipts carry: these words stay."""


@pytest.mark.parametrize("language", AGREED)
def test_a_notice_says_every_limit_in_words_that_stay(language: str) -> None:
    whole = dataclasses.replace(HELD, whole=True)
    assert notice((whole, ASKED), WORDS, language, EVERY_LIMIT).text == AGREED[language]


def test_a_notice_says_no_limit_there_is_not() -> None:
    ordinary = notice((HELD, ASKED), WORDS, "en").text.splitlines()
    verifying = notice((HELD, ASKED), WORDS, "en", Limits(mode=Mode.VERIFY, life_days=10)).text.splitlines()
    added = "The recipient learns only whether the document is in force, nothing of what it says."
    # What is only verified leaves nothing behind that a life could be set for.
    assert [line for line in verifying if line not in ordinary] == [added]
    assert not any(
        words in line for line in ordinary for words in ("Repeated", "Number of readings", "erased")
    )


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
