"""`kill -9` in the middle of everything: what was acknowledged stays, what was not leaves nothing behind.

The product runs as its operator runs it, on its private PostgreSQL with fsync on, while several people file, are
decided about, agree and withdraw. The log of the seed replays who did what and whom each kill hit; the moment of a
kill among a machine's other business cannot be replayed.
"""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from auth.caller import LOOP
from store.database import Database
from tests.attacks.acknowledging import AGENCY, Life, Line, Witness, consents_of, digest, listed
from tests.attacks.killing import Product, Target, run
from tests.attacks.wholeness import look_below
from tests.flows.stage import Person
from tests.size import seed, sized
from vault.sealing.blobs import LocalBlobs, new_name
from vault.sweeping import GRACE, drop_expired_uploads, sweep_blobs

PEOPLE: Final = ("minh-chau", "thu-ha", "hong-nhung")
"""Lives at once. Each is two browsers."""
READY_SECONDS: Final = 10.0
"""To be back after a kill, on a machine with a core to spare."""
LONGEST_LIFE_SECONDS: Final = 1.5


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-kill-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def product(folder: Path) -> AsyncIterator[Product]:
    made = Product(folder)
    yield made
    await made.end()


async def test_nothing_acknowledged_is_lost_however_it_is_killed(product: Product) -> None:
    """Documents by their bytes, dossiers by code, status and version, consents, codes; each effect exactly once."""
    lot, kills = random.Random(drawn := seed()), sized(8, 100)
    await product.start()
    await assert_durable(product)
    slowest, seen = 0.0, set[str]()
    async with AsyncExitStack() as stack:
        lives = [await _begin(stack, product, who, lot.getrandbits(32)) for who in PEOPLE]
        for target in _targets(kills, lot):
            await _live_until_killed(lives, product, target, lot.uniform(0.05, LONGEST_LIFE_SECONDS))
            back = await (product.await_ready() if target is Target.POSTGRES else product.start())
            slowest = max(slowest, back)
            for life in lives:
                await life.settle()
                await assert_acknowledged(life)
            seen |= await assert_whole(product, seen)
        for life in lives:
            await assert_readable(life)
        orphans = await assert_swept(product)
        for life in lives:
            await assert_readable(life)
    done = sum(life.book.acknowledged for life in lives)
    print(
        f"seed {drawn}: {kills} kills, {done} acknowledged changes, {len(seen)} sealed files,"
        f" {orphans} orphans swept, ready again after at most {slowest:.1f} s"
    )
    assert done > kills
    assert slowest <= READY_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    await assert_log_sound(product)
    assert await product.stop() == 0


async def test_a_kill_at_any_moment_of_the_first_start_leaves_a_folder_that_starts(product: Product) -> None:
    """Half a cluster, half a migration, half a catalogue: the next start finishes what it finds."""
    lot, kills = random.Random(drawn := seed()), sized(2, 20)
    for _ in range(kills):
        await product.launch()
        await asyncio.sleep(lot.uniform(0.1, 6.0))  # the moment is what is being tried
        await product.kill(Target.EVERYTHING)
    print(f"seed {drawn}: {kills} kills of a first start")
    await product.start()
    async with AsyncExitStack() as stack:
        life = await _begin(stack, product, PEOPLE[0], lot.getrandbits(32))
        await life.file()
        await assert_acknowledged(life)
    assert await assert_whole(product, set())


async def assert_durable(product: Product) -> None:
    engine = create_async_engine(product.servers.url, poolclass=NullPool)
    async with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await connection.scalar(text(f"SHOW {setting}")) == "on", setting
    await engine.dispose()


