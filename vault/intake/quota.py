"""How much people may put into one vault themselves. What the State issues, certifies or answers never counts.

Counted by the database as versions come and go, so that asking costs one row however full a vault is, and held
while a paper enters, so that many at once do not each find the last place.
"""

from uuid import UUID

from sqlalchemy import Row, select, text

from store.database import Tx
from vault.errors import QuotaExceeded
from vault.records import VaultUsage
from vault.safe import Quota


async def check_room(tx: Tx, subject: UUID, size_bytes: int, quota: Quota) -> None:
    """Refuse at once what would not fit. Raises QuotaExceeded."""
    usage = select(VaultUsage.documents, VaultUsage.bytes).where(VaultUsage.subject_id == subject)
    _check((await tx.execute(usage)).one_or_none(), size_bytes, quota)


async def hold_room(tx: Tx, subject: UUID, size_bytes: int, quota: Quota) -> None:
    """Room for this paper, nobody else's until the transaction ends. Raises QuotaExceeded."""
    held = await tx.execute(text("SELECT * FROM hold_usage(:subject)"), {"subject": subject})
    _check(held.one_or_none(), size_bytes, quota)


def _check(used: Row[int, int] | None, size_bytes: int, quota: Quota) -> None:
    documents, taken = (used[0] or 0, used[1] or 0) if used is not None else (0, 0)
    if documents + 1 > quota.documents or taken + size_bytes > quota.bytes:
        raise QuotaExceeded((documents, taken), (quota.documents, quota.bytes))
