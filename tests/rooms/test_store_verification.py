"""The offline check of the log: silent on an honest log, and exact about what was done to another."""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from store import ledger, merkle
from store.checkpoints import LogSigner
from store.database import Actor, Database
from store.embedded import Servers
from store.identifiers import new_id
from store.ledger import Entry
from store.log_sources import DatabaseLog, FolderLog, export, open_database
from store.verification import Fault, Report, verify
from tests.size import seed, sized

LOOP = Actor("loop")
LAN, MINH = (Actor("citizen", subject, None, (subject,)) for subject in (new_id(), new_id()))
SIGNER = LogSigner("log.example", Ed25519PrivateKey.generate())

Findings = list[tuple[str, int | None, int | None]]


async def write(database: Database, actor: Actor, now: datetime) -> None:
    entry = Entry("vault.read", actor.id, "done", "dossier", "OWN", claims=("person.name@child",))
    async with database.writing(actor) as tx:
        await ledger.record(tx, actor, entry, now)


async def seal(work: Database, now: datetime) -> None:
    async with work.writing(LOOP) as tx:
        await ledger.seal(tx, SIGNER, now)


async def check(servers: Servers, *known: str) -> Report:
    async with open_database(servers.work_url) as source:
        return await verify(source, SIGNER.key, known)


async def found(servers: Servers, *known: str) -> Findings:
    report = await check(servers, *known)
    return [(finding.fault.value, finding.log_index, finding.line) for finding in report.findings]


@pytest.fixture
async def log(database: Database, work: Database, now: datetime) -> AsyncIterator[list[str]]:
    """Eleven lines sealed at 1, 4, 5 and 11 leaves, and one unsealed. Line ids are log index + 1."""
    for sealed in (1, 3, 1, 6):
        for line in range(sealed):
            await write(database, (LAN, MINH)[line % 2], now + timedelta(hours=line))
        await seal(work, now)
    await write(database, LAN, now)
    async with database.reading(Actor("anonymous")) as tx:
        head = await ledger.checkpoint(tx)
        assert head is not None
        yield [head.note]


async def tamper(owner: AsyncEngine, *statements: str) -> None:
    async with owner.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def test_an_empty_log_is_sound(clean: None, servers: Servers) -> None:
    assert await check(servers) == Report()


async def test_an_honest_log_is_sound(log: list[str], servers: Servers) -> None:
    assert await check(servers, *log) == Report(leaves=11, heads=4, unsealed=1)


async def test_late_commits_are_no_fault(
    database: Database, work: Database, servers: Servers, now: datetime
) -> None:
    async with database.writing(LAN) as late:
        await ledger.record(late, LAN, Entry("vault.read", LAN.id, "done", "dossier", "OWN"), now)
        await write(database, MINH, now)
        await seal(work, now)
    await seal(work, now)
    assert await check(servers) == Report(leaves=2, heads=2)


async def test_a_deleted_line_is_named(log: list[str], servers: Servers, owner: AsyncEngine) -> None:
    await tamper(owner, "DELETE FROM ledger WHERE id = 7")
    report = await check(servers)
    assert [str(finding) for finding in report.findings if finding.fault is Fault.DELETED] == [
        "deleted: line 7, log index 6"
    ]
    assert {finding.fault for finding in report.findings} == {Fault.DELETED, Fault.MISCOUNTED}


async def test_a_line_deleted_with_its_leaf_is_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(owner, "DELETE FROM ledger WHERE id = 7", "DELETE FROM log_leaves WHERE log_index = 6")
    assert ("deleted", 6, None) in await found(servers)


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'refused'",
        "at = at + interval '1 microsecond'",
        "kind = 'vault.deposit'",
        "actor_id = gen_random_uuid()",
        "agency_id = gen_random_uuid()",
        "dossier_id = gen_random_uuid()",
        "consent_id = gen_random_uuid()",
        "actor_kind = 'officer'",
        'entry = entry || \'{"legal_basis": "CONSENT"}\'',
        "entry = entry || '{\"more\": 1}'",
        "salt = sha256('x')",
    ],
)
async def test_an_edited_line_is_named(
    log: list[str], servers: Servers, owner: AsyncEngine, change: str
) -> None:
    await tamper(owner, f"UPDATE ledger SET {change} WHERE id = 7")
    assert await found(servers) == [("edited", 6, 7)]


