"""A page for operators, followed to the letter: its `sh` blocks typed in a row into one shell, as a person would.

A block is between ```` ```sh ```` and ```` ``` ````; whatever else the page shows is not typed. Nothing in a block is
replaced: what a person has to fill in stands there as a shell variable, which the test has set.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.killing import ROOT, surroundings
from tests.flows.typed import shim

PAGE = ROOT / "docs" / "operations.md"

_BLOCK = re.compile(r"^```sh\n(?P<words>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """Commands of the page, and the line of it where they stand."""

    line: int
    words: str


class Stuck(Exception):
    """A command of the page failed: whoever follows it stands there with what the terminal showed."""


def blocks(page: str) -> list[Block]:
    return [Block(page.count("\n", 0, one.start()) + 2, one["words"]) for one in _BLOCK.finditer(page)]


@asynccontextmanager
async def terminal(folder: Path) -> AsyncIterator[Path]:
    """A folder for PATH in which `motlan` is the product of this tree."""
    address = folder / "typed"
    reading = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.flows.typed", str(address), cwd=ROOT, env=surroundings(),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert reading.stdout is not None
    assert await reading.stdout.readline() == b"ready\n"
    programs = folder / "programs"
    programs.mkdir()
    shim(programs, address)
    try:
        yield programs
    finally:
        reading.kill()
        await reading.wait()


async def follow(typed: Sequence[Block], programs: Path, given: Mapping[str, str], folder: Path) -> str:
    """Type the blocks into one shell that begins in the folder; returns all it showed.

    Raises Stuck at the first command that fails.
    """
    marked = (f"printf '== line {one.line}\\n'\n{one.words}" for one in typed)
    environment = surroundings() | dict(given)
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "".join(marked), env=environment, cwd=folder,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await shell.communicate()
    if shell.returncode != 0:
        raise Stuck(f"exit code {shell.returncode}: {said.decode()[-2000:]}")
    return said.decode()
