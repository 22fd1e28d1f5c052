"""GraphQL over HTTP: what is taken, what is refused before anything runs, and what errors tell."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.__main__ import neighbours_in
from api.app import open_platform
from api.gateway.documents import SHIPPED
from api.gateway.measure import DEAREST, MOST_ALIASES, USUAL
from api.gateway.operations import document_id
from api.journal import start_journal
from api.settings import SettingsRefused
from resolvers.context import House
from tests.flows.conftest import House as Furnished
from tests.flows.stage import ORIGIN, Person, Stage

VIEWER = "{ viewer { id } }"
JSON = {"Content-Type": "application/json"}


async def post(stage: Stage, body: bytes | str, **headers: str) -> httpx2.Response:
    sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await stage.anybody().browser.post(f"{ORIGIN}/graphql", content=body, headers=sent)


def asked(query: str, **rest: Any) -> str:
    return json.dumps({"query": query, **rest})


def cost(requested: int) -> dict[str, Any]:
    return {"cost": {"requested": requested, "limit": DEAREST}}


def codes(answer: httpx2.Response) -> list[str]:
    return [error.get("extensions", {}).get("code") for error in answer.json()["errors"]]


async def test_a_query_is_answered_with_hardened_headers(stage: Stage) -> None:
    answer = await post(stage, asked(VIEWER))
    assert answer.status_code == 200
    assert answer.json() == {"data": {"viewer": None}, "extensions": cost(1)}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


async def test_who_is_signed_in_is_read_from_the_session(stage: Stage) -> None:
    citizen, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    query = "{ viewer { kind name agency roles } }"
    assert (await citizen.ask(query))["viewer"]["name"].startswith("Nguyễn Thị Minh Châu")
    seen = (await officer.ask(query))["viewer"]
    assert (seen["kind"], seen["roles"]) == ("officer", ["phe_duyet", "tham_dinh", "tiep_nhan"])


async def test_a_cookie_beside_an_authorization_header_is_refused(stage: Stage) -> None:
    citizen = await stage.citizen("minh-chau")
    answer = await citizen.browser.post(
        f"{ORIGIN}/graphql", content=asked(VIEWER), headers={**JSON, "Authorization": "Bearer x"}
    )
    assert (answer.status_code, codes(answer)) == (400, ["CREDENTIALS_CONFLICT"])


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:8001"])
async def test_another_sites_request_is_refused(stage: Stage, origin: str) -> None:
    answer = await post(stage, asked(VIEWER), Origin=origin)
    assert (answer.status_code, codes(answer)) == (403, ["FOREIGN_ORIGIN"])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
async def test_only_get_and_post_are_taken(stage: Stage, method: str) -> None:
    answer = await stage.anybody().browser.request(method, f"{ORIGIN}/graphql?query={{viewer{{id}}}}")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_only_json_in_utf_8_is_taken(stage: Stage, kind: str) -> None:
    answer = await post(stage, asked(VIEWER), Content_Type=kind)
    assert (answer.status_code, codes(answer)) == (415, ["NOT_JSON"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"query": "{ viewer { id } }", "variables": {"a": NaN}}',
        b'{"query": "{ viewer { id } }", "variables": {"a": "\\ud800"}}',
        b"[" * 3000,
        b'{"query": "{ viewer { id } }", "variables": {"a": ' + b"9" * 5000 + b"}}",
        asked(VIEWER).encode("utf-16"),
    ],
)
async def test_what_is_not_strict_json_is_refused(stage: Stage, body: bytes) -> None:
    answer = await post(stage, body)
    assert (answer.status_code, codes(answer)) == (400, ["NOT_JSON"])


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        f"[{asked(VIEWER)}, {asked(VIEWER)}]",
        "3",
        "{}",
        '{"query": 3}',
        '{"query": ""}',
        asked(VIEWER, variables=[1]),
        asked(VIEWER, operationName=3),
        asked(VIEWER, extensions="x"),
        asked(VIEWER, variables={"a": "before\0after"}),
        asked(VIEWER, variables={"a": 2**60}),
        asked(VIEWER, variables={"a": {"b" * 3: json.loads("[" * 40 + "]" * 40)}}),
    ],
)
async def test_what_is_not_one_well_formed_request_is_refused(stage: Stage, body: str) -> None:
    answer = await post(stage, body)
    assert (answer.status_code, codes(answer)) == (400, ["BAD_REQUEST"])


async def test_a_large_body_is_refused_before_it_is_read_whole(stage: Stage) -> None:
    answer = await post(stage, asked("{ viewer { id } } #" + "x" * 70_000))
    assert (answer.status_code, codes(answer)) == (413, ["TOO_LARGE"])


async def test_a_compressed_body_is_refused(stage: Stage) -> None:
    answer = await post(stage, asked(VIEWER), Content_Encoding="gzip")
    assert (answer.status_code, codes(answer)) == (415, ["NOT_JSON"])


async def test_a_client_that_takes_no_json_is_told_so(stage: Stage) -> None:
    assert (await post(stage, asked(VIEWER), Accept="text/html")).status_code == 406


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/json", 200), ("*/*", 200), ("application/graphql-response+json", 400)],
)
async def test_an_invalid_operation_is_told_in_the_way_the_client_understands(
    stage: Stage, accept: str, status: int
) -> None:
    for query in ("{ nothing }", "{ viewer { id }", "{ viewer }"):
        answer = await post(stage, asked(query), Accept=accept)
        assert (answer.status_code, codes(answer)) == (status, ["BAD_OPERATION"])
        assert "data" not in answer.json()
    assert answer.headers["content-type"] == (accept if status == 400 else "application/json")


async def test_errors_teach_nothing_of_the_schema(stage: Stage) -> None:
    answer = await post(stage, asked("{ viewr { id } }"))
    assert "Did you mean" not in answer.text


async def test_a_refused_variable_is_not_repeated(stage: Stage) -> None:
    query = "mutation($input: GiveConsentInput!) { giveConsent(input: $input) { errors { code } } }"
    answer = await post(stage, asked(query, variables={"input": {"idempotencyKey": "0123456789-secret"}}))
    assert set(codes(answer)) == {"BAD_VARIABLES"}
    assert "secret" not in answer.text
    assert "input" in answer.text


async def test_several_operations_need_a_name(stage: Stage) -> None:
    query = "query a { viewer { id } } query b { viewer { kind } }"
    assert codes(await post(stage, asked(query))) == ["BAD_OPERATION"]
    assert codes(await post(stage, asked(query, operationName="c"))) == ["BAD_OPERATION"]
    named = await post(stage, asked(query, operationName="b"))
    assert named.json()["data"] == {"viewer": None}


async def test_an_operation_beyond_the_limits_is_refused(stage: Stage) -> None:
    aliases = "{ " + " ".join(f"a{i}: viewer {{ id }}" for i in range(MOST_ALIASES + 1)) + " }"
    answer = await post(stage, asked(aliases))
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {
        "code": "OPERATION_TOO_LARGE", "measure": "aliases", "requested": MOST_ALIASES + 1, "limit": MOST_ALIASES,
    }  # fmt: skip


LISTED = "procedures(first: $n) { edges { node { requirements { accepts } fees { note } } } }"
LISTS = [f"{name}: {LISTED}" for name in "abcdefghijklm"]
MORE = f"fragment More on Query {{ {' '.join(LISTS[2:])} }}"
PAGES = f"query($n: Int!) {{ {' '.join(LISTS[:2])} ...More }} {MORE}"


async def test_pages_too_dear_are_refused_before_anything_runs(stage: Stage) -> None:
    # For each of a page: an edge and its node, its requirements and its fees. And each connection itself.
    lists = len(LISTS)
    largest = (DEAREST // lists - 1) // (2 + 2 * USUAL)
    requested = [lists * (1 + size * (2 + 2 * USUAL)) for size in (largest, largest + 1)]
    fits = (await post(stage, asked(PAGES, variables={"n": largest}))).json()
    assert (fits["extensions"], "errors" in fits) == (cost(requested[0]), False)
    refused = (await post(stage, asked(PAGES, variables={"n": largest + 1}))).json()
    assert (refused["extensions"], "data" in refused) == (cost(requested[1]), False)
    assert refused["errors"][0]["extensions"] == {
        "code": "OPERATION_TOO_LARGE", "measure": "cost", "requested": requested[1], "limit": DEAREST,
    }  # fmt: skip


async def get(stage: Stage, person: Any = None, headers: Any = None, **parameters: str) -> httpx2.Response:
    browser = (person or stage.anybody()).browser
    answer: httpx2.Response = await browser.get(f"{ORIGIN}/graphql", params=parameters, headers=headers)
    return answer


async def test_a_query_by_get_is_nobodys(stage: Stage) -> None:
    citizen = await stage.citizen("minh-chau")
    answer = await get(stage, citizen, {"Authorization": "Bearer x"}, query=VIEWER)
    assert (answer.status_code, answer.json()["data"]) == (200, {"viewer": None})
    assert answer.headers["cache-control"] == "no-store"
    refused = await get(stage, citizen, query="{ myDossiers(first: 1) { edges { cursor } } }")
    assert codes(refused) == ["UNAUTHENTICATED"]
    assert (await get(stage, None, {"Origin": "https://elsewhere.example"}, query=VIEWER)).status_code == 403


async def test_a_mutation_by_get_is_refused_whoever_asks(stage: Stage) -> None:
    citizen = await stage.citizen("minh-chau")
    mutation = "mutation($input: RevokeShareInput!) { revokeShare(input: $input) { errors { code } } }"
    for query in (mutation, f"query a {VIEWER} {mutation.replace('mutation', 'mutation b', 1)}"):
        given = {"operationName": "b"} if " b(" in query else {}
        answer = await get(stage, citizen, query=query, variables='{"input": {}}', **given)
        assert (answer.status_code, codes(answer)) == (405, ["METHOD_NOT_ALLOWED"])
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ("query=%7Bviewer%7Bid%7D%7D&query=%7Bviewer%7Bid%7D%7D", 400, "BAD_REQUEST"),
        ("query=%FF", 400, "BAD_REQUEST"),
        ("query=%7Bviewer%7Bid%7D%7D&variables=%7B", 400, "NOT_JSON"),
        ("query=%7Bviewer%7Bid%7D%7D&variables=3", 400, "BAD_REQUEST"),
        ("query=%7Bviewer%7Bid%7D%7D&variables=%7B%22a%22%3A%22%5Cu0000%22%7D", 400, "BAD_REQUEST"),
        ("", 400, "BAD_REQUEST"),
        ("query=" + "x" * 9_000, 414, "TOO_LARGE"),
        ("&".join(f"a{i}=1" for i in range(30)), 400, "BAD_REQUEST"),
    ],
)
async def test_an_address_that_is_no_request_is_refused(
    stage: Stage, parameters: str, status: int, code: str
) -> None:
    answer = await stage.anybody().browser.get(f"{ORIGIN}/graphql?{parameters}")
    assert (answer.status_code, codes(answer)) == (status, [code])


async def test_the_catalogue_by_get_may_be_kept_and_is_sent_once(stage: Stage) -> None:
    query = "{ procedures(first: 1) { edges { node { name } } } }"
    first = await get(stage, None, query=query)
    assert first.headers["cache-control"] == "public, max-age=300"
    assert set(first.headers["vary"].split(", ")) == {"Accept", "Accept-Language"}
    again = await get(stage, None, {"If-None-Match": first.headers["etag"]}, query=query)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    english = await get(
        stage, None, {"Accept-Language": "en", "If-None-Match": first.headers["etag"]}, query=query
    )
    assert (english.status_code, english.headers["etag"] == first.headers["etag"]) == (200, False)
    for personal in (f"{query[:-1]} viewer {{ id }} }}", "{ procedures(first: 101) { edges { cursor } } }"):
        assert (await get(stage, None, query=personal)).headers["cache-control"] == "no-store"


async def test_half_an_answer_says_so_to_clients_that_know_the_word(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: House) -> None:
        raise RuntimeError

    monkeypatch.setattr("resolvers.context.Context.law", property(broken))
    query = asked('{ viewer { id } procedure(slug: "x") { id } }')
    answer = await post(stage, query, Accept="application/graphql-response+json")
    assert (answer.status_code, codes(answer)) == (294, ["INTERNAL"])
    assert answer.json()["data"] == {"viewer": None, "procedure": None}
    assert (await post(stage, query)).status_code == 200


async def test_a_text_is_parsed_and_validated_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def count(*given: Any, **named: Any) -> Any:
            counted.append(name)
            return real(*given, **named)

        return count

    for where in ("api.gateway.operations", "strawberry.schema.schema"):
        for name in ("parse", "validate"):
            monkeypatch.setattr(f"{where}.{name}", counting(name, getattr(import_module(where), name)))
    query = "query($n: Int!) { procedures(first: $n) { edges { cursor } } }"
    for size in (1, 2, 2, 1, 2):
        assert "errors" not in (await post(stage, asked(query, variables={"n": size}))).json()
    assert counted == ["parse", "validate"]
    # A text with words of its own is not kept, and still read only once a request.
    for _ in range(2):
        await post(stage, asked('{ procedure(slug: "x") { id } }'))
    assert counted == ["parse", "validate"] * 3


async def sent_by(person: Person, body: dict[str, Any]) -> httpx2.Response:
    return await person.browser.post(f"{ORIGIN}/graphql", content=json.dumps(body), headers=JSON)


async def test_a_registered_document_runs_by_its_id(stage: Stage) -> None:
    known = document_id((SHIPPED / "Viewer.graphql").read_text("utf-8"))
    citizen = await stage.citizen("minh-chau")
    answer = await sent_by(citizen, {"documentId": known})
    assert answer.json()["data"]["viewer"]["kind"] == "citizen"
    assert (await get(stage, None, documentId=known)).json()["data"] == {"viewer": None}


async def test_what_is_no_id_of_a_registered_document_gets_one_answer(stage: Stage) -> None:
    tried = ["sha256:" + "0" * 64, "sha256:" + "A" * 64, "sha256:0", "md5:" + "0" * 32, "x" * 500, " "]
    answers = [await post(stage, json.dumps({"documentId": one})) for one in tried]
    assert {codes(answer)[0] for answer in answers} == {"DOCUMENT_UNKNOWN"}
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    both = await post(stage, asked(VIEWER, documentId=tried[0]))
    assert (both.status_code, codes(both)) == (400, ["BAD_REQUEST"])


async def test_where_documents_are_trusted_only_the_portal_runs_no_other(
    furnished: Furnished, stage: Stage
) -> None:
    settings = replace(furnished.settings, trusted_documents=True)
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with open_platform(settings, furnished.servers, neighbours) as platform:
        strict = Stage(platform, stage.sandbox, stage.owner, stage.servers)
        citizen = await strict.citizen("minh-chau")
        text = (SHIPPED / "Viewer.graphql").read_text("utf-8")
        known = await sent_by(citizen, {"documentId": document_id(text)})
        assert known.json()["data"]["viewer"] is not None
        for query in (text, VIEWER, "{"):
            assert codes(await sent_by(citizen, {"query": query})) == ["DOCUMENT_REQUIRED"]
        # Whoever is not signed in with a cookie has nothing that a script in the portal could take.
        assert (await post(strict, asked(VIEWER))).json()["data"] == {"viewer": None}
        await strict.close()


async def test_documents_that_do_not_fit_stop_the_start(
    furnished: Furnished, stage: Stage, tmp_path: Path
) -> None:
    neighbours = neighbours_in(furnished.sandbox.addresses)
    (tmp_path / "Viewer.graphql").write_text("{ viewr { id } }")
    for folder, told in ((tmp_path, "Viewer.graphql: "), (tmp_path / "none", "MOTLAN_OPERATIONS")):
        settings = replace(furnished.settings, operations=folder)
        with pytest.raises(SettingsRefused, match=told):
            async with open_platform(settings, furnished.servers, neighbours):
                pass


async def test_a_fault_is_masked_and_logged_without_what_was_sent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: House) -> None:
        raise RuntimeError("somebody's name, 001099000001")

    monkeypatch.setattr("resolvers.context.Context.law", property(broken))
    handlers, level = logging.root.handlers, logging.root.level
    try:
        start_journal()
        answer = await post(stage, asked("{ procedures(first: 1) { edges { node { id } } } }"))
    finally:
        logging.root.handlers, logging.root.level = handlers, level
    error = answer.json()["errors"][0]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
    assert "001099" not in answer.text
    logged = capsys.readouterr().err
    assert "001099" not in logged
    line = json.loads(logged.splitlines()[0])
    assert (line["event"], line["type"], line["request"]) == (
        "fault",
        "RuntimeError",
        error["extensions"]["requestId"],
    )


async def test_words_come_in_the_language_asked_for(stage: Stage) -> None:
    query = "{ myDocuments(first: 101) { pageInfo { hasNextPage } } }"
    vi = await post(stage, asked(query), Accept_Language="vi-VN,vi;q=0.9")
    en = await post(stage, asked(query), Accept_Language="en")
    assert vi.json()["errors"][0]["message"] != en.json()["errors"][0]["message"]


async def test_health_keys_and_log_are_published(stage: Stage) -> None:
    browser = stage.anybody().browser
    assert (await browser.get(f"{ORIGIN}/healthz")).json() == {"status": "ok"}
    assert (await browser.get(f"{ORIGIN}/readyz")).json() == {"status": "ready", "scanner": "none"}
    keys = (await browser.get(f"{ORIGIN}/.well-known/jwks.json")).json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "alg", "use"}]
    assert (await browser.get(f"{ORIGIN}/log/checkpoint")).status_code == 404
    await stage.citizen("minh-chau")
    await stage.settle()
    head = (await browser.get(f"{ORIGIN}/log/checkpoint")).text
    assert head.startswith("127.0.0.1:8000/log\n1\n")
    proof = (await browser.get(f"{ORIGIN}/log/proof/0")).text
    assert proof.startswith("c2sp.org/tlog-proof@v1\nindex 0\n")
    assert proof.endswith(head)
    for index in ("1", str(2**70)):
        assert (await browser.get(f"{ORIGIN}/log/proof/{index}")).status_code == 404


async def test_a_refused_query_is_told_by_its_code(stage: Stage) -> None:
    citizen = await stage.citizen("minh-chau")
    said = await citizen.post('{ filingPlan(input: {procedure: "0.000000"}) { toSupply } }')
    (error,) = said["errors"]
    assert (error["extensions"], error["message"]) == (
        {"code": "PROCEDURE_UNKNOWN"},
        "There is no such procedure on that day.",
    )


async def test_many_refused_variables_are_no_fault(stage: Stage) -> None:
    query = "query($i: FilingPlanInput!) { filingPlan(input: $i) { toSupply } }"
    answer = await post(stage, asked(query, variables={"i": {f"name{i}": i for i in range(500)}}))
    assert set(codes(answer)) == {"BAD_VARIABLES"}
