"""Whoever follows docs/operations.md alone gets there: its commands, typed in order and as written, against a real
platform in a folder of its own. The page's variables are what its reader knows: whom to shred, which officer."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from sandbox.demo import seed
from tests.attacks.acknowledging import OF_NO_USE
from tests.attacks.killing import Product
from tests.files import jpeg
from tests.flows.runbook import PAGE, Block, Stuck, blocks, follow
from tests.flows.stage import Person

COMMANDS = (
    "keys rotate root",
    "keys rotate subjects",
    "keys shred",
    "keys replay",
    "backup",
    '--data "$ELSEWHERE" restore',
    "log verify",
)
"""What nobody may drop from the page."""

PEOPLE = ("minh-chau", "thu-ha")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="motlan-page-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def product(folder: Path) -> AsyncIterator[Product]:
    made = Product(folder)
    await made.start()
    yield made
    await made.end()


async def test_who_follows_the_page_gets_there(product: Product, folder: Path, programs: Path) -> None:
    typed = blocks(PAGE.read_text("utf-8"))
    for login in PEOPLE:
        await _keep_a_paper(product, login)
    doomed, _ = await _subjects(product)
    given = {
        "MOTLAN_DATA": str(product.data),
        "MOTLAN_PORT": str(product.port),
        "SUBJECT": doomed,
        "OFFICER": seed("").officers[0].code,
        **{name: str(folder / name.lower()) for name in ("KEPT", "BACKUPS", "KEYS_BACKUPS", "ELSEWHERE")},
    }
    for name in ("backups", "keys_backups"):
        (folder / name).mkdir()
    said = await follow(typed, programs, given, folder)
    assert [line for line in said.splitlines() if line.startswith("== ")] == [
        f"== line {one.line}" for one in typed
    ]
    words = "".join(one.words for one in typed)
    for command in COMMANDS:
        assert f"motlan {command}" in words
    # Of two papers one is gone with its person: shredded after the backup that was restored.
    opened = "1 papers open, 1 have no key any more, 0 do not open"
    for shown in ("wraps, 2 moved, 0 do not open", "destroyed", "1 destroyed again", opened, "sound"):
        assert shown in said, said
    assert (folder / "shredded.txt").read_text("utf-8").startswith(f"{doomed} Điều")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("motlan keys shreded\n", "invalid choice: 'shreded'"),
        ("motlan keys lst | cat\n", "invalid choice: 'lst'"),
        ('motlan keys shred "$NOBODY"\n', "NOBODY"),
        ("motlan_keys list\n", "not found"),
        ("# a remark\nfalse\n", "line 9"),
    ],
)
async def test_a_broken_command_on_the_page_is_noticed(
    words: str, told: str, programs: Path, tmp_path: Path
) -> None:
    page = [Block(3, "true\n"), Block(9, words), Block(20, "echo went on\n")]
    with pytest.raises(Stuck, match=told) as stuck:
        await follow(page, programs, {"MOTLAN_DATA": str(tmp_path / "data")}, tmp_path)
    assert "== line 9" in str(stuck.value)
    assert "went on" not in str(stuck.value)


def test_only_blocks_marked_so_are_typed() -> None:
    page = (
        "# A\n\n```sh\nmotlan one\n```\n\n```json\n{}\n```\n\n- x\n\n```sh\nmotlan two\nmotlan three\n```\n"
    )
    assert blocks(page) == [Block(4, "motlan one\n"), Block(14, "motlan two\nmotlan three\n")]


async def _keep_a_paper(product: Product, login: str) -> None:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=30.0))
        citizen = Person(browser, origin=product.origin)
        await citizen.sign_in("citizen", login)
        upload = await citizen.send(jpeg(), "image/jpeg", OF_NO_USE)
        await citizen.act("addDocument", "document { id }", upload=upload, type=OF_NO_USE, claims={})


async def _subjects(product: Product) -> list[str]:
    engine = create_async_engine(product.servers.owner_url, poolclass=NullPool)
    async with engine.connect() as connection:
        found = [
            str(one) for one in await connection.scalars(text("SELECT id FROM subjects ORDER BY created_at"))
        ]
    await engine.dispose()
    return found
