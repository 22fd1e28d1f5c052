"""Documents as their owners and the planner see them, and what changes their standing. Contents stay sealed.

Deposits are in `vault.deposits`; opening a document in `vault.opening`; reading for others in `vault.disclosure`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, text

from auth.caller import Caller, Scope
from auth.errors import NotFound
from auth.facts import DocumentFacts, SubjectFacts
from auth.policy import OF_PAPERS, OF_USABLE_PAPERS, Action, reach, require
from store import ledger
from store.database import Tx
from vault.errors import ClaimUnknown, DocumentInUse, DocumentNotUsable, ReplacementRefused
from vault.holding import Holding, Origin, Status
from vault.notes import Note, write_note
from vault.opening import open_claims
from vault.records import Document, DocumentVersion
from vault.safe import Safe

MOST_HOLDINGS = 200
"""Per subject, newest first after the valid ones: bounds a plan's work without ever hiding a paper in force
from anyone holding fewer."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A claim its person calls wrong, why in their own words, and perhaps the paper to use instead."""

    document: UUID
    claim: str
    reason: str = field(repr=False)
    replacement: UUID | None = None


@dataclass(frozen=True, slots=True)
class Revoked:
    """A document just revoked: all its issuer needs to tell others, who need not see its versions."""

    document: UUID
    subject: UUID
    type: str


async def holdings(tx: Tx, subjects: Iterable[UUID], dossier: UUID | None = None) -> tuple[Holding, ...]:
    """Current versions of what these subjects hold, revoked and superseded papers included so that a plan can
    say why they do not serve. One statement.

    Subjects the transaction's actor may not plan for, alone or through `dossier`, hold nothing here.
    """
    query = text(
        "SELECT * FROM (SELECT h.*, row_number() OVER (PARTITION BY h.subject"
        " ORDER BY (h.status = 'valid') DESC, h.deposited_at DESC, h.version) AS place"
        " FROM holdings_of(:subjects, :dossier) h) ranked WHERE place <= :most ORDER BY deposited_at, version"
    )
    rows = await tx.execute(query, {"subjects": list(subjects), "dossier": dossier, "most": MOST_HOLDINGS})
    return tuple(_from_door(row) for row in rows)


async def my_documents(
    tx: Tx, caller: Caller, after: UUID | None, first: int, type_: str | None = None
) -> tuple[Holding, ...]:
    """The caller's subjects' papers, newest first, after the document named; removed ones left out."""
    query = _own(caller, OF_PAPERS).where(Document.status != Status.REMOVED)
    if after is not None:
        query = query.where(Document.id < after)
    if type_ is not None:
        query = query.where(Document.type == type_)
    rows = await tx.execute(query.order_by(Document.id.desc()).limit(first))
    return tuple(to_holding(row.Document, row.DocumentVersion) for row in rows)


async def documents_by_id(tx: Tx, caller: Caller, ids: Collection[UUID]) -> dict[UUID, Holding]:
    """The caller's own papers among these ids, for batched reads. Everyone else's are left out."""
    rows = await tx.execute(_own(caller, OF_USABLE_PAPERS).where(Document.id.in_(ids)))
    return {row.Document.id: to_holding(row.Document, row.DocumentVersion) for row in rows}


async def documents_issued(tx: Tx, caller: Caller, ids: Collection[UUID]) -> dict[UUID, Holding]:
    """Papers among these ids that the caller's agency issued or digitised: what they are, never what they state."""
    if not reach(caller).agencies:
        return {}
    rows = await tx.execute(text("SELECT * FROM issued_documents(:ids)"), {"ids": list(ids)})
    return {row.document: _from_door(row) for row in rows}


async def my_document(tx: Tx, caller: Caller, document_id: UUID) -> Holding:
    """One of the caller's own papers. Raises NotFound."""
    found = await documents_by_id(tx, caller, [document_id])
    if document_id not in found:
        raise NotFound
    return found[document_id]


