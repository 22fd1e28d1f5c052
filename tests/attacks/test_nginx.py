"""The shipped nginx configuration before the real product: slow callers, papers passing through, forged addresses,
and what its files hold afterwards."""

import asyncio
import hashlib
import random
import shutil
import ssl
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from store.identifiers import new_id
from tests import files
from tests.attacks.killing import Product, free_port
from tests.attacks.proxy import NAME, Proxy, browse
from tests.flows.journeys import DRAWING_TYPE
from tests.flows.stage import Person
from tests.programs import need
from tests.size import seed, sized

MEGABYTE: Final = 1_000_000
PER_ADDRESS: Final = 100
"""As the configuration has it: requests under way from one address."""
QUESTION: Final = {"query": "{ procedures(first: 1) { edges { node { code } } } }"}
PIECE: Final = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    need("nginx")
    made = Path(tempfile.mkdtemp(prefix="motlan-nginx-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
async def product(folder: Path) -> AsyncIterator[Product]:
    settings = {"MOTLAN_PROXIES": "127.0.0.1", "MOTLAN_METRICS": f"127.0.0.1:{free_port()}"}
    public = free_port()
    made = Product(folder, settings | {"MOTLAN_PUBLIC_URL": f"https://{NAME}:{public}"})
    try:
        await made.start()
        yield made
    finally:
        await made.end()


@asynccontextmanager
async def proxied(
    folder: Path, product: Product, changed: dict[str, str] | None = None
) -> AsyncIterator[Proxy]:
    """On the port of the public address, one at a time."""
    made = Proxy(
        folder / f"proxy-{new_id()}", product.port, urlsplit(product.settings["MOTLAN_PUBLIC_URL"]).port
    )
    try:
        await made.start(changed)
        yield made
    finally:
        await made.end()


@pytest.fixture
async def proxy(folder: Path, product: Product) -> AsyncIterator[Proxy]:
    async with proxied(folder, product) as made:
        yield made


@pytest.fixture
async def citizen(proxy: Proxy) -> AsyncIterator[Person]:
    async with browse(proxy) as browser:
        person = Person(browser, origin=proxy.origin)
        await person.sign_in("citizen", "minh-chau")
        yield person


async def test_slow_callers_are_dropped_while_others_are_served(proxy: Proxy, product: Product) -> None:
    count = sized(150, 500)
    before = await asked_of(product)
    async with served_meanwhile(proxy) as honest:
        begun = time.monotonic()
        heads, bodies, trickles = await asyncio.gather(
            _each(count, lambda number: _slow_head(proxy, number)),
            _each(count, lambda number: _stalled_body(proxy, number)),
            _each(2 * PER_ADDRESS, lambda number: _trickled_body(proxy)),
        )
        took = time.monotonic() - begun
    print(f"{count} heads, {count} bodies, {2 * PER_ADDRESS} trickled bodies: ended within {took:.1f} s")
    print(f"heads {dict(heads)}, bodies {dict(bodies)}, trickles {dict(trickles)}")
    print(f"meanwhile {len(honest)} honest requests, slowest {max(honest):.2f} s")
    assert heads.keys() <= {"closed", "408"}
    assert bodies.keys() <= {"closed", "408"}
    assert heads.total() == bodies.total() == count
    # Who trickles is held off at their address's limit, and costs the platform nothing.
    assert trickles["429"] >= PER_ADDRESS
    assert trickles.keys() <= {"429", "held"}
    assert len(honest) >= 20
    assert await asked_of(product) - before == len(honest)


async def test_a_paper_passes_straight_through(citizen: Person, product: Product) -> None:
    size, lot = sized(20, 99) * MEGABYTE, random.Random(drawn := seed())
    content = photograph(size, lot)
    upload, address = await announce(citizen, content)
    known, half = resting(product), len(content) // 2

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1 << 16):
            if start <= half < start + (1 << 16):
                # The other half is not sent before most of this one is there: nobody in between waits for it.
                await arrived(product, known + half * 8 // 10)
            yield content[start : start + (1 << 16)]

    begun = time.monotonic()
    headers = PIECE | {"Upload-Offset": "0", "Content-Length": str(len(content))}
    sent = await citizen.browser.patch(address, content=pieces(), headers=headers)
    print(f"seed {drawn}: {len(content)} bytes in {time.monotonic() - begun:.1f} s")
    assert (sent.status_code, sent.headers.get("upload-offset")) == (204, str(len(content))), sent.text
    added = await citizen.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    opened = await citizen.act("openDocument", "url", document=added["document"]["id"])
    digest = hashlib.sha256()
    async with citizen.browser.stream("GET", opened["url"]) as answer:
        async for piece in answer.aiter_bytes():
            digest.update(piece)
    assert digest.digest() == hashlib.sha256(content).digest()


async def test_a_proxy_that_kept_papers_on_its_disk_would_be_found(folder: Path, product: Product) -> None:
    """The control of the test above."""
    keeping = {"proxy_request_buffering off": "proxy_request_buffering on"}
    async with proxied(folder, product, keeping) as proxy, browse(proxy) as browser:
        person = Person(browser, origin=proxy.origin)
        await person.sign_in("citizen", "minh-chau")
        content = photograph(MEGABYTE, random.Random(1))
        _, address = await announce(person, content)
        sent = await browser.patch(address, content=content, headers=PIECE | {"Upload-Offset": "0"})
        assert sent.status_code == 500


async def test_where_a_request_comes_from_is_said_by_the_proxy_alone(proxy: Proxy) -> None:
    """The page that checks codes counts tries by address: who names another each time still has one."""

    async def tries(browser: httpx2.AsyncClient, count: int) -> Counter[int]:
        found: Counter[int] = Counter()
        for number in range(count):
            forged = f"203.0.113.{number}"
            headers = {
                "X-Forwarded-For": forged, "X-Real-IP": forged, "Forwarded": f"for={forged}",
                "Accept": "application/json",
            }  # fmt: skip
            found[
                (await browser.get(f"{proxy.origin}/verify/none-{number}", headers=headers)).status_code
            ] += 1
        return found

    async with browse(proxy, "127.0.0.30") as one, browse(proxy, "127.0.0.31") as other:
        assert (await tries(one, 90))[429] >= 20
        assert 429 not in await tries(other, 10)


async def test_its_files_hold_no_query_and_nobody(citizen: Person, proxy: Proxy, product: Product) -> None:
    content = photograph(200_000, random.Random(2))
    _, address = await announce(citizen, content)
    secret, word = urlsplit(address).query, "hoangyendauthu"
    browser = citizen.browser
    await browser.patch(address, content=content, headers=PIECE | {"Upload-Offset": "0"})
    async with stalled(proxy, f"PUT {urlsplit(address).path}?{secret} HTTP/1.1", 102 * MEGABYTE) as line:
        assert await line.ending() == "413"
    await browser.get(f"{proxy.origin}/documents/{word}/content?ticket={word}", headers={"User-Agent": word})
    await browser.get(f"{proxy.origin}/verify/{word}", headers={"Referer": word})
    await browser.get(f"{proxy.origin}/{word}?{word}")
    await browser.get(f"{proxy.origin}/sign-in/callback?code={word}&state={word}")
    await browser.request(word.upper(), f"{proxy.origin}/graphql")
    await browser.post(f"{proxy.origin}/graphql?{word}", content=b"x" * 70_000)
    async with stalled(proxy, f"POST /oauth/token?{word} HTTP/1.1", 100) as line:
        assert await line.ending() in ("closed", "408")
    # A platform that is away makes nginx speak of the request.
    async with proxied_nowhere(proxy.folder) as away, browse(away) as lost:
        told = await lost.get(f"{away.origin}/documents/{word}/content?ticket={word}")
        assert (told.status_code, told.json()["errors"][0]["code"]) == (503, "AWAY")
        texts = proxy.logs | {f"away {name}": text for name, text in away.logs.items()}
    written = proxy.logs["access.log"].splitlines()
    assert len(written) >= 8
    assert any('"route":"/uploads","status":"204"' in line for line in written)
    assert any('"route":"/uploads","status":"413"' in line for line in written)
    for name, text in texts.items():
        assert word not in text.lower(), name
        assert secret not in text, name
        assert "127.0.0.1" not in text, name


async def test_answers_bear_each_security_header_once(citizen: Person, proxy: Proxy) -> None:
    browser = citizen.browser
    answers = {
        "page": await browser.get(f"{proxy.origin}/"),
        "graphql": await browser.post(
            f"{proxy.origin}/graphql", json=QUESTION, headers={"Origin": proxy.origin}
        ),
        "none": await browser.get(f"{proxy.origin}/none"),
        "too large": await browser.post(f"{proxy.origin}/graphql", content=b"x" * 70_000),
        "too large a form": await browser.post(f"{proxy.origin}/oauth/token", content=b"x" * 20_000),
    }
    for name, answer in answers.items():
        for header in ("strict-transport-security", "x-content-type-options"):
            assert len(answer.headers.get_list(header)) == 1, (name, header)
        for header in ("content-security-policy", "referrer-policy", "cache-control"):
            assert len(answer.headers.get_list(header)) <= 1, (name, header)
    assert answers["graphql"].json()["data"]["procedures"]
    for name in ("too large", "too large a form"):
        error = answers[name].json()["errors"][0]
        assert (answers[name].status_code, error["code"], error["extensions"]["code"]) == (
            413,
            *["TOO_LARGE"] * 2,
        )


async def test_plain_http_and_other_names_are_turned_away(proxy: Proxy) -> None:
    plain = f"http://127.0.0.1:{proxy.plain_port}"
    async with httpx2.AsyncClient(trust_env=False) as browser:
        sent_on = await browser.get(f"{plain}/verify")
        assert (sent_on.status_code, sent_on.headers["location"]) == (301, f"https://{NAME}/verify")
        assert (await browser.post(f"{plain}/graphql", json=QUESTION)).status_code == 403
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection(
            "127.0.0.1", proxy.port, ssl=proxy.trust, server_hostname="other.example.vn"
        )


class Line:
    """One TLS connection, written to by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ending(self) -> str:
        """How the other side ended it: the status it gave, if it gave one."""
        # Not to the end: after a refusal nginx still listens for a while, lest the answer be lost.
        try:
            said = await self.reader.read(4096)
        except OSError:
            said = b""
        return said[9:12].decode() if said.startswith(b"HTTP/1.1 ") else "closed"

    async def trickle(self, seconds: float) -> str:
        """A byte each second: how it was ended, or `held` when it was not within this time."""
        ending = asyncio.create_task(self.ending())
        end = time.monotonic() + seconds
        while not ending.done() and time.monotonic() < end:
            with suppress(OSError):
                self.writer.write(b"a")
            await asyncio.wait({ending}, timeout=1.0)
        if not ending.done():
            ending.cancel()
            return "held"
        return await ending


@asynccontextmanager
async def connected(proxy: Proxy, address: str) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", proxy.port, ssl=proxy.trust, server_hostname=NAME, local_addr=(address, 0)
    )
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def stalled(
    proxy: Proxy, request_line: str, length: int, address: str = "127.0.0.2"
) -> AsyncIterator[Line]:
    """A request whose body never comes."""
    async with connected(proxy, address) as line:
        head = f"{request_line}\r\nHost: {NAME}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
        line.writer.write(f"{head}\r\n{{".encode())
        yield line


async def _slow_head(proxy: Proxy, number: int) -> str:
    """Every other one sends on, a byte at a time."""
    async with connected(proxy, f"127.0.1.{number % 10 + 1}") as line:
        line.writer.write(f"POST /graphql HTTP/1.1\r\nHost: {NAME}\r\nX-Slow: ".encode())
        return await line.trickle(30.0) if number % 2 else await line.ending()


async def _stalled_body(proxy: Proxy, number: int) -> str:
    async with stalled(proxy, "POST /graphql HTTP/1.1", 60_000, f"127.0.2.{number % 10 + 1}") as line:
        return await line.ending()


async def _trickled_body(proxy: Proxy) -> str:
    async with stalled(proxy, "POST /graphql HTTP/1.1", 60_000, "127.0.3.1") as line:
        return await line.trickle(8.0)


async def _each(count: int, do: Any) -> Counter[str]:
    """All at once, begun as fast as handshakes allow."""
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(do(number)))
        if number % 20 == 19:
            await asyncio.sleep(0.05)  # so that this very process has time for its own honest requests
    return Counter(await asyncio.gather(*tasks))


@asynccontextmanager
async def served_meanwhile(proxy: Proxy) -> AsyncIterator[list[float]]:
    """Honest requests, one after the other, each on a connection of its own: the seconds each took."""
    took: list[float] = []
    over = asyncio.Event()

    async def ask() -> None:
        while not over.is_set():
            async with browse(proxy, "127.0.0.1") as browser:
                begun = time.monotonic()
                answer = await browser.post(f"{proxy.origin}/graphql", json=QUESTION)
                took.append(time.monotonic() - begun)
            assert answer.status_code == 200, answer.text
            assert answer.json()["data"]["procedures"]["edges"]
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.1)

    asking = asyncio.create_task(ask())
    try:
        yield took
    finally:
        over.set()
        await asking


@asynccontextmanager
async def proxied_nowhere(folder: Path) -> AsyncIterator[Proxy]:
    """The same configuration with no platform behind it."""
    made = Proxy(folder / "nowhere", free_port())
    try:
        await made.start()
        yield made
    finally:
        await made.end()


async def asked_of(product: Product) -> float:
    """Requests to /graphql the platform has seen."""
    async with httpx2.AsyncClient(trust_env=False) as operator:
        told = (await operator.get(f"http://{product.settings['MOTLAN_METRICS']}/metrics")).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == "motlan_http_requests_total" and sample.labels["route"] == "/graphql"
    )


async def announce(person: Person, content: bytes) -> tuple[str, str]:
    """The upload and its address."""
    made = await person.act(
        "createUpload", "upload { id url }",
        fileName="x", mediaType="image/jpeg", sizeBytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(), type=DRAWING_TYPE,
    )  # fmt: skip
    return made["upload"]["id"], made["upload"]["url"]


def photograph(size: int, lot: random.Random) -> bytes:
    block = lot.randbytes(MEGABYTE).replace(b"\xff", b"\0")
    return files.jpeg(scan=(block * (size // MEGABYTE + 1))[:size])


def resting(product: Product) -> int:
    """Bytes of sealed files."""
    return sum(path.stat().st_size for path in (product.data / "blobs").glob("??/??/*"))


async def arrived(product: Product, size: int) -> None:
    """Until so many bytes rest."""
    async with asyncio.timeout(30.0):
        while True:
            if resting(product) >= size:
                return
            await asyncio.sleep(0.02)  # files of another process: there is nothing to wait on but the clock
