"""The HTTP face of the schema: `/graphql`, one operation a request (GraphQL over HTTP, September 2026).

POST of `application/json` runs queries and mutations for whoever the session cookie or an app's token names. GET
runs queries for nobody: cookie and Authorization are not looked at, so an address never brings a person's data, no
link or picture on another site asks in somebody's name, and what GET answers may be kept by anyone. A mutation by
GET is answered 405. No batches, no multipart, no WebSocket: each is a way for another site to make a browser ask.

What goes wrong inside is told by `resolvers.problems` or masked behind the request id.
"""

import hashlib
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any, Final

from graphql import FieldNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.extensions import SchemaExtension

from api.gateway.measure import DEAREST
from api.gateway.operations import Operation, OperationRefused, Operations, refuse_dear
from api.gateway.requests import (
    Asked,
    Unreadable,
    answer_kind,
    read_address,
    read_body,
    refuse_foreign_origin,
)
from api.journal import FAULTS, log_fault
from api.metrics import Metrics
from api.oauth.credentials import (
    NOT_TAKEN,
    bad_credentials,
    caller_from_request,
    next_nonce,
    step_up,
)
from api.web.addresses import address_of
from api.web.answers import JSON, json_answer
from api.web.pages import language_of
from auth.caller import Caller, CallerKind
from resolvers.context import Context, House
from resolvers.problems import PAYLOAD, shaped, top_level
from resolvers.schema import build
from store.errors import TemporarilyUnavailable
from store.identifiers import new_id

PARTIAL: Final = 294
"""Data and errors in one answer, where the client knows `application/graphql-response+json`."""
CATALOGUE: Final = frozenset({"procedures", "procedure", "agencies", "documentType", "__typename"})
"""Root fields whose answer is the same for everybody, and by GET may be kept for a while."""
KEPT_SECONDS: Final = 300
DOCUMENT: Final = "document"

ONLY_POST: Final = "Mutations are taken by POST only."
UNREAD: Final = "none"
"""The kind of what is no operation."""
NOT_TRUSTED: Final = "Here only documents registered with the server are run."


@dataclass(frozen=True, slots=True)
class Rules:
    """How one deployment takes operations.

    `open_book`: clients may ask the schema about itself. `trusted`: name to text of registered documents.
    `trusted_only`: people signed in with a cookie send the id of one, and no text.
    """

    open_book: bool
    trusted: Mapping[str, str] = field(default_factory=dict)
    trusted_only: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer's body and status. `lasting`: the same for everybody, for a while."""

    body: dict[str, Any]
    status: int
    of: tuple[str, str] = ("", UNREAD)
    """The name of the registered document, if it is one, and the kind of operation."""
    lasting: bool = False


