"""Whoever follows the feed from any cursor ends with what a full read gives, whatever commits meanwhile and when."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from auth.records import Officer
from dossiers.records import Dossier, DossierAsk, Notice
from store.database import Actor, Database
from store.feed import KEPT_DAYS, follow, place_changes, sweep_changes
from store.identifiers import new_id
from tests.attacks.row_level_world import AT, row
from tests.conftest import NOW
from tests.size import seed, sized
from vault.records import AccessRequest, Consent, Document, DocumentVersion, Share, Subject

LOOP = Actor("loop")
PEOPLE = 3

# All of a person's that can change: what a full read gives. Row-level security selects whose.
FULL = {
    "Dossier": """SELECT d.id, d.status::text || d.version::text || (SELECT count(*) FROM dossier_asks a
        WHERE a.dossier_id = d.id AND a.answered_at IS NULL)::text AS state FROM dossiers d""",
    "Document": "SELECT id, status AS state FROM documents WHERE status <> 'removed'",
    "Consent": "SELECT id, status AS state FROM consents",
    "AccessRequest": """SELECT id, status AS state FROM access_requests
        UNION ALL SELECT id, status FROM consents WHERE status = 'REQUESTED'""",
    "Share": "SELECT id, uses::text AS state FROM shares",
    "Notice": "SELECT id, (read_at IS NULL)::text AS state FROM notices",
}

State = dict[tuple[str, UUID], str]


@dataclass
class Phone:
    """A client that keeps what it was told of, and asks for nothing it was not."""

    database: Database
    person: UUID
    after: int | None = None
    kept: State = field(default_factory=dict)
    anew: int = 0

    @property
    def actor(self) -> Actor:
        return Actor("citizen", self.person, None, (self.person,))

    async def begin(self) -> None:
        """A cursor first, and then everything: what changes in between is told."""
        async with self.database.reading(self.actor) as tx:
            self.after = (await follow(tx, [self.person], None, 10)).last
        self.kept = await self.read(None)

    async def step(self, page: int) -> bool:
        """One page; whether there was any."""
        async with self.database.reading(self.actor) as tx:
            found = await follow(tx, [self.person], self.after, page)
        if found.too_old:
            self.anew += 1
            await self.begin()
            return True
        fresh = await self.read({(one.kind, one.thing) for one in found.changes})
        for one in found.changes:
            self.kept.pop((one.kind, one.thing), None)
        self.kept |= fresh
        self.after = found.changes[-1].place if len(found.changes) == page else found.last
        return bool(found.changes)

    async def read(self, wanted: set[tuple[str, UUID]] | None) -> State:
        state: State = {}
        async with self.database.reading(self.actor) as tx:
            for kind, query in FULL.items():
                if wanted is not None and not any(one == kind for one, _ in wanted):
                    continue
                for found in await tx.execute(text(query)):
                    if wanted is None or (kind, found.id) in wanted:
                        state[kind, found.id] = found.state
        return state


async def place(work: Database, limit: int = 5_000) -> int:
    async with work.writing(LOOP) as tx:
        return await place_changes(tx, limit)


@dataclass
class Writer:
    """Changes things of everybody's at random, several in a transaction, which it ends when it likes."""

    draw: random.Random
    owner: AsyncEngine
    people: list[UUID]
    parts: Mapping[str, UUID]
    done: int = 0

    async def run(self, transactions: int) -> None:
        for _ in range(transactions):
            async with self.owner.connect() as connection:
                transaction = await connection.begin()
                for _ in range(self.draw.randint(1, 4)):
                    await self.change(connection)
                    await asyncio.sleep(self.draw.choice((0, 0, 0.002, 0.01)))
                if self.draw.random() < 0.15:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    self.done += 1

    async def change(self, connection: AsyncConnection) -> None:
        who = self.draw.choice(self.people)
        about = {"who": who, "nth": self.draw.randint(0, 5)}
        if self.draw.random() < 0.4:
            record, values = self.draw.choice(self.makers())(who)
            await connection.execute(insert(record).values(**values))
            return
        statement = self.draw.choice(CHANGED)
        await connection.execute(text(statement), about)

    def makers(self) -> list[Callable[[UUID], tuple[Any, dict[str, Any]]]]:
        document, version, system = (self.parts[one] for one in ("document", "version", "system"))
        return [
            lambda who: row(Dossier, id=new_id(), applicant_id=who, filer_id=self.draw.choice(self.people),
                            status=0),
            lambda who: row(Document, id=new_id(), subject_id=who, origin="self", level=3, status="valid"),
            lambda who: row(Consent, id=new_id(), subject_id=who, items=[], status="REQUESTED"),
            lambda who: row(AccessRequest, id=new_id(), system_id=system, subject_id=who, status="REQUESTED",
                            max_uses=5, uses=0),
            lambda who: row(Share, id=new_id(), subject_id=who, document_id=document, version_id=version, uses=0,
                            max_uses=9, handle=str(new_id()), secret_hash=new_id().bytes * 2),
            lambda who: row(Notice, id=new_id(), subject_id=who),
        ]  # fmt: skip