async def claims_of(
    tx: Tx, caller: Caller, versions: Collection[UUID], safe: Safe, within: frozenset[Scope] = OF_PAPERS
) -> dict[UUID, dict[str, Any]]:
    """Claims of the caller's own versions, by version and name. Versions of anyone else are left out; in another's
    place a mandate has a word of `within`.

    Raises TamperedContent, SubjectShredded.
    """
    query = select(DocumentVersion).where(
        DocumentVersion.id.in_(versions),
        DocumentVersion.subject_id.in_(reach(caller, within=within).subjects),
        DocumentVersion.wrapped_key != b"",
    )
    opened: dict[UUID, dict[str, Any]] = {}
    rows = (await tx.scalars(query)).all()
    async with safe.keys.opened_together({row.subject_id for row in rows}) as keys:
        for row in rows:
            if row.subject_id in keys:
                key = keys[row.subject_id].unwrap(row.wrapped_key, row.document_id, row.id, row.number)
                opened[row.id] = open_claims(row, key)
    return opened


async def version_digests(tx: Tx, versions: Collection[UUID]) -> dict[UUID, bytes]:
    """SHA-256 over each sealed version the actor may see: proof of what was relied on, without its content."""
    columns = select(DocumentVersion.id, DocumentVersion.claims, DocumentVersion.sealed_sha256)
    rows = await tx.execute(columns.where(DocumentVersion.id.in_(versions)))
    return {row.id: sealed_digest(row.claims, row.sealed_sha256) for row in rows}


def sealed_digest(claims: bytes, sealed_sha256: bytes | None) -> bytes:
    """What identifies a sealed version: its claims and, through their sealed digest, its bytes."""
    return sha256(sha256(claims).digest() + sha256(sealed_sha256 or b"").digest()).digest()


async def dispute_claim(tx: Tx, caller: Caller, dispute: Dispute, safe: Safe, now: datetime) -> Holding:
    """Take a wrong claim out of planning at once; a correction at its source is the caller's room's to open.

    A replacement is accepted once: a valid paper of the same subject and type. It takes the place of what the
    person had put in themself; a paper the State issued or certified stays, without the claim. Raises
    NotFound, DocumentNotUsable, ClaimUnknown, ReplacementRefused.
    """
    document, version = await _locked(tx, dispute.document)
    require(caller, Action.CORRECT_CLAIM, DocumentFacts(document.subject_id, document.issuer_agency))
    _check_valid(document)
    if dispute.claim not in version.claim_names:
        raise ClaimUnknown((dispute.claim,))
    if dispute.replacement is not None:
        await _replace(tx, document, dispute.replacement, now)
    version.disputed = sorted({*version.disputed, dispute.claim})
    await tx.flush()
    words = {"claim": dispute.claim, "reason": dispute.reason}
    note = Note(document.subject_id, version.id, f"dispute:{dispute.claim}", words)
    await write_note(tx, note, safe, now)
    await _log(tx, caller, document, "document.disputed", now, claims=(dispute.claim,))
    return to_holding(document, version)


async def revoke_document(tx: Tx, caller: Caller, document_id: UUID, reason: str, now: datetime) -> Revoked:
    """Revoke what the caller's agency issued or certified; from now on no plan uses it and every check says so.

    `reason` is a code. The caller logs it with its article. Raises NotFound, AccessDenied, DocumentNotUsable.
    """
    document = await tx.get(Document, document_id, with_for_update=True, populate_existing=True)
    if document is None:
        raise NotFound
    require(caller, Action.REVOKE_RESULT, DocumentFacts(document.subject_id, document.issuer_agency))
    if document.status not in (Status.VALID, Status.SUPERSEDED):
        raise DocumentNotUsable(document.status)
    document.status, document.status_at, document.status_reason = Status.REVOKED, now, reason
    await tx.flush()
    return Revoked(document.id, document.subject_id, document.type)


