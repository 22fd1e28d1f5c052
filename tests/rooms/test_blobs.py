"""Sealed files: kept once acknowledged, gone when refused, never led astray, swept when nobody names them."""

import asyncio
import errno
import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vault.errors import BlobMissing, StorageFailed
from vault.sealing.blob_files import CHUNK_BYTES, SealedFile
from vault.sealing.blobs import LocalBlobs, new_name

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CONTENT = os.urandom(3 * CHUNK_BYTES + 17)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(folder: Path) -> LocalBlobs:
    return LocalBlobs(folder)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "orphans.json"]


async def put(blobs: LocalBlobs, content: bytes = CONTENT, name: str | None = None) -> str:
    name = new_name() if name is None else name
    async with blobs.writing(name) as sink:
        for start in range(0, len(content), 65_536):
            await sink.write(content[start : start + 65_536])
    return name


async def got(blobs: LocalBlobs, name: str) -> bytes:
    async with blobs.reading(name) as file:
        return b"".join([chunk async for chunk in file.chunks()])


async def test_what_was_written_is_read_again_as_often_as_asked(blobs: LocalBlobs) -> None:
    name = await put(blobs)
    async with blobs.reading(name) as file:
        for _ in range(2):
            assert b"".join([chunk async for chunk in file.chunks()]) == CONTENT
    assert await got(blobs, await put(blobs, b"")) == b""


async def test_files_are_private_spread_and_named_by_chance(blobs: LocalBlobs, folder: Path) -> None:
    name = await put(blobs)
    (path,) = files(folder)
    assert path.relative_to(folder) == Path(name[:2], name[2:4], name)
    for place in (path, *path.parents[: len(path.relative_to(folder).parents)]):
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0
    assert len({new_name() for _ in range(1_000)}) == 1_000


