"""Nothing in the golden table is idle: dropping any rule, register or rank changes a row, of the oracle and of the
planner alike. A row here is the outcome with the rule it rests on."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from procedures.catalogue import CatalogueFiles, law_on
from tests.golden.cases import DAYS, WORLDS, World, only_paper, only_register
from tests.golden.figures import read_scene
from tests.golden.oracle import CATALOGUE, Oracle, read_json
from tests.golden.world import Scene, planned

Json = dict[str, Any]
RULE_LISTS = ("database_substitutions", "procedure_substitutions", "document_substitutions", "register_rules")


@dataclass(frozen=True, slots=True)
class Sources:
    """Oracle and planner over one state of the catalogue. Vaults hold what the committed catalogue says."""

    oracle: Oracle
    scene: Scene


@cache
def as_committed() -> Sources:
    return Sources(Oracle(read_json()), read_scene())


@cache
def documents() -> Json:
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted(CATALOGUE.glob("*.json"))}


def changed_to(**files: Any) -> Sources:
    """The catalogue with some files replaced (by name without ending)."""
    oracle = Oracle(read_json() | files)
    oracle.everything = as_committed().oracle.everything
    altered = CatalogueFiles(documents() | {f"{name}.json": content for name, content in files.items()})
    laws = {on: law_on(altered, on) for on in DAYS}
    return Sources(oracle, replace(as_committed().scene, laws=laws))


def who_notices(altered: Sources, worlds: Iterable[World]) -> set[str]:
    """Which of the two sources gives another row anywhere in those worlds."""
    before, notice = as_committed(), set()
    touched = [
        name
        for name in before.oracle.procedures
        if any(
            before.scene.laws[on].procedures.get(name) != altered.scene.laws[on].procedures.get(name)
            for on in DAYS
        )
    ]
    for name in touched:
        for case in before.oracle.cases(name):
            for world in worlds:
                if before.oracle.grounded(name, case, world) != altered.oracle.grounded(name, case, world):
                    notice.add("oracle")
                if planned(before.scene, name, case, world) != planned(altered.scene, name, case, world):
                    notice.add("planner")
                if len(notice) == 2:
                    return notice
    return notice


def law_without(is_gone: Callable[[Json], bool]) -> Json:
    law = read_json()["equivalences"]
    return {
        **law,
        **{name: [entry for entry in law[name] if not is_gone(entry)] for name in RULE_LISTS},
    }


def databases_of(rule: Json) -> set[str]:
    return {rule[key] for key in ("database_id", "accepted_database_id") if rule.get(key)}


RULES = {rule["id"]: rule for name in RULE_LISTS for rule in read_json()["equivalences"][name]}
IDLE_RULES: dict[str, str] = {}


@pytest.mark.parametrize("rule", RULES)
def test_dropping_a_rule_changes_a_row(rule: str) -> None:
    body = RULES[rule]
    papers = {
        body[key] for key in ("accepted_document_type_id", "in_place_of_document_type_id") if body.get(key)
    }
    worlds = [*WORLDS]
    worlds += [world for database in sorted(databases_of(body)) for world in only_register(database)]
    worlds += [world for paper in sorted(papers) for world in only_paper(paper)]
    noticed = who_notices(changed_to(equivalences=law_without(lambda entry: entry["id"] == rule)), worlds)
    assert noticed == (set() if rule in IDLE_RULES else {"oracle", "planner"})


DATABASES = [database["id"] for database in read_json()["agencies"]["databases"]]
IDLE_DATABASES: dict[str, str] = {}


@pytest.mark.parametrize("database", DATABASES)
def test_dropping_a_register_changes_a_row(database: str) -> None:
    altered = changed_to(equivalences=law_without(lambda entry: database in databases_of(entry)))
    noticed = who_notices(altered, [*WORLDS, *only_register(database)])
    assert noticed == (set() if database in IDLE_DATABASES else {"oracle", "planner"})


LOWER_RANKS = sorted(
    name for name, note in read_json()["component_annotations"].items() if note["rank"] and note["rank"] > 1
)


@pytest.mark.parametrize("component", LOWER_RANKS)
def test_dropping_a_rank_changes_a_row(component: str) -> None:
    procedures = [
        {**body, "components": [one for one in body["components"] if one["id"] != component]}
        for body in read_json()["procedures"]
    ]
    assert who_notices(changed_to(procedures=procedures), WORLDS) == {"oracle", "planner"}


@pytest.mark.parametrize("component", LOWER_RANKS)
def test_rank_comes_before_cost(component: str) -> None:
    """Put first, the lower rank is asked for although the higher one could be fetched."""
    catalogue = read_json()
    notes = {**catalogue["component_annotations"]}
    notes[component] = {**notes[component], "rank": 0}
    conditions = {**catalogue["conditions"], "components": {**catalogue["conditions"]["components"]}}
    del conditions["components"][component]
    altered = changed_to(component_annotations=notes, conditions=conditions)
    assert who_notices(altered, WORLDS[:1]) == {"oracle", "planner"}