async def assert_acknowledged(life: Life) -> None:
    """The platform shows what it acknowledged, no less and no more."""
    citizen, book = life.citizen, life.book
    held = await listed(citizen, "myDocuments", "id origin")
    assert {one["id"] for one in held if one["origin"] == "SELF"} == book.documents.keys()
    dossiers = {one["id"]: one for one in await listed(citizen, "myDossiers", "id code status version")}
    assert dossiers.keys() == book.dossiers.keys()
    for id_, filed in book.dossiers.items():
        found = dossiers[id_]
        assert (found["code"], found["status"]) == (filed.code, filed.status), id_
        assert filed.version in (None, found["version"]), id_
    codes = [one["code"] for one in dossiers.values() if one["code"]]
    assert len(codes) == len(set(codes))
    assert await consents_of(citizen) == {id_: status for id_, (status, _) in book.consents.items()}
    shares = (
        await citizen.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=sorted(book.shares)[-50:])
    )["nodes"]
    assert None not in shares


async def assert_whole(product: Product, seen: set[str]) -> set[str]:
    """Nothing dangles; every sealed file not seen before opens. Returns their names."""
    async with look_below(product.servers, product.data) as below:
        assert await below.dangling() == []
        assert await below.keyless() == []
        return await below.authenticate(seen)


async def assert_readable(life: Life) -> None:
    """Each paper's bytes, through the API, are those that were acknowledged."""
    for document, sha256 in life.book.documents.items():
        assert digest(await _content(life.citizen, document)) == sha256
    for dossier, sha256 in life.book.results.items():
        query = "query($id: ID!) { node(id: $id) { ... on Dossier { results { id } } } }"
        (result,) = (await life.citizen.ask(query, id=dossier))["node"]["results"]
        assert digest(await _content(life.citizen, result["id"])) == sha256


async def assert_swept(product: Product) -> int:
    """Two passes of the sweep remove every file no row names, and no other; returns how many there were."""
    blobs = LocalBlobs(product.data / "blobs")
    for name in (new_name(), f"{new_name()}.part"):
        folder = product.data / "blobs" / name[:2] / name[2:4]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).write_bytes(b"nobody's")
    async with look_below(product.servers, product.data) as below:
        before = _files(product)
        work = Database(product.servers.work_url, pool_size=1)
        now = datetime.now(UTC) + timedelta(hours=25)
        async with work.writing(LOOP.actor) as tx:
            await drop_expired_uploads(tx, blobs, now)
        for moment in (now, now + GRACE):
            async with work.reading(LOOP.actor) as tx:
                await sweep_blobs(tx, blobs, moment)
        await work.close()
        assert _files(product) == await below.named_blobs()
        return len(before - _files(product))


async def assert_log_sound(product: Product) -> None:
    code, said = await run(product.command("log", "verify"))
    assert code == 0, said
    assert "sound" in said


async def _begin(stack: AsyncExitStack, product: Product, who: str, drawn: int) -> Life:
    citizen, officer = [await _browse(stack, product) for _ in range(2)]
    await citizen.sign_in("citizen", who)
    await officer.sign_in("officer", f"{AGENCY}.toan-quyen")
    return Life(citizen, officer, random.Random(drawn))


async def _browse(stack: AsyncExitStack, product: Product) -> Witness:
    browser = await stack.enter_async_context(httpx2.AsyncClient(transport=Line(), timeout=30.0))
    return Witness(browser, origin=product.origin)


def _targets(kills: int, lot: random.Random) -> list[Target]:
    """Each target about equally often, in an order of chance."""
    targets = [tuple(Target)[number % len(Target)] for number in range(kills)]
    lot.shuffle(targets)
    return targets


async def _live_until_killed(lives: list[Life], product: Product, target: Target, seconds: float) -> None:
    living = [asyncio.create_task(life.go_on()) for life in lives]
    done, _ = await asyncio.wait(living, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    assert not done, [task.exception() for task in done]
    await product.kill(target)
    for life in lives:
        life.stop()
    await asyncio.gather(*living)


async def _content(citizen: Person, document: str) -> bytes:
    opened = await citizen.act("openDocument", "url", document=document)
    answer = await citizen.browser.get(opened["url"])
    assert answer.status_code == 200, answer.text
    return answer.content


def _files(product: Product) -> set[str]:
    return {path.name for path in (product.data / "blobs").glob("??/??/*") if path.is_file()}
