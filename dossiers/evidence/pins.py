"""Which evidence the agency will see, on whose word: the notice, the consents, and the pin at submission.

Each evidence row is pinned to an exact version and to the basis it had at submission. Withdrawal takes the basis
away and never turns into a legal duty; the digest stays, the content does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from vault.documents import version_digests

from auth.caller import Caller
from dossiers.case import Case, Office, load_case, move_case, record_event
from dossiers.errors import ConsentOutstanding, ConsentRequired
from dossiers.notices import notify
from dossiers.records import Dossier, DossierEvidence
from dossiers.state import LIVE, Move, Status, resume_state
from procedures.records import Agency
from store import outbox
from store.database import Tx
from vault import consent
from vault.consent import Item
from vault.notice import Notice, NoticeItem, NoticeWords, consent_notice


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person agrees to: the notice and the evidence rows it lists."""

    notice: Notice
    evidence: tuple[DossierEvidence, ...]


def disclosed_by(case: Case, subjects: Iterable[UUID]) -> tuple[DossierEvidence, ...]:
    """Unpinned evidence that rests on the consent of these subjects, in the catalogue's order."""
    wanted = frozenset(subjects)
    order = {requirement.id: index for index, requirement in enumerate(case.procedure.requirements)}
    rows = [
        row
        for row in case.evidence
        if row.pinned_at is None and row.legal_basis == "CONSENT" and row.subject_id in wanted
    ]
    return tuple(
        sorted(rows, key=lambda row: (order[row.requirement], row.document_type, str(row.version_id)))
    )


async def notice_for(
    tx: Tx, case: Case, subjects: Iterable[UUID], language: str, now: datetime
) -> Shown | None:
    """The notice these subjects are to agree to; None when nothing of theirs is disclosed on consent."""
    evidence = disclosed_by(case, subjects)
    if not evidence:
        return None
    agency = await tx.get_one(Agency, case.dossier.agency_id)
    recipient = agency.name_en if language == "en" and agency.name_en else agency.name_vi
    words = NoticeWords(
        purpose=case.procedure.name.in_language(language),
        recipient=recipient,
        items=tuple(_notice_item(case, row, language) for row in evidence),
    )
    return Shown(consent_notice(words, language), evidence)


async def give_consents(
    tx: Tx, caller: Caller, case: Case, notice_sha256: str | None, office: Office, now: datetime
) -> None:
    """Record the caller's agreement for themself and each ward, and pin what it covers.

    Raises ConsentRequired when something is disclosed and no agreement came, ConsentStale when the notice agreed
    to is not the one that would be shown now.
    """
    shown = await notice_for(tx, case, caller.subjects, caller.language, now)
    if shown is None:
        return
    if notice_sha256 is None:
        raise ConsentRequired
    for subject in sorted({row.subject_id for row in shown.evidence}):
        rows = [row for row in shown.evidence if row.subject_id == subject]
        record = await consent.give_own_consent(
            tx,
            caller,
            _decision(case, subject, rows, shown.notice, notice_sha256, caller.language),
            office.safe,
            now,
        )
        await _pin(tx, rows, record, now)


async def request_others(tx: Tx, caller: Caller, case: Case, now: datetime) -> None:
    """Ask every other person concerned for their own approval of their own disclosure, once per content."""
    others = {row.subject_id for row in case.evidence if row.legal_basis == "CONSENT"} - caller.subjects
    for subject in sorted(others):
        shown = await notice_for(tx, case, [subject], "vi", now)
        if shown is None:
            continue
        asked = _decision(case, subject, shown.evidence, shown.notice, shown.notice.sha256, "vi")
        if await consent.request_consent(tx, caller, asked, now):
            await notify(tx, subject, "access_requested", now)


async def pin_others(tx: Tx, caller: Caller, case: Case, now: datetime) -> None:
    """Pin what others have approved. Raises ConsentOutstanding with the roles still silent."""
    waiting = [row for row in case.evidence if row.pinned_at is None and row.legal_basis == "CONSENT"]
    states = await consent.states_for(tx, case.dossier.id)
    outstanding: set[str] = set()
    for row in waiting:
        state = next((s for s in states if s.subject == row.subject_id and s.covers(_item(row), now)), None)
        if state is None:
            outstanding.add(case.requirement(row.requirement).subject_role)
        else:
            await _pin(tx, [row], state.consent, now)
    if outstanding:
        raise ConsentOutstanding(tuple(sorted(outstanding)))


