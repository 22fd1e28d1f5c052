"""Asking a register by what right somebody acts for another: a child's parent, a company's representative.

In three steps: the question is counted and logged, the register is asked outside of any transaction, and what it said
is judged by whose question it was.
"""

from dataclasses import dataclass, field
from datetime import datetime

from auth.tries import Asking, note_try
from connectors.registers import Answer, RegisterQuery, Registers
from dossiers.case import Office
from dossiers.errors import RegisterSilent
from procedures.plan import Probe
from store import ledger
from store.database import Actor, Tx
from vault.subjects import find_by_number, number_index


@dataclass(frozen=True, slots=True)
class Ground:
    """What proves such a right: which paper of which database, kept under a number of so many digits."""

    asking: Asking
    database: str
    paper: str
    digits: int
    purpose: str
    article: str


@dataclass(frozen=True, slots=True)
class Question:
    """About whom the register is asked: a number as somebody typed it."""

    ground: Ground
    number: str = field(repr=False)

    @property
    def is_sound(self) -> bool:
        return len(self.number) == self.ground.digits and self.number.isascii() and self.number.isdigit()


@dataclass(frozen=True, slots=True)
class Claimed:
    """That number, and what the register answered about it."""

    number: str = field(repr=False)
    answer: Answer


async def note_asking(tx: Tx, actor: Actor, question: Question, office: Office, now: datetime) -> None:
    """Count and log, before the register is asked, that the actor asks it this. Raises TriesSpent."""
    ground, number = question.ground, question.number
    await note_try(tx, ground.asking, number_index(number, office.safe), now)
    entry = ledger.Entry(
        kind="register.asked",
        subject_id=await find_by_number(tx, number, office.safe),
        outcome="ASKED",
        purpose=ground.purpose,
        legal_basis="LEGAL_DUTY",
        article=ground.article,
        reason=ground.database,
    )
    await ledger.record(tx, actor, entry, now)


async def ask(registers: Registers, question: Question) -> Claimed:
    """What the register has under this number. Raises RegisterSilent: down is not "no"."""
    ground, number = question.ground, question.number
    (answer,) = await registers.ask_all(
        [RegisterQuery(ground.database, ground.paper, number, ground.purpose)]
    )
    if answer.probe == Probe.DOWN:
        raise RegisterSilent(ground.database)
    return Claimed(number, answer)
