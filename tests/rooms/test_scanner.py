"""What the scanner's client believes: one answer lets bytes through, one condemns them, no other says anything."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.errors import ScannerSilent
from connectors.malware import Address, Finding, Scanner, read_address
from tests import files
from tests.programs import need
from tests.scanning import EICAR, FAULTS, MARKED, Clamd, StandIn, Way, stand_in
from tests.size import seed


@pytest.fixture
async def standing() -> AsyncIterator[StandIn]:
    async with stand_in() as made:
        yield made


@pytest.fixture(scope="module")
async def clamd() -> AsyncIterator[Clamd]:
    need("clamd")
    with tempfile.TemporaryDirectory(prefix="motlan-clamd-") as folder:
        made = Clamd(Path(folder))
        try:
            await made.start()
            yield made
        finally:
            await made.kill()


async def find(scanner: Scanner, content: bytes, seconds: float = 20.0, step: int = 60_000) -> Finding:
    return await scanner.scan(files.stream(content, step), seconds)


async def test_debians_clamd_with_the_shipped_configuration_tells_malware_from_papers(clamd: Clamd) -> None:
    lot = random.Random(drawn := seed())
    large = files.jpeg(scan=lot.randbytes(3_000_000).replace(b"\xff", b"\0"))
    for honest in (files.png(), files.pdf(pages=3), files.jpeg(), large):
        assert await find(clamd.scanner, honest) is Finding.CLEAN
    for hostile in (
        EICAR,
        files.jpeg(scan=MARKED),
        files.jpeg(scan=large + MARKED),
        files.pdf(lambda made: made.Root.__setitem__("/X", made.make_stream(EICAR + b"\n"))),
    ):
        assert await find(clamd.scanner, hostile, step=lot.choice((1_000, 60_000))) is Finding.INFECTED
    print(f"seed {drawn}: 4 papers, 4 marked")


async def test_what_is_larger_than_it_may_look_at_clamd_does_not_call_clean(clamd: Clamd) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(102):
            yield bytes(1 << 20)

    with pytest.raises(ScannerSilent) as silent:
        await clamd.scanner.scan(endless(), 60.0)
    assert silent.value.reason in ("too_large", "cut")


@pytest.mark.parametrize("way", FAULTS)
async def test_no_answer_but_the_exact_one_is_a_finding(standing: StandIn, way: Way) -> None:
    standing.way = way
    for content in (b"x", bytes(300_000)):
        with pytest.raises(ScannerSilent) as silent:
            await find(standing.scanner, content, 0.5 if way is Way.SILENT else 20.0)
        assert silent.value.reason in ("answer", "too_large", "timeout", "cut")


async def test_what_is_said_before_the_last_byte_is_not_said_of_the_whole(standing: StandIn) -> None:
    standing.way = Way.EARLY

    async def content() -> AsyncIterator[bytes]:
        yield b"harmless"
        await standing.answered.wait()
        while True:
            yield MARKED

    with pytest.raises(ScannerSilent):
        await standing.scanner.scan(content(), 20.0)


async def test_the_stand_in_shows_the_difference(standing: StandIn) -> None:
    assert await standing.scanner.answers()
    assert await find(standing.scanner, b"paper") is Finding.CLEAN
    assert await find(standing.scanner, MARKED) is Finding.INFECTED
    assert standing.seen == [b"paper", MARKED]


async def test_it_is_shown_every_byte_however_they_come(standing: StandIn) -> None:
    content = random.Random(drawn := seed()).randbytes(500_000)
    for step in (1_000, 65_536, 400_000, len(content)):
        assert await find(standing.scanner, content, step=step) is Finding.CLEAN
    print(f"seed {drawn}")
    assert standing.seen == [content] * 4


async def test_killed_in_the_middle_of_a_file_it_has_found_nothing(standing: StandIn) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield bytes(100_000)
        await standing.asked.wait()
        await standing.kill()
        while True:
            yield bytes(65_536)

    with pytest.raises(ScannerSilent) as silent:
        await standing.scanner.scan(content(), 20.0)
    assert silent.value.reason in ("cut", "answer")
    assert not await standing.scanner.answers()
    with pytest.raises(ScannerSilent) as silent:
        await find(standing.scanner, b"x")
    assert silent.value.reason == "unreachable"


async def test_a_scanner_that_stops_reading_holds_nobody_up_for_longer_than_said() -> None:
    over = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(deaf, "127.0.0.1", 0) as server:
        scanner = Scanner(Address(host="127.0.0.1", port=server.sockets[0].getsockname()[1]))
        with pytest.raises(ScannerSilent) as silent:
            await find(scanner, bytes(50_000_000), 0.5)
        over.set()
    assert silent.value.reason == "timeout"


@pytest.mark.parametrize("text", ["/run/clamav/clamd.ctl", "127.0.0.1:3310", "[::1]:3310"])
def test_a_scanner_on_this_machine_is_an_address(text: str) -> None:
    assert read_address(text)


@pytest.mark.parametrize(
    "text", ["", "clamd", "10.0.0.5:3310", "scanner.example:3310", "127.0.0.1", "127.0.0.1:0", "0.0.0.0:1"]
)
def test_papers_cross_no_network_on_their_way_to_the_scanner(text: str) -> None:
    with pytest.raises(ValueError):
        read_address(text)
