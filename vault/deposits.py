"""Papers and facts entering a vault: sealed under a key of their own, recognised when they are there already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text

from auth.caller import Caller, CallerKind
from auth.errors import AccessDenied, NotFound
from auth.facts import DocumentFacts, Facts, SubjectFacts
from auth.policy import Action, require
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.documents import to_holding
from vault.errors import DocumentNotUsable
from vault.holding import Holding, Origin, Status
from vault.intake.quota import hold_room
from vault.intake.uploads import UNCLAIMED_NUMBER, Claimed, claim
from vault.opening import open_claims
from vault.records import Document, DocumentVersion
from vault.safe import Safe
from vault.sealing.keys import SubjectKey, VersionKey

LEVELS: Mapping[Origin, int] = {
    Origin.ISSUED: 1,
    Origin.REGISTER: 1,
    Origin.DIGITISED: 2,
    Origin.SELF: 3,
}
"""Assurance follows from who put the paper in, never from what anyone says of it (Decree 118/2025, Art. 11)."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """A paper for one subject's vault. Without `upload` it is a document of claims only: a register's answer.

    `claims` are `concept@role` names with JSON values. `bound_to` names the only dossier a case-bound paper may
    serve, `deposited_in` the dossier it was first handed in for. `supersedes` gives way to it.
    """

    subject: UUID
    type: str
    origin: Origin
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    upload: UUID | None = None
    issued_on: date | None = None
    valid_until: date | None = None
    object_key: UUID | None = None
    bound_to: UUID | None = None
    deposited_in: UUID | None = None
    issuer_agency: UUID | None = None
    register: str | None = None
    supersedes: UUID | None = None

    @property
    def level(self) -> int:
        return LEVELS[self.origin]


async def deposit(tx: Tx, caller: Caller, paper: Deposit, safe: Safe, now: datetime) -> Holding:
    """Seal a paper into its subject's vault; logged. The very same paper again changes nothing.

    Same bytes with other claims, or better attested, make a new document in the old one's place. Citizens
    deposit their own papers and their registers' answers, officers what they digitise or issue. Raises
    AccessDenied, NotFound, the refusals of `vault.intake.uploads.claim`, QuotaExceeded, SubjectShredded.
    """
    _check_right(caller, paper)
    claimed = await _claim(tx, caller, paper, now)
    twin = await _same_bytes(tx, paper, claimed) if claimed else None
    async with safe.keys.opened(paper.subject) as key:
        same = _is_same(twin, paper, key) if twin else None
        if same is not None:
            await _log(tx, caller, paper, same.document, now, reason="same_bytes")
            return same
        document = _document(paper, now)
        version = _version(paper, document, claimed, key, caller, now)
    await _hold_room(tx, paper, claimed, safe)
    tx.add(document)
    await tx.flush()
    tx.add(version)
    await tx.flush()
    if paper.supersedes is not None:
        await _supersede(tx, paper.supersedes, document.id, now)
    if twin is not None:
        await _supersede(tx, twin.document.id, document.id, now)
        await tx.refresh(twin.document)
    await _log(tx, caller, paper, document.id, now)
    return to_holding(document, version)


async def add_version(
    tx: Tx, caller: Caller, document_id: UUID, paper: Deposit, safe: Safe, now: datetime
) -> Holding:
    """A new version of a document, current from now on; consents keep pinning the version they named.

    `paper` is of the document's own subject, type and origin. Raises NotFound, DocumentNotUsable, and as
    `deposit` does.
    """
    _check_right(caller, paper)
    document = await tx.get(Document, document_id, with_for_update=True, populate_existing=True)
    if document is None or (document.subject_id, document.type, document.origin) != (
        paper.subject,
        paper.type,
        paper.origin,
    ):
        raise NotFound
    if document.status != Status.VALID:
        raise DocumentNotUsable(document.status)
    claimed = await _claim(tx, caller, paper, now)
    await _hold_room(tx, paper, claimed, safe)
    document.current += 1
    async with safe.keys.opened(paper.subject) as key:
        version = _version(paper, document, claimed, key, caller, now)
    tx.add(version)
    await tx.flush()
    await _log(tx, caller, paper, document.id, now)
    return to_holding(document, version)


@dataclass(frozen=True, slots=True)
class _Twin:
    document: Document
    version: DocumentVersion | None


def _check_right(caller: Caller, paper: Deposit) -> None:
    facts: Facts = SubjectFacts(paper.subject)
    match caller.kind, paper.origin:
        case CallerKind.CITIZEN, (Origin.SELF | Origin.REGISTER):
            action = Action.ADD_DOCUMENT
        case CallerKind.OFFICER, Origin.DIGITISED:
            action = Action.DIGITISE_DOCUMENT
        case CallerKind.OFFICER, Origin.ISSUED:
            action, facts = Action.APPROVE_DOSSIER, DocumentFacts(paper.subject, paper.issuer_agency)
        case _:
            raise AccessDenied("origin")
    require(caller, action, facts)
    if paper.origin in (Origin.DIGITISED, Origin.ISSUED) and paper.issuer_agency != caller.agency:
        raise AccessDenied("issuer")


async def _claim(tx: Tx, caller: Caller, paper: Deposit, now: datetime) -> Claimed | None:
    if paper.upload is None:
        return None
    claimed = await claim(tx, caller, paper.upload, now)
    # Sealed under the key of the subject it was announced for: it can become nobody else's paper.
    if claimed.subject != paper.subject:
        raise NotFound
    return claimed


async def _hold_room(tx: Tx, paper: Deposit, claimed: Claimed | None, safe: Safe) -> None:
    """The State's own papers always find room."""
    if claimed is not None and paper.origin is Origin.SELF:
        await hold_room(tx, paper.subject, claimed.size_bytes, safe.quota)


