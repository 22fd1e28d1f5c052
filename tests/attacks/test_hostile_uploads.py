"""Uploads over real connections to the real product: cut, killed, crowded, starved and lied to.

The product runs as a child process, so that what it holds in memory is its own. Sizes and counts are those of the
issue with `--full`.
"""

import asyncio
import hashlib
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest

from api.tus.body import SPAN_SECONDS
from tests import files
from tests.attacks.killing import ROOT, Product, Target
from tests.flows.journeys import DRAWING_TYPE
from tests.flows.stage import Person
from tests.size import seed, sized

MEGABYTE: Final = 1_000_000
FLAT_BYTES: Final = 40 * MEGABYTE
"""What the server may hold more while a file of any size comes in."""
TUS: Final = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-uploads-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
async def product(folder: Path) -> AsyncIterator[Product]:
    made = Product(folder)
    await made.start()
    yield made
    await made.end()


@pytest.fixture
async def people(product: Product) -> AsyncIterator["People"]:
    async with AsyncExitStack() as stack:
        yield People(product, stack)


@dataclass
class People:
    product: Product
    stack: AsyncExitStack

    async def citizen(self, login: str) -> Person:
        browser = await self.stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=60.0))
        person = Person(browser, origin=self.product.origin)
        await person.sign_in("citizen", login)
        return person


@dataclass
class Sender:
    """Writes requests by hand, so as to stop, stall or lie in the middle of one."""

    address: str

    async def connect(self, method: str, headers: dict[str, str]) -> "Line":
        parts = urlsplit(self.address)
        assert parts.hostname is not None
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        given = {"Host": parts.netloc, **TUS, **headers}
        head = f"{method} {parts.path}?{parts.query} HTTP/1.1\r\n"
        writer.write((head + "".join(f"{k}: {v}\r\n" for k, v in given.items()) + "\r\n").encode())
        return Line(reader, writer)

    async def append(self, start: int, length: int, **more: str) -> "Line":
        return await self.connect(
            "PATCH",
            {
                "Content-Type": "application/offset+octet-stream",
                "Upload-Offset": str(start),
                "Content-Length": str(length),
                **more,
            },
        )

    async def offset(self) -> int:
        """How far it got, asked until no writer is in the way."""
        while True:
            line = await self.connect("HEAD", {"Connection": "close"})
            status, headers = await line.answer()
            await line.close()
            if status != 423:
                assert status == 200, status
                return int(headers["upload-offset"])
            await asyncio.sleep(0.05)  # as a client does that lost its connection before the server noticed


@dataclass
class Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, dict[str, str]]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        return int(head[0].split(" ")[1]), headers

    async def send(self, content: bytes) -> None:
        for start in range(0, len(content), 65_536):
            self.writer.write(content[start : start + 65_536])
            await self.writer.drain()

    async def cut(self) -> None:
        """As a phone in a tunnel, but that the server hears of it."""
        self.writer.transport.abort()
        await self.close()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


