"""The words a person agrees to, made from exactly what would be disclosed and hashed as shown.

Pure. Titles, labels and names come from the caller, in the person's language; values of claims never enter, so
a notice may be shown, kept and compared without opening anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from vault.permission.limits import CONSENT_LASTS, Limits, Mode

__all__ = ["CONSENT_LASTS", "Item", "Notice", "PaperWords", "Words", "notice"]

TEMPLATE = "notice/2"
"""Kept with every consent beside the text itself: which wording it was made by."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a consent covers: chosen claims of one exact version, or of what a register will answer.

    `claims` are `concept@role` names. `whole`: the paper itself may be opened too. Without `version` the item
    covers the answer of `register` for `document_type`, fetched for the consent's own purpose alone.
    """

    subject: UUID
    document_type: str
    claims: tuple[str, ...]
    document: UUID | None = None
    version: UUID | None = None
    register: str | None = None
    whole: bool = False

    def covers(self, version: UUID, register: str | None, document_type: str) -> bool:
        """Whether this item is about that version. A register's answer has no version yet when agreed to."""
        if self.version is not None:
            return self.version == version
        return self.register is not None and (self.register, self.document_type) == (register, document_type)

    def to_json(self) -> dict[str, Any]:
        """The item as kept in the consent's row, whose own column names the subject."""
        return {
            "document_type": self.document_type,
            "claims": sorted(self.claims),
            "document": str(self.document) if self.document else None,
            "version": str(self.version) if self.version else None,
            "register": self.register,
            "whole": self.whole,
        }

    @classmethod
    def from_json(cls, subject: UUID, value: Mapping[str, Any]) -> "Item":
        return cls(
            subject,
            value["document_type"],
            tuple(value["claims"]),
            UUID(value["document"]) if value["document"] else None,
            UUID(value["version"]) if value["version"] else None,
            value["register"],
            value["whole"],
        )


@dataclass(frozen=True, slots=True)
class PaperWords:
    """How one item is called: its title, the labels of its claims, the register asked, and about whom."""

    title: str
    claims: tuple[str, ...]
    register: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Everything a notice and the record say that this room does not know. `papers` run parallel to the items.

    `code` and `place` are the recipient's. `sensitive`: those of the items' claims the law calls sensitive.
    """

    purpose: str
    recipient: str
    papers: tuple[PaperWords, ...]
    code: str = ""
    place: str = ""
    sensitive: frozenset[str] = frozenset()


ORDINARY = Limits()
"""What a filing's consent has."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The exact text to show, and the hash the person's decision must present."""

    text: str
    sha256: str


def notice(items: Sequence[Item], words: Words, language: str, limits: Limits = ORDINARY) -> Notice:
    """What the person is asked to agree to, in `vi` or (any other language) `en`.

    Names the exact version of every paper, so a paper replaced between preview and decision changes the hash.
    Raises ValueError when `words.papers` does not run parallel to `items`.
    """
    phrases = _VI if language == "vi" else _EN
    lines = [
        phrases["heading"],
        f"{phrases['purpose']}: {words.purpose}",
        f"{phrases['recipient']}: {words.recipient}",
        f"{phrases['shared']}:",
        *(
            f"{number}. {_line(item, paper, phrases)}"
            for number, (item, paper) in enumerate(zip(items, words.papers, strict=True), 1)
        ),
        phrases["duration"].format(days=limits.lasts_days),
        *_limit_lines(limits, phrases),
        phrases["only"],
        phrases["rights"],
    ]
    text = "\n".join(lines)
    return Notice(text, sha256(text.encode()).hexdigest())


def _limit_lines(limits: Limits, phrases: Mapping[str, str]) -> list[str]:
    """What sets this consent apart from an ordinary one."""
    lines = []
    if limits.mode is not Mode.VIEW:
        lines.append(phrases[limits.mode.value])
    if limits.every_days is not None:
        lines.append(phrases["every"].format(days=limits.every_days))
    if limits.max_uses is not None:
        lines.append(phrases["uses"].format(times=limits.max_uses))
    if limits.life_days is not None and limits.may_be_kept:
        lines.append(phrases["life"].format(days=limits.life_days))
    return lines


def _line(item: Item, paper: PaperWords, phrases: Mapping[str, str]) -> str:
    name = f"{paper.title} – {paper.about}" if paper.about else paper.title
    if item.version is not None:
        # The random tail of the id: enough to tell two versions apart, meaningless to anyone else.
        source = f"{phrases['version']} {item.version.hex[-8:]}"
    else:
        source = f"{phrases['from']} {paper.register or item.register}"
    shown = [phrases["whole"]] if item.whole else []
    return f"{name} ({source}): {'; '.join([*shown, *paper.claims])}"


_VI = {
    "heading": "ĐỒNG Ý CHO DÙNG GIẤY TỜ CỦA BẠN",
    "purpose": "Mục đích",
    "recipient": "Cơ quan nhận",
    "shared": "Những gì cơ quan này được xem",
    "version": "bản",
    "from": "hỏi trực tiếp",
    "whole": "toàn bộ giấy tờ",
    "duration": "Thời hạn: {days} ngày kể từ lúc bạn đồng ý.",
    "VERIFY": "Cơ quan này chỉ biết giấy tờ còn hiệu lực hay không, không nhận nội dung nào.",
    "STORE": "Cơ quan này được lưu lại những gì đã xem.",
    "every": "Lặp lại: nhiều nhất một lần trong mỗi {days} ngày.",
    "uses": "Số lần xem: nhiều nhất {times}.",
    "life": "Những gì đã xem phải xóa trong vòng {days} ngày kể từ lần xem.",
    "only": "Chỉ dùng cho mục đích trên; mỗi lần xem đều được ghi lại và bạn đọc được.",
    "rights": (
        "Bạn có thể không đồng ý. Bạn rút lại được bất cứ lúc nào, dễ như lúc đồng ý; từ lúc đó cơ quan nhận "
        "không mở được nữa và được yêu cầu xóa những gì đã giữ "
        "(Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15)."
    ),
}

_EN = {
    "heading": "PERMISSION TO USE YOUR DOCUMENTS",
    "purpose": "Purpose",
    "recipient": "Recipient",
    "shared": "What the recipient may see",
    "version": "version",
    "from": "asked directly from",
    "whole": "the whole document",
    "duration": "Lasts {days} days from when you agree.",
    "VERIFY": "The recipient learns only whether the document is in force, nothing of what it says.",
    "STORE": "The recipient may keep what it has read.",
    "every": "Repeated: at most once every {days} days.",
    "uses": "Number of readings: at most {times}.",
    "life": "What was read must be erased within {days} days of reading it.",
    "only": "For this purpose alone; every time it is read is logged, and you can read the log.",
    "rights": (
        "You may refuse. You may withdraw at any time, as easily as you agreed; from then on the recipient "
        "cannot open it any more and is asked to erase what it kept "
        "(Law on Personal Data Protection 91/2025/QH15)."
    ),
}
