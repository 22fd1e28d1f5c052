"""How many approvals wait for a person: others' filings and systems' requests, in one statement."""

from datetime import datetime

from sqlalchemy import func, select

from auth.assurance import SIGNED_IN
from auth.caller import Caller
from auth.policy import reach
from store.database import Tx
from vault.permission.views import REQUEST_LASTS, ConsentStatus
from vault.records import AccessRequest, Consent


async def count_waiting(tx: Tx, caller: Caller, most: int, now: datetime) -> int:
    """Up to `most`. Whoever signed in by one factor is told how many, not what: they were sent a notice of each."""
    subjects = reach(caller, SIGNED_IN).subjects
    filings = select(Consent.id).where(
        Consent.subject_id.in_(subjects),
        Consent.status == ConsentStatus.REQUESTED,
        Consent.requested_at > now - REQUEST_LASTS,
    )
    systems = select(AccessRequest.id).where(
        AccessRequest.subject_id.in_(subjects),
        AccessRequest.status == ConsentStatus.REQUESTED,
        AccessRequest.expires_at > now,
    )
    both = filings.limit(most).union_all(systems.limit(most)).subquery()
    found = await tx.scalar(select(func.count()).select_from(both))
    return min(found or 0, most)
