"""Erasure on the law's clock: two working days to reply, fifteen to finish, twenty with third parties, and one
extension of fifteen (Law 91/2025/QH15 and its decree; standards.md §2).
"""

import logging
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from auth.caller import Caller
from dossiers.clock import VIETNAM, due_date, local_day
from dossiers.notices import notify
from procedures.law import TimeLimit
from store import outbox
from store.database import Tx
from vault.permission.consent import ConsentStatus, consent
from vault.permission.erasure import (
    Answer,
    Cause,
    Deadlines,
    Reply,
    ask_erasure,
    last_read,
    lock_erasure,
    note_late,
)
from vault.permission.erasure import acknowledge_erasure as acknowledge

REPLY_WORKING_DAYS: Final = 2
FINISH_DAYS: Final = 15
THIRD_PARTIES_DAYS: Final = 20
EXTENSION_DAYS: Final = 15
AT_ONCE: Final = 100

log = logging.getLogger(__name__)


async def demand_erasure(
    tx: Tx, caller: Caller, consent_id: UUID, cause: Cause, now: datetime
) -> UUID | None:
    """Ask the recipient to erase what it kept of the caller's; None where it was handed nothing. Raises NotFound."""
    deadlines = Deadlines(_due(now, REPLY_WORKING_DAYS, "working_day"), _due(now, FINISH_DAYS, "day"))
    return await ask_erasure(tx, caller, consent_id, cause, deadlines, now)


async def watch_data_life(tx: Tx, subject: UUID, consent_id: UUID, at: datetime, now: datetime) -> None:
    """Look at a consent when what was read under it may be kept no longer."""
    payload = {"consent": str(consent_id), "subject": str(subject)}
    await outbox.put(tx, "consent.data_life", payload, now, at)


async def end_data_life(tx: Tx, caller: Caller, consent_id: UUID, now: datetime) -> None:
    """The time of a consent is over: what was read is to be erased, now or when its own time is over too.

    In the person's place. A consent they withdrew has had its erasure asked already.
    """
    view = await consent(tx, caller, consent_id, now)
    read_at = await last_read(tx, consent_id)
    if view.status is ConsentStatus.WITHDRAWN or read_at is None or view.valid_until is None:
        return
    kept_until = read_at + timedelta(days=view.limits.life_days or 0)
    over = max(view.valid_until, kept_until)
    if over > now:
        await watch_data_life(tx, view.subject, consent_id, over, now)
        return
    await demand_erasure(tx, caller, consent_id, Cause.DATA_LIFE, now)


async def acknowledge_erasure(tx: Tx, caller: Caller, erasure: UUID, reply: Reply, now: datetime) -> UUID:
    """Keep an agency's answer, and tell the person when it is the last word.

    Raises NotFound, AccessDenied, ErasureSettled.
    """
    asked = await lock_erasure(tx, caller, erasure)
    due_on: date | None = None
    if reply.answer is Answer.EXTENDED:
        due_on = _moved(asked.due_on, EXTENSION_DAYS)
    elif reply.third_parties and asked.extended_at is None:
        due_on = _due(asked.asked_at, THIRD_PARTIES_DAYS, "day")
    made, subject = await acknowledge(tx, caller, erasure, replace(reply, due_on=due_on), now)
    if reply.answer is Answer.ERASED:
        await notify(tx, subject, "erasure_done", now)
    elif reply.answer is Answer.RETAINED:
        await notify(tx, subject, "erasure_kept", now, params={"article": reply.article or ""})
    return made


async def escalate_erasures(tx: Tx, now: datetime) -> bool:
    """Tell people whose erasure is late, and the operator; whether there were any. For the loops' role."""
    late = await note_late(tx, local_day(now), now, AT_ONCE)
    for one in late:
        if one.overdue:
            await notify(tx, one.subject, "erasure_overdue", now)
        else:
            await notify(tx, one.subject, "erasure_unanswered", now)
        log.warning("erasure late", extra={"said": {"erasure": str(one.id), "overdue": one.overdue}})
    return bool(late)


def _due(asked_at: datetime, days: int, unit: str) -> date:
    due = due_date(asked_at, TimeLimit(days, unit, None))
    if due is None:
        raise ValueError(f"no such limit: {days} {unit}")
    return due.on


def _moved(day: date, days: int) -> date:
    """So many days on, to a working day."""
    return _due(datetime.combine(day, time(12), VIETNAM), days, "day")
