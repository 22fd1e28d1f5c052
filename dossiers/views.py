"""What people and officers read of dossiers: pages by keyset, and parts batched for any number of dossiers.

Reads only rows written by the use cases: no list ever runs the planner. Row-level security bounds every query;
`reach` says which rows a caller's list is about.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, true

from auth.assurance import SIGNED_IN
from auth.caller import Caller, CallerKind
from auth.errors import AccessDenied
from auth.policy import IN_FILINGS, Action, reach, require
from dossiers.case import Office, rows_of
from dossiers.records import (
    Dossier,
    DossierAsk,
    DossierEvent,
    DossierEvidence,
    DossierOverride,
    DossierParty,
    DossierRequirement,
    DossierResult,
    Notice,
)
from dossiers.state import Status
from store.database import Tx
from vault.notes import read_notes

Parties = Mapping[str, frozenset[UUID]]
"""Subjects by role."""


@dataclass(frozen=True, slots=True)
class AskLine:
    """One open supplement line with its reason as the officer wrote it, and the day its answer is expected by."""

    requirement: str
    kind: str
    reason: str
    due_on: date | None


async def find_dossier(
    tx: Tx, caller: Caller, *, dossier_id: UUID | None = None, code: str | None = None
) -> Dossier | None:
    """One dossier within the caller's reach; unknown and out of reach look the same."""
    wanted = Dossier.id == dossier_id if dossier_id is not None else Dossier.code == code
    return await tx.scalar(select(Dossier).where(wanted, _in_reach(caller)))


async def find_dossiers(tx: Tx, caller: Caller, ids: Sequence[UUID]) -> dict[UUID, Dossier]:
    found = await tx.scalars(select(Dossier).where(Dossier.id.in_(ids), _in_reach(caller)))
    return {row.id: row for row in found}


def _in_reach(caller: Caller) -> ColumnElement[bool]:
    """The wall shows a filing to whoever filed it for ever; those who may act there no more see it no longer. What an
    agency sees is the wall's to say."""
    within = reach(caller, SIGNED_IN, IN_FILINGS)
    if caller.kind is not CallerKind.CITIZEN:
        return true()
    return Dossier.applicant_id.in_(within.subjects)


async def my_dossiers(tx: Tx, caller: Caller, after: UUID | None, first: int) -> list[Dossier]:
    """The caller's and their wards' dossiers, newest first, after the one named."""
    query = select(Dossier).where(Dossier.applicant_id.in_(reach(caller, SIGNED_IN, IN_FILINGS).subjects))
    return await _page(tx, query, after, first)


async def desk(
    tx: Tx, caller: Caller, after: UUID | None, first: int, status: Status | None
) -> list[Dossier]:
    """Submitted dossiers of the officer's agency, newest first. No personal data: code, procedure, dates.

    Raises Unauthenticated, AccessDenied for whoever has no desk: an empty page would look like an idle one.
    """
    require(caller, Action.READ_DESK)
    query = select(Dossier).where(
        Dossier.agency_id.in_(reach(caller).agencies), Dossier.status >= Status.NEWLY_FILED
    )
    if status is not None:
        query = query.where(Dossier.status == status)
    return await _page(tx, query, after, first)


async def my_notices(tx: Tx, caller: Caller, after: UUID | None, first: int) -> list[Notice]:
    """What the caller was told, newest first."""
    query = select(Notice).where(Notice.subject_id.in_(reach(caller, SIGNED_IN).subjects))
    if after is not None:
        query = query.where(Notice.id < after)
    return list(await tx.scalars(query.order_by(Notice.id.desc()).limit(first)))


async def notices_by_id(tx: Tx, caller: Caller, ids: Sequence[UUID]) -> dict[UUID, Notice]:
    """What the caller and their wards were told among these, for batched reads."""
    subjects = reach(caller, SIGNED_IN).subjects
    query = select(Notice).where(Notice.id.in_(ids), Notice.subject_id.in_(subjects))
    return {row.id: row for row in await tx.scalars(query)}


async def requirements_of(tx: Tx, dossiers: Sequence[UUID]) -> Mapping[UUID, list[DossierRequirement]]:
    rows = await rows_of(tx, DossierRequirement, dossiers)
    return {key: sorted(group, key=lambda row: row.position) for key, group in rows.items()}