def photograph(size: int, lot: random.Random, mark: bytes = b"") -> bytes:
    block = lot.randbytes(MEGABYTE).replace(b"\xff", b"\0")
    return files.jpeg(scan=mark + (block * (size // MEGABYTE + 1))[:size])


async def announce(person: Person, content: bytes, **changed: object) -> tuple[str, Sender]:
    made = await person.attempt(
        "createUpload",
        "upload { id url }",
        **{
            "fileName": "x",
            "mediaType": "image/jpeg",
            "sizeBytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "type": DRAWING_TYPE,
            **changed,
        },
    )
    assert made["errors"] == [], made["errors"]
    return made["upload"]["id"], Sender(made["upload"]["url"])


async def read_back(person: Person, upload: str) -> str:
    added = await person.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    opened = await person.act("openDocument", "url", document=added["document"]["id"])
    digest = hashlib.sha256()
    async with person.browser.stream("GET", opened["url"]) as answer:
        async for piece in answer.aiter_bytes():
            digest.update(piece)
    return digest.hexdigest()


def resident(product: Product) -> int:
    for line in Path(f"/proc/{product.pid}/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process is gone")


def resting(product: Product) -> int:
    """Bytes of sealed files."""
    return sum(path.stat().st_size for path in sealed_files(product))


def sealed_files(product: Product) -> Iterator[Path]:
    return (product.data / "blobs").glob("??/??/*")


async def test_a_large_file_over_a_line_cut_twenty_times_arrives_once_and_whole(
    product: Product, people: People
) -> None:
    lot, cuts = random.Random(drawn := seed()), 20
    me = await people.citizen("minh-chau")
    # One small paper first, so that what is loaded once is loaded.
    small = photograph(200_000, lot)
    warm, sender = await announce(me, small)
    await _send_rest(sender, small)
    await read_back(me, warm)
    content = photograph(sized(8, 100) * MEGABYTE, lot)
    upload, sender = await announce(me, content)
    before, peak, kept, done = resident(product), 0, resting(product), 0
    while done < cuts:
        reached = await sender.offset()
        line = await sender.append(reached, len(content) - reached, Expect="100-continue")
        if (await line.answer())[0] == 100:
            await line.send(content[reached : reached + lot.randrange(150_000, len(content) // cuts)])
            peak = max(peak, resident(product))
            done += 1
        # Torn off, or hung up.
        await lot.choice((line.cut, line.close))()
    peak = max(peak, await _send_rest(sender, content, product))
    grown, rested = peak - before, resting(product) - kept
    assert await read_back(me, upload) == hashlib.sha256(content).hexdigest()
    print(
        f"seed {drawn}: {len(content)} bytes, {done} cuts; server {before // 2**20} MiB before,"
        f" {grown / 2**20:+.1f} MiB at most; {rested} bytes rest sealed"
    )
    assert grown < FLAT_BYTES
    assert len(content) < rested < len(content) * 1.01
    assert await sender.offset() == len(content)


async def test_what_came_before_a_kill_is_there_after_the_restart(product: Product, people: People) -> None:
    lot, kills = random.Random(drawn := seed()), sized(1, 5)
    me = await people.citizen("thu-ha")
    mark = lot.randbytes(40).hex().encode()
    content = photograph(sized(8, 40) * MEGABYTE, lot, mark)
    upload, sender = await announce(me, content)
    lost = 0
    for number in range(kills):
        reached = await sender.offset()
        place = reached + (len(content) - reached) * (number + 1) // (kills + 1)
        known = set(sealed_files(product))
        line = await sender.append(reached, len(content) - reached)
        await line.send(content[reached:place])
        await _until_written(product, known, MEGABYTE)
        await product.kill(Target.SERVER)
        await line.cut()
        assert all(mark not in path.read_bytes() for path in sealed_files(product))
        await product.start()
        after = await sender.offset()
        assert reached < after <= place
        lost += place - after
    await _send_rest(sender, content)
    assert await read_back(me, upload) == hashlib.sha256(content).hexdigest()
    print(f"seed {drawn}: {len(content)} bytes, {kills} kills, {lost} bytes sent again")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
async def test_the_documented_way_of_going_on_after_a_cut_works(
    product: Product, people: People, tmp_path: Path
) -> None:
    """The very lines of `docs/clients/uploads.md`."""
    page = (ROOT / "docs" / "clients" / "uploads.md").read_text("utf-8")
    lines = page.partition("```sh\n")[2].partition("```")[0]
    me, content = await people.citizen("minh-chau"), photograph(300_000, random.Random(3))
    (tmp_path / "drawing.pdf").write_bytes(content)
    upload, sender = await announce(me, content)
    line = await sender.append(0, len(content), Expect="100-continue")
    assert (await line.answer())[0] == 100
    await line.send(content[:200_000])
    await line.close()
    assert 0 < await sender.offset() <= 200_000
    shell = await asyncio.create_subprocess_exec(
        "sh", "-euc", lines, cwd=tmp_path, env={**os.environ, "URL": sender.address},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await shell.communicate()
    assert b" 204 " in said
    assert f"upload-offset: {len(content)}".encode() in said.lower()
    assert await read_back(me, upload) == hashlib.sha256(content).hexdigest()


async def test_a_crowd_of_senders_is_served_or_refused_and_leaves_nothing(
    product: Product, people: People
) -> None:
    """Each misbehaves in its own way; meanwhile one honest sender is served."""
    lot, crowd = random.Random(drawn := seed()), sized(40, 200)
    me, them = await people.citizen("minh-chau"), await people.citizen("hong-nhung")
    content = photograph(300_000, lot)
    before, kept, announced = resident(product), resting(product), list[Sender]()
    refused = 0
    for _ in range(crowd):
        made = await them.attempt(
            "createUpload", "upload { id url }", fileName="x", mediaType="image/jpeg",
            sizeBytes=len(content), sha256=hashlib.sha256(content).hexdigest(), type=DRAWING_TYPE,
        )  # fmt: skip
        refused += bool(made["errors"])
        if made["upload"]:
            announced.append(Sender(made["upload"]["url"]))
    ways = (_goes_away_at_the_end, _declares_too_much, _sends_too_much, _trickles, _sends_other_bytes)
    tried = [asyncio.create_task(ways[n % len(ways)](one, content)) for n, one in enumerate(announced)]
    upload, honest = await announce(me, content)
    async with asyncio.timeout(SPAN_SECONDS):
        await _send_rest(honest, content)
        assert await read_back(me, upload) == hashlib.sha256(content).hexdigest()
    outcomes = Counter(await asyncio.gather(*tried))
    peak = resident(product)
    for one in announced:
        line = await one.connect("DELETE", {"Connection": "close"})
        assert (await line.answer())[0] == 204
        await line.close()
    left = resting(product) - kept
    print(
        f"seed {drawn}: {crowd} at once, {refused} not announced; {dict(sorted(outcomes.items()))};"
        f" server {before // 2**20} MiB before, {(peak - before) / 2**20:+.1f} MiB after; {left} bytes left"
    )
    assert refused == max(0, crowd - 100)
    assert outcomes.keys() == {
        "cut at 99 %: kept until ended", "too long: 413", "more than said: 413", "1 byte/s: 408", "other bytes: 422",
    }  # fmt: skip
    assert len(content) < left < 2 * len(content)
    assert (await me.ask("{ viewer { id } }"))["viewer"] is not None


async def _send_rest(sender: Sender, content: bytes, product: Product | None = None) -> int:
    """Send what is missing; returns the most memory the product was seen to hold meanwhile."""
    peak = resident(product) if product else 0
    while True:
        start = await sender.offset()
        line = await sender.append(start, len(content) - start)
        with suppress(OSError):
            await line.send(content[start:])
        peak = max(peak, resident(product)) if product else 0
        status, headers = await line.answer()
        await line.close()
        if status not in (409, 423):
            assert (status, headers.get("upload-offset")) == (204, str(len(content)))
            return max(peak, resident(product)) if product else 0
        # The server had not yet met the request whose line was cut: a client then asks again.


async def _until_written(product: Product, known: set[Path], size: int) -> None:
    """Until a file that was not there holds so much."""
    while True:
        if any(path.stat().st_size >= size for path in set(sealed_files(product)) - known):
            return
        await asyncio.sleep(0.01)  # a file of another process: there is nothing to wait on but the clock


async def _goes_away_at_the_end(sender: Sender, content: bytes) -> str:
    end = len(content) * 99 // 100
    line = await sender.append(0, len(content))
    await line.send(content[:end])
    await line.cut()
    assert await sender.offset() <= end
    return "cut at 99 %: kept until ended"


async def _declares_too_much(sender: Sender, content: bytes) -> str:
    line = await sender.append(0, len(content) + 1)
    status, _ = await line.answer()
    await line.close()
    assert await sender.offset() == 0
    return f"too long: {status}"


async def _sends_too_much(sender: Sender, content: bytes) -> str:
    """In chunks, which declare nothing."""
    line = await sender.connect(
        "PATCH",
        {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": "0",
            "Transfer-Encoding": "chunked",
        },
    )
    with suppress(OSError):
        for _ in range(3):
            await line.send(f"{len(content):x}\r\n".encode() + content + b"\r\n")
    status, _ = await line.answer()
    await line.close()
    assert await sender.offset() == 0
    return f"more than said: {status}"


async def _trickles(sender: Sender, content: bytes) -> str:
    """One byte a second. The server ends it, and keeps what came."""
    line = await sender.append(0, len(content))
    answering = asyncio.create_task(line.answer())
    sent = 0
    while not answering.done():
        with suppress(OSError):
            line.writer.write(content[sent : sent + 1])
            sent += 1
        await asyncio.wait({answering}, timeout=1.0)
    status, headers = await answering
    assert headers["connection"] == "close"
    assert 0 < int(headers["upload-offset"]) <= sent
    await line.close()
    return f"1 byte/s: {status}"


async def _sends_other_bytes(sender: Sender, content: bytes) -> str:
    line = await sender.append(0, len(content))
    await line.send(content[:1000] + b"!" + content[1001:])
    status, _ = await line.answer()
    await line.close()
    assert await sender.offset() == 0
    return f"other bytes: {status}"
