"""What a person is told, and when: a row they read in the portal and a message sent after commit.

A notice is a code with parameters that name no one; its words are chosen by whoever shows it. Messages leave
through the outbox with the notice's id alone, so no personal data travels further than it must.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from dossiers.records import Notice
from store import outbox
from store.database import Tx
from store.identifiers import new_id


async def notify(
    tx: Tx,
    subject: UUID,
    code: str,
    now: datetime,
    *,
    dossier: UUID | None = None,
    params: Mapping[str, str] | None = None,
) -> None:
    """Tell `subject`, within the transaction of what it tells."""
    notice = Notice(
        id=new_id(), subject_id=subject, dossier_id=dossier, code=code, params=dict(params or {}), at=now
    )
    tx.add(notice)
    await outbox.put(tx, "notice", {"notice": str(notice.id)}, now)