async def parties_of(tx: Tx, dossiers: Sequence[UUID]) -> Mapping[UUID, Parties]:
    """Who plays which role; a role nobody is named for is the applicant's."""
    rows = await rows_of(tx, DossierParty, dossiers)
    found: dict[UUID, dict[str, frozenset[UUID]]] = {}
    for dossier, group in rows.items():
        roles = found[dossier] = {}
        for row in group:
            roles[row.role] = roles.get(row.role, frozenset()) | {row.subject_id}
    return found


async def evidence_of(tx: Tx, dossiers: Sequence[UUID]) -> Mapping[UUID, list[DossierEvidence]]:
    """Evidence still standing: pinned, or planned for a draft or a supplement."""
    rows = await rows_of(tx, DossierEvidence, dossiers)
    return {key: [row for row in group if row.revoked_at is None] for key, group in rows.items()}


async def overrides_of(tx: Tx, dossiers: Sequence[UUID]) -> Mapping[UUID, list[DossierOverride]]:
    return await rows_of(tx, DossierOverride, dossiers)


async def events_of(tx: Tx, dossiers: Sequence[UUID]) -> Mapping[UUID, list[DossierEvent]]:
    rows = await rows_of(tx, DossierEvent, dossiers)
    return {key: sorted(group, key=lambda row: row.id) for key, group in rows.items()}


async def results_of(tx: Tx, dossiers: Sequence[UUID]) -> Mapping[UUID, list[UUID]]:
    rows = await rows_of(tx, DossierResult, dossiers)
    return {key: [row.document_id for row in group] for key, group in rows.items()}


async def supplements_of(
    tx: Tx, caller: Caller, dossiers: Sequence[UUID], office: Office
) -> Mapping[UUID, list[AskLine]]:
    """Open supplement lines; dossiers without any are absent."""
    found = await tx.scalars(
        select(DossierAsk)
        .where(
            DossierAsk.dossier_id.in_(dossiers),
            DossierAsk.kind == "SUPPLEMENT",
            DossierAsk.answered_at.is_(None),
            DossierAsk.retracted_at.is_(None),
        )
        .order_by(DossierAsk.id)
    )
    asks = list(found)
    reasons = await _words(tx, caller, [row.id for row in asks], "ask.reason", office)
    lines: dict[UUID, list[AskLine]] = defaultdict(list)
    for row in asks:
        words = reasons.get(row.id)
        lines[row.dossier_id].append(
            AskLine(row.requirement, row.fit or "MISSING", str(words or ""), row.due_on)
        )
    return lines


async def refusals_of(
    tx: Tx, caller: Caller, dossiers: Sequence[UUID], office: Office
) -> Mapping[UUID, Mapping[str, str]]:
    """Why a dossier was not taken in (form 03): `reason` and `legal_basis` as the officer wrote them."""
    return await _words(tx, caller, dossiers, "refusal", office)


async def revocations_of(
    tx: Tx, caller: Caller, documents: Sequence[UUID], office: Office
) -> Mapping[UUID, Mapping[str, str]]:
    """Why a paper was revoked: `reason` and `legal_basis`, for its person and for its issuer's desk."""
    return await _words(tx, caller, documents, "revocation", office)


async def withdrawal_reasons(
    tx: Tx, caller: Caller, dossiers: Sequence[UUID], office: Office
) -> Mapping[UUID, str]:
    """Why its person took a dossier back, where they said."""
    return await _words(tx, caller, dossiers, "withdrawal.reason", office)


async def override_texts(
    tx: Tx, caller: Caller, overrides: Sequence[UUID], office: Office
) -> Mapping[UUID, str]:
    """The officer's own words for each override."""
    return await _words(tx, caller, overrides, "override.text", office)


async def _words(
    tx: Tx, caller: Caller, owners: Sequence[UUID], kind: str, office: Office
) -> Mapping[UUID, Any]:
    """What was written, for its person and for those who work on the filing; nothing for auditors and
    administrators, who see that something was asked and read no content."""
    try:
        require(caller, Action.READ_WORDS)
    except AccessDenied:
        return {}
    return await read_notes(tx, owners, kind, office.safe)


async def _page(tx: Tx, query: Select[Any], after: UUID | None, first: int) -> list[Dossier]:
    if after is not None:
        query = query.where(Dossier.id < after)
    return list(await tx.scalars(query.order_by(Dossier.id.desc()).limit(first)))
