"""The file itself: put together entry by entry while it is sent.

Papers are opened as any reading opens them, whole and authentic before a byte of theirs leaves. One that is not
leaves a gap with a reason, in its version's record and in the manifest; everything else is still its person's to
have. A failing disk and whatever else goes wrong break the file off.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from auth.caller import Caller
from auth.passkeys.registry import own_passkeys
from auth.sessions import own_sessions
from dossiers.case import Office
from dossiers.export.archive import Archive, Entry
from dossiers.export.leaflet import LEAFLET
from dossiers.export.sections import (
    LOG,
    LOG_COLUMNS,
    PAGE,
    SECTIONS,
    VERSIONS,
    Asked,
    Section,
    devices,
    log_cells,
    page,
    profile,
)
from dossiers.export.tables import MARK, line
from store.database import Actor, Database, Tx
from vault.errors import BlobMissing, TamperedContent
from vault.export.papers import Original, originals
from vault.notes import UNREADABLE

FORMAT: Final = 1
"""Grows when a reader of the file must know more."""
_ENDINGS: Final = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
LATER: Final = "LATER"
"""Of a paper that came while the file was made, after its bytes would have gone in."""
_FAULTS: Final = {TamperedContent: "UNREADABLE", BlobMissing: "MISSING"}


@dataclass(frozen=True, slots=True)
class Export:
    """An export that was begun: written down, and its person told."""

    caller: Caller
    subject: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Workshop:
    """With what exports are put together. `on_fault` hears of every paper that does not open, for the operator."""

    database: Database
    office: Office
    clock: Callable[[], datetime]
    on_fault: Callable[[Exception], None]


def file_name(document: UUID, number: int, media_type: str | None) -> str:
    """Where in the file a version's bytes lie: made of nothing anybody wrote."""
    return f"documents/{document}/v{number}.{_ENDINGS.get(media_type or '', 'bin')}"


