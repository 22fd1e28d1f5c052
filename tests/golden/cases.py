"""The questions the golden table asks: in which world, and filed how. Imports nothing of the product."""

from dataclasses import dataclass
from datetime import date

ORDINARY_DAY = date(2026, 12, 1)
AFTER_THE_RESOLUTION = date(2027, 3, 1)
"""Resolution 66.7/2025 ends on 28/02/2027."""


@dataclass(frozen=True, slots=True)
class World:
    """What the vaults hold and which State databases answer, on one day.

    `up`: the databases that answer, None for all. `only`: a mini-world in which that paper type alone is held, by
    everyone, as an issued original. `entry`: the only paper type any database has an entry of, None for all.
    """

    name: str
    on: date
    held: bool
    up: frozenset[str] | None = None
    only: str | None = None
    entry: str | None = None

    def answers(self, database: str) -> bool:
        return self.up is None or database in self.up

    def has_entry(self, paper: str) -> bool:
        return self.entry is None or paper == self.entry


WORLDS = (
    World("nothing held", ORDINARY_DAY, held=False),
    World("everything held", ORDINARY_DAY, held=True),
    World("everything held, registers down", ORDINARY_DAY, held=True, up=frozenset()),
    World("everything held on 2027-03-01", AFTER_THE_RESOLUTION, held=True),
)
Grounded = tuple[str, frozenset[str]]
"""An outcome and the ids of the rules of law it rests on; none where the paper itself is used or asked for."""

DAYS = (ORDINARY_DAY, AFTER_THE_RESOLUTION)


def only_paper(paper: str) -> tuple[World, ...]:
    """Mini-worlds in which a rule letting `paper` stand in shows, though the four worlds hold something better."""
    return tuple(World(f"only {paper} on {on}", on, False, frozenset(), paper) for on in DAYS)


def only_register(database: str, paper: str | None = None) -> tuple[World, ...]:
    """Mini-worlds in which a rule letting `database` answer (with `paper`) shows, though another would serve."""
    up = frozenset({database})
    return tuple(World(f"only {paper} in {database} on {on}", on, False, up, entry=paper) for on in DAYS)


@dataclass(frozen=True, slots=True)
class Case:
    """How one filing differs from the base: online, by the applicant, every situation answered no.

    Where the answer no would declare that a paper of a higher rank does not exist, the base answers yes.
    """

    label: str = "base"
    yes: frozenset[str] = frozenset()
    in_person: bool = False
    filer: str = "self"
    absent: frozenset[str] = frozenset()
    """Components (full ids) whose paper the person declares not to exist; registers that answer have no entry."""
