"""Bring both databases to this version's schema, and prove at boot that the walls stand.

The owner's account migrates; no request is ever served under it. On a server of one's own the roles are
created beforehand, or here when the owner may.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from store.database import Actor, Database
from store.errors import RestoreUnfinished, RolesMissing, SchemaUnknown, WallsBroken

Progress = Callable[[str], None]

OPEN_TABLES = frozenset({"agencies", "catalogue_items", "checkpoints", "log_leaves", "log_nodes"})
"""The law, the agencies and the tree of hashes: readable by anybody. Every other table is walled."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_LIMITS = "LOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT NOCREATEDB NOCREATEROLE"


async def upgrade(
    owner_url: str,
    keys_owner_url: str,
    progress: Progress = lambda step: None,
    *,
    revisions: tuple[str, str] = ("head", "head"),
) -> None:
    """Migrate the main and the keys database to head, or to these revisions, each in one transaction; nothing happens
    there.

    `progress` is told each step. Raises RolesMissing with the statements an administrator must run, SchemaUnknown
    for a database a later version has migrated.
    """
    main, keys = revisions
    await _upgrade(owner_url, Course("versions", ("motlan_app", "motlan_work"), main), progress)
    await _upgrade(keys_owner_url, Course("key_versions", ("motlan_keys",), keys), progress)


def knows(revision: str, *, keys: bool = False) -> bool:
    """Whether this version has that revision of the main or the keys database among its own."""
    scripts = ScriptDirectory.from_config(_config("key_versions" if keys else "versions"))
    return revision in {one.revision for one in scripts.walk_revisions()}


async def refuse_unfinished(database: Database) -> None:
    """Raises RestoreUnfinished over a database half filled, or in which somebody destroyed may have come back."""
    async with database.reading(Actor("")) as tx:
        if await tx.scalar(text("SELECT to_regclass('public.restoring')")) is not None:
            raise RestoreUnfinished


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom a server knows us, what it lets that role do beyond its grants, and what time it is there."""

    role: str
    findings: tuple[str, ...]
    at: datetime


async def standing_of(engine: AsyncEngine) -> Standing:
    """Asks the server itself. Raises what the driver raises when it does not answer."""
    async with engine.connect() as connection:
        # Nothing is prepared twice for it, and the time is that of the answer.
        role, at = (await connection.execute(text("SELECT current_user::text, clock_timestamp()"))).one()
        findings = (await connection.scalars(text(_ROLE_FINDINGS))).all()
    return Standing(role, tuple(map(str, findings)), at)


async def assert_walls(database: Database) -> None:
    """Refuse to serve unless the application's role is powerless on its own.

    It must own nothing, bypass nothing, and without an actor see no row of any walled table. Raises WallsBroken
    with every finding.
    """
    async with database.reading(Actor("")) as tx:
        findings = [
            str(found)
            for found in (await tx.scalars(text(f"{_ROLE_FINDINGS} UNION ALL {_WALL_FINDINGS}"))).all()
        ]
        tables = (await tx.scalars(text(_READABLE_TABLES))).all()
        for table in sorted(set(tables) - OPEN_TABLES):
            if await tx.scalar(text(f'SELECT EXISTS (SELECT FROM "{table}")')):  # noqa: S608 - a catalogue name
                findings.append(f"rows of {table} are visible without an actor")
    if findings:
        raise WallsBroken(tuple(findings))


@dataclass(frozen=True, slots=True)
class Course:
    """Which migrations a database follows, for whom, and how far."""

    versions: str
    roles: tuple[str, ...]
    to: str


async def _upgrade(url: str, course: Course, progress: Progress) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            # Two servers starting at once migrate one after the other.
            await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('motlan migrate'))"))
            await connection.run_sync(_ensure_roles, course.roles)
            await connection.run_sync(_run, course, progress)
    finally:
        await engine.dispose()


def _ensure_roles(connection: Connection, roles: tuple[str, ...]) -> None:
    known = set(connection.scalars(text("SELECT rolname FROM pg_roles")))
    missing = [role for role in roles if role not in known]
    statements = tuple(f"CREATE ROLE {role} {_LIMITS} PASSWORD NULL" for role in missing)
    may_create = connection.scalar(
        text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    )
    if statements and not may_create:
        raise RolesMissing(statements)
    for statement in statements:
        connection.execute(text(statement))


def _config(versions: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("version_locations", str(_MIGRATIONS / versions))
    config.set_main_option("path_separator", "newline")
    return config


def _run(connection: Connection, course: Course, progress: Progress) -> None:
    config = _config(course.versions)
    config.attributes["connection"] = connection
    config.attributes["progress"] = progress
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            raise SchemaUnknown(revision)
    command.upgrade(config, course.to)


# The role that is connected, judged by the server itself.
_ROLE_FINDINGS = """
SELECT 'the role bypasses row-level security' FROM pg_roles
    WHERE rolname = current_user AND (rolsuper OR rolbypassrls)
UNION ALL SELECT 'the role is a member of ' || r.rolname FROM pg_roles r
    WHERE r.rolname <> current_user AND pg_has_role(current_user, r.oid, 'MEMBER')
UNION ALL SELECT 'the role owns ' || relname FROM pg_class JOIN pg_roles r ON r.oid = relowner
    WHERE r.rolname = current_user
"""

_WALL_FINDINGS = """
SELECT relname || ' is not walled' FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND NOT (relrowsecurity AND relforcerowsecurity) AND relname NOT IN
        ('alembic_version', 'agencies', 'catalogue_items', 'checkpoints', 'log_leaves', 'log_nodes')
"""

_READABLE_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND has_table_privilege(oid, 'SELECT')
"""
