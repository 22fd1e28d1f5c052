"""Uploads by their secret address: announced, sent in pieces and resumed, ended; or sent whole by PUT.

The address is the permission, so that what a phone sends in the background outlives its session; it lasts a day, is
bound to one person's one file by size and SHA-256, and can only add to it. Creation asks what `createUpload` asks.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import strawberry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.content import STATUS, context_of, refused
from api.gateway.requests import Unreadable, unreadable
from api.tus import headers
from api.tus.body import Body, Ending
from api.web.answers import HARDENED, json_answer, refusal
from resolvers.citizen.depositing import CreateUploadInput, announce
from resolvers.context import Context, House
from store.identifiers import new_id
from vault.errors import UploadFault, UploadRefused
from vault.intake.arrivals import Piece, end_upload, receive, standing
from vault.intake.legs import Dock, settle
from vault.intake.uploads import PATIENCE, Ticket, Verdict, find_ticket

UPLOAD_STATUS: Final[Mapping[UploadFault, int]] = {
    UploadFault.EXPIRED: 410,
    UploadFault.ALREADY_ARRIVED: 409,
    UploadFault.ALREADY_CLAIMED: 409,
    UploadFault.OFFSET: 409,
    UploadFault.TOO_MANY_PIECES: 409,
    UploadFault.SIZE: 413,
    UploadFault.TOO_LARGE: 413,
    UploadFault.MEDIA_TYPE: 415,
    UploadFault.BUSY: 423,
    UploadFault.CHECKSUM: 460,
}
"""Other faults are of the content: 422. 423 and 460 are tus's."""

STATE: Final = "Upload-State"
"""What became of bytes that are all there. Clients that do not know it learn it from `addDocument`."""

_STATES: Final[Mapping[Verdict, str]] = {
    Verdict.WAITING: "IN_QUARANTINE",
    Verdict.CLEAN: "ACCEPTED",
    Verdict.UNSCANNED: "ACCEPTED",
    Verdict.INFECTED: "REFUSED",
}

_ALLOWED: Final = "OPTIONS, HEAD, PATCH, PUT, DELETE"


def routes(house: House, now: Callable[[], datetime]) -> list[Route]:
    """`/uploads` and `/uploads/{id}?key=…`."""
    face = _Uploads(house, now)
    methods = ["OPTIONS", "HEAD", "PATCH", "PUT", "DELETE", "POST"]
    return [
        Route("/uploads", face.all, methods=["OPTIONS", "POST"]),
        Route("/uploads/{id:uuid}", face.one, methods=methods),
    ]