# Rows another holds are passed over: who waits for a lock proves nothing here.
PICKED = "(SELECT id FROM {0} WHERE {1} = :who ORDER BY id OFFSET :nth LIMIT 1 FOR UPDATE SKIP LOCKED)"
CHANGED = [
    f"UPDATE dossiers SET version = version + 1 WHERE id IN {PICKED.format('dossiers', 'applicant_id')}",
    f"""INSERT INTO dossier_asks (id, dossier_id, requirement, kind, asked_at, probes, declined)
        SELECT gen_random_uuid(), d.id, 'x', 'SUPPLEMENT', now(), '[]', false FROM dossiers d
        WHERE d.id IN {PICKED.format("dossiers", "applicant_id")}""",
    f"UPDATE documents SET status = 'removed' WHERE id IN {PICKED.format('documents', 'subject_id')}",
    f"UPDATE documents SET status = 'valid' WHERE id IN {PICKED.format('documents', 'subject_id')}",
    f"UPDATE consents SET status = 'REFUSED' WHERE id IN {PICKED.format('consents', 'subject_id')}",
    f"UPDATE access_requests SET status = 'REFUSED' WHERE id IN {PICKED.format('access_requests', 'subject_id')}",
    f"UPDATE shares SET uses = least(uses + 1, 9) WHERE id IN {PICKED.format('shares', 'subject_id')}",
    f"UPDATE notices SET read_at = now() WHERE id IN {PICKED.format('notices', 'subject_id')}",
    f"DELETE FROM notices WHERE id IN {PICKED.format('notices', 'subject_id')}",
    f"DELETE FROM shares WHERE id IN {PICKED.format('shares', 'subject_id')}",
]


async def parts_of(owner: AsyncEngine, people: list[UUID]) -> dict[str, UUID]:
    """What rows of the writers refer to, and persons nobody follows."""
    document, version, system = new_id(), new_id(), new_id()
    rows = [
        *(row(Subject, id=one, number_index=one.bytes) for one in people),
        row(Officer, id=system, external_id=str(system), code=str(system), active=True),
        row(Document, id=document, subject_id=people[0], origin="self", level=3, status="valid"),
        row(DocumentVersion, id=version, document_id=document, subject_id=people[0]),
    ]
    async with owner.begin() as connection:
        for record, values in rows:
            await connection.execute(insert(record).values(**values))
    return {"document": document, "version": version, "system": system}


async def test_a_phone_that_follows_ends_with_what_a_full_read_gives(
    database: Database, work: Database, owner: AsyncEngine
) -> None:
    number = seed()
    draw = random.Random(number)
    people = [new_id() for _ in range(PEOPLE)]
    parts = await parts_of(owner, people)
    phones: list[Phone] = []
    writers = [Writer(random.Random(draw.random()), owner, people, parts) for _ in range(4)]
    busy = True

    async def join() -> None:
        """From any moment on, while others write."""
        while busy:
            phones.append(Phone(database, draw.choice(people)))
            await phones[-1].begin()
            for one in draw.sample(phones, min(3, len(phones))):
                await one.step(draw.randint(1, 7))
            await asyncio.sleep(0.02)

    async def number_rows() -> None:
        while busy:
            await place(work, draw.choice((1, 3, 5_000)))
            await asyncio.sleep(draw.choice((0, 0.005, 0.02)))

    following = asyncio.gather(join(), number_rows(), number_rows())
    await asyncio.gather(*(one.run(sized(60, 1_000)) for one in writers))
    busy = False
    await following
    while await place(work):
        continue
    told = 0
    for one in phones:
        while await one.step(draw.randint(1, 7)):
            told += 1
        assert one.kept == await one.read(None) != {}, f"seed {number}"
    print(
        f"\nfeed: seed {number}, {sum(one.done for one in writers)} transactions, {len(phones)} phones, {told} pages"
    )


async def test_a_transaction_that_commits_late_is_told_after_what_came_meanwhile(
    database: Database, work: Database, owner: AsyncEngine
) -> None:
    me = Phone(database, new_id())
    await me.begin()
    async with owner.connect() as slow:
        begun = await slow.begin()
        await slow.execute(insert(Notice).values(**row(Notice, subject_id=me.person)[1]))
        async with owner.begin() as quick:
            await quick.execute(insert(Notice).values(**row(Notice, subject_id=me.person)[1]))
        assert await place(work) == 1
        await me.step(10)
        assert len(me.kept) == 1
        await begun.commit()
    assert await place(work) == 1
    await me.step(10)
    assert len(me.kept) == 2


