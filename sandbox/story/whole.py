"""The whole story: who plays, then the ten steps in order."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from sandbox.people import Person
from sandbox.story import steps, trials
from sandbox.story.browser import Browser, Stumbled
from sandbox.story.catalogue import Catalogue
from sandbox.story.citizen import Citizen
from sandbox.story.desk import Desk
from sandbox.story.drawing import drawn_plot
from sandbox.story.plot import FAMILIES, known_plot
from sandbox.story.report import Report
from sandbox.story.state import Operator, Switchboard
from sandbox.story.telling import Show, Teller

VIETNAM: Final = timedelta(hours=7)

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


@dataclass(frozen=True, slots=True)
class Options:
    """`origin`: the platform's address; `data`: its folder; `seed`: None for the plot everybody knows."""

    origin: str
    data: Path
    seed: int | None = None
    control: str | None = None


async def tell_story(options: Options, report: Report, show: Show) -> None:
    """Play all ten steps, filling the report on the way. Raises PromiseBroken, Stumbled, Refused."""
    # The State's days are Vietnam's.
    today = (datetime.now(UTC) + VIETNAM).date()
    async with _browser(options.origin) as visitor:
        catalogue = Catalogue(visitor)
        async with _somebody(options, catalogue, today) as citizen, _desk(options, catalogue, today) as desk:
            plot = (
                known_plot(citizen.person)
                if options.seed is None
                else await drawn_plot(options.seed, citizen, catalogue, today)
            )
            teller = Teller(
                citizen=citizen,
                desk=desk,
                catalogue=catalogue,
                switchboard=Switchboard(options.data / "sandbox" / "registers"),
                operator=Operator(options.data, options.origin),
                plot=plot,
                today=today,
                show=show,
                control=options.control,
                report=report,
            )
            show(f"SANDBOX. {citizen.person.name}. Nobody here is real.")
            for step in STEPS:
                await step(teller)


@asynccontextmanager
async def _somebody(options: Options, catalogue: Catalogue, today: date) -> AsyncIterator[Citizen]:
    """A demo mother nothing has happened to yet: the seed's, else the next. Raises Stumbled when all have played."""
    first = options.seed or 0
    for turn in range(len(FAMILIES)):
        person: Person = FAMILIES[(first + turn) % len(FAMILIES)]
        async with _browser(options.origin) as browser:
            citizen = Citizen(browser, person, catalogue, today)
            await citizen.arrive()
            if not await citizen.documents():
                yield citizen
                return
    raise Stumbled("every demo family has played already: begin with a fresh data folder")


@asynccontextmanager
async def _browser(origin: str) -> AsyncIterator[Browser]:
    browser = Browser(origin)
    try:
        yield browser
    finally:
        await browser.close()


@asynccontextmanager
async def _desk(options: Options, catalogue: Catalogue, today: date) -> AsyncIterator[Desk]:
    desk = Desk(options.origin, catalogue, today)
    try:
        yield desk
    finally:
        await desk.close()
