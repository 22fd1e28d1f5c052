"""The receiving desk: take a dossier in, refuse it, pass it to a specialist."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from auth.errors import NotFound
from auth.policy import Action, require
from auth.records import Officer
from dossiers.case import Case, Office, load_case, move_case
from dossiers.clock import due_date
from dossiers.filing import Change
from dossiers.notices import tell
from dossiers.state import Move
from store.database import Tx
from vault.keycare.shredding import shred_newborns
from vault.notes import Note, write_note


@dataclass(frozen=True, slots=True)
class Refusing:
    """Not taken in (form 03): the reason in words and the provision it rests on."""

    change: Change
    reason: str
    legal_basis: str


@dataclass(frozen=True, slots=True)
class Assignment:
    change: Change
    officer: UUID


async def receive_dossier(tx: Tx, caller: Caller, change: Change, office: Office, now: datetime) -> UUID:
    """Accept the dossier (form 01): the due date counts from this moment. Raises MoveNotAllowed, StaleVersion."""
    case = await _case(tx, caller, change, Action.RECEIVE_DOSSIER, office)
    await move_case(tx, case, Move.RECEIVE, caller, now)
    case.dossier.received_at = now
    due = due_date(now, case.procedure.time_limit, case.procedure.cutoff)
    case.dossier.due_on = due.on if due is not None else None
    await tell(tx, case, "received", now)
    return case.dossier.id


async def refuse_dossier(tx: Tx, caller: Caller, refusing: Refusing, office: Office, now: datetime) -> UUID:
    """Do not take the dossier in (status 3), with the reason and its provision for the person to read.

    A newborn that existed for this filing alone goes with it.
    """
    case = await _case(tx, caller, refusing.change, Action.REFUSE_DOSSIER, office)
    await move_case(tx, case, Move.REFUSE, caller, now)
    words = {"reason": refusing.reason, "legal_basis": refusing.legal_basis}
    note = Note(case.dossier.applicant_id, case.dossier.id, "refusal", words)
    await write_note(tx, note, office.safe, now)
    for row in case.evidence:
        row.revoked_at = row.revoked_at or now
    await tell(tx, case, "not_received", now)
    await tx.flush()
    await shred_newborns(tx, caller, case.dossier.id, now)
    return case.dossier.id


async def assign_dossier(
    tx: Tx, caller: Caller, assignment: Assignment, office: Office, now: datetime
) -> UUID:
    """Pass the dossier to a specialist of the same agency; processing begins (status 4).

    Raises NotFound for an officer of another agency, who looks the same as none.
    """
    case = await _case(tx, caller, assignment.change, Action.ASSIGN_DOSSIER, office)
    found = await tx.scalar(
        select(Officer.id).where(
            Officer.id == assignment.officer, Officer.agency_id == case.dossier.agency_id, Officer.active
        )
    )
    if found is None:
        raise NotFound
    await move_case(tx, case, Move.ASSIGN, caller, now)
    case.dossier.officer_id = assignment.officer
    await tell(tx, case, "processing", now)
    return case.dossier.id


async def _case(tx: Tx, caller: Caller, change: Change, action: Action, office: Office) -> Case:
    case = await load_case(tx, change.dossier, office, expected_version=change.expected_version)
    require(caller, action, case.facts)
    return case