async def test_a_reader_by_ids_alone_would_miss_it(
    database: Database, work: Database, owner: AsyncEngine
) -> None:
    """What the places are for: the late row has the lower id."""
    person = new_id()
    async with owner.connect() as slow:
        begun = await slow.begin()
        await slow.execute(insert(Notice).values(**row(Notice, subject_id=person)[1]))
        async with owner.begin() as quick:
            await quick.execute(insert(Notice).values(**row(Notice, subject_id=person)[1]))
        await place(work)
        await begun.commit()
    await place(work)
    async with owner.connect() as connection:
        found = await connection.execute(
            text("SELECT id FROM changes WHERE subject_id = :who ORDER BY place"), {"who": person}
        )
        first, second = (one.id for one in found)
    assert first > second


async def test_one_transaction_tells_of_one_thing_once_and_its_last_word_counts(
    database: Database, work: Database, owner: AsyncEngine
) -> None:
    me = Phone(database, new_id())
    paper, filed = new_id(), new_id()
    await parts_of(owner, [me.person])
    await place(work)
    await me.begin()
    async with owner.begin() as connection:
        for record, values in (
            row(Document, id=paper, subject_id=me.person, origin="self", level=3, status="valid"),
            row(Dossier, id=filed, applicant_id=me.person, filer_id=me.person, status=0),
            *(row(DossierAsk, id=new_id(), dossier_id=filed) for _ in range(3)),
        ):
            await connection.execute(insert(record).values(**values))
        await connection.execute(
            text("UPDATE documents SET status = 'removed' WHERE id = :id"), {"id": paper}
        )
    await place(work)
    async with database.reading(me.actor) as tx:
        found = (await follow(tx, [me.person], me.after, 10)).changes
    assert [(one.kind, one.thing, one.gone) for one in found] == [
        ("Document", paper, True),
        ("Dossier", filed, False),
    ]


async def test_nobody_is_told_of_anothers_things(
    database: Database, work: Database, owner: AsyncEngine
) -> None:
    me, other = Phone(database, new_id()), Phone(database, new_id())
    await me.begin()
    async with owner.begin() as connection:
        await connection.execute(insert(Notice).values(**row(Notice, subject_id=other.person)[1]))
    await place(work)
    async with database.reading(me.actor) as tx:
        # Asked for by name all the same: the wall stands behind.
        assert (await follow(tx, [me.person, other.person], me.after, 10)).changes == ()


async def test_looks_of_a_system_at_its_request_are_no_news(
    database: Database, work: Database, owner: AsyncEngine
) -> None:
    me = Phone(database, new_id())
    parts = await parts_of(owner, [me.person])
    asked = row(AccessRequest, id=new_id(), system_id=parts["system"], subject_id=me.person, status="REQUESTED",
                max_uses=5, uses=0)[1]  # fmt: skip
    async with owner.begin() as connection:
        await connection.execute(insert(AccessRequest).values(**asked))
    await place(work)
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE access_requests SET polled_at = now(), uses = uses + 1"))
    assert await place(work) == 0


async def test_what_is_older_than_a_month_is_swept_and_who_missed_it_starts_anew(
    database: Database, work: Database, owner: AsyncEngine
) -> None:
    away, here = Phone(database, new_id()), Phone(database, new_id())
    await away.begin()
    for when in (AT, NOW + timedelta(days=KEPT_DAYS)):
        async with owner.begin() as connection:
            await connection.execute(insert(Notice).values(**row(Notice, subject_id=away.person)[1]))
            await connection.execute(text("UPDATE changes SET at = :at WHERE place IS NULL"), {"at": when})
        await place(work)
        if when == AT:
            await here.begin()
    async with work.writing(LOOP) as tx:
        await sweep_changes(tx, NOW)
    async with database.reading(away.actor) as tx:
        missed = await follow(tx, [away.person], away.after, 10)
    assert (missed.too_old, missed.changes) == (True, ())
    await away.step(10)
    assert (away.anew, len(away.kept)) == (1, 2)
    await here.step(10)
    assert here.anew == 0


async def test_a_place_not_yet_given_starts_anew(database: Database, work: Database) -> None:
    me = Phone(database, new_id(), after=10**9)
    await me.step(10)
    assert me.anew == 1


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO changes (subject_id, kind, thing, gone, at) VALUES (:who, 'x', :who, true, now())",
        "UPDATE changes SET gone = true",
        "DELETE FROM changes",
        "UPDATE feed_ends SET swept = 0",
        "SELECT tell_change(:who, 'Notice', :who, true)",
    ],
)
async def test_the_application_writes_nothing_into_the_feed_itself(
    database: Database, statement: str
) -> None:
    me = Phone(database, new_id())
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.writing(me.actor) as tx:
            await tx.execute(text(statement), {"who": me.person} if ":who" in statement else {})
