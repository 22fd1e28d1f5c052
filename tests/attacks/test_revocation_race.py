"""Eight readers against one withdrawal, over and over: its acknowledgement is the end of reading.

A reading may finish late; none may begin after the acknowledgement and return content, and no reading may stand
in the log behind the withdrawal. The control shows that both can be seen to fail: without the lock they do.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from store import ledger
from store.database import Database, Tx
from store.embedded import Servers
from tests.size import seed, sized
from tests.vaults import Reliance, World, item_of, make_safe, make_world
from vault import disclosure
from vault.disclosure import Basis, UnderConsent
from vault.errors import ConsentFault, ConsentMissing
from vault.permission.consent import withdraw_consent
from vault.records import Consent

READERS = 8
AREA = "land.area_m2@land"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


@dataclass(frozen=True)
class Attempt:
    """One request: when it began, and the log row of what it got (None: refused)."""

    began: float
    ledger_id: int | None


async def attempt(relied: Reliance) -> Attempt:
    world, began = relied.world, time.monotonic()
    try:
        async with world.database.writing(world.officer.actor) as tx:
            got = await disclosure.disclose(tx, world.officer, relied.disclosure(AREA), world.safe)
    except ConsentMissing as refusal:
        if refusal.fault is not ConsentFault.WITHDRAWN:
            raise
        return Attempt(began, None)
    assert got.claims == {AREA: 84.5}
    return Attempt(began, got.ledger_id)


async def withdraw(relied: Reliance) -> float:
    """When the withdrawal was acknowledged: after its commit."""
    world = relied.world
    async with world.database.writing(world.citizen.actor) as tx:
        await withdraw_consent(tx, world.citizen, relied.consent, world.now)
    return time.monotonic()


async def violations(relied: Reliance, attempts: list[Attempt], acknowledged: float) -> list[str]:
    """Content given to a request begun after the acknowledgement, and readings logged behind the withdrawal."""
    rows = [row for row in await relied.world.rows("ledger") if row["consent_id"] == relied.consent]
    (withdrawn,) = [row["id"] for row in rows if row["kind"] == "consent.withdrawn"]
    readings = [row["id"] for row in rows if row["kind"] == "vault.read"]
    given = [one for one in attempts if one.ledger_id is not None]
    assert sorted(readings) == sorted(one.ledger_id or 0 for one in given)
    return [
        *("given after the acknowledgement" for one in given if one.began > acknowledged),
        *("logged behind the withdrawal" for reading in readings if reading > withdrawn),
    ]


async def relied_anew(world: World, relied: Reliance) -> Reliance:
    """The same paper and dossier under a fresh consent."""
    consent = await world.consent(relied.dossier, item_of(relied.held))
    await world.run("DELETE FROM dossier_evidence")
    await world.rely(relied.dossier, relied.held, consent)
    return Reliance(world, relied.held, relied.dossier, consent)


async def test_no_reading_follows_an_acknowledged_withdrawal(world: World) -> None:
    rounds, drawn = sized(150, 2_000), seed()
    print(f"revocation race: {rounds} rounds, {READERS} readers, seed {drawn}")
    chance, first = random.Random(drawn), await world.relied_on()
    given = refused = 0
    for _ in range(rounds):
        relied = await relied_anew(world, first)
        done = asyncio.Event()

        async def read(relied: Reliance = relied, done: asyncio.Event = done) -> list[Attempt]:
            await asyncio.sleep(chance.random() / 50)
            attempts = [await attempt(relied)]
            await done.wait()
            return [*attempts, await attempt(relied)] if chance.random() < 0.25 else attempts

        async def end(relied: Reliance = relied, done: asyncio.Event = done) -> float:
            await asyncio.sleep(chance.random() / 50)
            try:
                return await withdraw(relied)
            finally:
                done.set()

        ending = asyncio.create_task(end())
        read_by = await asyncio.gather(*(read() for _ in range(READERS)))
        acknowledged, attempts = await ending, [one for attempts in read_by for one in attempts]
        assert await violations(relied, attempts, acknowledged) == []
        given += sum(one.ledger_id is not None for one in attempts)
        refused += sum(one.ledger_id is None for one in attempts)
        await world.run("DELETE FROM consent_events")
        await world.run("DELETE FROM ledger")
    print(f"{given} readings before, {refused} refused after")
    # Both sides of the race were run: else the withdrawal always won, or never.
    assert given > rounds
    assert refused > rounds


async def _read_without_lock(tx: Tx, basis: Basis) -> Consent | None:
    assert isinstance(basis, UnderConsent)
    return await tx.scalar(select(Consent).where(Consent.id == basis.consent))


@pytest.mark.parametrize("locked", [True, False])
async def test_a_withdrawal_waits_for_the_reading_under_way(
    world: World, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    relied = await world.relied_on()
    judged, go_on = asyncio.Event(), asyncio.Event()
    record = ledger.record

    async def paused(tx: Tx, actor: Any, entry: ledger.Entry, now: datetime) -> int:
        if entry.kind == "vault.read":
            judged.set()
            await go_on.wait()
        return await record(tx, actor, entry, now)

    monkeypatch.setattr(ledger, "record", paused)
    if not locked:
        monkeypatch.setattr(disclosure, "_lock_consent", _read_without_lock)
    reading = asyncio.create_task(attempt(relied))
    await judged.wait()
    ending = asyncio.create_task(withdraw(relied))
    assert await _comes_to_wait(world, relied.consent, ending) is locked
    go_on.set()
    found = await violations(relied, [await reading], await ending)
    # The control: without FOR SHARE the withdrawal overtakes, and the log shows a reading behind it.
    assert found == ([] if locked else ["logged behind the withdrawal"])


async def _comes_to_wait(world: World, consent: UUID, ending: asyncio.Task[float]) -> bool:
    """Whether the withdrawal ends up queueing on a row, rather than finishing."""
    while not ending.done():
        if await _waiting(world):
            return True
    return False


async def _waiting(world: World) -> bool:
    async with world.owner.connect() as connection:
        found = await connection.exec_driver_sql("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(found.scalar_one())