async def test_a_line_given_to_another_subject_is_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(owner, "UPDATE ledger SET subject_id = gen_random_uuid() WHERE id = 7")
    assert ("edited", 6, 7) in await found(servers)


async def test_a_changed_number_among_a_subjects_lines_is_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(owner, "UPDATE ledger SET subject_count = 99 WHERE id = 11")
    assert await found(servers) == [("edited", 10, 11), ("miscounted", 10, 11)]


async def test_exchanged_lines_are_named(log: list[str], servers: Servers, owner: AsyncEngine) -> None:
    await tamper(
        owner,
        "UPDATE ledger SET log_index = 99 WHERE id = 3",
        "UPDATE ledger SET log_index = 2 WHERE id = 4",
        "UPDATE ledger SET log_index = 3 WHERE id = 3",
    )
    findings = await found(servers)
    assert ("moved", 2, 3) in findings
    assert ("moved", 3, 4) in findings
    assert "deleted" not in {fault for fault, _, _ in findings}


async def test_a_renumbered_and_an_unsealed_line_are_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(
        owner,
        "UPDATE ledger SET log_index = 11 WHERE id = 10",
        "UPDATE ledger SET log_index = NULL WHERE id = 6",
    )
    report = await check(servers)
    words = [str(finding) for finding in report.findings]
    assert "moved: line 10, log index 9, now at 11" in words
    assert "moved: line 6, log index 5, now at no place" in words
    assert report.unsealed == 1


async def test_a_line_put_among_sealed_ones_is_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(
        owner,
        "DELETE FROM ledger WHERE id = 8",
        "UPDATE ledger SET log_index = 7, subject_count = 1 WHERE log_index IS NULL",
    )
    findings = await found(servers)
    assert ("deleted", 7, 8) in findings
    assert ("inserted", 7, 12) in findings


async def test_a_second_line_at_one_place_is_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(owner, "ALTER TABLE ledger DROP CONSTRAINT ledger_log_index_key")
    try:
        await tamper(owner, "UPDATE ledger SET log_index = 7 WHERE log_index IS NULL")
        assert await found(servers) == [("inserted", 7, 12)]
    finally:
        await tamper(
            owner,
            "DELETE FROM ledger WHERE id = 12",
            "ALTER TABLE ledger ADD CONSTRAINT ledger_log_index_key UNIQUE (log_index)",
        )


async def rewrite(servers: Servers, owner: AsyncEngine, log_index: int) -> bytes:
    """Edit a line and put the matching leaf and hash in the tree, as an operator would."""
    await tamper(owner, f"UPDATE ledger SET outcome = 'refused' WHERE log_index = {log_index}")
    async with open_database(servers.owner_url) as source:
        (line,) = [line async for line in source.lines() if line.log_index == log_index]
    value = merkle.leaf_hash(line.leaf)
    async with owner.begin() as connection:
        await connection.execute(
            text("UPDATE log_leaves SET leaf = :leaf, hash = :hash WHERE log_index = :at"),
            {"leaf": line.leaf, "hash": value, "at": log_index},
        )
    return value


