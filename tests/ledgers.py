"""A log to tamper with: lines about two people, sealed, covered, read back as the world reads it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette

from api.log import addresses
from store import ledger
from store.checkpoints import LogSigner
from store.database import Actor, Database
from store.embedded import Servers
from store.identifiers import new_id
from store.ledger import Entry
from store.log.completeness import bundle
from store.log.covering import cover
from store.log_sources import export, open_database
from verifier import log as outside
from verifier.log import Report, Trust

LOOP = Actor("loop")
ANYBODY = Actor("anonymous")
LAN, MINH = (Actor("citizen", subject, None, (subject,)) for subject in (new_id(), new_id()))


@dataclass
class Chronicle:
    """One log, and the outside program that looks at it."""

    database: Database
    work: Database
    owner: AsyncEngine
    servers: Servers
    now: datetime
    folder: Path
    signer: LogSigner = field(default_factory=lambda: LogSigner("log.example", Ed25519PrivateKey.generate()))
    exports: int = 0

    async def write(self, actor: Actor, **changed: Any) -> int:
        self.now += timedelta(seconds=1)
        given = {
            "kind": "vault.read",
            "subject_id": actor.id,
            "outcome": "SUCCESS",
            "purpose": "p",
            **changed,
        }
        entry = Entry(legal_basis="OWN", claims=("person.full_name@owner",), **given)
        async with self.database.writing(actor) as tx:
            return await ledger.record(tx, actor, entry, self.now)

    async def seal(self, *, publish: bool = True) -> int:
        async with self.work.writing(LOOP) as tx:
            return await ledger.seal(tx, self.signer, self.now, publish=publish)

    async def cover(self) -> bool:
        async with self.work.writing(LOOP) as tx:
            return await cover(tx, self.signer, self.now)

    async def fill(self) -> None:
        """Eleven lines of two people's in four batches, covered after the third, two newer ones."""
        for batch in (1, 3, 5):
            for number in range(batch):
                await self.write((LAN, MINH)[number % 2])
            await self.seal()
        await self.cover()
        await self.write(LAN)
        await self.write(MINH)
        await self.seal()

    async def note(self) -> str:
        async with self.database.reading(ANYBODY) as tx:
            head = await ledger.published(tx)
            assert head is not None
            return await ledger.published_note(tx, head)

    async def bundle_of(self, actor: Actor) -> dict[str, Any]:
        async with self.database.reading(actor) as tx:
            found: dict[str, Any] = json.loads(json.dumps(await bundle(tx, actor.subjects)))
            return found

    async def tamper(self, *statements: str) -> None:
        async with self.owner.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    def trust(self, *heads: str, **more: Any) -> Trust:
        return Trust(outside.read_key(self.signer.key.text, outside.LOG_KEY), heads=heads, **more)

    async def check_folder(self, trust: Trust | None = None) -> Report:
        """The log with its lines, exported as an operator would and checked from outside."""
        self.exports += 1
        folder = self.folder / str(self.exports)
        async with open_database(self.servers.work_url) as source:
            await export(source, folder)
        return outside.check_folder(folder, trust or self.trust())

    async def check_published(self, trust: Trust | None = None) -> Report:
        """The tiles over HTTP."""
        fetch = self.fetching()
        return await asyncio.to_thread(
            outside.check_published, outside.HttpLog("http://log.example/log", fetch), trust or self.trust()
        )

    def fetching(self) -> Callable[[str], bytes]:
        loop = asyncio.get_running_loop()
        transport = httpx2.ASGITransport(Starlette(routes=addresses.routes(self.database)))

        async def get(url: str) -> bytes:
            async with httpx2.AsyncClient(transport=transport) as http:
                answer = await http.get(url)
            if answer.status_code != 200:
                raise outside.Unreadable(f"{url}: {answer.status_code}")
            return answer.content

        return lambda url: asyncio.run_coroutine_threadsafe(get(url), loop).result(30)

    async def rewrite(self, *statements: str) -> None:
        """As who holds database and key: change the lines, forget every leaf and head, seal and sign it all anew."""
        await self.tamper(
            *statements,
            *(f"DELETE FROM {table}" for table in OF_THE_TREE),
            "DELETE FROM ledger WHERE kind LIKE 'log.%'",
            "UPDATE ledger SET log_index = NULL, subject_count = NULL, previous = NULL, form = NULL",
        )
        await self.seal()
        await self.cover()


OF_THE_TREE = (
    *("cosignatures", "checkpoints", "log_leaves", "log_nodes"),
    *("subject_heads", "head_roots", "head_leaves", "head_nodes"),
)
