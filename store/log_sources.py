"""Where the offline check reads a log from: a database, or a folder exported for somebody without one.

A folder holds one file of JSON lines per stream, so that a log of any length is read in a row.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from store.ledger import Line
from store.records import Checkpoint, Cosignature, LedgerEntry, LogLeaf, LogNode
from store.verification import Head, Leaf, Pair, Source


class DatabaseLog:
    """The log as one snapshot of a database, so that a sealing meanwhile is not taken for a fault."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._session = AsyncSession(connection)

    async def lines(self) -> AsyncIterator[Line]:
        sealed = LedgerEntry.log_index.is_not(None)
        async for row in self._rows(
            select(LedgerEntry).where(sealed).order_by(LedgerEntry.log_index, LedgerEntry.id)
        ):
            yield Line.of(row)

    async def unsealed(self) -> AsyncIterator[Line]:
        waiting = LedgerEntry.log_index.is_(None)
        async for row in self._rows(select(LedgerEntry).where(waiting).order_by(LedgerEntry.id)):
            yield Line.of(row)

    async def leaves(self) -> AsyncIterator[Leaf]:
        async for row in self._rows(select(LogLeaf).order_by(LogLeaf.log_index)):
            yield Leaf(row.log_index, row.ledger_id, row.leaf, row.hash)

    async def pairs(self) -> AsyncIterator[Pair]:
        async for row in self._rows(select(LogNode).where(LogNode.level == 1).order_by(LogNode.position)):
            yield Pair(row.position, row.hash)

    async def heads(self) -> AsyncIterator[Head]:
        cosigned: dict[int, str] = defaultdict(str)
        async for row in self._rows(select(Cosignature).order_by(Cosignature.size, Cosignature.witness)):
            cosigned[row.size] += row.line
        async for row in self._rows(select(Checkpoint).order_by(Checkpoint.size)):
            yield Head(row.size, row.root, row.note + cosigned[row.size])

    async def _rows(self, wanted: Select[Any]) -> AsyncIterator[Any]:
        found = await self._session.stream_scalars(wanted.execution_options(yield_per=500))
        async for row in found:
            self._session.expunge(row)
            yield row


@asynccontextmanager
async def open_database(url: str, schema: str | None = None) -> AsyncIterator[DatabaseLog]:
    """The log of a database, through a role that may read all of it: the owner's or the loops'.

    `schema`: where a copy of the log's tables stands, when it is not the platform's own that is checked.
    """
    engine = create_async_engine(
        url,
        poolclass=NullPool,
        isolation_level="REPEATABLE READ",
        execution_options={"schema_translate_map": {None: schema}} if schema is not None else {},
    )
    try:
        async with engine.connect() as connection:
            yield DatabaseLog(connection)
    finally:
        await engine.dispose()


class FolderLog:
    """The log as `export` wrote it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def lines(self) -> AsyncIterator[Line]:
        for row in self._rows("lines"):
            yield Line(**row)

    async def unsealed(self) -> AsyncIterator[Line]:
        for row in self._rows("unsealed"):
            yield Line(**row)

    async def leaves(self) -> AsyncIterator[Leaf]:
        for row in self._rows("leaves"):
            yield Leaf(**row | {"leaf": bytes.fromhex(row["leaf"]), "hash": bytes.fromhex(row["hash"])})

    async def pairs(self) -> AsyncIterator[Pair]:
        for row in self._rows("pairs"):
            yield Pair(row["position"], bytes.fromhex(row["hash"]))

    async def heads(self) -> AsyncIterator[Head]:
        for row in self._rows("heads"):
            yield Head(**row | {"root": bytes.fromhex(row["root"])})

    def _rows(self, name: str) -> Any:
        with (self._folder / f"{name}.jsonl").open(encoding="utf-8") as file:
            yield from map(json.loads, file)


async def export(source: Source, folder: Path) -> None:
    """Write a log to a new folder. It names people by id: whoever gets it may read every line."""
    await asyncio.to_thread(folder.mkdir, 0o700, parents=True)
    streams: dict[str, AsyncIterator[Any]] = {
        "lines": source.lines(),
        "unsealed": source.unsealed(),
        "leaves": source.leaves(),
        "pairs": source.pairs(),
        "heads": source.heads(),
    }
    for name, rows in streams.items():
        with (folder / f"{name}.jsonl").open("x", encoding="utf-8") as file:
            async for row in rows:
                plain = {
                    key: value.hex() if isinstance(value, bytes) else value
                    for key, value in asdict(row).items()
                }
                file.write(json.dumps(plain, ensure_ascii=False) + "\n")
