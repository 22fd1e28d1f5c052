"""Root keys and subject keys changed for new ones: beside whoever reads and writes, killed anywhere, and the earlier
ones gone only when nothing needs them."""

import asyncio
import contextlib
import json
import random
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import Database
from store.embedded import Servers
from store.identifiers import new_id
from tests.attacks.killing import ROOT
from tests.files import pdf
from tests.rooms.households import Household, Life, quiet
from tests.rooms.rotating import DONE
from tests.size import seed, sized
from tests.vaults import LAND, PARCEL, make_safe, make_world
from vault.deposits import Deposit
from vault.errors import KeyMissing, RotationRefused, SubjectShredded, TamperedContent
from vault.holding import Origin
from vault.keycare.renewal import Renewed
from vault.sealing import ring_files
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys
from vault.subjects import PERSON, Profile, give_number, profile_of, register_newborn


@pytest.fixture
async def household(
    database: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path, now: datetime
) -> AsyncIterator[Household]:
    safe = await make_safe(servers.keys_url, tmp_path)
    yield Household(await make_world(database, owner, safe, now), servers, tmp_path)
    await safe.keys.close()


@pytest.fixture
def ring_file(household: Household) -> Path:
    return household.folder / "root.json"


async def key_rows(keys_owner: AsyncEngine) -> list[Any]:
    query = "SELECT * FROM subject_keys ORDER BY subject_id, generation"
    async with keys_owner.begin() as connection:
        return list(await connection.execute(text(query)))


async def as_if_days_ago(keys_owner: AsyncEngine, days: int) -> None:
    """What was settled or unused today was so many days ago."""
    async with keys_owner.begin() as connection:
        for change in (
            "subject_keys SET settled_at = settled_at",
            "root_keys SET unused_since = unused_since",
        ):
            await connection.execute(text(f"UPDATE {change} - make_interval(days => :days)"), {"days": days})


