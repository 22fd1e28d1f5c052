"""An intruder who may write to both databases and the blob folder, but has no root key: whatever is put in another's
place, or put back from an earlier time, is refused.

What such an intruder can still do is point a document back at its own earlier version. Nothing sealed can show
that; consents, which name versions, and the log, which counts them, do.
"""

import hashlib
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.conftest import NewDatabase
from tests.files import pdf, stream
from tests.people import Somebody, citizen
from tests.size import seed, sized
from vault.deposits import Deposit, add_version, deposit
from vault.errors import KeyMissing, TamperedContent
from vault.holding import Holding, Origin
from vault.intake.arrivals import Piece, receive
from vault.intake.legs import Dock
from vault.intake.uploads import Announcement, create_upload, find_ticket
from vault.notes import Note, read_note, write_note
from vault.opening import open_claims, open_content
from vault.records import DocumentVersion
from vault.safe import Safe
from vault.sealing import ring_files
from vault.sealing.envelope import SEGMENT_BYTES
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys
from vault.subjects import profile_of

TYPE = "land-use-certificate"
SEALED = ("wrapped_key", "claims", "sealed_sha256", "blob")
"""Columns of a version that hold, or lead to, something sealed."""


@dataclass(frozen=True)
class Vaults:
    """Two people, two papers each, two versions of each: every kind of neighbour a row can be swapped with."""

    database: Database
    owner: AsyncEngine
    keys_owner: AsyncEngine
    safe: Safe
    now: datetime
    people: tuple[Somebody, Somebody]

    async def upload(self, person: Somebody, content: bytes) -> UUID:
        announcement = Announcement(
            TYPE, "application/pdf", len(content), hashlib.sha256(content).digest(), person.subject
        )
        async with self.database.writing(person.actor) as tx:
            announced = await create_upload(tx, person.caller, announcement, self.safe, self.now)
            ticket = await find_ticket(tx, person.caller, announced.id, announced.secret, self.now)
        dock = Dock(self.database, self.safe, lambda: self.now)
        await receive(dock, ticket, Piece(0, stream(content), resumable=False))
        return announced.id

    async def versions(self, person: Somebody, mark: str) -> list[UUID]:
        """One paper with two versions, all of one shape and each with its own claims and bytes."""
        made: list[Holding] = []
        for number in (1, 2):
            upload = await self.upload(person, paper(f"{mark}{number}"))
            claims = {"land.parcel_number@land": f"{mark}{number}"}
            given = Deposit(person.subject, TYPE, Origin.SELF, claims, upload)
            async with self.database.writing(person.actor) as tx:
                if made:
                    made.append(
                        await add_version(tx, person.caller, made[0].document, given, self.safe, self.now)
                    )
                else:
                    made.append(await deposit(tx, person.caller, given, self.safe, self.now))
        return [one.version for one in made]

    async def read(self, version: UUID) -> tuple[dict[str, Any], bytes]:
        """Everything a version holds, as whoever its row says it belongs to."""
        row = await self.row(version)
        async with self.safe.keys.opened(row.subject_id) as key:
            opened = key.unwrap(row.wrapped_key, row.document_id, row.id, row.number)
        claims, content = open_claims(row, opened), await open_content(row, opened, self.safe)
        return claims, b"".join([chunk async for chunk in content.stream()])

    async def row(self, version: UUID) -> DocumentVersion:
        represented = {person.subject: "parent" for person in self.people}
        everyone = replace(self.people[0].caller, represented=represented)
        async with self.database.reading(everyone.actor) as tx:
            return (await tx.scalars(select(DocumentVersion).where(DocumentVersion.id == version))).one()

    async def run(self, statement: str, **given: Any) -> None:
        async with self.owner.begin() as connection:
            await connection.execute(text(statement), given)

    async def exchange(self, table: str, columns: tuple[str, ...], one: UUID, other: UUID) -> None:
        """Swap columns of two rows. Doing it again puts them right."""
        moved = ", ".join(
            f"{name} = (SELECT f.{name} FROM {table} f WHERE f.id = CASE t.id WHEN :one THEN :other ELSE :one END)"
            for name in columns
        )
        await self.run(f"UPDATE {table} t SET {moved} WHERE id IN (:one, :other)", one=one, other=other)

    async def rows(self, table: str) -> list[dict[str, Any]]:
        async with self.owner.begin() as connection:
            return [dict(row._mapping) for row in await connection.execute(text(f"SELECT * FROM {table}"))]

    def blob(self, name: str) -> Path:
        return self.safe.blobs._root / name[:2] / name[2:4] / name


def paper(mark: str) -> bytes:
    """A PDF of three sealed segments and always the same size."""
    return pdf(
        lambda document: document.Root.__setitem__("/X", document.make_stream(mark.encode() * 50_000)),
        compress_streams=False,
        static_id=True,
    )


