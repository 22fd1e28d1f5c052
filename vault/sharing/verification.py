"""Verifying a paper by a citizen's code, and what a live code tells the public.

A check that fails is a result, not a refusal: raising would roll back and refund the attempt. Nothing but the
claims its owner chose ever leaves here, never the paper's bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from auth.caller import Caller, GrantKind
from auth.errors import NotFound, TokenRefused
from auth.facts import ShareFacts
from auth.policy import Action, require
from auth.tokens import SHARE_RECEIPT
from store import ledger
from store.database import Tx
from store.log import pulse
from vault.holding import Origin, Status
from vault.opening import open_claims
from vault.records import Document, DocumentVersion, Share
from vault.safe import Safe
from vault.sharing.shares import code_hash, handle_of, receipt_of


class Fault(StrEnum):
    """Why a verdict is negative. UNKNOWN also stands for a code made for somebody else."""

    UNKNOWN = "unknown"
    LOCKED = "locked"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    SPENT = "spent"
    ALTERED = "altered"
    """The signed receipt or the sealed version is not what it was when the code was made."""
    NOT_IN_FORCE = "not_in_force"
    """The paper was revoked, superseded or removed: `status` says which."""
    EXPIRED = "expired"
    SELF_DECLARED = "self_declared"
    """Nobody but its owner vouches for the paper. Its chosen claims are shown all the same."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Four separate findings, and `valid` only when all are good. UNKNOWN where a check was not reached.

    `signature`: VALID or INVALID. `issuer_authority`: ISSUER, REGISTER, CERTIFIED or SELF_DECLARED. `status`:
    VALID, SUPERSEDED, REVOKED or REMOVED. `freshness`: CURRENT or EXPIRED. `issuer` is an agency's id. Claims
    only of a paper in force; never its bytes. `ledger_id` is the row that records the attempt.
    """

    valid: bool
    signature: str
    issuer_authority: str
    status: str
    freshness: str
    fault: Fault | None = None
    claims: Mapping[str, Any] | None = field(default=None, repr=False)
    disputed: frozenset[str] = frozenset()
    document_type: str | None = None
    issuer: UUID | None = None
    ledger_id: int = 0


@dataclass(frozen=True, slots=True)
class ShareTerms:
    """What a code permits whoever has opened it."""

    share: UUID
    subject: UUID
    claims: tuple[str, ...]
    uses_left: int


@dataclass(frozen=True, slots=True)
class PublicStatus:
    """What anyone holding a live code may see: whether the paper stands, never whose it is."""

    document_type: str
    status: str
    level: int
    issuer: UUID | None
    issued_on: date | None
    valid_until: date | None


async def redeem(
    tx: Tx, caller: Caller, code: str | None, safe: Safe, now: datetime, *, replayed: bool = False
) -> Verdict:
    """Verify a paper by its code, for the caller's agency; spends a use and is logged, whatever comes of it.

    `code` None: the code the caller's grant names, which they have shown before. `replayed`: the same request
    again, judged anew without spending a second use. Raises Unauthenticated or AccessDenied for callers who may
    verify nothing at all.
    """
    # (1) Who may verify at all, before anything about the code is looked at.
    require(caller, Action.VERIFY_DOCUMENT)
    (await pulse.heard(tx)).refuse_silence()
    # (2) Lock the share: its other uses and its withdrawal wait for this verdict.
    row = await _held(tx, code) if code is not None else await _granted(tx, caller)
    # (3) Audience. A code for another agency looks exactly like none to that agency; its owner's log has it. Who
    #     guessed at this one too often has lost it.
    fault = await _opened(tx, caller, row, code, now) if row is not None else Fault.UNKNOWN
    # (4) Withdrawn, lapsed, spent: judged under the lock. Then spend, whatever the checks below find.
    if row is None or fault is not None:
        return await _refuse(tx, caller, row, fault or Fault.UNKNOWN, now)
    ended = _ended(row, now, replayed)
    if ended is None and not (replayed or await _spend(tx, row, now)):
        ended = Fault.SPENT
    if ended is not None:
        return await _refuse(tx, caller, row, ended, now)
    # (5) Our signature over the share, and the sealed version still the one it was made for.
    found = await _shared(tx, row, now)
    if found is None or not _is_authentic(row, found[1], safe, now):
        return await _refuse(tx, caller, row, Fault.ALTERED, now)
    # (6) How the paper stands today; then only the claims chosen, and only of a paper in force.
    verdict = _judge(*found, now.astimezone(_VIETNAM).date())
    if verdict.fault in (None, Fault.SELF_DECLARED):
        verdict = replace(verdict, claims=await _chosen(row, *found, safe))
    # (7) Log.
    return replace(verdict, ledger_id=await _log(tx, caller, row, verdict, now))


async def open_code(tx: Tx, caller: Caller, code: str, now: datetime) -> ShareTerms | None:
    """What a live code would tell the caller, for a grant token in its place; spends no use. None for every other
    code, and the try is counted: commit either way. Raises as `redeem`."""
    require(caller, Action.VERIFY_DOCUMENT)
    row = await _held(tx, code)
    if row is None or await _opened(tx, caller, row, code, now) or _ended(row, now, replayed=False):
        return None
    return ShareTerms(row.id, row.subject_id, tuple(row.claims), row.max_uses - row.uses)


async def is_open(tx: Tx, caller: Caller, now: datetime) -> bool:
    """Whether the code the caller's grant names could still be redeemed by them. Spends nothing."""
    require(caller, Action.VERIFY_DOCUMENT)
    row = await _granted(tx, caller)
    return row is not None and _ended(row, now, replayed=False) is None


