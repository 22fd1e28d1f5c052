"""Another plot, drawn by lot from what the published catalogue allows and what the registers know of the person.

The steps play a drawn plot as they play the known one: nothing here is fitted to a step.
"""

import random
from collections.abc import AsyncIterator, Iterable
from datetime import date
from typing import Final

from sandbox.register_data import answer, answerable
from sandbox.story.browser import Stumbled
from sandbox.story.catalogue import Catalogue, Facts
from sandbox.story.citizen import Citizen, Wish, unmet
from sandbox.story.plot import Digitised, Issued, Kept, Plot, Waiting

OWN_ROLES: Final = frozenset(
    {
        "applicant",
        "filer",
        "buyer",
        "household_head",
        "land_user",
        "owner_of_dwelling",
        "vehicle_owner",
        "worker",
    }
    | {"land", "organisation", "premises", "works"}
)
"""Roles a person filing for nobody else fills alone."""


async def drawn_plot(seed: int, citizen: Citizen, catalogue: Catalogue, on: date) -> Plot:
    """Another plot for the person signed in; the same for the same seed, person and day."""
    draw = _Draw(random.Random(seed), citizen, catalogue, on)
    issued = await draw.issued()
    digitised = await draw.digitised(issued)
    kept = await draw.kept({issued.producer, issued.consumer, digitised.procedure})
    filed = {issued.producer, issued.consumer, digitised.procedure, kept.first, kept.second}
    waiting = await draw.waiting(filed, {digitised.paper})
    return Plot(citizen.person, digitised, issued, kept, waiting, draw.lot)


