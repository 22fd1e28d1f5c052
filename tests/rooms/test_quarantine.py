"""Quarantine: one word of the scanner's lets bytes out, one destroys them; whatever else happens, they stay."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import LOOP
from auth.errors import NotFound
from connectors.errors import ScannerSilent
from store.database import Database
from tests.files import jpeg, png
from tests.people import citizen, officer
from tests.scanning import FAULTS, MARKED, StandIn, Way, stand_in
from tests.sending import Desk, refused
from vault.errors import InQuarantine, TamperedContent, UploadFault
from vault.intake import quarantine
from vault.intake.quarantine import KEPT, LEASE, examine, quarantine_backlog, scan_later, take_due
from vault.intake.uploads import LIFETIME, Verdict
from vault.safe import Safe

HONEST, HOSTILE = png(), jpeg(scan=MARKED)


@pytest.fixture
async def scanner() -> AsyncIterator[StandIn]:
    async with stand_in() as made:
        yield made


@pytest.fixture
async def desk(database: Database, owner: AsyncEngine, safe: Safe, now: datetime, scanner: StandIn) -> Desk:
    guarded = replace(safe, scanner=scanner.scanner)
    return Desk(database, guarded, owner, await citizen(database, guarded, now), now)


async def sent(desk: Desk, content: bytes) -> UUID:
    announced = await desk.announce(content, "image/jpeg" if content.startswith(b"\xff") else "image/png")
    await desk.send(announced, content)
    return announced.id


async def told(desk: Desk) -> list[Any]:
    """What is on record and on its way to anybody."""
    async with desk.owner.connect() as connection:
        lines = await connection.scalars(
            text("SELECT kind FROM ledger WHERE kind LIKE 'vault.%' ORDER BY id")
        )
        put = await connection.scalars(
            text(
                "SELECT payload -> 'infected' FROM outbox WHERE topic = 'upload.judged' ORDER BY created_at, id"
            )
        )
        return [*lines, *put]


async def due(work: Database, at: datetime, most: int = 10) -> list[quarantine.Quarantined]:
    async with work.writing(LOOP.actor) as tx:
        return list(await take_due(tx, at, most))


async def test_what_a_prompt_scanner_calls_clean_is_usable_at_once(desk: Desk, scanner: StandIn) -> None:
    upload = await sent(desk, HONEST)
    assert scanner.seen == [HONEST]
    assert (await desk.claim(upload)).id == upload
    assert await told(desk) == []


async def test_what_it_condemns_is_destroyed_and_said_without_a_name(desk: Desk) -> None:
    before, announced = desk.files(), await desk.announce(HOSTILE, "image/jpeg")
    assert await refused(desk.send(announced, HOSTILE)) is UploadFault.INFECTED
    assert desk.files() == before
    (row,) = await desk.rows()
    assert (row["verdict"], row["claimed_at"]) == ("infected", None)
    assert (row["blob"], row["wrapped_key"], row["sealed_sha256"]) == (None, None, None)
    assert await refused(desk.claim(announced.id)) is UploadFault.INFECTED
    assert await refused(desk.send(announced, HONEST)) is UploadFault.ALREADY_ARRIVED
    assert await told(desk) == ["vault.infected", True]


@pytest.mark.parametrize("way", FAULTS)
async def test_without_its_word_nothing_can_be_made_of_them(
    desk: Desk, work: Database, scanner: StandIn, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "PROMPT_SECONDS", 0.2)
    scanner.way = way
    upload = await sent(desk, HONEST)
    with pytest.raises(InQuarantine):
        await desk.claim(upload)
    (row,) = await desk.rows()
    assert (row["verdict"], row["claimed_at"], row["scan_at"]) == ("waiting", None, desk.now)
    assert row["expires_at"] == desk.now + KEPT
    assert await told(desk) == ["vault.quarantine"]
    scanner.way = Way.HONEST
    (one,) = await due(work, desk.now)
    assert await examine(desk.dock, one.upload, late=True) is Verdict.CLEAN
    assert await told(desk) == ["vault.quarantine", False]
    (row,) = await desk.rows()
    assert row["expires_at"] == desk.now + LIFETIME
    assert (await desk.claim(upload)).id == upload


async def test_a_scanner_killed_at_any_moment_leaves_quarantine_as_it_is(
    desk: Desk, work: Database, scanner: StandIn
) -> None:
    scanner.way = Way.SILENT
    announced = await desk.announce(HOSTILE, "image/jpeg")
    sending = asyncio.create_task(desk.send(announced, HOSTILE))
    await scanner.asked.wait()
    await scanner.kill()
    await sending
    for moment in range(3):
        at = desk.now + moment * (LEASE + timedelta(seconds=1))
        for one in await due(work, at):
            with pytest.raises(ScannerSilent):
                await examine(desk.dock, one.upload, late=True)
        with pytest.raises(InQuarantine):
            await desk.claim(announced.id)
    # Back, it finds what was there all along.
    scanner.way = Way.HONEST
    await scanner.start()
    (one,) = await due(work, desk.now + timedelta(hours=1))
    assert await examine(desk.dock, one.upload, late=True) is Verdict.INFECTED
    assert await refused(desk.claim(announced.id)) is UploadFault.INFECTED
    assert await told(desk) == ["vault.quarantine", "vault.infected", True]


async def test_who_dies_over_the_last_byte_leaves_them_in_quarantine(
    desk: Desk, work: Database, scanner: StandIn
) -> None:
    scanner.way = Way.SILENT
    announced = await desk.announce(HONEST, "image/png")
    sending = asyncio.create_task(desk.send(announced, HONEST))
    await scanner.asked.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    with pytest.raises(InQuarantine):
        await desk.claim(announced.id)
    scanner.way = Way.HONEST
    # Somebody may still be at it: its turn comes when that can be so no longer.
    assert await due(work, desk.now + LEASE - timedelta(seconds=1)) == []
    (one,) = await due(work, desk.now + LEASE)
    assert await examine(desk.dock, one.upload, late=True) is Verdict.CLEAN


async def test_each_waits_for_one_loop_at_a_time_and_comes_again_later(
    desk: Desk, work: Database, scanner: StandIn
) -> None:
    scanner.way = Way.ERROR
    uploads = {await sent(desk, HONEST) for _ in range(5)}
    first, second = await asyncio.gather(due(work, desk.now, 3), due(work, desk.now, 3))
    assert {one.upload for one in (*first, *second)} == uploads
    assert len(first) + len(second) == 5
    assert await due(work, desk.now) == []
    async with work.reading(LOOP.actor) as tx:
        held = await quarantine_backlog(tx, 3)
    assert (held.uploads, held.oldest) == (3, desk.now)
    (one, *_) = first
    await scan_later(desk.dock, one)
    assert await due(work, desk.now) == []
    assert [again.scans for again in await due(work, desk.now + timedelta(seconds=2))] == [2]


async def test_the_database_itself_makes_no_paper_of_what_nobody_called_clean(
    desk: Desk, scanner: StandIn
) -> None:
    scanner.way = Way.ERROR
    upload = await sent(desk, HONEST)
    for change in ("claimed_at = now()", "verdict = 'infected'", "verdict = 'fine'"):
        async with desk.database.writing(desk.person.actor) as tx:
            with pytest.raises(IntegrityError):
                await tx.execute(text(f"UPDATE uploads SET {change} WHERE id = :id"), {"id": upload})
    with pytest.raises(InQuarantine):
        await desk.claim(upload)


async def test_a_file_exchanged_in_quarantine_is_never_called_clean(
    desk: Desk, work: Database, scanner: StandIn
) -> None:
    scanner.way = Way.ERROR
    hostile = await desk.announce(HOSTILE, "image/jpeg")
    await desk.send(hostile, HOSTILE)
    harmless = await sent(desk, HONEST)
    async with desk.owner.begin() as connection:
        other = await connection.scalar(text("SELECT blob FROM uploads WHERE id = :id"), {"id": harmless})
        await connection.execute(
            text("UPDATE uploads SET blob = :blob WHERE id = :id"), {"blob": other, "id": hostile.id}
        )
    scanner.way = Way.HONEST
    with pytest.raises(TamperedContent):
        await examine(desk.dock, hostile.id, late=True)
    assert scanner.seen[2:] == []
    with pytest.raises(InQuarantine):
        await desk.claim(hostile.id)


async def test_an_officers_scan_waits_like_anybodys_and_its_person_hears_nothing_of_it(
    desk: Desk, scanner: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from auth.caller import Role

    clerk = replace(desk, person=replace(desk.person, caller=officer(UUID(int=9), Role.RECEIVE)))
    announced = await clerk.announce(HOSTILE, "image/jpeg")
    assert await refused(clerk.send(announced, HOSTILE)) is UploadFault.INFECTED
    assert await told(desk) == ["vault.infected"]
    with pytest.raises(NotFound):
        await desk.claim(announced.id)


async def test_without_a_scanner_nothing_waits_and_the_row_says_that_nobody_looked(
    desk: Desk, safe: Safe, scanner: StandIn
) -> None:
    bare = replace(desk, safe=safe)
    upload = await sent(bare, HOSTILE)
    assert (await bare.claim(upload)).id == upload
    assert [row["verdict"] for row in await desk.rows()] == ["unscanned"]
    assert scanner.seen == []
