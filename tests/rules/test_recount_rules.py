"""The recount's own reading of the law, and its independence of the planner's."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from dossiers.figures.editions import KINDS, Edition
from dossiers.figures.rulebook import rules
from procedures.catalogue import CatalogueFiles, law_on, read_catalogue
from procedures.editions import items
from tests.house.tree import ROOT, Module, modules
from tests.recount_law import LAPSES, LAW

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
NOVEMBER = date(2026, 11, 23)
Rule = dict[str, Any]


def editions(**changed: Any) -> list[Edition]:
    """The made-up law, with `changed` items in place of its own."""
    tables = {kind: {**LAW.get(kind, {}), **changed.get(kind, {})} for kind in KINDS}
    return [
        Edition(kind, item, body, FIRST, None) for kind, rows in tables.items() for item, body in rows.items()
    ]


def on(day: date, name: str, found: dict[str, list[Rule]]) -> list[Rule]:
    """The rules of a component on a day, its own first."""
    return [
        one
        for one in found["components"]
        if one["requirement"] == name
        and (one["first_day"] or "0") <= day.isoformat() <= (one["last_day"] or "9")
    ]


def rule(name: str, day: date = NOVEMBER, **changed: Any) -> Rule:
    """The own rule of a component of the made-up shop."""
    (own,) = [one for one in on(day, f"shop.{name}", rules(editions(**changed), ["shop"])) if one["own"]]
    return own


# The two readings of the law are compared by what they say; neither is made from the other.
DAYS = (date(2019, 1, 1), date(2025, 12, 31), date(2026, 1, 1), NOVEMBER, date(2027, 2, 28), date(2027, 3, 1))


@pytest.fixture(scope="module")
def files() -> CatalogueFiles:
    return read_catalogue(ROOT / "catalogue")


@pytest.fixture(scope="module")
def reading(files: CatalogueFiles) -> dict[str, list[Rule]]:
    imported = [Edition(one.kind, one.id, one.body, FIRST, None) for one in items(files) if one.kind in KINDS]
    return rules(imported, list(files.table("procedures")))


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_both_readings_of_the_real_law_agree(
    files: CatalogueFiles, reading: dict[str, list[Rule]], day: date
) -> None:
    compared = 0
    for procedure in law_on(files, day).procedures.values():
        for one in procedure.requirements:
            own = [rule for rule in on(day, one.id, reading) if rule["own"]]
            if one.outcome_class.value not in ("evidence", "show"):
                assert own == []
                continue
            assert len(own) == 1
            compared += 1
            accepted = {kind.document_type for kind in one.accepts}
            readable = {(source.database, kind) for source in one.registers for kind in source.document_types}
            asked = {(row["database"], row["document_type"]) for row in own[0]["registers"]}
            assert (set(own[0]["types"]), own[0]["about"]) == (accepted, one.object_kind.value), one.id
            assert asked <= readable, one.id
    assert compared > 200


def test_every_declarable_fact_of_a_form_has_a_rule(
    files: CatalogueFiles, reading: dict[str, list[Rule]]
) -> None:
    known = {(one["procedure"], one["field"]): one["concept"] for one in reading["fields"]}
    for procedure in law_on(files, NOVEMBER).procedures.values():
        for field in procedure.form.fields if procedure.form else ():
            wanted = field.concept if field.prefill != "declare" else None
            assert known.get((procedure.id, field.key)) == wanted, (procedure.id, field.key)


def test_a_group_stands_for_each_of_its_members() -> None:
    assert rule("licence")["types"] == ["licence", "old-licence", "trade-card"]
    assert rule("licence")["personal_types"] == ["trade-card"]
    inner = {"object_kind": "person", "satisfied_by_document_type_ids": ["card"]}
    assert rule("licence", document_types={"old-licence": inner})["types"] == [
        "licence",
        "old-licence",
        "trade-card",
        "card",
        "e-card",
    ]


@pytest.mark.parametrize(
    ("change", "serves"),
    [
        ({}, True),
        ({"effects": ["level"]}, False),
        ({"scope": "procedures", "procedure_ids": ["shop"]}, True),
        ({"scope": "procedures", "procedure_ids": ["inn"]}, False),
        ({"scope": "sector", "agency_type_ids": ["commune"]}, True),
        ({"scope": "sector", "agency_type_ids": ["ministry"]}, False),
        ({"scope": "outside_procedures"}, False),
        ({"excluded_component_ids": ["shop.card"]}, False),
        ({"excluded_procedure_ids": ["shop"]}, False),
        ({"effective_from": "2026-11-24"}, False),
        ({"effective_to": "2026-11-22"}, False),
        ({"effective_from": "2026-11-23", "effective_to": "2026-11-23"}, True),
    ],
    ids=str,
)
def test_a_stand_in_reaches_as_far_as_its_rule(change: dict[str, Any], serves: bool) -> None:
    entry = {**LAW["document_substitutions"]["e-card-for-card"], **change}
    found = rule("card", document_substitutions={"e-card-for-card": entry})
    assert ("e-card" in found["types"]) is serves


def test_a_rule_both_ways_serves_the_other_way_too() -> None:
    entry = {**LAW["document_substitutions"]["copy-for-deed"], "in_place_of_document_type_id": "passport"}
    swapped = {**entry, "accepted_document_type_id": "card"}
    assert "passport" not in rule("card", document_substitutions={"p": swapped})["types"]
    assert "passport" in rule("card", document_substitutions={"p": {**swapped, "both_ways": True}})["types"]


def test_an_abolished_paper_gives_way_to_its_successors() -> None:
    gone = {"document_type_id": "card", "abolished_from": "2026-11-23"}
    change: Any = {"abolished_papers": {"gone": {**gone, "successor_document_type_ids": ["passport"]}}}
    assert rule("card", NOVEMBER - timedelta(days=1), **change)["types"] == ["card", "e-card"]
    assert rule("card", **change)["types"] == ["passport", "e-card"]


def test_nothing_stands_in_for_the_object_of_the_procedure_or_what_is_made_for_it() -> None:
    for name in ("deed", "own"):
        assert rule(name)["types"] == ["deed"]
    assert rule("shown")["types"] == ["deed", "deed-copy"]
    cited = {"equivalence_ids": ["card-read"], "document_type_id": "card"}
    components = [{**one, **cited} for one in LAW["procedures"]["shop"]["components"]]
    procedure = {"shop": {**LAW["procedures"]["shop"], "components": components}}
    assert rule("health", procedures=procedure)["registers"]
    assert rule("photo", procedures=procedure)["registers"] == []


def test_a_register_answers_while_some_rule_lets_it() -> None:
    asked = [{"database": "population", "document_type": "card"}]
    assert rule("card", LAPSES)["registers"] == asked
    assert rule("card", LAPSES + timedelta(days=1))["registers"] == []
    assert rule("seller")["registers"] == []  # cites no rule
    named = {"database_id": "population", "document_type_ids": ["card"], "component_ids": ["shop.seller"]}
    assert rule("seller", register_rules={"r": named})["registers"] == asked
    entry = {"database_id": "population", "document_type_id": "card"}
    assert rule("card", LAPSES + timedelta(days=1), procedure_substitutions={"card-read": entry})["registers"]
    replaced = {"effects": ["register"], "scope": "all", "accepted_database_id": "population"}
    paper = {"in_place_of_document_type_id": "card", "accepted_document_type_id": None}
    for attested in (["card"], []):
        database = {"population": {"attested_document_type_ids": attested}}
        given: Any = {"document_substitutions": {"s": {**replaced, **paper}}, "databases": database}
        assert bool(rule("seller", **given)["registers"]) is bool(attested)


def test_a_narrower_fact_proves_the_wider() -> None:
    assert rule("card")["proofs"] == [["person.id@holder", "person.card_number@holder"]]
    deeper = {"person.chip": {"broader": "person.card_number"}}
    assert rule("card", concepts=deeper)["proofs"][0][-1] == "person.chip@holder"


@pytest.mark.parametrize(
    ("change", "spares"),
    [
        ({}, True),
        ({"conditions": {"shop.note": {"kind": "note"}}}, True),
        ({"conditions": {"shop.note": {"kind": "situation"}}}, False),
        ({"requirement": "conditional"}, False),
        ({"requirement": "not_required"}, False),
        ({"alternative_group": "other"}, False),
        ({"rank": 3}, False),
    ],
    ids=str,
)
def test_an_unconditional_paper_ranked_as_high_spares_the_lower(change: dict[str, Any], spares: bool) -> None:
    components = [
        {**one, **change} if one["id"] == "shop.note" and "conditions" not in change else one
        for one in LAW["procedures"]["shop"]["components"]
    ]
    law: dict[str, Any] = {"procedures": {"shop": {**LAW["procedures"]["shop"], "components": components}}}
    law |= {"conditions": change.get("conditions", {})}
    law |= {
        "component_annotations": {
            "shop.note": {**LAW["component_annotations"]["shop.note"], "rank": change.get("rank", 1)}
        }
    }
    found = on(NOVEMBER, "shop.oath", rules(editions(**law), ["shop"]))
    assert [one["types"] for one in found if not one["own"]] == ([["birth-note"]] if spares else [])
    assert all(one["registers"] == [] for one in found if not one["own"])


def test_days_are_cut_where_a_rule_comes_or_goes_and_nowhere_else() -> None:
    spans = {
        one["requirement"]: (one["first_day"], one["last_day"])
        for one in rules(editions(), ["shop"])["components"]
        if one["own"]
    }
    assert spans["shop.licence"] == (None, None)
    assert spans["shop.card"] == ("2027-01-01", None)
    assert on(LAPSES, "shop.card", rules(editions(), ["shop"]))[0]["last_day"] == "2026-12-31"


def test_the_law_is_read_as_it_was_known() -> None:
    second = FIRST + timedelta(days=30)
    before = [
        Edition(one.kind, one.item, one.body, one.since, second if one.item == "shop.health" else None)
        for one in editions()
    ]
    body = {**LAW["component_annotations"]["shop.health"], "min_level": 3}
    found = rules([*before, Edition("component_annotations", "shop.health", body, second, None)], ["shop"])
    known = [
        (one["known_from"], one["known_to"], one["min_level"]) for one in on(NOVEMBER, "shop.health", found)
    ]
    assert known == [(None, second.isoformat(), 2), (second.isoformat(), None, 3)]


def test_a_procedure_not_published_has_no_rules() -> None:
    assert rules(editions(), ["inn"]) == {"components": [], "fields": []}


PLANNERS = re.compile(r"^(procedures|dossiers\.(case|evidence|preview|filing|records|views|forms|desk))\b")
OUTCOMES = "dossier_" + "requirements"


def recount_sources() -> list[Module]:
    """All of the recount but `mismatches`, whose whole business is to compare it with the plans."""
    figures = [one for one in modules(ROOT, ("dossiers/figures",)) if not one.path.endswith("mismatches.py")]
    return [*figures, *(one for one in modules(ROOT, ("store/migrations",)) if "recount" in one.path)]


def dependence(module: Module) -> list[str]:
    """Imports of planning rooms, and stored outcomes named."""
    imports = re.findall(r"^\s*(?:from|import) ([\w.]+)", module.text, re.MULTILINE)
    named = [OUTCOMES] if OUTCOMES in module.text else []
    return [one for one in imports if PLANNERS.match(one)] + named


def test_the_recount_plans_nothing_and_reads_no_outcome() -> None:
    sources = recount_sources()
    assert len(sources) == 5
    assert {one.path: dependence(one) for one in sources} == {one.path: [] for one in sources}


@pytest.mark.parametrize(
    "breach",
    [
        "from procedures.planner import plan",
        "import dossiers.case",
        f"SQL = 'SELECT outcome FROM {OUTCOMES}'",
    ],
)
def test_a_planted_dependence_is_found(breach: str) -> None:
    assert dependence(Module("dossiers/figures/recount.py", f"{breach}\n"))
