"""The second wall alone: whatever statement reaches the database, a caller meets only rows of their own.

Nothing here passes the policy of `auth`. Expectations are written by hand per table and caller.
"""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import Actor, Database
from store.embedded import Servers
from store.migrate import OPEN_TABLES
from store.records import Record
from tests.attacks.row_level_world import (
    CALLERS,
    HOA,
    ID,
    LAN,
    MINH,
    OFFICER_A,
    OFFICER_B,
    VERSION,
    plant,
    version,
)
from vault.records import Document, DocumentVersion, Subject


@pytest.fixture
async def planted(database: Database, owner: AsyncEngine) -> Database:
    async with owner.begin() as connection:
        await plant(connection)
    return database


Seen = dict[str, set[str]]

WITH_DOSSIER: Seen = {
    "lan": {"lan_filing", "lan_draft"},
    "minh": {"minh_filing"},
    "officer_a": {"lan_filing"},
    "officer_b": {"minh_filing"},
}
ONLY_THE_FILING: Seen = {"lan": {"lan_filing"}, "officer_a": {"lan_filing"}}

EXPECTED: dict[str, tuple[str, Seen]] = {
    "subjects": (
        "id",
        {
            "lan": {"lan"},
            "minh": {"minh"},
            "hoa": {"hoa"},
            "officer_a": {"lan", "hoa"},
            "officer_b": {"minh"},
        },
    ),
    "documents": (
        "id",
        {
            "lan": {"lan_used", "lan_kept", "lan_issued"},
            "minh": {"minh_used"},
            "hoa": {"hoa_asked"},
            "officer_a": {"lan_used", "lan_issued"},
            "officer_b": {"minh_used"},
        },
    ),
    "document_versions": (
        "document_id",
        {
            "lan": {"lan_used", "lan_kept", "lan_issued"},
            "minh": {"minh_used"},
            "hoa": {"hoa_asked"},
            "officer_a": {"lan_used"},
            "officer_b": {"minh_used"},
        },
    ),
    "uploads": ("created_by", {"lan": {"lan"}, "officer_a": {"officer_a"}}),
    "upload_legs": ("upload_id", {}),
    "vault_usage": ("subject_id", {"lan": {"lan"}, "minh": {"minh"}}),
    "consents": ("id", {"lan": {"given"}, "hoa": {"requested"}, "officer_a": {"given", "requested"}}),
    "consent_events": (
        "consent_id",
        {"lan": {"given"}, "hoa": {"requested"}, "officer_a": {"given", "requested"}},
    ),
    "assisted_sheets": ("consent_id", {"officer_a": {"requested"}}),
    "consent_uses": ("consent_id", {"lan": {"given"}, "officer_a": {"given"}}),
    "erasure_requests": ("subject_id", {"lan": {"lan"}, "officer_a": {"lan"}}),
    "shares": ("subject_id", {"lan": {"lan"}}),
    "attestations": ("subject_id", {"lan": {"lan"}}),
    "access_requests": ("subject_id", {"lan": {"lan"}, "officer_a": {"lan"}}),
    "sealed_notes": (
        "owner_ref",
        {
            "lan": {"lan_filing", "lan_draft", "filing_ask", "draft_ask"},
            "minh": {"minh_filing"},
            "officer_a": {"lan_filing", "filing_ask"},
            "officer_b": {"minh_filing"},
        },
    ),
    "officers": ("id", {"officer_a": {"officer_a"}, "officer_b": {"officer_b"}}),
    "mandates": ("actor_id", {"lan": {"lan"}}),
    # Lan granted it to Hoa's number: both see it, Hoa before she accepts.
    "proxies": ("grantor_id", {"lan": {"lan"}, "hoa": {"lan"}}),
    "dossiers": ("id", WITH_DOSSIER),
    "dossier_parties": ("dossier_id", WITH_DOSSIER),
    "dossier_requirements": ("dossier_id", WITH_DOSSIER),
    "dossier_evidence": ("dossier_id", WITH_DOSSIER),
    "dossier_asks": ("dossier_id", {**WITH_DOSSIER, "minh": set(), "officer_b": set()}),
    "dossier_overrides": ("dossier_id", ONLY_THE_FILING),
    "dossier_events": ("dossier_id", WITH_DOSSIER),
    "register_probes": ("dossier_id", WITH_DOSSIER),
    "dossier_results": ("dossier_id", ONLY_THE_FILING),
    "notices": ("subject_id", {"lan": {"lan"}, "minh": {"minh"}}),
    "devices": ("subject_id", {"lan": {"lan"}}),
    "notification_preferences": ("subject_id", {"lan": {"lan"}}),
    # Written by triggers for everything planted.
    "changes": ("subject_id", {"lan": {"lan"}, "minh": {"minh"}, "hoa": {"hoa"}}),
    "ledger": ("subject_id", {"lan": {"lan"}, "minh": {"minh"}}),
    "subject_heads": ("subject_id", {"lan": {"lan"}, "minh": {"minh"}}),
    "past_requests": ("caller", {"lan": {"citizen:lan"}, "minh": {"citizen:minh"}}),
}
SHARED_BY_ALL_SIGNED_IN = {"objects", "dossier_counters", "feed_ends"}
"""Hashes of parcels, daily counters, how far the feed has got: no person, no dossier."""
OF_THE_LOG = {"cosignatures", "head_roots", "head_leaves", "head_nodes", "log_pulse"}
"""What the log says of itself to anybody who asks by name: hashes, counts, signatures, times."""
NEVER_READ = {
    *("accounts", "sessions", "login_states", "app_requests", "refresh_tokens", "seen_proofs"),
    *("passkeys", "key_enrolments", "key_ceremonies", "content_passes"),
    *("outbox", "shreddings", "number_tries", "systems", "share_openings", "standing_changes"),
}
NAMES = {str(value): label for label, value in ID.items()} | {
    f"citizen:{ID[who]}": f"citizen:{who}" for who in ID
}


