"""The migrated schema is what the records say, and its walls stand."""

import json
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from store.database import Actor, Database
from store.embedded import Embedded, Servers
from store.errors import RolesMissing, SchemaUnknown, WallsBroken
from store.migrate import OPEN_TABLES, _ensure_roles, assert_walls, upgrade
from store.records import Record
from tests.conftest import NewDatabase
from vault.sealing.key_records import KeyRecord

PERSONAL = (
    "subject_id",
    "applicant_id",
    "filer_id",
    "agency_id",
    "recipient_agency",
    "issuer_agency",
    "dossier_id",
)


def differences(connection: Connection, metadata: Any) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found: list[Any] = compare_metadata(context, metadata)
    return found


async def test_migrated_main_schema_equals_the_records(owner: AsyncEngine) -> None:
    async with owner.connect() as connection:
        assert await connection.run_sync(differences, Record.metadata) == []


async def test_migrated_keys_schema_equals_the_records(keys_owner: AsyncEngine) -> None:
    async with keys_owner.connect() as connection:
        assert await connection.run_sync(differences, KeyRecord.metadata) == []


async def test_migrating_again_does_nothing(servers: Servers) -> None:
    steps: list[str] = []
    await upgrade(servers.owner_url, servers.keys_owner_url, steps.append)
    assert steps == []


async def test_a_database_of_a_later_version_is_refused_and_left_as_it_is(new_database: NewDatabase) -> None:
    servers = await new_database()
    engine = create_async_engine(servers.owner_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            before = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999_of_tomorrow'"))
        with pytest.raises(SchemaUnknown, match="9999_of_tomorrow"):
            await upgrade(servers.owner_url, servers.keys_owner_url)
        async with engine.begin() as connection:
            assert before != "9999_of_tomorrow"
            assert (
                await connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999_of_tomorrow"
            )
    finally:
        await engine.dispose()


async def test_every_table_about_somebody_forces_row_level_security(owner: AsyncEngine) -> None:
    personal = {
        table.name
        for table in Record.metadata.sorted_tables
        if any(name in table.columns for name in PERSONAL)
        or table.name in ("subjects", "accounts", "sessions")
    }
    assert len(personal) > 20
    async with owner.connect() as connection:
        forced = set(
            await connection.scalars(
                text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
            )
        )
    assert personal - forced == set()
    assert forced == {table.name for table in Record.metadata.sorted_tables} - OPEN_TABLES


async def test_walls_hold_for_the_application(database: Database) -> None:
    await assert_walls(database)


async def test_walls_hold_for_the_loops_except_what_they_are_fed(work: Database, owner: AsyncEngine) -> None:
    async with work.reading(Actor("loop")) as tx:
        for table in (
            "subjects",
            "documents",
            "document_versions",
            "consents",
            "shares",
            "sealed_notes",
            "uploads",
        ):
            granted = await tx.scalar(
                text("SELECT has_any_column_privilege(:table, 'SELECT')"), {"table": table}
            )
            assert granted is False, table


async def test_boot_refuses_the_owner_as_application_role(servers: Servers) -> None:
    owning = Database(servers.owner_url)
    with pytest.raises(WallsBroken) as refused:
        await assert_walls(owning)
    await owning.close()
    assert any("owns dossiers" in finding for finding in refused.value.findings)


async def test_boot_refuses_a_table_without_walls_and_rows_seen_by_nobody(new_database: NewDatabase) -> None:
    servers = await new_database()
    engine = create_async_engine(servers.owner_url)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE objects NO FORCE ROW LEVEL SECURITY"))
        await connection.execute(text("CREATE POLICY hole ON objects TO motlan_app USING (true)"))
        await connection.execute(
            text("INSERT INTO objects VALUES (gen_random_uuid(), 'land_parcel', NULL, now())")
        )
    await engine.dispose()
    opened = Database(servers.url)
    with pytest.raises(WallsBroken) as refused:
        await assert_walls(opened)
    await opened.close()
    assert refused.value.findings == ("objects is not walled", "rows of objects are visible without an actor")


async def test_missing_roles_are_named_to_whoever_may_make_them(owner: AsyncEngine) -> None:
    async with owner.connect() as connection:
        with pytest.raises(RolesMissing) as refused:
            await connection.run_sync(_ensure_roles, ("motlan_app", "motlan_absent"))
    (statement,) = refused.value.statements
    assert statement.startswith("CREATE ROLE motlan_absent LOGIN NOSUPERUSER NOBYPASSRLS")


async def test_an_owner_who_may_creates_the_missing_roles(embedded: Embedded, servers: Servers) -> None:
    password = json.loads((embedded.folder / "passwords").read_text("utf-8"))["postgres"]
    url = make_url(servers.owner_url).set(username="postgres", password=password)
    engine = create_async_engine(url, poolclass=NullPool)
    created = text(
        "SELECT rolcanlogin AND NOT rolsuper AND NOT rolbypassrls FROM pg_roles WHERE rolname = 'motlan_new'"
    )
    async with engine.connect() as connection:
        await connection.run_sync(_ensure_roles, ("motlan_new",))
        assert await connection.scalar(created) is True
        await connection.rollback()
    await engine.dispose()
