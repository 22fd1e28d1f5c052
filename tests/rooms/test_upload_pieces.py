"""Uploads in pieces: what arrived before a cut or a death stays, sealed; the rest follows, and all is judged."""

import asyncio
import hashlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import LOOP
from auth.errors import NotFound
from store.database import Database
from tests.files import jpeg, pdf, png, stream
from tests.people import citizen
from tests.sending import Desk, refused
from tests.size import seed, sized
from vault.errors import StorageFailed, TamperedContent, UploadFault, UploadRefused
from vault.intake import legs, uploads
from vault.intake.arrivals import Checksum, Piece, end_upload, receive
from vault.intake.legs import begin_leg, settle
from vault.intake.uploads import LIFETIME, PATIENCE, Announced, Ticket
from vault.safe import Safe
from vault.sealing import envelope
from vault.sealing.envelope import SEGMENT_BYTES
from vault.sweeping import LATE, drop_expired_uploads, forget_silent_uploads

FIRST = SEGMENT_BYTES - 40 - 16
"""Plaintext of a file's first whole segment; each later one holds 40 more."""


@pytest.fixture
async def desk(database: Database, owner: AsyncEngine, safe: Safe, now: datetime) -> Desk:
    return Desk(database, safe, owner, await citizen(database, safe, now), now)


def photograph(size: int, lot: random.Random) -> bytes:
    scan = lot.randbytes(size).replace(b"\xff", b"\0")
    return jpeg(scan=scan)


async def announce(desk: Desk, content: bytes, media_type: str = "image/jpeg") -> tuple[Announced, Ticket]:
    announced = await desk.announce(content, media_type)
    return announced, await desk.ticket(announced)


async def send(desk: Desk, ticket: Ticket, start: int, content: bytes, **more: Any) -> int:
    return await receive(desk.dock, ticket, Piece(start, stream(content), **more))


async def die_sending(desk: Desk, ticket: Ticket, start: int, content: bytes) -> None:
    """A process that dies when these bytes have been handed on: nothing is finished, its lock is gone."""
    leg = await begin_leg(desk.dock, ticket, start)
    sealing = leg.key.sealing(start)
    await leg.file.write(sealing.update(content))
    await leg.file._flush()
    leg.file.release()


async def test_a_cut_upload_goes_on_where_it_got_to_and_arrives_once(desk: Desk) -> None:
    lot = random.Random(drawn := seed())
    content, before = photograph(400_000, lot), desk.files()
    announced, ticket = await announce(desk, content)
    reached, pieces = 0, 0
    while reached < len(content):
        end = min(len(content), reached + lot.randrange(1, 120_000))
        assert await send(desk, ticket, reached, content[reached:end]) == end
        reached, pieces = end, pieces + 1
        assert await settle(desk.dock, ticket) == reached
    claimed = await desk.claim(announced.id)
    assert await desk.opened(claimed) == content
    assert len(desk.files() - before) == 1
    print(f"seed {drawn}: {len(content)} bytes in {pieces} pieces")


async def test_a_sender_who_cannot_resume_begins_again_over_what_was_left(desk: Desk) -> None:
    content, before = photograph(200_000, random.Random(5)), desk.files()
    announced, ticket = await announce(desk, content)
    await send(desk, ticket, 0, content[:90_000])
    assert await refused(send(desk, ticket, 0, content)) is UploadFault.OFFSET
    assert await send(desk, ticket, 0, content, resumable=False) == len(content)
    assert await desk.opened(await desk.claim(announced.id)) == content
    assert len(desk.files() - before) == 1


async def test_what_a_dead_process_left_is_kept_up_to_its_last_whole_segment(desk: Desk) -> None:
    content = photograph(500_000, random.Random(1))
    announced, ticket = await announce(desk, content)
    await die_sending(desk, ticket, 0, content[:200_000])
    first = FIRST + 2 * (FIRST + 40)
    assert await settle(desk.dock, ticket) == first
    await send(desk, ticket, first, content[first:250_000])
    await die_sending(desk, ticket, 250_000, content[250_000:470_000])
    second = 250_000 + first
    assert await settle(desk.dock, ticket) == second
    assert await send(desk, ticket, second, content[second:]) == len(content)
    assert await desk.opened(await desk.claim(announced.id)) == content


