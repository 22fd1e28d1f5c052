"""The once-only promise in figures: recounted from what happened, each opening to the dossiers it is made of.

Nothing personal is in a figure: counts and ids of dossiers, which their own loaders judge anew when opened.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

import strawberry

from dossiers.figures.mismatches import find_mismatches
from dossiers.figures.recount import Counted, Figure, counted_dossiers, recount
from resolvers.connections import PageInfo, global_id, page_of
from resolvers.context import AppInfo, Context

strawberry.enum(Figure, name="OnceOnlyFigure", description="A figure of the recount.")


@strawberry.type(description="The recount's figures of one dossier, or of all within reach.")
class OnceOnlyCounts:
    asked_again: int = strawberry.field(
        description="Times a person was asked for what was held, or readable in a register, at that moment."
    )
    asked_while_down: int = strawberry.field(
        description="Times a person was asked, without a reason given, while a register was merely down."
    )
    with_reason: int = strawberry.field(
        description="Overrides, and asks on a legal reason: a fallback, a register down too long."
    )
    declined_reuse: int = strawberry.field(description="Reuse the person themself declined.")
    unfit: int = strawberry.field(
        description="Versions an officer called unreadable, wrong or beside the point."
    )
    supplied: int = strawberry.field(description="Papers handed in here first, which could serve elsewhere.")
    case_bound: int = strawberry.field(description="Papers handed in that belong to their case alone.")
    reused: int = strawberry.field(
        description="Requirements met by papers from before the dossier was opened."
    )
    reused_self: int
    reused_digitised: int
    reused_issued: int
    fetched: int = strawberry.field(description="Requirements met by a register's answer.")
    refused_asks: int = strawberry.field(description="Attempts to ask again that were refused.")
    refused_uploads: int = strawberry.field(description="Uploads refused because the paper was held.")

    @classmethod
    def of(cls, counts: Mapping[Figure, int]) -> "OnceOnlyCounts":
        return cls(**{figure.value: amount for figure, amount in counts.items()})


@strawberry.type(description="A dossier behind a figure. Open it by `node`.")
class CountedDossier:
    id: strawberry.ID
    amount: int

    @classmethod
    def of(cls, counted: Counted) -> "CountedDossier":
        return cls(id=global_id("Dossier", counted.dossier), amount=counted.amount)


@strawberry.type
class CountedDossierEdge:
    node: CountedDossier
    cursor: str


@strawberry.type
class CountedDossierConnection:
    edges: list[CountedDossierEdge]
    page_info: PageInfo


@strawberry.type(
    description="Whether people were asked once only: in a person's and their wards' dossiers, or an agency's."
)
class OnceOnlyFigures:
    @strawberry.field
    async def counts(self, info: AppInfo) -> OnceOnlyCounts:
        context = info.context
        async with context.reading() as tx:
            return OnceOnlyCounts.of(await recount(tx, context.caller))

    @strawberry.field(description="The dossiers a figure is made of, newest first.")
    async def dossiers(
        self, info: AppInfo, figure: Figure, first: int, after: str | None = None
    ) -> CountedDossierConnection:
        context = info.context

        async def fetch(start: str | None, limit: int) -> Sequence[Counted]:
            async with context.reading() as tx:
                before = UUID(start) if start else None
                return await counted_dossiers(tx, context.caller, figure, before, limit)

        return await _connection(context, f"onceOnly\0{figure.value}", first, after, fetch)

    @strawberry.field(
        description="Submitted dossiers whose stored plan counts otherwise than the recount, newest first;"
        " `amount` is how many of the counts differ."
    )
    async def mismatches(
        self, info: AppInfo, first: int, after: str | None = None
    ) -> CountedDossierConnection:
        context = info.context

        async def fetch(start: str | None, limit: int) -> Sequence[Counted]:
            async with context.reading() as tx:
                return await find_mismatches(tx, context.caller, UUID(start) if start else None, limit)

        return await _connection(context, "mismatches", first, after, fetch)


def once_only(info: AppInfo) -> OnceOnlyFigures:
    """Figures over the caller's reach; each is counted only when asked for."""
    return OnceOnlyFigures()


async def counts_of(context: Context, dossier: UUID) -> OnceOnlyCounts:
    """The figures of one dossier; together with those of others a list shows."""
    return OnceOnlyCounts.of(await context.load.once_only.load(dossier))


async def _connection(
    context: Context,
    listing: str,
    first: int,
    after: str | None,
    fetch: Callable[[str | None, int], Awaitable[Sequence[Counted]]],
) -> CountedDossierConnection:
    cursors = context.house.cursors
    rows, page = await page_of(cursors, listing, first, after, fetch, lambda row: str(row.dossier))
    edges = [
        CountedDossierEdge(node=CountedDossier.of(row), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return CountedDossierConnection(edges=edges, page_info=page.info)
