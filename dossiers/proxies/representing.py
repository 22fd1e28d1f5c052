"""Who represents a company, on the business register's word: the proof a director needs to act for it.

A person types the company's number. Nothing the register says of it is kept or shown unless it names them, by number,
as a legal representative; a refusal never says which part of the proof failed. Of a cooperative the register gives a
name alone, which proves nobody; a household business is no person of its own: its papers are its owner's.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from auth.caller import Caller
from auth.errors import RepresentativeNotProven
from auth.policy import Action, require
from auth.proxies import representing
from auth.proxies.representing import Registration
from auth.tries import Asking
from connectors.registers import Answer, Registers
from dossiers.case import Office
from dossiers.notices import notify
from dossiers.proxies.proving import Claimed, Ground, Question, ask, note_asking
from procedures.plan import Probe
from store.database import Tx
from vault.subjects import ORGANISATION, Profile, enrol, find_by_number

REGISTRATION: Final = Ground(
    asking=Asking.ORGANISATION,
    database="csdl-quoc-gia-dang-ky-doanh-nghiep",
    paper="gcn-dang-ky-doanh-nghiep",
    digits=10,
    purpose="mandate:representative",
    article="Luật Doanh nghiệp số 59/2020/QH14, Điều 33",
)
"""Anybody may ask the register who represents a company."""


async def note_question(tx: Tx, caller: Caller, number: str, office: Office, now: datetime) -> None:
    """Count and log, before the register is asked, that the caller asks about this company.

    Raises AccessDenied, RepresentativeNotProven for what is no company's number, TriesSpent.
    """
    require(caller, Action.RECOGNISE_REPRESENTATIVE)
    question = Question(REGISTRATION, number)
    if not question.is_sound:
        raise RepresentativeNotProven("organisation")
    await note_asking(tx, caller.actor, question, office, now)


async def ask_registration(registers: Registers, number: str) -> Claimed:
    """What the register has of the company with this number. Raises RegisterSilent: down is not "no"."""
    return await ask(registers, Question(REGISTRATION, number))


async def recognise_representative(
    tx: Tx, caller: Caller, claimed: Claimed, office: Office, now: datetime
) -> UUID:
    """Let the caller act for the company the answer is about; returns its subject, enrolled if need be.

    Who represents it is told, and so is whom the register names no longer.

    Raises RepresentativeNotProven for whatever is lacking.
    """
    require(caller, Action.RECOGNISE_REPRESENTATIVE)
    profile, answer = _company(claimed), claimed.answer
    named = [await find_by_number(tx, number, office.safe) for number in _representatives(answer)]
    if caller.id is None or caller.id not in named:
        raise RepresentativeNotProven("representative")
    company = await enrol(tx, profile, office.safe, now)
    registration = Registration(
        source=f"register:{answer.answer_id}",
        organisation=company,
        representatives=frozenset(one for one in named if one is not None),
    )
    replaced = await representing.recognise_representative(tx, caller, registration, now)
    await notify(tx, company, "representative_recognised", now)
    for former in replaced:
        await notify(tx, former, "representative_replaced", now)
    return company


def _company(claimed: Claimed) -> Profile:
    """Raises RepresentativeNotProven unless the answer is about this number and says what it is called."""
    number, claims = claimed.number, claimed.answer.claims
    about = claims.get("organisation.enterprise_code@organisation")
    name = claims.get("organisation.name@organisation")
    if claimed.answer.probe != Probe.FOUND or about != number or not isinstance(name, str):
        raise RepresentativeNotProven("organisation")
    return Profile(ORGANISATION, name, number)


def _representatives(answer: Answer) -> tuple[str, ...]:
    """Numbers of one or of several: a company may have more than one (Law on Enterprises 2020, Article 12.2)."""
    said = answer.claims.get("person.identity_document_number@legal_representative")
    return tuple(str(one) for one in (said if isinstance(said, list) else [said]) if one)
