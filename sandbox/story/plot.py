"""Who plays and what is filed: the plot everybody knows. `sandbox.story.drawing` draws others by lot."""

import random
from dataclasses import dataclass
from typing import Final

from sandbox.people import PEOPLE, Person

POPULATION: Final = ("csdl-quoc-gia-dan-cu", "he-thong-dinh-danh-vneid", "csdl-cu-tru")
"""The population register and the two systems that read from it."""


@dataclass(frozen=True, slots=True)
class Digitised:
    """A paper scanned once at the counter, the filing it serves, and the databases that are off meanwhile."""

    paper: str
    procedure: str
    off: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """A result of one procedure that another asks for; `off`: databases that could have told the same."""

    producer: str
    result: str
    consumer: str
    off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """Two procedures that ask for the same papers of the person's own."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A filing that must wait while these databases are down."""

    procedure: str
    off: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    person: Person
    digitised: Digitised
    issued: Issued
    kept: Kept
    waiting: Waiting
    lot: random.Random
    """Decides what is left open: which of several competent agencies, which claims are shown."""


FAMILIES: Final = tuple(person for person in PEOPLE if person.newborn)
"""Who can play: each has a parcel, a stall and a child about to be registered."""


def known_plot(person: Person) -> Plot:
    """The ten steps as once-only.md tells them."""
    return Plot(
        person=person,
        digitised=Digitised("gcn-quyen-su-dung-dat", "1.013225", ("csdl-quoc-gia-dat-dai",)),
        issued=Issued("1.013225", "giay-phep-xay-dung", "1.013227"),
        kept=Kept("1.013855", "2.000591"),
        waiting=Waiting("3.000333", POPULATION),
        lot=random.Random(0),  # a lot, not a secret
    )
