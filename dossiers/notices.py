"""What a person is told, and when: a row they read in the portal and a message sent after commit.

A notice is a code with parameters that name no one; its words are chosen by whoever shows it. Messages leave
through the outbox with the notice's id alone, so no personal data travels further than it must.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import SubjectFacts
from auth.policy import Action, require
from auth.proxies.granting import PROXY, follows
from dossiers.case import Case
from dossiers.records import Dossier, Notice
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


async def tell(tx: Tx, case: Case, code: str, now: datetime) -> None:
    """Tell the filer, and whoever follows the dossier from outside, where it stands now: ids, and this code."""
    dossier = case.dossier
    moved = {
        "dossier": str(dossier.id),
        "agency": str(dossier.agency_id),
        "version": dossier.version,
        "code": code,
        "at": now.isoformat(),
    }
    await outbox.put(tx, "dossier.status", moved, now)
    await tell_filer(tx, dossier, code, now)


async def tell_filer(
    tx: Tx, dossier: Dossier, code: str, now: datetime, params: Mapping[str, str] | None = None
) -> None:
    """Tell whoever filed it. What somebody authorised filed is told to whose it is, and to them while they still may
    file in that person's place."""
    told = [dossier.filer_id]
    if dossier.filer_relation == PROXY:
        told = [dossier.applicant_id, *(told if await follows(tx, dossier.id, now) else ())]
    for one in told:
        await notify(tx, one, code, now, dossier=dossier.id, params=params)


async def tell_of_upload(tx: Tx, person: UUID, infected: bool, now: datetime) -> None:
    """Whoever sent a file that waited in quarantine, or was destroyed there, hears how it ended. For the loops."""
    if infected:
        await notify(tx, person, "upload_infected", now)
    else:
        await notify(tx, person, "upload_clean", now)


async def mark_read(tx: Tx, caller: Caller, notices: Sequence[UUID], now: datetime) -> None:
    """These need no attention any more, for nobody who sees them; marked once they stay so.

    Raises NotFound when one of them is not the caller's or their ward's: then none is marked.
    """
    rows = await tx.execute(select(Notice.id, Notice.subject_id).where(Notice.id.in_(notices)))
    found = {row.id: row.subject_id for row in rows}
    if found.keys() != set(notices):
        raise NotFound
    for subject in set(found.values()):
        require(caller, Action.MARK_NOTICES, SubjectFacts(subject))
    await tx.execute(
        update(Notice).where(Notice.id.in_(notices), Notice.read_at.is_(None)).values(read_at=now)
    )
