"""Originals shown at the counter or handed in there: recorded, and never asked for again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from auth.policy import Action, require
from dossiers.case import Case, Office, load_case, plan_case, record_event, touch
from dossiers.errors import MoveNotAllowed, NothingToAsk, OriginalNotHeld
from dossiers.notices import notify
from dossiers.records import DossierAsk
from dossiers.state import LIVE
from procedures.plan import Outcome, Planned
from procedures.reasons import Code
from store import ledger
from store.database import Tx
from vault.documents import mark_seen


@dataclass(frozen=True, slots=True)
class Showing:
    """The person has shown the paper original this requirement asks to see."""

    dossier: UUID
    expected_version: int
    requirement: str


async def mark_original_seen(tx: Tx, caller: Caller, showing: Showing, office: Office, now: datetime) -> UUID:
    """Record that the caller compared the original with the version held: no agency asks to see it again.

    Logged, and the person is told. Raises OriginalNotHeld when nothing held could be compared (the paper is then
    digitised, which records it as seen), NothingToAsk where nothing is to be shown any more, MoveNotAllowed,
    StaleVersion.
    """
    case = await load_case(tx, showing.dossier, office, expected_version=showing.expected_version)
    require(caller, Action.MARK_ORIGINAL_SEEN, case.facts)
    if case.status not in LIVE:
        raise MoveNotAllowed(case.status, "markOriginalSeen")
    if Outcome(case.row(showing.requirement).outcome) is not Outcome.SHOW:
        raise NothingToAsk(showing.requirement)
    planned = (await plan_case(tx, case)).by_requirement()[showing.requirement]
    if case.row(showing.requirement).reason == Code.SHOWN_HERE:
        raise NothingToAsk(showing.requirement)
    if not planned.used or planned.used[0].version is None:
        raise OriginalNotHeld(showing.requirement)
    subject = await mark_seen(tx, caller, case.dossier.id, planned.used[0].version, now)
    await _settle(tx, caller, case, planned, now)
    await _log(tx, caller, case, planned, now)
    kind = case.holdings[planned.used[0].version].type
    await notify(tx, subject, "original_seen", now, dossier=_own(case, subject), params={"type": kind})
    touch(case)
    return case.dossier.id


async def settle_digitised(tx: Tx, caller: Caller, case: Case, now: datetime) -> None:
    """A paper digitised for this dossier was shown by that: whatever asked to see it asks no longer."""
    await tx.flush()
    for planned in (await plan_case(tx, case)).planned:
        row = case.requirements.get(planned.requirement)
        if row is None or row.outcome != Outcome.SHOW or planned.reason.code != Code.SHOWN_HERE:
            continue
        if row.reason != Code.SHOWN_HERE:
            await _settle(tx, caller, case, planned, now)
            touch(case)


async def settle_surrendered(tx: Tx, caller: Caller, case: Case, now: datetime) -> None:
    """Whoever collected the result has handed in the originals it was given for."""
    require(caller, Action.RETURN_RESULT, case.facts)
    for row in case.requirements.values():
        if row.outcome == Outcome.SURRENDER:
            record_event(tx, case, "original_handed_in", caller, now, requirement=row.requirement)
            await _close_asks(tx, case, row.requirement, None, now)


async def surrendered(tx: Tx, case: Case, document_type: str) -> UUID | None:
    """The paper of this type that is to be handed in for the dossier's result, if it is held."""
    for planned in (await plan_case(tx, case)).planned:
        for named in planned.used if planned.outcome is Outcome.SURRENDER else ():
            if named.version is not None and case.holdings[named.version].type == document_type:
                return named.document
    return None


async def _settle(tx: Tx, caller: Caller, case: Case, planned: Planned, now: datetime) -> None:
    version = planned.used[0].version
    row = case.requirements[planned.requirement]
    kind = case.holdings[version].type if version is not None else ""
    row.satisfied, row.reason, row.reason_params = True, Code.SHOWN_HERE.value, {"document_type": kind}
    record_event(tx, case, "original_seen", caller, now, requirement=planned.requirement)
    await _close_asks(tx, case, planned.requirement, version, now)


async def _close_asks(tx: Tx, case: Case, requirement: str, version: UUID | None, now: datetime) -> None:
    asks = await tx.scalars(
        select(DossierAsk).where(
            DossierAsk.dossier_id == case.dossier.id,
            DossierAsk.requirement == requirement,
            DossierAsk.answered_at.is_(None),
            DossierAsk.retracted_at.is_(None),
        )
    )
    for ask in asks:
        ask.answered_by, ask.answered_at = version, now


def _own(case: Case, subject: UUID) -> UUID | None:
    """A party who is not the filer is told of their paper, not of somebody else's dossier."""
    return case.dossier.id if subject in (case.dossier.filer_id, case.dossier.applicant_id) else None


async def _log(tx: Tx, caller: Caller, case: Case, planned: Planned, now: datetime) -> None:
    entry = ledger.Entry(
        kind="document.seen",
        subject_id=planned.used[0].subject,
        outcome="SUCCESS",
        purpose=case.purpose,
        legal_basis="LEGAL_DUTY",
        article="Thông tư số 03/2025/TT-VPCP, Điều 5",
        documents=tuple(one.document for one in planned.used if one.document is not None),
        dossier_id=case.dossier.id,
        requirement=planned.requirement,
    )
    await ledger.record(tx, caller.actor, entry, now)
