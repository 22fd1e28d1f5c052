"""A platform as the story meets it, its loops running, that can be put up again later and whose lines can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import httpx2
from starlette.types import Message, Receive, Scope, Send

from api.__main__ import neighbours_in
from api.app import open_platform
from tests.flows.conftest import House
from tests.flows.journeys import rows
from tests.flows.phone import clock_of
from tests.flows.stage import ORIGIN, Stage

PATIENCE_SECONDS: Final = 60.0
UNDONE: Final = """SELECT (SELECT count(*) FROM outbox WHERE done_at IS NULL)
  + (SELECT count(*) FROM changes WHERE place IS NULL)"""


@dataclass
class Street:
    """One address and whichever platform stands behind it, its loops running; and a line that can be cut."""

    furnished: House
    stage: Stage = field(init=False)
    cut: bool = False
    _standing: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def stand(self, later: timedelta = timedelta(0)) -> None:
        """Take down what stands, and put up the same so much later. The sandbox's clock stays."""
        await self._standing.aclose()
        house = self.furnished
        settings = replace(
            house.settings, push_loopback=True, clock_offset=house.settings.clock_offset + later
        )
        opened = open_platform(settings, house.servers, neighbours_in(house.sandbox.addresses))
        platform = await self._standing.enter_async_context(opened)
        self.stage = Stage(platform, house.sandbox, house.owner, house.servers)
        await self._standing.enter_async_context(_running(self.stage))

    async def close(self) -> None:
        await self._standing.aclose()

    def now(self) -> datetime:
        return clock_of(self.stage)()

    def line(self) -> httpx2.AsyncClient:
        """A line of one's own to the platform."""
        return httpx2.AsyncClient(mounts=self.wires(), trust_env=False, timeout=PATIENCE_SECONDS)

    def wires(self) -> dict[str, httpx2.AsyncBaseTransport]:
        return {ORIGIN: httpx2.ASGITransport(self)}

    async def quiet(self) -> None:
        """Everything that follows from what was done has happened."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await rows(self.stage, UNDONE) != [(0,)]:
                await self.stage.settle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (self.cut and scope["method"] == "PATCH"):
            await self.stage.platform.app(scope, receive, send)
            return
        self.cut = False
        arriving = [await receive(), {"type": "http.disconnect"}]
        arriving[0]["body"] = arriving[0]["body"][: len(arriving[0]["body"]) // 2]

        async def half() -> Message:
            return arriving.pop(0)

        async def unheard(message: Message) -> None:
            """Nobody is there to hear it."""

        await self.stage.platform.app(scope, half, unheard)
        raise httpx2.WriteError("the line is cut")


@asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[None]:
    loops = asyncio.create_task(stage.platform.loops.run())
    yield
    loops.cancel()
    with suppress(asyncio.CancelledError):
        await loops
