"""What must hold of rows and files whatever was killed: every reference leads somewhere, every sealed file opens.

Looks from below, as the owner of the tables with the platform's own key ring, at what the API would not show.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Uuid, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from store.embedded import Servers
from store.records import Record
from vault.intake.uploads import UNCLAIMED_NUMBER
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys, SubjectKey

for room in ("auth", "vault", "procedures", "dossiers"):
    import_module(f"{room}.records")  # declares the room's tables

OPAQUE: Final = frozenset(
    {
        # Things that have no row of their own, or names of people whose rows are of several kinds.
        *("documents.object_key", "dossier_asks.object_key", "past_requests.key", "past_requests.made"),
        *("uploads.created_by", "document_versions.deposited_by", "document_versions.seen_by"),
        *("consents.given_by", "consent_events.by", "dossier_events.actor_id", "dossier_asks.asked_by"),
        *(
            "ledger.actor_id",
            "ledger.query_id",
            "sealed_notes.owner_ref",
            "mandates.actor_id",
            "sessions.holder_id",
        ),
        "erasure_requests.ended_by",
        *("assisted_sheets.typed_by", "assisted_sheets.confirmed_by"),
        *("passkeys.holder_id", "passkeys.model", "key_ceremonies.holder_id"),
        *("number_tries.caller_id", "changes.thing"),
        *("proxies.actor_id", "proxies.ended_by"),
        # What an app was given a session for is kept a while longer than the session, to know a code used twice.
        "app_requests.session_id",
    }
)
"""Columns of ids that lead to no one table."""

LEADS: Final[dict[str, str]] = {
    "subject_id": "subjects.id",
    "applicant_id": "subjects.id",
    "filer_id": "subjects.id",
    "merged_into": "subjects.id",
    "document_id": "documents.id",
    "superseded_by": "documents.id",
    "grantor_id": "subjects.id",
    "proof_id": "documents.id",
    "version_id": "document_versions.id",
    "answered_by": "document_versions.id",
    "unfit_version": "document_versions.id",
    "consent_id": "consents.id",
    "dossier_id": "dossiers.id",
    "bound_to": "dossiers.id",
    "deposited_in": "dossiers.id",
    "purpose_ref": "dossiers.id",
    "override_id": "dossier_overrides.id",
    "agency_id": "agencies.id",
    "issuer_agency": "agencies.id",
    "recipient_agency": "agencies.id",
    "audience": "agencies.id",
    "officer_id": "officers.id",
    "system_id": "officers.id",
    "share_id": "shares.id",
    "ledger_id": "ledger.id",
}
"""Where a column of this name leads, in whatever table it stands."""

LOOSE: Final[dict[str, str]] = {
    "a current version of its document": """SELECT id FROM documents d WHERE NOT EXISTS
        (SELECT FROM document_versions v WHERE v.document_id = d.id AND v.number = d.current)""",
    "the version of the document it names": """SELECT id FROM dossier_evidence e WHERE version_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM document_versions v
            WHERE v.id = e.version_id AND v.document_id = e.document_id)""",
    "the consent it rests on": """SELECT id FROM dossier_evidence
        WHERE legal_basis = 'CONSENT' AND pinned_at IS NOT NULL AND consent_id IS NULL""",
    "the versions agreed to": """SELECT c.id FROM consents c, jsonb_array_elements(c.items) item
        WHERE item ->> 'version' IS NOT NULL AND NOT EXISTS
        (SELECT FROM document_versions v WHERE v.id::text = item ->> 'version')""",
    "the document a claimed upload became": """SELECT id FROM uploads u WHERE claimed_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM document_versions v WHERE v.id = u.id)""",
    "somebody who called it clean": """SELECT id FROM uploads WHERE claimed_at IS NOT NULL
        AND verdict NOT IN ('clean', 'unscanned')""",
    "the papers its vault is charged with": """SELECT u.subject_id FROM vault_usage u WHERE (u.documents, u.bytes) <>
        (SELECT count(*), coalesce(sum(v.size_bytes), 0)
            FROM document_versions v JOIN documents d ON d.id = v.document_id
            WHERE v.subject_id = u.subject_id AND d.origin = 'self' AND v.blob IS NOT NULL)""",
    "everything a submission brings": """SELECT id FROM dossiers WHERE status > 0 AND
        (code IS NULL OR submitted_at IS NULL)""",
    "the log line of a submission": """SELECT id FROM dossiers d WHERE code IS NOT NULL AND NOT EXISTS
        (SELECT FROM ledger l WHERE l.dossier_id = d.id AND l.kind = 'dossier.submitted')""",
    "the log line of a withdrawal": """SELECT id FROM consents c WHERE status = 'WITHDRAWN' AND NOT EXISTS
        (SELECT FROM ledger l WHERE l.consent_id = c.id AND l.kind = 'consent.withdrawn')""",
}
"""Rows that lack something no single column says."""

SEALED: Final = """
    SELECT sealed.*, EXISTS (SELECT FROM shreddings s WHERE s.subject_id = sealed.subject_id) AS destroyed FROM (
    SELECT subject_id, blob, wrapped_key, document_id AS document, id AS version, number, sealed_sha256, size_bytes
    FROM document_versions WHERE blob IS NOT NULL
    UNION ALL
    SELECT subject_id, blob, wrapped_key, id, id, :unclaimed, sealed_sha256, size_bytes
    FROM uploads WHERE blob IS NOT NULL AND claimed_at IS NULL) sealed
