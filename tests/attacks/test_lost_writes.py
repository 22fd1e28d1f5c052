"""A power cut: our calls about papers and keys, replayed on a disk that forgets whatever was not synced.

At each acknowledgement every paper the database names must be on that disk, byte for byte, in each of the states a
crash could leave; and after each single call the key files are the former ones or the next, whole. The controls take
a sync away and must be found out.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from api.app import create_keys
from api.settings import Settings
from tests.attacks.failing.calls import Call, watched
from tests.attacks.failing.disk import Disk, Survivors
from tests.attacks.failing.errands import Errands
from tests.flows.conftest import House
from tests.flows.stage import ORIGIN, Stage
from tests.size import seed, sized
from vault.sealing import ring_files
from vault.sealing.blobs import LocalBlobs

NAMED: Final = """SELECT blob FROM uploads WHERE blob IS NOT NULL
    UNION SELECT blob FROM document_versions WHERE blob IS NOT NULL
    UNION SELECT blob FROM upload_legs WHERE size_bytes IS NOT NULL"""


@dataclass
class Forgetful:
    """Hands calls to the disk, but for syncs of what `spared` names: those are neither made nor noted."""

    disk: Disk
    spared: Callable[[Path], bool]

    def __call__(self, call: Call, do: Callable[[], Any]) -> Any:
        if call.act == "fsync" and self.spared(call.path):
            return None
        return self.disk(call, do)


@dataclass
class Looking:
    """Looks at what a crash could leave after each single call."""

    disk: Disk
    look: Callable[[Survivors], None]
    looks: int = 0

    def __call__(self, call: Call, do: Callable[[], Any]) -> Any:
        done = self.disk(call, do)
        for _, survivors in self.disk.states():
            self.look(survivors)
            self.looks += 1
        return done


@dataclass
class Losses:
    """What acknowledged papers lack, looked for at each acknowledgement."""

    house: House
    disk: Disk
    found: list[str] = field(default_factory=list)
    looks: int = 0

    async def look(self) -> None:
        async with self.house.owner.connect() as connection:
            named = list(await connection.scalars(text(NAMED)))
        blobs = self.house.settings.data / "blobs"
        for state, survivors in self.disk.states():
            for name in named:
                path = blobs / name[:2] / name[2:4] / name
                self.looks += 1
                if survivors.get(path) != path.read_bytes():
                    self.found.append(f"{state}: {'cut' if path in survivors else 'gone'}")


async def _errands(stage: Stage, house: House) -> tuple[Errands, Losses]:
    lot = random.Random(drawn := seed())
    print(f"seed {drawn}")
    person, blobs = await stage.citizen("minh-chau"), house.settings.data / "blobs"
    losses = Losses(house, Disk(house.settings.data))
    return Errands(stage, person, LocalBlobs(blobs), lot, on_answer=losses.look), losses


async def test_no_acknowledged_paper_is_lost_in_a_power_cut(stage: Stage, furnished: House) -> None:
    errands, losses = await _errands(stage, furnished)
    with watched(losses.disk):
        for _ in range(sized(1, 20)):
            await errands.run()
    assert losses.found == []
    assert losses.looks > 0
    print(f"{losses.looks} files looked for, {len(errands.papers)} papers")


@pytest.mark.parametrize("spared", [Path.is_dir, Path.is_file], ids=["folders", "files"])
async def test_a_sync_left_out_is_found(
    stage: Stage, furnished: House, spared: Callable[[Path], bool]
) -> None:
    """The control."""
    errands, losses = await _errands(stage, furnished)
    with watched(Forgetful(losses.disk, spared)):
        await errands.send_whole()
    assert losses.found


def test_key_files_are_the_former_or_the_next_at_any_moment(tmp_path: Path) -> None:
    """Made: nothing or whole, and there once that is said. Changed: never without a ring that opens what the former
    opened or what the next wraps."""
    settings = Settings(data=tmp_path / "made" / "data", public_url=ORIGIN)
    ring, disk = settings.keys / "root.json", Disk(tmp_path)
    whole: set[bytes] = set()

    def never_half(survivors: Survivors) -> None:
        for path, content in survivors.items():
            if not path.name.startswith("."):
                assert content == path.read_bytes() or (path == ring and content in whole), path.name

    looking = Looking(disk, never_half)
    with watched(looking):
        create_keys(settings)
        assert_kept(disk, settings)
        for change in (_add, _add, _drop_first):
            whole.add(ring.read_bytes())
            change(ring)
            assert_kept(disk, settings)
    print(f"{looking.looks} states")


def test_a_key_folder_left_unsynced_is_found(tmp_path: Path) -> None:
    """The control: each key whole, and its name, or its folder's, lost."""
    for spared in (lambda path: path.name == "keys", lambda path: path.name == "made"):
        folder = tmp_path / str(spared)[-16:-1]
        folder.mkdir()
        settings, disk = Settings(data=folder / "made" / "data", public_url=ORIGIN), Disk(folder)
        with watched(Forgetful(disk, spared)):
            create_keys(settings)
        with pytest.raises(AssertionError):
            assert_kept(disk, settings)


def assert_kept(disk: Disk, settings: Settings) -> None:
    """Whatever a crash leaves now, all key files are among it as they are."""
    for state, survivors in disk.states():
        for path in settings.keys.iterdir():
            assert survivors.get(path) == path.read_bytes(), (state, path.name)


def _add(ring: Path) -> None:
    ring_files.add_key(ring)


def _drop_first(ring: Path) -> None:
    ring_files.drop_key(ring, next(iter(ring_files.read(ring).keys)))