class GraphQLFace:
    """The endpoint.

    Raises OperationRefused for a registered document that does not fit the schema.
    """

    def __init__(self, house: House, now: Callable[[], datetime], metrics: Metrics, rules: Rules) -> None:
        self._house = house
        self._metrics = metrics
        self._now = now
        self._origin = house.public_url
        self._trusted_only = rules.trusted_only
        self._schema = build([_Prepared])
        self._operations = Operations(self.schema, open_book=rules.open_book)
        self._operations.trust(rules.trusted)

    @property
    def schema(self) -> GraphQLSchema:
        return self._schema._schema

    def routes(self) -> list[Route]:
        return [Route("/graphql", self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        headers = {"X-Request-Id": str(new_id())}
        try:
            kind = answer_kind(request)
            refuse_foreign_origin(request, self._origin)
            if request.method == "POST":
                asked = await read_body(request)
                context = await self._context(request, headers["X-Request-Id"])
            else:
                asked, context = read_address(request), self._nobody(request, headers["X-Request-Id"])
            begun = perf_counter()
            said = await self._execute(asked, context, kind, by_post=request.method == "POST")
            codes = [*_codes(said.body), *context.refusals]
            self._metrics.operation(*said.of, codes, perf_counter() - begun)
        except Unreadable as unreadable:
            if unreadable.status == 405:
                headers["Allow"] = "POST"
            body = _failed([_error(unreadable.code, unreadable.message)])
            return json_answer(body, unreadable.status, headers=headers | dict(unreadable.headers))
        except TemporarilyUnavailable as away:
            # Nobody's session could be looked up: nothing of the request has run.
            log_fault("graphql", away, headers["X-Request-Id"])
            told = top_level(away, language_of(request), headers["X-Request-Id"])
            headers["Retry-After"] = str(away.retry_after_seconds)
            return json_answer(_failed([_told(told)]), 503, headers=headers)
        headers |= next_nonce(self._house, request, context.now)
        status, wanted = said.status, _wanted_assurance(said.body)
        if wanted is not None:
            headers |= step_up(wanted)
            # RFC 9470 answers 401; what did succeed beside it must not look as if it had not.
            status = status if _has_data(said.body) else 401
        wait = _wanted_wait(said.body)
        if wait is not None:
            # Whoever stands between sees only the status: nothing was done, and the same request may be sent again.
            headers["Retry-After"] = str(wait)
            status = status if _has_data(said.body) else 503
        answer = json_answer(said.body, status, media_type=kind, headers=headers)
        return _kept(request, answer) if said.lasting else answer

    async def _context(self, request: Request, request_id: str) -> Context:
        """Raises Unreadable(400, 401, 403), TemporarilyUnavailable."""
        now = self._now()
        try:
            caller = await caller_from_request(self._house, request, now, request_id)
        except NOT_TAKEN as refused:
            raise bad_credentials(refused, self._house, now) from refused
        address = address_of(request)
        return Context(self._house, replace(caller, address=address), now, request_id, address)

    def _nobody(self, request: Request, request_id: str) -> Context:
        caller = Caller(CallerKind.ANONYMOUS, language=language_of(request))
        return Context(self._house, caller, self._now(), request_id, address_of(request))

    async def _execute(self, asked: Asked, context: Context, kind: str, *, by_post: bool) -> _Said:
        """Raises Unreadable(405) for a mutation by GET."""
        told: dict[str, Any] = {}
        of = ("", UNREAD)
        try:
            operation = self._operation(asked, context)
            meant = operation.named(asked.operation)
            of = (operation.name, meant.operation.value)
            if meant.operation is OperationType.MUTATION and not by_post:
                raise Unreadable(405, "METHOD_NOT_ALLOWED", ONLY_POST)
            cost = operation.cost(meant, asked.variables)
            told = {"extensions": {"cost": {"requested": cost, "limit": DEAREST}}}
            refuse_dear(cost)
        except OperationRefused as refused:
            body = _failed([_refused(error, refused.code) for error in refused.errors]) | told
            return _Said(body, _status(kind, ran=False), of)
        result = await self._schema.execute(
            asked.query or asked.document_id,  # a name for it: what runs is the document
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation,
            operation_extensions={DOCUMENT: operation.document},
        )
        ran = result.data is not None or any(error.path for error in result.errors or ())
        body = {"data": result.data} if ran else {}
        if result.errors:
            body["errors"] = [_face(error, context) for error in result.errors]
        partial = bool(result.errors) and result.data is not None
        lasting = not by_post and not result.errors and _is_catalogue(meant)
        return _Said(body | told, _status(kind, ran=ran, partial=partial), of, lasting)

    def _operation(self, asked: Asked, context: Context) -> Operation:
        """Raises OperationRefused."""
        if asked.document_id is not None:
            return self._operations.registered(asked.document_id)
        if self._trusted_only and context.caller.session is not None:
            raise OperationRefused([GraphQLError(NOT_TRUSTED)], "DOCUMENT_REQUIRED")
        return self._operations.read(asked.query or "")


class _Prepared(SchemaExtension):
    """Hands the operation over as it was already read, so that nothing is parsed or validated twice."""

    def on_parse(self) -> Generator[None, None, None]:
        execution = self.execution_context
        execution.graphql_document = (execution.operation_extensions or {})[DOCUMENT]
        execution.validation_rules = ()
        yield


def _status(kind: str, *, ran: bool, partial: bool = False) -> int:
    # The older media type says 200 whatever becomes of a well-formed request.
    if kind == JSON or (ran and not partial):
        return 200
    return PARTIAL if ran else 400


def _kept(request: Request, answer: Response) -> Response:
    """The answer with its mark, for caches; 304 to whoever has it already."""
    mark = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
    answer.headers["ETag"] = mark
    answer.headers["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    answer.headers["Vary"] = "Accept, Accept-Language"
    if mark not in request.headers.get("if-none-match", ""):
        return answer
    kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
    return Response(status_code=304, headers=kept)


def _is_catalogue(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(node, FieldNode) and node.name.value in CATALOGUE
        for node in operation.selection_set.selections
    )


def _refused(error: GraphQLError, code: str) -> dict[str, Any]:
    return {**error.formatted, "extensions": {"code": code, **(error.extensions or {})}}


def _face(error: GraphQLError, context: Context) -> dict[str, Any]:
    # Without a place in the answer it is about the variables, or the library giving up on them.
    if error.path is None and (error.original_error is None or _VARIABLE.match(error.message)):
        return _error("BAD_VARIABLES", _variable_words(error.message))
    face = _refusal(error.original_error, context)
    if (face.extensions or {}).get("code") in FAULTS:
        log_fault("graphql", error.original_error or error, context.request_id)
    told = _told(face)
    if error.path is not None:
        told["path"] = list(error.path)
    if error.locations:
        told["locations"] = [one.formatted for one in error.locations]
    return told


def _told(face: GraphQLError) -> dict[str, Any]:
    return {"message": face.message, "extensions": dict(face.extensions or {})}


def _refusal(error: Exception | None, context: Context) -> GraphQLError:
    """A query has no payload to put a refusal in: it is told as any other error, by its code and words."""
    if type(error) in PAYLOAD and error is not None:
        face = shaped(error, context.language, context.law)
        if face is not None:
            return GraphQLError(face.message, extensions={"code": face.code})
    return top_level(error, context.language, context.request_id)


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


def _codes(body: Mapping[str, Any]) -> list[str]:
    return [str((error.get("extensions") or {}).get("code", "")) for error in body.get("errors") or ()]


def _has_data(body: Mapping[str, Any]) -> bool:
    return any((body.get("data") or {}).values())


def _wanted_wait(body: Mapping[str, Any]) -> int | None:
    """How many seconds until what failed for a moment may be asked for again."""
    for error in body.get("errors") or ():
        if (error.get("extensions") or {}).get("code") == TemporarilyUnavailable.code:
            return int(error["extensions"]["retryAfterSeconds"])
    return None


def _wanted_assurance(body: Mapping[str, Any]) -> str | None:
    """The `acr` a new sign-in would need for what was refused, if that is all it would take."""
    for error in body.get("errors") or ():
        wanted = (error.get("extensions") or {}).get("acrValues")
        if wanted is not None:
            return str(wanted)
    return None
