"""Asking State databases: one protocol for all of them.

`POST {base}/databases/{database}/evidence` with an evidence request; the reply is a compact JWS (ES256, `typ`
`register-answer+jwt`). What a register gets wrong never harms the person: silence, delay, stale data and lies
all mean DOWN, and down is not missing. Never called inside a writing transaction. Numbers travel in bodies
alone, never in addresses, logs or exceptions.
"""

import asyncio
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2

from connectors.answers import Answer, Probe, RegisterQuery, echo, read_answer
from connectors.errors import RegisterUnreliable

__all__ = ["Answer", "Clocks", "Probe", "RegisterQuery", "Registers", "echo", "open_client"]

TIMEOUT_SECONDS: Final = 2.0
MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_AT_ONCE: Final = 8
HEALTH_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Wall time to judge freshness by, monotonic seconds to keep health by."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic


def open_client() -> httpx2.AsyncClient:
    """A client fit for registers: no proxy or netrc from the environment, no redirects, bounded."""
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=16)
    return httpx2.AsyncClient(trust_env=False, follow_redirects=False, limits=limits)


class Registers:
    """The State databases behind one address.

    `verify` takes a compact JWS and returns its claims or raises: signature, kind, issuer, audience and
    lifetime are its work. `lies` counts lying answers per database, for the metrics.
    """

    def __init__(
        self,
        base_url: str,
        client: httpx2.AsyncClient,
        verify: Callable[[str], Mapping[str, Any]],
        clocks: Clocks | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._client = client
        self._verify = verify
        self._clocks = clocks or Clocks()
        self._timeout = timeout_seconds
        self._health: tuple[float, dict[str, bool]] | None = None
        self._asking_health = asyncio.Lock()
        self._failed: dict[str, float] = {}
        self.lies: Counter[str] = Counter()

    async def ask(self, query: RegisterQuery) -> Answer:
        """Ask one database. Whatever it does, an Answer comes back within the timeout: nothing is raised."""
        request_id = uuid4()
        try:
            token = await self._post(query, request_id)
            answer = read_answer(self._verified(token), query, request_id, self._clocks.now())
        except RegisterUnreliable as failure:
            answer = Answer("DOWN", reason=failure.reason)
        self._note(query.database, answer)
        return answer

    async def ask_all(self, queries: Iterable[RegisterQuery]) -> tuple[Answer, ...]:
        """Answers in the order of the questions, at most eight open at once; a repeated one is asked once."""
        asked = tuple(queries)
        distinct = tuple(dict.fromkeys(asked))
        gate = asyncio.Semaphore(MAX_AT_ONCE)

        async def ask(query: RegisterQuery) -> Answer:
            async with gate:
                return await self.ask(query)

        answers = dict(zip(distinct, await asyncio.gather(*map(ask, distinct)), strict=True))
        return tuple(answers[query] for query in asked)

    async def health(self) -> dict[str, bool]:
        """Which databases answer, by id, at most five seconds old; empty when nothing is known of any.

        Unsigned, and only plans rely on it: a forged "up" costs one question, a forged "down" a wait. A
        database that has just failed a question counts as down whatever it says of itself.
        """
        async with self._asking_health:
            now = self._clocks.monotonic()
            if self._health is None or now - self._health[0] >= HEALTH_SECONDS:
                before = self._health[1] if self._health else {}
                self._health = (now, await self._get_health() or dict.fromkeys(before, False))
            known = self._health[1]
        failed = {name for name, at in self._failed.items() if now - at < HEALTH_SECONDS}
        return {**known, **dict.fromkeys(failed, False)}

    async def _post(self, query: RegisterQuery, request_id: UUID) -> str:
        # An id of the catalogue and nothing else: no question may wander to another path.
        if not _DATABASE.fullmatch(query.database):
            raise RegisterUnreliable("refused")
        request = {
            "id": str(request_id),
            "specificationIdentifier": "motlan-evidence/1",
            "issueDateTime": self._clocks.now().isoformat(),
            "purpose": query.purpose,
            "documentType": query.document_type,
            "subject": {"number": query.number},
        }
        body = await self._fetch("POST", f"/databases/{query.database}/evidence", request)
        return body.decode("ascii", "replace").strip()

    async def _get_health(self) -> dict[str, bool]:
        try:
            databases = json.loads(await self._fetch("GET", "/databases"))["databases"]
            return {name: up is True for name, up in databases.items()}
        except (RegisterUnreliable, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}

    async def _fetch(self, method: str, path: str, request: Mapping[str, Any] | None = None) -> bytes:
        try:
            # One limit over the whole exchange: the client's own are per read, which a slow drip never meets.
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(
                    method,
                    self._base + path,
                    json=request,
                    headers={"Accept-Encoding": "identity"},
                    follow_redirects=False,
                    timeout=self._timeout,
                ) as response,
            ):
                if response.status_code != 200:
                    raise RegisterUnreliable("unreachable" if response.status_code >= 500 else "refused")
                return await _read_bounded(response)
        except (TimeoutError, httpx2.TimeoutException):
            raise RegisterUnreliable("timeout") from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL):
            raise RegisterUnreliable("unreachable") from None

    def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            return self._verify(token)
        except Exception:  # whatever a hostile token does to its verifier, the register sent it
            raise RegisterUnreliable("lying") from None

    def _note(self, database: str, answer: Answer) -> None:
        if answer.probe != "DOWN":
            self._failed.pop(database, None)
            return
        self._failed[database] = self._clocks.monotonic()
        if answer.reason == "lying":
            self.lies[database] += 1
            log.error("register %s gave an answer that cannot be trusted", database)
        else:
            log.warning("register %s is down: %s", database, answer.reason)


_DATABASE = re.compile(r"[a-z0-9-]{1,80}")


async def _read_bounded(response: httpx2.Response) -> bytes:
    # Bytes as they came: decoding would let a small compressed body become a large one before it is counted.
    body = bytearray()
    async for piece in response.aiter_raw(16 * 1024):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise RegisterUnreliable("oversize")
    return bytes(body)
