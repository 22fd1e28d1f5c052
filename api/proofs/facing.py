"""A finding as people read it: what it comes to in one sentence, why, and what the proof says of the paper."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from dossiers.clock import local_day
from procedures.law import Law
from resolvers.document import claim_label
from resolvers.proofs.wording import reason_words, verdict_words
from vault.proofs.judging import Finding
from vault.proofs.trust import TrustList
from vault.proofs.verdicts import Verdict, verdict_of

LEVELS: Final = {
    1: ("Bản gốc do cơ quan cấp", "Issued by the agency itself"),
    2: ("Bản sao do cơ quan chứng thực", "A copy certified by the agency"),
    3: ("Lời khai của chủ giấy tờ", "Its owner's word"),
}
DAY: Final = "%d/%m/%Y"


@dataclass(frozen=True, slots=True)
class Face:
    """`rows`: a label and a value each, as the proof states them. Empty where no signature vouches for any of it."""

    verdict: str
    good: bool
    words: str
    reasons: Sequence[str]
    holder_unchecked: bool
    rows: Sequence[tuple[str, str]] = field(repr=False)


def face(found: Finding, trust: TrustList | None, law: Law, language: str) -> Face:
    verdict = verdict_of(found)
    told = dict.fromkeys(reason_words(one, language) for one in found.faults)
    return Face(
        verdict=verdict.value,
        good=verdict is Verdict.GOOD,
        words=verdict_words(verdict, language),
        reasons=tuple(told),
        holder_unchecked=found.holder == "UNCHECKED" and verdict is Verdict.GOOD,
        rows=tuple(_rows(found, trust, law, language)) if found.signature == "VALID" else (),
    )


def _rows(found: Finding, trust: TrustList | None, law: Law, language: str) -> Iterator[tuple[str, str]]:
    english = language == "en"

    def label(vietnamese: str, in_english: str) -> str:
        return in_english if english else vietnamese

    if found.document_type is not None:
        kind = law.document_types.get(found.document_type)
        title = kind.name.in_language(language) if kind is not None else found.document_type
        yield label("Loại giấy tờ", "Document"), title
    if found.agency is not None:
        agency = trust.agencies.get(found.agency) if trust is not None else None
        names = agency.name if agency is not None else {}
        yield label("Cơ quan", "Agency"), names.get(language) or names.get("vi") or found.agency
    if found.level is not None:
        yield label("Mức xác nhận", "How it is vouched for"), LEVELS[found.level][english]
    if found.number is not None:
        yield label("Số", "Number"), found.number
    if found.issued_on is not None:
        yield label("Ngày cấp", "Issued on"), _day(found.issued_on)
    if found.expires_at is not None:
        last = local_day(datetime.fromtimestamp(found.expires_at - 1, UTC))
        yield label("Bản chứng thực dùng đến hết ngày", "Last day of this proof"), last.strftime(DAY)
    for name, value in sorted(found.claims.items()):
        yield claim_label(law, name, language), _value(value, label("Có", "Yes"), label("Không", "No"))


def _day(given: str) -> str:
    # A credential's date is text its signer wrote: whatever it is, it is shown.
    try:
        return date.fromisoformat(given).strftime(DAY)
    except ValueError:
        return given


def _value(value: Any, yes: str, no: str) -> str:
    match value:
        case bool():
            return yes if value else no
        case str():
            return value
    return json.dumps(value, ensure_ascii=False)