async def test_a_line_rewritten_with_its_leaf_is_narrowed_to_two(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await rewrite(servers, owner, 6)
    report = await check(servers)
    assert [str(finding) for finding in report.findings] == [
        "rewritten: log index 7, this leaf or 6",
        "head: log index 11, signs another tree; sound up to 5 leaves",
    ]


async def test_a_wholly_rewritten_tree_still_meets_the_signed_head(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await rewrite(servers, owner, 6)
    await tamper(
        owner,
        "UPDATE log_nodes SET hash = sha256('\\x01' || (SELECT hash FROM log_leaves WHERE log_index = 6)"
        " || (SELECT hash FROM log_leaves WHERE log_index = 7)) WHERE level = 1 AND position = 3",
    )
    assert await found(servers) == [("head", 11, None)]


async def test_changed_leaves_nodes_and_heads_are_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(
        owner,
        "UPDATE log_leaves SET hash = sha256('x') WHERE log_index = 1",
        "DELETE FROM log_nodes WHERE level = 1 AND position = 4",
        "UPDATE checkpoints SET root = sha256('x') WHERE size = 5",
        "UPDATE checkpoints SET note = replace(note, '— log', '— lag') WHERE size = 4",
    )
    assert await found(servers) == [
        ("leaf", 1, 2),
        ("head", 4, None),
        ("head", 5, None),
        ("leaf", 9, None),
    ]


async def test_heads_of_another_key_are_refused(log: list[str], servers: Servers) -> None:
    stranger = LogSigner("log.example", Ed25519PrivateKey.generate())
    async with open_database(servers.work_url) as source:
        report = await verify(source, stranger.key)
    assert [finding.log_index for finding in report.findings if "not signed" in finding.detail] == [
        1,
        4,
        5,
        11,
    ]


async def test_a_log_cut_with_its_head_is_found_by_a_kept_head(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(
        owner,
        "DELETE FROM ledger WHERE log_index >= 5 OR log_index IS NULL",
        "DELETE FROM log_leaves WHERE log_index >= 5",
        "DELETE FROM log_nodes WHERE (position + 1) << level > 5",
        "DELETE FROM checkpoints WHERE size > 5",
    )
    assert await found(servers) == []
    report = await check(servers, *log)
    assert [str(finding) for finding in report.findings] == ["cut: log index 11, the log ends at 5"]


async def test_leaves_beyond_the_last_head_are_named(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    await tamper(owner, "DELETE FROM checkpoints WHERE size = 11")
    report = await check(servers)
    assert [str(finding) for finding in report.findings] == ["head: log index 11, signed only up to 5 leaves"]


async def test_an_exported_folder_is_checked_without_a_database(
    log: list[str], servers: Servers, tmp_path: Path
) -> None:
    async with open_database(servers.work_url) as source:
        await export(source, tmp_path / "log")
    assert await verify(FolderLog(tmp_path / "log"), SIGNER.key, log) == Report(
        leaves=11, heads=4, unsealed=1
    )
    lines = tmp_path / "log" / "lines.jsonl"
    kept = [
        line for line in lines.read_text("utf-8").splitlines(keepends=True) if '"log_index": 4,' not in line
    ]
    lines.write_text("".join(kept), "utf-8")
    report = await verify(FolderLog(tmp_path / "log"), SIGNER.key, log)
    assert "deleted: line 5, log index 4" in [str(finding) for finding in report.findings]


async def test_any_single_change_anywhere_is_found(
    log: list[str], servers: Servers, owner: AsyncEngine
) -> None:
    chosen = seed()
    draw = random.Random(chosen)
    rounds = sized(25, 400)
    changes = (
        "UPDATE ledger SET outcome = outcome || 'x' WHERE log_index = {at}",
        "DELETE FROM ledger WHERE log_index = {at}",
        "DELETE FROM log_leaves WHERE log_index = {at}",
        "UPDATE log_leaves SET leaf = leaf || 'x' WHERE log_index = {at}",
        "UPDATE log_leaves SET ledger_id = 99 WHERE log_index = {at}",
        "UPDATE ledger SET log_index = 12 WHERE log_index = {at}",
    )
    print(f"{rounds} changes, seed {chosen}")
    for _ in range(rounds):
        statement = draw.choice(changes).format(at=draw.randrange(11))
        async with owner.connect() as connection:
            await connection.execute(text(statement))
            report = await verify(DatabaseLog(connection), SIGNER.key)
            await connection.rollback()
        assert not report.sound, statement
    assert (await check(servers)).sound