async def public_status(tx: Tx, code: str, now: datetime) -> PublicStatus | None:
    """What a live code says to anyone, without content and without spending a use; None for every other code."""
    secret = code_hash(code)
    row = (await tx.execute(text("SELECT * FROM share_by_secret(:secret)"), {"secret": secret})).one_or_none()
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    stands = await tx.execute(text("SELECT * FROM document_public_status(:id)"), {"id": row.document_id})
    found = stands.one_or_none()
    if found is None:
        return None
    return PublicStatus(
        found.type, found.status, found.level, found.issuer_agency, found.issued_on, found.valid_until
    )


_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_AUTHORITY: Mapping[Origin, str] = {
    Origin.ISSUED: "ISSUER",
    Origin.REGISTER: "REGISTER",
    Origin.DIGITISED: "CERTIFIED",
    Origin.SELF: "SELF_DECLARED",
}
_NOTHING_SEEN = Verdict(False, "UNKNOWN", "UNKNOWN", "UNKNOWN", "UNKNOWN")


def _is_authentic(row: Share, version: DocumentVersion, safe: Safe, now: datetime) -> bool:
    expected = receipt_of(row, version)
    try:
        signed = safe.receipts.verify(SHARE_RECEIPT, row.receipt, audience=expected["aud"], now=now)
    except TokenRefused:
        return False
    return all(signed.get(name) == value for name, value in expected.items())


def _ended(row: Share, now: datetime, replayed: bool) -> Fault | None:
    if row.revoked_at is not None:
        return Fault.WITHDRAWN
    if row.expires_at <= now:
        return Fault.LAPSED
    spent = row.uses < 1 if replayed else row.uses >= row.max_uses
    return Fault.SPENT if spent else None


def _judge(document: Document, version: DocumentVersion, today: date) -> Verdict:
    origin = Origin(document.origin)
    status = Status.SUPERSEDED if version.number != document.current else Status(document.status)
    current = document.valid_until is None or document.valid_until >= today
    fault = None
    if status is not Status.VALID:
        fault = Fault.NOT_IN_FORCE
    elif not current:
        fault = Fault.EXPIRED
    elif origin is Origin.SELF:
        fault = Fault.SELF_DECLARED
    return Verdict(
        valid=fault is None,
        signature="VALID",
        issuer_authority=_AUTHORITY[origin],
        status=status.name,
        freshness="CURRENT" if current else "EXPIRED",
        fault=fault,
        disputed=frozenset(version.disputed),
        document_type=document.type,
        issuer=document.issuer_agency,
    )


