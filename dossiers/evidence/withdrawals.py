"""A consent withdrawn in mid-dossier: what stood on it goes; the dossier asks and finds itself no other basis."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from dossiers.case import Office, load_case, move_case, record_event
from dossiers.duties.erasures import demand_erasure
from dossiers.evidence.asks import open_supplement_asks
from dossiers.evidence.supplements import replan_reopened
from dossiers.notices import tell_filer
from dossiers.records import Dossier
from dossiers.state import LIVE, Move, Status, resume_state
from procedures.reasons import Code
from store import outbox
from store.database import Tx
from vault.permission import consent
from vault.permission.erasure import Cause


async def withdraw_consent(tx: Tx, caller: Caller, consent_id: UUID, office: Office, now: datetime) -> UUID:
    """Withdraw; whatever live dossier stood on it stops and asks, and its recipient is asked to erase what it kept.
    Acknowledged when the transaction commits.

    A person who is party to somebody else's dossier cannot see it: its move then follows through the outbox.
    Raises NotFound, ConsentSettled.
    """
    dossier_id = (await consent.consent(tx, caller, consent_id, now)).purpose_ref
    # The dossier is locked before the consent, as in every other use case, so that two of them never deadlock.
    found = select(Dossier.id).where(Dossier.id == dossier_id).with_for_update()
    visible = dossier_id is not None and await tx.scalar(found) is not None
    await consent.withdraw_consent(tx, caller, consent_id, now)
    await demand_erasure(tx, caller, consent_id, Cause.WITHDRAWN, now)
    if dossier_id is not None and visible:
        await lose_basis(tx, caller, dossier_id, consent_id, office, now)
    elif dossier_id is not None:
        payload = {"dossier": str(dossier_id), "consent": str(consent_id)}
        await outbox.put(tx, "consent.withdrawn", payload, now)
    return consent_id


async def lose_basis(
    tx: Tx, caller: Caller, dossier_id: UUID, consent_id: UUID, office: Office, now: datetime
) -> None:
    """Take the evidence away that stood on a withdrawn consent; a dossier under way goes to supplement status.

    The digest of what was seen stays with the dossier, the content does not.
    """
    case = await load_case(tx, dossier_id, office)
    lost = [row for row in case.evidence if row.consent_id == consent_id and row.revoked_at is None]
    for row in lost:
        row.revoked_at = now
        requirement = case.requirements[row.requirement]
        requirement.satisfied, requirement.reason_params = False, {}
        requirement.reason = Code.CONSENT_WITHDRAWN.value
        record_event(tx, case, "consent_withdrawn", caller, now, requirement=row.requirement)
    if not lost or case.status not in LIVE:
        return
    await replan_reopened(tx, case, await open_supplement_asks(tx, case))
    if case.status is not Status.SUPPLEMENT_REQUESTED:
        case.dossier.resume_status = resume_state(case.status)
        await move_case(tx, case, Move.ASK, caller, now, why="consent_withdrawn")
    await tell_filer(tx, case.dossier, "basis_lost", now)
