"""Attestations of papers in a vault: of what is in force and nobody disputes, until the paper itself ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.errors import NotFound
from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.vaults import World, make_safe, make_world
from vault.documents import Dispute, dispute_claim
from vault.errors import AttestationRefused, ClaimUnknown, DocumentNotUsable
from vault.holding import Holding
from vault.issuing.attesting import Attested, Wanted, attest_document, attested_version

AREA, SHEET = "land.area_m2@land", "land.map_sheet@land"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def attest(world: World, paper: Holding, *claims: str, **changed: object) -> Attested:
    wanted = Wanted(paper.document, lambda type_: (), claims, 30)
    async with world.database.writing(world.citizen.actor) as tx:
        return await attest_document(
            tx,
            world.citizen,
            replace(wanted, **changed),  # type: ignore[arg-type]
            world.safe,
            world.now,
        )


async def nothing_was_attested(world: World) -> bool:
    kinds = [row["kind"] for row in await world.rows("ledger")]
    return await world.rows("attestations") == [] and not any("attest" in kind for kind in kinds)


async def test_what_its_person_calls_wrong_nobody_attests(world: World) -> None:
    paper = await world.paper()
    async with world.database.writing(world.citizen.actor) as tx:
        wrong = Dispute(paper.document, AREA, "nhỏ hơn thật")
        await dispute_claim(tx, world.citizen, wrong, world.safe, world.now)
    for claims in ((AREA,), (AREA, SHEET)):
        with pytest.raises(AttestationRefused, match="claims"):
            await attest(world, paper, *claims)
    with pytest.raises(ClaimUnknown):
        await attest(world, paper, "land.owner@land")
    assert await nothing_was_attested(world)
    # What is always shown of a paper is left out in silence where it is disputed.
    made = await attest(world, paper, always_shown=lambda type_: (AREA, SHEET))
    (row,) = await world.rows("attestations")
    assert (row["id"], row["claims"]) == (made.id, [SHEET])


async def test_it_ends_with_its_paper_and_a_paper_past_its_day_has_none(world: World) -> None:
    today = world.now.date()
    tomorrow = await world.paper(valid_until=today + timedelta(days=1))
    made = await attest(world, tomorrow)
    assert timedelta(days=1) < made.expires_at - world.now < timedelta(days=2)
    ended = await world.paper(valid_until=today - timedelta(days=1))
    with pytest.raises(DocumentNotUsable, match="expired"):
        await attest(world, ended)
    assert len(await world.rows("attestations")) == 1


@pytest.mark.parametrize("days", [0, 367])
async def test_it_lasts_a_day_at_least_and_a_year_at_most(world: World, days: int) -> None:
    paper = await world.paper()
    with pytest.raises(AttestationRefused, match="validDays"):
        await attest(world, paper, valid_days=days)
    assert await nothing_was_attested(world)


async def test_it_leads_its_owner_to_the_version_it_was_made_over(world: World) -> None:
    paper = await world.paper()
    made = await attest(world, paper, SHEET)
    async with world.database.reading(world.citizen.actor) as tx:
        assert await attested_version(tx, made.id) == (paper.document, paper.version)
        with pytest.raises(NotFound):
            await attested_version(tx, new_id())
    async with world.database.reading(world.other.actor) as tx:
        with pytest.raises(NotFound):
            await attested_version(tx, made.id)
