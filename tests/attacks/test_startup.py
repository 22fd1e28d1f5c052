"""A second start finds everything as the first one left it, and nobody starts twice on one folder.

How long both took is printed, and nothing is asserted of it: a test that fails on a busy machine proves nothing.
`python -m benchmarks.startup` measures it.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from tests.attacks.killing import Product, descendants, free_port, is_running, run
from tests.flows import journeys
from tests.flows.stage import Person

PAPER = "thuyet-minh-co-so-vat-chat-attp"


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-startup-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def product(folder: Path) -> AsyncIterator[Product]:
    made = Product(folder)
    yield made
    await made.end()


async def test_a_second_start_finds_everything_as_it_was(product: Product) -> None:
    first = await product.start()
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=30.0))
        person = Person(browser, origin=product.origin)
        await person.sign_in("citizen", "minh-chau")
        paper = await journeys.keep(person, PAPER, {})
        keys, said = _keys(product), product.output.read_text("utf-8")
        assert await product.stop() == 0
        assert not (product.data / "servers.json").exists()
        second = await product.start()
        print(f"first start {first:.1f} s, second start {second:.1f} s (goal under 5 s)")
        assert [one["id"] for one in await journeys.held(person, PAPER)] == [paper]
    assert _keys(product) == keys
    again = product.output.read_text("utf-8").removeprefix(said)
    assert "catalogue:" in said
    assert "catalogue:" not in again


async def test_nothing_is_left_running_after_a_stop(product: Product) -> None:
    await product.start()
    left = descendants(product.pid)
    assert product.postmaster in left
    assert await product.stop() == 0
    assert [pid for pid in left if is_running(pid)] == []


async def test_two_on_one_folder_are_refused_and_the_first_goes_on(product: Product) -> None:
    await product.start()
    for other in ("serve", "run"):
        code, said = await run((*product.command(other)[:-1], str(free_port())))
        assert code == 2, said
        assert "Traceback" not in said
    await product.await_ready()
    assert await product.stop() == 0


def _keys(product: Product) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (product.data / "keys").iterdir()}
