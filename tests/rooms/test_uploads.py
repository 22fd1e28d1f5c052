"""Uploads: what is announced is what arrives, sealed on the way; whatever is refused leaves nothing behind."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pikepdf
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, Caller, Role
from auth.errors import AccessDenied, NotFound, Unauthenticated
from store.database import Database
from store.identifiers import new_id
from tests.files import jpeg, jpeg_head, pdf, png
from tests.people import Somebody, citizen, officer
from tests.sending import TYPE, Desk, refused
from tests.size import sized
from vault.errors import StorageFailed, SubjectShredded, TamperedContent, UploadFault, UploadRefused
from vault.intake.inspection import LARGEST_BYTES
from vault.intake.uploads import (
    LIFETIME,
    Announcement,
    Claimed,
    claim,
    content_index,
    create_upload,
    find_ticket,
)
from vault.safe import Safe


@pytest.fixture
async def desk(database: Database, owner: AsyncEngine, safe: Safe, now: datetime) -> Desk:
    return Desk(database, safe, owner, await citizen(database, safe, now), now)


LONG_PDF = pdf(
    lambda document: document.Root.__setitem__("/X", document.make_stream(bytes(300_000))),
    compress_streams=False,
)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(jpeg(), "image/jpeg"), (png(), "image/png"), (pdf(), "application/pdf"), (LONG_PDF, "application/pdf")],
    ids=["jpeg", "png", "pdf", "long pdf"],
)
async def test_what_arrives_is_sealed_and_opens_again(desk: Desk, content: bytes, media_type: str) -> None:
    before, announced = (
        desk.files(),
        await desk.announce(content, media_type, requirement="r", dossier=new_id()),
    )
    await desk.send(announced, content)
    claimed = await desk.claim(announced.id)
    assert await desk.opened(claimed) == content
    assert (claimed.id, claimed.subject, claimed.type) == (announced.id, desk.person.subject, TYPE)
    assert (claimed.media_type, claimed.size_bytes, claimed.requirement) == (media_type, len(content), "r")
    (path,) = desk.files() - before
    assert content[:16] not in path.read_bytes()


async def test_the_same_bytes_are_recognised_for_one_subject_only(desk: Desk, safe: Safe) -> None:
    content, claimed = png(), []
    for _ in range(2):
        announced = await desk.announce(content, "image/png")
        await desk.send(announced, content)
        claimed.append(await desk.claim(announced.id))
    digest = hashlib.sha256(content).digest()
    assert claimed[0].sha256_index == claimed[1].sha256_index
    assert claimed[0].sha256_index == content_index(safe.keys, desk.person.subject, digest)
    assert claimed[0].sha256_index != content_index(safe.keys, new_id(), digest)
    assert claimed[0].blob != claimed[1].blob


async def test_neither_secret_nor_digest_rests_in_clear(desk: Desk) -> None:
    content = png()
    announced = await desk.announce(content, "image/png")
    await desk.send(announced, content)
    (row,) = await desk.rows()
    digest = hashlib.sha256(content)
    for value in row.values():
        shown = value if isinstance(value, bytes) else str(value).encode()
        assert announced.secret.encode() not in shown
        assert digest.digest() not in shown
        assert digest.hexdigest().encode() not in shown
    assert announced.secret not in repr(announced)
    assert len(announced.secret) >= 43


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"media_type": "image/svg+xml"}, UploadFault.MEDIA_TYPE),
        ({"size_bytes": 0}, UploadFault.EMPTY),
        ({"size_bytes": LARGEST_BYTES + 1}, UploadFault.TOO_LARGE),
        ({"sha256": b"short"}, UploadFault.DIGEST),
    ],
)
async def test_an_announcement_that_could_not_be_met_is_refused(
    desk: Desk, changed: dict[str, Any], fault: UploadFault
) -> None:
    assert await refused(desk.announce(png(), **{"media_type": "image/png", **changed})) is fault
    assert await desk.rows() == []


async def test_nobody_announces_for_a_stranger(desk: Desk, safe: Safe, now: datetime) -> None:
    other = await citizen(desk.database, safe, now, "001099000002")
    with pytest.raises(NotFound):
        await desk.announce(png(), "image/png", subject=other.subject)
    announcement = Announcement(TYPE, "image/png", 1, bytes(32), desk.person.subject)
    clerk = officer(new_id(), Role.AUDIT)
    for caller, refusal in ((ANONYMOUS, Unauthenticated), (clerk, AccessDenied)):
        async with desk.database.writing(caller.actor) as tx:
            with pytest.raises(refusal):
                await create_upload(tx, caller, announcement, safe, now)
    assert await desk.rows() == []


def lying(content: bytes, size: int) -> dict[str, Any]:
    return {"size_bytes": size, "sha256": hashlib.sha256(content).digest()}


WRONG: list[tuple[str, bytes, bytes, str, dict[str, Any], UploadFault]] = [
    ("longer", png(), png() + b"\0", "image/png", {}, UploadFault.SIZE),
    ("shorter", jpeg(), jpeg()[:-2], "image/jpeg", {}, UploadFault.SIZE),
    ("nothing", png(), b"", "image/png", {}, UploadFault.SIZE),
    ("other bytes", png(), png()[:-20] + png()[-20:][::-1], "image/png", {}, UploadFault.CONTENT),
    (
        "other picture",
        jpeg(),
        jpeg(scan=b"\x12\xff\x00\x34\xff\xd0\x57"),
        "image/jpeg",
        {},
        UploadFault.DIGEST,
    ),
    ("another type", jpeg(), jpeg(), "image/png", {}, UploadFault.CONTENT),
    ("tail", jpeg() + b"PK", jpeg() + b"PK", "image/jpeg", {}, UploadFault.TRAILING_DATA),
    ("flood", jpeg(60_000, 60_000), jpeg(60_000, 60_000), "image/jpeg", {}, UploadFault.TOO_MANY_PIXELS),
    ("pages", pdf(pages=301), pdf(pages=301), "application/pdf", {}, UploadFault.TOO_MANY_PAGES),
]


@pytest.mark.parametrize(
    ("announced", "sent", "media_type", "changed", "fault"),
    [row[1:] for row in WRONG],
    ids=[row[0] for row in WRONG],
)
async def test_bytes_that_are_not_acceptable_leave_nothing(
    desk: Desk, announced: bytes, sent: bytes, media_type: str, changed: dict[str, Any], fault: UploadFault
) -> None:
    if fault is UploadFault.DIGEST:
        changed = lying(announced, len(sent))
    ticket, before = await desk.announce(announced, media_type, **changed), desk.files()
    rows = await desk.rows()
    assert await refused(desk.send(ticket, sent)) is fault
    assert desk.files() == before
    assert await desk.rows() == rows
    assert await refused(desk.claim(ticket.id)) is UploadFault.NOT_ARRIVED


async def test_active_content_leaves_nothing(desk: Desk) -> None:
    def script(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="1")

    content = pdf(script)
    ticket, before = await desk.announce(content, "application/pdf"), desk.files()
    assert await refused(desk.send(ticket, content)) is UploadFault.ACTIVE_CONTENT
    assert desk.files() == before


async def test_a_refused_upload_may_be_sent_again_rightly(desk: Desk) -> None:
    announced = await desk.announce(png(), "image/png")
    await refused(desk.send(announced, png()[:-1]))
    await desk.send(announced, png())
    assert await desk.opened(await desk.claim(announced.id)) == png()


async def test_a_sender_who_goes_away_leaves_nothing(desk: Desk) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield jpeg()[:20]
        raise ConnectionError

    announced, before = await desk.announce(jpeg(), "image/jpeg"), desk.files()
    with pytest.raises(ConnectionError):
        await desk.send(announced, broken())
    assert desk.files() == before


async def test_a_full_disk_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "full")

    announced, before = await desk.announce(png(), "image/png"), desk.files()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFailed):
        await desk.send(announced, png())
    monkeypatch.undo()
    assert desk.files() == before
    assert (await desk.rows())[0]["arrived_at"] is None


async def test_an_upload_arrives_once(desk: Desk) -> None:
    announced = await desk.announce(png(), "image/png")
    await desk.send(announced, png())
    rows = await desk.rows()
    assert await refused(desk.send(announced, png())) is UploadFault.ALREADY_ARRIVED
    assert await desk.rows() == rows


async def test_of_two_arrivals_at_once_one_stays_and_it_opens(desk: Desk) -> None:
    announced = await desk.announce(png(), "image/png")
    both = await asyncio.gather(*(desk.send(announced, png()) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in both if one] == [UploadRefused]
    assert await desk.opened(await desk.claim(announced.id)) == png()


async def test_an_upload_is_claimed_once(desk: Desk) -> None:
    announced = await desk.announce(png(), "image/png")
    await desk.send(announced, png())
    both = await asyncio.gather(*(desk.claim(announced.id) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, Claimed) for one in both) == 1
    assert {one.fault for one in both if isinstance(one, UploadRefused)} == {UploadFault.ALREADY_CLAIMED}


async def test_after_its_lifetime_an_upload_neither_arrives_nor_is_claimed(desk: Desk) -> None:
    arrived, waiting = [await desk.announce(png(), "image/png") for _ in range(2)]
    await desk.send(arrived, png())
    assert await refused(desk.claim(arrived.id, LIFETIME)) is UploadFault.EXPIRED
    late = replace(desk, now=desk.now + LIFETIME)
    assert await refused(late.send(waiting, png())) is UploadFault.EXPIRED
    await desk.claim(arrived.id, LIFETIME - timedelta(seconds=1))


async def test_without_the_secret_or_the_sender_there_is_no_ticket(
    desk: Desk, safe: Safe, now: datetime
) -> None:
    announced = await desk.announce(png(), "image/png")
    stranger = (await citizen(desk.database, safe, now, "001099000002")).caller
    clerk = officer(new_id(), Role.RECEIVE)
    own = desk.person.caller

    async def ticket(caller: Caller, upload: UUID, secret: str) -> None:
        async with desk.database.reading(caller.actor) as tx:
            await find_ticket(tx, caller, upload, secret, now)

    wrong: list[Callable[[], Awaitable[None]]] = [
        lambda: ticket(own, announced.id, "wrong"),
        lambda: ticket(own, announced.id, ""),
        lambda: ticket(own, new_id(), announced.secret),
        lambda: ticket(stranger, announced.id, announced.secret),
        lambda: ticket(clerk, announced.id, announced.secret),
    ]
    for attempt in wrong:
        with pytest.raises(NotFound):
            await attempt()
    for bearer in (own, ANONYMOUS):
        await ticket(bearer, announced.id, announced.secret)


async def test_a_stranger_claims_nothing(desk: Desk, safe: Safe, now: datetime) -> None:
    announced = await desk.announce(png(), "image/png")
    await desk.send(announced, png())
    rows = await desk.rows()
    for caller in (
        (await citizen(desk.database, safe, now, "001099000002")).caller,
        officer(new_id(), Role.RECEIVE),
    ):
        async with desk.database.writing(caller.actor) as tx:
            with pytest.raises(NotFound):
                await claim(tx, caller, announced.id, now)
    assert await desk.rows() == rows


async def test_an_officer_sends_a_paper_for_the_person_at_the_counter(desk: Desk) -> None:
    clerk = officer(new_id(), Role.RECEIVE)
    counter = replace(desk, person=Somebody(desk.person.subject, clerk))
    announced = await counter.announce(png(), "image/png")
    await counter.send(announced, png())
    assert await counter.opened(await counter.claim(announced.id)) == png()
    assert [(row["created_by"], row["agency_id"]) for row in await desk.rows()] == [(clerk.id, clerk.agency)]


async def test_nothing_arrives_for_a_shredded_subject(desk: Desk) -> None:
    announced, before = await desk.announce(png(), "image/png"), desk.files()
    await desk.safe.keys.destroy(desk.person.subject)
    with pytest.raises(SubjectShredded):
        await desk.send(announced, png())
    assert desk.files() == before


async def test_what_arrived_does_not_open_under_another_upload(desk: Desk) -> None:
    claimed = []
    for _ in range(2):
        announced = await desk.announce(png(), "image/png")
        await desk.send(announced, png())
        claimed.append(await desk.claim(announced.id))
    one, other = claimed
    for changed in (
        replace(one, blob=other.blob),
        replace(one, wrapped_key=other.wrapped_key),
        replace(one, sealed_sha256=other.sealed_sha256),
        replace(one, id=other.id),
        replace(one, blob=other.blob, wrapped_key=other.wrapped_key, sealed_sha256=other.sealed_sha256),
    ):
        with pytest.raises(TamperedContent):
            await desk.opened(changed)


async def picture(size: int) -> AsyncIterator[bytes]:
    yield jpeg_head()
    yield bytes(size % 65_536)
    for _ in range(size // 65_536):
        yield bytes(65_536)
    yield b"\xff\xd9"


async def test_memory_is_flat_from_a_kilobyte_to_a_hundred_megabytes(desk: Desk) -> None:
    peaks: dict[int, int] = {}
    for asked in (1_000, sized(20, 100) * 1_000_000):
        digest, size = hashlib.sha256(), 0
        async for piece in picture(asked):
            digest.update(piece)
            size += len(piece)
        changed = {"size_bytes": size, "sha256": digest.digest()}
        announced = await desk.announce(b"", "image/jpeg", **changed)
        tracemalloc.start()
        try:
            await desk.send(announced, picture(asked))
            peaks[size] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    print(f"peak memory by upload size: {peaks}")
    assert max(peaks.values()) < 6_000_000
