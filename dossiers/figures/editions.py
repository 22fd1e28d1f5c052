"""The catalogue as it was known at each moment, from the editions its imports kept. Pure.

An import closes the editions it replaces: an ask is judged by what was published when it was made, whatever was
corrected since.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

Body = Mapping[str, Any]

KINDS = (
    "procedures",
    "component_annotations",
    "conditions",
    "document_types",
    "document_claims",
    "document_substitutions",
    "procedure_substitutions",
    "database_substitutions",
    "register_rules",
    "abolished_papers",
    "databases",
    "concepts",
    "forms",
    "roles",
)
"""Kinds of catalogue items this reads."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of a catalogue item, known from its import until the import that replaced it."""

    kind: str
    item: str
    body: Body
    since: datetime
    until: datetime | None


class Catalogue:
    """The items by kind, as known at one moment."""

    def __init__(self, editions: Iterable[Edition]) -> None:
        self._tables: dict[str, dict[str, Body]] = {kind: {} for kind in KINDS}
        for one in editions:
            self._tables[one.kind][one.item] = one.body

    def table(self, kind: str) -> Mapping[str, Body]:
        return self._tables[kind]


def as_known(editions: list[Edition]) -> Iterator[tuple[dict[str, Any], Catalogue]]:
    """The catalogue between each import and the next. What was asked before the first is judged by the first."""
    moments = sorted({one.since for one in editions} | {one.until for one in editions if one.until})
    for place, moment in enumerate(moments):
        following = moments[place + 1] if place + 1 < len(moments) else None
        known = {
            "known_from": moment.isoformat() if place else None,
            "known_to": following.isoformat() if following else None,
        }
        yield (
            known,
            Catalogue(
                one for one in editions if one.since <= moment and (one.until is None or moment < one.until)
            ),
        )


def spans(catalogue: Catalogue) -> list[tuple[date | None, date | None]]:
    """The longest spans of days in which no rule comes or goes."""
    starts: set[date] = set()
    for kind in KINDS:
        for body in catalogue.table(kind).values():
            starts.update(day(body[key]) for key in ("effective_from", "abolished_from") if body.get(key))
            if body.get("effective_to"):
                starts.add(day(body["effective_to"]) + timedelta(days=1))
    ordered = sorted(starts)
    ends = [start - timedelta(days=1) for start in ordered]
    return list(zip([None, *ordered], [*ends, None], strict=True))


def in_force(rule: Body, on: date) -> bool:
    start, end = rule.get("effective_from"), rule.get("effective_to")
    return (not start or day(start) <= on) and (not end or on <= day(end))


def day(value: str) -> date:
    return date.fromisoformat(value)
