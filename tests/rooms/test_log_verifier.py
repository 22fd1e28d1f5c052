"""The program from outside: silent on an honest log, and exact about what was done to another.

Where an attack rewrites everything and signs it anew nothing inside the log can tell: a head kept elsewhere, the
program's own memory or a witness does.
"""

import asyncio
import copy
import json
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from store import ledger
from store.checkpoints import LogSigner
from store.database import Database
from store.embedded import Servers
from store.log.rhythm import BEAT_AFTER, keep_time
from tests.ledgers import LAN, LOOP, MINH, Chronicle
from verifier import log as outside
from witness.notes import Cosigner, read_note

PROGRAM = Path(outside.__file__)


@pytest.fixture
async def chronicle(
    database: Database, work: Database, owner: AsyncEngine, servers: Servers, now: datetime, tmp_path: Path
) -> Chronicle:
    """Places 0 to 8 are lines of two people's, 9 is `log.heads`, 10 and 11 are newer ones."""
    made = Chronicle(database, work, owner, servers, now, tmp_path)
    await made.fill()
    return made


def has(findings: list[str], *words: str) -> bool:
    return all(any(word in finding for finding in findings) for word in words)


async def test_an_untouched_log_is_sound_from_every_side(chronicle: Chronicle) -> None:
    folder = await chronicle.check_folder()
    assert (folder.findings, folder.told) == ([], "12 leaves with their lines")
    published = await chronicle.check_published()
    assert (published.findings, published.told) == ([], "12 leaves, signed by 0 witnesses")
    for actor in (LAN, MINH):
        found = outside.check_bundle(await chronicle.bundle_of(actor), chronicle.trust())
        assert found.findings == []
        assert "complete up to log index 9, 1 newer ones" in found.told


async def test_the_file_alone_is_the_program(chronicle: Chronicle, tmp_path: Path) -> None:
    bundle = tmp_path / "mine.json"
    given = await chronicle.bundle_of(LAN)
    bundle.write_text(json.dumps(given), "utf-8")
    alone = tmp_path / "elsewhere" / "check.py"
    alone.parent.mkdir()
    shutil.copy(PROGRAM, alone)

    async def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-I", str(alone), *words, "--key", chronicle.signer.key.text]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert await run(str(bundle)) == (0, "7 lines, complete up to log index 9, 1 newer ones: sound\n")
    given["subjects"][0]["lines"].pop(2)
    bundle.write_text(json.dumps(given), "utf-8")
    code, told = await run(str(bundle))
    assert code == 1
    assert "number 4 of its person's lines after 2" in told
    bundle.write_text("{}", "utf-8")
    assert (await run(str(bundle)))[0] == 2


async def test_a_deleted_line_is_named(chronicle: Chronicle) -> None:
    await chronicle.tamper("DELETE FROM ledger WHERE log_index = 4")
    report = await chronicle.check_folder()
    assert "line 5, log index 4: deleted" in report.findings


async def test_an_edited_line_is_named(chronicle: Chronicle) -> None:
    for change in ("outcome = 'DENIED'", "query_id = gen_random_uuid()", "previous = NULL", "form = 1"):
        before = (await chronicle.check_folder()).findings
        assert before == []
        await chronicle.tamper(
            "CREATE TABLE kept AS SELECT * FROM ledger", f"UPDATE ledger SET {change} WHERE log_index = 4"
        )
        report = await chronicle.check_folder()
        assert "line 5, log index 4: edited since it was sealed" in report.findings, change
        await chronicle.tamper(
            "UPDATE ledger l SET outcome = k.outcome, query_id = k.query_id, previous = k.previous, form = k.form"
            " FROM kept k WHERE k.id = l.id",
            "DROP TABLE kept",
        )


async def test_lines_put_in_another_order_are_named(chronicle: Chronicle) -> None:
    await chronicle.tamper(
        "UPDATE ledger SET log_index = 99 WHERE log_index = 2",
        "UPDATE ledger SET log_index = 2 WHERE log_index = 3",
        "UPDATE ledger SET log_index = 3 WHERE log_index = 99",
    )
    report = await chronicle.check_folder()
    assert has(
        report.findings, "line 3: sealed at log index 2, moved to 3", "line 4: sealed at log index 3, moved"
    )


async def test_a_line_numbered_anew_is_named(chronicle: Chronicle) -> None:
    await chronicle.tamper("UPDATE ledger SET subject_count = subject_count - 1 WHERE log_index = 8")
    report = await chronicle.check_folder()
    assert has(
        report.findings, "line 9, log index 8: edited", "log index 8: number 5 of its person's lines after 5"
    )


