"""A request's body as it comes, for as long as it comes fast enough."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum, auto
from typing import Final

from starlette.requests import ClientDisconnect, Request

SPAN_SECONDS: Final = 20.0
SPAN_BYTES: Final = 20 * 1024
"""The slowest sender: so many bytes in each such span. A phone on the oldest network manages ten times that; a
connection held for its own sake does not get to last a day."""

REST_SECONDS: Final = 2.0
REST_BYTES: Final = 1024 * 1024


class Ending(Enum):
    """How a body ended."""

    UNREAD = auto()
    """It has not ended yet."""
    WHOLE = auto()
    CUT = auto()
    SLOW = auto()


class Body:
    """The pieces of one body. However it ends, what came before has been handed on; `ending` says how it did."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()
        self.ending = Ending.UNREAD

    async def pieces(self) -> AsyncIterator[bytes]:
        """Ends early, without a word, when the sender goes away or is too slow."""
        came, left = 0, SPAN_SECONDS
        while (piece := await self._next(left)) is not None:
            came += len(piece[0])
            left -= piece[1]
            # Only what came in this span counts: a fast start buys no slow end.
            if came >= SPAN_BYTES:
                came, left = 0, SPAN_SECONDS
            yield piece[0]

    async def finish(self) -> bool:
        """Let a refused sender who is nearly done finish: who is cut off while sending may never read the answer."""
        left, seconds = REST_BYTES, REST_SECONDS
        while self.ending is Ending.UNREAD and left > 0 and seconds > 0:
            piece = await self._next(seconds)
            if piece is not None:
                left, seconds = left - len(piece[0]), seconds - piece[1]
        return self.ending is Ending.WHOLE

    async def _next(self, seconds: float) -> tuple[bytes, float] | None:
        """The next piece and the seconds it was waited for; what we do with it costs the sender nothing."""
        now = asyncio.get_running_loop().time
        begun = now()
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                piece = await anext(self._stream)
        except StopAsyncIteration:
            self.ending = Ending.WHOLE
        except ClientDisconnect:
            self.ending = Ending.CUT
        except TimeoutError:
            self.ending = Ending.SLOW
        else:
            return piece, now() - begun
        return None