async def remove_document(tx: Tx, caller: Caller, document_id: UUID, now: datetime) -> None:
    """Remove what its person put in. Its key goes with this transaction, its sealed file with the next sweeps.

    Dossiers that rely on it are the caller's room's to look after first. Raises NotFound, DocumentNotUsable,
    DocumentInUse for what the State issued or certified.
    """
    document, _ = await _locked(tx, document_id)
    require(caller, Action.REMOVE_DOCUMENT, DocumentFacts(document.subject_id, document.issuer_agency))
    if document.status == Status.REMOVED:
        raise DocumentNotUsable(document.status)
    if document.origin != Origin.SELF:
        raise DocumentInUse
    document.status, document.status_at, document.status_reason = Status.REMOVED, now, "removed_by_owner"
    for version in await tx.scalars(
        select(DocumentVersion).where(DocumentVersion.document_id == document_id)
    ):
        version.wrapped_key, version.blob = b"", None
    await tx.flush()
    await _log(tx, caller, document, "document.removed", now)


async def mark_seen(tx: Tx, caller: Caller, dossier: UUID, version_id: UUID, now: datetime) -> UUID:
    """Record that an officer has compared the paper original with this version: it is never shown again.

    For a party of a dossier the officer's agency works on; returns whose version it is. Seeing it again changes
    nothing. Raises NotFound, AccessDenied.
    """
    seeing = text("SELECT see_original(:dossier, :version, :now)")
    subject: UUID | None = await tx.scalar(seeing, {"dossier": dossier, "version": version_id, "now": now})
    if subject is None:
        raise NotFound
    require(caller, Action.DIGITISE_DOCUMENT, SubjectFacts(subject))
    return subject


def to_holding(document: Document, version: DocumentVersion) -> Holding:
    """The rows as others may know them."""
    return Holding(
        document=document.id,
        version=version.id,
        number=version.number,
        type=document.type,
        subject=document.subject_id,
        origin=Origin(document.origin),
        level=document.level,
        status=Status(document.status),
        claims=frozenset(version.claim_names),
        disputed=frozenset(version.disputed),
        object_key=document.object_key,
        bound_to=document.bound_to,
        deposited_in=version.deposited_in,
        deposited_at=version.deposited_at,
        issued_on=document.issued_on,
        valid_until=document.valid_until,
        seen=version.seen_at is not None,
    )


def _from_door(row: Row[Any]) -> Holding:
    plain = {name: row._mapping[name] for name in Holding.__dataclass_fields__ if name not in _CONVERTED}
    return Holding(
        **plain,
        origin=Origin(row.origin),
        status=Status(row.status),
        claims=frozenset(row.claims),
        disputed=frozenset(row.disputed),
    )


_CONVERTED = frozenset({"origin", "status", "claims", "disputed"})


def _own(caller: Caller, within: frozenset[Scope]) -> Select[Document, DocumentVersion]:
    return _current(Document.subject_id.in_(reach(caller, within=within).subjects))


def _current(wanted: ColumnElement[bool]) -> Select[Document, DocumentVersion]:
    return (
        select(Document, DocumentVersion)
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .where(DocumentVersion.number == Document.current, wanted)
    )


async def _locked(tx: Tx, document_id: UUID) -> tuple[Document, DocumentVersion]:
    query = _current(Document.id == document_id).with_for_update()
    row = (await tx.execute(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFound
    return row.Document, row.DocumentVersion


def _check_valid(document: Document) -> None:
    if document.status != Status.VALID:
        raise DocumentNotUsable(document.status)


async def _replace(tx: Tx, document: Document, replacement_id: UUID, now: datetime) -> None:
    """`superseded_by` remembers the replacement even where the document stays valid: one is accepted."""
    replacement = await tx.get(Document, replacement_id)
    if (
        replacement is None
        or replacement.id == document.id
        or document.superseded_by is not None
        or replacement.status != Status.VALID
        or (replacement.subject_id, replacement.type) != (document.subject_id, document.type)
    ):
        raise ReplacementRefused
    document.superseded_by = replacement.id
    if document.origin == Origin.SELF:
        document.status, document.status_at, document.status_reason = Status.SUPERSEDED, now, "corrected"


async def _log(
    tx: Tx, caller: Caller, document: Document, kind: str, now: datetime, claims: tuple[str, ...] = ()
) -> None:
    entry = ledger.Entry(
        kind=kind,
        subject_id=document.subject_id,
        outcome="SUCCESS",
        purpose="own",
        legal_basis="OWN",
        claims=claims,
        documents=(document.id,),
    )
    await ledger.record(tx, caller.actor, entry, now)