def test_every_walled_table_has_an_expectation() -> None:
    tables = {table.name for table in Record.metadata.sorted_tables} - OPEN_TABLES
    assert tables == set(EXPECTED) | SHARED_BY_ALL_SIGNED_IN | OF_THE_LOG | NEVER_READ


@pytest.mark.parametrize("table", EXPECTED)
async def test_each_caller_sees_exactly_their_rows(planted: Database, table: str) -> None:
    column, expected = EXPECTED[table]
    seen = {}
    for name, actor in CALLERS.items():
        async with planted.reading(actor) as tx:
            rows = await tx.scalars(text(f"SELECT {column}::text FROM {table}"))
            seen[name] = {NAMES[row] for row in rows}
    assert seen == {name: expected.get(name, set()) for name in CALLERS}


@pytest.mark.parametrize("table", sorted(SHARED_BY_ALL_SIGNED_IN))
async def test_impersonal_tables_are_for_the_signed_in(planted: Database, table: str) -> None:
    for actor in CALLERS.values():
        async with planted.reading(actor) as tx:
            count = await tx.scalar(text(f"SELECT count(*) FROM {table}"))
        assert count == (1 if actor.kind in ("citizen", "officer") else 0)


@pytest.mark.parametrize("table", sorted(OF_THE_LOG))
async def test_what_the_log_says_of_itself_is_read_by_all_and_changed_by_none(
    planted: Database, table: str
) -> None:
    for actor in CALLERS.values():
        async with planted.reading(actor) as tx:
            count = await tx.scalar(text(f"SELECT count(*) FROM {table}"))
        assert count == (0 if actor.kind == "" else 1)
        with pytest.raises(DBAPIError, match="permission denied"):
            async with planted.writing(actor) as tx:
                await tx.execute(text(f"DELETE FROM {table}"))


@pytest.mark.parametrize("table", sorted(NEVER_READ))
async def test_secrets_have_no_direct_reader(planted: Database, table: str) -> None:
    for actor in CALLERS.values():
        with pytest.raises(DBAPIError, match="permission denied"):
            async with planted.reading(actor) as tx:
                await tx.execute(text(f"SELECT FROM {table}"))


async def sees_paper(database: Database, actor: Actor, label: str) -> tuple[bool, bool]:
    """Whether the caller sees the document row and its version row."""
    async with database.reading(actor) as tx:
        document = await tx.scalar(select(Document.id).where(Document.id == ID[label]))
        version = await tx.scalar(select(DocumentVersion.id).where(DocumentVersion.id == VERSION[label]))
    return document is not None, version is not None


@pytest.mark.parametrize(
    "ending",
    [
        "UPDATE consents SET withdrawn_at = now() WHERE status = 'GIVEN'",
        "UPDATE consents SET status = 'WITHDRAWN' WHERE status = 'GIVEN'",
        """ALTER TABLE consents DISABLE TRIGGER keep_consent;
            UPDATE consents SET valid_until = '2026-11-21' WHERE status = 'GIVEN';
            ALTER TABLE consents ENABLE TRIGGER keep_consent""",
        "UPDATE dossier_evidence SET revoked_at = now()",
        "UPDATE dossiers SET status = 0, submitted_at = NULL",
        "DELETE FROM dossier_evidence",
    ],
)
async def test_an_ended_basis_ends_the_agencys_sight(
    planted: Database, owner: AsyncEngine, ending: str
) -> None:
    assert await sees_paper(planted, OFFICER_A, "lan_used") == (True, True)
    async with owner.begin() as connection:
        for statement in ending.split(";"):
            await connection.execute(text(statement))
    assert await sees_paper(planted, OFFICER_A, "lan_used") == (False, False)
    assert await sees_paper(planted, LAN, "lan_used") == (True, True)


