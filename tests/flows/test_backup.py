"""Backups taken while people live, restored elsewhere: whole, or refused by name with nothing left behind."""

import itertools
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_keys
from api.process.destruction import shred_person
from api.settings import Settings
from store.backup.folder import Draft
from store.database import Database
from store.embedded import Embedded, Servers
from store.errors import BackupRefused, RestoreUnfinished
from store.log_sources import open_database
from store.migrate import refuse_unfinished
from store.verification import verify
from tests.attacks.wholeness import look_below
from tests.conftest import NOW, superuser
from tests.flows.restored import Backup, Elsewhere, Platform, Typing, take, tokens_of
from tests.rooms.households import Household
from tests.size import seed, sized
from tests.vaults import make_world
from vault.errors import SubjectShredded
from vault.keycare.shredding import Order
from vault.proofs.notary import load_notary
from vault.safe import Safe
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keyrings import LocalKeyRing
from vault.sealing.keys import Keys

MADE = itertools.count()


@pytest.fixture
async def platform(
    database: Database, work: Database, owner: AsyncEngine, servers: Servers, tmp_path: Path
) -> AsyncIterator[Platform]:
    """People with papers, on the shared databases, with a folder of their own."""
    offset = NOW - datetime.now(UTC)
    settings = Settings(tmp_path / "data", "http://127.0.0.1:8000", servers=servers, clock_offset=offset)
    create_keys(settings)
    keys = Keys(servers.keys_url, LocalKeyRing(settings.keys / "root.json"))
    blobs, notary = LocalBlobs(settings.data / "blobs"), load_notary(settings.keys, settings.public_url)
    safe = Safe(keys, blobs, tokens_of(settings), settings.public_url, notary)
    household = Household(await make_world(database, owner, safe, NOW), servers, settings.data)
    for _ in range(4):
        await household.add()
    yield Platform(settings, household, work)
    await keys.close()


@pytest.fixture
async def elsewhere(platform: Platform, embedded: Embedded, servers: Servers, tmp_path: Path) -> Elsewhere:
    return Elsewhere.beside(platform, await empty_servers(embedded, servers), tmp_path)


async def empty_servers(embedded: Embedded, like: Servers) -> Servers:
    """Two databases in which nobody has migrated anything."""
    number = next(MADE)
    names = {"main": f"restored_{number}", "keys": f"restored_keys_{number}"}
    root = await superuser(embedded, like)
    for name, of, users in (
        (names["main"], "motlan_owner", "motlan_app, motlan_work"),
        (names["keys"], "motlan_keys_owner", "motlan_keys"),
    ):
        await root.execute(f"CREATE DATABASE {name} TEMPLATE template0 OWNER {of} STRATEGY file_copy")
        await root.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        await root.execute(f"GRANT CONNECT ON DATABASE {name} TO {users}")
    await root.close()
    main = {one: _renamed(getattr(like, one), names["main"]) for one in ("url", "owner_url", "work_url")}
    keys = {one: _renamed(getattr(like, one), names["keys"]) for one in ("keys_url", "keys_owner_url")}
    return replace(like, **main, **keys)


