"""A vault's measure: kept to the file and the byte however many come at once, and given back by what goes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import Database
from store.embedded import Servers
from tests.files import jpeg
from tests.size import sized
from tests.vaults import LAND, World, make_safe, make_world
from vault.deposits import Deposit, add_version
from vault.documents import remove_document
from vault.errors import QuotaExceeded
from vault.holding import Holding, Origin
from vault.safe import Quota

ROOM = Quota(documents=4, bytes=1_000_000)


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = replace(await make_safe(servers.keys_url, tmp_path), quota=ROOM)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


def paper(number: int) -> bytes:
    """Each another file, all of one size."""
    return jpeg(scan=bytes([number]) * 100)


async def send(world: World, number: int) -> UUID:
    return await world.upload(world.citizen, paper(number), media_type="image/jpeg")


async def used(world: World) -> tuple[int, int]:
    rows = {row["subject_id"]: row for row in await world.rows("vault_usage", "subject_id")}
    mine = rows.get(world.mai)
    return (mine["documents"], mine["bytes"]) if mine else (0, 0)


async def kept(world: World, number: int) -> Holding:
    return await keep(world, await send(world, number))


async def keep(world: World, upload: UUID) -> Holding:
    return await world.deposit(world.citizen, Deposit(world.mai, LAND, Origin.SELF, {}, upload))


async def test_of_many_at_once_as_many_enter_as_there_is_room_for(world: World) -> None:
    crowd = sized(12, 100)
    uploads = [await send(world, number) for number in range(crowd)]
    entered = await asyncio.gather(
        *(keep(world, one) for one in uploads),
        return_exceptions=True,
    )
    refused = [one for one in entered if isinstance(one, BaseException)]
    print(f"{crowd} at once: {crowd - len(refused)} entered, {len(refused)} refused")
    assert {type(one) for one in refused} == {QuotaExceeded}
    assert crowd - len(refused) == ROOM.documents == (await used(world))[0]
    assert len(await world.rows("documents")) == ROOM.documents


async def test_refused_says_what_is_used_and_what_is_allowed_and_nothing_changes(world: World) -> None:
    for number in range(ROOM.documents - 1):
        await kept(world, number)
    waiting = await send(world, 9)
    await kept(world, 5)
    before = [await world.rows(one) for one in ("documents", "uploads", "ledger")]
    for entering in (
        keep(world, waiting),
        send(world, 10),
    ):
        with pytest.raises(QuotaExceeded) as refused:
            await entering
        error = refused.value
        assert (error.used_documents, error.used_bytes) == await used(world)
        assert (error.allowed_documents, error.allowed_bytes) == (ROOM.documents, ROOM.bytes)
    assert [await world.rows(one) for one in ("documents", "uploads", "ledger")] == before


async def test_bytes_are_counted_to_the_last(world: World) -> None:
    tight = replace(world, safe=replace(world.safe, quota=Quota(4, 2 * len(paper(1)))))
    await kept(tight, 1)
    with pytest.raises(QuotaExceeded):
        await tight.upload(tight.citizen, jpeg(scan=bytes(101)), media_type="image/jpeg")
    await kept(tight, 2)
    assert (await used(world))[1] == 2 * len(paper(1))


async def test_what_is_removed_gives_its_room_back_once(world: World) -> None:
    papers = [await kept(world, number) for number in range(ROOM.documents)]
    async with world.database.writing(world.citizen.actor) as tx:
        await remove_document(tx, world.citizen, papers[0].document, world.now)
    assert (await used(world))[0] == ROOM.documents - 1
    await world.run("UPDATE document_versions SET blob = NULL WHERE document_id = :id", id=papers[0].document)
    assert (await used(world))[0] == ROOM.documents - 1
    await kept(world, 7)
    with pytest.raises(QuotaExceeded):
        await kept(world, 8)


async def test_a_new_version_takes_room_and_the_same_bytes_again_take_none(world: World) -> None:
    first = await kept(world, 1)
    assert (await kept(world, 1)).document == first.document
    assert (await used(world))[0] == 1
    upload = await send(world, 2)
    newer = Deposit(world.mai, LAND, Origin.SELF, {}, upload)
    async with world.database.writing(world.citizen.actor) as tx:
        await add_version(tx, world.citizen, first.document, newer, world.safe, world.now)
    assert await used(world) == (2, 2 * len(paper(1)))


async def test_the_states_own_papers_always_find_room_and_count_for_nobody(world: World) -> None:
    for number in range(ROOM.documents):
        await kept(world, number)
    before = await used(world)
    upload = await world.upload(world.officer, paper(8), world.mai, "image/jpeg")
    scanned = Deposit(world.mai, LAND, Origin.DIGITISED, {}, upload, issuer_agency=world.commune)
    await world.deposit(world.officer, scanned)
    await world.issued()
    await world.deposit(world.citizen, Deposit(world.mai, LAND, Origin.REGISTER, {}, register="x"))
    assert await used(world) == before