async def test_a_log_cut_off_at_its_end_is_shorter_than_a_kept_head(
    chronicle: Chronicle, tmp_path: Path
) -> None:
    memory = tmp_path / "memory.json"
    trust = chronicle.trust(memory=memory)
    assert (await chronicle.check_published(trust)).sound
    await chronicle.tamper(
        "DELETE FROM ledger WHERE log_index >= 9",
        "DELETE FROM log_leaves WHERE log_index >= 9",
        "DELETE FROM log_nodes WHERE (position + 1) << level > 9",
        "DELETE FROM checkpoints WHERE size > 9",
    )
    assert (await chronicle.check_published()).sound, "nothing inside tells"
    assert (await chronicle.check_published(trust)).findings == [
        "head of 12: the log ends at 9: cut off",
    ]
    assert has((await chronicle.check_folder(trust)).findings, "cut off")
    assert json.loads(memory.read_text("utf-8"))["size"] == 12, "what was seen is not forgotten for less"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET outcome = 'DENIED' WHERE log_index = 4",
        "DELETE FROM ledger WHERE log_index = 4",
        f"DELETE FROM ledger WHERE subject_id = '{MINH.id}'",
        "UPDATE ledger SET subject_id = NULL WHERE log_index = 4",
    ],
    ids=["edited", "deleted", "a person erased", "about nobody"],
)
async def test_a_past_rewritten_whole_and_signed_anew_is_not_the_one_seen_before(
    chronicle: Chronicle, tmp_path: Path, change: str
) -> None:
    kept = await chronicle.note()
    witness = Cosigner("witness.example", Ed25519PrivateKey.generate())
    vouched = kept + witness.cosigned(read_note(kept), 1_795_300_000)
    key = outside.read_key(witness.text, outside.WITNESS_KEY)
    trust = chronicle.trust(memory=tmp_path / "memory.json")
    assert (await chronicle.check_folder(trust)).sound
    # As long as before, so that nothing is missing at its end.
    for _ in range(4):
        await chronicle.write(LAN)
    await chronicle.rewrite(change)
    await chronicle.write(LAN)
    await chronicle.seal()
    assert (await chronicle.check_published()).sound, "nothing inside tells"
    for found in (
        await chronicle.check_published(trust),
        await chronicle.check_folder(trust),
        await chronicle.check_published(chronicle.trust(kept)),
    ):
        assert "head of 12: signs another tree than these leaves make: rewritten or forked" in found.findings
    demanding = chronicle.trust(witnesses=[key], quorum=1)
    assert outside.read_head(vouched, demanding.log, [key]).cosigned == {"witness.example": 1_795_300_000}
    unsigned = await chronicle.check_published(demanding)
    assert has(unsigned.findings, "0 witnesses signed it, not 1")


async def test_two_people_shown_two_logs_find_it_by_comparing_heads(
    chronicle: Chronicle, tmp_path: Path
) -> None:
    mine, bundle = await chronicle.note(), tmp_path / "bundle.json"
    bundle.write_text(json.dumps(await chronicle.bundle_of(LAN)), "utf-8")
    await chronicle.rewrite("UPDATE ledger SET outcome = 'DENIED' WHERE log_index = 8")
    other = outside.check_bundle(await chronicle.bundle_of(LAN), chronicle.trust(mine))
    assert has(other.findings, "forked")
    await chronicle.write(MINH)
    await chronicle.write(MINH)
    await chronicle.seal()
    theirs = await chronicle.check_published(chronicle.trust(mine))
    assert has(theirs.findings, "rewritten or forked")
    told = outside._note_in(bundle.read_text("utf-8"))
    assert has((await chronicle.check_published(chronicle.trust(told))).findings, "rewritten or forked")


async def test_a_late_commit_is_no_fault_and_a_line_slipped_in_before_is(chronicle: Chronicle) -> None:
    late = chronicle.database.writing(LAN)
    async with late as tx:
        entry = ledger.Entry("vault.read", LAN.id, "SUCCESS", "p", "OWN")
        line = await ledger.record(tx, LAN, entry, chronicle.now)
        early = await chronicle.write(MINH)
        await chronicle.seal()
    assert line < early
    await chronicle.seal()
    assert (await chronicle.check_folder()).findings == []
    await chronicle.write(LAN)
    await chronicle.tamper(
        "ALTER TABLE ledger DROP CONSTRAINT ledger_log_index_key",
        "UPDATE ledger SET log_index = 3, form = 2 WHERE log_index IS NULL",
    )
    try:
        report = await chronicle.check_folder()
        assert has(report.findings, "never sealed, put at log index 3")
    finally:
        await chronicle.tamper(
            "DELETE FROM ledger WHERE id = (SELECT max(id) FROM ledger)",
            "ALTER TABLE ledger ADD CONSTRAINT ledger_log_index_key UNIQUE (log_index)",
        )


async def test_one_persons_rows_erased_are_each_named_and_missed_by_the_person(chronicle: Chronicle) -> None:
    await chronicle.tamper(f"DELETE FROM ledger WHERE subject_id = '{MINH.id}'")
    report = await chronicle.check_folder()
    assert len([one for one in report.findings if one.endswith("deleted")]) == 4
    theirs = outside.check_bundle(await chronicle.bundle_of(MINH), chronicle.trust())
    assert theirs.findings == ["these are not all lines about them up to log index 9"]
    assert outside.check_bundle(await chronicle.bundle_of(LAN), chronicle.trust()).sound


