"""What the operator is told: the work done by route, document and outcome; what waits; and nothing of anybody."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from api.gateway.operations import document_id
from api.metrics import outcome
from tests.conftest import NOW
from tests.flows.conftest import Later
from tests.flows.stage import ORIGIN, Person, Stage

OPERATIONS = Path(__file__).parents[2] / "docs/clients/operations"
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(stage: Stage) -> str:
    transport = httpx2.ASGITransport(stage.platform.figures)
    async with httpx2.AsyncClient(transport=transport, base_url="http://figures") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


async def figures(stage: Stage) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await scrape(stage))
        for sample in family.samples
    }


def figure(found: Figures, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


async def run(person: Person, document: str, **variables: object) -> None:
    known = document_id((OPERATIONS / f"{document}.graphql").read_text("utf-8"))
    await person.browser.post(
        f"{ORIGIN}/graphql", json={"documentId": known, "variables": variables}, headers={"Origin": ORIGIN}
    )


async def test_requests_are_counted_by_the_pattern_of_their_route(stage: Stage) -> None:
    anybody = stage.anybody().browser
    await anybody.get(f"{ORIGIN}/healthz")
    for _ in range(2):
        await anybody.get(f"{ORIGIN}/documents/{uuid4()}/content")
    await anybody.get(f"{ORIGIN}/nguyen-thi-an")
    await anybody.request("NGUYEN", f"{ORIGIN}/healthz")
    found = await figures(stage)
    counted, route = "motlan_http_requests_total", "/documents/{id}/content"
    assert figure(found, counted, route="/healthz", method="GET", status="2xx") == 1
    assert figure(found, counted, route=route, method="GET", status="4xx") == 2
    assert figure(found, counted, route="other", method="GET", status="4xx") == 1
    assert figure(found, counted, route="/healthz", method="other", status="4xx") == 1
    assert figure(found, "motlan_http_request_seconds_count", route=route) == 2


async def test_operations_are_counted_by_document_and_outcome(stage: Stage) -> None:
    citizen = await stage.citizen("minh-chau")
    before = await figures(stage)
    await run(citizen, "Viewer")
    await run(citizen, "Document", id="nobody's")
    payload = await citizen.attempt("endSession", "__typename", session="nobody's")
    await citizen.post("query Nguyen { nguyen }")
    await citizen.post("query Nguyen { viewer { __typename } }")
    found = await figures(stage)

    def more(document: str, kind: str, ended: str) -> float:
        labels = {"document": document, "kind": kind, "outcome": ended}
        name = "motlan_graphql_operations_total"
        return figure(found, name, **labels) - figure(before, name, **labels)

    assert more("Viewer.graphql", "query", "OK") == 1
    assert more("Document.graphql", "query", "OK") == 1
    assert more("other", "mutation", payload["errors"][0]["code"]) == 1
    assert more("other", "none", "BAD_OPERATION") == 1
    assert more("other", "query", "OK") == 1
    timed = "motlan_graphql_operation_seconds_count"
    assert figure(found, timed, document="Viewer.graphql", kind="query") == 1


async def test_what_waits_is_counted_when_asked(stage: Stage, later: Later) -> None:
    citizen = await stage.citizen("minh-chau")
    await citizen.act(
        "createUpload", "upload { id }", fileName="x", mediaType="image/png", sizeBytes=9,
        sha256="0" * 64, type="thuyet-minh-co-so-vat-chat-attp",
    )  # fmt: skip
    async with stage.owner.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO outbox (id, topic, payload, created_at, due_at, attempts)"
                """ VALUES (:id, 'notice', '{"notice": "x"}', :due, :due, 0)"""
            ),
            {"id": uuid4(), "due": NOW - timedelta(minutes=5)},
        )
        lines = await connection.scalar(text("SELECT count(*) FROM ledger WHERE log_index IS NULL"))
    found = await figures(stage)
    assert lines > 0
    assert figure(found, "motlan_database_reached") == 1
    assert figure(found, "motlan_uploads_open") == 1
    assert figure(found, "motlan_log_unsealed_lines") == lines
    assert figure(found, "motlan_outbox_due_messages") >= 1
    assert figure(found, "motlan_outbox_oldest_due_seconds") >= 300
    assert {name for name, _ in found if name.startswith("process_")}
    await stage.settle()
    found = await figures(stage)
    assert figure(found, "motlan_log_unsealed_lines") == 0
    async with later(timedelta(days=2)) as then:
        assert figure(await figures(then), "motlan_uploads_open") == 0


async def test_loops_tell_how_they_fare(stage: Stage) -> None:
    stage.platform.loops.failing.add("seal")
    stage.platform.loops.good_rounds["sweep"] += 1
    found = await figures(stage)
    assert figure(found, "motlan_loop_failing", loop="seal") == 1
    assert figure(found, "motlan_loop_failing", loop="deliver") == 0
    assert figure(found, "motlan_loop_good_rounds", loop="sweep") == 1


async def test_without_its_database_the_other_figures_are_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise OSError("gone")

    assert figure(await figures(stage), "motlan_database_reached") == 1
    monkeypatch.setattr("store.outbox.backlog", lost)
    found = await figures(stage)
    assert figure(found, "motlan_database_reached") == 0
    assert figure(found, "motlan_loop_failing", loop="seal") == 0


async def test_there_are_no_figures_on_the_public_port(stage: Stage) -> None:
    assert (await stage.anybody().browser.get(f"{ORIGIN}/metrics")).status_code == 404


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ([], "OK"),
        (["RATE_LIMITED", "NOT_FOUND"], "RATE_LIMITED"),
        (["NOT_FOUND", "INTERNAL"], "INTERNAL"),
        (["Nguyễn Thị An"], "OTHER"),
        ([""], "OTHER"),
    ],
)
def test_an_operation_ends_in_one_word_of_ours(codes: list[str], told: str) -> None:
    assert outcome(codes) == told


async def test_nothing_a_caller_sends_becomes_a_label(stage: Stage) -> None:
    word = "hoangyendauthu"
    browser = (await stage.citizen("minh-chau")).browser
    for path in (
        f"/{word}",
        f"/verify/{word}",
        f"/uploads/{uuid4()}?key={word}",
        f"/documents/{word}/content",
    ):
        await browser.get(f"{ORIGIN}{path}", headers={"X-Forwarded-For": word, "User-Agent": word})
    await browser.request(word.upper(), f"{ORIGIN}/graphql")
    for asked in (
        {"query": f"query {word} {{ viewer {{ {word}: __typename }} }}", "operationName": word},
        {"query": f"query {word} {{ {word} }}"},
        {"query": f'query {word} {{ documentType(id: "{word}") {{ id }} }}'},
        {"documentId": word},
        {"query": word, "variables": {word: word}},
    ):
        await browser.post(f"{ORIGIN}/graphql", json=asked, headers={"Origin": ORIGIN})
    assert word not in (await scrape(stage)).lower()
