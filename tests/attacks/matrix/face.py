"""The GraphQL endpoint in this process: the real HTTP face over a real database, callers with real sessions.

Who a caller is and may do is read from the session's rows with each request, as for any browser; a grant's from
its token, shown with a proof as any system shows one.
"""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette

from api.graphql import GraphQLFace, Rules
from api.metrics import Metrics
from auth.apps.access import Gate
from auth.apps.proofs import Nonces
from auth.caller import CallerKind
from auth.sessions import SignedIn, open_session
from auth.signing import SigningKey
from auth.systems.grants import Terms
from auth.tokens import Tokens
from connectors.outward import Outward
from connectors.push import Pushes
from dossiers.case import Office
from resolvers.connections import Cursors
from resolvers.context import House
from store.database import Actor, Database
from tests.filings import LAWS, FakeRegisters
from tests.flows.phone import b64_sha256
from vault.safe import Safe

ORIGIN = "http://127.0.0.1:8000"
SIGN_IN = Actor("anonymous")


@dataclass
class Face:
    """`secrets`: the session of each caller by name; `grants`: tokens. A name without either asks as nobody."""

    house: House
    now: datetime
    client: httpx2.AsyncClient
    gate: Gate
    mandate: str | None = None
    """By which whoever asks does so in another's place."""
    secrets: dict[str, str] = field(default_factory=dict)
    grants: dict[str, str] = field(default_factory=dict)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    def let(self, name: str, terms: Terms) -> None:
        """Give the system of this name a grant token, as the token endpoint would."""
        details = terms.to_details(self.gate.audience)
        token = self.gate.grant_token(name, self.key.thumbprint(), terms.subject, details, self.now)
        self.grants[name] = token

    async def sign_in(self, name: str, kind: CallerKind, holder: UUID) -> None:
        signed_in = SignedIn(kind, holder, "urn:vn:eid:tk2:xt3", self.now)
        async with self.house.database.writing(SIGN_IN) as tx:
            self.secrets[name] = await open_session(tx, signed_in, self.now)

    async def ask(self, caller: str, query: str, variables: Mapping[str, Any] | None = None) -> "Answer":
        headers = {"Origin": ORIGIN, "Accept-Language": "en"}
        if caller in self.secrets:
            headers["Cookie"] = f"motlan={self.secrets[caller]}"
        if caller in self.grants:
            token = self.grants[caller]
            headers |= {"Authorization": f"DPoP {token}", "DPoP": self._proof(token)}
        if self.mandate is not None:
            headers["Motlan-Mandate"] = self.mandate
        sent = {"query": query, "variables": dict(variables or {})}
        response = await self.client.post(f"{ORIGIN}/graphql", json=sent, headers=headers)
        return Answer(response.text)

    def _proof(self, token: str) -> str:
        public = {k: str(v) for k, v in self.key.as_dict(private=False).items() if k != "kid"}
        claims = {
            "jti": secrets.token_urlsafe(12),
            "htm": "POST",
            "htu": f"{ORIGIN}/graphql",
            "iat": int(self.now.timestamp()),
            "ath": b64_sha256(token.encode()),
            "nonce": self.gate.nonces.current(self.now),
        }
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, claims, self.key)


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
    tokens = Tokens(ORIGIN, SigningKey.generate())
    gate = Gate(tokens, Nonces(b"matrix"), audience=f"{ORIGIN}/graphql", secret=b"pairwise")
    house = House(
        database=database,
        office=Office(LAWS, safe),
        registers=registers,  # type: ignore[arg-type]
        cursors=Cursors(b"matrix"),
        public_url=ORIGIN,
        gate=gate,
        version="0.0.0",
        min_client_version="1.2",
        pushes=Pushes(Outward(httpx2.AsyncClient(trust_env=False)), lambda origin: "", "BPlanted"),
    )
    endpoint = GraphQLFace(house, lambda: now, Metrics(), Rules(open_book=True))
    transport = httpx2.ASGITransport(Starlette(routes=endpoint.routes()))
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        yield Face(house, now, client, gate)
