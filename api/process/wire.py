"""How bytes become requests: httptools, held to a bound and a time it does not have by itself; and the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 32 * 1024
"""What may come of a head that is not whole: a token of 6 KiB, its proof, a query of 8 KiB, and as much again."""
HEAD_SECONDS: Final = 10.0
"""For a whole head, from the connection on or from its own first byte. A proxy in front is stricter still."""

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class HttpWire(HttpToolsProtocol):
    """One connection. The parser keeps whatever head it is sent for as long as it comes: any caller could fill the
    memory, or hold connections until none is left for others."""

    _unfinished: asyncio.TimerHandle | None = None
    _came = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._unfinished is not None:
            self._came += len(data)
            if self._came > HEAD_BYTES:
                self._end_head()
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._unfinished is None:
            self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def _begin_head(self) -> None:
        self._came = 0
        self._unfinished = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _end_head(self) -> None:
        if self._unfinished is not None:
            self._unfinished.cancel()
            self._unfinished = None

    def _give_up(self) -> None:
        self._unfinished = None
        self.transport.abort()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loops where it is to be had; it is made for Linux and macOS."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def run_served(doing: Coroutine[Any, Any, int]) -> int:
    """A command that serves, to its end; its exit code."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(doing)
