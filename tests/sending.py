"""One person and everything an upload of theirs passes through, short of HTTP."""

import hashlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import Database
from tests.files import stream
from tests.people import Somebody
from vault.errors import UploadFault, UploadRefused
from vault.intake.arrivals import Piece, receive
from vault.intake.legs import Dock
from vault.intake.uploads import (
    UNCLAIMED_NUMBER,
    Announced,
    Announcement,
    Claimed,
    Ticket,
    claim,
    create_upload,
    find_ticket,
)
from vault.safe import Safe

TYPE = "ban-ve-thiet-ke"


@dataclass(frozen=True)
class Desk:
    """One person and everything an upload of theirs passes through."""

    database: Database
    safe: Safe
    owner: AsyncEngine
    person: Somebody
    now: datetime

    async def announce(self, content: bytes, media_type: str, **changed: Any) -> Announced:
        announcement = Announcement(
            TYPE, media_type, len(content), hashlib.sha256(content).digest(), self.person.subject
        )
        async with self.database.writing(self.person.actor) as tx:
            return await create_upload(
                tx, self.person.caller, replace(announcement, **changed), self.safe, self.now
            )

    async def send(self, announced: Announced, content: bytes | AsyncIterator[bytes]) -> None:
        """All at once."""
        arriving = stream(content) if isinstance(content, bytes) else content
        await receive(self.dock, await self.ticket(announced), Piece(0, arriving, resumable=False))

    async def ticket(self, announced: Announced) -> Ticket:
        async with self.database.reading(self.person.actor) as tx:
            return await find_ticket(tx, self.person.caller, announced.id, announced.secret, self.now)

    @property
    def dock(self) -> Dock:
        return Dock(self.database, self.safe, lambda: self.now)

    async def claim(self, upload: UUID, later: timedelta = timedelta(0)) -> Claimed:
        async with self.database.writing(self.person.actor) as tx:
            return await claim(tx, self.person.caller, upload, self.now + later)

    async def opened(self, claimed: Claimed) -> bytes:
        async with self.safe.keys.opened(claimed.subject) as key:
            version = key.unwrap(claimed.wrapped_key, claimed.id, claimed.id, UNCLAIMED_NUMBER)
        opening = version.opening()
        async with self.safe.blobs.reading(claimed.blob) as file:
            content = b"".join([opening.update(chunk) async for chunk in file.chunks()]) + opening.finish()
        assert version.open(claimed.sealed_sha256, "sha256") == hashlib.sha256(content).digest()
        return content

    async def rows(self) -> list[dict[str, Any]]:
        async with self.owner.begin() as connection:
            return [dict(row._mapping) for row in await connection.execute(text("SELECT * FROM uploads"))]

    def files(self) -> set[Path]:
        return {path for path in self.safe.blobs._root.rglob("*") if path.is_file()}


async def refused(attempt: Awaitable[object]) -> UploadFault:
    with pytest.raises(UploadRefused) as refusal:
        await attempt
    return refusal.value.fault