Change = Any


def omitted(at: int) -> Change:
    return lambda subject: subject["lines"].pop(at)


def numbered_anew(subject: dict[str, Any]) -> None:
    """One line left out, and the rest counted without it."""
    subject["lines"].pop(2)
    for count, line in enumerate(subject["lines"], 1):
        line["count"] = count


def hidden_whole(subject: dict[str, Any]) -> None:
    subject["lines"], subject["path"] = [], None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (omitted(0), "number 2 of its person's lines after 0"),
        (omitted(3), "number 5 of its person's lines after 3"),
        (omitted(3), "does not follow its person's line before"),
        (omitted(-2), "these are not all lines about them"),
        (numbered_anew, "not in the log as it stands here"),
        (lambda subject: subject["lines"].clear(), "these are not all lines about them"),
        (hidden_whole, "nothing proves that these are all lines"),
        (lambda subject: subject["lines"][1].update(outcome="DENIED"), "log index 1: not in the log"),
        (lambda subject: subject["lines"].reverse(), "out of order"),
        (lambda subject: subject["path"].append(subject["path"][0]), "these are not all lines about them"),
        (lambda subject: subject["lines"].append(subject["lines"][-1]), "out of order"),
        (lambda subject: subject.update(subject=str(MINH.id)), "about somebody else"),
    ],
)
async def test_a_bundle_that_leaves_out_or_changes_one_line_is_found(
    chronicle: Chronicle, change: Change, found: str
) -> None:
    bundle = await chronicle.bundle_of(LAN)
    assert outside.check_bundle(copy.deepcopy(bundle), chronicle.trust()).sound
    change(bundle["subjects"][0])
    assert has(outside.check_bundle(bundle, chronicle.trust()).findings, found)


async def test_the_newest_line_of_all_is_missed_once_the_log_has_covered_it(chronicle: Chronicle) -> None:
    bundle = await chronicle.bundle_of(LAN)
    bundle["subjects"][0]["lines"].pop()
    assert outside.check_bundle(bundle, chronicle.trust()).sound, "ten minutes are stated as the limit"
    assert await chronicle.cover()
    assert not await chronicle.cover(), "nothing was written since"
    bundle = await chronicle.bundle_of(LAN)
    told = outside.check_bundle(bundle, chronicle.trust()).told
    assert told == "7 lines, complete up to log index 12, 0 newer ones"
    bundle["subjects"][0]["lines"].pop()
    assert has(outside.check_bundle(bundle, chronicle.trust()).findings, "these are not all lines")


async def test_heads_that_leave_a_line_out_are_found_by_whoever_sees_all_lines(chronicle: Chronicle) -> None:
    await chronicle.tamper(f"UPDATE subject_heads SET count = 3 WHERE subject_id = '{LAN.id}'")
    await chronicle.tamper(f"UPDATE subject_heads SET covered_count = 0 WHERE subject_id = '{LAN.id}'")
    assert await chronicle.cover()
    report = await chronicle.check_folder()
    assert has(report.findings, "log index 12: the heads it states are not those of the lines before it")


async def test_a_head_of_another_key_is_none(chronicle: Chronicle) -> None:
    stranger = LogSigner("log.example", Ed25519PrivateKey.generate())
    trust = outside.Trust(outside.read_key(stranger.key.text, outside.LOG_KEY))
    assert (await chronicle.check_published(trust)).findings == [
        "the published head: a head the log's key did not sign"
    ]
    assert has(outside.check_bundle(await chronicle.bundle_of(LAN), trust).findings, "did not sign")


async def test_tiles_beyond_one_row_are_those_the_leaves_make(chronicle: Chronicle) -> None:
    async with chronicle.database.writing(LAN) as tx:
        entry = ledger.Entry("vault.read", LAN.id, "SUCCESS", "p", "OWN")
        for _ in range(600):
            await ledger.record(tx, LAN, entry, chronicle.now)
    while await chronicle.seal():
        continue
    report = await chronicle.check_published()
    assert (report.findings, report.told) == ([], "612 leaves, signed by 0 witnesses")
    await chronicle.tamper("UPDATE log_nodes SET hash = sha256('x') WHERE level = 8 AND position = 1")
    assert (await chronicle.check_published()).findings == ["tiles of level 1: not what the leaves make"]


async def test_the_log_beats_when_nothing_happens_and_not_otherwise(chronicle: Chronicle) -> None:
    async def beat() -> bool:
        async with chronicle.work.writing(LOOP) as tx:
            return await keep_time(tx, chronicle.signer, chronicle.now)

    assert not await beat()
    beats = 0
    for _ in range(120):
        chronicle.now += BEAT_AFTER / 10
        beats += await beat()
    assert beats == 12
    report = await chronicle.check_folder()
    assert (report.findings, report.told) == ([], "24 leaves with their lines")
