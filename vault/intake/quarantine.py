"""What arrived waits here until a malware scanner has called it clean; until then nothing can be made of it.

The bytes rest sealed, as everything does, and are opened only to be streamed to the scanner. One finding lets them
out, one destroys them; a scanner that is away, slow, killed in the middle or unintelligible finds nothing, and they
stay. Whoever sent them hears at once when the scanner is prompt, and by a notice when it was not. Without a scanner
configured nothing waits, and the row says that nobody looked.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from auth.errors import NotFound
from connectors.errors import ScannerSilent
from connectors.malware import Finding
from store import ledger, outbox
from store.database import Actor, Tx
from vault.errors import TamperedContent
from vault.intake.legs import Dock
from vault.intake.uploads import LIFETIME, UNCLAIMED_NUMBER, Verdict
from vault.records import Upload
from vault.safe import Safe
from vault.sealing.keys import VersionKey

PROMPT_SECONDS: Final = 20.0
"""How long whoever sent the last byte waits for the finding. Its proxy waits longer."""
PATIENT_SECONDS: Final = 120.0
"""How long the loop does, for one upload."""
LEASE: Final = timedelta(seconds=PATIENT_SECONDS + 30)
"""How long one scan has an upload to itself: whoever dies over it loses it then."""
LONGEST_DELAY: Final = timedelta(minutes=10)
KEPT: Final = timedelta(days=7)
"""How long quarantine lasts at most: the long holidays. What nobody could scan by then is swept unused."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Due to be scanned again; taken by one loop for LEASE. `scans`: which attempt this is."""

    upload: UUID
    scans: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many uploads are in quarantine, up to a limit, and since when the one that came first."""

    uploads: int
    oldest: datetime | None


async def examine(dock: Dock, upload: UUID, *, late: bool = False) -> Verdict:
    """Have an upload that arrived scanned, and act on the finding; what is known of it then.

    `late`: nobody waits at the other end, so its sender is told by a notice. Raises NotFound, TamperedContent,
    BlobMissing, StorageFailed; without a finding it is WAITING, and due again when the caller says so.
    """
    actor = Actor("upload", upload)
    async with dock.database.reading(actor) as tx:
        row = await tx.get(Upload, upload)
    if row is None:
        raise NotFound
    if row.verdict != Verdict.WAITING or dock.safe.scanner is None:
        return Verdict(row.verdict or Verdict.WAITING)
    try:
        finding = await dock.safe.scanner.scan(
            _plaintext(row, dock.safe), PATIENT_SECONDS if late else PROMPT_SECONDS
        )
    except ScannerSilent:
        if late:
            raise
        return await _hold_back(dock, upload)
    return await _let_out(dock, upload, late) if finding is Finding.CLEAN else await _destroy(dock, upload)


async def take_due(tx: Tx, now: datetime, most: int) -> tuple[Quarantined, ...]:
    """Uploads to scan again, each for this caller alone until LEASE is over. For the loops' role; commit first."""
    taking = text("SELECT * FROM take_quarantined(:now, :again_at, :most)")
    rows = await tx.execute(taking, {"now": now, "again_at": now + LEASE, "most": most})
    return tuple(Quarantined(row.id, row.scans) for row in rows)


async def scan_later(dock: Dock, one: Quarantined) -> None:
    """Scan it again later, later each time."""
    delay = min(timedelta(seconds=2 ** min(one.scans, 10)), LONGEST_DELAY)
    async with dock.database.writing(Actor("upload", one.upload)) as tx:
        row = await _waiting(tx, one.upload)
        if row is not None:
            row.scan_at = dock.clock() + delay


async def quarantine_backlog(tx: Tx, most: int) -> Waiting:
    """What waits, for the operator's figures. For the loops' role."""
    row = (await tx.execute(text("SELECT * FROM quarantine_backlog(:most)"), {"most": most})).one()
    return Waiting(row.waiting, row.oldest)