"""


@dataclass(frozen=True, slots=True)
class Below:
    """A running platform from below."""

    owner: AsyncEngine
    keys_owner: AsyncEngine
    keys: Keys
    blobs: LocalBlobs

    async def dangling(self) -> list[str]:
        """References that lead nowhere, and rows that lack what belongs to them."""
        found = []
        async with self.owner.connect() as connection:
            for column, target in references().items():
                table, _, name = column.partition(".")
                aim, _, key = target.partition(".")
                reached = f"SELECT FROM {aim} b WHERE b.{key} = a.{name}"
                loose = (
                    f"SELECT count(*) FROM {table} a WHERE a.{name} IS NOT NULL AND NOT EXISTS ({reached})"
                )
                if count := await connection.scalar(text(loose)):
                    found.append(f"{count} of {column} lead nowhere")
            for what, query in LOOSE.items():
                rows = (await connection.scalars(text(query))).all()
                found += [f"{row} lacks {what}" for row in rows]
        return found

    async def keyless(self) -> list[UUID]:
        """Subjects whose key is not there, and was not to be destroyed: nothing of theirs could ever be read."""
        kept = "SELECT id FROM subjects EXCEPT SELECT subject_id FROM shreddings"
        async with self.owner.connect() as connection:
            subjects = set((await connection.scalars(text(kept))).all())
        async with self.keys_owner.connect() as connection:
            living = "SELECT subject_id FROM subject_keys WHERE destroyed_at IS NULL"
            return sorted(subjects - set((await connection.scalars(text(living))).all()))

    async def named_blobs(self) -> set[str]:
        """Sealed files that rows name."""
        return {row.blob for row in await self._sealed()}

    async def authenticate(self, but: set[str]) -> set[str]:
        """Open every sealed file that rows name, `but` those already seen and those of people whose key was to be
        destroyed; returns the names."""
        rows = [row for row in await self._sealed() if row.blob not in but and not row.destroyed]
        async with self.keys.opened_together({row.subject_id for row in rows}) as keys:
            for row in rows:
                await self._authenticate(row, keys[row.subject_id])
        return {row.blob for row in rows}

    async def _sealed(self) -> list[Any]:
        async with self.owner.connect() as connection:
            return list(await connection.execute(text(SEALED), {"unclaimed": UNCLAIMED_NUMBER}))

    async def _authenticate(self, row: Any, subject_key: SubjectKey) -> None:
        key = subject_key.unwrap(row.wrapped_key, row.document, row.version, row.number)
        opening, size = key.opening(), 0
        async with self.blobs.reading(row.blob) as file:
            async for sealed in file.chunks():
                size += len(opening.update(sealed))
        assert size + len(opening.finish()) == row.size_bytes
        assert len(key.open(row.sealed_sha256, "sha256")) == 32


@asynccontextmanager
async def look_below(servers: Servers, data: Path) -> AsyncIterator[Below]:
    owner = create_async_engine(servers.owner_url, poolclass=NullPool)
    keys_owner = create_async_engine(servers.keys_owner_url, poolclass=NullPool)
    keys = Keys(servers.keys_url, LocalKeyRing(data / "keys" / "root.json"), pool_size=1)
    try:
        yield Below(owner, keys_owner, keys, LocalBlobs(data / "blobs"))
    finally:
        await keys.close()
        await owner.dispose()
        await keys_owner.dispose()


def references() -> dict[str, str]:
    """Every column that leads to a row and that no foreign key holds, with where it leads.

    Fails for a column of ids nobody has said anything about.
    """
    found = {}
    for table in Record.metadata.tables.values():
        for column in table.columns:
            name = f"{table.name}.{column.name}"
            held = column.foreign_keys or (column.primary_key and column.name == "id")
            if held or name in OPAQUE:
                continue
            if column.name in LEADS:
                if LEADS[column.name] != name:
                    found[name] = LEADS[column.name]
            else:
                assert not isinstance(column.type, Uuid), f"{name}: does it lead anywhere?"
    return found
