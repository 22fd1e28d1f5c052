"""Papers of one person with every version, and their original bytes, to be handed over to them.

Rows are told as plain mappings by the names they have in the exported file, newest first, after the id of the last
one told. Nothing here asks who may: `dossiers.export` has, and its transactions see this one person's rows alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from store.database import Tx
from vault.errors import TamperedContent
from vault.notes import UNREADABLE, notes_about
from vault.opening import OpenContent, open_claims, open_content
from vault.records import Document, DocumentVersion
from vault.safe import Safe
from vault.sealing.keys import SubjectKey, VersionKey

Told = Mapping[str, Any]
"""One row as its person reads it. `id` is what the next page goes on from."""

_DISPUTE = "dispute:"


@dataclass(frozen=True, slots=True)
class Original:
    """A version with bytes. `_key` is None when it does not unwrap: the bytes cannot be opened then."""

    document: UUID
    version: UUID
    number: int
    media_type: str
    size_bytes: int
    _row: DocumentVersion = field(repr=False)
    _key: VersionKey | None = field(repr=False)

    async def open(self, safe: Safe) -> OpenContent:
        """Its bytes, read through once and found whole. Raises TamperedContent, BlobMissing, StorageFailed."""
        if self._key is None:
            raise TamperedContent
        return await open_content(self._row, self._key, safe)


async def documents(tx: Tx, subject: UUID, after: UUID | None, limit: int, safe: Safe) -> list[Told]:
    """Every paper, revoked, replaced and removed ones among them. Raises SubjectShredded."""
    query = select(Document).where(Document.subject_id == subject)
    if after is not None:
        query = query.where(Document.id < after)
    rows = (await tx.scalars(query.order_by(Document.id.desc()).limit(limit))).all()
    words = await notes_about(tx, subject, [row.id for row in rows], safe)
    return [
        {
            "id": row.id,
            "type": row.type,
            "origin": row.origin,
            "level": row.level,
            "status": row.status,
            "statusSince": row.status_at,
            "statusReason": row.status_reason,
            "issuer": row.issuer_agency,
            "register": row.register,
            "issuedOn": row.issued_on,
            "validUntil": row.valid_until,
            "currentVersion": row.current,
            "supersededBy": row.superseded_by,
            "onlyForDossier": row.bound_to,
            "createdAt": row.created_at,
            "revocation": words.get(row.id, {}).get("revocation"),
        }
        for row in rows
    ]


async def versions(tx: Tx, subject: UUID, after: UUID | None, limit: int, safe: Safe) -> list[Told]:
    """Every version with what it states and what its person called wrong. Claims that do not open are UNREADABLE,
    those of a removed paper None. Raises SubjectShredded."""
    query = select(DocumentVersion, Document.type, Document.origin, Document.level).join(
        Document, Document.id == DocumentVersion.document_id
    )
    query = query.where(DocumentVersion.subject_id == subject)
    if after is not None:
        query = query.where(DocumentVersion.id < after)
    rows = (await tx.execute(query.order_by(DocumentVersion.id.desc()).limit(limit))).all()
    words = await notes_about(tx, subject, [row.DocumentVersion.id for row in rows], safe)
    async with safe.keys.opened(subject) as key:
        return [
            {
                **_version(row.DocumentVersion, words.get(row.DocumentVersion.id, {})),
                "type": row.type,
                "source": row.origin,
                "level": row.level,
                "claims": _claims(row.DocumentVersion, key),
            }
            for row in rows
        ]


async def originals(tx: Tx, subject: UUID, after: UUID | None, limit: int, safe: Safe) -> list[Original]:
    """Versions with bytes, each with its own key; the person's key is gone when this returns."""
    query = select(DocumentVersion).where(
        DocumentVersion.subject_id == subject,
        DocumentVersion.blob.is_not(None),
        DocumentVersion.media_type.is_not(None),
    )
    if after is not None:
        query = query.where(DocumentVersion.id < after)
    rows = (await tx.scalars(query.order_by(DocumentVersion.id.desc()).limit(limit))).all()
    async with safe.keys.opened(subject) as key:
        return [
            Original(
                row.document_id,
                row.id,
                row.number,
                row.media_type or "",
                row.size_bytes,
                row,
                _unwrapped(row, key),
            )
            for row in rows
        ]


def _version(row: DocumentVersion, words: Mapping[str, Any]) -> dict[str, Any]:
    corrections = [
        {"claim": kind.removeprefix(_DISPUTE), "said": said}
        for kind, said in sorted(words.items())
        if kind.startswith(_DISPUTE)
    ]
    return {
        "id": row.id,
        "document": row.document_id,
        "number": row.number,
        "depositedAt": row.deposited_at,
        "depositedInDossier": row.deposited_in,
        "mediaType": row.media_type,
        "sizeBytes": row.size_bytes,
        "originalSeenAt": row.seen_at,
        "corrections": corrections,
    }


def _claims(row: DocumentVersion, key: SubjectKey) -> Any:
    if not row.wrapped_key:
        return None
    try:
        version_key = key.unwrap(row.wrapped_key, row.document_id, row.id, row.number)
        values = open_claims(row, version_key)
    except TamperedContent:
        return UNREADABLE
    return [
        {"name": name, "value": values[name], "disputed": name in row.disputed} for name in sorted(values)
    ]


def _unwrapped(row: DocumentVersion, key: SubjectKey) -> VersionKey | None:
    try:
        return key.unwrap(row.wrapped_key, row.document_id, row.id, row.number)
    except TamperedContent:
        return None
