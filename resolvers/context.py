"""One request's context: who asks, at what moment, and the ways into the database.

Carries no session: each root field and each loader batch opens its own transaction, because three aliased root
fields on one connection pass with a warm pool and fail with a cold one.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

import rfc8785
from strawberry.types import Info

from auth.allowances import Allowances
from auth.apps.access import Gate
from auth.assurance import SIGNED_IN
from auth.caller import Caller
from auth.errors import AccessDenied, NotFound
from auth.policy import reach
from connectors.push import Pushes
from connectors.registers import Registers
from connectors.webhooks import Webhooks
from dossiers.case import Office
from dossiers.clock import local_day
from dossiers.errors import AlreadyHeld, EvidenceGone
from procedures.law import Law
from resolvers.connections import Cursors
from resolvers.loaders import Loaders
from resolvers.problems import UserError, shaped
from store import ledger
from store.database import Actor, Database, Tx
from store.past_requests import Past, recall, remember
from vault.errors import ClaimUnknown, ConsentMissing, DocumentNotUsable, GrantSpent
from vault.subjects import profiles_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class House:
    """What the composition root built once and every request shares."""

    database: Database
    office: Office
    registers: Registers
    cursors: Cursors
    public_url: str
    allowances: Allowances = field(default_factory=Allowances)
    gate: Gate | None = None
    """Where apps show their tokens; without one, every token is refused."""
    app_names: Callable[[str], str] = str
    """What people call an app, by its id."""
    version: str = ""
    min_client_version: str = "0"
    """The oldest app still served."""
    pushes: Pushes | None = None
    """What wakes devices; without it none can be registered."""
    webhooks: Webhooks | None = None
    """What calls agencies' systems; without it none is called."""
    content_url: str = ""
    """The origin originals are served at; empty where they come from `public_url`."""