@dataclass(slots=True)
class Making:
    """One file being made."""

    export: Export
    workshop: Workshop
    archive: Archive = field(init=False)
    entries: dict[str, Entry] = field(default_factory=dict)
    faults: list[dict[str, str]] = field(default_factory=list)
    missing: dict[UUID, str] = field(default_factory=dict)
    """Versions whose bytes did not open, with why."""

    def __post_init__(self) -> None:
        self.archive = Archive(self.export.at)

    @property
    def asked(self) -> Asked:
        return Asked(self.export.subject, self.workshop.office, self.export.at)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        yield self._put("README.txt", LEAFLET.encode())
        async with self._reading() as tx:
            who, wakes = await profile(tx, self.asked), await devices(tx, self.asked)
        yield self._put("profile.json", self._json(who, "profile.json"))
        if self.export.subject == self.export.caller.id:
            account = {"sessions": await self._sessions(), "passkeys": await self._passkeys(), **wakes}
            yield self._put("account.json", self._json(account, "account.json"))
        async with aclosing(self._papers()) as papers:
            async for piece in papers:
                yield piece
        for section in SECTIONS:
            async with aclosing(self._list(section)) as listed:
                async for piece in listed:
                    yield piece
        async with aclosing(self._table()) as listed:
            async for piece in listed:
                yield piece
        yield self._put("manifest.json", self._manifest())
        self.archive.finish()
        yield self.archive.taken()

    async def _papers(self) -> AsyncGenerator[bytes, None]:
        """Original bytes, before the list of versions: that list says what became of each."""
        after: UUID | None = None
        subject, safe = self.export.subject, self.workshop.office.safe
        while True:
            async with self._reading() as tx:
                found = await originals(tx, subject, after, PAGE, safe)
            for one in found:
                async with aclosing(self._paper(one)) as paper:
                    async for piece in paper:
                        yield piece
            if len(found) < PAGE:
                return
            after = found[-1].version

    async def _paper(self, one: Original) -> AsyncGenerator[bytes, None]:
        try:
            content = await one.open(self.workshop.office.safe)
        except (TamperedContent, BlobMissing) as fault:
            self.missing[one.version] = _FAULTS[type(fault)]
            self.workshop.on_fault(fault)
            return
        try:
            self.archive.start(file_name(one.document, one.number, one.media_type), content.size_bytes)
            async for piece in content.stream():
                self.archive.write(piece)
                yield self.archive.taken()
        finally:
            content.close()
        yield self._ended()

    async def _list(self, section: Section) -> AsyncGenerator[bytes, None]:
        name = f"{section.name}.json"
        self.archive.start(name)
        self.archive.write(b"[")
        after: Any = None
        while True:
            async with self._reading() as tx:
                rows = await page(tx, section, self.asked, after)
            for row in rows:
                told = {**row, **self._file(row)} if section is VERSIONS else row
                self.archive.write((b",\n" if after is not None else b"\n") + self._json(told, name))
                after = row["id"]
            if ready := self.archive.taken():
                yield ready
            if len(rows) < PAGE:
                break
        self.archive.write(b"\n]\n")
        yield self._ended()

    async def _table(self) -> AsyncGenerator[bytes, None]:
        """The log once more, for whoever opens it in a spreadsheet."""
        self.archive.start("access-log.csv")
        self.archive.write(MARK.encode() + line(LOG_COLUMNS))
        after: Any = None
        while True:
            async with self._reading() as tx:
                rows = await page(tx, LOG, self.asked, after)
            for row in rows:
                self.archive.write(line(log_cells(row)))
                after = row["id"]
            if ready := self.archive.taken():
                yield ready
            if len(rows) < PAGE:
                break
        yield self._ended()

    def _file(self, version: Any) -> dict[str, Any]:
        """Where in the file the version's bytes are, or why they are not."""
        name = file_name(version["document"], version["number"], version["mediaType"])
        entry, fault = self.entries.get(name), self.missing.get(version["id"])
        is_kept = version["mediaType"] is not None and version["claims"] is not None
        if entry is None and fault is None and is_kept:
            fault = LATER
        if fault is not None:
            self.faults.append({"entry": name, "of": str(version["id"]), "fault": fault})
        return {
            "file": name if entry is not None else None,
            "fileSha256": entry.sha256 if entry is not None else None,
            "fileFault": fault,
        }

    async def _sessions(self) -> list[dict[str, Any]]:
        caller = self.export.caller
        async with self.workshop.database.reading(caller.actor) as tx:
            found = await own_sessions(tx, caller, self.export.at)
        return [
            {
                "id": one.id,
                "app": one.app,
                "acr": one.acr,
                "openedAt": one.opened_at,
                "seenAt": one.seen_at,
                "expiresAt": one.expires_at,
                "thisOne": one.id == caller.session,
            }
            for one in found
        ]

    async def _passkeys(self) -> list[dict[str, Any]]:
        caller = self.export.caller
        async with self.workshop.database.reading(caller.actor) as tx:
            found = await own_passkeys(tx, caller)
        return [
            {
                "id": one.id,
                "name": one.name,
                "synced": one.synced,
                "addedAt": one.added_at,
                "usedAt": one.used_at,
            }
            for one in found
        ]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Tx]:
        # The walls of the database show this one person: whoever else the caller acts for is not in it.
        actor = Actor(self.export.caller.kind.value, self.export.caller.id, None, (self.export.subject,))
        async with self.workshop.database.reading(actor) as tx:
            yield tx

    def _json(self, told: Any, name: str) -> bytes:
        def tell(value: Any) -> Any:
            if isinstance(value, UUID):  # the driver's own kind of it
                return str(value)
            if value is not UNREADABLE:
                raise TypeError(type(value).__name__)
            self.faults.append({"entry": name, "of": str(told.get("id")), "fault": "UNREADABLE"})
            self.workshop.on_fault(TamperedContent())
            return {"fault": "UNREADABLE"}

        return orjson.dumps(told, default=tell)

    def _manifest(self) -> bytes:
        export = self.export
        listed = [
            {"name": one.name, "sha256": one.sha256, "sizeBytes": one.size_bytes}
            for one in self.entries.values()
        ]
        told = {
            "format": FORMAT,
            "issuer": self.workshop.office.safe.instance,
            "subject": export.subject,
            "exportedAt": export.at,
            "entries": listed,
            "faults": self.faults,
        }
        return orjson.dumps(told, option=orjson.OPT_INDENT_2)

    def _put(self, name: str, whole: bytes) -> bytes:
        self.archive.start(name)
        self.archive.write(whole)
        return self._ended()

    def _ended(self) -> bytes:
        entry = self.archive.end()
        self.entries[entry.name] = entry
        return self.archive.taken()
