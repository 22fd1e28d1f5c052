"""Sessions on a real database: how long they live, and that rights are read afresh each time."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import Caller, CallerKind, Role
from auth.mandates import WHOLE
from auth.provider.login import STARTER
from auth.records import Mandate, Officer, Session
from auth.sessions import SignedIn, caller_of, end_session, open_session
from store.database import Actor, Database
from store.identifiers import new_id

CITIZEN, CHILD, OFFICER, AGENCY = (UUID(int=n) for n in range(1, 5))
ACR = "urn:vn:eid:tk2:xt2"
ISSUER = "https://idp.example"


async def sign_in(database: Database, kind: CallerKind, holder: UUID, now: datetime) -> str:
    async with database.writing(STARTER) as tx:
        return await open_session(tx, SignedIn(kind, holder, ACR, now), now)


async def caller(database: Database, secret: str, now: datetime) -> Caller:
    async with database.writing(STARTER) as tx:
        return await caller_of(tx, secret, "vi", now)


async def plant(owner: AsyncEngine, *rows: Officer | Mandate) -> None:
    async with owner.begin() as connection:
        for row in rows:
            values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
            await connection.execute(insert(type(row)).values(values))


def officer(*, roles: list[str], active: bool = True) -> Officer:
    return Officer(
        id=OFFICER,
        issuer=ISSUER,
        external_id="desk-1",
        code="CB-1",
        agency_id=AGENCY,
        roles=roles,
        active=active,
    )


def mandate(now: datetime, *, scope: str = WHOLE, until: datetime | None = None) -> Mandate:
    return Mandate(
        id=new_id(),
        actor_id=CITIZEN,
        subject_id=CHILD,
        basis="GUARDIAN",
        relation="parent",
        scope=[scope],
        evidence="version:1",
        valid_from=now - timedelta(days=1),
        valid_until=until,
    )


@pytest.mark.parametrize("secret", ["", "\ud800", "ký", "a" * 10_000])
async def test_what_is_no_secret_of_ours_is_nobodys(database: Database, now: datetime, secret: str) -> None:
    await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    assert (await caller(database, secret, now)).kind is CallerKind.ANONYMOUS


async def test_a_session_names_its_citizen_and_how_surely(database: Database, now: datetime) -> None:
    secret = await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    who = await caller(database, secret, now)
    assert (who.kind, who.id, who.acr, who.subjects) == (
        CallerKind.CITIZEN,
        CITIZEN,
        ACR,
        frozenset({CITIZEN}),
    )
    assert who.session is not None


async def test_a_secret_nobody_was_given_is_nobody(database: Database, now: datetime) -> None:
    await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    for guess in ("", "x" * 43, "\udcff", "'; DELETE FROM sessions; --"):
        assert (await caller(database, guess, now)).kind is CallerKind.ANONYMOUS


async def test_the_secret_rests_nowhere(database: Database, owner: AsyncEngine, now: datetime) -> None:
    secret = await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    async with owner.begin() as connection:
        rows = (await connection.execute(select(Session.__table__))).all()
    assert len(rows) == 1
    assert len(rows[0].secret_hash) == 32
    assert secret not in str(rows)
    assert len(secret) >= 43


@pytest.mark.parametrize(
    ("kind", "holder", "minutes"), [(CallerKind.CITIZEN, CITIZEN, 30), (CallerKind.OFFICER, OFFICER, 15)]
)
async def test_an_idle_session_ends(
    database: Database, owner: AsyncEngine, now: datetime, kind: CallerKind, holder: UUID, minutes: int
) -> None:
    await plant(owner, officer(roles=["tiep_nhan"]))
    secret = await sign_in(database, kind, holder, now)
    at = now + timedelta(minutes=minutes - 1)
    assert (await caller(database, secret, at)).kind is kind
    at += timedelta(minutes=minutes - 1)
    assert (await caller(database, secret, at)).kind is kind, "use keeps it alive"
    assert (await caller(database, secret, at + timedelta(minutes=minutes, seconds=1))).id is None


async def test_no_session_outlives_twelve_hours_however_busy(database: Database, now: datetime) -> None:
    secret = await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    for minutes in range(20, 12 * 60, 20):
        assert (await caller(database, secret, now + timedelta(minutes=minutes))).id == CITIZEN
    assert (await caller(database, secret, now + timedelta(hours=12))).id is None


async def test_signing_out_ends_the_session_at_once_and_twice_is_no_error(
    database: Database, now: datetime
) -> None:
    secret = await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    other = await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    for _ in range(2):
        async with database.writing(STARTER) as tx:
            await end_session(tx, secret, now)
    assert (await caller(database, secret, now)).id is None
    assert (await caller(database, other, now)).id == CITIZEN


async def test_an_officers_roles_and_agency_are_read_afresh(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    await plant(owner, officer(roles=["tiep_nhan", "phe_duyet", "unheard_of"]))
    secret = await sign_in(database, CallerKind.OFFICER, OFFICER, now)
    who = await caller(database, secret, now)
    assert (who.agency, who.roles) == (AGENCY, frozenset({Role.RECEIVE, Role.APPROVE}))
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE officers SET roles = '{kiem_toan}'"))
    assert (await caller(database, secret, now)).roles == frozenset({Role.AUDIT})
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE officers SET active = false"))
    assert (await caller(database, secret, now)).kind is CallerKind.ANONYMOUS


async def test_an_officer_is_known_as_the_citizen_their_account_is_bound_to(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    await plant(owner, officer(roles=["phe_duyet"]))
    secret = await sign_in(database, CallerKind.OFFICER, OFFICER, now)
    assert (await caller(database, secret, now)).person is None
    async with database.writing(STARTER) as tx:
        await tx.execute(
            text("SELECT bind_account(:id, :issuer, 'desk-1', :subject, :at)"),
            {"id": new_id(), "issuer": ISSUER, "subject": CITIZEN, "at": now},
        )
    assert (await caller(database, secret, now)).person == CITIZEN


async def test_a_mandate_counts_from_when_it_is_live_until_it_is_not(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    secret = await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    await plant(owner, mandate(now, until=now + timedelta(minutes=10)))
    who = await caller(database, secret, now)
    assert who.represented == {CHILD: "parent"}
    assert who.actor.subjects == (CITIZEN, CHILD)
    assert (await caller(database, secret, now + timedelta(minutes=10))).represented == {}


async def test_a_mandate_for_less_than_everything_opens_no_vault(
    database: Database, owner: AsyncEngine, now: datetime
) -> None:
    await plant(owner, mandate(now, scope="procedure:1.013225"))
    secret = await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    assert (await caller(database, secret, now)).represented == {}


@pytest.mark.parametrize("kind", ["anonymous", "citizen", "officer"])
async def test_nobody_reads_sessions_or_accounts_but_through_the_doors(
    database: Database, now: datetime, kind: str
) -> None:
    await sign_in(database, CallerKind.CITIZEN, CITIZEN, now)
    for table in ("sessions", "accounts", "login_states"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.reading(Actor(kind, CITIZEN, AGENCY, (CITIZEN,))) as tx:
                await tx.execute(text(f"SELECT * FROM {table}"))
