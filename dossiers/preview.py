"""What a filing would need, before anything is opened: a person's own guide to it.

Uses only what the caller may know (their own and their wards' papers) and the registers' health. Asks no
register, writes nothing, and tells nothing about anyone named by number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from auth.caller import Caller
from auth.errors import Unauthenticated
from auth.policy import Action, SubjectFacts, require
from dossiers.case import Office, procedure_of
from dossiers.clock import due_date, local_day
from dossiers.objects import ObjectChoice, chosen_objects
from dossiers.parties import Party
from dossiers.question import recorded_mandates
from procedures.law import Channel, Law, Procedure
from procedures.plan import Filing, Plan, Probe
from procedures.planner import plan
from store.database import Tx
from vault.documents import holdings
from vault.holding import Holding, Origin


@dataclass(frozen=True, slots=True)
class Question:
    procedure: str
    answers: Mapping[str, bool] = field(default_factory=dict)
    parties: tuple[Party, ...] = ()
    objects: tuple[ObjectChoice, ...] = ()
    on_behalf_of: UUID | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    procedure: Procedure
    law: Law
    plan: Plan
    due_on: date | None
    holdings: Mapping[UUID, Holding]
    """By version: what the plan's evidence names."""


async def plan_filing(
    tx: Tx, caller: Caller, question: Question, health: Mapping[str, Probe], office: Office, now: datetime
) -> Preview:
    """The plan of a filing as of `on` (default: today).

    Raises Unauthenticated, NotFound for officers and for a foreign subject, ProcedureUnknown.
    """
    applicant = question.on_behalf_of or caller.principal
    require(caller, Action.PLAN_FILING, SubjectFacts(applicant))
    if applicant is None or caller.id is None:
        raise Unauthenticated
    day = question.on or local_day(now)
    law = office.laws.on(day)
    procedure = procedure_of(law, question.procedure)
    own = sorted(caller.subjects)
    held = await holdings(tx, own)
    filing = Filing(
        procedure=procedure,
        on=day,
        channel=Channel.ONLINE,
        parties=_parties(caller, question.parties, applicant=applicant, filer=caller.id),
        holdings=tuple(one for one in held if one.origin is not Origin.REGISTER),
        filer_relation=caller.represented.get(applicant, "self"),
        answers=question.answers,
        objects=await chosen_objects(tx, caller, question.objects),
        askable=frozenset(own),
        mandates=recorded_mandates(procedure) if applicant != caller.id else frozenset(),
        health=health,
        sensitivity={one.id: one.sensitivity for one in law.concepts.values()},
        broader={one.id: one.broader for one in law.concepts.values() if one.broader is not None},
        attests={
            kind.id: frozenset(str(claim) for claim in kind.claims) for kind in law.document_types.values()
        },
    )
    due = due_date(now, procedure.time_limit, procedure.cutoff)
    return Preview(
        procedure, law, plan(filing), due.on if due is not None else None, {one.version: one for one in held}
    )


def _parties(
    caller: Caller, named: tuple[Party, ...], *, applicant: UUID, filer: UUID
) -> dict[str, tuple[UUID, ...]]:
    """Somebody named by number alone stays unknown here: whether a number exists is told to nobody."""
    parties: dict[str, tuple[UUID, ...]] = {"applicant": (applicant,), "filer": (filer,)}
    for party in named:
        if party.subject is not None and party.subject in caller.subjects:
            parties[party.role] = (*parties.get(party.role, ()), party.subject)
    return parties
