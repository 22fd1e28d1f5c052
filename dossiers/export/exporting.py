"""Everything kept about one person as one file: asked for, begun once, and put together while it is sent.

It is written down and its person told before the first byte, in one transaction. After that no transaction is held
while bytes wait for whoever reads them. Every few seconds it is asked again whether the session still stands and
whoever acts for somebody still may: a person who is told of an export they did not ask for stops it by ending that
session.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from auth.caller import Caller
from auth.errors import Unauthenticated
from auth.mandates import standing_of
from auth.policy import Action, SubjectFacts, require
from auth.sessions import own_sessions
from dossiers.case import Office
from dossiers.export.making import Export, Making, Workshop
from dossiers.notices import notify
from store import ledger
from store.database import Tx
from vault.permission.tickets import spend_export_ticket

NOTICE: Final = "data_exported"
JUDGED_EACH: Final = timedelta(seconds=5)
"""How long whoever reads may go on before it is asked again whether they may."""
LONGEST: Final = timedelta(hours=6)
"""Of one export. Half a session: nobody reads on for days by reading slowly."""


async def begin_export(
    tx: Tx, caller: Caller, export: UUID, ticket: str, office: Office, now: datetime
) -> Export:
    """Spend the ticket, write the export down, tell its person. Only after COMMIT may a byte of it leave.

    Raises NotFound for a ticket that opens nothing (any more, here, for this caller), AccessDenied, StepUpRequired.
    """
    subject = await spend_export_ticket(tx, caller, export, ticket, office.safe, now)
    entry = ledger.Entry(
        kind="data.exported", subject_id=subject, outcome="SUCCESS", purpose="export", legal_basis="OWN"
    )
    await ledger.record(tx, caller.actor, entry, now)
    await notify(tx, subject, NOTICE, now)
    return Export(caller, subject, now)


async def stream_export(export: Export, workshop: Workshop) -> AsyncGenerator[bytes, None]:
    """The file from its first byte to its last. Memory does not grow with what it holds, but for a line a paper in
    its directory and manifest.

    Raises Unauthenticated or NotFound once the caller may no longer have it, and whatever else ends it early; what
    was given out then is no ZIP.
    """
    making, judged_at = Making(export, workshop), workshop.clock()
    try:
        async with aclosing(making.pieces()) as pieces:
            async for piece in pieces:
                yield piece
                if workshop.clock() - judged_at >= JUDGED_EACH:
                    await judge_again(export.caller, export, workshop)
                    judged_at = workshop.clock()
    finally:
        making.archive.abandon()


async def judge_again(caller: Caller, export: Export, workshop: Workshop) -> None:
    """Whether the export may go on. Raises Unauthenticated when its session was ended or it takes too long, NotFound
    when the caller acts for its person no longer."""
    async with workshop.database.reading(caller.actor) as tx:
        # As of its beginning: a download in use is not idle, however long it takes.
        sessions = await own_sessions(tx, caller, export.at)
        if caller.id is None:
            raise Unauthenticated
        standing = await standing_of(tx, caller.id, workshop.clock())
    if caller.session not in {one.id for one in sessions} or workshop.clock() - export.at > LONGEST:
        raise Unauthenticated
    acting = replace(caller, represented=standing.represented)
    require(acting, Action.EXPORT_MY_DATA, SubjectFacts(export.subject))
