"""Originals leave from an origin of their own, where no page of ours lives and no cookie is sent.

Whoever asks the public address for one is known there by session or token, and is sent on with a pass: 256 bits, good
once, for that one address, for half a minute. At the content origin the pass is all there is; whose it is, what they
may do and what their ticket opens is judged there as it would have been here. Nothing else is answered there, and
there alone are originals served: a file that some reader takes for a page has nothing of ours around it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import exports
from api.content import ATTESTED, CONTENT, context_of, original_routes, refused
from api.gateway.requests import Unreadable, unreadable
from api.web.answers import HARDENED, refusal
from api.web.cors import ASKED, SHOWN
from api.web.pages import language_of
from auth.errors import Unauthenticated
from auth.provider.login import STARTER
from auth.sessions import issue_pass, take_pass
from resolvers.context import Context, House
from store.identifiers import new_id

PASS: Final = "pass"  # noqa: S105 - the name of a parameter


def routes(house: House, now: Callable[[], datetime]) -> list[Route]:
    """At the public address: everybody is sent on."""

    async def hand_over(request: Request) -> Response:
        if request.method != "GET":
            return refusal("METHOD_NOT_ALLOWED", "Only GET.", 405)
        try:
            context = await context_of(house, request, now())
        except Unreadable as foreign:
            return unreadable(foreign)
        try:
            if context.caller.session is None:
                raise Unauthenticated
            async with context.writing() as tx:
                secret = await issue_pass(tx, context.caller, request.url.path, context.now)
        except Exception as error:
            return refused(error, context)
        target = f"{house.content_url}{quote(request.url.path)}?{PASS}={secret}"
        ticket = request.query_params.get("ticket")
        if ticket is not None:
            target += f"&ticket={quote(ticket, safe='')}"
        return RedirectResponse(target, 303, HARDENED)

    return [Route(path, hand_over, methods=["GET"]) for path in (CONTENT, ATTESTED, exports.EXPORT)]


class ContentOrigin:
    """Everything asked of the content origin's host goes to `originals`, everything else to `app`.

    The host is what the request says: a page cannot make its browser say another than the one it shows, and a program
    gains nothing by it. `open_`: browser apps of other origins are served, who get here by our redirect alone.
    """

    def __init__(self, app: ASGIApp, originals: ASGIApp, content_url: str, *, open_: bool) -> None:
        self._app = app
        self._originals = originals
        self._host = (urlsplit(content_url).hostname or "").encode()
        self._open = open_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._host not in {_name(host) for host in _hosts(scope)}:
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if self._open and message["type"] == "http.response.start":
                # After our redirect browsers call their origin `null`. There are no credentials here to be misused.
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Allow-Headers"] = ASKED
                headers["Access-Control-Expose-Headers"] = SHOWN
            await send(message)

        if self._open and scope["method"] == "OPTIONS":
            await Response(None, 204, HARDENED)(scope, receive, told)
        else:
            await self._originals(scope, receive, told)


def originals_app(house: House, now: Callable[[], datetime]) -> Starlette:
    """What the content origin serves: originals, by pass."""
    return Starlette(
        routes=[
            *original_routes(house, now, _context_by_pass),
            *exports.routes(house, now, _context_by_pass),
            Route(
                "/{rest:path}", _nothing_else, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
            ),
        ]
    )


async def _context_by_pass(house: House, request: Request, now: datetime) -> Context:
    """Whoever the pass was given to. Raises Unreadable(404): unknown, spent, late and another address's are one."""
    language = language_of(request)
    async with house.database.writing(STARTER) as tx:
        caller = await take_pass(tx, request.query_params.get(PASS, ""), request.url.path, language, now)
    if caller is None:
        raise Unreadable(404, "NOT_FOUND", "There is no such thing here, or its address was used.")
    return Context(house, caller, now, str(new_id()))


async def _nothing_else(request: Request) -> Response:
    return refusal("NOT_FOUND", "There is no such thing here.", 404)


def _hosts(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"host"]


def _name(host: bytes) -> bytes:
    """Without its port, in lower case."""
    name, _, port = host.rpartition(b":")
    return (name if port.isdigit() and name else host).lower()
