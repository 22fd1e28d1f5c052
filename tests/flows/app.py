"""What an app on a phone keeps between two looks, and how it follows what changed (docs/clients/phones.md)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

Facts = dict[str, Any]

TRACKING: Final = "urn:vn:eid:tk2:xt1"
VAULT: Final = "urn:vn:eid:tk2:xt2"
TUS: Final = {"Tus-Resumable": "1.0.0"}

FEED: Final = """query($first: Int!, $after: String) { changes(first: $first, after: $after) {
  startAnew pageInfo { hasNextPage endCursor } edges { node { id kind gone } } } }"""

# In one query over several types a name has one type: where two differ, one goes by another.
KEPT: Final[Mapping[str, str]] = {
    "Dossier": """status reference: code version agency createdAt submittedAt dueDate flaggedAt availableMoves
      withdrawalReason results { id } overrides { requirement article text } refusal { reason }
      supplement { dueDate asks { kind reason requirement { id } } }
      requirements { outcome satisfied reason requirement { id }
        evidence { register claims document { id version } } }""",
    "Document": "standing: status type title level origin version issuedAt until: validUntil revocation { reason }",
    "Consent": "state: status purpose recipient validUntil documents { id }",
    "AccessRequest": "state: status agency message expiresAt",
    "Notice": "code text at readAt dossier",
    "Share": "usesLeft expiresAt",
}
"""Everything of each type that is not worked out anew whenever somebody looks."""

NODES: Final = "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename id {} }} }}".format(
    " ".join(f"... on {kind} {{ {fields} }}" for kind, fields in KEPT.items())
)
UNLISTED: Final[Mapping[str, frozenset[str]]] = {
    "AccessRequest": frozenset({"GIVEN", "REFUSED"}),
    "Consent": frozenset({"REQUESTED", "REFUSED"}),
}
"""By `nodes` things come in every state; the lists hold requests that wait and consents that were given."""

LISTS: Final = {
    "myDossiers": "Dossier",
    "myDocuments": "Document",
    "myConsents": "Consent",
    "accessRequests": "AccessRequest",
    "myNotices": "Notice",
}


@dataclass
class App:
    """`ask`: how it asks. `page`: changes it takes at a time. `shares`: those made with it, for no list has them."""

    ask: Callable[..., Awaitable[Facts]]
    page: int = 5
    cursor: str | None = None
    kept: dict[str, Facts] = field(default_factory=dict)
    shares: list[str] = field(default_factory=list)
    read: int = 0
    begun_anew: list[str] = field(default_factory=list)
    """Each time the reason the platform gave."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One look at a time."""

    async def begin(self) -> None:
        """First the cursor, then every list: what changes in between is told once more, and never missed."""
        self.cursor = (await self.ask(FEED, first=1))["changes"]["pageInfo"]["endCursor"]
        self.kept = await self.everything()

    async def everything(self) -> dict[str, Facts]:
        """What a full read gives, every list to its end."""
        found: list[Facts] = []
        for name, kind in LISTS.items():
            query = f"""query($after: String) {{ {name}(first: 20, after: $after) {{
              edges {{ node {{ __typename id {KEPT[kind]} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
            after, more = None, True
            while more:
                page = (await self.ask(query, after=after))[name]
                found += [edge["node"] for edge in page["edges"]]
                after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        if self.shares:
            found += [one for one in (await self.ask(NODES, ids=self.shares))["nodes"] if one is not None]
        return {one["id"]: one for one in found}

    async def look(self) -> None:
        """Every page since the last look: replaced or dropped, one by one."""
        async with self.turn:
            more = True
            while more:
                feed = (await self.ask(FEED, first=self.page, after=self.cursor))["changes"]
                if feed["startAnew"] is not None:
                    self.begun_anew.append(feed["startAnew"])
                    self.cursor, self.kept = feed["pageInfo"]["endCursor"], await self.everything()
                    return
                await self.take([edge["node"] for edge in feed["edges"]])
                self.cursor, more = feed["pageInfo"]["endCursor"], feed["pageInfo"]["hasNextPage"]

    async def take(self, told: Sequence[Facts]) -> None:
        """One page of changes."""
        ids = [one["id"] for one in told]
        fresh = (await self.ask(NODES, ids=ids))["nodes"] if ids else []
        for change, node in zip(told, fresh, strict=True):
            if node is None or change["gone"] or node.get("state") in UNLISTED.get(node["__typename"], ()):
                self.drop(change["id"])
            else:
                self.kept[change["id"]] = node
        self.read += len(told)

    def drop(self, given: str) -> None:
        self.kept.pop(given, None)


async def append(http: httpx2.AsyncClient, address: str, start: int, piece: bytes) -> int:
    """Send one piece by the address alone; how far the upload has got."""
    headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(start)}
    sent = await http.patch(address, content=piece, headers=headers)
    assert sent.status_code == 204, sent.text
    return int(sent.headers["upload-offset"])


async def reached(http: httpx2.AsyncClient, address: str) -> int:
    """How far the upload has got, asked after a cut."""
    answer = await http.head(address, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])
