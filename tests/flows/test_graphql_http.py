"""GraphQL over HTTP: what is taken, what is refused before anything runs, and what errors tell."""

import json
import logging
import re
from typing import Any

import httpx2
import pytest

from api.journal import start_journal
from api.operations import MOST_ALIASES
from resolvers.context import House
from tests.flows.stage import ORIGIN, Stage

VIEWER = "{ viewer { id } }"
JSON = {"Content-Type": "application/json"}


async def post(stage: Stage, body: bytes | str, **headers: str) -> httpx2.Response:
    sent = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await stage.anybody().browser.post(f"{ORIGIN}/graphql", content=body, headers=sent)


def asked(query: str, **rest: Any) -> str:
    return json.dumps({"query": query, **rest})


def codes(answer: httpx2.Response) -> list[str]:
    return [error.get("extensions", {}).get("code") for error in answer.json()["errors"]]


async def test_a_query_is_answered_with_hardened_headers(stage: Stage) -> None:
    answer = await post(stage, asked(VIEWER))
    assert answer.status_code == 200
    assert answer.json() == {"data": {"viewer": None}}
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


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_only_post_is_taken(stage: Stage, method: str) -> None:
    answer = await stage.anybody().browser.request(method, f"{ORIGIN}/graphql?query={{viewer{{id}}}}")
    assert answer.status_code == 405


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
    assert (await post(stage, asked(query, operationName="b"))).json() == {"data": {"viewer": None}}


async def test_an_operation_beyond_the_limits_is_refused(stage: Stage) -> None:
    aliases = "{ " + " ".join(f"a{i}: viewer {{ id }}" for i in range(MOST_ALIASES + 1)) + " }"
    answer = await post(stage, asked(aliases))
    assert codes(answer) == ["BAD_OPERATION"]
    assert "too large" in answer.text


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
    assert (await browser.get(f"{ORIGIN}/readyz")).json() == {"status": "ready"}
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