class _Uploads:
    def __init__(self, house: House, now: Callable[[], datetime]) -> None:
        self._house = house
        self._now = now
        self._dock = Dock(house.database, house.office.safe, now)
        self._acts: Mapping[str, Callable[[Request, Ticket, Body], Awaitable[Response]]] = {
            "HEAD": self._tell,
            "PATCH": self._append,
            "PUT": self._replace,
            "DELETE": self._end,
        }

    async def all(self, request: Request) -> Response:
        """What is spoken here, and announcing."""
        if request.method == "OPTIONS":
            return _empty(204, headers.OFFER)
        return await self._answer(request, self._create)

    async def one(self, request: Request) -> Response:
        """One upload."""
        method = request.method
        if method == "POST":
            # For clients behind whatever lets only the common methods through.
            method = request.headers.get("x-http-method-override", "")
        if method == "OPTIONS":
            return _empty(204, headers.OFFER)
        act = self._acts.get(method)
        if act is None:
            answer = refusal("METHOD_NOT_ALLOWED", f"Only {_ALLOWED}.", 405)
            answer.headers["Allow"] = _ALLOWED
            return answer

        async def run(request: Request, context: Context, body: Body) -> Response:
            if method != "PUT":
                headers.check_version(request)
            upload: UUID = request.path_params["id"]
            secret = request.query_params.get("key", "")
            async with context.reading() as tx:
                ticket = await find_ticket(tx, context.caller, upload, secret, context.now)
            return await act(request, ticket, body)

        return await self._answer(request, run)

    async def _answer(
        self, request: Request, act: Callable[[Request, Context, Body], Awaitable[Response]]
    ) -> Response:
        body = Body(request)
        try:
            answer = await self._tried(request, act, body)
        except Unreadable as given:
            answer = unreadable(given)
            if given.status == 412:
                answer.headers.update(headers.OFFER)
        if body.ending is Ending.SLOW:
            answer = _too_slow(answer)
        answer.headers.update(headers.ALWAYS)
        if answer.status_code >= 400 and not await body.finish():
            answer.headers["Connection"] = "close"
        return answer

    async def _tried(
        self, request: Request, act: Callable[[Request, Context, Body], Awaitable[Response]], body: Body
    ) -> Response:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Unreadable(415, "NOT_ACCEPTED", "Send the bytes as they are.")
        context = await context_of(self._house, request, self._now())
        try:
            return await act(request, context, body)
        except Unreadable:
            raise
        except UploadRefused as fault:
            return refused(fault, context, UPLOAD_STATUS.get(fault.fault, 422))
        except Exception as error:
            return refused(error, context)

    async def _create(self, request: Request, context: Context, body: Body) -> Response:
        """As `createUpload`, by headers."""
        headers.check_version(request)
        size, told = headers.upload_length(request), headers.metadata(request)
        ids = {
            name: strawberry.ID(told[name])
            for name in ("dossier", "requirement", "onBehalfOf")
            if name in told
        }
        made = await announce(
            context,
            CreateUploadInput(
                idempotency_key=new_id(),
                file_name="",
                media_type=told.get("mediaType") or told.get("filetype", ""),
                size_bytes=size,
                sha256=told.get("sha256", ""),
                type=told.get("type", ""),
                dossier=ids.get("dossier"),
                requirement=ids.get("requirement"),
                on_behalf_of=ids.get("onBehalfOf"),
            ),
        )
        if made.upload is None:
            error = made.errors[0]
            return refusal(error.code, error.message, STATUS.get(error.code, 409))
        return _empty(
            201,
            {"Location": made.upload.url, "Upload-Offset": "0", **headers.expires(made.upload.expires_at)},
        )

    async def _tell(self, request: Request, ticket: Ticket, body: Body) -> Response:
        reached = await settle(self._dock, ticket, asked=True)
        told = {"Upload-Length": str(ticket.size_bytes), **await self._state(ticket, reached)}
        return self._progress(200, ticket, reached, told)

    async def _append(self, request: Request, ticket: Ticket, body: Body) -> Response:
        if request.headers.get("content-type") != headers.PIECE:
            raise Unreadable(415, "NOT_ACCEPTED", f"Send {headers.PIECE}.")
        piece = Piece(
            headers.upload_offset(request),
            body.pieces(),
            headers.content_length(request),
            headers.checksum(request),
        )
        reached = await receive(self._dock, ticket, piece)
        return self._progress(204, ticket, reached, await self._state(ticket, reached))

    async def _replace(self, request: Request, ticket: Ticket, body: Body) -> Response:
        """All of it at once, or nothing."""
        size = headers.content_length(request)
        if size not in (None, ticket.size_bytes):
            raise UploadRefused(UploadFault.SIZE)
        reached = await receive(self._dock, ticket, Piece(0, body.pieces(), size, resumable=False))
        return json_answer({"received": True}, 201, headers=await self._state(ticket, reached))

    async def _end(self, request: Request, ticket: Ticket, body: Body) -> Response:
        await end_upload(self._dock, ticket)
        return _empty(204)

    async def _state(self, ticket: Ticket, reached: int) -> Mapping[str, str]:
        """Once all bytes are there: whether anything can be made of them."""
        known = await standing(self._dock, ticket) if reached == ticket.size_bytes else None
        return {} if known is None else {STATE: _STATES[known]}

    def _progress(
        self, status: int, ticket: Ticket, reached: int, more: Mapping[str, str] | None = None
    ) -> Response:
        """How far it is, and until when that is kept."""
        waiting = 0 < reached < ticket.size_bytes
        end = min(self._dock.clock() + PATIENCE, ticket.expires_at) if waiting else ticket.expires_at
        return _empty(status, {"Upload-Offset": str(reached), **headers.expires(end), **(more or {})})


def _empty(status: int, told: Mapping[str, str] | None = None) -> Response:
    return Response(None, status, {**HARDENED, **headers.ALWAYS, **(told or {})})


def _too_slow(answer: Response) -> Response:
    """What came is kept, where pieces are; how far that is, the answer says."""
    slow = refusal("TOO_SLOW", "The bytes came too slowly.", 408)
    if "upload-offset" in answer.headers:
        slow.headers["Upload-Offset"] = answer.headers["upload-offset"]
    return slow
