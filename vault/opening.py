"""Opening a version: its claims, and its bytes authenticated before the first one is handed out.

Used by `vault.disclosure` for others and here for owners themselves.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import DocumentFacts
from auth.policy import Action, require
from store import ledger
from store.database import Tx
from vault.errors import DocumentNotUsable, SubjectShredded, TamperedContent
from vault.holding import Status
from vault.records import Document, DocumentVersion
from vault.safe import Safe
from vault.sealing.blob_files import SealedFile
from vault.sealing.envelope import HEADER_BYTES, Span, span_of
from vault.sealing.keys import VersionKey


@dataclass(frozen=True, slots=True)
class OpenContent:
    """Bytes of one version, found whole and not yet sent. Streams from the very file that was checked.

    Whoever holds it either streams it or closes it. From `reopen_own` only its segments are checked, as they are
    streamed.
    """

    media_type: str
    size_bytes: int
    version: UUID
    _file: SealedFile = field(repr=False)
    _key: VersionKey = field(repr=False)

    async def stream(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The plaintext in order, from `start` up to `stop`. Only after COMMIT: until then the log row that
        accounts for it may vanish.

        Only the segments the range lies in are read, and each proves itself and its place before any of it is
        given out. Raises TamperedContent if the file is not as it was sealed.
        """
        stop = self.size_bytes if stop is None else stop
        try:
            async for opened in _opened(self._file, self._key, span_of(start, stop, self.size_bytes)):
                piece = opened[: stop - start]
                start += len(piece)
                if piece:
                    yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Closing again changes nothing."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What was disclosed, and the log row that says so. `disputed`: claims their person calls wrong.

    `has_content`: there are bytes, and they may be opened under the same basis; `content` only when asked for.
    """

    claims: Mapping[str, Any] = field(repr=False)
    disputed: frozenset[str]
    has_content: bool
    content: OpenContent | None
    ledger_id: int


async def open_own(tx: Tx, caller: Caller, document_id: UUID, safe: Safe, now: datetime) -> Disclosed:
    """The current version of the caller's own (or their ward's) document, with every claim and its bytes.

    Logged like any other reading: a stolen session leaves a trace its owner can see. Raises NotFound,
    DocumentNotUsable when removed, TamperedContent.
    """
    found = await _current(tx, document_id)
    if found is None:
        raise NotFound
    document, version = found
    require(caller, Action.OPEN_DOCUMENT, DocumentFacts(document.subject_id, document.issuer_agency))
    refuse_removed(document)
    entry = ledger.Entry(
        kind="vault.read",
        subject_id=document.subject_id,
        outcome="SUCCESS",
        purpose="own",
        legal_basis="OWN",
        claims=tuple(sorted(version.claim_names)),
        documents=(document.id,),
    )
    ledger_id = await ledger.record(tx, caller.actor, entry, now)
    async with safe.keys.opened(document.subject_id) as key:
        version_key = key.unwrap(version.wrapped_key, document.id, version.id, version.number)
    claims = open_claims(version, version_key)
    content = await open_content(version, version_key, safe) if version.blob else None
    return Disclosed(claims, frozenset(version.disputed), content is not None, content, ledger_id)


async def reopen_own(tx: Tx, caller: Caller, document_id: UUID, version_id: UUID, safe: Safe) -> OpenContent:
    """More of the bytes of a version the caller opened a moment ago, under the log line written then.

    Raises NotFound, DocumentNotUsable when removed since, BlobMissing.
    """
    found = await _current(tx, document_id, version_id)
    if found is None:
        raise NotFound
    document, version = found
    require(caller, Action.OPEN_DOCUMENT, DocumentFacts(document.subject_id, document.issuer_agency))
    refuse_removed(document)
    if version.blob is None or version.media_type is None:
        raise DocumentNotUsable(document.status)
    async with safe.keys.opened(document.subject_id) as key:
        version_key = key.unwrap(version.wrapped_key, document.id, version.id, version.number)
    file = await safe.blobs.open(version.blob)
    return OpenContent(version.media_type, version.size_bytes, version.id, file, version_key)


def refuse_removed(document: Document) -> None:
    """Raises DocumentNotUsable for what its person took out, SubjectShredded for what went with their key."""
    if document.status == Status.REMOVED:
        raise SubjectShredded if document.status_reason == "shredded" else DocumentNotUsable(document.status)


def open_claims(version: DocumentVersion, key: VersionKey) -> dict[str, Any]:
    """Every claim of a version, by name. Raises TamperedContent."""
    claims = orjson.loads(key.open(version.claims, "claims"))
    # The names stand in clear beside the sealed values; whoever edits them must not change what is disclosed.
    if not isinstance(claims, dict) or claims.keys() != set(version.claim_names):
        raise TamperedContent
    return claims


async def open_content(version: DocumentVersion, key: VersionKey, safe: Safe) -> OpenContent:
    """The version's file, read through once and found whole. Raises TamperedContent, BlobMissing."""
    if version.blob is None or version.media_type is None or version.sealed_sha256 is None:
        raise TamperedContent
    file = await safe.blobs.open(version.blob)
    try:
        digest, size_bytes, opening = sha256(), 0, key.opening()
        async for sealed in file.chunks():
            opened = opening.update(sealed)
            digest.update(opened)
            size_bytes += len(opened)
        opened = opening.finish()
        digest.update(opened)
        # Segments prove themselves; the digest proves they are the ones this row was written for.
        if not compare_digest(digest.digest(), key.open(version.sealed_sha256, "sha256")):
            raise TamperedContent
    except BaseException:
        file.close()
        raise
    return OpenContent(version.media_type, size_bytes + len(opened), version.id, file, key)


async def _opened(file: SealedFile, key: VersionKey, span: Span) -> AsyncIterator[bytes]:
    """The plaintext of a span, without what lies before its range."""
    opening, skip = key.opening(first=span.first), span.skip
    async for header in file.chunks(0, HEADER_BYTES):
        opening.update(header)
    missing = span.sealed_stop - span.sealed_start
    async for sealed in file.chunks(span.sealed_start, span.sealed_stop):
        missing -= len(sealed)
        opened = opening.update(sealed)
        yield opened[skip:]
        skip = max(0, skip - len(opened))
    if missing:
        raise TamperedContent
    yield (opening.finish() if span.at_end else opening.stop())[skip:]


async def _current(
    tx: Tx, document_id: UUID, version_id: UUID | None = None
) -> tuple[Document, DocumentVersion] | None:
    """The document with its current version, or with this one of its versions."""
    wanted = (
        DocumentVersion.number == Document.current if version_id is None else DocumentVersion.id == version_id
    )
    query = (
        select(Document, DocumentVersion)
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .where(Document.id == document_id, wanted)
    )
    row = (await tx.execute(query)).one_or_none()
    return (row.Document, row.DocumentVersion) if row else None
