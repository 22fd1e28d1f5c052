"""The surroundings the story moves: State databases it switches, and the operator's shell beside the platform."""

import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx2

from sandbox.story.browser import Stumbled

ROOT: Final = Path(__file__).resolve().parents[2]
COPY: Final = "log_copy"
LOG_TABLES: Final = ("ledger", "log_leaves", "log_nodes", "checkpoints", "cosignatures")


class Switchboard:
    """The sandbox's State databases, up or down. `folder` is the registers' own, with their port and token."""

    def __init__(self, folder: Path) -> None:
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        self._url = f"http://127.0.0.1:{(folder / 'port').read_text(encoding='ascii')}"
        self._headers = {"Authorization": f"Bearer {settings['control_token']}"}

    async def turn(self, databases: Iterable[str], mode: str) -> None:
        async with httpx2.AsyncClient(trust_env=False, headers=self._headers) as wire:
            for database in databases:
                done = await wire.post(f"{self._url}/control/{database}", json={"mode": mode})
                done.raise_for_status()


class Operator:
    """Who runs the platform on this machine: reaches its database as the owner, and runs its commands."""

    def __init__(self, data: Path, origin: str) -> None:
        self._data = data
        self._port = str(urlsplit(origin).port)
        servers = json.loads((data / "servers.json").read_text(encoding="utf-8"))
        self._owner = str(servers["owner_url"]).replace("+asyncpg", "")

    async def verify_log(self, *, copy: bool = False) -> tuple[bool, str]:
        """`motlan log verify`, on the log or on its copy: whether it is sound, and what the command said."""
        arguments = [
            *("log", "verify", "--data", str(self._data), "--port", self._port),
            *(["--schema", COPY] if copy else []),
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        said, complaints = await process.communicate()
        if process.returncode not in (0, 1):
            raise Stumbled(f"log verify ended with {process.returncode}: {complaints.decode()[-400:]}")
        return process.returncode == 0, said.decode().strip()

    async def copy_log(self) -> None:
        """The log's tables as they stand, in a schema of their own beside them."""
        async with (
            _Connection(self._owner) as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            await connection.execute(f"DROP SCHEMA IF EXISTS {COPY} CASCADE; CREATE SCHEMA {COPY}")
            for table in LOG_TABLES:
                await connection.execute(f"CREATE TABLE {COPY}.{table} AS TABLE public.{table}")
            await connection.execute(f"GRANT USAGE ON SCHEMA {COPY} TO motlan_work")
            await connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {COPY} TO motlan_work")

    async def delete_line(self) -> int:
        """Delete one sealed line of the copy, from its middle; its log index."""
        async with _Connection(self._owner) as connection:
            gone = await connection.fetchval(
                f"DELETE FROM {COPY}.ledger WHERE log_index = (SELECT max(log_index) / 2 FROM {COPY}.ledger)"  # noqa: S608
                " RETURNING log_index"
            )
        return int(gone)

    async def restore_line(self, log_index: int) -> None:
        async with _Connection(self._owner) as connection:
            await connection.execute(
                f"INSERT INTO {COPY}.ledger SELECT * FROM public.ledger WHERE log_index = $1",  # noqa: S608
                log_index,
            )

    async def drop_copy(self) -> None:
        async with _Connection(self._owner) as connection:
            await connection.execute(f"DROP SCHEMA {COPY} CASCADE")


class _Connection:
    """A connection as the owner for the length of a block."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Any:
        self._opened = await asyncpg.connect(self._url)
        return self._opened

    async def __aexit__(self, *trouble: object) -> None:
        await self._opened.close()