async def _plaintext(row: Upload, safe: Safe) -> AsyncIterator[bytes]:
    """The upload's bytes, as the scanner is to see them: those that were judged and hashed on arrival, and all."""
    if row.blob is None or row.sealed_sha256 is None or row.subject_id is None:
        raise TamperedContent
    key = await _key_of(row, row.subject_id, safe)
    digest, opening = sha256(), key.opening()
    async with safe.blobs.reading(row.blob) as file:
        async for sealed in file.chunks():
            opened = opening.update(sealed)
            digest.update(opened)
            yield opened
    opened = opening.finish()
    digest.update(opened)
    # Before the last of it is handed over: a scan that breaks off finds nothing.
    if not compare_digest(digest.digest(), key.open(row.sealed_sha256, "sha256")):
        raise TamperedContent
    yield opened


async def _key_of(row: Upload, subject: UUID, safe: Safe) -> VersionKey:
    async with safe.keys.opened(subject) as key:
        return key.unwrap(row.wrapped_key or b"", row.id, row.id, UNCLAIMED_NUMBER)


async def _hold_back(dock: Dock, upload: UUID) -> Verdict:
    """No finding while its sender waited: on record, due at once for the loop, and longer-lived for waiting."""
    async with dock.database.writing(Actor("upload", upload)) as tx:
        row = await _waiting(tx, upload)
        if row is None:
            return await _verdict(tx, upload)
        now = dock.clock()
        row.scan_at, row.expires_at = now, max(row.expires_at, now + KEPT)
        await _log(tx, row, "vault.quarantine", "WAITING", now)
    return Verdict.WAITING


async def _let_out(dock: Dock, upload: UUID, late: bool) -> Verdict:
    async with dock.database.writing(Actor("upload", upload)) as tx:
        row = await _waiting(tx, upload)
        if row is None:
            return await _verdict(tx, upload)
        now = dock.clock()
        row.verdict, row.scan_at = Verdict.CLEAN, None
        if late:
            # Its day was spent in here: it has another one to be used in.
            row.expires_at = now + LIFETIME
            await _tell(tx, row, now)
    return Verdict.CLEAN


async def _destroy(dock: Dock, upload: UUID) -> Verdict:
    """Its key and digest go with the commit, which leaves a file nobody can open; then that goes too."""
    async with dock.database.writing(Actor("upload", upload)) as tx:
        row = await _waiting(tx, upload)
        if row is None:
            return await _verdict(tx, upload)
        now, blob = dock.clock(), row.blob
        row.verdict, row.scan_at = Verdict.INFECTED, None
        row.blob = row.wrapped_key = row.key_generation = row.sealed_sha256 = None
        await _log(tx, row, "vault.infected", "REFUSED", now)
        await _tell(tx, row, now)
    if blob is not None:
        await dock.safe.blobs.remove(blob)
    return Verdict.INFECTED


async def _waiting(tx: Tx, upload: UUID) -> Upload | None:
    """The upload's row, held; None when another finding was quicker or it is gone."""
    query = select(Upload).where(Upload.id == upload, Upload.verdict == Verdict.WAITING).with_for_update()
    row: Upload | None = await tx.scalar(query.execution_options(populate_existing=True))
    return row


async def _verdict(tx: Tx, upload: UUID) -> Verdict:
    known = await tx.scalar(select(Upload.verdict).where(Upload.id == upload))
    if known is None:
        raise NotFound
    return Verdict(known)


async def _tell(tx: Tx, row: Upload, now: datetime) -> None:
    """Its sender hears of it, by a notice. Officers see the answer of what they try next."""
    if row.agency_id is None:
        told = {"person": str(row.created_by), "infected": row.verdict == Verdict.INFECTED}
        await outbox.put(tx, "upload.judged", told, now)


async def _log(tx: Tx, row: Upload, kind: str, outcome: str, now: datetime) -> None:
    entry = ledger.Entry(
        kind=kind,
        subject_id=row.subject_id,
        outcome=outcome,
        purpose="intake",
        legal_basis="OWN" if row.agency_id is None else "LEGAL_DUTY",
        dossier_id=row.dossier_id,
    )
    await ledger.record(tx, Actor("upload", row.id), entry, now)