async def test_a_backup_taken_while_people_write_opens_elsewhere(
    platform: Platform, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    drawn = random.Random(number := seed())
    household = platform.household
    before = list(household.people)
    async with platform.living(drawn) as life:
        while life.writings < 3:
            await household.read(before[0])
        began = ended = 0
        # Until somebody wrote while it was taken.
        for folder in (tmp_path / str(one) for one in itertools.count()):
            folder.mkdir()
            began = life.writings
            backup = await take(platform, folder)
            ended = life.writings
            if ended > began:
                break
    assert life.failures == []
    assert {one.stat().st_mode & 0o077 for one in (backup.main, *backup.main.rglob("*"))} == {0}
    assert await elsewhere.restore(backup) == 0
    subjects = await elsewhere.subjects()
    async with elsewhere.inhabited(platform) as there:
        for person in before:
            await there.read(person)
    async with look_below(elsewhere.servers, elsewhere.settings.data) as below:
        assert await below.dangling() == []
        assert await below.keyless() == []
    head = json.loads((backup.main / "manifest.json").read_text("utf-8"))["checkpoint"]
    async with open_database(elsewhere.servers.owner_url) as source:
        report = await verify(source, platform.signer.key, [head])
    assert report.sound
    assert report.leaves > 0
    print(
        f"seed {number}: {ended - began} writings and {life.readings} readings around a backup of"
        f" {len(subjects)} people, {report.leaves} leaves"
    )


async def test_the_restored_platform_goes_on(
    platform: Platform, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """Numbers of the log go on behind those there were, it stays sound, and the next backup comes like the last."""
    await platform.seal()
    last = max(one["id"] for one in await platform.household.world.rows("ledger"))
    assert await elsewhere.restore(await take(platform, tmp_path)) == 0
    async with elsewhere.inhabited(platform) as there:
        await there.read(there.people[0])
        await there.add()
        await there.read(there.people[-1])
        (tmp_path / "again").mkdir()
        work = Database(elsewhere.servers.work_url, pool_size=1)
        again = Platform(elsewhere.settings, there, work)
        await again.seal()
        assert max(one["id"] for one in await there.world.rows("ledger")) > last
        async with open_database(elsewhere.servers.owner_url) as source:
            assert (await verify(source, platform.signer.key, [])).sound
        await take(again, tmp_path / "again")
        await work.close()


async def test_who_was_shredded_since_the_backup_stays_unreadable_and_others_are_fine(
    platform: Platform, elsewhere: Elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    household = platform.household
    doomed, *others = household.people
    await household.read(doomed)
    backup = await take(platform, tmp_path)
    assert await shred_person(platform.settings, Order(doomed.subject, "Điều 14"), sure=True) == 0
    with pytest.raises(SubjectShredded):
        await household.read(doomed)
    backup.shredded.write_text(f"{doomed.subject} Điều 14\n", "utf-8")
    assert await elsewhere.restore(backup) == 0
    assert "4 papers open" not in (said := capsys.readouterr().out)
    assert f"{len(others)} papers open, 1 have no key" in said
    async with elsewhere.inhabited(platform) as there:
        with pytest.raises(SubjectShredded):
            await there.read(doomed)
        for person in others:
            assert await there.read(person) == "first"


async def test_without_the_list_the_shredded_would_be_back(
    platform: Platform, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """The control of the test before: it is the list that keeps them gone."""
    doomed = platform.household.people[0]
    backup = await take(platform, tmp_path)
    assert await shred_person(platform.settings, Order(doomed.subject, "Điều 14"), sure=True) == 0
    await elsewhere.restore(backup)
    async with elsewhere.inhabited(platform) as there:
        assert await there.read(doomed) == "first"


def _spoil(path: str) -> Callable[[Backup, Elsewhere], None]:
    def spoil(backup: Backup, elsewhere: Elsewhere) -> None:
        file = next(iter(sorted(backup.main.glob(path))))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)

    return spoil


def _lose(path: str) -> Callable[[Backup, Elsewhere], None]:
    return lambda backup, elsewhere: next(iter(sorted(backup.main.glob(path)))).unlink()


def _plant(backup: Backup, elsewhere: Elsewhere) -> None:
    (backup.main / "blobs" / "more").write_bytes(b"")


def _rewrite(backup: Backup, elsewhere: Elsewhere) -> None:
    """Content and sum together, by somebody without the log's key."""
    _spoil("database/subjects.copy")(backup, elsewhere)
    manifest = backup.main / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"missing": 0', '"missing": 1'), "utf-8")


def _swap(backup: Backup, elsewhere: Elsewhere) -> None:
    shutil.rmtree(backup.main)
    shutil.copytree(backup.keys, backup.main)


def _forget_keys(backup: Backup, elsewhere: Elsewhere) -> None:
    shutil.rmtree(backup.keys)


def _change_log_key(backup: Backup, elsewhere: Elsewhere) -> None:
    (elsewhere.settings.keys / "log.key").write_bytes(bytes(32))


def _lose_log_key(backup: Backup, elsewhere: Elsewhere) -> None:
    (elsewhere.settings.keys / "log.key").unlink()


def _other_ring(backup: Backup, elsewhere: Elsewhere) -> None:
    _change_ring(elsewhere, instance="0" * 32)


def _other_root(backup: Backup, elsewhere: Elsewhere) -> None:
    ring = json.loads((elsewhere.settings.keys / "root.json").read_text("utf-8"))
    _change_ring(elsewhere, keys=[{**ring["keys"][0], "id": "root-0123456789abcdef"}])


def _other_secret(backup: Backup, elsewhere: Elsewhere) -> None:
    """The right name, another key."""
    ring = json.loads((elsewhere.settings.keys / "root.json").read_text("utf-8"))
    _change_ring(elsewhere, keys=[{**ring["keys"][0], "key": ring["index"]}])


def _change_ring(elsewhere: Elsewhere, **changed: Any) -> None:
    file = elsewhere.settings.keys / "root.json"
    ring = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(ring | changed), "utf-8")


def _lose_list(backup: Backup, elsewhere: Elsewhere) -> None:
    backup.shredded = backup.shredded.with_name("nowhere")


REFUSALS: dict[str, tuple[Callable[[Backup, Elsewhere], None], str]] = {
    "a damaged table": (_spoil("database/subjects.copy"), "altered"),
    "a damaged file": (_spoil("blobs/*/*/*"), "altered"),
    "damaged sums": (_spoil("SHA256SUMS"), "altered"),
    "a missing table": (_lose("database/ledger.copy"), "missing"),
    "a missing file": (_lose("blobs/*/*/*"), "missing"),
    "no manifest": (_lose("manifest.json"), "absent"),
    "a file too many": (_plant, "extra"),
    "a manifest rewritten": (_rewrite, "signature"),
    "keys for the database": (_swap, "kind"),
    "no keys": (_forget_keys, "absent"),
    "another log key": (_change_log_key, "signature"),
    "no log key": (_lose_log_key, "keys"),
    "another instance": (_other_ring, "instance"),
    "a root key that is not there": (_other_root, "keys"),
    "a root key that is another": (_other_secret, "unopened"),
    "no list": (_lose_list, "absent"),
}


async def test_what_is_not_as_it_was_is_refused_by_its_reason_and_leaves_nothing(
    platform: Platform, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    whole = await take(platform, tmp_path)
    keys = elsewhere.settings.keys
    shutil.copytree(keys, tmp_path / "keys")
    for what, (spoil, reason) in REFUSALS.items():
        spoilt = whole.copied(tmp_path)
        spoil(spoilt, elsewhere)
        with pytest.raises(BackupRefused) as refused:
            await elsewhere.restore(spoilt)
        assert refused.value.reason == reason, what
        assert await elsewhere.is_empty(), what
        for gone in (spoilt.main, spoilt.keys, keys):
            shutil.rmtree(gone, ignore_errors=True)
        shutil.copytree(tmp_path / "keys", keys)
    # A command killed after it gave the folder its name had finished, but for its note.
    (whole.main / ".unfinished").touch(0o600)
    assert await elsewhere.restore(whole) == 0
    with pytest.raises(BackupRefused) as refused:
        await elsewhere.restore(whole)
    assert refused.value.reason == "occupied"
    async with elsewhere.inhabited(platform) as there:
        for person in there.people:
            assert await there.read(person) == "first"


async def test_a_backup_never_takes_a_name_that_is_taken(platform: Platform, tmp_path: Path) -> None:
    await take(platform, tmp_path)
    before = _tree(tmp_path)
    with pytest.raises(BackupRefused) as refused:
        await take(platform, tmp_path)
    assert refused.value.reason == "exists"
    assert _tree(tmp_path) == before


async def test_a_backup_killed_anywhere_is_taken_by_typing_it_again(
    platform: Platform, elsewhere: Elsewhere, programs: Path, tmp_path: Path
) -> None:
    drawn, kills = random.Random(number := seed()), sized(3, 25)
    typing = Typing(programs, platform.settings)
    made = Backup(tmp_path / "backup", tmp_path / "backup-keys", tmp_path / "shredded.txt")
    made.shredded.write_text("", "utf-8")
    words = ("backup", str(made.main), "--keys", str(made.keys))
    killed = 0
    while killed < kills:
        killed += await typing.run(*words, lines=drawn.randint(1, 8)) is None
        # Nearly at its end it may have come to it before the kill came.
        if made.main.exists():
            shutil.rmtree(made.main)
            shutil.rmtree(made.keys)
    assert await typing.run(*words) == 0
    print(f"seed {number}: {killed} kills of a backup")
    assert await elsewhere.restore(made) == 0
    assert not [one for one in _tree(tmp_path) if one.name.endswith(".new")]


async def test_a_backup_killed_between_its_two_names_takes_both_again(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys have their name, the rest has not; and another backup's keys under that name stay."""
    keep = Draft.keep

    def keep_keys(draft: Draft) -> None:
        if draft.target.name == "backup":
            raise KeyboardInterrupt
        keep(draft)

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "keep", keep_keys)
        patch.setattr(shutil, "rmtree", lambda *gone, **how: None)
        with pytest.raises(KeyboardInterrupt):
            await take(platform, tmp_path)
    assert (tmp_path / "backup-keys").exists()
    whole = await take(platform, tmp_path)
    shutil.rmtree(whole.main)
    before = _tree(tmp_path)
    with pytest.raises(BackupRefused, match="exists"):
        await take(platform, tmp_path)
    assert _tree(tmp_path) == before


async def test_a_restore_killed_anywhere_serves_nobody_until_it_is_typed_again(
    platform: Platform, elsewhere: Elsewhere, programs: Path, tmp_path: Path
) -> None:
    drawn, kills = random.Random(number := seed()), sized(3, 25)
    backup = await take(platform, tmp_path)
    typing = Typing(programs, elsewhere.settings)
    words = ("restore", str(backup.main), "--keys", str(backup.keys), "--shredded", str(backup.shredded))
    killed = refused = 0
    database = Database(elsewhere.servers.url, pool_size=1)
    while killed < kills:
        # The first two lines come of looking at the folders; afterwards it writes.
        assert await typing.run(*words, lines=drawn.randint(3, 45)) is None
        killed += 1
        with pytest.raises(RestoreUnfinished):
            await refuse_unfinished(database)
        refused += 1
    assert await typing.run(*words) == 0
    await refuse_unfinished(database)
    await database.close()
    print(f"seed {number}: {killed} kills of a restore, {refused} starts refused")
    async with elsewhere.inhabited(platform) as there:
        for person in there.people:
            assert await there.read(person) == "first"


def _tree(folder: Path) -> dict[Path, bytes | None]:
    """What lies below it, files with their bytes."""
    below = (one for one in folder.rglob("*") if "data" not in one.parts)
    return {one: one.read_bytes() if one.is_file() else None for one in sorted(below)}


def _renamed(url: str, name: str) -> str:
    front, _, query = url.partition("?")
    return f"{front.rpartition('/')[0]}/{name}?{query}"
