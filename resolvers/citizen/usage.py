"""Who looked at my data: the access log as those read it whom its lines are about."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from auth.policy import reach
from procedures.agencies import agency_name
from resolvers.connections import PageInfo, page_of
from resolvers.context import AppInfo, Context
from resolvers.document import claim_label
from resolvers.procedure import purpose_words
from store.usage import UsageRow, my_data_usage


@strawberry.type(
    description="One line of the access log about the caller. `logIndex` is null until it is sealed."
)
class DataUsage:
    at: datetime
    kind: str
    purpose: str
    claims: list[str]
    legal_basis: str
    article: str | None = strawberry.field(description="Which law has it done, where nobody's consent does.")
    outcome: str
    log_index: int | None
    row: strawberry.Private[UsageRow]

    @classmethod
    def of(cls, row: UsageRow, context: Context) -> "DataUsage":
        labels = [claim_label(context.law, name, context.language) for name in row.claims]
        return cls(
            at=row.at,
            kind=row.kind,
            purpose=purpose_words(context, row.purpose),
            claims=list(dict.fromkeys(labels)),
            legal_basis=row.legal_basis,
            article=row.article,
            outcome=row.outcome,
            log_index=row.log_index,
            row=row,
        )

    @strawberry.field
    async def agency(self, info: AppInfo) -> str:
        if self.row.agency_id is None:
            return ""
        row = await info.context.load.agency.load(self.row.agency_id)
        return agency_name(row, info.context.language) if row is not None else ""


@strawberry.type
class DataUsageEdge:
    node: DataUsage
    cursor: str


@strawberry.type
class DataUsageConnection:
    edges: list[DataUsageEdge]
    page_info: PageInfo


async def data_usage(info: AppInfo, first: int, after: str | None = None) -> DataUsageConnection:
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[UsageRow]:
        async with context.reading() as tx:
            subjects = sorted(reach(context.caller).subjects)
            return await my_data_usage(tx, subjects, int(start) if start else None, limit)

    rows, page = await page_of(
        context.house.cursors, "myDataUsage", first, after, fetch, lambda row: str(row.id)
    )
    edges = [
        DataUsageEdge(node=DataUsage.of(row, context), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return DataUsageConnection(edges=edges, page_info=page.info)
