"""An officer asks for something held all the same, for a legal reason of a closed list.

Each use is logged, counted and shown to the person at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from auth.caller import Caller
from auth.policy import Action, require
from dossiers.case import Case, Office, load_case, plan_case, record_event, touch
from dossiers.errors import LegalReasonUnfounded, LegalReasonUnknown, NothingToAsk
from dossiers.evidence.asks import HELD, ask_entry, handed_over
from dossiers.notices import tell_filer
from dossiers.records import DossierOverride, DossierRequirement
from dossiers.state import Move, next_state
from procedures.plan import Outcome
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.notes import Note, write_note

PENDING_LIMIT = timedelta(days=2)
"""How long a silent register may hold a dossier up before the person may be asked, counted `with_reason`."""

PENDING_TOO_LONG = "pending_too_long"

LEGAL_REASONS: dict[str, str] = {
    "data_wrong": "Nghị quyết số 66.7/2025/NQ-CP, Điều 2",
    "data_missing": "Nghị quyết số 66.7/2025/NQ-CP, Điều 2",
    "original_needed": "Nghị định số 118/2025/NĐ-CP",
    "suspected_forgery": "Luật Giao dịch điện tử số 20/2023/QH15",
    PENDING_TOO_LONG: "Nghị quyết số 66.7/2025/NQ-CP, Điều 2",
}
"""Reasons for which the law lets an agency ask for what is held, each with the text cited. To be confirmed by
counsel before go-live; the list is closed so that each use can be counted by reason."""


@dataclass(frozen=True, slots=True)
class Override:
    dossier: UUID
    expected_version: int
    requirement: str
    legal_reason: str
    text: str


async def override_already_held(
    tx: Tx, caller: Caller, override: Override, office: Office, now: datetime
) -> UUID:
    """Let the officer ask for something held, for a legal reason with its article; shown to the person at once.

    Raises LegalReasonUnknown, LegalReasonUnfounded for a register not yet silent too long, NothingToAsk when
    nothing is held to override, MoveNotAllowed.
    """
    case = await load_case(tx, override.dossier, office, expected_version=override.expected_version)
    require(caller, Action.OVERRIDE_ALREADY_HELD, case.facts)
    next_state(case.status, Move.ASK)
    article = LEGAL_REASONS.get(override.legal_reason)
    if article is None:
        raise LegalReasonUnknown(override.legal_reason)
    row = case.row(override.requirement)
    if not await _is_held(tx, case, row):
        raise NothingToAsk(override.requirement)
    if override.legal_reason == PENDING_TOO_LONG and not _pending_too_long(case, row, now):
        raise LegalReasonUnfounded(override.legal_reason)
    record = DossierOverride(
        id=new_id(),
        dossier_id=case.dossier.id,
        requirement=override.requirement,
        officer_id=caller.id,
        legal_reason=override.legal_reason,
        article=article,
        at=now,
    )
    tx.add(record)
    row.override_id = record.id
    note = Note(case.dossier.applicant_id, record.id, "override.text", override.text)
    await write_note(tx, note, office.safe, now)
    record_event(tx, case, "override", caller, now, requirement=override.requirement)
    entry = ask_entry(case, override.requirement, "dossier.override", "OVERRIDDEN", article)
    await ledger.record(tx, caller.actor, entry, now)
    params = {"requirement": override.requirement, "legal_reason": override.legal_reason, "article": article}
    await tell_filer(tx, case.dossier, "override", now, params)
    touch(case)
    return case.dossier.id


def _pending_too_long(case: Case, row: DossierRequirement, now: datetime) -> bool:
    databases = {one.database for one in case.requirement(row.requirement).registers}
    silent = [one.first_down_at for one in case.probes if one.database in databases and one.first_down_at]
    return row.outcome == Outcome.PENDING_FETCH and bool(silent) and min(silent) + PENDING_LIMIT <= now


async def _is_held(tx: Tx, case: Case, row: DossierRequirement) -> bool:
    """Whether asking for it would be refused: it is covered, or would be without the version handed in here."""
    if Outcome(row.outcome) in HELD:
        return True
    kept = row.excluded
    row.excluded = [*kept, *handed_over(case, row.requirement)]
    found = (await plan_case(tx, case)).by_requirement()
    row.excluded = kept
    return found[row.requirement].outcome in HELD