async def _same_bytes(tx: Tx, paper: Deposit, claimed: Claimed) -> _Twin | None:
    """The subject's valid paper of this type with these bytes. Two such deposits at once wait for each other.

    An officer may know that their agency certified these bytes, not open them again: the version is then None.
    """
    lock = int.from_bytes(claimed.sha256_index[:8], "big", signed=True)
    await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
    query = text("SELECT document_with_bytes(:subject, :type, :index)")
    given = {"subject": paper.subject, "type": paper.type, "index": claimed.sha256_index}
    found = await tx.scalar(query, given)
    document = await tx.get(Document, found, with_for_update=True) if found is not None else None
    if document is None:
        return None
    version = await tx.scalar(
        select(DocumentVersion).where(
            DocumentVersion.document_id == document.id, DocumentVersion.number == document.current
        )
    )
    return _Twin(document, version)


def _is_same(twin: _Twin, paper: Deposit, key: SubjectKey) -> Holding | None:
    """The twin, if nothing would be gained: as well attested, free to serve where this would, same claims."""
    document, version = twin.document, twin.version
    if version is None or document.level > paper.level or document.bound_to not in (None, paper.bound_to):
        return None
    opened = key.unwrap(version.wrapped_key, document.id, version.id, version.number)
    same = open_claims(version, opened) == orjson.loads(_plain(paper.claims))
    return to_holding(document, version) if same else None


def _document(paper: Deposit, now: datetime) -> Document:
    return Document(
        id=new_id(),
        subject_id=paper.subject,
        type=paper.type,
        origin=paper.origin,
        level=paper.level,
        status=Status.VALID,
        object_key=paper.object_key,
        bound_to=paper.bound_to,
        issuer_agency=paper.issuer_agency,
        register=paper.register,
        issued_on=paper.issued_on,
        valid_until=paper.valid_until,
        current=1,
        created_at=now,
        status_at=now,
    )


def _version(
    paper: Deposit,
    document: Document,
    claimed: Claimed | None,
    key: SubjectKey,
    caller: Caller,
    now: datetime,
) -> DocumentVersion:
    """The document's current version, its key wrapped for exactly this place."""
    version_key = _version_key(claimed, key)
    seen = paper.origin is Origin.DIGITISED
    return DocumentVersion(
        id=version_key.version,
        document_id=document.id,
        subject_id=paper.subject,
        number=document.current,
        deposited_at=now,
        deposited_in=paper.deposited_in,
        deposited_by=caller.id,
        media_type=claimed.media_type if claimed else None,
        size_bytes=claimed.size_bytes if claimed else 0,
        sha256_index=claimed.sha256_index if claimed else None,
        sealed_sha256=claimed.sealed_sha256 if claimed else None,
        blob=claimed.blob if claimed else None,
        wrapped_key=key.wrap(version_key, document.id, document.current),
        key_generation=key.generation,
        claims=version_key.seal(_plain(paper.claims), "claims"),
        claim_names=sorted(paper.claims),
        disputed=[],
        # Whoever digitised it had the original in hand: nobody needs to see it again.
        seen_at=now if seen else None,
        seen_by=caller.id if seen else None,
    )


def _version_key(claimed: Claimed | None, key: SubjectKey) -> VersionKey:
    if claimed is None:
        return key.new_version_key(new_id())
    return key.unwrap(claimed.wrapped_key, claimed.id, claimed.id, UNCLAIMED_NUMBER)


def _plain(claims: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(claims), option=orjson.OPT_SORT_KEYS)


async def _supersede(tx: Tx, former: UUID, successor: UUID, now: datetime) -> None:
    """A better or equally attested paper takes the former's place, even that of another agency's; else it stays."""
    given = {"former": former, "successor": successor, "now": now}
    await tx.execute(text("SELECT supersede_document(:former, :successor, :now)"), given)


async def _log(
    tx: Tx, caller: Caller, paper: Deposit, document: UUID, now: datetime, reason: str | None = None
) -> None:
    entry = ledger.Entry(
        kind="vault.deposit",
        subject_id=paper.subject,
        outcome="SUCCESS",
        purpose="deposit",
        legal_basis=_BASIS[paper.origin],
        claims=tuple(sorted(paper.claims)),
        documents=(document,),
        dossier_id=paper.deposited_in,
        reason=reason,
    )
    await ledger.record(tx, caller.actor, entry, now)


_BASIS: Mapping[Origin, str] = {
    Origin.SELF: "OWN",
    Origin.REGISTER: "OWN_REQUEST",
    Origin.DIGITISED: "LEGAL_DUTY",
    Origin.ISSUED: "LEGAL_DUTY",
}
