"""Authorising somebody to act in one's place, by number; taking that on, and ending it from either side."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import strawberry

from auth.caller import Caller, Scope
from auth.proxies import granting
from auth.records import Proxy
from dossiers.proxies import granting as acts
from dossiers.proxies.granting import Grant, note_authorised
from resolvers.connections import PageInfo, global_id, page_of, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.node import Node
from resolvers.problems import UserError
from store.database import Tx

strawberry.enum(
    Scope,
    name="MandateScope",
    description="FILE: prepare, submit and follow filings. READ: see and open papers. CONSENT: agree to disclosures.",
)


@strawberry.enum(description="How a mandate stands.")
class MandateStatus(StrEnum):
    OFFERED = "OFFERED"
    IN_FORCE = "IN_FORCE"
    EXPIRED = "EXPIRED"
    ENDED = "ENDED"


@strawberry.type(
    description="Leave to act in somebody's place; the header `Motlan-Mandate` names it by `id`."
)
class Mandate(Node):
    granted: bool = strawberry.field(description="By the caller; false for one they were named in.")
    name: str | None = strawberry.field(
        description="The other side's. Whoever was named is known by name once they accepted."
    )
    scope: list[Scope]
    status: MandateStatus
    granted_at: datetime
    until: datetime
    accepted_at: datetime | None
    used_at: datetime | None = strawberry.field(description="The first time.")
    ended_at: datetime | None
    proof: strawberry.ID | None = strawberry.field(
        description="The grantor's paper it rests on, for the grantor."
    )

    @classmethod
    def of(cls, row: Proxy, context: Context, names: dict[UUID, str | None]) -> "Mandate":
        granted = row.grantor_id == context.caller.id
        other = row.actor_id if granted else row.grantor_id
        return cls(
            id=global_id("Mandate", row.id),
            granted=granted,
            name=names.get(other) if other is not None else None,
            scope=sorted(Scope(word) for word in row.scope),
            status=_status(row, context.now),
            granted_at=row.granted_at,
            until=row.valid_until,
            accepted_at=row.accepted_at,
            used_at=row.used_at,
            ended_at=row.ended_at,
            proof=global_id("Document", row.proof_id) if granted and row.proof_id is not None else None,
        )


@strawberry.type
class MandateEdge:
    node: Mandate
    cursor: str


@strawberry.type
class MandateConnection:
    edges: list[MandateEdge]
    page_info: PageInfo


@strawberry.input
class GrantMandateInput:
    idempotency_key: UUID
    to: str = strawberry.field(
        description="A citizen's number. Answered alike whether anybody has it; five different ones a day."
    )
    scope: list[Scope]
    until: datetime = strawberry.field(description="At most 365 days from now.")
    proof: strawberry.ID | None = strawberry.field(
        default=None, description="A valid document of the caller's: the notarised mandate."
    )


@strawberry.type
class GrantMandatePayload:
    mandate: Mandate | None
    errors: list[UserError]


@strawberry.input
class AcceptMandateInput:
    idempotency_key: UUID
    mandate: strawberry.ID


@strawberry.type
class AcceptMandatePayload:
    mandate: Mandate | None
    errors: list[UserError]


@strawberry.input
class DeclineMandateInput:
    idempotency_key: UUID
    mandate: strawberry.ID


@strawberry.type
class DeclineMandatePayload:
    mandate: Mandate | None
    errors: list[UserError]


@strawberry.input
class RevokeMandateInput:
    idempotency_key: UUID
    mandate: strawberry.ID


@strawberry.type
class RevokeMandatePayload:
    mandate: Mandate | None
    errors: list[UserError]


async def grant_mandate(info: AppInfo, input: GrantMandateInput) -> GrantMandatePayload:  # noqa: A002
    """Two transactions: the try counts whatever comes of it."""
    context = info.context
    safe, number = context.office.safe, "".join(input.to.split())
    try:
        async with context.writing() as tx:
            await note_authorised(tx, context.caller, number, safe, context.now)
    except Exception as refusal:
        return GrantMandatePayload(mandate=None, errors=[context.problem(refusal)])

    async def do(tx: Tx) -> UUID:
        proof = read_uuid(input.proof, "Document") if input.proof is not None else None
        grant = Grant(number, frozenset(input.scope), input.until, proof)
        return await acts.grant_mandate(tx, context.caller, grant, safe, context.now)

    made, errors = await context.act("grantMandate", input, do)
    return GrantMandatePayload(mandate=await own_mandate(context, made), errors=errors)


async def accept_mandate(info: AppInfo, input: AcceptMandateInput) -> AcceptMandatePayload:  # noqa: A002
    """Take on what one was named for; from the next request on, with the header, it counts."""
    safe = info.context.office.safe

    async def accept(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> UUID:
        return await acts.accept_mandate(tx, caller, mandate, safe, now)

    found, errors = await _change(info.context, "acceptMandate", input, accept)
    return AcceptMandatePayload(mandate=found, errors=errors)


async def decline_mandate(info: AppInfo, input: DeclineMandateInput) -> DeclineMandatePayload:  # noqa: A002
    """Not take it on, or give it up."""
    found, errors = await _change(info.context, "declineMandate", input, acts.decline_mandate)
    return DeclineMandatePayload(mandate=found, errors=errors)


async def revoke_mandate(info: AppInfo, input: RevokeMandateInput) -> RevokeMandatePayload:  # noqa: A002
    """End what one granted: no request begun afterwards opens anything by it."""
    found, errors = await _change(info.context, "revokeMandate", input, acts.revoke_mandate)
    return RevokeMandatePayload(mandate=found, errors=errors)


async def mandates(info: AppInfo, first: int, after: str | None = None) -> MandateConnection:
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[Proxy]:
        async with context.reading() as tx:
            return await granting.mandates(tx, context.caller, UUID(start) if start else None, limit)

    rows, page = await page_of(
        context.house.cursors, "mandates", first, after, fetch, lambda row: str(row.id)
    )
    names = await _names(context, rows)
    edges = [
        MandateEdge(node=Mandate.of(row, context, names), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return MandateConnection(edges=edges, page_info=page.info)


async def own_mandate(context: Context, key: UUID | None) -> Mandate | None:
    """One the caller granted or was named in; None for none."""
    if key is None:
        return None
    async with context.reading() as tx:
        row = await granting.own_mandate(tx, context.caller, key)
    return Mandate.of(row, context, await _names(context, [row]))


Change = Callable[[Tx, Caller, UUID, datetime], Awaitable[UUID]]


async def _change(
    context: Context,
    operation: str,
    given: AcceptMandateInput | DeclineMandateInput | RevokeMandateInput,
    change: Change,
) -> tuple[Mandate | None, list[UserError]]:
    async def do(tx: Tx) -> UUID:
        return await change(tx, context.caller, read_uuid(given.mandate, "Mandate"), context.now)

    made, errors = await context.act(operation, given, do)
    return await own_mandate(context, made), errors


async def _names(context: Context, rows: Sequence[Proxy]) -> dict[UUID, str | None]:
    """What the other sides are called: who granted is known to whoever they named, who accepted to who named them."""
    me = context.caller.id
    others = {row.actor_id if row.grantor_id == me else row.grantor_id for row in rows}
    return await context.names_of({one for one in others if one is not None})


def _status(row: Proxy, now: datetime) -> MandateStatus:
    if row.ended_at is not None:
        return MandateStatus.ENDED
    if row.valid_until <= now:
        return MandateStatus.EXPIRED
    return MandateStatus.IN_FORCE if row.accepted_at is not None else MandateStatus.OFFERED
