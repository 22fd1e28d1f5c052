"""The platform on a socket of its own, and the published clients: npm packages, installed once per checkout."""

import asyncio
import fcntl
import json
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.process.serving import listen, serving
from tests.flows.conftest import (  # the stage of the flows serves here too
    furnished,
    law_read_once,
    offset,
    sandbox,
    schema_built_once,
    stage,
    stage_folder,
)
from tests.flows.stage import Stage
from tests.programs import cannot, need

__all__ = ["furnished", "law_read_once", "offset", "sandbox", "schema_built_once", "stage", "stage_folder"]

HERE = Path(__file__).parent
SECONDS = 240


@dataclass(frozen=True)
class Ended:
    """A child that ended: its exit code and what it said."""

    code: int
    out: str
    err: str

    def read(self) -> dict[str, Any]:
        """The JSON object a script that went well prints last."""
        assert self.code == 0, f"{self.err}\n{self.out}"
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


Node = Callable[..., Awaitable[Ended]]


async def run(*command: str, cwd: Path = HERE, environ: Mapping[str, str] | None = None) -> Ended:
    child = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=dict(os.environ) | dict(environ or {}), stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        pytest.fail(f"{command[0]} did not end within {SECONDS} s")
    return Ended(child.returncode or 0, out.decode(), err.decode())


@pytest.fixture(scope="session")
async def packages() -> Path:
    """The packages of `package-lock.json` under `node_modules`."""
    need("node", "npm")
    installed, wanted = HERE / "node_modules", (HERE / "package-lock.json").read_bytes()
    mark = installed / ".installed"
    with (HERE / ".lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_bytes() != wanted:
            ended = await run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            if ended.code != 0:
                cannot("npm could not install the published clients")
            mark.write_bytes(wanted)
    return installed


@pytest.fixture(scope="session")
def node(packages: Path) -> Node:
    """Runs a script of this folder: `await node("audit.mjs", url)`."""

    async def run_script(script: str, *arguments: str, **environ: str) -> Ended:
        return await run("node", script, *arguments, environ=environ)

    return run_script


@pytest.fixture
async def server(stage: Stage) -> AsyncIterator[str]:
    """The address of the stage's platform, served as in production."""
    listening = listen("127.0.0.1", 0)
    async with serving(stage.platform, listening, loops=False):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
