"""A wrong document: the person disputes a claim, planning drops it at once, its source is asked to correct it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from auth.caller import Caller
from dossiers.case import Office
from dossiers.notices import notify
from store import outbox
from store.database import Tx
from vault.documents import Dispute, dispute_claim
from vault.holding import Origin


@dataclass(frozen=True, slots=True)
class Correction:
    document: UUID
    claim: str
    reason: str = field(repr=False)
    replacement: UUID | None = None


async def correct_claim(
    tx: Tx, caller: Caller, correction: Correction, office: Office, now: datetime
) -> UUID:
    """Dispute the claim and, for a paper the State issued, certified or answered, open a correction there.

    Resolution 66.7/2025, Article 2: who finds data wrong has them corrected at their source. Raises NotFound,
    ClaimUnknown, DocumentNotUsable, ReplacementRefused.
    """
    dispute = Dispute(correction.document, correction.claim, correction.reason, correction.replacement)
    holding = await dispute_claim(tx, caller, dispute, office.safe, now)
    if holding.origin is not Origin.SELF:
        payload = {"document": str(holding.document), "type": holding.type, "claim": correction.claim}
        await outbox.put(tx, "correction.requested", payload, now)
        await notify(tx, holding.subject, "correction_opened", now, params={"type": holding.type})
    return holding.document
