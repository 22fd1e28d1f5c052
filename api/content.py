"""Bytes in and out: uploads by their secret address, downloads by ticket or under a dossier's evidence.

Bytes leave only after the transaction that logged their leaving is committed, from the very file it checked.
Always as an attachment without a name of its own: shown inline, a document of one person's making would run in
our origin, and file names name people.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.gateway.requests import Unreadable, refuse_foreign_origin
from api.journal import log_fault
from api.oauth.credentials import REFUSED_TOKENS, bad_credentials, caller_from_request, step_up
from api.web.answers import HARDENED, json_answer, refusal
from auth.errors import CredentialsConflict, NotFound, StepUpRequired
from dossiers.desk.opening import open_content
from resolvers.connections import read_uuid, split_id
from resolvers.context import Context, House
from resolvers.problems import BadInput, shaped, top_level
from store.database import Tx
from store.identifiers import new_id
from vault.errors import UploadFault, UploadRefused
from vault.intake.uploads import find_ticket, receive_upload, record_arrival
from vault.opening import OpenContent, open_own
from vault.permission.tickets import spend_ticket

CHUNK_SECONDS: Final = 30.0
"""The longest pause within an upload."""

STATUS: Mapping[str, int] = {
    "UNAUTHENTICATED": 401,
    "STEP_UP_REQUIRED": 401,
    "ACCESS_DENIED": 403,
    "NOT_FOUND": 404,
    "STORAGE_FAILED": 503,
    "DISCLOSURE_BUSY": 503,
    "INTERNAL": 500,
}
"""Anything else the caller can act on is a conflict with how things stand."""

UPLOAD_STATUS: Mapping[UploadFault, int] = {
    UploadFault.EXPIRED: 410,
    UploadFault.ALREADY_ARRIVED: 409,
    UploadFault.SIZE: 413,
    UploadFault.TOO_LARGE: 413,
    UploadFault.MEDIA_TYPE: 415,
}

ATTACHMENT: Mapping[str, str] = {
    **HARDENED,
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
}
_ENDINGS: Mapping[str, str] = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


def routes(house: House, now: Callable[[], datetime]) -> list[Route]:
    """`PUT /uploads/{id}?key=…`, `GET /documents/{id}/content`."""
    bytes_ = _Bytes(house, now)
    return [
        Route("/uploads/{id:uuid}", bytes_.take, methods=["PUT"]),
        Route("/documents/{id}/content", bytes_.give, methods=["GET"]),
    ]


class _Bytes:
    def __init__(self, house: House, now: Callable[[], datetime]) -> None:
        self._house = house
        self._now = now

    async def take(self, request: Request) -> Response:
        """One upload's bytes, sealed as they come. The same address takes them once."""
        if request.headers.get("content-encoding", "identity") != "identity":
            return refusal("NOT_ACCEPTED", "Send the bytes as they are.", 415)
        context = await self._context(request)
        if isinstance(context, Response):
            return context
        try:
            await self._receive(request, context)
        except Exception as error:
            return _refused(error, context)
        return json_answer({"received": True}, 201)

    async def give(self, request: Request) -> Response:
        """The bytes of a document of one's own, or of a piece of evidence."""
        if request.method != "GET":  # a HEAD would spend the ticket and show nothing for it
            return refusal("METHOD_NOT_ALLOWED", "Only GET.", 405)
        context = await self._context(request)
        if isinstance(context, Response):
            return context
        try:
            content = await self._open(request, context)
        except Exception as error:
            return _refused(error, context)
        return _Attachment(content)

    async def _receive(self, request: Request, context: Context) -> None:
        caller, safe = context.caller, self._house.office.safe
        upload: UUID = request.path_params["id"]
        secret = request.query_params.get("key", "")
        async with context.reading() as tx:
            ticket = await find_ticket(tx, caller, upload, secret, context.now)
        arrival = await receive_upload(ticket, _paced(request.stream()), safe)
        async with context.writing() as tx:
            await record_arrival(tx, caller, arrival, self._now())

    async def _open(self, request: Request, context: Context) -> OpenContent:
        given, opened = request.path_params["id"], list[OpenContent]()
        kind, _ = split_id(given)
        try:
            async with context.writing() as tx:
                if kind == "Evidence":
                    evidence, office = read_uuid(given, "Evidence"), self._house.office
                    opened.append(await open_content(tx, context.caller, evidence, office))
                else:
                    ticket = request.query_params.get("ticket", "")
                    document = read_uuid(given, "Document")
                    opened.append(await self._open_own(tx, context, document, ticket))
        except BaseException:
            # The transaction did not commit: nothing may leave, and the file must not stay open.
            for content in opened:
                content.close()
            raise
        return opened[0]

    async def _open_own(self, tx: Tx, context: Context, document: UUID, ticket: str) -> OpenContent:
        safe = self._house.office.safe
        await spend_ticket(tx, context.caller, document, ticket, safe, context.now)
        disclosed = await open_own(tx, context.caller, document, safe, context.now)
        if disclosed.content is None:
            raise NotFound
        return disclosed.content

    async def _context(self, request: Request) -> Context | Response:
        now, origin = self._now(), self._house.public_url
        try:
            refuse_foreign_origin(request, origin)
            caller = await caller_from_request(self._house, request, now)
        except Unreadable as foreign:
            return refusal(foreign.code, foreign.message, foreign.status)
        except (CredentialsConflict, *REFUSED_TOKENS) as refused:
            face = bad_credentials(refused, self._house, now)
            answer = refusal(face.code, face.message, face.status)
            answer.headers.update(face.headers)
            return answer
        return Context(self._house, caller, now, str(new_id()))


class _Attachment(StreamingResponse):
    """Streams authenticated bytes, and lets go of their file however the sending ends."""

    def __init__(self, content: OpenContent) -> None:
        name = f"document.{_ENDINGS.get(content.media_type, 'bin')}"
        headers = {
            **ATTACHMENT,
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(content.size_bytes),
        }
        super().__init__(content.stream(), headers=headers, media_type=content.media_type)
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._content.close()


async def _paced(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream, unless it pauses too long: a trickle must not hold a connection for a day."""
    while True:
        try:
            async with asyncio.timeout(CHUNK_SECONDS):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UploadRefused(UploadFault.SIZE) from None
        yield piece


def _refused(error: Exception, context: Context) -> Response:
    """The HTTP face of a refusal, in the words GraphQL gives it."""
    # A malformed id is an unknown one.
    known = NotFound() if isinstance(error, BadInput) else error
    face = shaped(known, context.language, context.law)
    if face is not None:
        status = STATUS.get(face.code, 409)
        if isinstance(error, UploadRefused):
            status = UPLOAD_STATUS.get(error.fault, 422)
        return refusal(face.code, face.message, status, retry_after_seconds=face.retry_after_seconds)
    told = top_level(known, context.language, context.request_id)
    code = str((told.extensions or {}).get("code"))
    if code == "INTERNAL":
        log_fault("content", error, context.request_id)
    answer = refusal(code, told.message, STATUS[code])
    if isinstance(known, StepUpRequired):
        answer.headers.update(step_up(known.acr))
    return answer
