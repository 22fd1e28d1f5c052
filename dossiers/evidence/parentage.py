"""Who is whose parent, on the population database's word: the proof a parent needs to act for their child.

A parent types the child's number. Nothing the register says of the child is kept or shown unless it names the
caller as a parent by number, and a refusal never says which part of the proof failed.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from auth.caller import Caller
from auth.errors import GuardianNotProven
from auth.mandates import ParentEvidence
from auth.mandates import recognise_guardian as record_guardian
from auth.policy import Action, require
from auth.tries import Asking
from connectors.registers import Registers
from dossiers.case import Office
from dossiers.proxies.proving import Claimed, Ground, Question, ask, note_asking
from procedures.plan import Probe
from store.database import Tx
from vault.deposits import LEVELS
from vault.holding import Origin
from vault.subjects import PERSON, Profile, enrol, find_by_number

PARENTS: Final = Ground(
    asking=Asking.GUARDIAN,
    database="csdl-quoc-gia-dan-cu",
    paper="the-can-cuoc",
    digits=12,
    purpose="mandate:guardian",
    article="Luật Căn cước số 26/2023/QH15, Điều 9",
)
"""The population database keeps the numbers of a person's parents."""


async def note_question(tx: Tx, caller: Caller, number: str, office: Office, now: datetime) -> None:
    """Count and log, before the register is asked, that the caller asks about this child.

    Raises AccessDenied, GuardianNotProven for what is no number of a person, TriesSpent.
    """
    require(caller, Action.RECOGNISE_GUARDIAN)
    question = Question(PARENTS, number)
    if not question.is_sound:
        raise GuardianNotProven("child")
    await note_asking(tx, caller.actor, question, office, now)


async def ask_parents(registers: Registers, number: str) -> Claimed:
    """What the register has of the child with this number. Raises RegisterSilent: down is not "no"."""
    return await ask(registers, Question(PARENTS, number))


async def recognise_guardian(tx: Tx, caller: Caller, claimed: Claimed, office: Office, now: datetime) -> UUID:
    """Let the caller act for the child the answer is about; returns the child's subject, enrolled if need be.

    Raises GuardianNotProven for whatever is lacking.
    """
    require(caller, Action.RECOGNISE_GUARDIAN)
    profile, answer = _child(claimed), claimed.answer
    parents = [
        await find_by_number(tx, str(parent), office.safe)
        for role in ("father", "mother")
        if (parent := answer.claims.get(f"person.personal_id_number@{role}"))
    ]
    if caller.id not in parents or profile.born is None:
        raise GuardianNotProven("parent")
    child = await enrol(tx, profile, office.safe, now)
    evidence = ParentEvidence(
        source=f"register:{answer.answer_id}",
        child=child,
        born=profile.born,
        parents=frozenset(one for one in parents if one is not None),
        level=LEVELS[Origin.REGISTER],
    )
    await record_guardian(tx, caller, child, evidence, now)
    return child


def _child(claimed: Claimed) -> Profile:
    """Raises GuardianNotProven unless the answer is about this number and says who that is."""
    number, answer = claimed.number, claimed.answer
    if answer.probe != Probe.FOUND or answer.claims.get("person.personal_id_number@holder") != number:
        raise GuardianNotProven("child")
    return Profile(PERSON, str(answer.claims.get("person.full_name@holder")), number, _born(answer.claims))


def _born(claims: Mapping[str, Any]) -> date | None:
    try:
        return date.fromisoformat(str(claims.get("person.date_of_birth@holder")))
    except ValueError:
        return None
