"""A disk that fails at any of our calls: the request is refused in its own words, what was there is read on, and once
the disk is well the same request succeeds.

The calls are recorded first, so every one of them is met: all at full size, else some of each place and fault, by the
printed seed.
"""

import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from api.app import create_keys
from api.settings import Settings
from auth.signing import KeyRefused, SigningKey
from store.checkpoints import LogSigner
from store.errors import CheckpointRefused
from tests.attacks.failing.calls import watched
from tests.attacks.failing.errands import Errands
from tests.attacks.failing.faults import Failing, Fault, Recording, failures
from tests.attacks.wholeness import look_below
from tests.flows.conftest import House
from tests.flows.stage import ORIGIN, Stage
from tests.size import FULL, seed, sized
from vault.errors import KeyRingRefused
from vault.sealing import ring_files
from vault.sealing.blobs import LocalBlobs

T = TypeVar("T")


@pytest.fixture
async def errands(stage: Stage, furnished: House) -> Errands:
    lot = random.Random(drawn := seed())
    print(f"seed {drawn}")
    person = await stage.citizen("minh-chau")
    return Errands(stage, person, LocalBlobs(furnished.settings.data / "blobs"), lot)


async def test_whatever_call_fails_the_refusal_is_clean_and_a_retry_succeeds(
    errands: Errands, furnished: House
) -> None:
    await errands.run()
    recording = Recording()
    with watched(recording):
        await errands.run()
    chosen = _some(failures(recording.calls), errands.lot, sized(14, 10_000))
    places, seen, refusals = set[str](), set[str](), 0
    for fault, number in chosen:
        failing = await _meet(errands, fault, number)
        assert failing.happened is not None, (fault, number)
        assert failing.retried == [], failing.happened
        places.add(failing.happened)
        refusals += errands.refusals
        seen |= await assert_whole(errands, furnished, seen)
    print(
        f"{len(recording.calls)} calls, {len(chosen)} failures, {refusals} refusals, {len(places)} places,"
        f" {len(errands.papers)} papers"
    )
    assert refusals > 0
    for document in errands.papers:
        await errands.read(document)
    if FULL:
        assert places == {call.place for call in recording.calls}


def test_a_sync_tried_again_on_the_same_file_is_found() -> None:
    """The control: as if the writer had not learned from PostgreSQL's lesson of 2018."""
    failing = Failing(Fault.BROKEN, number=0)
    descriptor = os.open(Path(__file__), os.O_RDONLY)
    with watched(failing):
        _sync_twice(descriptor)
    os.close(descriptor)
    assert failing.retried == ["vault/sealing/planted.py sync: fsync"]


def test_whatever_call_fails_keys_are_the_former_or_the_next(tmp_path: Path) -> None:
    """Made, added to, taken from: whole files, and the same command again finishes what one that failed began."""
    lot = random.Random(drawn := seed())
    recording = Recording()
    with watched(recording):
        _change_keys(tmp_path / "recorded", lambda: None)
    chosen = _some(failures(recording.calls), lot, sized(60, 10_000))
    for place, (fault, number) in enumerate(chosen):
        failing = Failing(fault, number)
        with watched(failing):
            _change_keys(tmp_path / str(place), failing.lift)
        assert failing.happened is not None, (fault, number)
        assert failing.retried == []
    print(f"seed {drawn}: {len(recording.calls)} calls, {len(chosen)} failures")


async def assert_whole(errands: Errands, house: House, seen: set[str]) -> set[str]:
    """Nothing dangles, everything named and not seen before opens, and two sweeps leave nothing else. Returns what
    was opened."""
    async with look_below(house.servers, house.settings.data) as below:
        assert await below.dangling() == []
        opened = await below.authenticate(seen)
        await errands.sweep()
        found = (house.settings.data / "blobs").glob("??/??/*")
        assert {path.name for path in found} == await below.named_blobs()
        return opened


async def _meet(errands: Errands, fault: Fault, number: int) -> Failing:
    """All errands with one failure in them, during which what was kept before is read."""
    failing, before = Failing(fault, number), next(iter(errands.papers))
    errands.refusals = 0

    async def read_on() -> None:
        assert errands.refusals == 1
        held, errands.on_refusal = errands.on_refusal, _fail_test
        await errands.read(before)
        errands.on_refusal = held
        failing.lift()

    errands.on_refusal = read_on
    with watched(failing):
        await errands.run()
    return failing


async def _fail_test() -> None:
    raise AssertionError("what was kept before could not be read")


def _change_keys(folder: Path, mend: Callable[[], None]) -> None:
    """Every change of every key file, each made again when it failed."""
    settings, ring = Settings(data=folder, public_url=ORIGIN), folder / "keys" / "root.json"
    _again(lambda: create_keys(settings), mend)
    made = _again(lambda: ring_files.read(ring), mend)
    SigningKey.load(settings.keys / "tokens.pem")
    LogSigner.from_file(settings.keys / "log.key", settings.log_origin)
    _again(lambda: ring_files.add_key(ring), mend, lambda: ring_files.read(ring))
    for former in made.keys:
        _again(partial(ring_files.drop_key, ring, former), mend, lambda: ring_files.read(ring))
    left = _again(lambda: ring_files.read(ring), mend)
    assert (left.instance, left.index) == (made.instance, made.index)
    assert left.keys
    assert not left.keys.keys() & made.keys.keys()
    names = {path.name for path in settings.keys.iterdir()}
    assert names == {"root.json", "tokens.pem", "push.pem", "attest.pem", "anchor.pem", "log.key"}


def _again(change: Callable[[], T], mend: Callable[[], None], look: Callable[[], object] = dict) -> T:
    """Made again once it failed; in between what was there can be read."""
    try:
        return change()
    except (OSError, KeyRingRefused, KeyRefused, CheckpointRefused):
        look()
        mend()
        return change()


def _sync_twice(descriptor: int) -> None:
    """An fsync that counts as one of ours, tried once more when it failed."""
    planted = compile(
        "def sync(descriptor):\n    import os\n    try:\n        os.fsync(descriptor)\n"
        "    except OSError:\n        os.fsync(descriptor)\n",
        str(Path(ring_files.__file__).with_name("planted.py")),
        "exec",
    )
    spoken: dict[str, Callable[[int], None]] = {}
    exec(planted, spoken)
    spoken["sync"](descriptor)


def _some(all_: list[tuple[Fault, int]], lot: random.Random, most: int) -> list[tuple[Fault, int]]:
    """So many of them, of every fault about equally many, in order."""
    if len(all_) <= most:
        return all_
    chosen = set[tuple[Fault, int]]()
    by_fault = [[one for one in all_ if one[0] is fault] for fault in Fault]
    while len(chosen) < most:
        for some in by_fault:
            chosen.add(lot.choice(some))
    return sorted(chosen, key=all_.index)[:most]