@pytest.fixture
async def vaults(
    new_database: NewDatabase, keys_owner: AsyncEngine, safe: Safe, now: datetime
) -> AsyncIterator[Vaults]:
    """In a database of their own, which the intruder may spoil."""
    servers = await new_database()
    database, owner = Database(servers.url), create_async_engine(servers.owner_url)
    people = [await citizen(database, safe, now, f"00109900000{number}") for number in (1, 2)]
    yield Vaults(database, owner, keys_owner, safe, now, (people[0], people[1]))
    await database.close()
    await owner.dispose()


async def refused(attempt: Callable[[], Awaitable[object]], what: str) -> None:
    with pytest.raises(TamperedContent):
        pytest.fail(f"{what}: opened {await attempt()!r:.80}")


async def eight_versions(vaults: Vaults) -> list[UUID]:
    return [
        version
        for person, marks in zip(vaults.people, (("aa", "ab"), ("ba", "bb")), strict=True)
        for mark in marks
        for version in await vaults.versions(person, mark)
    ]


async def test_no_version_opens_with_anything_of_another(vaults: Vaults) -> None:
    versions = await eight_versions(vaults)
    right = {version: await vaults.read(version) for version in versions}
    assert len({claims["land.parcel_number@land"] for claims, _ in right.values()}) == len(versions)
    subsets = [chosen for size in range(1, 5) for chosen in itertools.combinations(SEALED, size)]
    attacks = [(*pair, chosen) for pair in itertools.combinations(versions, 2) for chosen in subsets]
    drawn, tried = seed(), 0
    random.Random(drawn).shuffle(attacks)
    for one, other, chosen in attacks[: sized(100, len(attacks))]:
        await vaults.exchange("document_versions", chosen, one, other)
        for version in (one, other):
            await refused(partial(vaults.read, version), f"{chosen} swapped, seed {drawn}")
            tried += 1
        await vaults.exchange("document_versions", chosen, one, other)
    assert {version: await vaults.read(version) for version in versions} == right
    print(f"swapped version rows: {tried} readings tried, all refused, seed {drawn}")


async def test_a_version_moved_to_another_document_subject_or_number_does_not_open(vaults: Vaults) -> None:
    versions = await eight_versions(vaults)
    right = {version: await vaults.read(version) for version in versions}
    tried = 0
    await vaults.run("ALTER TABLE document_versions DROP CONSTRAINT document_versions_document_id_number_key")
    for one, other in itertools.combinations(versions, 2):
        a, b = await vaults.row(one), await vaults.row(other)
        for column in ("document_id", "subject_id", "number"):
            if getattr(a, column) == getattr(b, column):
                continue
            await vaults.exchange("document_versions", (column,), one, other)
            for version in (one, other):
                await refused(partial(vaults.read, version), f"{column} swapped")
                tried += 1
            await vaults.exchange("document_versions", (column,), one, other)
    assert {version: await vaults.read(version) for version in versions} == right
    print(f"moved version rows: {tried} readings tried, all refused")
    assert tried > 50


async def test_an_older_version_put_back_is_refused(vaults: Vaults) -> None:
    older, newer = await vaults.versions(vaults.people[0], "aa")
    before = await vaults.read(newer)
    subsets = [chosen for size in range(1, 5) for chosen in itertools.combinations(SEALED, size)]
    kept = await vaults.row(newer)
    for chosen in subsets:
        moved = ", ".join(f"{name} = o.{name}" for name in chosen)
        await vaults.run(
            f"UPDATE document_versions n SET {moved} FROM document_versions o WHERE n.id = :newer AND o.id = :older",
            newer=newer,
            older=older,
        )
        await refused(partial(vaults.read, newer), f"{chosen} of the older version")
        for name in chosen:
            await vaults.run(
                f"UPDATE document_versions SET {name} = :kept WHERE id = :newer",
                kept=getattr(kept, name),
                newer=newer,
            )
    assert await vaults.read(newer) == before
    print(f"older version put back: {len(subsets)} ways, all refused")


async def test_a_sealed_file_changed_on_disk_is_refused(vaults: Vaults) -> None:
    older, newer = await vaults.versions(vaults.people[0], "aa")
    names = [(await vaults.row(version)).blob or "" for version in (older, newer)]
    old, right = (vaults.blob(name).read_bytes() for name in names)
    path, step = vaults.blob(names[1]), SEGMENT_BYTES
    assert len(old) == len(right) > 2 * step
    drawn, tried = seed(), 0
    chance = random.Random(drawn)
    lies = [
        old,
        old[:step] + right[step:],
        right[:step] + old[step:],
        right[:step] + right[2 * step :],
        right[:step] + right[2 * step :] + right[step : 2 * step],
        right[:step],
        right[: 2 * step],
        right[:-1],
        right + b"\0",
        right + right,
        b"",
    ]
    for _ in range(sized(100, 5_000)):
        at = chance.randrange(len(right))
        lies.append(right[:at] + bytes([right[at] ^ 1 << chance.randrange(8)]) + right[at + 1 :])
    for lie in lies:
        path.write_bytes(lie)
        await refused(partial(vaults.read, newer), f"file of {len(lie)} bytes, seed {drawn}")
        tried += 1
    path.write_bytes(right)
    assert (await vaults.read(newer))[1] == paper("aa2")
    print(f"changed files: {tried} tried, all refused, seed {drawn}")


