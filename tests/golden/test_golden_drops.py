"""Nothing in the golden table is idle: dropping any rule, register or rank changes a row, of the oracle and of the
planner alike. A row here is the outcome with the rule it rests on."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import pytest

from procedures.catalogue import CatalogueFiles, law_on
from procedures.law import Law
from tests.golden.cases import DAYS, ORDINARY_DAY, WORLDS, World, only_paper, only_register
from tests.golden.oracle import CATALOGUE, Oracle, read_json
from tests.golden.world import Scene, everything_held, planned

Json = dict[str, Any]
RULE_LISTS = ("database_substitutions", "procedure_substitutions", "document_substitutions", "register_rules")


@dataclass(frozen=True, slots=True)
class Sources:
    """Oracle and planner over one state of the catalogue. Vaults hold what the committed catalogue says."""

    oracle: Oracle
    scene: Scene


@cache
def catalogue() -> Json:
    return read_json()


@cache
def documents() -> Json:
    """The catalogue's files; without the forms, which no plan looks at and which take longest to build."""
    read = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(CATALOGUE.glob("*.json"))}
    return read | {"forms.json": {}}


@cache
def as_committed() -> Sources:
    laws = _laws(documents())
    return Sources(Oracle(catalogue()), Scene(laws, everything_held(laws[ORDINARY_DAY])))


def changed_to(**files: Any) -> Sources:
    """The catalogue with some files replaced (by name without ending)."""
    oracle = Oracle(catalogue() | files)
    oracle.everything = as_committed().oracle.everything
    laws = _laws(documents() | {f"{name}.json": content for name, content in files.items()})
    return Sources(oracle, replace(as_committed().scene, laws=laws))


def _laws(content: Json) -> dict[date, Law]:
    files = CatalogueFiles(content)
    files.__dict__["version"] = "not asked for"  # computing the digest takes longer than all the rest
    return {on: law_on(files, on) for on in DAYS}


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
    law = catalogue()["equivalences"]
    return {
        **law,
        **{name: [entry for entry in law[name] if not is_gone(entry)] for name in RULE_LISTS},
    }


def databases_of(rule: Json) -> set[str]:
    return {rule[key] for key in ("database_id", "accepted_database_id") if rule.get(key)}


def papers_of(rule: Json) -> set[str]:
    named = {rule[key] for key in ("document_type_id", "accepted_document_type_id") if rule.get(key)}
    return (
        named
        | {rule[k] for k in ("in_place_of_document_type_id",) if rule.get(k)}
        | {*rule.get("document_type_ids", ())}
    )


def worlds_about(rule: Json) -> Iterator[World]:
    """The four, then those in which nothing but this rule's databases or papers could serve."""
    yield from WORLDS
    for paper in sorted(papers_of(rule)):
        if "in_place_of_document_type_id" in rule:
            yield from only_paper(paper)
        for database in sorted(databases_of(rule)):
            yield from only_register(database, paper)


RULES = {rule["id"]: rule for name in RULE_LISTS for rule in catalogue()["equivalences"][name]}
_RANKED = "restates the order of a ranked group, which its annotations carry (see the ranks below)"
_OUTSIDE = "shown at the hospital, outside any procedure"
_GONE = "stands in for an abolished paper that no component names any more"
_LEVEL = "a copy raises the assurance level of any paper; it is recorded as that paper at level 2"
IDLE_RULES = {
    "thay-the-bang-csdl-dang-ky-phuong-tien": "its one paper is handed in, which no data replace (1.013079)",
    "thay-the-bang-csdl-ly-lich-tu-phap": "no procedure of the catalogue asks for a judicial record",
    "van-ban-lam-chung-thay-giay-chung-sinh": _RANKED,
    "giay-cam-doan-thay-giay-chung-sinh": _RANKED,
    "giay-chung-sinh-thay-the-bhyt": _OUTSIDE,
    "the-bhyt-dien-tu-thay-the-giay": _OUTSIDE,
    "the-can-cuoc-thay-cmnd": _GONE,
    "ct07-thay-so-ho-khau": _GONE,
    "thong-bao-cu-tru-thay-so-tam-tru": _GONE,
    "du-lieu-thay-giay-xac-nhan-tthn-khi-ket-hon": "its paper is no longer required (1.000894)",
    "ban-sao-chung-thuc-thay-ban-chinh": _LEVEL,
    "ban-sao-dien-tu-thay-ban-chinh": _LEVEL,
    "ban-sao-so-goc-thay-ban-chinh": _LEVEL,
    "than-nhan-khong-can-chung-thuc-uy-quyen": "eases a mandate for relatives, through the conditions' own lists",
}


