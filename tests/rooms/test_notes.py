"""Sealed notes: read back as written, one per owner and kind, out of strangers' sight."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Role
from store.database import Database
from store.identifiers import new_id
from tests.people import Somebody, citizen, officer
from vault.errors import SubjectShredded
from vault.notes import Note, read_note, read_notes, write_note
from vault.safe import Safe

VALUE = {"tên": "Trần Thị Thử", "số": [1, 2.5, None, True], "empty": {}}


async def write(
    database: Database, person: Somebody, owner_ref: UUID, value: object, safe: Safe, now: datetime
) -> None:
    async with database.writing(person.actor) as tx:
        await write_note(tx, Note(person.subject, owner_ref, "form", value), safe, now)


async def rows(owner: AsyncEngine) -> list[dict[str, object]]:
    async with owner.begin() as connection:
        return [
            dict(row._mapping)
            for row in await connection.execute(text("SELECT * FROM sealed_notes ORDER BY id"))
        ]


async def test_a_note_is_read_as_it_was_written(database: Database, safe: Safe, now: datetime) -> None:
    person, owner_ref = await citizen(database, safe, now), new_id()
    await write(database, person, owner_ref, VALUE, safe, now)
    async with database.reading(person.actor) as tx:
        assert await read_note(tx, owner_ref, "form", safe) == VALUE
        assert await read_note(tx, owner_ref, "reason", safe) is None
        assert await read_note(tx, new_id(), "form", safe) is None


async def test_a_later_note_replaces_the_earlier(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    person, owner_ref = await citizen(database, safe, now), new_id()
    await write(database, person, owner_ref, "first", safe, now)
    (first,) = await rows(owner)
    await write(database, person, owner_ref, "second", safe, now)
    (second,) = await rows(owner)
    assert first["id"] != second["id"]
    async with database.reading(person.actor) as tx:
        assert await read_note(tx, owner_ref, "form", safe) == "second"


async def test_notes_of_many_owners_are_read_together(database: Database, safe: Safe, now: datetime) -> None:
    people = [await citizen(database, safe, now, f"00109900000{n}") for n in range(3)]
    refs = {person.subject: new_id() for person in people}
    for person in people:
        await write(database, person, refs[person.subject], str(person.subject), safe, now)
    reader = people[0].caller
    represented = dict.fromkeys(refs, "parent")
    async with database.reading(replace(reader, represented=represented).actor) as tx:
        found = await read_notes(tx, [*refs.values(), new_id()], "form", safe)
        assert found == {ref: str(subject) for subject, ref in refs.items()}
        assert await read_notes(tx, [], "form", safe) == {}


async def test_nothing_of_a_note_rests_in_clear(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    person = await citizen(database, safe, now)
    await write(database, person, new_id(), VALUE, safe, now)
    (row,) = await rows(owner)
    assert isinstance(row["sealed"], bytes)
    assert "Trần".encode() not in row["sealed"]


async def test_a_stranger_neither_reads_nor_replaces_nor_plants_a_note(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    person, stranger = await citizen(database, safe, now), await citizen(database, safe, now, "001099000002")
    owner_ref = new_id()
    await write(database, person, owner_ref, VALUE, safe, now)
    before = await rows(owner)
    for actor in (stranger.actor, officer(new_id(), Role.APPRAISE).actor):
        async with database.reading(actor) as tx:
            assert await read_note(tx, owner_ref, "form", safe) is None
        for subject in (person.subject, stranger.subject):
            with pytest.raises(DBAPIError, match="row-level security"):
                async with database.writing(actor) as tx:
                    await write_note(tx, Note(subject, owner_ref, "form", "forged"), safe, now)
    assert await rows(owner) == before


async def test_notes_of_a_shredded_subject_are_gone_and_none_is_added(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    person, owner_ref = await citizen(database, safe, now), new_id()
    await write(database, person, owner_ref, VALUE, safe, now)
    before = await rows(owner)
    await safe.keys.destroy(person.subject)
    async with database.reading(person.actor) as tx:
        assert await read_note(tx, owner_ref, "form", safe) is None
    with pytest.raises(SubjectShredded):
        await write(database, person, owner_ref, "later", safe, now)
    assert await rows(owner) == before


async def test_what_json_cannot_say_is_refused(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    person = await citizen(database, safe, now)
    for value in (float("nan"), {1, 2}, b"bytes"):
        with pytest.raises((TypeError, ValueError)):
            await write(database, person, new_id(), value, safe, now)
    assert await rows(owner) == []


def test_printing_a_note_shows_no_value() -> None:
    assert "Trần" not in repr(Note(new_id(), new_id(), "form", VALUE))
