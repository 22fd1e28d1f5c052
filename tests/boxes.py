"""Folders for private servers of a test's own, and a way to ask those servers something."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from store.embedded import Embedded


def make_box() -> Path:
    """A folder the server's account can walk into, unlike pytest's own when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="motlan-box-"))
    folder.chmod(0o711)
    return folder


def ask(url: str, statement: str) -> Any:
    """One statement over a connection of its own; its first value. In a thread, beside the run's event loop."""

    async def execute() -> Any:
        engine = create_async_engine(url, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                answer = await connection.execute(text(statement))
                return answer.scalar() if answer.returns_rows else None
        finally:
            await engine.dispose()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, execute()).result()


def postmaster(server: Embedded) -> int:
    return int((server.folder / "cluster" / "postmaster.pid").read_text().splitlines()[0])
