"""Codes a citizen hands to whoever must verify one paper: chosen claims, few uses, a short life.

The code is the permission: whoever holds it and is its audience may redeem it until it is spent, lapses or is
taken back. It rests only as a hash. Its first characters are a public handle: by it wrong secrets are counted, for
each who tries them. `vault.sharing.verification` redeems it.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import DocumentFacts, ShareFacts
from auth.policy import Action, reach, require
from auth.tokens import SHARE_RECEIPT
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.documents import sealed_digest
from vault.errors import ClaimUnknown, DocumentNotUsable, ShareRefused
from vault.holding import Status
from vault.records import Document, DocumentVersion, Share
from vault.safe import Safe

CODE_CHARACTERS: Final = 26
HANDLE_CHARACTERS: Final = 6
"""The rest is the secret: 100 random bits, with five tries for each who has the handle."""
MOST_USES: Final = 100
MOST_CLAIMS: Final = 50
LONGEST_SECONDS: Final = 7 * 24 * 3600
ANY_AGENCY: Final = "any"
"""The receipt's audience when the code is for whichever agency asks."""


@dataclass(frozen=True, slots=True)
class NewShare:
    """What a code will permit. Without claims it proves only that the paper stands. Default: once, ten minutes."""

    document: UUID
    claims: tuple[str, ...] = ()
    audience: UUID | None = None
    max_uses: int = 1
    expires_in_seconds: int = 600


@dataclass(frozen=True, slots=True)
class ShareView:
    """A code as its owner sees it again: never the code itself."""

    id: UUID
    subject: UUID
    document: UUID
    claims: tuple[str, ...]
    audience: UUID | None
    uses_left: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewCode:
    """The code, in the only moment it is known, and the share it opens."""

    share: ShareView
    code: str = field(repr=False)


async def create_share(tx: Tx, caller: Caller, wanted: NewShare, safe: Safe, now: datetime) -> NewCode:
    """Make a code for the current version of the caller's own valid paper; logged.

    Raises NotFound, DocumentNotUsable, ClaimUnknown, ShareRefused for limits.
    """
    document, version = await _own(tx, wanted.document)
    require(caller, Action.CREATE_SHARE, DocumentFacts(document.subject_id, document.issuer_agency))
    if document.status != Status.VALID:
        raise DocumentNotUsable(document.status)
    _check_limits(wanted)
    if unknown := set(wanted.claims) - set(version.claim_names):
        raise ClaimUnknown(tuple(sorted(unknown)))
    code = new_code()
    row = Share(
        id=new_id(),
        subject_id=document.subject_id,
        document_id=document.id,
        version_id=version.id,
        claims=sorted(set(wanted.claims)),
        audience=wanted.audience,
        handle=handle_of(code),
        secret_hash=code_hash(code),
        uses=0,
        max_uses=wanted.max_uses,
        created_at=now,
        expires_at=now + timedelta(seconds=wanted.expires_in_seconds),
    )
    row.receipt = safe.receipts.sign(
        SHARE_RECEIPT, receipt_of(row, version), lifetime=row.expires_at - now, now=now
    )
    tx.add(row)
    await tx.flush()
    await _log(tx, caller, row, "share.created", now)
    return NewCode(_view(row), code)


async def revoke_share(tx: Tx, caller: Caller, share_id: UUID, now: datetime) -> ShareView:
    """Take a code back: nothing is verified with it from this commit on. Again changes nothing. Raises NotFound."""
    row = await tx.get(Share, share_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound
    require(caller, Action.REVOKE_SHARE, ShareFacts(row.subject_id, row.audience))
    if row.revoked_at is None:
        row.revoked_at = now
        await tx.flush()
        await _log(tx, caller, row, "share.revoked", now)
    return _view(row)


async def my_shares(tx: Tx, caller: Caller, ids: Collection[UUID]) -> dict[UUID, ShareView]:
    """The caller's own shares among these, without their codes. Everyone else's are left out."""
    query = select(Share).where(Share.id.in_(ids), Share.subject_id.in_(reach(caller).subjects))
    return {row.id: _view(row) for row in await tx.scalars(query)}


async def shares_of(tx: Tx, caller: Caller, document_id: UUID) -> tuple[ShareView, ...]:
    """The newest hundred codes the caller's subjects made for one paper."""
    query = (
        select(Share)
        .where(Share.document_id == document_id, Share.subject_id.in_(reach(caller).subjects))
        .order_by(Share.id.desc())
        .limit(100)
    )
    return tuple(_view(row) for row in await tx.scalars(query))


def new_code() -> str:
    """130 random bits in Crockford's base 32: no letters a person mistakes for digits."""
    number = secrets.randbits(5 * CODE_CHARACTERS)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (CODE_CHARACTERS - 1), -1, -5))


def code_hash(code: str) -> bytes:
    """What a code is known by, however it was typed: case, spaces, hyphens, and O for 0, I or L for 1."""
    return hashlib.sha256(_typed(code).encode("utf-8", "surrogatepass")).digest()


def handle_of(code: str) -> str:
    """Which code it is, without its secret; empty for what has not the length of one."""
    typed = _typed(code)
    return typed[:HANDLE_CHARACTERS] if len(typed) == CODE_CHARACTERS and typed.isascii() else ""


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISTAKEN = str.maketrans("OIL", "011")


def _typed(code: str) -> str:
    return code.upper().replace("-", "").replace(" ", "").translate(_MISTAKEN)


def _check_limits(wanted: NewShare) -> None:
    if len(wanted.claims) > MOST_CLAIMS:
        raise ShareRefused("claims")
    if not 1 <= wanted.max_uses <= MOST_USES:
        raise ShareRefused("max_uses")
    if not 1 <= wanted.expires_in_seconds <= LONGEST_SECONDS:
        raise ShareRefused("expires_in_seconds")


def receipt_of(row: Share, version: DocumentVersion) -> dict[str, Any]:
    """What is signed: everything the code permits, and the digest of the sealed version it permits it for."""
    digest = sealed_digest(version.claims, version.sealed_sha256)
    return {
        "sub": str(row.subject_id),
        "aud": str(row.audience) if row.audience else ANY_AGENCY,
        "jti": str(row.id),
        "document": str(row.document_id),
        "version": str(row.version_id),
        "claims": list(row.claims),
        "max_uses": row.max_uses,
        "sealed_sha256": urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }


async def _own(tx: Tx, document_id: UUID) -> tuple[Document, DocumentVersion]:
    query = (
        select(Document, DocumentVersion)
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .where(Document.id == document_id, DocumentVersion.number == Document.current)
    )
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise NotFound
    return row.Document, row.DocumentVersion


async def _log(tx: Tx, caller: Caller, row: Share, kind: str, now: datetime) -> None:
    entry = ledger.Entry(
        kind=kind,
        subject_id=row.subject_id,
        outcome="SUCCESS",
        purpose="verification",
        legal_basis="CONSENT",
        claims=tuple(row.claims),
        documents=(row.document_id,),
    )
    await ledger.record(tx, caller.actor, entry, now)


def _view(row: Share) -> ShareView:
    return ShareView(
        row.id,
        row.subject_id,
        row.document_id,
        tuple(row.claims),
        row.audience,
        row.max_uses - row.uses,
        row.created_at,
        row.expires_at,
        row.revoked_at,
    )
