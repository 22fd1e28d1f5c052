"""Subjects: found by a number nobody stores, read only by those who may, and one per number."""

import asyncio
from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, Role
from auth.errors import AccessDenied, NotFound, Unauthenticated
from store.database import Actor, Database
from store.identifiers import new_id
from tests.people import SIGN_IN, citizen, officer
from vault.errors import NumberTaken, SubjectShredded
from vault.safe import Safe
from vault.subjects import (
    NEWBORN,
    PERSON,
    Profile,
    askable,
    enrol,
    find_by_number,
    give_number,
    profile_of,
    register_newborn,
)

NUMBER = "001099000001"
PROFILE = Profile(PERSON, "Trần Thị Thử", NUMBER, date(1999, 2, 28))


async def rows(owner: AsyncEngine) -> list[dict[str, object]]:
    async with owner.begin() as connection:
        return [
            dict(row._mapping) for row in await connection.execute(text("SELECT * FROM subjects ORDER BY id"))
        ]


async def test_a_subject_is_found_by_number_and_reads_their_own_profile(
    database: Database, safe: Safe, now: datetime
) -> None:
    person = await citizen(database, safe, now, NUMBER)
    async with database.reading(person.actor) as tx:
        assert await find_by_number(tx, " 0010 9900 0001", safe) == person.subject
        assert await find_by_number(tx, "001099000002", safe) is None
        assert await profile_of(tx, person.subject, safe) == PROFILE


async def test_neither_name_nor_number_rests_in_clear(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    await citizen(database, safe, now, NUMBER)
    (row,) = await rows(owner)
    assert row["number_index"] != NUMBER.encode()
    for value in row.values():
        shown = value if isinstance(value, bytes) else str(value).encode()
        assert NUMBER.encode() not in shown
        assert "Trần".encode() not in shown


async def test_enrolling_again_gives_the_same_subject_and_changes_nothing(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    person = await citizen(database, safe, now, NUMBER)
    before = await rows(owner)
    async with database.writing(SIGN_IN) as tx:
        assert await enrol(tx, replace(PROFILE, name="Another Name"), safe, now) == person.subject
    assert await rows(owner) == before


async def test_two_requests_enrolling_one_number_get_one_subject_and_one_living_key(
    database: Database, owner: AsyncEngine, keys_owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    async def enrol_once() -> object:
        async with database.writing(SIGN_IN) as tx:
            return await enrol(tx, PROFILE, safe, now)

    found = await asyncio.gather(*(enrol_once() for _ in range(4)))
    (row,) = await rows(owner)
    assert set(found) == {row["id"]}
    async with keys_owner.begin() as connection:
        living = await connection.scalars(
            text("SELECT subject_id FROM subject_keys WHERE wrapped IS NOT NULL")
        )
        assert list(living) == [row["id"]]


async def test_only_numbered_subjects_are_enrolled(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    async with database.writing(SIGN_IN) as tx:
        with pytest.raises(ValueError, match="numbered"):
            await enrol(tx, Profile(PERSON, "Nobody"), safe, now)
    assert await rows(owner) == []


async def test_a_profile_of_somebody_else_is_not_found(database: Database, safe: Safe, now: datetime) -> None:
    person, stranger = (
        await citizen(database, safe, now, NUMBER),
        await citizen(database, safe, now, "001099000002"),
    )
    for actor in (stranger.actor, officer(new_id(), Role.RECEIVE).actor, SIGN_IN, Actor("loop")):
        async with database.reading(actor) as tx:
            with pytest.raises(NotFound):
                await profile_of(tx, person.subject, safe)


async def test_a_profile_of_a_shredded_subject_is_gone(database: Database, safe: Safe, now: datetime) -> None:
    person = await citizen(database, safe, now, NUMBER)
    await safe.keys.destroy(person.subject)
    async with database.reading(person.actor) as tx:
        with pytest.raises(SubjectShredded):
            await profile_of(tx, person.subject, safe)


async def test_a_newborn_has_a_name_and_no_number(database: Database, safe: Safe, now: datetime) -> None:
    parent = await citizen(database, safe, now, NUMBER)
    async with database.writing(parent.actor) as tx:
        child = await register_newborn(tx, parent.caller, "Trần Bé Thử", safe, now)
        unnamed = await register_newborn(tx, parent.caller, None, safe, now)
        assert await profile_of(tx, child, safe) == Profile(NEWBORN, "Trần Bé Thử")
        assert await profile_of(tx, unnamed, safe) == Profile(NEWBORN, None)
        assert await askable(tx, [child, parent.subject]) == {parent.subject}
    # The mandate that lets the parent act for the child is recorded by the filing, not here.
    async with database.reading(parent.actor) as tx:
        with pytest.raises(NotFound):
            await profile_of(tx, child, safe)


@pytest.mark.parametrize(
    ("caller", "refusal"),
    [(ANONYMOUS, Unauthenticated), (officer(new_id(), *Role), AccessDenied)],
    ids=["anonymous", "officer"],
)
async def test_only_a_citizen_registers_a_newborn(
    database: Database,
    owner: AsyncEngine,
    safe: Safe,
    now: datetime,
    caller: object,
    refusal: type[Exception],
) -> None:
    async with database.writing(caller.actor) as tx:  # type: ignore[attr-defined]
        with pytest.raises(refusal):
            await register_newborn(tx, caller, "x", safe, now)  # type: ignore[arg-type]
    assert await rows(owner) == []


async def test_a_newborn_becomes_a_person_with_the_number_of_the_registration(
    database: Database, safe: Safe, now: datetime
) -> None:
    parent = await citizen(database, safe, now, NUMBER)
    async with database.writing(parent.actor) as tx:
        child = await register_newborn(tx, parent.caller, None, safe, now)
        registered = Profile(PERSON, "Trần Bé Thử", "001226000001", date(2026, 11, 2))
        assert [await give_number(tx, child, registered, safe) for _ in range(2)] == [True, False]
        assert await profile_of(tx, child, safe) == registered
        assert await find_by_number(tx, "001226000001", safe) == child


async def test_a_number_is_given_once_and_only_to_one(
    database: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> None:
    parent = await citizen(database, safe, now, NUMBER)
    async with database.writing(parent.actor) as tx:
        child = await register_newborn(tx, parent.caller, None, safe, now)
        with pytest.raises(NumberTaken):
            await give_number(tx, child, Profile(PERSON, "x", NUMBER), safe)
        with pytest.raises(NumberTaken):
            await give_number(tx, parent.subject, Profile(PERSON, "x", "001226000001"), safe)
        with pytest.raises(NotFound):
            await give_number(tx, new_id(), Profile(PERSON, "x", "001226000001"), safe)
    assert {row["kind"]: row["number_index"] is None for row in await rows(owner)} == {
        PERSON: False,
        NEWBORN: True,
    }


async def test_who_has_a_number_is_told_of_ones_own_only(
    database: Database, safe: Safe, now: datetime
) -> None:
    person, stranger = (
        await citizen(database, safe, now, NUMBER),
        await citizen(database, safe, now, "001099000002"),
    )
    async with database.reading(person.actor) as tx:
        assert await askable(tx, [person.subject, stranger.subject, new_id()]) == {person.subject}
        assert await askable(tx, [stranger.subject], new_id()) == set()
        assert await askable(tx, []) == set()
