"""The outermost layer: a fault anywhere becomes one neutral answer and one line in the journal.

Without it the server prints the exception with its message, and messages quote what people sent.
"""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.journal import log_fault
from api.web.answers import refusal
from api.web.pages import language_of
from resolvers.wording import refusal_words
from store.errors import TemporarilyUnavailable
from store.identifiers import new_id

HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class Shield:
    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._always = [HSTS] if secure else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = False

        async def hardened(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                names = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"], *(one for one in self._always if one[0] not in names)
                ]  # fmt: skip
            await send(message)

        try:
            await self._app(scope, receive, hardened)
        except ClientDisconnect:
            return
        except Exception as error:
            request_id = str(new_id())
            log_fault("http", error, request_id)
            if not begun:
                await _face(error, request_id, Request(scope))(scope, receive, hardened)
            else:
                # Half an answer must not look like a whole one: the connection breaks off.
                raise ConnectionAbortedError from None


def _face(error: Exception, request_id: str, request: Request) -> Response:
    if isinstance(error, TemporarilyUnavailable):
        words = refusal_words(error.code, language_of(request))
        return refusal(error.code, words, 503, retry_after_seconds=error.retry_after_seconds)
    return refusal("INTERNAL", f"Something went wrong here. Reference: {request_id}", 500)
