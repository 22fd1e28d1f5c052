"""The HTTP face of the schema: `POST /graphql`, `application/json`, one operation a request.

No GET, no batches, no multipart, no WebSocket: each is a way for another site to make a browser ask.
What goes wrong inside is told by `resolvers.problems` or masked behind the request id.
"""

import asyncio
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from api.journal import log_fault
from api.oauth.credentials import REFUSED_TOKENS, caller_from_request, challenge, next_nonce, step_up
from api.operations import OperationRefused, Operations
from api.web.answers import JSON, json_answer
from auth.errors import AuthRefusal, CredentialsConflict, NonceRequired, TokenRefused
from resolvers.context import Context, House
from resolvers.problems import top_level
from resolvers.schema import build
from store.identifiers import new_id

GRAPHQL_JSON: Final = "application/graphql-response+json"
MOST_BYTES: Final = 64 * 1024
BODY_SECONDS: Final = 15.0
MOST_NESTED: Final = 32
SAFE_INTEGER: Final = 2**53 - 1
"""Beyond it JSON numbers are read differently by different programs (RFC 7493, section 2.2)."""


UNNAMED: Final = "Name one query or mutation of the document."


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
    """One operation as it came: the document, its variables, and which of its operations is meant."""

    query: str
    variables: dict[str, Any]
    operation: str | None


class GraphQLFace:
    """The endpoint. `origin` is the public address; `open_book` lets clients ask the schema about itself."""

    def __init__(self, house: House, now: Callable[[], datetime], *, origin: str, open_book: bool) -> None:
        self._house = house
        self._now = now
        self._origin = origin
        self._schema = build([lambda: _Prepared(self._operations)])
        self._operations = Operations(self._schema._schema, open_book=open_book)

    def routes(self) -> list[Route]:
        return [Route("/graphql", self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        request_id = str(new_id())
        kind = JSON
        try:
            kind = _answer_kind(request)
            refuse_foreign_origin(request, self._origin)
            asked = _asked(await _body(request))
            context = await self._context(request, request_id)
        except Unreadable as unreadable:
            body = _failed([_error(unreadable.code, unreadable.message)])
            headers = {"X-Request-Id": request_id, **unreadable.headers}
            return json_answer(body, unreadable.status, headers=headers)
        body, ran = await self._execute(asked, context)
        # GraphQL over HTTP: the older media type says 200 whatever becomes of a well-formed request.
        status = 200 if ran or kind == JSON else 400
        headers = {"X-Request-Id": request_id, **next_nonce(self._house, request, context.now)}
        wanted = _wanted_assurance(body)
        if wanted is not None:
            headers |= step_up(wanted)
            # RFC 9470 answers 401; what did succeed beside it must not look as if it had not.
            status = status if any((body.get("data") or {}).values()) else 401
        return json_answer(body, status, media_type=kind, headers=headers)

    async def _context(self, request: Request, request_id: str) -> Context:
        now = self._now()
        try:
            caller = await caller_from_request(self._house, request, now)
        except (CredentialsConflict, *REFUSED_TOKENS) as refused:
            raise bad_credentials(refused, self._house, now) from refused
        return Context(self._house, caller, now, request_id)

    async def _execute(self, asked: Asked, context: Context) -> tuple[dict[str, Any], bool]:
        """The response's body, and whether the operation ran at all."""
        try:
            _refuse_ambiguous(self._operations.read(asked.query), asked.operation)
            result = await self._schema.execute(
                asked.query,
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation,
            )
        except OperationRefused as refused:
            return _failed(
                [{**error.formatted, "extensions": {"code": "BAD_OPERATION"}} for error in refused.errors]
            ), False
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            return _failed([_error("BAD_OPERATION", UNNAMED)]), False
        ran = result.data is not None or any(error.path for error in result.errors or ())
        body: dict[str, Any] = {"data": result.data} if ran else {}
        if result.errors:
            body["errors"] = [_face(error, context) for error in result.errors]
        return body, ran


class _Prepared(SchemaExtension):
    """Hands the operation over as it was already read, so that nothing is parsed or validated twice."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def on_parse(self) -> Generator[None, None, None]:
        execution = self.execution_context
        execution.graphql_document = self._operations.read(execution.query or "")
        execution.validation_rules = ()
        yield


def _face(error: GraphQLError, context: Context) -> dict[str, Any]:
    if error.path is None and _VARIABLE.match(error.message):
        return _error("BAD_VARIABLES", _variable_words(error.message))
    face = top_level(error.original_error, context.language, context.request_id)
    if (face.extensions or {}).get("code") == "INTERNAL":
        log_fault("graphql", error.original_error or error, context.request_id)
    told: dict[str, Any] = {"message": face.message, "extensions": dict(face.extensions or {})}
    if error.path is not None:
        told["path"] = list(error.path)
    if error.locations:
        told["locations"] = [one.formatted for one in error.locations]
    return told


_VARIABLE = re.compile(r"Variable '(\$\w{1,64})'")
_WHERE = re.compile(r" at '([\w.\[\]]{1,200})'")


def _variable_words(message: str) -> str:
    """Which variable, and where in it. The library's own words repeat the value, which may be somebody's."""
    variable, where = _VARIABLE.search(message), _WHERE.search(message)
    place = where[1] if where else variable[1] if variable else "a variable"
    return f"The value of {place} does not have the declared type."


def _error(code: str, message: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}


def _failed(errors: list[Any]) -> dict[str, Any]:
    return {"errors": errors}


def _refuse_ambiguous(document: DocumentNode, name: str | None) -> None:
    # The library would run the first one: a mutation, perhaps, which nobody asked for.
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name is None and len(operations) != 1:
        raise OperationRefused([GraphQLError(UNNAMED)])


def _answer_kind(request: Request) -> str:
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


def bad_credentials(refused: AuthRefusal, house: House, now: datetime) -> Unreadable:
    """The face of credentials that are not taken, for every route that asks who is there."""
    if isinstance(refused, CredentialsConflict):
        message = "Send a session cookie or an Authorization header, not both."
        return Unreadable(400, refused.code, message)
    message = "Send an access token and a fresh DPoP proof for it."
    code = refused.code if isinstance(refused, NonceRequired) else TokenRefused.code
    return Unreadable(401, code, message, challenge(refused, house, now))


def _wanted_assurance(body: Mapping[str, Any]) -> str | None:
    """The `acr` a new sign-in would need for what was refused, if that is all it would take."""
    for error in body.get("errors") or ():
        wanted = (error.get("extensions") or {}).get("acrValues")
        if wanted is not None:
            return str(wanted)
    return None


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


def _asked(body: bytes) -> Asked:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable(400, "NOT_JSON", "The body is not JSON in UTF-8.") from None
    if not isinstance(given, dict):
        raise Unreadable(400, "BAD_REQUEST", "The body must be one JSON object.")
    query, variables = given.get("query"), given.get("variables")
    operation = given.get("operationName")
    fits = (
        isinstance(query, str)
        and isinstance(variables, dict | None)
        and isinstance(operation, str | None)
        and isinstance(given.get("extensions"), dict | None)
    )
    if not fits or not query:
        raise Unreadable(400, "BAD_REQUEST", "The body must hold a query, and variables as an object.")
    if not _storable(variables, MOST_NESTED):
        raise Unreadable(400, "BAD_REQUEST", "The variables hold a value no program would read alike.")
    return Asked(query, variables or {}, operation)


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
