"""The teller: everything a step works with, and the one way a filing goes from wish to decision."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.people import Newborn
from sandbox.story.browser import Refused
from sandbox.story.catalogue import Catalogue, Facts
from sandbox.story.citizen import Citizen, Wish, unmet, with_outcome
from sandbox.story.desk import About, Desk
from sandbox.story.plot import Plot
from sandbox.story.report import PromiseBroken, Report, Step
from sandbox.story.state import Operator, Switchboard

Show = Callable[[str], None]

NO_RESULTS: Final = "no-results"
NOTHING_SUPPLIED: Final = "nothing-supplied"
CONTROLS: Final = (NO_RESULTS, NOTHING_SUPPLIED)
"""Variants of the world in which a promise cannot hold: officers issue nothing electronically; nobody brings
anything."""

PATIENCE_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Filed:
    """A submitted filing, as its person sees it, and the agency that has it."""

    procedure: Facts
    dossier: Facts
    agency: Facts
    brought: tuple[str, ...]

    @property
    def id(self) -> str:
        return str(self.dossier["id"])


@dataclass(slots=True)
class Teller:
    citizen: Citizen
    desk: Desk
    catalogue: Catalogue
    switchboard: Switchboard
    operator: Operator
    plot: Plot
    show: Show
    control: str | None = None
    report: Report = field(default_factory=Report)
    issuers: dict[str, Facts] = field(default_factory=dict)
    """Document id to the agency that issued it."""

    def begin(self, name: str, words: str) -> None:
        self.report.steps.append(Step(name))
        self.show(f"\n{len(self.report.steps)}. {words}")

    def say(self, words: str) -> None:
        self.show(f"   {words}")

    @property
    def step(self) -> Step:
        return self.report.steps[-1]

    @asynccontextmanager
    async def without(self, databases: Sequence[str]) -> AsyncIterator[None]:
        """These databases are down inside the block."""
        await self.switchboard.turn(databases, "down")
        try:
            yield
        finally:
            await self.switchboard.turn(databases, "up")

    async def file(
        self,
        procedure: str,
        *,
        about: str = "",
        parties: tuple[Facts, ...] = (),
        form: Mapping[str, Any] | None = None,
    ) -> Filed:
        """Open, bring what is asked, agree, submit. What happens is told and belongs to the step.

        `about`: the type of the paper whose house, parcel or premises she says it is about.
        """
        published = await self.catalogue.procedure(procedure)
        agency = self.plot.lot.choice(await self.catalogue.agencies(published["slug"]))
        objects = await self.citizen.things(published, about) if about else {}
        wish = Wish(published["slug"], agency["id"], parties, objects)
        dossier = await self.citizen.open(wish)
        brought: list[str] = []
        if self.control != NOTHING_SUPPLIED:
            dossier, brought = await self.citizen.supply(dossier)
        try:
            dossier = await self.citizen.submit(dossier, form)
        except Refused as refused:
            if refused.code != "EVIDENCE_MISSING":
                raise
            missing = ", ".join(one["requirement"] for one in refused.told["gaps"])
            raise PromiseBroken(
                "supplied-once", f"the filing stops at what nobody brought: {missing}"
            ) from refused
        self.step.procedures.append(published["code"] or published["slug"])
        self.step.wishes.append(wish)
        self.step.dossiers.append(dossier["id"])
        self.say(f"{published['name']} → {agency['name']}: {dossier['code']}")
        self._tell_plan(dossier, brought)
        return Filed(published, dossier, agency, tuple(brought))

    async def decide(self, filed: Filed, child: Newborn | None = None) -> None:
        """The agency takes the dossier in, reads what was agreed to, and issues the results."""
        opened = await self.read(filed)
        if self.control == NO_RESULTS:
            self.say("the result is handed over on paper alone (control)")
            return
        results = filed.procedure["resultTypes"]
        current = await self.citizen.look(filed.id)
        about = About(opened, self.citizen.person, child)
        await self.desk.approve(filed.agency, current, results, about)
        self.issuers |= dict.fromkeys(await self.citizen.results(filed.id), filed.agency)
        self.say(f"decided; issued into the vault: {', '.join(results)}")

    async def read(self, filed: Filed) -> Mapping[str, Any]:
        """Take in and open the evidence; the values seen, by `concept@role`."""
        await self.desk.take_in(filed.agency, filed.dossier)
        opened = await self.desk.open_evidence(filed.agency, filed.dossier)
        if opened.log_indexes:
            places = await self._places(len(opened.log_indexes))
            self.say(f"read by the officer; access log {', '.join(map(str, places))}")
        return opened.values

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """What `look` finds as soon as it finds something; None when it never does. The platform's loops do their
        work between requests."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not (found := await look()):
            if asyncio.get_running_loop().time() > deadline:
                self.say(f"waited in vain: {what}")
                return None
            await asyncio.sleep(0.25)
        return found

    async def _places(self, count: int) -> list[int]:
        """Where the latest readings of her data stand in the sealed log."""

        async def sealed() -> list[int] | None:
            _, usage = await self.citizen.feed()
            latest = [one["logIndex"] for one in usage if one["kind"] == "vault.read"][:count]
            return sorted(latest) if None not in latest else None

        return await self.until("the log is sealed", sealed) or []

    def _tell_plan(self, dossier: Facts, brought: Sequence[str]) -> None:
        self.say(f"brought: {', '.join(brought) or 'nothing'}")
        for one in with_outcome(dossier, "REUSE", "FETCH", "PENDING_FETCH"):
            for evidence in one["evidence"]:
                document = evidence["document"]
                source = (
                    f"{document['type']} version {document['version']} ({document['origin'].lower()})"
                    if document
                    else evidence["register"]
                )
                basis = f" [{one['legalBasis']}]" if one["legalBasis"] else ""
                self.say(f"{one['outcome']}: {one['requirement']['documentType']} ← {source}{basis}")


def nothing_asked(filed: Filed) -> bool:
    return not filed.brought and not unmet(filed.dossier)
