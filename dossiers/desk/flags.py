"""A paper was revoked: every dossier still being worked on that relies on it is flagged, of whichever agency."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from dossiers.case import Office, load_case, record_event, touch
from dossiers.notices import tell_filer
from dossiers.parties import Filed
from dossiers.records import Dossier, DossierEvent, DossierEvidence
from dossiers.state import LIVE
from store import outbox
from store.database import Tx

FLAGGED = "evidence_revoked"


async def reliant_dossiers(tx: Tx, document: UUID) -> list[Filed]:
    """Live dossiers with live evidence of the document. For the loops' role: it sees ids and nothing else."""
    found = await tx.execute(
        select(Dossier.id, Dossier.filer_id, Dossier.applicant_id)
        .where(
            Dossier.status.in_(LIVE),
            Dossier.id.in_(
                select(DossierEvidence.dossier_id).where(
                    DossierEvidence.document_id == document, DossierEvidence.revoked_at.is_(None)
                )
            ),
        )
        .order_by(Dossier.id)
    )
    return [Filed(row.id, row.filer_id, row.applicant_id) for row in found]


async def flag_reliant(
    tx: Tx, caller: Caller, dossier: UUID, document: UUID, office: Office, now: datetime
) -> None:
    """Flag one dossier, in its filer's name; flagging it again for the same document changes nothing.

    The agency decides what follows: the evidence stays pinned, but the vault opens it for nobody any more.
    """
    case = await load_case(tx, dossier, office)
    relied = [row for row in case.evidence if row.document_id == document and row.revoked_at is None]
    if not relied or case.status not in LIVE or await _is_flagged(tx, dossier, document):
        return
    case.dossier.flagged_at = now
    for row in relied:
        detail = {"document": str(document)}
        record_event(tx, case, FLAGGED, caller, now, requirement=row.requirement, detail=detail)
    touch(case)
    await tell_filer(tx, case.dossier, FLAGGED, now)
    await outbox.put(tx, "dossier.status", {"dossier": str(dossier)}, now)


async def _is_flagged(tx: Tx, dossier: UUID, document: UUID) -> bool:
    told = select(DossierEvent.id).where(
        DossierEvent.dossier_id == dossier,
        DossierEvent.kind == FLAGGED,
        DossierEvent.detail["document"].astext == str(document),
    )
    return await tx.scalar(told.limit(1)) is not None
