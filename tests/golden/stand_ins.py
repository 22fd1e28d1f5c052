"""Which papers and databases may stand in for a component, read naively from `equivalences.json` for the oracle."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

Json = dict[str, Any]

SCOPES = ("procedures", "sector", "all")
"""Of rules reaching one component the most particular is named first."""


class StandIns:
    """The rules of one state of the catalogue, by component and day."""

    def __init__(self, catalogue: Json) -> None:
        self._types: dict[str, Json] = {t["id"]: t for t in catalogue["document_types"]}
        self._notes: dict[str, Json] = catalogue["component_annotations"]
        self._law: Json = catalogue["equivalences"]
        self._attested = {
            d["id"]: set(d["attested_document_type_ids"]) for d in catalogue["agencies"]["databases"]
        }

    def accepted(self, procedure: Json, component: Json, on: date) -> dict[str, str]:
        """Paper types that meet the component, each with the rule by which it stands in: none for the paper itself
        and for members of its group."""
        names = self._members(component["document_type_id"])
        gone = {
            a["document_type_id"]: a for a in self._law["abolished_papers"] if a["abolished_from"] <= str(on)
        }
        found = dict.fromkeys(names, "")
        if not self._barred(component):
            for name in filter(gone.get, names):
                for successor in gone[name]["successor_document_type_ids"]:
                    found.setdefault(successor, gone[name]["id"])
            for rule in self._rules(procedure, component, on, "stand_in"):
                old, new = rule["in_place_of_document_type_id"], rule["accepted_document_type_id"]
                if new and old in names:
                    found.setdefault(new, rule["id"])
                if new and rule.get("both_ways") and new in names:
                    found.setdefault(old, rule["id"])
        return {name: rule for name, rule in found.items() if name not in gone}

    def readable(
        self, procedure: Json, component: Json, accepted: Iterable[str], on: date
    ) -> dict[tuple[str, str], str]:
        """State database and accepted paper it answers with → the most particular rule in force that lets it."""
        found: dict[tuple[str, str], str] = {}
        papers_that_serve = set(accepted)
        if self._barred(component):
            return found

        def let(database: str, papers: Iterable[str], rule: Json) -> None:
            for paper in papers:
                if paper in papers_that_serve:
                    found.setdefault((database, paper), rule["id"])

        for rule in self._cited(component, "procedure_substitutions", on):
            let(rule["database_id"], [rule["document_type_id"]], rule)
        for rule in self._rules(procedure, component, on, "register"):
            named = {rule["in_place_of_document_type_id"], rule["accepted_document_type_id"]}
            let(rule["accepted_database_id"], named & self._attested[rule["accepted_database_id"]], rule)
        for rule in self._law["register_rules"]:
            if component["id"] in rule["component_ids"] and in_force(rule, on):
                let(rule["database_id"], rule["document_type_ids"], rule)
        for rule in self._cited(component, "database_substitutions", on):
            let(rule["database_id"], rule["document_type_ids"], rule)
        return found

    def _cited(self, component: Json, kind: str, on: date) -> Iterator[Json]:
        return (r for r in self._law[kind] if r["id"] in component["equivalence_ids"] and in_force(r, on))

    def _barred(self, component: Json) -> bool:
        note = self._notes[component["id"]]
        return bool(note["self_object"] or note.get("fresh"))

    def _members(self, paper: str) -> list[str]:
        inner = self._types[paper]["satisfied_by_document_type_ids"]
        return list(dict.fromkeys([paper, *(deep for name in inner for deep in self._members(name))]))

    def _rules(self, procedure: Json, component: Json, on: date, effect: str) -> Iterator[Json]:
        widest_last = sorted(
            (r for r in self._law["document_substitutions"] if r["scope"] in SCOPES),
            key=lambda rule: SCOPES.index(rule["scope"]),
        )
        for rule in widest_last:
            reach = {
                "all": True,
                "procedures": procedure["id"] in rule["procedure_ids"],
                "sector": bool(
                    {*rule.get("agency_type_ids", [])} & {*procedure["executing_agency_type_ids"]}
                ),
            }[rule["scope"]]
            spared = component["id"] in rule.get("excluded_component_ids", ()) or procedure["id"] in rule.get(
                "excluded_procedure_ids", ()
            )
            if reach and not spared and effect in rule["effects"] and in_force(rule, on):
                yield rule


def in_force(entry: Json, on: date) -> bool:
    return bool((entry.get("effective_from") or "") <= str(on) <= (entry.get("effective_to") or "9999"))
