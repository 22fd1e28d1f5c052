"""Proof that a restored vault opens: every version of every paper, every segment of its file, in constant memory."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from store.database import Actor, Database
from vault.errors import BlobMissing, SubjectShredded, TamperedContent
from vault.opening import open_claims, open_content
from vault.records import DocumentVersion
from vault.safe import Safe

OWNER: Final = Actor("owner")
AT_ONCE: Final = 100

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """How many versions opened, how many have no key any more (removed, or their person's destroyed), and which do
    not open."""

    whole: int
    gone: int
    damaged: tuple[UUID, ...]


async def open_everything(owner: Database, safe: Safe, told: Told) -> Opened:
    """Open every version.

    Raises KeyMissing (a person's key, or the root key above it, is not there), StorageFailed.
    """
    whole = gone = 0
    damaged: list[UUID] = []
    async with owner.reading(OWNER) as tx:
        total = (await tx.scalars(select(func.count()).select_from(DocumentVersion))).one()
    async for version in _versions(owner):
        try:
            await _open(version, safe)
            whole += 1
        except SubjectShredded:
            gone += 1
        except (TamperedContent, BlobMissing):
            damaged.append(version.id)
        told(whole + gone + len(damaged), total)
    return Opened(whole, gone, tuple(damaged))


async def _open(version: DocumentVersion, safe: Safe) -> None:
    async with safe.keys.opened(version.subject_id) as key:
        if not version.wrapped_key:
            # Its key went with its person's, or with the paper; nothing of it is left to open.
            raise SubjectShredded
        version_key = key.unwrap(version.wrapped_key, version.document_id, version.id, version.number)
    open_claims(version, version_key)
    if version.blob is not None:
        (await open_content(version, version_key, safe)).close()


async def _versions(owner: Database) -> AsyncIterator[DocumentVersion]:
    last = UUID(int=0)
    while True:
        page = select(DocumentVersion).where(DocumentVersion.id > last).order_by(DocumentVersion.id)
        async with owner.reading(OWNER) as tx:
            found = (await tx.scalars(page.limit(AT_ONCE))).all()
        for version in found:
            yield version
        if not found:
            return
        last = found[-1].id
