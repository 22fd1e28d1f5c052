"""Everything kept about a person, out in one file by ticket.

The first byte leaves after the transaction that wrote the export down and told its person. Nothing says beforehand
how long the file is, and no part of it can be asked for: what broke off is asked for anew, and told of anew.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.content import ATTACHMENT, Identify, context_of, refused
from api.gateway.requests import Unreadable, unreadable
from api.journal import log_fault
from api.web.answers import refusal
from dossiers.export.exporting import begin_export, stream_export
from dossiers.export.making import Workshop
from resolvers.connections import read_uuid
from resolvers.context import Context, House

HEADERS: Final[Mapping[str, str]] = {
    **ATTACHMENT,
    "Content-Disposition": 'attachment; filename="motlan-export.zip"',
    "Accept-Ranges": "none",
}


EXPORT: Final = "/exports/{id}"


def routes(house: House, now: Callable[[], datetime], identify: Identify = context_of) -> list[Route]:
    """`GET /exports/{id}`, for whoever `identify` says is asking."""
    return [Route(EXPORT, _Exports(house, now, identify).give, methods=["GET"])]


class _Exports:
    def __init__(self, house: House, now: Callable[[], datetime], identify: Identify) -> None:
        self._house = house
        self._now = now
        self._identify = identify

    async def give(self, request: Request) -> Response:
        """The file, begun once and put together while it is sent."""
        if request.method != "GET":  # a HEAD would spend the ticket and show nothing for it
            return refusal("METHOD_NOT_ALLOWED", "Only GET.", 405)
        try:
            context = await self._identify(self._house, request, self._now())
        except Unreadable as foreign:
            return unreadable(foreign)
        try:
            return await self._begin(request, context)
        except Exception as error:
            return refused(error, context)

    async def _begin(self, request: Request, context: Context) -> Response:
        wanted, ticket = (
            read_uuid(request.path_params["id"], "Export"),
            request.query_params.get("ticket", ""),
        )
        office = context.office
        async with context.writing() as tx:
            export = await begin_export(tx, context.caller, wanted, ticket, office, context.now)
        workshop = Workshop(
            self._house.database,
            office,
            self._now,
            on_fault=lambda fault: log_fault("export", fault, context.request_id),
        )
        return _Whole(stream_export(export, workshop))


class _Whole(StreamingResponse):
    """Sends the file, and lets go of everything however the sending ends."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        super().__init__(pieces, headers=HEADERS, media_type="application/zip")
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._pieces.aclose()