async def _held(tx: Tx, code: str) -> Share | None:
    """The share of this very code, locked. A wrong secret under its handle is counted against the caller."""
    statement = select(Share).from_statement(text("SELECT * FROM hold_share(:handle, :secret)"))
    fresh = statement.execution_options(populate_existing=True)
    row: Share | None = await tx.scalar(fresh, {"handle": handle_of(code), "secret": code_hash(code)})
    return row


async def _granted(tx: Tx, caller: Caller) -> Share | None:
    """The share the caller's grant names, locked: one whose code they have shown before."""
    if caller.grant is None or caller.grant.kind is not GrantKind.SHARE:
        return None
    statement = select(Share).from_statement(text("SELECT * FROM opened_share(:share)"))
    fresh = statement.execution_options(populate_existing=True)
    row: Share | None = await tx.scalar(fresh, {"share": caller.grant.id})
    return row


async def _opened(tx: Tx, caller: Caller, row: Share, code: str | None, now: datetime) -> Fault | None:
    """Why the code is not the caller's to redeem; None when it is, and from then on they have opened it."""
    if code is not None:
        opening = text("SELECT open_share(:share, :secret, :now)")
        given = {"share": row.id, "secret": code_hash(code), "now": now}
        if await tx.scalar(opening, given) == "locked":
            return Fault.LOCKED
    try:
        require(caller, Action.VERIFY_DOCUMENT, ShareFacts(row.subject_id, row.audience))
    except NotFound:
        return Fault.UNKNOWN
    return None


async def _spend(tx: Tx, row: Share, now: datetime) -> bool:
    spending = text("SELECT id FROM spend_share(:share, :now)")
    return (await tx.execute(spending, {"share": row.id, "now": now})).one_or_none() is not None


async def _shared(tx: Tx, row: Share, now: datetime) -> tuple[Document, DocumentVersion] | None:
    given = {"share": row.id, "now": now}
    documents = select(Document).from_statement(text("SELECT * FROM document_by_share(:share, :now)"))
    versions = select(DocumentVersion).from_statement(text("SELECT * FROM version_by_share(:share, :now)"))
    document: Document | None = await tx.scalar(documents, given)
    version: DocumentVersion | None = await tx.scalar(versions, given)
    return (document, version) if document is not None and version is not None else None


async def _chosen(row: Share, document: Document, version: DocumentVersion, safe: Safe) -> dict[str, Any]:
    async with safe.keys.opened(row.subject_id) as key:
        opened = key.unwrap(version.wrapped_key, document.id, version.id, version.number)
    claims = open_claims(version, opened)
    return {name: claims[name] for name in row.claims}


async def _refuse(tx: Tx, caller: Caller, row: Share | None, fault: Fault, now: datetime) -> Verdict:
    """A negative verdict, logged. Returned, never raised: the attempt stays spent and on record."""
    signature = "INVALID" if fault is Fault.ALTERED else "UNKNOWN"
    verdict = replace(_NOTHING_SEEN, fault=fault, signature=signature)
    return replace(verdict, ledger_id=await _log(tx, caller, row, verdict, now))


async def _log(tx: Tx, caller: Caller, row: Share | None, verdict: Verdict, now: datetime) -> int:
    entry = ledger.Entry(
        kind="share.redeemed",
        subject_id=row.subject_id if row else None,
        outcome="REFUSED" if verdict.fault else "SUCCESS",
        purpose="verification",
        legal_basis="CONSENT",
        claims=tuple(sorted(verdict.claims or {})),
        documents=(row.document_id,) if row else (),
        reason=verdict.fault.value if verdict.fault else None,
    )
    return await ledger.record(tx, caller.actor, entry, now)
