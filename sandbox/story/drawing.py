"""Another plot, drawn by lot from what the published catalogue allows and what the registers know of the person.

The steps play a drawn plot as they play the known one: nothing here is fitted to a step.
"""

import random
from collections.abc import AsyncIterator
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
    waiting = await draw.waiting({issued.result, digitised.paper})
    return Plot(citizen.person, digitised, issued, kept, waiting, draw.lot)


class _Draw:
    """One drawing: tries candidates in an order the lot decides and takes the first that can be filed."""

    def __init__(self, lot: random.Random, citizen: Citizen, catalogue: Catalogue, on: date) -> None:
        self.lot = lot
        self._citizen = citizen
        self._catalogue = catalogue
        self._on = on
        self._plans: dict[str, Facts] = {}

    async def issued(self) -> Issued:
        for consumer in await self._shuffled():
            plan = await self._plan(consumer)
            for line in self._lines(plan, "SUPPLY", "FETCH", "SHOW"):
                asked = line["requirement"]
                if self._stands_without(plan, asked):
                    async for producer, result in self._producers_of(asked):
                        if producer != consumer["slug"]:
                            return Issued(producer, result, consumer["slug"], tuple(asked["registers"]))
        raise Stumbled("the catalogue has no procedure whose result another one asks for")

    async def _producers_of(self, asked: Facts) -> AsyncIterator[tuple[str, str]]:
        """Procedures the person can file whose result serves, with that result."""
        for producer in await self._shuffled():
            results = set(producer["resultTypes"]) & {asked["documentType"], *asked["accepts"]}
            # Of two results that would both do, nobody could say beforehand which one serves.
            if len(results) == 1 and await self._can_supply(producer):
                yield producer["slug"], results.pop()

    async def digitised(self, issued: Issued) -> Digitised:
        """Never a paper that would also serve where the issued result is to, nor the other way round."""
        spoken_for = await self._accepted_by(issued.consumer)
        results = {
            result
            for slug in (issued.producer, issued.consumer)
            for result in (await self._catalogue.procedure(slug))["resultTypes"]
        }
        for procedure in await self._shuffled():
            if procedure["slug"] == issued.consumer or not await self._can_supply(procedure):
                continue
            coming = results | set(procedure["resultTypes"])
            plan = await self._plan(procedure)
            for line in self._lines(plan, "SUPPLY", "FETCH"):
                asked = line["requirement"]
                papers = [asked["documentType"], *asked["accepts"]]
                if asked["minLevel"] < 2 or coming & set(papers) or not self._others_stand(plan, asked):
                    continue
                for paper in self._shuffle(papers):
                    if paper not in spoken_for and await self._can_be_scanned(paper):
                        return Digitised(paper, procedure["slug"], tuple(asked["registers"]))
        raise Stumbled("the catalogue has no paper an officer could digitise for a filing")

    async def kept(self, played: set[str]) -> Kept:
        everything = await self._shuffled()
        for first in everything:
            if first["slug"] in played or not await self._can_supply(first):
                continue
            brought = {one["requirement"]["documentType"] for one in unmet(await self._plan(first))}
            for second in everything:
                if second["slug"] in played | {first["slug"]} or not brought:
                    continue
                again = unmet(await self._plan(second))
                if again and self._all_mine(again) and _covered(again, brought):
                    return Kept(first["slug"], second["slug"])
        raise Stumbled("no two procedures of the catalogue ask for the same paper")

    async def waiting(self, held: set[str]) -> Waiting:
        for procedure in await self._shuffled():
            plan = await self._plan(procedure)
            if unmet(plan):
                continue
            for line in self._lines(plan, "FETCH"):
                asked = line["requirement"]
                off = tuple(asked["registers"])
                if self._is_known(asked) and not held & {asked["documentType"], *asked["accepts"]}:
                    return Waiting(procedure["slug"], off)
        raise Stumbled("no procedure of the catalogue reads a register")

    async def _can_be_scanned(self, document_type: str) -> bool:
        paper = await self._catalogue.paper(document_type)
        return bool(paper["depositable"] and not paper["caseBound"])

    async def _can_supply(self, procedure: Facts) -> bool:
        """Whether the person alone can bring everything the registers do not tell."""
        plan = await self._plan(procedure)
        return self._all_mine(unmet(plan)) and all(
            self._is_known(one["requirement"]) for one in self._lines(plan, "FETCH")
        )

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
        types = {asked["documentType"], *asked["accepts"]}
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

    async def _accepted_by(self, slug: str) -> set[str]:
        procedure = await self._catalogue.procedure(slug)
        return {one for each in procedure["requirements"] for one in (each["documentType"], *each["accepts"])}

    async def _shuffled(self) -> list[Facts]:
        return self._shuffle(sorted(await self._catalogue.procedures(), key=lambda one: str(one["slug"])))

    def _shuffle(self, things: list[Facts] | list[str]) -> list:  # type: ignore[type-arg]
        mixed = list(things)
        self.lot.shuffle(mixed)
        return mixed


def _covered(again: list[Facts], brought: set[str]) -> bool:
    return all(
        brought & {one["requirement"]["documentType"], *one["requirement"]["accepts"]} for one in again
    )
