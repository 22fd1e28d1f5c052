"""The decision: results issued into the person's vault, handed over, and, if need be, revoked.

A result is evidence of level 1 from the moment it is issued; the next filing anywhere reuses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from auth.caller import Caller
from auth.errors import AccessDenied
from auth.mandates import end_at_majority
from auth.policy import Action, require
from dossiers.case import DEATH, Case, Office, load_case, move_case
from dossiers.clock import local_day
from dossiers.desk.citations import provision_of
from dossiers.errors import EvidencePending, ResultRefused
from dossiers.evidence.originals import settle_surrendered, surrendered
from dossiers.evidence.papers import check_claims
from dossiers.filing import Change
from dossiers.notices import notify, tell
from dossiers.objects import object_of_paper
from dossiers.parties import result_holder
from dossiers.proxies.granting import end_at_death
from dossiers.records import DossierResult
from dossiers.state import Move
from procedures.law import DocumentType
from procedures.plan import Outcome
from store import ledger, outbox
from store.database import Tx
from vault.deposits import Deposit, deposit
from vault.documents import revoke_document
from vault.holding import Holding, Origin
from vault.notes import Note, write_note
from vault.subjects import PERSON, Profile, give_number

REVOCATION: Final = "revocation"
"""The note on a revoked paper: `reason` and `legal_basis` as the officer wrote them."""


@dataclass(frozen=True, slots=True)
class Result:
    """One result document to issue: its type, its claims (`concept@role` or a bare concept) and validity."""

    type: str
    claims: Mapping[str, Any] = field(default_factory=dict)
    valid_until: date | None = None
    upload: UUID | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    change: Change
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Revocation:
    """What the officer wrote rests sealed; of the provision, number and article stand in the log."""

    document: UUID
    reason: str = field(repr=False)
    legal_basis: str = field(repr=False)


async def approve_dossier(tx: Tx, caller: Caller, approval: Approval, office: Office, now: datetime) -> UUID:
    """Decide in favour (status 9) and issue every result into its subject's vault.

    Raises ResultRefused for a type this procedure does not produce or claims the type does not attest,
    EvidencePending while a register still owes an answer, MoveNotAllowed, StaleVersion; then nothing is issued.
    """
    case = await load_case(
        tx, approval.change.dossier, office, expected_version=approval.change.expected_version
    )
    require(caller, Action.APPROVE_DOSSIER, case.facts)
    if caller.id in (case.dossier.filer_id, case.dossier.applicant_id):
        raise AccessDenied("own_dossier")
    await move_case(tx, case, Move.APPROVE, caller, now)
    waiting = tuple(r.requirement for r in case.requirements.values() if r.outcome == Outcome.PENDING_FETCH)
    if waiting:
        raise EvidencePending(waiting)
    if not approval.results and case.procedure.result_types:
        raise ResultRefused("")
    for result in approval.results:
        issued = await _issue(tx, caller, case, result, office, now)
        tx.add(DossierResult(dossier_id=case.dossier.id, document_id=issued.document, issued_at=now))
    await tell(tx, case, "processed", now)
    return case.dossier.id


async def return_result(tx: Tx, caller: Caller, change: Change, office: Office, now: datetime) -> UUID:
    """Hand the result over (status 10), against the originals it replaces; electronic results are already in the
    vault."""
    case = await load_case(tx, change.dossier, office, expected_version=change.expected_version)
    require(caller, Action.RETURN_RESULT, case.facts)
    await move_case(tx, case, Move.RETURN, caller, now)
    await settle_surrendered(tx, caller, case, now)
    await tell(tx, case, "result_returned", now)
    return case.dossier.id


async def revoke_result(
    tx: Tx, caller: Caller, revocation: Revocation, office: Office, now: datetime
) -> UUID:
    """Revoke a result the caller's agency issued. Live dossiers that rely on it are flagged by the outbox: they
    may belong to agencies this officer cannot see. Its person and the issuer read the reason with the paper.

    Raises NotFound, AccessDenied, DocumentNotUsable, CitationUnclear.
    """
    revoked = await revoke_document(tx, caller, revocation.document, "revoked_by_issuer", now)
    entry = ledger.Entry(
        kind="document.revoked",
        subject_id=revoked.subject,
        outcome="SUCCESS",
        purpose="revocation",
        legal_basis="LEGAL_DUTY",
        article=provision_of(revocation.legal_basis),
        documents=(revoked.document,),
    )
    await ledger.record(tx, caller.actor, entry, now)
    words = {"reason": revocation.reason, "legal_basis": revocation.legal_basis}
    await write_note(tx, Note(revoked.subject, revoked.document, REVOCATION, words), office.safe, now)
    await outbox.put(tx, "document.revoked", {"document": str(revoked.document)}, now)
    await notify(tx, revoked.subject, "result_revoked", now, params={"type": revoked.type})
    return revoked.document


async def _issue(
    tx: Tx, caller: Caller, case: Case, result: Result, office: Office, now: datetime
) -> Holding:
    kind = case.law.document_types.get(result.type)
    if kind is None or result.type not in case.procedure.result_types:
        raise ResultRefused(result.type)
    claims = check_claims(kind, result.claims)
    claims.setdefault("document.issue_date@document", local_day(now).isoformat())
    claims = {name: value for name, value in claims.items() if name in {str(c) for c in kind.claims}}
    subject = result_holder(case, kind)
    issued = await deposit(
        tx,
        caller,
        Deposit(
            subject=subject,
            type=kind.id,
            origin=Origin.ISSUED,
            claims=claims,
            upload=result.upload,
            issued_on=local_day(now),
            valid_until=result.valid_until,
            object_key=await object_of_paper(tx, case, kind, claims, office, now),
            deposited_in=case.dossier.id,
            issuer_agency=caller.agency,
            supersedes=_superseded(case, kind) or await surrendered(tx, case, kind.id),
        ),
        office.safe,
        now,
    )
    await _register_newborn(tx, case, subject, claims, office)
    if DEATH in claims and subject in case.parties.get("deceased", ()):
        await end_at_death(tx, caller.actor, subject, case.dossier.id, now)
    return issued


def _superseded(case: Case, kind: DocumentType) -> UUID | None:
    """The paper that was itself the object of the procedure gives way to what it became (an extended permit)."""
    for row in case.evidence:
        if row.document_type == kind.id and case.requirement(row.requirement).self_object:
            return row.document_id
    return None


async def _register_newborn(
    tx: Tx, case: Case, subject: UUID, claims: Mapping[str, Any], office: Office
) -> None:
    """A birth registration gives the provisional newborn the number and name registers know it by from now on, and
    its parent's mandate an end. Raises ResultRefused without the day of birth, NumberTaken."""
    number = claims.get("person.personal_id_number@child")
    name = claims.get("person.full_name@child")
    if not (isinstance(number, str) and isinstance(name, str)):
        return
    born = _day(claims.get("person.date_of_birth@child"))
    if not await give_number(tx, subject, Profile(PERSON, name, number, born), office.safe):
        return
    if born is None:
        raise ResultRefused("", ("person.date_of_birth@child",))
    await end_at_majority(tx, subject, case.dossier.id, born)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