class TestRootKey:
    async def test_a_new_one_wraps_every_key_and_every_paper_opens(
        self, household: Household, keys_owner: AsyncEngine, ring_file: Path
    ) -> None:
        people = [await household.add() for _ in range(3)]
        gone = new_id()
        await household.safe.keys.create(gone)
        await household.safe.keys.destroy(gone)
        before, blobs, first = await key_rows(keys_owner), household.blobs(), LocalKeyRing(ring_file).key_id
        second = await household.turn_root()
        assert first != second == household.safe.keys._keyring.key_id
        for old, new in zip(before, await key_rows(keys_owner), strict=True):
            if old.wrapped is None:
                assert new == old
            else:
                assert (new.root_key, new.wrapped[2 : 2 + len(second)]) == (second, second.encode())
        assert household.blobs() == blobs
        assert [await household.read(one) for one in people] == ["first"] * 3
        assert await household.read(await household.add()) == "first"

    async def test_the_earlier_one_is_refused_after_its_retirement(
        self, household: Household, ring_file: Path, tmp_path: Path
    ) -> None:
        person = await household.add()
        first, kept = LocalKeyRing(ring_file).key_id, tmp_path / "kept.json"
        shutil.copy(ring_file, kept)
        await household.turn_root()
        async with household.rotating() as rotation:
            with pytest.raises(RotationRefused, match="backups"):
                await rotation.retire_root(first)
            assert first in ring_files.read(ring_file).keys
            for _ in range(2):
                await rotation.retire_root(first, backups_gone=True)
            assert [one.key_id for one in await rotation.roots()] == [rotation.keyring.key_id]
        assert await household.read(person) == "first"
        # Whoever took the earlier ring opens nothing, and a server that still has it writes nothing.
        stolen = Keys(household.servers.keys_url, LocalKeyRing(kept))
        with pytest.raises(KeyMissing):
            async with stolen.opened(person.subject):
                pytest.fail("opened")
        newcomer = new_id()
        with pytest.raises(IntegrityError, match="retired"):
            await stolen.create(newcomer)
        await stolen.close()
        with pytest.raises(KeyMissing):
            async with household.safe.keys.opened(newcomer):
                pytest.fail("opened")

    async def test_one_somebody_still_needs_is_not_retired_and_the_count_is_said(
        self, household: Household, keys_owner: AsyncEngine, ring_file: Path
    ) -> None:
        person = await household.add()
        first = LocalKeyRing(ring_file).key_id
        ring_files.add_key(ring_file)
        rows, ring = await key_rows(keys_owner), ring_files.read(ring_file)
        living = len([row for row in rows if row.wrapped])
        async with household.rotating() as rotation:
            with pytest.raises(RotationRefused) as refused:
                await rotation.retire_root(first, backups_gone=True)
            assert (refused.value.reason, refused.value.references) == ("referenced", living)
            with pytest.raises(RotationRefused, match="current"):
                await rotation.retire_root(rotation.keyring.key_id, backups_gone=True)
            with pytest.raises(RotationRefused, match="unknown"):
                await rotation.retire_root("root-nobody", backups_gone=True)
            # A column edited to say otherwise deceives nobody: the wrap itself names its key.
            async with keys_owner.begin() as connection:
                await connection.execute(text("UPDATE subject_keys SET root_key = 'root-other'"))
            with pytest.raises(RotationRefused, match="referenced"):
                await rotation.retire_root(first, backups_gone=True)
        assert ring_files.read(ring_file) == ring
        assert await household.read(person) == "first"

    async def test_it_goes_by_itself_once_no_backup_can_need_it(
        self, household: Household, keys_owner: AsyncEngine, ring_file: Path
    ) -> None:
        person, first = await household.add(), LocalKeyRing(ring_file).key_id
        await household.turn_root()
        await as_if_days_ago(keys_owner, 34)
        async with household.rotating() as rotation:
            with pytest.raises(RotationRefused, match="backups"):
                await rotation.retire_root(first)
            await as_if_days_ago(keys_owner, 1)
            await rotation.retire_root(first)
        assert list(ring_files.read(ring_file).keys) == [household.safe.keys._keyring.key_id]
        assert await household.read(person) == "first"

    async def test_one_a_restored_backup_brings_into_use_again_waits_anew(
        self, household: Household, keys_owner: AsyncEngine, ring_file: Path
    ) -> None:
        person, first = await household.add(), LocalKeyRing(ring_file).key_id
        (before,) = [row for row in await key_rows(keys_owner) if row.subject_id == person.subject]
        await household.turn_root()
        await as_if_days_ago(keys_owner, 40)
        async with keys_owner.begin() as connection:
            await connection.execute(
                text("UPDATE subject_keys SET wrapped = :wrapped, root_key = :first WHERE subject_id = :id"),
                {"wrapped": before.wrapped, "first": first, "id": person.subject},
            )
        async with household.rotating() as rotation:
            assert (await rotation.turn_root(quiet)).begun_earlier
            with pytest.raises(RotationRefused, match="backups"):
                await rotation.retire_root(first)
        assert first in ring_files.read(ring_file).keys
        assert await household.read(person) == "first"

    async def test_one_interrupted_goes_on_with_the_same_key(
        self, household: Household, keys_owner: AsyncEngine, ring_file: Path
    ) -> None:
        people = [await household.add() for _ in range(3)]

        def interrupt(done: int, total: int) -> None:
            if done == 2:
                raise InterruptedError

        async with household.rotating() as rotation:
            with pytest.raises(InterruptedError):
                await rotation.turn_root(interrupt)
            assert len({row.root_key for row in await key_rows(keys_owner)}) == 2
            assert [await household.read(one) for one in people] == ["first"] * 3
            turn = await rotation.turn_root(quiet)
        assert turn.begun_earlier
        assert turn.key_id == list(ring_files.read(ring_file).keys)[1]
        assert {row.root_key for row in await key_rows(keys_owner)} == {turn.key_id}
        assert turn.key_id != await household.turn_root()

    async def test_a_key_destroyed_between_reading_and_writing_stays_destroyed(
        self, household: Household, keys_owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        doomed, living = [await household.add() for _ in range(2)]
        async with household.rotating() as rotation:
            rewrap = rotation._rewrap

            async def rewrap_late(row: Any) -> int:
                if row.subject_id == doomed.subject:
                    await household.safe.keys.destroy(doomed.subject)
                return await rewrap(row)

            monkeypatch.setattr(rotation, "_rewrap", rewrap_late)
            turn = await rotation.turn_root(quiet)
        (row,) = [row for row in await key_rows(keys_owner) if row.subject_id == doomed.subject]
        assert row.wrapped is None
        assert turn.unopened == 0
        assert await household.read(living) == "first"

    async def test_a_row_no_key_opens_stays_as_it_is_and_is_counted(
        self, household: Household, keys_owner: AsyncEngine
    ) -> None:
        one, other = [await household.add() for _ in range(2)]
        spoil = "UPDATE subject_keys SET wrapped = set_byte(wrapped, 60, get_byte(wrapped, 60) # 1)"
        async with keys_owner.begin() as connection:
            await connection.execute(text(f"{spoil} WHERE subject_id = :id"), {"id": one.subject})
        before = [row for row in await key_rows(keys_owner) if row.subject_id == one.subject]
        async with household.rotating() as rotation:
            assert (await rotation.turn_root(quiet)).unopened == 1
        assert [row for row in await key_rows(keys_owner) if row.subject_id == one.subject] == before
        assert await household.read(other) == "first"

    async def test_a_row_no_key_opens_keeps_no_key_in_its_place(
        self, household: Household, keys_owner: AsyncEngine, ring_file: Path
    ) -> None:
        (first,) = ring_files.read(ring_file).keys
        one, other = [await household.add() for _ in range(2)]
        spoil = "UPDATE subject_keys SET wrapped = set_byte(wrapped, 60, get_byte(wrapped, 60) # 1)"
        async with keys_owner.begin() as connection:
            await connection.execute(text(f"{spoil} WHERE subject_id = :id"), {"id": one.subject})
        async with household.rotating() as rotation:
            sound = len(await key_rows(keys_owner)) - 1
            turns = [await rotation.turn_root(quiet) for _ in range(3)]
            came_to = [(turn.begun_earlier, turn.moved, turn.unopened) for turn in turns]
            assert came_to == [(False, sound, 1)] * 3
            assert [first, *(turn.key_id for turn in turns)] == list(ring_files.read(ring_file).keys)
            wraps = {row.subject_id: row.root_key for row in await key_rows(keys_owner)}
            assert wraps.pop(one.subject) == first
            assert set(wraps.values()) == {turns[-1].key_id}
            # Those nothing refers to may go; the one it needs stays until the person's key is mended or destroyed.
            await rotation.retire_root(turns[0].key_id, backups_gone=True)
            with pytest.raises(RotationRefused, match="referenced"):
                await rotation.retire_root(first, backups_gone=True)
            await household.safe.keys.destroy(one.subject)
            await rotation.retire_root(first, backups_gone=True)
        assert await household.read(other) == "first"

    async def test_two_rotations_never_run_at_once(self, household: Household, ring_file: Path) -> None:
        before = ring_files.read(ring_file)
        async with household.rotating():
            with pytest.raises(RotationRefused, match="busy"):
                await household.turn_root()
        assert ring_files.read(ring_file) == before
        await household.turn_root()


class TestSubjectKeys:
    async def test_everybody_gets_a_new_one_and_everything_of_theirs_moves_to_it(
        self, household: Household, keys_owner: AsyncEngine
    ) -> None:
        people = [await household.add() for _ in range(3)]
        content = pdf(pages=4)
        waiting = await household.world.upload(people[0].caller, content, people[0].subject)
        blobs = household.blobs()
        told = len(await household.world.rows("changes"))
        renewed = await household.renew()
        # A profile, a note, a paper's version and its claimed upload each; the upload that waits; the world's two.
        assert renewed == Renewed(subjects=5, rows=13, unopened=0)
        assert household.blobs() == blobs
        assert len(await household.world.rows("changes")) == told
        for table in ("document_versions", "uploads"):
            assert {row["key_generation"] for row in await household.world.rows(table)} == {2}
        assert {row["sealed"][:4] for row in await household.world.rows("sealed_notes")} == {b"\0\0\0\2"}
        newest = [row for row in await key_rows(keys_owner) if row.generation == 2]
        assert len(newest) == 5
        assert all(row.settled_at for row in newest)
        assert [await household.read(one) for one in people] == ["first"] * 3
        claimed = Deposit(people[0].subject, LAND, Origin.SELF, PARCEL, waiting)
        held = await household.world.deposit(people[0].caller, claimed)
        household.papers[people[0].subject] = held.document, content
        assert await household.read(people[0]) == "first"

    async def test_an_earlier_one_opens_nothing_of_what_was_moved(self, household: Household) -> None:
        person = await household.add()
        async with household.safe.keys.opened(person.subject) as key:
            earlier = dict(key._generations)
        await household.renew()
        async with household.safe.keys.opened(person.subject) as key:
            key._generations.clear()
            key._generations.update(earlier)
            (version,) = await household.world.rows("document_versions")
            (note,) = await household.world.rows("sealed_notes")
            (profile,) = [
                row for row in await household.world.rows("subjects") if row["id"] == person.subject
            ]
            with pytest.raises(TamperedContent):
                key.unwrap(version["wrapped_key"], version["document_id"], version["id"], version["number"])
            with pytest.raises(TamperedContent):
                key.open(note["sealed"], "note:form", note["owner_ref"], note["id"])
            with pytest.raises(TamperedContent):
                key.open(profile["profile"], "profile")

    async def test_earlier_ones_go_when_no_backup_can_need_them(
        self, household: Household, keys_owner: AsyncEngine
    ) -> None:
        person = await household.add()
        await household.renew()
        before = await key_rows(keys_owner)
        assert await household.retire_generations() == 0
        assert await key_rows(keys_owner) == before
        await as_if_days_ago(keys_owner, 1)
        assert await household.retire_generations(timedelta(days=35)) == 0
        assert await household.retire_generations() == 3
        assert {row.generation: row.wrapped is None for row in await key_rows(keys_owner)} == {
            1: True,
            2: False,
        }
        assert await household.read(person) == "first"
        await household.safe.keys.create(person.subject)
        await household.renew()
        assert await household.read(person) == "first"

    async def test_rows_of_an_older_backup_keep_theirs_until_the_next_round(
        self, household: Household, keys_owner: AsyncEngine
    ) -> None:
        person, other = [await household.add() for _ in range(2)]
        (old,) = [
            row for row in await household.world.rows("sealed_notes") if row["subject_id"] == person.subject
        ]
        await household.renew()
        await household.world.run(
            "UPDATE sealed_notes SET sealed = :sealed WHERE id = :id", sealed=old["sealed"], id=old["id"]
        )
        await as_if_days_ago(keys_owner, 40)
        with pytest.raises(RotationRefused) as refused:
            await household.retire_generations()
        assert (refused.value.reason, refused.value.references) == ("referenced", 1)
        kept = {row.subject_id for row in await key_rows(keys_owner) if row.generation == 1 and row.wrapped}
        assert kept == {person.subject}
        assert await household.read(person) == "first"
        await household.renew()
        await as_if_days_ago(keys_owner, 40)
        await household.retire_generations()
        assert [await household.read(one) for one in (person, other)] == ["first"] * 2

    async def test_who_is_shredded_during_a_round_stays_so(
        self, household: Household, keys_owner: AsyncEngine
    ) -> None:
        people = [await household.add() for _ in range(sized(4, 12))]
        drawn = random.Random(number := seed())
        doomed = drawn.sample(people, len(people) // 2)

        async def shred() -> None:
            for one in doomed:
                await asyncio.sleep(drawn.random() / 50)
                await household.safe.keys.destroy(one.subject)

        await asyncio.gather(household.renew(), shred())
        print(f"seed {number}, {len(doomed)} destroyed during a round")
        for one in doomed:
            with pytest.raises(SubjectShredded):
                await household.read(one)
        for one in people:
            if one not in doomed:
                assert await household.read(one) == "first"
        await household.renew()
        assert not [row for row in await key_rows(keys_owner) if row.wrapped and row.subject_id in doomed]

    async def test_a_paper_that_does_not_open_keeps_its_earlier_key_and_is_counted(
        self, household: Household, keys_owner: AsyncEngine
    ) -> None:
        spoilt, whole = [await household.add() for _ in range(2)]
        await household.world.run(
            "UPDATE document_versions SET wrapped_key = set_byte(wrapped_key, 40, get_byte(wrapped_key, 40) # 1)"
            " WHERE subject_id = :subject",
            subject=spoilt.subject,
        )
        assert (await household.renew()).unopened == 1
        await as_if_days_ago(keys_owner, 40)
        await household.retire_generations()
        kept = {row.subject_id for row in await key_rows(keys_owner) if row.generation == 1 and row.wrapped}
        assert kept == {spoilt.subject}
        assert await household.read(whole) == "first"

    async def test_a_number_given_during_a_round_is_kept(self, household: Household) -> None:
        parent, now = await household.add(), household.world.now
        async with household.world.database.writing(parent.actor) as tx:
            child = await register_newborn(tx, parent.caller, "Bé", household.safe, now)
        await household.renew()
        both = replace(parent.actor, subjects=(parent.subject, child))
        registered = Profile(PERSON, "Trần Bé", "001226000001", now.date())
        async with household.world.database.writing(both) as tx:
            assert await give_number(tx, child, registered, household.safe)
        await household.renew()
        async with household.world.database.reading(both) as tx:
            assert await profile_of(tx, child, household.safe) == registered


async def test_rotations_killed_again_and_again_fail_no_reading_and_lose_nothing(
    household: Household, keys_owner: AsyncEngine, ring_file: Path, tmp_path: Path
) -> None:
    drawn, kills = random.Random(number := seed()), sized(3, 12)
    for _ in range(6):
        await household.add()
    (tmp_path / "servers.json").write_text(json.dumps(asdict(household.servers)))
    kept = tmp_path / "kept.json"
    shutil.copy(ring_file, kept)
    life = Life(household, drawn)
    living = [
        asyncio.create_task(life.read()),
        asyncio.create_task(life.read()),
        asyncio.create_task(life.write()),
    ]
    killed = 0
    while killed < kills:
        killed += not await run_rotation(household.folder, drawn.randint(1, 10), drawn.random() / 100)
    while not await run_rotation(household.folder):
        pass
    life.over = True
    await asyncio.gather(*living)
    print(
        f"seed {number}: {killed} kills, {life.readings} readings and {life.writings} writings meanwhile,"
        f" {len(life.failures)} failed"
    )
    assert life.failures == []
    assert life.readings > 10 * (life.writings > 0) > 0
    # Everybody is on the newest of everything, and nothing else is needed.
    async with household.rotating() as rotation:
        *earlier, current = [one.key_id for one in await rotation.roots()]
        for one in earlier:
            await rotation.retire_root(one, backups_gone=True)
    assert {row.root_key for row in await key_rows(keys_owner) if row.wrapped} == {current}
    for person in household.people:
        assert await household.read(person) == life.notes.get(person.subject, "first")
    await household.renew()
    await as_if_days_ago(keys_owner, 40)
    await household.retire_generations()
    stolen = Keys(household.servers.keys_url, LocalKeyRing(kept))
    for person in household.people:
        assert await household.read(person) == life.notes.get(person.subject, "first")
        with pytest.raises(KeyMissing):
            await household.read(person, replace(household.safe, keys=stolen))
    await stolen.close()


async def run_rotation(folder: Path, lines: int | None = None, longer: float = 0) -> bool:
    """Rotate in a process of its own, killed a moment after it has said so many lines; whether it got to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.rooms.rotating", str(folder), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    said, count = "", 0
    while line := (await process.stdout.readline()).decode().strip():
        said, count = line, count + 1
        if count == lines:
            await asyncio.sleep(longer)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    fault = (await process.stderr.read()).decode()
    await process.wait()
    # One killed a moment ago may hold the lock until the server has noticed.
    assert not fault or "busy" in fault, fault
    return said == DONE
