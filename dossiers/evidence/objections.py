"""A person objects to being asked again: to an officer's refused ask, an override, or a version called unfit."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from auth.caller import Caller
from auth.policy import Action, require
from dossiers.case import Office, load_case, record_event
from dossiers.errors import NothingToObjectTo
from dossiers.records import DossierAsk, DossierEvent, DossierOverride
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.notes import Note, write_note


@dataclass(frozen=True, slots=True)
class Objection:
    dossier: UUID
    requirement: str
    text: str = field(repr=False)


async def object_to_ask(tx: Tx, caller: Caller, objection: Objection, office: Office, now: datetime) -> UUID:
    """Keep the objection with what it is about; it is logged and the agency reads it with the dossier.

    Raises NothingToObjectTo, NotFound.
    """
    case = await load_case(tx, objection.dossier, office)
    require(caller, Action.OBJECT_TO_ASK, case.facts)
    if not await _objectionable(tx, objection):
        raise NothingToObjectTo(objection.requirement)
    await tx.execute(
        update(DossierOverride)
        .where(
            DossierOverride.dossier_id == objection.dossier,
            DossierOverride.requirement == objection.requirement,
        )
        .values(objected_at=now)
    )
    note = Note(case.dossier.applicant_id, new_id(), "objection", objection.text)
    await write_note(tx, note, office.safe, now)
    detail = {"note": str(note.owner_ref)}
    record_event(tx, case, "objected", caller, now, requirement=objection.requirement, detail=detail)
    entry = ledger.Entry(
        kind="dossier.objected",
        subject_id=case.dossier.applicant_id,
        outcome="SUCCESS",
        purpose=case.purpose,
        legal_basis="OWN_REQUEST",
        dossier_id=case.dossier.id,
        requirement=objection.requirement,
    )
    await ledger.record(tx, caller.actor, entry, now)
    return objection.dossier


async def _objectionable(tx: Tx, objection: Objection) -> bool:
    refused = select(DossierEvent.id).where(
        DossierEvent.dossier_id == objection.dossier,
        DossierEvent.requirement == objection.requirement,
        DossierEvent.kind.in_(("refused_ask", "override")),
    )
    unfit = select(DossierAsk.id).where(
        DossierAsk.dossier_id == objection.dossier,
        DossierAsk.requirement == objection.requirement,
        DossierAsk.fit == "UNFIT",
    )
    return await tx.scalar(refused.limit(1)) is not None or await tx.scalar(unfit.limit(1)) is not None
