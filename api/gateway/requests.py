"""GraphQL requests as HTTP brings them: which answer is wanted, and what is asked. Nothing runs here.

POST carries `application/json` and nothing else: forms, plain text and multipart are what another site can make a
browser send. GET carries queries in the address; whoever answers it looks at no cookie and no Authorization.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.web.answers import JSON, refusal

GRAPHQL_JSON: Final = "application/graphql-response+json"
MOST_BYTES: Final = 64 * 1024
LONGEST_ADDRESS: Final = 8 * 1024
MOST_PARAMETERS: Final = 10
BODY_SECONDS: Final = 15.0
MOST_NESTED: Final = 32
SAFE_INTEGER: Final = 2**53 - 1
"""Beyond it JSON numbers are read differently by different programs (RFC 7493, section 2.2)."""


class Unreadable(Exception):
    """The request is none of ours: `status` and a code, nothing of what was sent. `headers` say what to bring."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation as it came: a document's text or the id of a registered one, never both; its variables; and
    which of its operations is meant."""

    query: str | None
    document_id: str | None
    variables: dict[str, Any]
    operation: str | None


def unreadable(given: Unreadable) -> Response:
    """The answer to what is none of ours, with what to bring instead."""
    answer = refusal(given.code, given.message, given.status)
    answer.headers.update(given.headers)
    return answer


def answer_kind(request: Request) -> str:
    """The media type to answer in. Raises Unreadable(406)."""
    accepted = request.headers.get("accept", "*/*")
    kinds = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    if GRAPHQL_JSON in kinds:
        return GRAPHQL_JSON
    if kinds & {JSON, "*/*", "application/*"}:
        return JSON
    raise Unreadable(406, "NOT_ACCEPTABLE", "This endpoint answers in JSON.")


def refuse_foreign_origin(request: Request, origin: str) -> None:
    """Raises Unreadable(403) for a request another site's page made."""
    # Browsers always name the origin of a POST; programs that are none may leave it out: they have no cookies of
    # other people's to misuse, and the JSON media type keeps forms of other sites away.
    given = request.headers.get("origin")
    if given is not None and given != origin:
        raise Unreadable(403, "FOREIGN_ORIGIN", "Requests from another site are refused.")


async def read_body(request: Request) -> Asked:
    """What a POST asks. Raises Unreadable."""
    return _asked(await read_object(request))


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object a POST carries, unread. Raises Unreadable."""
    try:
        given = orjson.loads(await _body(request))
    except orjson.JSONDecodeError:
        raise Unreadable(400, "NOT_JSON", "The body is not JSON in UTF-8.") from None
    if not isinstance(given, dict):
        raise Unreadable(400, "BAD_REQUEST", "The body must be one JSON object.")
    return given


def read_address(request: Request) -> Asked:
    """What a GET asks by its parameters, each at most once, in strict UTF-8. Raises Unreadable."""
    raw = request.url.query
    if len(raw) > LONGEST_ADDRESS:
        raise Unreadable(414, "TOO_LARGE", "The address is too long.")
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Unreadable(400, "BAD_REQUEST", "The parameters cannot be read.") from None
    given: dict[str, Any] = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) < len(pairs):
        raise Unreadable(400, "BAD_REQUEST", "A parameter comes twice.")
    for name in given.keys() & {"variables", "extensions"}:
        try:
            given[name] = orjson.loads(given[name])
        except orjson.JSONDecodeError:
            raise Unreadable(400, "NOT_JSON", f"The {name} are not JSON in UTF-8.") from None
    return _asked(given)


async def _body(request: Request) -> bytes:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != JSON or parameters.strip().lower() not in ("", "charset=utf-8"):
        raise Unreadable(415, "NOT_JSON", "Send application/json in UTF-8.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Unreadable(415, "NOT_JSON", "Send the body without compression.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise Unreadable(413, "TOO_LARGE", "The request is too large.")
    except TimeoutError:
        raise Unreadable(408, "TOO_SLOW", "The request did not arrive in time.") from None
    except ClientDisconnect:
        raise Unreadable(400, "CUT_SHORT", "The request was cut short.") from None
    return bytes(body)


def _asked(given: dict[str, Any]) -> Asked:
    query, document_id = given.get("query"), given.get("documentId")
    variables, operation = given.get("variables"), given.get("operationName")
    fits = (
        isinstance(query, str | None)
        and isinstance(document_id, str | None)
        and isinstance(variables, dict | None)
        and isinstance(operation, str | None)
        and isinstance(given.get("extensions"), dict | None)
    )
    if not fits or bool(query) == bool(document_id):
        message = "Send a query or a documentId, and variables as an object."
        raise Unreadable(400, "BAD_REQUEST", message)
    if not _storable(variables, MOST_NESTED):
        raise Unreadable(400, "BAD_REQUEST", "The variables hold a value no program would read alike.")
    return Asked(query or None, document_id or None, variables or {}, operation)


def _storable(value: Any, depth: int) -> bool:
    """No NUL, which PostgreSQL has no text for; no number that loses digits; no bottomless nesting."""
    match value:
        case str():
            return "\0" not in value
        case bool() | None:
            return True
        case int() | float():
            return abs(value) <= SAFE_INTEGER
        case dict():
            return depth > 0 and all(
                _storable(name, 0) and _storable(one, depth - 1) for name, one in value.items()
            )
        case list():
            return depth > 0 and all(_storable(one, depth - 1) for one in value)
    return False
