"""Browser apps of other origins: those the operator names, letter by letter, and no other.

Such an app is a program with tokens of its own. Its requests go on without their cookies and without the name of
their origin, so that everything behind treats them as any program's; a page there can never act with the session a
person has here. No answer says `*`, and none allows credentials.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
ASKED: Final = ", ".join((
    "Authorization", "DPoP", "Content-Type", "Accept", "Accept-Language", "If-None-Match", "Range",
    "Motlan-Mandate",
    "Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum", "X-HTTP-Method-Override",
))  # fmt: skip
"""Headers an app may send."""
SHOWN: Final = ", ".join((
    "DPoP-Nonce", "WWW-Authenticate", "X-Request-Id", "Retry-After", "ETag", "Location", "Content-Range",
    "Content-Disposition", "Accept-Ranges", "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size",
    "Tus-Checksum-Algorithm", "Upload-Offset", "Upload-Length", "Upload-Expires", "Upload-State",
))  # fmt: skip
"""Headers of an answer it may read."""
KEPT_SECONDS: Final = 600
"""How long a browser may go by an answer to its question. Striking an origin off counts from then."""

OPEN: Final = (
    "/graphql", "/uploads", "/documents/", "/exports/", "/log/", "/.well-known/", "/status-lists", "/vct/",
    "/oauth/par", "/oauth/token", "/oauth/revoke",
)  # fmt: skip
"""What programs speak to. Pages for people are for this origin alone."""


class Cors:
    """Lets apps of `origins` in. What comes from elsewhere passes as it is, to be refused where it always was."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(OPEN):
            await self._app(scope, receive, send)
            return
        named = Headers(scope=scope).getlist("origin")
        # Two of them are no browser's: which one counts would depend on who reads.
        origin = named[0] if len(named) == 1 and named[0] in self._origins else None

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # For whom it is depends on the origin, also when it is for nobody: caches must not mix them up.
                headers.add_vary_header("Origin")
                if origin is not None:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = SHOWN
            await send(message)

        if origin is None:
            await self._app(scope, receive, told)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in Headers(scope=scope):
            await _permission()(scope, receive, told)
        else:
            scope["headers"] = [one for one in scope["headers"] if one[0] not in (b"cookie", b"origin")]
            await self._app(scope, receive, told)


def _permission() -> Response:
    """The answer to a browser that asks beforehand: always the whole lists, whatever it asked for."""
    return Response(
        None,
        204,
        {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": ASKED,
            "Access-Control-Max-Age": str(KEPT_SECONDS),
            "Cache-Control": "no-store",
        },
    )