async def test_leaving_by_an_exception_leaves_nothing(blobs: LocalBlobs, folder: Path) -> None:
    async def write_and_fail() -> None:
        async with blobs.writing(new_name()) as sink:
            await sink.write(CONTENT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert files(folder) == []


async def test_a_cancelled_write_leaves_nothing(blobs: LocalBlobs, folder: Path) -> None:
    begun = asyncio.Event()

    async def write_for_ever() -> None:
        async with blobs.writing(new_name()) as sink:
            while True:
                await sink.write(CONTENT)
                begun.set()

    task = asyncio.create_task(write_for_ever())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(folder) == []


async def test_a_name_is_written_once(blobs: LocalBlobs, folder: Path) -> None:
    name = await put(blobs)
    with pytest.raises(StorageFailed):
        await put(blobs, b"other", name)
    assert await got(blobs, name) == CONTENT
    assert len(files(folder)) == 1


async def test_of_two_writers_of_one_name_the_second_is_refused(blobs: LocalBlobs) -> None:
    name = new_name()
    async with blobs.writing(name) as sink:
        await sink.write(CONTENT)
        with pytest.raises(StorageFailed):
            await put(blobs, b"other", name)
    assert await got(blobs, name) == CONTENT


@pytest.mark.parametrize(
    "name", ["", "x", "../../../../etc/passwd", "A" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n", "aa/" * 11]
)
async def test_a_name_that_is_none_of_ours_reaches_no_file(
    blobs: LocalBlobs, folder: Path, name: str
) -> None:
    attempts: tuple[Callable[[str], Awaitable[object]], ...] = (
        blobs.open,
        blobs.remove,
        lambda name: put(blobs, b"x", name),
    )
    for attempt in attempts:
        with pytest.raises(BlobMissing):
            await attempt(name)
    assert files(folder) == []


async def test_a_missing_blob_is_a_refusal(blobs: LocalBlobs) -> None:
    with pytest.raises(BlobMissing):
        await got(blobs, new_name())


async def test_links_are_not_followed(blobs: LocalBlobs, folder: Path, tmp_path: Path) -> None:
    secret, name, other = tmp_path / "secret", await put(blobs), await put(blobs)
    secret.write_bytes(b"elsewhere")
    path = folder / name[:2] / name[2:4] / name
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(StorageFailed):
        await got(blobs, name)
    level = folder / other[:2]
    level.rename(tmp_path / "moved")
    level.symlink_to(tmp_path / "moved")
    with pytest.raises(StorageFailed):
        await got(blobs, other)
    with pytest.raises(StorageFailed):
        await put(blobs, b"x", other[:2] + new_name()[2:])
    assert secret.read_bytes() == b"elsewhere"


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    for mode in (0o750, 0o705, 0o777):
        folder = tmp_path / f"open-{mode}"
        folder.mkdir()
        folder.chmod(mode)
        with pytest.raises(StorageFailed):
            LocalBlobs(folder)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(StorageFailed):
        LocalBlobs(tmp_path / "link")


CALLS = ("mkdir", "open", "write", "fsync", "rename", "stat")


class FailingDisk:
    """Fails the n-th of the calls that reach the disk, counted over all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int, code: int) -> None:
        self.made, self._nth, self._code = 0, nth, code
        for call in CALLS:
            monkeypatch.setattr(os, call, self._wrapped(getattr(os, call)))

    def _wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def attempt(*given: Any, **named: Any) -> Any:
            self.made += 1
            if self.made == self._nth:
                raise OSError(self._code, "disk")
            return call(*given, **named)

        return attempt


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
async def test_a_disk_failing_at_any_call_loses_nothing_acknowledged(folder: Path, code: int) -> None:
    blobs = LocalBlobs(folder)
    earlier = await put(blobs)
    refused, nth = 0, 0
    while True:
        nth += 1
        name = new_name()
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(patch, nth, code)
            try:
                await put(blobs, name=name)
            except StorageFailed:
                refused += 1
            if disk.made < nth:
                break
        assert [path.name for path in files(folder)] == [earlier], f"call {nth}"
        assert await got(blobs, earlier) == CONTENT
    assert await got(blobs, name) == CONTENT
    print(f"failing disk: {refused} calls failed one by one, errno {code}, each refused, nothing left behind")
    assert refused == nth - 1 > 10


async def test_a_short_write_is_continued(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:100_003]))
    assert await got(blobs, await put(blobs)) == CONTENT


async def test_a_blob_is_synced_before_it_is_named_and_its_folder_after(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def noted(call: str) -> Callable[..., Any]:
        real = getattr(os, call)

        def attempt(*given: Any, **named: Any) -> Any:
            folder = call == "fsync" and stat.S_ISDIR(os.fstat(given[0]).st_mode)
            done.append("folder" if folder else call)
            return real(*given, **named)

        return attempt

    for call in ("write", "fsync", "rename"):
        monkeypatch.setattr(os, call, noted(call))
    await put(blobs)
    assert done[done.index("write") :] == ["write"] * 4 + ["fsync", "rename", "folder"]


def known_names(folder: Path) -> set[str]:
    return {path.name for path in files(folder)}


class TestSweep:
    @pytest.fixture
    def times(self) -> Iterator[datetime]:
        return (NOW + DAY * number for number in range(10))

    async def test_an_orphan_goes_in_the_second_pass_and_a_named_blob_stays(
        self, blobs: LocalBlobs, folder: Path, times: Iterator[datetime]
    ) -> None:
        kept, orphan = await put(blobs), await put(blobs)
        assert await blobs.sweep({kept}, next(times), DAY) == 0
        assert known_names(folder) == {kept, orphan}
        assert await blobs.sweep({kept}, next(times), DAY) == 1
        assert known_names(folder) == {kept}

    async def test_a_pass_within_the_grace_removes_nothing(self, blobs: LocalBlobs, folder: Path) -> None:
        orphan = await put(blobs)
        for minutes in range(0, 24 * 60, 60):
            assert await blobs.sweep(set(), NOW + timedelta(minutes=minutes), DAY) == 0
        assert known_names(folder) == {orphan}

    async def test_an_orphan_named_meanwhile_starts_afresh(
        self, blobs: LocalBlobs, folder: Path, times: Iterator[datetime]
    ) -> None:
        name = await put(blobs)
        await blobs.sweep(set(), next(times), DAY)
        await blobs.sweep({name}, next(times), DAY)
        assert await blobs.sweep(set(), next(times), DAY) == 0
        assert known_names(folder) == {name}

    async def test_a_half_written_file_left_by_a_crash_goes_even_if_its_name_is_known(
        self, blobs: LocalBlobs, folder: Path, times: Iterator[datetime]
    ) -> None:
        name = await put(blobs)
        left = folder / name[:2] / name[2:4] / f"{name}.part"
        left.write_bytes(b"half")
        await blobs.sweep({name}, next(times), DAY)
        assert await blobs.sweep({name}, next(times), DAY) == 1
        assert known_names(folder) == {name}

    async def test_another_process_continues_the_sweep(
        self, blobs: LocalBlobs, folder: Path, times: Iterator[datetime]
    ) -> None:
        await put(blobs)
        await blobs.sweep(set(), next(times), DAY)
        assert await LocalBlobs(folder).sweep(set(), next(times), DAY) == 1

    async def test_processes_that_sweep_at_once_take_turns(
        self, blobs: LocalBlobs, folder: Path, times: Iterator[datetime]
    ) -> None:
        await put(blobs)
        for expected in (0, 1):
            now = next(times)
            swept = await asyncio.gather(*(LocalBlobs(folder).sweep(set(), now, DAY) for _ in range(8)))
            assert sum(swept) == expected

    async def test_lost_or_spoilt_notes_only_delay(
        self, blobs: LocalBlobs, folder: Path, times: Iterator[datetime]
    ) -> None:
        await put(blobs)
        await blobs.sweep(set(), next(times), DAY)
        (folder / "orphans.json").write_text("{ half", "utf-8")
        assert await blobs.sweep(set(), next(times), DAY) == 0
        assert await blobs.sweep(set(), next(times), DAY) == 1

    async def test_files_that_are_none_of_ours_are_left_alone(
        self, blobs: LocalBlobs, folder: Path, times: Iterator[datetime]
    ) -> None:
        stranger = folder / "ab" / "cd" / "README"
        stranger.parent.mkdir(parents=True)
        stranger.write_bytes(b"mine")
        await blobs.sweep(set(), next(times), DAY)
        await blobs.sweep(set(), next(times), DAY)
        assert stranger.exists()


async def test_removing_twice_is_removing_once(blobs: LocalBlobs, folder: Path) -> None:
    name = await put(blobs)
    await blobs.remove(name)
    await blobs.remove(name)
    assert files(folder) == []


async def test_a_file_closed_before_it_was_opened_stays_closed(blobs: LocalBlobs, folder: Path) -> None:
    """A request that went away leaves its thread to open what nobody would close."""
    late = SealedFile(folder, await put(blobs, b"sealed"))
    late.close()
    before = len(os.listdir("/proc/self/fd"))
    late.open()
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(StorageFailed):
        await anext(late.chunks())