class _Draw:
    """One drawing: tries candidates in an order the lot decides and takes the first that can be filed."""

    def __init__(self, lot: random.Random, citizen: Citizen, catalogue: Catalogue, on: date) -> None:
        self.lot = lot
        self._citizen = citizen
        self._catalogue = catalogue
        self._on = on
        self._plans: dict[str, Facts] = {}
        self._reserved: set[str] = set()

    async def issued(self) -> Issued:
        for consumer in await self._shuffled():
            plan = await self._plan(consumer)
            for line in self._lines(plan, "SUPPLY", "FETCH", "SHOW"):
                asked = line["requirement"]
                if not self._stands_without(plan, asked):
                    continue
                async for producer, result in self._producers_of(asked):
                    if producer != consumer["slug"] and not _accepted(asked) & {*consumer["resultTypes"]} - {
                        result
                    }:
                        self._reserve(consumer["requirements"])
                        return Issued(producer, result, consumer["slug"], tuple(asked["registers"]))
        raise Stumbled("the catalogue has no procedure whose result another one asks for")

    async def digitised(self, issued: Issued) -> Digitised:
        coming = {
            result
            for slug in (issued.producer, issued.consumer)
            for result in (await self._catalogue.procedure(slug))["resultTypes"]
        }
        for procedure in await self._shuffled():
            if procedure["slug"] == issued.consumer or not await self._keeps_apart(
                procedure, issued.producer
            ):
                continue
            plan = await self._plan(procedure)
            for line in self._lines(plan, "SUPPLY", "FETCH"):
                asked = line["requirement"]
                papers = _accepted(asked)
                unfit = asked["minLevel"] < 2 or papers & {*coming, *procedure["resultTypes"]}
                if unfit or not self._others_stand(plan, asked):
                    continue
                for paper in self._shuffle(sorted(papers - self._reserved)):
                    if await self._can_be_scanned(paper):
                        self._reserve([asked])
                        return Digitised(paper, procedure["slug"], tuple(asked["registers"]))
        raise Stumbled("the catalogue has no paper an officer could digitise for a filing")

    async def kept(self, played: set[str]) -> Kept:
        everything = [one for one in await self._shuffled() if one["slug"] not in played]
        for first in everything:
            brought = {one["requirement"]["documentType"] for one in unmet(await self._plan(first))}
            if not brought or brought & self._reserved or not await self._keeps_apart(first):
                continue
            for second in everything:
                again = unmet(await self._plan(second))
                if second is first or not again or not self._all_mine(again):
                    continue
                if _covered(again, brought) and not self._reserved & {*second["resultTypes"]}:
                    return Kept(first["slug"], second["slug"])
        raise Stumbled("no two procedures of the catalogue ask for the same paper")

    async def _producers_of(self, asked: Facts) -> AsyncIterator[tuple[str, str]]:
        """Procedures the person can file whose result serves, with that result."""
        for producer in await self._shuffled():
            results = _accepted(asked) & {*producer["resultTypes"]}
            # Of two results that would both do, nobody could say beforehand which one serves.
            if len(results) == 1 and await self._can_supply(producer):
                yield producer["slug"], results.pop()

    async def _keeps_apart(self, procedure: Facts, but: str = "") -> bool:
        """Whether the person can file it, and none of its results stands in for a paper another part of the plot
        turns on."""
        rival = procedure["slug"] != but and self._reserved & {*procedure["resultTypes"]}
        return not rival and await self._can_supply(procedure)

    def _reserve(self, requirements: Iterable[Facts]) -> None:
        for one in requirements:
            self._reserved |= _accepted(one)

    async def waiting(self, filed: set[str], held: set[str]) -> Waiting:
        """Never for a paper she has by then: what is held waits for no register."""
        for slug in filed:
            held |= {*(await self._catalogue.procedure(slug))["resultTypes"]}
        for procedure in await self._shuffled():
            plan = await self._plan(procedure)
            if unmet(plan):
                continue
            for line in self._lines(plan, "FETCH"):
                asked = line["requirement"]
                off = tuple(asked["registers"])
                if self._is_known(asked) and not held & _accepted(asked):
                    return Waiting(procedure["slug"], off)
        raise Stumbled("no procedure of the catalogue reads a register")

    async def _can_be_scanned(self, document_type: str) -> bool:
        paper = await self._catalogue.paper(document_type)
        return bool(paper["depositable"] and not paper["caseBound"])

    async def _can_supply(self, procedure: Facts) -> bool:
        """Whether the person alone can bring everything the registers do not tell."""
        plan = await self._plan(procedure)
        if not self._all_mine(unmet(plan)):
            return False
        for one in unmet(plan):
            asked = one["requirement"]
            # A paper about another kind of thing cannot be brought for a thing new to the vault.
            if (await self._catalogue.paper_for(asked))["objectKind"] not in (asked["objectKind"], "PERSON"):
                return False
        return all(self._is_known(one["requirement"]) for one in self._lines(plan, "FETCH"))

    def _stands_without(self, plan: Facts, asked: Facts) -> bool:
        """Whether the filing asks nothing of the person but this, and waits for nothing when its registers are
        off."""
        missing = [one for one in unmet(plan) if one["requirement"]["id"] != asked["id"]]
        return not missing and self._others_stand(plan, asked)

    def _others_stand(self, plan: Facts, asked: Facts) -> bool:
        for one in self._lines(plan, "FETCH"):
            other = one["requirement"]
            if other["id"] != asked["id"] and not self._is_known(other, without=asked["registers"]):
                return False
        return True

    def _is_known(self, asked: Facts, without: tuple[str, ...] | list[str] = ()) -> bool:
        """Whether one of the requirement's registers has a paper of the person that serves."""
        types = _accepted(asked)
        return any(
            (record := answer(self._citizen.person, database, one, self._on)) is not None
            and record.outcome == "FOUND"
            for database in asked["registers"]
            if database not in without
            for one in sorted(types & answerable().get(database, frozenset()))
        )

    def _all_mine(self, lines: list[Facts]) -> bool:
        return all(
            one["requirement"]["subjectRole"] in OWN_ROLES and one["requirement"]["minLevel"] == 3
            for one in lines
        )

    def _lines(self, plan: Facts, *outcomes: str) -> list[Facts]:
        """Lines about the person's own papers, in an order of the lot's."""
        return self._shuffle(
            [
                one
                for one in plan["requirements"]
                if one["outcome"] in outcomes and one["requirement"]["subjectRole"] in OWN_ROLES
            ]
        )

    async def _plan(self, procedure: Facts) -> Facts:
        slug = procedure["slug"]
        if slug not in self._plans:
            self._plans[slug] = await self._citizen.plan(Wish(slug))
        return self._plans[slug]

    async def _shuffled(self) -> list[Facts]:
        return self._shuffle(sorted(await self._catalogue.procedures(), key=lambda one: str(one["slug"])))

    def _shuffle(self, things: list[Facts] | list[str]) -> list:  # type: ignore[type-arg]
        mixed = list(things)
        self.lot.shuffle(mixed)
        return mixed


def _accepted(requirement: Facts) -> set[str]:
    return {requirement["documentType"], *requirement["accepts"]}


def _covered(again: list[Facts], brought: set[str]) -> bool:
    return all(
        brought & {one["requirement"]["documentType"], *one["requirement"]["accepts"]} for one in again
    )
