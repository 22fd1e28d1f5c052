"""What happened to a permission, as its person reads it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from resolvers.connections import PageInfo, global_id, page_of
from resolvers.context import AppInfo, Context
from vault.permission.views import Asked, ConsentHappened


@strawberry.type(
    description="One line of a permission's history: Requested, Given, Used, Withdrawn and so on."
)
class ConsentEvent:
    id: strawberry.ID
    event: str
    at: datetime
    by_recipient: bool = strawberry.field(description="The agency's doing; else its person's.")
    line: strawberry.Private[int | None]

    @strawberry.field(description="Its place in the access log; null until sealed.")
    async def log_index(self, info: AppInfo) -> int | None:
        return await info.context.load.log_index.load(self.line) if self.line is not None else None


@strawberry.type
class ConsentEventEdge:
    node: ConsentEvent
    cursor: str


@strawberry.type
class ConsentEventConnection:
    edges: list[ConsentEventEdge]
    page_info: PageInfo


async def history(context: Context, consent: UUID, first: int, after: str | None) -> ConsentEventConnection:
    """Nothing for one that is not the caller's."""

    async def fetch(start: str | None, limit: int) -> Sequence[ConsentHappened]:
        return await context.load.happened.load(Asked(consent, UUID(start) if start else None, limit))

    rows, page = await page_of(
        context.house.cursors, f"Consent.events:{consent}", first, after, fetch, lambda row: str(row.id)
    )
    edges = [
        ConsentEventEdge(
            node=ConsentEvent(
                id=global_id("ConsentEvent", row.id),
                event=row.event,
                at=row.at,
                by_recipient=row.by_agency,
                line=row.ledger_id,
            ),
            cursor=cursor,
        )
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return ConsentEventConnection(edges=edges, page_info=page.info)
