"""The program from outside: silent on an honest log, and exact about what was done to another."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import Database
from store.embedded import Servers
from tests.ledgers import LAN, MINH, Chronicle
from verifier import log as outside


@pytest.fixture
async def chronicle(
    database: Database, work: Database, owner: AsyncEngine, servers: Servers, now: datetime, tmp_path: Path
) -> Chronicle:
    made = Chronicle(database, work, owner, servers, now, tmp_path)
    await made.fill()
    return made


async def test_an_untouched_log_is_sound_from_every_side(chronicle: Chronicle) -> None:
    folder = await chronicle.check_folder()
    assert (folder.findings, folder.told) == ([], "12 leaves with their lines")
    published = await chronicle.check_published()
    assert (published.findings, published.told) == ([], "12 leaves, signed by 0 witnesses")
    for actor in (LAN, MINH):
        found = outside.check_bundle(await chronicle.bundle_of(actor), chronicle.trust())
        assert found.findings == []
        assert "complete up to log index 9, 1 newer ones" in found.told
