"""The GraphQL endpoint in this process: the real HTTP face over a real database, callers with real sessions.

Who a caller is and may do is read from the session's rows with each request, as for any browser.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx2
from starlette.applications import Starlette

from api.graphql import GraphQLFace, Rules
from auth.caller import CallerKind
from auth.sessions import SignedIn, open_session
from dossiers.case import Office
from resolvers.connections import Cursors
from resolvers.context import House
from store.database import Actor, Database
from tests.filings import LAWS, FakeRegisters
from vault.safe import Safe

ORIGIN = "http://127.0.0.1:8000"
SIGN_IN = Actor("anonymous")


@dataclass
class Face:
    """`secrets`: the session of each caller by name. A name without one asks as nobody."""

    house: House
    now: datetime
    client: httpx2.AsyncClient
    secrets: dict[str, str] = field(default_factory=dict)

    async def sign_in(self, name: str, kind: CallerKind, holder: UUID) -> None:
        signed_in = SignedIn(kind, holder, "urn:vn:eid:tk2:xt2", self.now)
        async with self.house.database.writing(SIGN_IN) as tx:
            self.secrets[name] = await open_session(tx, signed_in, self.now)

    async def ask(self, caller: str, query: str, variables: Mapping[str, Any] | None = None) -> "Answer":
        headers = {"Origin": ORIGIN, "Accept-Language": "en"}
        if caller in self.secrets:
            headers["Cookie"] = f"motlan={self.secrets[caller]}"
        sent = {"query": query, "variables": dict(variables or {})}
        response = await self.client.post(f"{ORIGIN}/graphql", json=sent, headers=headers)
        return Answer(response.text)


@dataclass(frozen=True)
class Answer:
    """One response, as text and as read."""

    text: str

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text).get("data") or {}
        return found

    @property
    def codes(self) -> list[str]:
        """Codes of the top-level errors."""
        return [error["extensions"]["code"] for error in json.loads(self.text).get("errors", [])]


@asynccontextmanager
async def open_face(
    database: Database, safe: Safe, registers: FakeRegisters, now: datetime
) -> AsyncIterator[Face]:
    house = House(
        database=database,
        office=Office(LAWS, safe),
        registers=registers,  # type: ignore[arg-type]
        cursors=Cursors(b"matrix"),
        public_url=ORIGIN,
    )
    endpoint = GraphQLFace(house, lambda: now, origin=ORIGIN, rules=Rules(open_book=True))
    transport = httpx2.ASGITransport(Starlette(routes=endpoint.routes()))
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        yield Face(house, now, client)