async def pin_rest(tx: Tx, case: Case, now: datetime) -> None:
    """Pin what needs no consent: the person's own deposits here, and what a legal duty reads."""
    await _pin(tx, [row for row in case.evidence if row.pinned_at is None], None, now)


async def withdraw_consent(tx: Tx, caller: Caller, consent_id: UUID, office: Office, now: datetime) -> UUID:
    """Withdraw; whatever live dossier stood on it stops and asks. Acknowledged when the transaction commits.

    A person who is party to somebody else's dossier cannot see it: its move then follows through the outbox.
    """
    withdrawn = await consent.withdraw_consent(tx, caller, consent_id, now)
    if withdrawn.purpose_ref is not None:
        visible = await tx.scalar(select(Dossier.id).where(Dossier.id == withdrawn.purpose_ref))
        if visible is None:
            payload = {"dossier": str(withdrawn.purpose_ref), "consent": str(consent_id)}
            await outbox.put(tx, "consent.withdrawn", payload, now)
        else:
            await lose_basis(tx, caller, withdrawn.purpose_ref, consent_id, office, now)
    return consent_id


async def lose_basis(
    tx: Tx, caller: Caller, dossier_id: UUID, consent_id: UUID, office: Office, now: datetime
) -> None:
    """Take the evidence away that stood on a withdrawn consent; a dossier under way goes to supplement status."""
    case = await load_case(tx, dossier_id, office)
    lost = [row for row in case.evidence if row.consent_id == consent_id and row.revoked_at is None]
    for row in lost:
        row.revoked_at = now
        requirement = case.requirements[row.requirement]
        requirement.satisfied, requirement.reason, requirement.reason_params = False, "consent_withdrawn", {}
        record_event(tx, case, "consent_withdrawn", caller, now, requirement=row.requirement)
    if lost and case.status in LIVE and case.status is not Status.SUPPLEMENT_REQUESTED:
        case.dossier.resume_status = resume_state(case.status)
        await move_case(tx, case, Move.ASK, caller, now, why="consent_withdrawn")
        params = {"dossier": str(dossier_id)}
        await notify(tx, case.dossier.filer_id, "basis_lost", now, dossier=dossier_id, params=params)


def _item(row: DossierEvidence) -> Item:
    return Item(
        document=row.document_id,
        version=row.version_id,
        register=row.register,
        document_type=row.document_type,
        claims=tuple(row.claims),
    )


def _decision(
    case: Case,
    subject: UUID,
    rows: Iterable[DossierEvidence],
    notice: Notice,
    notice_sha256: str,
    language: str,
) -> consent.Decision:
    return consent.Decision(
        subject=subject,
        recipient=case.dossier.agency_id,
        purpose=f"urn:vn:tthc:{case.procedure.code or case.procedure.id}",
        purpose_ref=case.dossier.id,
        items=tuple(_item(row) for row in rows),
        notice=notice,
        agreed_sha256=notice_sha256,
        language=language,
    )


def _notice_item(case: Case, row: DossierEvidence, language: str) -> NoticeItem:
    kind = case.law.document_types[row.document_type]
    labels = [
        case.law.concepts[name.split("@")[0]].label.in_language(language)
        for name in row.claims
        if name.split("@")[0] in case.law.concepts
    ]
    register = case.law.databases[row.register].in_language(language) if row.register else None
    return NoticeItem(
        document=kind.name.in_language(language),
        register=register,
        whole=row.whole,
        claims=tuple(dict.fromkeys(labels)),
        requirement=case.requirement(row.requirement).name.in_language(language),
    )


async def _pin(tx: Tx, rows: Iterable[DossierEvidence], consent_id: UUID | None, now: datetime) -> None:
    pinned = list(rows)
    digests = await version_digests(tx, [row.version_id for row in pinned if row.version_id is not None])
    for row in pinned:
        row.pinned_at, row.consent_id = now, consent_id
        row.digest = digests.get(row.version_id) if row.version_id is not None else None
