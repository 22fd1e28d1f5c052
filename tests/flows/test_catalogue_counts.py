"""The whole catalogue comes back out of the API as it went in: counted, item by item, against the given files."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from tests.flows.stage import Person, Stage

CATALOGUE = Path(__file__).parents[2] / "catalogue"
TODAY = date(2026, 11, 23)

PAGE = """query($after: String) { procedures(first: 40, after: $after) {
  edges { node { slug code name field fees { amount note } timeLimit legalBasis resultTypes
    requirements { id documentType mandatory conditionText } } }
  pageInfo { hasNextPage endCursor } } }"""


def given() -> dict[str, dict[str, Any]]:
    """The procedures in force, straight from the file."""
    procedures = json.loads((CATALOGUE / "procedures.json").read_text("utf-8"))
    return {one["id"]: one for one in procedures}


def in_force(component: dict[str, Any]) -> bool:
    begins, ends = component.get("effective_from"), component.get("effective_to")
    return not (begins and date.fromisoformat(begins) > TODAY) and not (
        ends and date.fromisoformat(ends) < TODAY
    )


async def published(person: Person) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    after = None
    while True:
        page = (await person.ask(PAGE, after=after))["procedures"]
        found |= {edge["node"]["slug"]: edge["node"] for edge in page["edges"]}
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def test_every_procedure_with_every_component_is_published(stage: Stage) -> None:
    there, here = await published(stage.anybody()), given()
    assert there.keys() == here.keys()
    assert len(there) == 96
    asked = {
        key: {component["id"] for component in one["components"] if in_force(component)}
        for key, one in here.items()
    }
    shown = {key: {component["id"] for component in one["requirements"]} for key, one in there.items()}
    assert shown == asked
    assert sum(map(len, shown.values())) >= 351


async def test_codes_fields_fees_and_results_are_those_of_the_files(stage: Stage) -> None:
    stage_person = stage.anybody()
    stage_person.language = "vi"
    there = await published(stage_person)
    for key, one in given().items():
        node = there[key]
        assert (node["code"], node["name"]) == (one["code"], one["name_vi"])
        assert node["resultTypes"] == one["result_document_type_ids"]
        amounts = [None if fee["amount_vnd"] is None else str(fee["amount_vnd"]) for fee in one["fees"]]
        assert [fee["amount"] for fee in node["fees"]] == amounts, key


async def test_what_is_not_published_stays_null_and_is_never_guessed(stage: Stage) -> None:
    there = await published(stage.anybody())
    unpublished = [key for key, one in given().items() if one["time_limit"]["value"] is None]
    unknown_fees = [key for key, one in given().items() if any(f["amount_vnd"] is None for f in one["fees"])]
    assert unpublished
    assert unknown_fees
    assert {there[key]["timeLimit"] for key in unpublished} == {None}
    assert all(any(fee["amount"] is None for fee in there[key]["fees"]) for key in unknown_fees)


async def test_search_finds_a_procedure_without_its_diacritics(stage: Stage) -> None:
    query = "query($words: String) { procedures(first: 5, search: $words) { edges { node { slug } } } }"
    for words in ("đăng ký khai sinh", "dang ky khai sinh", "DANG KY KHAI SINH"):
        found = await stage.anybody().ask(query, words=words)
        assert found["procedures"]["edges"][0]["node"]["slug"] == "dang-ky-khai-sinh"