async def test_an_agency_keeps_naming_what_it_issued_without_its_content(planted: Database) -> None:
    assert await sees_paper(planted, OFFICER_A, "lan_issued") == (True, False)
    assert await sees_paper(planted, OFFICER_B, "lan_issued") == (False, False)


async def test_another_version_than_the_one_agreed_to_stays_hidden(
    planted: Database, owner: AsyncEngine
) -> None:
    record, newer = version("lan", "lan_used", number=2)
    async with owner.begin() as connection:
        await connection.execute(insert(record).values(**newer))
    async with planted.reading(OFFICER_A) as tx:
        assert set(await tx.scalars(select(DocumentVersion.number))) == {1}


async def test_sight_does_not_leak_over_a_pooled_connection(planted: Database, servers: Servers) -> None:
    one = Database(servers.url, pool_size=1)

    async def fail() -> None:
        async with one.writing(LAN) as tx:
            assert (await tx.scalars(select(Subject.id))).all() == [ID["lan"]]
            raise LookupError

    try:
        for _ in range(3):
            with pytest.raises(LookupError):
                await fail()
            async with one.reading(OFFICER_A) as tx:
                assert len((await tx.scalars(select(Subject.id))).all()) == 2
            async with one.engine.connect() as connection:
                assert (await connection.execute(text("SELECT id FROM subjects"))).all() == []
                left = text(
                    "SELECT current_setting('app.actor_kind', true), current_setting('app.subjects', true)"
                )
                assert (await connection.execute(left)).one() in [("", ""), (None, None)]
    finally:
        await one.close()


async def test_parallel_callers_each_keep_their_own_sight(planted: Database) -> None:
    async def look(actor: Actor) -> list[UUID]:
        async with planted.reading(actor) as tx:
            return list(await tx.scalars(select(Subject.id)))

    seen = await asyncio.gather(*(look(actor) for actor in (LAN, MINH, HOA) * 15))
    assert seen == [[ID["lan"]], [ID["minh"]], [ID["hoa"]]] * 15


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE motlan_owner",
        "SET SESSION AUTHORIZATION motlan_owner",
        "ALTER TABLE documents DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE documents NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY hole ON documents USING (true)",
        "DROP POLICY own ON documents",
        "ALTER ROLE motlan_app BYPASSRLS",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE FUNCTION app_kind() RETURNS text LANGUAGE sql AS $$ SELECT 'officer' $$",
        "CREATE OR REPLACE FUNCTION app_subjects() RETURNS uuid[] LANGUAGE sql AS $$ SELECT '{}'::uuid[] $$",
        "CREATE SCHEMA mine",
        "TRUNCATE documents",
        "DELETE FROM documents",
        "DELETE FROM dossiers",
        "COPY documents TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT setval('ledger_id_seq', 1)",
        "SET session_replication_role = replica",
        "ALTER TABLE consents DISABLE TRIGGER keep_consent",
    ],
)
async def test_the_application_cannot_take_the_wall_down(planted: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be (owner|able)|only roles|relation"):
        async with planted.writing(LAN) as tx:
            await tx.execute(text(statement))
    assert (await sees_paper(planted, LAN, "lan_used"), await sees_paper(planted, MINH, "lan_used")) == (
        (True, True),
        (False, False),
    )


async def test_switching_row_security_off_yields_an_error_and_no_rows(planted: Database) -> None:
    async with planted.writing(LAN) as tx:
        await tx.execute(text("SET LOCAL row_security = off"))
        with pytest.raises(DBAPIError, match="row-level security"):
            await tx.execute(text("SELECT FROM documents"))


async def test_a_leaky_condition_is_judged_after_the_policy(planted: Database) -> None:
    # A condition that raises on another's row would tell that the row exists.
    async with planted.reading(MINH) as tx:
        bait = text(
            "SELECT count(*) FROM documents WHERE 1 / (CASE WHEN subject_id = :lan THEN 0 ELSE 1 END) = 1"
        )
        assert await tx.scalar(bait, {"lan": ID["lan"]}) == 1
