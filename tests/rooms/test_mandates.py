"""Acting for one's own child: on what proof, until when, and how it ends."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, LOOP, Caller, CallerKind, Role
from auth.errors import AccessDenied, AuthRefusal, GuardianNotProven, NotFound, TriesSpent, Unauthenticated
from auth.mandates import (
    ParentEvidence,
    bind_newborn,
    live_mandates,
    recognise_guardian,
    revoke_mandate,
)
from auth.tries import Asking, forget_tries, note_try
from store.database import Actor, Database, Tx
from store.identifiers import new_id

MOTHER, FATHER, CHILD, STRANGER, DOSSIER = (UUID(int=n) for n in range(1, 6))
NUMBER = b"a number's keyed hash"
PARENT = Caller(CallerKind.CITIZEN, MOTHER)
BIRTH = ParentEvidence("version:abc", CHILD, date(2020, 2, 29), frozenset({MOTHER, FATHER}), level=1)


def changed(**values: object) -> ParentEvidence:
    fields = {name: getattr(BIRTH, name) for name in ParentEvidence.__slots__}
    return ParentEvidence(**{**fields, **values})


async def recognise(database: Database, caller: Caller, evidence: ParentEvidence, now: datetime) -> UUID:
    """As a use case does: the child is known by its number, and the caller has asked for it."""
    async with database.writing(caller.actor) as tx:
        if caller.kind is CallerKind.CITIZEN:
            await enrol(tx, CHILD, "person", NUMBER, now)
            await note_try(tx, Asking.GUARDIAN, NUMBER, now)
        return await recognise_guardian(tx, caller, CHILD, evidence, now)


async def enrol(tx: Tx, subject: UUID, kind: str, number: bytes | None, now: datetime) -> None:
    await tx.execute(
        text("SELECT enrol_subject(:id, :kind, :number, :profile, :at)"),
        {"id": subject, "kind": kind, "number": number, "profile": b"sealed", "at": now},
    )


async def rows(owner: AsyncEngine, table: str, order: str = "id") -> list[dict[str, object]]:
    async with owner.begin() as connection:
        found = await connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}"))
        return [dict(row._mapping) for row in found]


async def test_a_parent_named_on_the_birth_certificate_may_act_for_the_child(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    made = await recognise(database, PARENT, BIRTH, now)
    (row,) = await rows(owner, "mandates")
    assert (row["id"], row["actor_id"], row["subject_id"]) == (made, MOTHER, CHILD)
    assert (row["basis"], row["relation"], row["scope"]) == ("GUARDIAN", "parent", ["all"])
    assert row["evidence"] == "version:abc"
    # Born on 29 February 2020: of age on 1 March 2038, Vietnamese time.
    assert row["valid_until"] == datetime(2038, 2, 28, 17, 0, tzinfo=UTC)
    (line,) = await rows(owner, "ledger")
    assert (line["kind"], line["subject_id"], line["actor_id"]) == ("mandate.recorded", CHILD, MOTHER)


async def test_recognising_twice_makes_one_mandate(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    first = await recognise(database, PARENT, BIRTH, now)
    assert await recognise(database, PARENT, BIRTH, now + timedelta(hours=1)) == first
    assert len(await rows(owner, "mandates")) == len(await rows(owner, "ledger")) == 1


@pytest.mark.parametrize(
    ("caller", "evidence", "refusal", "reason"),
    [
        (PARENT, changed(child=STRANGER), GuardianNotProven, "child"),
        (PARENT, changed(parents=frozenset({FATHER})), GuardianNotProven, "parent"),
        (PARENT, changed(parents=frozenset()), GuardianNotProven, "parent"),
        (PARENT, changed(level=3), GuardianNotProven, "level"),
        (PARENT, changed(born=date(2008, 11, 23)), GuardianNotProven, "age"),
        (Caller(CallerKind.CITIZEN, STRANGER), BIRTH, GuardianNotProven, "parent"),
        (
            Caller(CallerKind.CITIZEN, CHILD),
            changed(parents=frozenset({CHILD})),
            GuardianNotProven,
            "parent",
        ),
        (
            Caller(CallerKind.OFFICER, STRANGER, STRANGER, frozenset(Role)),
            BIRTH,
            AccessDenied,
            "not_a_citizen",
        ),
        (ANONYMOUS, BIRTH, Unauthenticated, None),
    ],
)
async def test_what_proves_nothing_changes_nothing(
    database: Database,
    owner: AsyncEngine,
    now: datetime,
    caller: Caller,
    evidence: ParentEvidence,
    refusal: type[AuthRefusal],
    reason: str | None,
) -> None:
    with pytest.raises(refusal) as raised:
        await recognise(database, caller, evidence, now)
    assert getattr(raised.value, "reason", None) == reason
    assert await rows(owner, "mandates") == await rows(owner, "ledger") == []


async def test_the_day_before_coming_of_age_a_parent_still_acts(database: Database, now: datetime) -> None:
    # `now` is 23 November 2026 in Vietnam.
    await recognise(database, PARENT, changed(born=date(2008, 11, 24)), now)
    async with database.reading(PARENT.actor) as tx:
        assert [one.subject for one in await live_mandates(tx, MOTHER, now)] == [CHILD]
        assert await live_mandates(tx, MOTHER, now + timedelta(days=1)) == ()
        assert await live_mandates(tx, FATHER, now) == ()


@pytest.mark.parametrize("who", [PARENT, Caller(CallerKind.CITIZEN, CHILD)], ids=["actor", "subject"])
async def test_either_side_ends_a_mandate_and_twice_is_once(
    database: Database, owner: AsyncEngine, now: datetime, who: Caller
) -> None:
    made = await recognise(database, PARENT, BIRTH, now)
    for _ in range(2):
        async with database.writing(who.actor) as tx:
            await revoke_mandate(tx, who, made, now + timedelta(minutes=1))
    async with database.reading(PARENT.actor) as tx:
        assert await live_mandates(tx, MOTHER, now + timedelta(minutes=2)) == ()
    kinds = [line["kind"] for line in await rows(owner, "ledger")]
    assert kinds == ["mandate.recorded", "mandate.revoked"]


async def test_a_stranger_cannot_end_a_mandate_or_tell_that_it_exists(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    made = await recognise(database, PARENT, BIRTH, now)
    before = await rows(owner, "mandates")
    stranger = Caller(CallerKind.CITIZEN, STRANGER)
    for one in (made, new_id()):
        with pytest.raises(NotFound):
            async with database.writing(stranger.actor) as tx:
                await revoke_mandate(tx, stranger, one, now)
    assert await rows(owner, "mandates") == before
    assert len(await rows(owner, "ledger")) == 1


async def test_after_a_revoked_mandate_the_parent_may_be_recognised_again(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    made = await recognise(database, PARENT, BIRTH, now)
    async with database.writing(PARENT.actor) as tx:
        await revoke_mandate(tx, PARENT, made, now)
    assert await recognise(database, PARENT, BIRTH, now + timedelta(minutes=1)) != made
    assert len(await rows(owner, "mandates")) == 2


async def ask(database: Database, number: bytes, now: datetime, caller: Caller = PARENT) -> None:
    async with database.writing(caller.actor) as tx:
        await note_try(tx, Asking.GUARDIAN, number, now)


async def test_five_different_children_are_asked_for_in_a_day(
    database: Database, owner: AsyncEngine, work: Database, now: datetime
) -> None:
    for hour, number in enumerate((0, 1, 2, 3, 4, 0)):
        await ask(database, bytes([number]), now + timedelta(hours=hour))
    late = now + timedelta(hours=6)
    with pytest.raises(TriesSpent) as spent:
        await ask(database, b"\5", late)
    # The second number's day ends first: the first one was asked for again.
    assert spent.value.retry_after_seconds == 19 * 3600
    await ask(database, b"\5", late, Caller(CallerKind.CITIZEN, FATHER))
    await ask(database, b"\5", now + timedelta(hours=25))
    async with work.writing(LOOP.actor) as tx:
        await forget_tries(tx, now + timedelta(hours=27))
    async with owner.begin() as connection:
        left = await connection.execute(text("SELECT caller_id, number_index FROM number_tries ORDER BY at"))
        assert [tuple(row) for row in left] == [
            (MOTHER, b"\x04"),
            (MOTHER, b"\0"),
            (FATHER, b"\5"),
            (MOTHER, b"\5"),
        ]


async def test_of_six_tries_at_once_five_count(database: Database, owner: AsyncEngine, now: datetime) -> None:
    tried = await asyncio.gather(
        *(ask(database, bytes([number]), now) for number in range(6)), return_exceptions=True
    )
    assert [type(one) for one in tried if one is not None] == [TriesSpent]


@pytest.mark.parametrize("caller", [ANONYMOUS, Caller(CallerKind.OFFICER, STRANGER, STRANGER)])
async def test_only_citizens_try(
    database: Database, owner: AsyncEngine, now: datetime, caller: Caller
) -> None:
    with pytest.raises(DBAPIError, match="not a citizen"):
        await ask(database, NUMBER, now, caller)
    assert await rows(owner, "number_tries", "at") == []


async def test_a_newborn_is_bound_to_who_registers_it(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    newborn = new_id()
    async with database.writing(PARENT.actor) as tx:
        await enrol(tx, newborn, "newborn", None, now)
        await bind_newborn(tx, PARENT, newborn, DOSSIER, now)
    (row,) = await rows(owner, "mandates")
    assert (row["subject_id"], row["evidence"]) == (newborn, f"dossier:{DOSSIER}")
    assert row["valid_until"] is None


async def test_a_child_made_elsewhere_cannot_be_claimed_as_a_newborn(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    newborn = new_id()
    async with database.writing(PARENT.actor) as tx:
        await enrol(tx, newborn, "newborn", None, now)
    for who in (PARENT, Caller(CallerKind.CITIZEN, STRANGER)):
        for child in (newborn, who.id):
            assert child is not None
            with pytest.raises(GuardianNotProven):
                async with database.writing(who.actor) as tx:
                    await bind_newborn(tx, who, child, DOSSIER, now)
    # Were sight claimed over it, the door still sees that it was made before.
    with pytest.raises(DBAPIError, match="no ground"):
        async with database.writing(Actor("citizen", MOTHER, None, (MOTHER, newborn))) as tx:
            await bind_newborn(tx, PARENT, newborn, DOSSIER, now)
    assert await rows(owner, "mandates") == []


async def test_the_wall_lets_nobody_record_a_mandate_in_anothers_name(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    """Were the use case wrong, the door still ties the actor of a mandate to who asks, and to what they asked."""
    await recognise(database, Caller(CallerKind.CITIZEN, FATHER), BIRTH, now)
    stranger = Actor("citizen", STRANGER, None, (STRANGER,))
    with pytest.raises(DBAPIError, match="no ground"):
        async with database.writing(stranger) as tx:
            await recognise_guardian(tx, PARENT, CHILD, BIRTH, now)
    # Nor does having asked help: what is recorded is one's own, and the log's line would be another's.
    await ask(database, NUMBER, now, Caller(CallerKind.CITIZEN, STRANGER))
    with pytest.raises(DBAPIError, match="another name"):
        async with database.writing(stranger) as tx:
            await recognise_guardian(tx, PARENT, CHILD, BIRTH, now)
    assert [row["actor_id"] for row in await rows(owner, "mandates")] == [FATHER]


@pytest.mark.parametrize(
    "given",
    [
        {"asked": b"another number"},
        {"asked_at": -timedelta(minutes=11)},
        {"asked_at": timedelta(minutes=1)},
        {"evidence": "dossier:x"},
        {"evidence": "because"},
        {"until": None},
        {"until": timedelta(days=-1)},
        {"until": timedelta(days=18 * 366)},
        {"child": MOTHER},
        {"child": STRANGER},
        {"kind": "organisation"},
    ],
    ids=lambda given: next(iter(given)),
)
async def test_the_door_looks_for_ground_itself(
    database: Database, owner: AsyncEngine, now: datetime, given: dict[str, Any]
) -> None:
    with pytest.raises(DBAPIError, match="no ground"):
        await through_the_door(database, now, **given)
    assert await rows(owner, "mandates") == []
    if "kind" not in given:
        await through_the_door(database, now)
        assert len(await rows(owner, "mandates")) == 1


async def through_the_door(database: Database, now: datetime, **changes: Any) -> None:
    """What the wrong use case would ask of the database; with nothing changed, what the right one does."""
    plain = {"child": CHILD, "evidence": "register:1", "until": timedelta(days=366), "asked_at": timedelta(0)}
    given = {**plain, **changes}
    until = None if given["until"] is None else now + given["until"]
    async with database.writing(PARENT.actor) as tx:
        await enrol(tx, CHILD, changes.get("kind", "person"), NUMBER, now)
        await note_try(tx, Asking.GUARDIAN, changes.get("asked", NUMBER), now + given["asked_at"])
        await tx.execute(
            text("SELECT record_guardian(:id, :child, :evidence, :now, :until)"),
            {
                "id": new_id(),
                "child": given["child"],
                "evidence": given["evidence"],
                "now": now,
                "until": until,
            },
        )
