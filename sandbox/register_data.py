"""What every State database of the catalogue answers about a demo person: pure, and the same for the same day.

The catalogue says which paper a database attests and which facts stand on it; `sandbox.papers` says who has one;
`sandbox.facts` gives each fact its value, so that people, numbers and homes agree across databases. What concerns
nobody (a reason, a picture) is filled in by kind and marked as made up.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from sandbox.establishments import Holder
from sandbox.facts import MADE_UP_OF, Fact, document_facts, facts_of
from sandbox.papers import Paper, paper_of
from sandbox.people import MARK, PROVINCE, WARDS

CATALOGUE: Final = Path(__file__).resolve().parent.parent / "catalogue"


@dataclass(frozen=True, slots=True)
class Record:
    """A database's answer. MISMATCH: the record is under correction at the source, so nothing is said of it."""

    outcome: Literal["FOUND", "MISMATCH"]
    claims: Mapping[str, Fact | list[Fact]]
    issued_on: date | None
    valid_until: date | None


def answer(holder: Holder, database: str, document_type: str, on: date) -> Record | None:
    """What `database` holds of `document_type` about this person or establishment; None when nothing."""
    if document_type not in answerable().get(database, frozenset()):
        return None
    paper = paper_of(holder, database, document_type, on)
    if paper is None:
        return None
    if paper.in_doubt:
        return Record("MISMATCH", {}, None, None)
    return Record("FOUND", dict(_claims(paper)), paper.issued_on, paper.valid_until)


@cache
def answerable() -> Mapping[str, frozenset[str]]:
    """Every database of the catalogue, and the papers it attests or some rule lets be read from it."""
    found: dict[str, set[str]] = {
        one["id"]: set(one["attested_document_type_ids"]) for one in _read("agencies.json")["databases"]
    }
    rules = _read("equivalences.json")
    for rule in (*rules["database_substitutions"], *rules.get("register_rules", ())):
        found[rule["database_id"]] |= set(rule["document_type_ids"])
    for rule in rules["procedure_substitutions"]:
        found[rule["database_id"]].add(rule["document_type_id"])
    return {database: frozenset(types) for database, types in found.items()}


@cache
def attested_claims() -> Mapping[str, tuple[tuple[str, str, bool], ...]]:
    """Concept, role, and whether there may be several, for each paper type that attests anything."""
    return {
        name: tuple((one["concept"], one["role"], bool(one.get("multiple"))) for one in body["claims"])
        for name, body in _read("document_claims.json").items()
    }


@cache
def _value_types() -> Mapping[str, str]:
    return {one["id"]: one["value_type"] for one in _read("concepts.json")}


def _read(name: str) -> Any:
    return json.loads((CATALOGUE / name).read_text(encoding="utf-8"))


def _claims(paper: Paper) -> Iterator[tuple[str, Fact | list[Fact]]]:
    for concept, role, several in attested_claims().get(paper.document_type, ()):
        values = [value for value in _values(concept, role, paper) if value is not None]
        if values:
            yield f"{concept}@{role}", values if several else values[0]


def _values(concept: str, role: str, paper: Paper) -> Iterator[Fact | None]:
    if concept.startswith("document."):
        yield document_facts(paper).get(concept) or _made_up(concept, paper)
        return
    for actor in paper.cast.get(role, ()):
        facts = facts_of(actor, role, paper)
        if concept in facts:
            yield facts[concept]
        elif concept.startswith(MADE_UP_OF.get(type(actor), ())):
            yield _made_up(concept, paper)


def _made_up(concept: str, paper: Paper) -> Fact:
    match _value_types().get(concept):
        case "date":
            return paper.issued_on.isoformat()
        case "integer" | "vnd" | "area_m2":
            return 1
        case "boolean":
            return True
        case "image" | "binary":
            return f"dữ liệu ảnh hoặc nhị phân {MARK}"
        case "address":
            return f"{WARDS[0]}, {PROVINCE}"
        case _:
            return f"Dữ liệu {MARK}"
