"""Acting for one's company: on what ground the database records it, and whom it ends it for."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import ANONYMOUS, Caller, CallerKind, Role
from auth.errors import AccessDenied, AuthRefusal, RepresentativeNotProven, Unauthenticated
from auth.mandates import live_mandates
from auth.proxies.representing import TRUSTED, Registration, recognise_representative
from auth.tries import Asking, note_try
from connectors.answers import Answer
from dossiers.proxies.proving import Claimed
from store.database import Database, Tx
from store.identifiers import new_id
from tests.rooms.test_mandates import enrol, rows

DIRECTOR, SECOND, FORMER, COMPANY, STRANGER = (UUID(int=n) for n in range(1, 6))
NUMBER = b"a company's keyed hash"


def citizen(subject: UUID) -> Caller:
    return Caller(CallerKind.CITIZEN, subject)


async def recognise(
    database: Database, caller: Caller, named: frozenset[UUID], now: datetime
) -> tuple[UUID, ...]:
    """As a use case does: the company is known by its number, and the caller has asked for it."""
    async with database.writing(caller.actor) as tx:
        if caller.kind is CallerKind.CITIZEN:
            await asked(tx, now)
        return await recognise_representative(tx, caller, Registration("register:1", COMPANY, named), now)


async def asked(tx: Tx, now: datetime, kind: str = "organisation", number: bytes = NUMBER) -> None:
    await enrol(tx, COMPANY, kind, NUMBER, now)
    await note_try(tx, Asking.ORGANISATION, number, now)


async def acting(database: Database, now: datetime) -> set[UUID]:
    """Who acts for the company at this moment."""
    found = set()
    for who in (DIRECTOR, SECOND, FORMER, STRANGER):
        async with database.reading(citizen(who).actor) as tx:
            if await live_mandates(tx, who, now):
                found.add(who)
    return found


async def test_two_directors_act_side_by_side_and_the_former_one_no_more(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    assert await recognise(database, citizen(FORMER), frozenset({FORMER, DIRECTOR}), now) == ()
    assert await recognise(database, citizen(DIRECTOR), frozenset({FORMER, DIRECTOR}), now) == ()
    assert await acting(database, now) == {FORMER, DIRECTOR}
    later = now + timedelta(days=3)
    ended = await recognise(database, citizen(SECOND), frozenset({SECOND, DIRECTOR}), later)
    assert (ended, await acting(database, later)) == ((FORMER,), {SECOND, DIRECTOR})
    lines = [line for line in await rows(owner, "ledger") if line["kind"] != "register.asked"]
    assert [(line["kind"], line["actor_id"], line["subject_id"]) for line in lines] == [
        ("mandate.recorded", FORMER, COMPANY),
        ("mandate.recorded", DIRECTOR, COMPANY),
        ("mandate.ended", SECOND, COMPANY),
        ("mandate.recorded", SECOND, COMPANY),
    ]
    assert all("Civil Code 2015, Article 137" in str(line["entry"]) for line in lines)
    # The first director's word is of the first day; the second's of the fourth.
    assert await acting(database, now + TRUSTED - timedelta(seconds=1)) == {SECOND, DIRECTOR}
    assert await acting(database, now + TRUSTED) == {SECOND}
    assert await acting(database, later + TRUSTED) == set()


async def test_asked_again_there_is_one_mandate_that_counts(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    for moment in (now, now + timedelta(days=1)):
        assert await recognise(database, citizen(DIRECTOR), frozenset({DIRECTOR}), moment) == ()
    live = [one for one in await rows(owner, "mandates") if one["revoked_at"] is None]
    assert [one["valid_until"] for one in live] == [now + timedelta(days=1) + TRUSTED]


async def test_ten_at_once_leave_one_mandate_that_counts(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    async with database.writing(citizen(DIRECTOR).actor) as tx:
        await asked(tx, now)
    each = [recognise(database, citizen(DIRECTOR), frozenset({DIRECTOR}), now) for _ in range(10)]
    assert await asyncio.gather(*each) == [()] * 10
    made = await rows(owner, "mandates")
    assert (len(made), sum(one["revoked_at"] is None for one in made)) == (10, 1)


@pytest.mark.parametrize(
    ("caller", "named", "refusal"),
    [
        (citizen(STRANGER), {DIRECTOR}, RepresentativeNotProven),
        (citizen(DIRECTOR), set(), RepresentativeNotProven),
        (Caller(CallerKind.OFFICER, DIRECTOR, STRANGER, frozenset(Role)), {DIRECTOR}, AccessDenied),
        (ANONYMOUS, {DIRECTOR}, Unauthenticated),
    ],
)
async def test_what_proves_nothing_changes_nothing(
    database: Database,
    owner: AsyncEngine,
    now: datetime,
    caller: Caller,
    named: set[UUID],
    refusal: type[AuthRefusal],
) -> None:
    with pytest.raises(refusal):
        await recognise(database, caller, frozenset(named), now)
    assert await rows(owner, "mandates") == await rows(owner, "ledger") == []


@pytest.mark.parametrize(
    "given",
    [
        {"asked": b"another number"},
        {"asked_at": -timedelta(minutes=11)},
        {"asked_at": timedelta(minutes=1)},
        {"evidence": "dossier:x"},
        {"evidence": "version:x"},
        {"named": [SECOND]},
        {"named": []},
        {"named": None},
        {"until": None},
        {"until": timedelta(0)},
        {"until": timedelta(days=31)},
        {"organisation": STRANGER},
        {"kind": "person"},
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
    given = {
        "organisation": COMPANY,
        "named": [DIRECTOR],
        "evidence": "register:1",
        "until": timedelta(days=30),
        **changes,
    }
    async with database.writing(citizen(DIRECTOR).actor) as tx:
        await enrol(tx, COMPANY, changes.get("kind", "organisation"), NUMBER, now)
        at = now + changes.get("asked_at", timedelta(0))
        await note_try(tx, Asking.ORGANISATION, changes.get("asked", NUMBER), at)
        await tx.execute(
            text("SELECT record_representative(:id, :organisation, :named, :evidence, :now, :until)"),
            {
                "id": new_id(),
                "organisation": given["organisation"],
                "named": given["named"],
                "evidence": given["evidence"],
                "now": now,
                "until": None if given["until"] is None else now + given["until"],
            },
        )


def test_a_number_is_printed_nowhere() -> None:
    claims = {"organisation.enterprise_code@organisation": "0009100001"}
    assert "0009100001" not in repr(Claimed("0009100001", Answer("FOUND", claims=claims)))
