"""The whole story: who plays, then the ten steps in order, and how it ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from sandbox.people import Person
from sandbox.story import steps, trials
from sandbox.story.browser import (
    Browser,
    Device,
    Refused,
    Registered,
    Software,
    Stumbled,
    Wires,
)
from sandbox.story.catalogue import Catalogue
from sandbox.story.citizen import Citizen
from sandbox.story.desk import Desk
from sandbox.story.drawing import drawn_plot
from sandbox.story.plot import FAMILIES, known_plot
from sandbox.story.report import PromiseBroken, Report
from sandbox.story.state import Operator, Switchboard
from sandbox.story.telling import Show, Teller
from sandbox.systems import client_of, system_key

KEPT: Final = 0
FALTERED: Final = 1
BROKEN: Final = 3

STEPS: Final[tuple[Callable[[Teller], Awaitable[None]], ...]] = (
    steps.digitise_at_the_counter,
    steps.file_for_the_result,
    steps.file_with_the_result,
    steps.live_on,
    trials.ask_again,
    trials.wait_for_a_register,
    trials.verify_elsewhere,
    trials.revoke_the_result,
    trials.tamper_with_the_log,
    trials.count_again,
)


async def _go_on() -> None:
    """The next step follows at once."""


def _today() -> date:
    """The State's days are Vietnam's."""
    return (datetime.now(UTC) + timedelta(hours=7)).date()


@dataclass(frozen=True, slots=True)
class Options:
    """`origin`: the platform's address; `data`: its folder, with the sandbox's inside; `seed`: None for the plot
    everybody knows; `today` and `clock`: the platform's; `wires`: other ways to some addresses than the network;
    `device`: what citizens act with, None for a browser; `after_step`: awaited when a step's promises have held."""

    origin: str
    data: Path
    seed: int | None = None
    control: str | None = None
    today: date = field(default_factory=_today)
    wires: Wires | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    device: Callable[[], Device] | None = None
    after_step: Callable[[], Awaitable[None]] = _go_on

    def software(self, agency: str) -> Software:
        """A demo agency's own software, by the agency's key."""
        key = system_key(self.data / "sandbox")
        return Software(self.origin, Registered(client_of(agency), key), self.clock, self.wires)

    def browser(self) -> Browser:
        return Browser(self.origin, self.wires)


async def play(options: Options, show: Show) -> tuple[int, Report]:
    """Tell the story: KEPT when every promise held, BROKEN and which one, FALTERED when it could not go on."""
    report, begun, code = Report(), time.monotonic(), KEPT
    try:
        await tell_story(options, report, show)
        show("\nEvery promise held.")
    except PromiseBroken as broken:
        show(f"\nPROMISE BROKEN: {broken}")
        code = BROKEN
    except (Refused, Stumbled) as trouble:
        show(f"\nThe story could not go on: {trouble}")
        code = FALTERED
    report.seconds = time.monotonic() - begun
    return code, report


async def tell_story(options: Options, report: Report, show: Show) -> None:
    """Play all ten steps, filling the report on the way. Raises PromiseBroken, Stumbled, Refused."""
    async with _held(options.browser()) as visitor:
        catalogue = Catalogue(visitor)
        async with _somebody(options, catalogue) as citizen, _desk(options, catalogue) as desk:
            teller = Teller(
                citizen=citizen,
                desk=desk,
                catalogue=catalogue,
                switchboard=Switchboard(options.data / "sandbox" / "registers"),
                operator=await asyncio.to_thread(Operator, options.data, options.origin),
                plot=known_plot(citizen.person)
                if options.seed is None
                else await drawn_plot(options.seed, citizen, catalogue, options.today),
                show=show,
                control=options.control,
                report=report,
            )
            show(f"SANDBOX. {citizen.person.name}. Nobody here is real.")
            for step in STEPS:
                await step(teller)
                await options.after_step()


@asynccontextmanager
async def _somebody(options: Options, catalogue: Catalogue) -> AsyncIterator[Citizen]:
    """A demo mother nothing has happened to yet: the seed's, else the next. Raises Stumbled when all have played."""
    first = options.seed or 0
    for turn in range(len(FAMILIES)):
        person: Person = FAMILIES[(first + turn) % len(FAMILIES)]
        async with _held(options.device() if options.device else options.browser()) as device:
            citizen = Citizen(device, person, catalogue, options.today)
            await citizen.arrive()
            if not await citizen.documents():
                yield citizen
                return
    raise Stumbled("every demo family has played already: begin with a fresh data folder")


@asynccontextmanager
async def _held(device: Device) -> AsyncIterator[Device]:
    try:
        yield device
    finally:
        await device.close()


@asynccontextmanager
async def _desk(options: Options, catalogue: Catalogue) -> AsyncIterator[Desk]:
    desk = Desk(options.browser, options.software, catalogue, options.today)
    try:
        yield desk
    finally:
        await desk.close()