async def test_a_file_changed_between_check_and_sending_stops_the_stream(vaults: Vaults) -> None:
    version = (await vaults.versions(vaults.people[0], "aa"))[0]
    row = await vaults.row(version)
    async with vaults.safe.keys.opened(row.subject_id) as key:
        opened = key.unwrap(row.wrapped_key, row.document_id, row.id, row.number)
    content = await open_content(row, opened, vaults.safe)
    path = vaults.blob(row.blob or "")
    right = path.read_bytes()
    # Through the same file, not a new one under its name: the descriptor held open sees this.
    with path.open("r+b") as file:
        file.seek(SEGMENT_BYTES + 100)
        file.write(b"changed")
    sent = bytearray()

    async def send() -> None:
        async for chunk in content.stream():
            sent.extend(chunk)

    await refused(send, "changed after the check")
    assert paper("aa1").startswith(sent)
    path.write_bytes(right)


async def test_no_subject_key_opens_for_another_subject(vaults: Vaults) -> None:
    one, other = (person.subject for person in vaults.people)
    version = (await vaults.versions(vaults.people[0], "aa"))[0]
    swap = (
        "UPDATE subject_keys t SET wrapped = (SELECT f.wrapped FROM subject_keys f"
        " WHERE f.subject_id = CASE t.subject_id WHEN :one THEN CAST(:other AS uuid) ELSE CAST(:one AS uuid) END)"
    )
    renumber = "UPDATE subject_keys SET generation = generation + 1 WHERE subject_id IN (:one, :other)"
    for statement in (swap, renumber):
        async with vaults.keys_owner.begin() as connection:
            await connection.execute(text(statement), {"one": one, "other": other})
        await refused(partial(vaults.read, version), statement)
        for person in vaults.people:
            await refused(partial(read_profile, vaults, person), statement)
        async with vaults.keys_owner.begin() as connection:
            await connection.execute(
                text(statement.replace("generation + 1", "generation - 1")), {"one": one, "other": other}
            )
    assert (await vaults.read(version))[1] == paper("aa1")


async def test_another_root_key_opens_nothing(vaults: Vaults, servers: Servers, tmp_path: Path) -> None:
    ring_files.create(tmp_path / "root.json")
    stolen = Keys(servers.keys_url, LocalKeyRing(tmp_path / "root.json"))
    try:
        with pytest.raises(KeyMissing):
            async with stolen.opened(vaults.people[0].subject):
                pytest.fail("opened")
    finally:
        await stolen.close()


async def read_note_as(vaults: Vaults, person: Somebody, owner_ref: UUID, kind: str) -> object:
    async with vaults.database.reading(person.actor) as tx:
        return await read_note(tx, owner_ref, kind, vaults.safe)


async def read_profile(vaults: Vaults, person: Somebody) -> object:
    async with vaults.database.reading(person.actor) as tx:
        return await profile_of(tx, person.subject, vaults.safe)


async def test_no_note_opens_in_anothers_place(vaults: Vaults) -> None:
    notes = [
        (person, new_id(), kind) for person in vaults.people for kind in ("form", "reason") for _ in "ab"
    ]
    for person, owner_ref, kind in notes:
        async with vaults.database.writing(person.actor) as tx:
            await write_note(
                tx, Note(person.subject, owner_ref, kind, str(owner_ref)), vaults.safe, vaults.now
            )
    rows = {row["owner_ref"]: row["id"] for row in await vaults.rows("sealed_notes")}
    await vaults.run("ALTER TABLE sealed_notes DROP CONSTRAINT sealed_notes_owner_ref_kind_key")
    tried = 0
    for one, other in itertools.combinations(notes, 2):
        for columns in (("sealed",), ("owner_ref", "kind", "subject_id")):
            places = (rows[one[1]], rows[other[1]])
            await vaults.exchange("sealed_notes", columns, *places)
            for note in (one, other):
                await refused(partial(read_note_as, vaults, *note), f"{columns} swapped")
                tried += 1
            await vaults.exchange("sealed_notes", columns, *places)
    for person, owner_ref, kind in notes:
        assert await read_note_as(vaults, person, owner_ref, kind) == str(owner_ref)
    print(f"swapped notes: {tried} readings tried, all refused")


async def test_an_older_note_put_back_into_the_row_is_refused(vaults: Vaults) -> None:
    person, owner_ref = vaults.people[0], new_id()
    for value in ("older", "newer"):
        async with vaults.database.writing(person.actor) as tx:
            await write_note(tx, Note(person.subject, owner_ref, "form", value), vaults.safe, vaults.now)
        if value == "older":
            (older,) = await vaults.rows("sealed_notes")
    await vaults.run("UPDATE sealed_notes SET sealed = :sealed", sealed=older["sealed"])
    await refused(partial(read_note_as, vaults, person, owner_ref, "form"), "older note")


async def test_no_profile_opens_in_anothers_place(vaults: Vaults) -> None:
    one, other = (person.subject for person in vaults.people)
    await vaults.exchange("subjects", ("profile",), one, other)
    for person in vaults.people:
        await refused(partial(read_profile, vaults, person), "profiles swapped")
