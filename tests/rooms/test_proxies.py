"""Who may be authorised and by whom, before anything is written down."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, CallerKind, Scope
from auth.errors import MandateRefused, NotFound
from auth.proxies.granting import end_at_death
from dossiers.proxies.granting import Grant, accept_mandate, act_under, grant_mandate, note_authorised
from store.database import Actor, Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.people import SIGN_IN
from tests.vaults import World, make_safe, make_world
from vault.subjects import PERSON, Profile, enrol

DAY = timedelta(days=1)
OLD, YOUNG = "001199000071", "001199000072"


@pytest.fixture
async def world(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[World]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield await make_world(database, owner, safe, now)
    await safe.keys.close()


async def person(world: World, number: str, born: date | None) -> Caller:
    async with world.database.writing(SIGN_IN) as tx:
        made = await enrol(tx, Profile(PERSON, f"Người {number}", number, born), world.safe, world.now)
    return Caller(CallerKind.CITIZEN, made, acr="urn:vn:eid:tk2:xt3")


def wish(world: World, to: str) -> Grant:
    return Grant(to, frozenset({Scope.READ}), world.now + DAY)


async def granted(world: World, caller: Caller, to: str) -> Any:
    async with world.database.writing(caller.actor) as tx:
        await note_authorised(tx, caller, to, world.safe, world.now)
    async with world.database.writing(caller.actor) as tx:
        return await grant_mandate(tx, caller, wish(world, to), world.safe, world.now)


def years_before(world: World, years: int, days: int = 0) -> date:
    today = world.now.astimezone(UTC).date()
    return today.replace(year=today.year - years) - timedelta(days=days)


async def test_who_is_not_of_age_authorises_nobody(world: World) -> None:
    for number, born in ((YOUNG, years_before(world, 18, -2)), ("001199000073", None)):
        minor = await person(world, number, born)
        with pytest.raises(MandateRefused, match="age"):
            await granted(world, minor, OLD)
        assert await world.rows("proxies") == []
    assert await granted(world, await person(world, "001199000074", years_before(world, 18, 1)), OLD)


async def test_who_is_not_fifteen_acts_for_nobody(world: World) -> None:
    """The offer still stands, and is theirs to accept on the day."""
    grantor = await person(world, OLD, date(1980, 1, 1))
    offered = await granted(world, grantor, YOUNG)
    child = await person(world, YOUNG, years_before(world, 15, -1))
    before = await world.rows("proxies")
    with pytest.raises(MandateRefused, match="age"):
        async with world.database.writing(child.actor) as tx:
            await accept_mandate(tx, child, offered, world.safe, world.now)
    assert await world.rows("proxies") == before
    async with world.database.writing(child.actor) as tx:
        await accept_mandate(tx, child, offered, world.safe, world.now + DAY - timedelta(seconds=1))
    assert [row["actor_id"] for row in await world.rows("proxies")] == [child.id]


async def test_nobody_but_who_has_the_number_accepts_and_twice_is_once(world: World) -> None:
    grantor = await person(world, OLD, date(1980, 1, 1))
    offered = await granted(world, grantor, YOUNG)
    named, other = (
        await person(world, YOUNG, date(1990, 1, 1)),
        await person(world, "001199000075", date(1990, 1, 1)),
    )
    for caller in (other, grantor):
        with pytest.raises(NotFound):
            async with world.database.writing(caller.actor) as tx:
                await accept_mandate(tx, caller, offered, world.safe, world.now)
    for _ in range(2):
        async with world.database.writing(named.actor) as tx:
            await accept_mandate(tx, named, offered, world.safe, world.now)
    acting = await act_under(world.database, named, offered, world.now, "")
    assert acting.subjects == {grantor.id}
    assert acting.actor.subjects == (grantor.id,)
    kinds = [row["kind"] for row in await world.rows("ledger") if row["kind"].startswith("mandate.")]
    assert sorted(kinds) == ["mandate.accepted", "mandate.granted", "mandate.used"]


async def test_no_agency_ends_the_mandates_of_somebody_whose_death_it_does_not_register(world: World) -> None:
    """The door looks at the dossier itself: it must be the agency's own, and name them as the deceased."""
    grantor, actor = await person(world, OLD, date(1980, 1, 1)), await person(world, YOUNG, date(1990, 1, 1))
    offered = await granted(world, grantor, YOUNG)
    async with world.database.writing(actor.actor) as tx:
        await accept_mandate(tx, actor, offered, world.safe, world.now)
    assert grantor.id is not None
    dossier = await world.dossier(parties=(grantor.id,))
    foreign = Actor("officer", new_id(), new_id())
    for officer, named in (
        (world.officer.actor, "child"),
        (foreign, "deceased"),
        (grantor.actor, "deceased"),
    ):
        await world.run("UPDATE dossier_parties SET role = :role", role=named)
        async with world.database.writing(officer) as tx:
            assert await end_at_death(tx, officer, grantor.id, dossier, world.now) == ()
        assert [row["ended_at"] for row in await world.rows("proxies")] == [None]
    async with world.database.writing(world.officer.actor) as tx:
        told = await end_at_death(tx, world.officer.actor, grantor.id, dossier, world.now)
    assert told == (actor.id,)
    assert [row["ended_at"] for row in await world.rows("proxies")] == [world.now]


async def test_a_person_writes_no_mandate_for_another_past_the_doors(world: World) -> None:
    """The table itself: nobody grants in another's name, to themself, or as accepted; nobody changes one."""
    insert = (
        "INSERT INTO proxies (id, grantor_id, to_index, actor_id, scope, granted_at, valid_until, accepted_at)"
        " VALUES (:id, :grantor, '\\x01', :actor, '{READ}', now(), now() + interval '1 day', :accepted)"
    )
    for grantor, actor in ((world.lan, None), (world.mai, world.lan)):
        given = {"id": new_id(), "grantor": grantor, "actor": actor, "accepted": world.now if actor else None}
        with pytest.raises(Exception, match="row-level security"):
            async with world.database.writing(world.citizen.actor) as tx:
                await tx.execute(text(insert), given)
    for statement in ("UPDATE proxies SET scope = '{FILE}'", "DELETE FROM proxies"):
        with pytest.raises(Exception, match="permission denied"):
            async with world.database.writing(world.citizen.actor) as tx:
                await tx.execute(text(statement))
    assert await world.rows("proxies") == []