@pytest.mark.parametrize("rule", RULES)
def test_dropping_a_rule_changes_a_row(rule: str) -> None:
    altered = changed_to(equivalences=law_without(lambda entry: entry["id"] == rule))
    noticed = who_notices(altered, [*worlds_about(RULES[rule])])
    assert noticed == (set() if rule in IDLE_RULES else {"oracle", "planner"})


DATABASES = [database["id"] for database in catalogue()["agencies"]["databases"]]
IDLE_DATABASES = {
    "csdl-can-cuoc": "no rule read lets it answer: the population database does",
    "csdl-dang-ky-phuong-tien": "its one paper is handed in, which no data replace (1.013079)",
    "csdl-ly-lich-tu-phap": "no procedure of the catalogue asks for a judicial record",
    "csdl-quoc-tich": "attests no paper of the catalogue",
}


@pytest.mark.parametrize("database", DATABASES)
def test_dropping_a_register_changes_a_row(database: str) -> None:
    altered = changed_to(equivalences=law_without(lambda entry: database in databases_of(entry)))
    noticed = who_notices(altered, [*WORLDS, *only_register(database)])
    assert noticed == (set() if database in IDLE_DATABASES else {"oracle", "planner"})


LOWER_RANKS = sorted(
    name for name, note in catalogue()["component_annotations"].items() if note["rank"] and note["rank"] > 1
)


@pytest.mark.parametrize("component", LOWER_RANKS)
def test_dropping_a_rank_changes_a_row(component: str) -> None:
    procedures = [
        {**body, "components": [one for one in body["components"] if one["id"] != component]}
        for body in catalogue()["procedures"]
    ]
    assert who_notices(changed_to(procedures=procedures), WORLDS) == {"oracle", "planner"}


@pytest.mark.parametrize("component", LOWER_RANKS)
def test_rank_comes_before_cost(component: str) -> None:
    """Put first, the lower rank is asked for although the higher one could be fetched."""
    notes = {**catalogue()["component_annotations"]}
    notes[component] = {**notes[component], "rank": -1}
    conditions = {**catalogue()["conditions"], "components": {**catalogue()["conditions"]["components"]}}
    del conditions["components"][component]
    altered = changed_to(component_annotations=notes, conditions=conditions)
    assert who_notices(altered, WORLDS[:1]) == {"oracle", "planner"}


def test_each_accepted_paper_alone_serves_while_all_registers_are_down() -> None:
    """What is held never waits for a register, and nothing but the accepted paper serves."""
    oracle, scene = as_committed().oracle, as_committed().scene
    wrong = []
    for name, body in oracle.procedures.items():
        accepted = (
            oracle.stand_ins.accepted(body, component, ORDINARY_DAY) for component in body["components"]
        )
        papers = sorted({paper for papers in accepted for paper in papers})
        for case, paper in ((case, paper) for case in oracle.cases(name) for paper in papers):
            for world in only_paper(paper):
                expected = oracle.outcomes(name, case, world)
                found = {
                    number: outcome for number, (outcome, _) in planned(scene, name, case, world).items()
                }
                if found != expected:
                    wrong.append(f"{name} [{case.label}], {world.name}: {expected}, the planner says {found}")
    assert not wrong, "\n".join(wrong)