@pytest.mark.parametrize("torn", ["nothing", "header", "half a segment", "zeros", "file gone"])
async def test_a_torn_file_counts_for_what_is_authentic(desk: Desk, torn: str) -> None:
    content = photograph(300_000, random.Random(2))
    announced, ticket = await announce(desk, content)
    before = desk.files()
    await die_sending(desk, ticket, 0, content[:200_000])
    (path,) = desk.files() - before
    match torn:
        case "nothing":
            path.write_bytes(b"")
        case "header":
            path.write_bytes(path.read_bytes()[:40])
        case "half a segment":
            path.write_bytes(path.read_bytes()[: SEGMENT_BYTES * 3 // 2])
        case "zeros":
            path.write_bytes(path.read_bytes()[:SEGMENT_BYTES] + bytes(2 * SEGMENT_BYTES))
        case "file gone":
            path.unlink()
    kept = FIRST if torn in ("half a segment", "zeros") else 0
    assert await settle(desk.dock, ticket) == kept
    await send(desk, ticket, kept, content[kept:])
    assert await desk.opened(await desk.claim(announced.id)) == content


async def test_no_key_meets_a_nonce_twice_whatever_is_cut_killed_or_sent_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever resumes may send other bytes than those that were lost: under one nonce they would betray both."""
    met: Counter[tuple[bytes, bytes]] = Counter()

    class Recording:
        def __init__(self, key: bytes) -> None:
            self._key, self._cipher = key, AESGCM(key)

        generate_key = staticmethod(AESGCM.generate_key)

        def encrypt(self, nonce: bytes, data: bytes, associated: bytes | None) -> bytes:
            met[self._key, nonce] += 1
            return self._cipher.encrypt(nonce, data, associated)

        def decrypt(self, nonce: bytes, data: bytes, associated: bytes | None) -> bytes:
            return self._cipher.decrypt(nonce, data, associated)

    monkeypatch.setattr(envelope, "AESGCM", Recording)
    lot, rounds = random.Random(drawn := seed()), sized(6, 60)
    for _ in range(rounds):
        content = photograph(lot.randrange(150_000, 600_000), lot)
        announced, ticket = await announce(desk, content)
        for _ in range(lot.randrange(2, 7)):
            reached = await settle(desk.dock, ticket)
            end = min(len(content) - 1, reached + lot.randrange(200_000))
            match lot.randrange(3):
                case 0:
                    # Past its last whole segment other bytes are lost than will be sent in their place.
                    lost = lot.randbytes(lot.randrange(SEGMENT_BYTES))
                    await die_sending(desk, ticket, reached, content[reached:end] + lost)
                    if await settle(desk.dock, ticket) > end:
                        await legs.drop_legs(desk.dock, ticket)
                case 1:
                    await die_sending(desk, ticket, reached, lot.randbytes(end - reached))
                    await settle(desk.dock, ticket)
                    await legs.drop_legs(desk.dock, ticket)
                case _:
                    await send(desk, ticket, reached, content[reached:end])
        reached = await settle(desk.dock, ticket)
        await send(desk, ticket, reached, content[reached:])
        assert await desk.opened(await desk.claim(announced.id)) == content
    print(f"seed {drawn}: {rounds} uploads, {len(met)} nonces, none twice")
    assert set(met.values()) == {1}


async def test_nothing_of_an_upload_rests_in_clear_while_it_waits(desk: Desk) -> None:
    mark, content = b"a name and a number", jpeg(scan=b"a name and a number" * 20_000)
    before = desk.files()
    _, ticket = await announce(desk, content)
    await send(desk, ticket, 0, content[:150_001])
    await die_sending(desk, ticket, 150_001, content[150_001:250_000])
    resting = desk.files() - before
    assert len(resting) == 2
    assert all(mark not in path.read_bytes() for path in resting)
    assert all(mark not in repr(row).encode() for row in await desk.rows())


async def test_one_writer_at_a_time(desk: Desk) -> None:
    content, begun, goes_on = jpeg(scan=b"\x12" * 200_000), asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        begun.set()
        yield content[:100_000]
        await goes_on.wait()
        yield content[100_000:]

    announced, ticket = await announce(desk, content)
    first = asyncio.create_task(receive(desk.dock, ticket, Piece(0, slowly())))
    await begun.wait()
    for attempt in (
        send(desk, ticket, 0, content),
        send(desk, ticket, 0, content, resumable=False),
        settle(desk.dock, ticket),
        end_upload(desk.dock, ticket),
    ):
        assert await refused(attempt) is UploadFault.BUSY
    goes_on.set()
    assert await first == len(content)
    assert await desk.opened(await desk.claim(announced.id)) == content


async def test_of_many_at_once_one_sends(desk: Desk) -> None:
    content = jpeg(scan=b"\x12" * 200_000)
    announced, ticket = await announce(desk, content)
    tried = [send(desk, ticket, 0, content) for _ in range(12)]
    done = await asyncio.gather(*tried, return_exceptions=True)
    assert [one for one in done if not isinstance(one, UploadRefused)] == [len(content)]
    faults = {one.fault for one in done if isinstance(one, UploadRefused)}
    assert faults <= {UploadFault.BUSY, UploadFault.ALREADY_ARRIVED}
    assert await desk.opened(await desk.claim(announced.id)) == content


async def test_a_piece_elsewhere_or_of_a_wrong_length_changes_nothing(desk: Desk) -> None:
    content = jpeg(scan=b"\x12" * 100_000)
    announced, ticket = await announce(desk, content)
    await send(desk, ticket, 0, content[:50_000])
    files = desk.files()
    for start, sent, more, fault in (
        (0, content, {}, UploadFault.OFFSET),
        (49_999, content[49_999:], {}, UploadFault.OFFSET),
        (50_001, content[50_001:], {}, UploadFault.OFFSET),
        (50_000, content[50_000:] + b"x", {}, UploadFault.SIZE),
        (50_000, b"", {"size_bytes": len(content)}, UploadFault.SIZE),
    ):
        assert await refused(send(desk, ticket, start, sent, **more)) is fault
        assert desk.files() == files
        assert await settle(desk.dock, ticket) == 50_000
    assert await send(desk, ticket, 50_000, b"") == 50_000
    await send(desk, ticket, 50_000, content[50_000:])
    assert await refused(send(desk, ticket, len(content), b"")) is UploadFault.ALREADY_ARRIVED
    assert await desk.opened(await desk.claim(announced.id)) == content


async def test_a_piece_that_was_altered_on_the_way_is_dropped_alone(desk: Desk) -> None:
    content = jpeg(scan=b"\x12" * 100_000)
    announced, ticket = await announce(desk, content)
    await send(desk, ticket, 0, content[:30_000])
    rest = content[30_000:]
    for name in ("sha1", "sha256"):
        right = Checksum(name, hashlib.new(name, rest).digest())
        altered = rest[:5] + b"!" + rest[6:]
        for sent in (altered, rest[:-1]):
            attempt = send(desk, ticket, 30_000, sent, checksum=right)
            assert await refused(attempt) is UploadFault.CHECKSUM
            assert await settle(desk.dock, ticket) == 30_000
    await send(desk, ticket, 30_000, rest, checksum=right)
    assert await desk.opened(await desk.claim(announced.id)) == content


@pytest.mark.parametrize(
    ("announced", "sent", "media_type", "fault"),
    [
        (jpeg(scan=b"\x12" * 900), jpeg(scan=b"\x13" * 900), "image/jpeg", UploadFault.DIGEST),
        (b"\x12" * 900, b"\x12" * 900, "image/jpeg", UploadFault.CONTENT),
        (pdf(pages=301), pdf(pages=301), "application/pdf", UploadFault.TOO_MANY_PAGES),
        (jpeg() + b"PK", jpeg() + b"PK", "image/jpeg", UploadFault.TRAILING_DATA),
    ],
    ids=["digest", "content", "pages", "tail"],
)
async def test_a_whole_that_is_not_acceptable_leaves_nothing_and_may_be_sent_again(
    desk: Desk, announced: bytes, sent: bytes, media_type: str, fault: UploadFault
) -> None:
    before = desk.files()
    _, ticket = await announce(desk, announced, media_type)
    rows = await desk.rows()
    half = len(sent) // 2

    async def both() -> None:
        await send(desk, ticket, 0, sent[:half])
        await send(desk, ticket, half, sent[half:])

    assert await refused(both()) is fault
    assert desk.files() == before
    assert await desk.rows() == rows
    assert await settle(desk.dock, ticket) == 0


async def test_a_held_pdf_arrives_in_pieces_and_is_read_at_the_end(desk: Desk) -> None:
    content = pdf(pages=20)
    announced, ticket = await announce(desk, content, "application/pdf")
    await send(desk, ticket, 0, content[:999])
    await send(desk, ticket, 999, content[999:])
    assert await desk.opened(await desk.claim(announced.id)) == content


async def test_all_at_once_forgets_what_came_in_pieces(desk: Desk) -> None:
    content, before = jpeg(scan=b"\x12" * 100_000), desk.files()
    announced, ticket = await announce(desk, content)
    await send(desk, ticket, 0, content[:30_000])
    await die_sending(desk, ticket, 30_000, content[30_000:99_000])
    await desk.send(announced, content)
    assert len(desk.files() - before) == 1
    assert await desk.opened(await desk.claim(announced.id)) == content


@pytest.mark.parametrize(("upload", "start"), [(0, 40_000), (1, 0)], ids=["another place", "another upload"])
async def test_a_piece_put_in_anothers_place_does_not_open(desk: Desk, upload: int, start: int) -> None:
    content = jpeg(scan=b"\x12" * 100_000)
    tickets = [(await announce(desk, content))[1] for _ in range(2)]
    for ticket in tickets:
        await send(desk, ticket, 0, content[:40_000])
        await send(desk, ticket, 40_000, content[40_000:90_000])
    async with desk.owner.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE upload_legs SET blob ="
            " (SELECT blob FROM upload_legs WHERE upload_id = $1 AND start_bytes = 0)"
            " WHERE upload_id = $2 AND start_bytes = $3",
            (tickets[0].upload, tickets[upload].upload, start),
        )
    with pytest.raises(TamperedContent):
        await send(desk, tickets[upload], 90_000, content[90_000:])
    assert await settle(desk.dock, tickets[upload]) == 0


async def test_a_full_disk_ends_the_piece_and_keeps_those_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "full")

    content = jpeg(scan=b"\x12" * 100_000)
    announced, ticket = await announce(desk, content)
    await send(desk, ticket, 0, content[:30_000])
    files = desk.files()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageFailed):
            await send(desk, ticket, 30_000, content[30_000:])
    assert desk.files() == files
    assert await settle(desk.dock, ticket) == 30_000
    await send(desk, ticket, 30_000, content[30_000:])
    assert await desk.opened(await desk.claim(announced.id)) == content


async def test_a_cancelled_request_leaves_what_can_be_resumed(desk: Desk) -> None:
    content, come = jpeg(scan=b"\x12" * 3_000_000), asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield content[:2_000_000]
        come.set()
        await asyncio.Event().wait()

    announced, ticket = await announce(desk, content)
    sending = asyncio.create_task(receive(desk.dock, ticket, Piece(0, stuck())))
    await come.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    reached = await settle(desk.dock, ticket)
    assert 900_000 < reached <= 2_000_000
    await send(desk, ticket, reached, content[reached:])
    assert await desk.opened(await desk.claim(announced.id)) == content


async def test_an_ended_upload_gives_its_space_back_at_once(desk: Desk) -> None:
    content, before = jpeg(scan=b"\x12" * 100_000), desk.files()
    _, cut = await announce(desk, content)
    await send(desk, cut, 0, content[: len(content) * 99 // 100])
    arrived, whole = await announce(desk, content)
    await desk.send(arrived, content)
    claimed, kept = await announce(desk, content)
    await desk.send(claimed, content)
    await desk.claim(claimed.id)
    for ticket in (cut, whole):
        await end_upload(desk.dock, ticket)
        with pytest.raises(NotFound):
            await settle(desk.dock, ticket)
    assert await refused(end_upload(desk.dock, kept)) is UploadFault.ALREADY_CLAIMED
    assert len(desk.files() - before) == 1
    assert [row["id"] for row in await desk.rows()] == [claimed.id]


async def test_what_was_given_up_at_the_last_byte_is_swept_with_its_day(
    desk: Desk, work: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within five minutes of its end: the loop comes every minute. What a document claimed stays."""
    content, before = jpeg(scan=b"\x12" * 100_000), desk.files()
    _, cut = await announce(desk, content)
    await send(desk, cut, 0, content[:-1])
    _, died = await announce(desk, content)
    await die_sending(desk, died, 0, content[:90_000])
    arrived, _ = await announce(desk, content)
    await desk.send(arrived, content)
    claimed, _ = await announce(desk, content)
    await desk.send(claimed, content)
    await desk.claim(claimed.id)
    assert len(desk.files() - before) == 4
    counts = []
    for moment in (LIFETIME - timedelta(seconds=1), LIFETIME + LATE, LIFETIME + timedelta(minutes=5)):
        async with work.writing(LOOP.actor) as tx:
            counts.append(await drop_expired_uploads(tx, desk.safe.blobs, desk.now + moment))
    assert counts == [0, 4, 0]
    assert await desk.rows() == []
    assert len(desk.files() - before) == 1
    with pytest.raises(NotFound):
        await settle(desk.dock, cut)


async def test_pieces_nobody_goes_on_with_are_forgotten_and_the_address_starts_anew(
    desk: Desk, work: Database
) -> None:
    """At 99 %, by a cut or by a death: the space is back within five minutes, for the loop comes each minute."""
    content, before = jpeg(scan=b"\x12" * 100_000), desk.files()
    end = len(content) * 99 // 100
    _, cut = await announce(desk, content)
    await send(desk, cut, 0, content[:end])
    _, died = await announce(desk, content)
    await die_sending(desk, died, 0, content[:end])
    _, asked = await announce(desk, content)
    await send(desk, asked, 0, content[:end])
    _, sending = await announce(desk, content)
    leg = await begin_leg(desk.dock, sending, 0)
    assert len(desk.files() - before) == 4
    almost = replace(desk, now=desk.now + PATIENCE - timedelta(seconds=1))
    assert await settle(almost.dock, asked, asked=True) == end
    assert await forget_silent(desk, work, almost.now) == 0
    late = replace(desk, now=desk.now + PATIENCE)
    assert await forget_silent(desk, work, late.now) == 2
    assert len(desk.files() - before) == 2
    reached = [await settle(late.dock, one, asked=True) for one in (cut, died, asked)]
    assert reached == [0, 0, end]
    assert await forget_silent(desk, work, late.now + PATIENCE - timedelta(seconds=1)) == 0
    assert await send(desk, cut, 0, content) == len(content)
    await leg.file.write(leg.key.sealing(0).update(content[:90_000]))
    leg.file.release()
    assert await forget_silent(desk, work, late.now + PATIENCE) == 2
    assert len(desk.files() - before) == 1
    arrived = {row["id"]: row["arrived_at"] is not None for row in await desk.rows()}
    assert arrived == {cut.upload: True, died.upload: False, asked.upload: False, sending.upload: False}


async def forget_silent(desk: Desk, work: Database, now: datetime) -> int:
    async with work.writing(LOOP.actor) as tx:
        return await forget_silent_uploads(tx, desk.safe.blobs, now)


async def test_a_sweep_that_dies_leaves_what_the_next_one_finishes(
    desk: Desk, work: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, before = jpeg(scan=b"\x12" * 100_000), desk.files()
    for _ in range(2):
        _, ticket = await announce(desk, content)
        await send(desk, ticket, 0, content[:-1])
    end = desk.now + LIFETIME + LATE

    async def die_sweeping() -> None:
        async with work.writing(LOOP.actor) as tx:
            await drop_expired_uploads(tx, desk.safe.blobs, end)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await die_sweeping()
    assert len(await desk.rows()) == 2
    async with work.writing(LOOP.actor) as tx:
        assert await drop_expired_uploads(tx, desk.safe.blobs, end) == 2
    assert desk.files() == before


async def test_nobody_announces_without_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_OPEN", 5)
    made = await asyncio.gather(
        *(desk.announce(png(), "image/png") for _ in range(12)), return_exceptions=True
    )
    announced = [one for one in made if isinstance(one, Announced)]
    faults = [one.fault for one in made if isinstance(one, UploadRefused)]
    assert (len(announced), faults) == (5, [UploadFault.TOO_MANY_OPEN] * 7)
    await end_upload(desk.dock, await desk.ticket(announced[0]))
    await desk.send(announced[1], png())
    await desk.claim(announced[1].id)
    for _ in range(2):
        await desk.announce(png(), "image/png")
    monkeypatch.setattr(uploads, "MOST_OPEN", 100)
    monkeypatch.setattr(uploads, "MOST_OPEN_BYTES", 5 * len(png()) + 100)
    await desk.announce(png(), "image/png", size_bytes=100)
    assert await refused(desk.announce(png(), "image/png", size_bytes=1)) is UploadFault.TOO_MANY_OPEN
    late = replace(desk, now=desk.now + LIFETIME)
    await late.announce(png(), "image/png")


async def test_nobody_makes_crumbs_of_an_upload(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "MOST_LEGS", 3)
    content = jpeg()
    announced, ticket = await announce(desk, content)
    for place in range(3):
        await send(desk, ticket, place, content[place : place + 1])
    assert await refused(send(desk, ticket, 3, content[3:])) is UploadFault.TOO_MANY_PIECES
    await desk.send(announced, content)


async def test_the_address_reaches_one_upload_and_nothing_else(desk: Desk, safe: Safe) -> None:
    content = jpeg(scan=b"\x12" * 1000)
    tickets = [(await announce(desk, content))[1] for _ in range(2)]
    for ticket in tickets:
        await send(desk, ticket, 0, content[:500])
    async with desk.database.reading(tickets[0].actor) as tx:
        seen = {}
        for table in (
            "uploads",
            "upload_legs",
            "documents",
            "subjects",
            "ledger",
            "dossiers",
            "sealed_notes",
        ):
            column = "upload_id" if table == "upload_legs" else "id"
            found = await tx.connection()
            seen[table] = list((await found.exec_driver_sql(f"SELECT {column} FROM {table}")).scalars())
    mine = tickets[0].upload
    assert {table: rows for table, rows in seen.items() if rows} == {"uploads": [mine], "upload_legs": [mine]}