@dataclass(slots=True)
class Context:
    """`now` is fixed once per request, so that everything in it happens at one moment. `address` is where it comes
    from; it tells callers nobody knows apart and is kept nowhere."""

    house: House
    caller: Caller
    now: datetime
    request_id: str
    address: str = ""
    refusals: list[str] = field(default_factory=list)
    """Codes of refusals shaped into payloads, for the metrics."""
    _loaders: Loaders | None = None

    @property
    def office(self) -> Office:
        return self.house.office

    @property
    def law(self) -> Law:
        """The law of today, in whose words refusals are told."""
        return self.house.office.laws.on(local_day(self.now))

    @property
    def language(self) -> str:
        return self.caller.language

    @property
    def load(self) -> Loaders:
        if self._loaders is None:
            self._loaders = Loaders(self.reading, self.caller, self.office, self.now)
        return self._loaders

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        async with self.house.database.reading(self.caller.actor) as tx:
            yield tx

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Tx]:
        """Commits on leaving. A refusal rolls everything back, so what was tried is written to the log on its own.

        Raises Unauthenticated before anything is looked for: whose session has ended is told so, not that their
        things are gone.
        """
        reach(self.caller, SIGNED_IN)
        begun: Tx | None = None
        try:
            async with self.house.database.writing(self.caller.actor, self.request_id) as tx:
                begun = tx
                yield tx
            # What was loaded before the change must not answer for what came after it.
            self._loaders = None
        except TRIED as refusal:
            await self._log_refusal(refusal, ledger.attempted(begun) if begun is not None else None)
            raise

    async def act(
        self, operation: str, given: Any, do: Callable[[Tx], Awaitable[UUID]]
    ) -> tuple[UUID | None, list[UserError]]:
        """One mutation in one transaction, at most once per idempotency key.

        Returns what it made, or the shaped refusal; the refusal has rolled everything back. A replay of the same
        request is answered from the rows as they stand.
        """
        return await self._act(operation, given, do, None)

    async def act_or_record(
        self,
        operation: str,
        given: Any,
        do: Callable[[Tx], Awaitable[UUID]],
        record: Callable[[Tx, AlreadyHeld], Awaitable[None]],
    ) -> tuple[UUID | None, list[UserError]]:
        """As `act`; an AlreadyHeld has rolled everything back, so it is recorded in a transaction of its own."""
        return await self._act(operation, given, do, record)

    async def _act(
        self,
        operation: str,
        given: Any,
        do: Callable[[Tx], Awaitable[UUID]],
        record: Callable[[Tx, AlreadyHeld], Awaitable[None]] | None,
    ) -> tuple[UUID | None, list[UserError]]:
        try:
            async with self.writing() as tx:
                past = self._past(operation, given)
                before = await recall(tx, past)
                if before is not None:
                    return before.made, []
                made = await do(tx)
                await remember(tx, past, made, None, self.now)
            return made, []
        except Exception as error:
            face = self.problem(error)
            if record is not None and isinstance(error, AlreadyHeld):
                async with self.writing() as tx:
                    await record(tx, error)
            return None, [face]

    async def disclose(
        self, operation: str, given: Any, do: Callable[[Tx, bool], Awaitable[tuple[T, int]]]
    ) -> T:
        """One disclosure: `do` gets whether it is a replay, and returns what it discloses with its log line.

        Only the request's hash and the line are kept: a replay discloses anew under today's permission, spends
        nothing twice and is refused after a withdrawal. Raises refusals as they come.
        """
        async with self.writing() as tx:
            past = self._past(operation, given)
            before = await recall(tx, past)
            found, ledger_id = await do(tx, before is not None)
            if before is None:
                await remember(tx, past, None, ledger_id, self.now)
            return found

    async def names_of(self, known: Collection[UUID]) -> dict[UUID, str | None]:
        """What people are called whom the caller knows: themself, and who a mandate they can see ties to them. The
        sight this takes is of these alone, and of nothing else about them."""
        if not known:
            return {}
        seen = self.caller.actor
        sight = Actor(seen.kind, seen.id, seen.agency, tuple(sorted(known)))
        async with self.house.database.reading(sight) as tx:
            profiles = await profiles_of(tx, known, self.office.safe)
        return {subject: profile.name for subject, profile in profiles.items()}

    def problem(self, error: Exception) -> UserError:
        """The payload face of a refusal. Anything without one goes on up."""
        face = shaped(error, self.language, self.law)
        if face is None:
            raise error
        self.refusals.append(face.code)
        return face

    @property
    def caller_key(self) -> str:
        return f"{self.caller.kind.value}:{self.caller.id or ''}"

    def count_try(self, field: str) -> None:
        """One try at what could be guessed, for every time the field is resolved. Raises RateLimited."""
        whose = self.caller_key if self.caller.id is not None else f"{self.caller_key}{self.address}"
        self.house.allowances.spend(field, whose, self.now)

    def _past(self, operation: str, given: Any) -> Past:
        # Keyed: the idempotency key lies beside it, so a plain digest of a citizen's number would be found by
        # trying every number.
        # In another's place it is another request: its answer is not given where the mandate is not named again.
        under = f"{self.caller.delegation.id}:" if self.caller.delegation is not None else ""
        digest = self.office.safe.keys.index("request", under + request_hash(given).hex())
        return Past(self.caller_key, operation, given.idempotency_key, digest)

    async def _log_refusal(self, refusal: Exception, tried: ledger.Entry | None) -> None:
        if tried is not None:
            # What the policy says of a denial is for the log alone, and more than its code.
            why = refusal.reason if isinstance(refusal, AccessDenied) else getattr(refusal, "code", "")
            entry = replace(tried, reason=str(why))
        elif isinstance(refusal, AccessDenied):
            # What was tried in somebody's place is theirs to read too.
            under = self.caller.delegation
            whose, purpose = (under.grantor, f"mandate:{under.id}") if under is not None else (None, "")
            entry = ledger.Entry("access.denied", whose, "DENIED", purpose, "NONE", reason=refusal.reason)
        else:
            return
        async with self.house.database.writing(self.caller.actor, self.request_id) as tx:
            await ledger.record(tx, self.caller.actor, entry, self.now)


TRIED = (AccessDenied, NotFound, ConsentMissing, DocumentNotUsable, ClaimUnknown, GrantSpent, EvidenceGone)
"""Refusals that are somebody's answer about somebody's data, and so for that person to read."""

AppInfo = Info[Context, None]


def request_hash(given: Any) -> bytes:
    """SHA-256 of the canonical JSON of an input, whatever order its fields came in. Never stored as it is."""
    return hashlib.sha256(rfc8785.dumps(_canonical(given))).digest()


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _canonical(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(one) for one in value]
    if isinstance(value, Enum):
        return value.name
    if hasattr(value, "__strawberry_definition__"):
        return {key: _canonical(one) for key, one in vars(value).items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
