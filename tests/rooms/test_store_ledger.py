"""Lines of the access log: written in the actor's own name, sealed in commit order, provable."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from store import ledger, merkle
from store.checkpoints import LogSigner
from store.database import Actor, Database, Tx
from store.errors import LogBroken, NotSealed
from store.identifiers import new_id
from store.ledger import Entry
from store.records import Checkpoint, LedgerEntry, LogLeaf

LOOP = Actor("loop")
LAN, MINH = (Actor("citizen", subject, None, (subject,)) for subject in (new_id(), new_id()))


@pytest.fixture
def signer() -> LogSigner:
    return LogSigner("log.example", Ed25519PrivateKey.generate())


def read_of(actor: Actor, reason: str | None = None) -> Entry:
    return Entry(
        "vault.read", actor.id, "done", "dossier", "OWN", claims=("person.name@child",), reason=reason
    )


async def write(database: Database, actor: Actor, now: datetime, times: int = 1) -> list[int]:
    async with database.writing(actor) as tx:
        return [await ledger.record(tx, actor, read_of(actor), now) for _ in range(times)]


async def seal(work: Database, signer: LogSigner, now: datetime, limit: int = 1024) -> int:
    async with work.writing(LOOP) as tx:
        return await ledger.seal(tx, signer, now, limit)


async def sealed(work: Database) -> list[tuple[int, int | None, UUID | None, int | None]]:
    async with work.reading(LOOP) as tx:
        columns = (LedgerEntry.id, LedgerEntry.log_index, LedgerEntry.subject_id, LedgerEntry.subject_count)
        chosen = select(*columns).order_by(LedgerEntry.log_index)
        return [(line, at, subject, count) for line, at, subject, count in await tx.execute(chosen)]


async def test_a_line_carries_its_actor_and_no_value(database: Database, now: datetime) -> None:
    document = new_id()
    entry = Entry(
        "vault.read", LAN.id, "done", "dossier", "LEGAL_DUTY", ("a@b",), (document,), article="Art. 5"
    )
    async with database.writing(LAN) as tx:
        line = await ledger.record(tx, LAN, entry, now)
    async with database.reading(LAN) as tx:
        row = (await tx.scalars(select(LedgerEntry))).one()
    assert (row.id, row.at, row.actor_kind, row.actor_id) == (line, now, "citizen", LAN.id)
    assert (row.subject_id, row.outcome, row.log_index) == (LAN.id, "done", None)
    assert row.entry["documents"] == [str(document)]
    assert row.entry["article"] == "Art. 5"
    assert len(row.salt) == 32


async def test_a_line_in_another_name_is_refused(database: Database, work: Database, now: datetime) -> None:
    for forged in (MINH, Actor("officer", LAN.id), Actor("citizen")):
        with pytest.raises(DBAPIError, match="another name"):
            async with database.writing(LAN) as tx:
                await ledger.record(tx, forged, read_of(LAN), now)
    with pytest.raises(DBAPIError, match="no actor"):
        async with database.writing(Actor("")) as tx:
            await ledger.record(tx, Actor(""), read_of(LAN), now)
    assert await sealed(work) == []


async def test_a_line_goes_with_its_transaction(database: Database, work: Database, now: datetime) -> None:
    async def act() -> None:
        async with database.writing(LAN) as tx:
            await ledger.record(tx, LAN, read_of(LAN), now)
            raise LookupError

    with pytest.raises(LookupError):
        await act()
    assert await sealed(work) == []


async def test_sealing_gives_gapless_places_by_id_and_counts_each_subject(
    database: Database, work: Database, signer: LogSigner, now: datetime
) -> None:
    first = await write(database, LAN, now, 3)
    second = await write(database, MINH, now, 2)
    third = await write(database, LAN, now)
    assert await seal(work, signer, now, limit=4) == 4
    assert await seal(work, signer, now) == 2
    assert await seal(work, signer, now) == 0
    lan, minh = LAN.id, MINH.id
    assert await sealed(work) == [
        *((line, at, lan, at + 1) for at, line in enumerate(first)),
        *((line, at + 3, minh, at + 1) for at, line in enumerate(second)),
        (third[0], 5, lan, 4),
    ]


async def test_a_late_commit_of_a_smaller_id_takes_the_next_place(
    database: Database, work: Database, signer: LogSigner, now: datetime
) -> None:
    opened, may_commit = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        async with database.writing(LAN) as tx:
            line = await ledger.record(tx, LAN, read_of(LAN), now)
            opened.set()
            await may_commit.wait()
            return line

    late = asyncio.create_task(slow())
    await opened.wait()
    (early,) = await write(database, MINH, now)
    assert await seal(work, signer, now) == 1
    may_commit.set()
    assert await late < early
    assert await seal(work, signer, now) == 1
    assert [(line, at) for line, at, _, _ in await sealed(work)] == [(early, 0), (await late, 1)]


async def test_parallel_sealers_give_every_place_once(
    database: Database, work: Database, signer: LogSigner, now: datetime
) -> None:
    await asyncio.gather(*(write(database, LAN, now, 5) for _ in range(6)))
    counts = await asyncio.gather(*(seal(work, signer, now, limit=7) for _ in range(5)))
    assert sorted(counts) == [2, 7, 7, 7, 7]
    assert [at for _, at, _, _ in await sealed(work)] == list(range(30))


async def test_every_leaf_is_proven_under_the_signed_head(
    database: Database, work: Database, signer: LogSigner, now: datetime
) -> None:
    for batch in (1, 2, 5, 9):
        await write(database, LAN, now, batch)
        await seal(work, signer, now)
    async with database.reading(Actor("anonymous")) as tx:
        heads = (await tx.scalars(select(Checkpoint).order_by(Checkpoint.size))).all()
        assert [head.size for head in heads] == [1, 3, 8, 17]
        for log_index in range(17):
            found = await ledger.inclusion(tx, log_index)
            head = signer.key.opened(found.note)
            leaf = merkle.leaf_hash(found.leaf)
            assert merkle.verifies_inclusion(leaf, log_index, head.size, found.proof, head.root)
        for old in heads:
            proof = await ledger.consistency(tx, old.size, 17)
            assert merkle.verifies_consistency(old.size, 17, old.root, heads[-1].root, proof)


async def test_a_published_proof_has_the_c2sp_form(
    database: Database, work: Database, signer: LogSigner, now: datetime
) -> None:
    await write(database, LAN, now, 3)
    await seal(work, signer, now)
    async with database.reading(Actor("anonymous")) as tx:
        found = await ledger.inclusion(tx, 1)
    lines = found.text.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 1"]
    assert [len(line) for line in lines[2:5]] == [44, 44, 0]
    assert "\n".join(lines[5:]) == found.note


async def test_leaves_say_nothing_about_anybody(
    database: Database, work: Database, signer: LogSigner, now: datetime
) -> None:
    await write(database, LAN, now)
    await seal(work, signer, now)
    async with database.reading(Actor("anonymous")) as tx:
        leaf = (await tx.scalars(select(LogLeaf.leaf))).one()
    assert leaf.startswith(b'{"c":"')
    assert leaf.endswith(b'","h":"2026-11-23T03","k":"vault.read","v":2}')
    assert len(leaf) == len(b'{"c":"","h":"2026-11-23T03","k":"vault.read","v":2}') + 43


async def test_a_proof_of_what_is_not_sealed_is_refused(
    database: Database, work: Database, signer: LogSigner, now: datetime
) -> None:
    async def refused(ask: Any) -> None:
        with pytest.raises(NotSealed):
            await ask

    async with database.reading(Actor("anonymous")) as tx:
        await refused(ledger.inclusion(tx, 0))
        await refused(ledger.consistency(tx, 1, 1))
    await write(database, LAN, now)
    await seal(work, signer, now)
    await write(database, LAN, now)
    async with database.reading(Actor("anonymous")) as tx:
        await refused(ledger.inclusion(tx, 1))
        await refused(ledger.consistency(tx, 0, 1))
        await refused(ledger.consistency(tx, 1, 2))


async def test_nothing_is_sealed_on_an_altered_tree(
    database: Database, work: Database, signer: LogSigner, owner: AsyncEngine, now: datetime
) -> None:
    await write(database, LAN, now, 3)
    await seal(work, signer, now)
    await write(database, LAN, now)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE log_leaves SET hash = sha256('x') WHERE log_index = 2"))
    with pytest.raises(LogBroken):
        await seal(work, signer, now)
    assert (await sealed(work))[-1][1] is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET outcome = 'refused'",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "INSERT INTO ledger (at, kind) VALUES (now(), 'vault.read')",
        "DELETE FROM log_leaves",
        "INSERT INTO checkpoints VALUES (9, sha256('x'), '', now())",
    ],
)
async def test_the_application_can_neither_change_nor_forge_the_log(
    database: Database, work: Database, now: datetime, statement: str
) -> None:
    await write(database, LAN, now)
    before = await sealed(work)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.writing(LAN) as tx:
            await tx.execute(text(statement))
    assert await sealed(work) == before


@pytest.mark.parametrize(
    "statement",
    ["UPDATE ledger SET outcome = 'refused'", "DELETE FROM ledger", "UPDATE log_leaves SET leaf = ''"],
)
async def test_the_sealing_role_can_place_lines_and_nothing_else(
    database: Database, work: Database, now: datetime, statement: str
) -> None:
    await write(database, LAN, now)

    async def attempt(tx: Tx) -> None:
        await tx.execute(text(statement))

    with pytest.raises(DBAPIError, match="permission denied"):
        async with work.writing(LOOP) as tx:
            await attempt(tx)
