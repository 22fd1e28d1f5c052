"""What the law asks, worked out a second time: naive, straight from `catalogue/*.json`, sharing no code with the
planner.

`python -m tests.golden.oracle --write` rewrites `table.json`; review its diff as you would a change of the law.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.golden.cases import ORDINARY_DAY, WORLDS, Case, Grounded, World
from tests.golden.stand_ins import StandIns, in_force

CATALOGUE = Path(__file__).parents[2] / "catalogue"
TABLE = Path(__file__).with_name("table.json")
FILES = (
    "procedures", "document_types", "document_claims", "equivalences", "concepts", "conditions", "agencies",
    "component_annotations",
)  # fmt: skip

Json = dict[str, Any]
NOT_ASKED: Grounded = ("NOT_APPLICABLE", frozenset())
Rows = dict[str, dict[str, dict[str, str]]]
"""Procedure id → case label → component → the outcomes of the worlds, one word when all agree."""


def read_json(folder: Path = CATALOGUE) -> Json:
    """The files the oracle reads, by name without ending."""
    return {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in FILES}


class Oracle:
    """Outcomes by procedure, case and world, for one state of the catalogue."""

    def __init__(self, catalogue: Json) -> None:
        self.procedures: dict[str, Json] = {p["id"]: p for p in catalogue["procedures"]}
        self.types: dict[str, Json] = {t["id"]: t for t in catalogue["document_types"]}
        self.notes: dict[str, Json] = catalogue["component_annotations"]
        self.conditions: dict[str, Json] = catalogue["conditions"]["components"]
        self.stand_ins = StandIns(catalogue)
        self.broader = {c["id"]: c["broader"] for c in catalogue["concepts"] if c.get("broader")}
        self.claims = {
            paper: {claim for row in body["claims"] for claim in self._with_broader(row)}
            for paper, body in catalogue["document_claims"].items()
        }
        self.everything = self._everything()

    # What is asked

    def cases(self, procedure: str) -> list[Case]:
        """The base and one case for every way in which one condition of the procedure turns."""
        conditions = [self.conditions.get(c["id"]) or {} for c in self.procedures[procedure]["components"]]
        declares = {
            s for c in conditions if c.get("kind") == "fallback" for s, when in _tests(c)[0] if not when
        }
        asked_anyway = {s for c in conditions if c.get("kind") != "fallback" for s, _ in _tests(c)[0]}
        base = Case(yes=frozenset(declares - asked_anyway))
        found = {base.label: base}
        for condition in conditions:
            for case in _turning(condition, base):
                found.setdefault(case.label, case)
        return list(found.values())

    # What comes out

    def outcomes(self, procedure: str, case: Case, world: World) -> dict[str, str]:
        """Component number (`c01` …) → outcome."""
        return {number: outcome for number, (outcome, _) in self.grounded(procedure, case, world).items()}

    def grounded(self, procedure: str, case: Case, world: World) -> dict[str, Grounded]:
        """Component number → outcome and the rules of law that let something stand in for the paper."""
        body = self.procedures[procedure]
        components = [c for c in body["components"] if in_force(c, world.on)]
        out = {c["id"]: self._outcome(body, c, case, world) for c in components}
        for group in {c["alternative_group"] for c in components} - {None}:
            self._keep_one(out, [c["id"] for c in components if c["alternative_group"] == group], case)
        return {name.rsplit(".", 1)[1]: grounded for name, grounded in out.items()}

    def _keep_one(self, out: dict[str, Grounded], group: list[str], case: Case) -> None:
        """Of a group of alternatives the highest rank not declared absent is live, and its best member answers. A
        paper that is held outweighs the declaration."""
        living = [
            name
            for name in group
            if out[name] != NOT_ASKED and (name not in case.absent or out[name][0] == "REUSE")
        ]
        top = min((self._rank(name) for name in living), default=0)
        best_first = ("REUSE", "FETCH", "PENDING_FETCH", "FORM", "SHOW", "SURRENDER", "SUPPLY")
        of_rank = [name for name in living if self._rank(name) == top]
        live = sorted(of_rank, key=lambda name: best_first.index(out[name][0]))
        for name in group:
            if name not in live[:1]:
                out[name] = NOT_ASKED

    def _rank(self, component: str) -> int:
        return int(self.notes[component]["rank"] or 1)

    def _outcome(self, procedure: Json, component: Json, case: Case, world: World) -> Grounded:
        note, condition = self.notes[component["id"]], self.conditions.get(component["id"]) or {}
        shape = note["outcome_class"]
        if shape in ("generated", "not_required") or component["requirement"] == "not_required":
            return NOT_ASKED
        if not self._asked(component, condition, case):
            return NOT_ASKED
        if shape in ("form", "surrender"):
            return str(shape).upper(), frozenset()
        return self._met(procedure, component, case, world)

    def _met(self, procedure: Json, component: Json, case: Case, world: World) -> Grounded:
        note = self.notes[component["id"]]
        show = note["outcome_class"] == "show"
        accepted = self.stand_ins.accepted(procedure, component, world.on)
        level = min(2, note["min_level"]) if show else note["min_level"]
        held = {} if note.get("fresh") else self.holdings(world)
        needs = set() if note["whole"] else {f"{c['concept']}@{c['role']}" for c in note["claims"]}
        carries_all = {paper for paper in accepted if needs <= self.claims.get(paper, set())}
        usable = {
            paper: rule
            for paper, rule in accepted.items()
            if paper in carries_all and held.get(paper, 9) <= level and not self._of_one_case(paper)
        }
        readable = self.stand_ins.readable(
            procedure, component, filter(world.has_entry, carries_all), world.on
        )
        if component["id"] in case.absent:
            readable = {}
        answering = {paper: rule for (database, paper), rule in readable.items() if world.answers(database)}
        if usable:
            return "REUSE", frozenset(filter(None, usable.values()))
        if readable:
            asked, rules = ("FETCH", answering) if answering else ("PENDING_FETCH", readable)
            return asked, frozenset(rules.values())
        return "SHOW" if show else "SUPPLY", frozenset()

    def _asked(self, component: Json, condition: Json, case: Case) -> bool:
        kind, computed = condition.get("kind"), condition.get("computed_from") or {}
        if kind == "mandate":
            return case.filer in computed["filer_is"]
        if kind == "fallback":
            return set(computed["higher_components"]) <= case.absent and _holds(condition, case.yes)
        if kind == "situation":
            return _holds(condition, case.yes)
        if kind == "note":
            return bool(component["requirement"] != "conditional")
        return ("in_person" if case.in_person else "online") in computed.get(
            "channels", ["in_person", "online"]
        )

    def holdings(self, world: World) -> Mapping[str, int]:
        """Paper type → assurance level held in that world."""
        if world.only:
            return {world.only: 1}
        return self.everything if world.held else {}

    def _everything(self) -> dict[str, int]:
        """Every result type, issued; every self-supplied, not case-bound paper two or more procedures accept."""
        results = {t for p in self.procedures.values() for t in p["result_document_type_ids"]}
        takers: dict[str, set[str]] = {}
        for procedure in self.procedures.values():
            for component in procedure["components"]:
                if self.notes[component["id"]]["outcome_class"] in ("evidence", "show", "surrender"):
                    for paper in self.stand_ins.accepted(procedure, component, ORDINARY_DAY):
                        takers.setdefault(paper, set()).add(procedure["id"])
        kept = {
            t for t, procedures in takers.items() if len(procedures) > 1 and self._personal(self.types[t])
        }
        return dict.fromkeys(kept, 3) | dict.fromkeys(results, 1)

    def _personal(self, paper: Json) -> bool:
        return not (
            paper.get("case_bound")
            or paper["satisfied_by_document_type_ids"]
            or paper["category"] == "application_form"
            or paper["status"] == "abolished"
        )

    def _of_one_case(self, paper: str) -> bool:
        return bool(self.types[paper].get("case_bound")) or self.types[paper].get("object_kind") == "case"

    def _with_broader(self, row: Json) -> Iterator[str]:
        concept: str | None = row["concept"]
        while concept:
            yield f"{concept}@{row['role']}"
            concept = self.broader.get(concept)


def table(oracle: Oracle) -> Rows:
    """Every procedure: the base row whole, of every other case what differs from it."""
    return {name: rows(oracle, name) for name in oracle.procedures}


def rows(oracle: Oracle, procedure: str) -> dict[str, dict[str, str]]:
    base: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    for case in oracle.cases(procedure):
        row = across([oracle.outcomes(procedure, case, world) for world in WORLDS])
        base = base or row
        found[case.label] = row if row is base else {c: o for c, o in row.items() if o != base[c]}
    return found


def across(outcomes: list[dict[str, str]]) -> dict[str, str]:
    """One word per component when the four worlds agree, else four."""
    found = {}
    for component in outcomes[0]:
        words = [one.get(component, "ABSENT") for one in outcomes]
        found[component] = words[0] if len(set(words)) == 1 else " ".join(words)
    return found


def _turning(condition: Json, base: Case) -> Iterator[Case]:
    """The least changes of the base that turn one condition."""
    kind, computed = condition.get("kind"), condition.get("computed_from") or {}
    tests, everyone = _tests(condition)
    if kind == "mandate":
        relation = computed["filer_is"][0]
        yield replace(base, label=f"filer:{relation}", filer=relation)
    elif kind == "fallback":
        higher = computed["higher_components"]
        declared = {s for s, when in tests if not when}
        yield Case(
            "absent:" + ",".join(component.rsplit(".", 1)[1] for component in higher),
            base.yes - declared | {s for s, when in tests if when},
            absent=frozenset(higher),
        )
    elif kind == "situation":
        at_base = _holds(condition, base.yes)
        turned = [situation for situation, when in tests if when != at_base]
        for answered in [turned] if everyone != at_base else [[situation] for situation in turned]:
            yield replace(base, label="+".join(answered), yes=base.yes | set(answered))
    elif "online" not in computed.get("channels", ["online"]):
        yield replace(base, label="in_person", in_person=True)


def _tests(condition: Json) -> tuple[list[tuple[str, bool]], bool]:
    """The tests of a condition and whether all of them must hold."""
    combined = condition.get("combine") or {}
    listed = (
        combined.get("all") or combined.get("any") or ([condition] if condition.get("situation_id") else [])
    )
    return [(t["situation_id"], t["when"]) for t in listed], "any" not in combined


def _holds(condition: Json, yes: frozenset[str]) -> bool:
    tests, everyone = _tests(condition)
    results = [(situation in yes) == when for situation, when in tests]
    return all(results) if everyone else any(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="rewrite table.json from the catalogue")
    found = json.dumps(table(Oracle(read_json())), ensure_ascii=False, indent=1) + "\n"
    if parser.parse_args().write:
        TABLE.write_text(found, "utf-8")
    else:
        print(found, end="")


if __name__ == "__main__":
    main()
