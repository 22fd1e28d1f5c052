"""The narrow functions through row-level security: each answers its one question, to whom it is meant for."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import Actor, Database
from store.identifiers import new_id
from tests.attacks.row_level_world import (
    ANONYMOUS,
    AT,
    CALLERS,
    HOA,
    ID,
    LAN,
    MINH,
    NOBODY,
    OFFICER_A,
    OFFICER_B,
    plant,
)
from vault.records import Subject


@pytest.fixture
async def planted(database: Database, owner: AsyncEngine) -> Database:
    async with owner.begin() as connection:
        await plant(connection)
    return database


async def call(database: Database, actor: Actor, door: str, /, **given: Any) -> list[Any]:
    """The rows of `SELECT * FROM door(...)`, in a transaction of their own."""
    named = ", ".join(f"{name} => :{name}" for name in given)
    async with database.writing(actor) as tx:
        return list((await tx.execute(text(f"SELECT * FROM {door}({named})"), given)).mappings())


async def answer(database: Database, actor: Actor, door: str, /, **given: Any) -> Any:
    """The one value a door returns."""
    (found,) = await call(database, actor, door, **given)
    return found[door]


ASK_ANYTHING = """
SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'public' AND has_function_privilege('public', p.oid, 'EXECUTE')
"""


async def test_no_function_is_open_to_every_role(owner: AsyncEngine, clean: None) -> None:
    async with owner.connect() as connection:
        assert (await connection.scalars(text(ASK_ANYTHING))).all() == []


async def test_every_definer_fixes_its_search_path(owner: AsyncEngine, clean: None) -> None:
    # Else a caller could put an object of their own before ours and have it run as the owner.
    loose = text(
        "SELECT proname FROM pg_proc WHERE prosecdef AND NOT 'search_path=pg_catalog, public' = ANY (proconfig)"
    )
    async with owner.connect() as connection:
        assert (await connection.scalars(loose)).all() == []


async def test_a_number_leads_to_its_subject_for_any_actor_and_for_no_one_else(planted: Database) -> None:
    for actor in (ANONYMOUS, MINH, OFFICER_B):
        assert await answer(planted, actor, "subject_by_number", number_index=b"lan") == ID["lan"]
    assert await answer(planted, NOBODY, "subject_by_number", number_index=b"lan") is None
    assert await answer(planted, ANONYMOUS, "subject_by_number", number_index=b"unknown") is None


async def test_only_an_officer_finds_who_stands_at_the_counter(planted: Database) -> None:
    assert await answer(planted, OFFICER_B, "person_at_counter", number_index=b"lan") == ID["lan"]
    for actor in (NOBODY, ANONYMOUS, MINH):
        assert await answer(planted, actor, "person_at_counter", number_index=b"lan") is None


async def test_a_merged_subject_leads_on(planted: Database, owner: AsyncEngine) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            text("UPDATE subjects SET merged_into = :lan WHERE id = :child"),
            {"lan": ID["lan"], "child": ID["child"]},
        )
    assert await answer(planted, LAN, "subject_by_number", number_index=b"child") == ID["lan"]


async def enrol(database: Database, actor: Actor, number: bytes | None, subject: UUID) -> Any:
    given = {"id": subject, "kind": "person", "number_index": number, "profile": b"new", "at": AT}
    return await answer(database, actor, "enrol_subject", **given)


async def test_enrolling_a_known_number_changes_nothing(planted: Database) -> None:
    assert await enrol(planted, ANONYMOUS, b"lan", new_id()) == ID["lan"]
    async with planted.reading(LAN) as tx:
        assert await tx.scalar(select(Subject.profile)) == b"x" * 32


async def test_parallel_enrolments_of_one_number_make_one_subject(planted: Database) -> None:
    made = await asyncio.gather(*(enrol(planted, ANONYMOUS, b"new", new_id()) for _ in range(8)))
    assert len(set(made)) == 1


async def test_nobody_enrols_no_one(planted: Database) -> None:
    with pytest.raises(DBAPIError, match="no actor"):
        await enrol(planted, NOBODY, b"new", new_id())


async def test_a_newborn_is_within_reach_of_its_registrar_for_that_transaction(planted: Database) -> None:
    newborn = new_id()
    async with planted.writing(LAN) as tx:
        named = {"id": newborn, "at": AT}
        await tx.execute(text("SELECT enrol_subject(:id, 'newborn', NULL, 'sealed', :at)"), named)
        assert set(await tx.scalars(select(Subject.id))) == {ID["lan"], newborn}
    for actor in (LAN, MINH, OFFICER_A):
        async with planted.reading(actor) as tx:
            assert newborn not in set(await tx.scalars(select(Subject.id)))


async def test_an_account_stays_with_its_first_subject(planted: Database) -> None:
    for subject in (ID["minh"], ID["hoa"]):
        bound = {"id": new_id(), "issuer": "idp", "external_id": "7", "subject_id": subject, "at": AT}
        await call(planted, ANONYMOUS, "bind_account", **bound)
    assert await answer(planted, ANONYMOUS, "account_subject", issuer="idp", external_id="7") == ID["minh"]
    assert await answer(planted, ANONYMOUS, "account_subject", issuer="other", external_id="7") is None


async def test_only_an_active_officer_has_an_account(planted: Database, owner: AsyncEngine) -> None:
    asked = {"issuer": "x", "external_id": "officer_a"}
    (found,) = await call(planted, ANONYMOUS, "officer_account", **asked)
    assert found["agency_id"] == ID["agency_a"]
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE officers SET active = false"))
    assert await call(planted, ANONYMOUS, "officer_account", **asked) == []


async def begin_login(database: Database, now: datetime) -> bytes:
    state = new_id().bytes
    given = {"state_hash": state, "issuer": "idp", "nonce": "n", "verifier": "v", "next_path": "/"}
    await call(database, ANONYMOUS, "begin_login", **given, expires_at=now + timedelta(minutes=10))
    return state


async def test_a_login_is_taken_once_and_in_time(planted: Database, now: datetime) -> None:
    state = await begin_login(planted, now)
    taken = await asyncio.gather(
        *(call(planted, ANONYMOUS, "take_login", state_hash=state, now=now) for _ in range(8))
    )
    assert sorted(len(rows) for rows in taken) == [0] * 7 + [1]
    late = await begin_login(planted, now)
    assert (
        await call(planted, ANONYMOUS, "take_login", state_hash=late, now=now + timedelta(minutes=10)) == []
    )


async def open_session(database: Database, kind: str, now: datetime) -> tuple[UUID, bytes]:
    session, secret_hash = new_id(), new_id().bytes
    given = {"id": session, "secret_hash": secret_hash, "kind": kind, "holder_id": ID["lan"], "acr": "loa3"}
    times = {
        "authenticated_at": now,
        "created_at": now,
        "seen_at": now,
        "expires_at": now + timedelta(hours=12),
    }
    await call(database, ANONYMOUS, "open_session", **given, **times)
    return session, secret_hash


@pytest.mark.parametrize(("kind", "idle_minutes"), [("officer", 15), ("citizen", 30)])
async def test_a_session_lives_while_it_is_used(
    planted: Database, now: datetime, kind: str, idle_minutes: int
) -> None:
    _, secret = await open_session(planted, kind, now)

    async def live(at: datetime) -> bool:
        return bool(await call(planted, ANONYMOUS, "session_by_secret", secret_hash=secret, now=at))

    almost = timedelta(minutes=idle_minutes, seconds=-1)
    assert await live(now + almost)
    assert await live(now + almost * 2)
    assert not await live(now + almost * 2 + timedelta(minutes=idle_minutes))
    assert await live(now + almost * 2)


async def test_a_session_ends_after_twelve_hours_however_busy(planted: Database, now: datetime) -> None:
    _, secret = await open_session(planted, "citizen", now)
    for minutes in range(0, 12 * 60, 20):
        at = now + timedelta(minutes=minutes)
        assert await call(planted, ANONYMOUS, "session_by_secret", secret_hash=secret, now=at)
    assert (
        await call(planted, ANONYMOUS, "session_by_secret", secret_hash=secret, now=now + timedelta(hours=12))
        == []
    )


async def test_an_ended_session_stays_ended(planted: Database, now: datetime) -> None:
    session, secret = await open_session(planted, "citizen", now)
    await call(planted, ANONYMOUS, "end_session", id=session)
    assert await call(planted, ANONYMOUS, "session_by_secret", secret_hash=secret, now=now) == []


HOLDERS = {"lan": {"lan_used", "lan_kept", "lan_issued"}, "minh": {"minh_used"}, "hoa": {"hoa_asked"}}


async def holdings(database: Database, actor: Actor, dossier: str | None) -> set[str]:
    names = {ID[label]: label for labels in HOLDERS.values() for label in labels}
    given = {"subjects": [ID[who] for who in HOLDERS], "dossier": ID[dossier] if dossier else None}
    return {names[found["document"]] for found in await call(database, actor, "holdings_of", **given)}


async def test_planning_sees_ones_own_and_the_parties_of_ones_filing(planted: Database) -> None:
    lan, hoa, minh = HOLDERS["lan"], HOLDERS["hoa"], HOLDERS["minh"]
    assert await holdings(planted, LAN, None) == lan
    assert await holdings(planted, LAN, "lan_filing") == lan | hoa
    assert await holdings(planted, LAN, "lan_draft") == lan
    assert await holdings(planted, LAN, "minh_filing") == lan
    assert await holdings(planted, MINH, "lan_filing") == minh
    assert await holdings(planted, HOA, "lan_filing") == hoa
    assert await holdings(planted, OFFICER_A, "lan_filing") == lan | hoa
    assert await holdings(planted, OFFICER_A, "lan_draft") == set()
    assert await holdings(planted, OFFICER_A, None) == set()
    assert await holdings(planted, OFFICER_B, "lan_filing") == set()
    for actor in (NOBODY, ANONYMOUS, CALLERS["officer claiming subjects"]):
        assert await holdings(planted, actor, "lan_filing") == set()


async def test_planning_never_gets_a_sealed_byte(planted: Database) -> None:
    rows = await call(planted, LAN, "holdings_of", subjects=[ID["lan"]], dossier=None)
    assert not [name for found in rows for name, value in found.items() if isinstance(value, bytes)]
    assert not {"claims_sealed", "wrapped_key", "blob"} & set(rows[0])


async def test_a_removed_paper_is_planned_no_more(planted: Database, owner: AsyncEngine) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            text("UPDATE documents SET status = 'removed' WHERE id = :id"), {"id": ID["lan_kept"]}
        )
    assert await holdings(planted, LAN, None) == {"lan_used", "lan_issued"}


async def test_a_partys_key_is_for_those_the_filing_belongs_to(planted: Database) -> None:
    async def allowed(actor: Actor, dossier: str, who: str) -> Any:
        return await answer(planted, actor, "party_key_allowed", dossier=ID[dossier], subject=ID[who])

    assert await allowed(LAN, "lan_filing", "hoa")
    assert await allowed(OFFICER_A, "lan_filing", "hoa")
    assert not await allowed(OFFICER_A, "lan_draft", "lan")
    assert not await allowed(OFFICER_A, "lan_filing", "minh")
    assert not await allowed(OFFICER_B, "lan_filing", "hoa")
    assert not await allowed(HOA, "lan_filing", "lan")
    assert not await allowed(NOBODY, "lan_filing", "lan")


async def test_mandates_are_the_live_ones(planted: Database, owner: AsyncEngine, now: datetime) -> None:
    async def mandates(at: datetime, person: str = "lan") -> list[UUID]:
        return [
            found["subject_id"]
            for found in await call(planted, LAN, "mandates_around", person=ID[person], now=at)
        ]

    assert await mandates(now) == [ID["child"]]
    # The child's own door shows who acts for it.
    assert await mandates(now, "child") == [ID["child"]]
    assert await mandates(now, "hoa") == []
    assert await mandates(AT - timedelta(seconds=1)) == []
    async with owner.begin() as connection:
        await connection.execute(text("UPDATE mandates SET valid_until = :now"), {"now": now})
    assert await mandates(now) == []


async def test_the_public_status_of_a_paper_names_nobody(planted: Database) -> None:
    (found,) = await call(planted, ANONYMOUS, "document_public_status", document=ID["lan_issued"])
    assert dict(found) == {
        "type": "x",
        "status": "valid",
        "level": 1,
        "issued_on": None,
        "valid_until": None,
        "issuer_agency": ID["agency_a"],
        "superseded_by": None,
    }


async def test_an_upload_needs_its_secret(planted: Database, owner: AsyncEngine) -> None:
    async with owner.connect() as connection:
        upload = await connection.scalar(text("SELECT id FROM uploads LIMIT 1"))
    assert len(await call(planted, ANONYMOUS, "upload_by_secret", id=upload, secret_hash=b"x" * 32)) == 1
    assert await call(planted, LAN, "upload_by_secret", id=upload, secret_hash=b"y" * 32) == []
