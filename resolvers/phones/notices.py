"""What somebody was told, and what of it still waits."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from dossiers import views
from dossiers.notices import mark_read
from dossiers.phones.attention import attention as count_attention
from dossiers.records import Notice as NoticeRow
from resolvers.connections import MAX_PAGE, PageInfo, global_id, page_of, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.node import Node
from resolvers.problems import BadInput, UserError
from resolvers.wording import notice_words
from store.database import Tx


@strawberry.type(
    description="What waits on an officer's desk, by what their roles let them do; each at most 99."
)
class DeskAttention:
    to_receive: int
    to_assign: int
    mine: int = strawberry.field(description="Being processed by the caller.")
    to_return: int = strawberry.field(description="Decided, and the result not yet handed over.")
    overdue: int = strawberry.field(description="Under way at the agency past the due day.")


@strawberry.type(description="How much waits for the caller; each at most 99, which reads: 99 or more.")
class Attention:
    notices: int = strawberry.field(description="Unread.")
    requests: int = strawberry.field(description="Approvals of their own disclosure somebody waits for.")
    dossiers: int = strawberry.field(description="Filings that were asked for something more.")
    results: int = strawberry.field(description="Filings whose end they have not read of yet.")
    desk: DeskAttention | None


@strawberry.type(description="Something the caller was told.")
class Notice(Node):
    code: str
    text: str
    at: datetime
    read_at: datetime | None = strawberry.field(description="Null while it waits.")
    dossier: strawberry.ID | None

    @classmethod
    def of(cls, row: NoticeRow, language: str) -> "Notice":
        params = {key: str(value) for key, value in row.params.items()}
        return cls(
            id=global_id("Notice", row.id),
            code=row.code,
            text=notice_words(row.code, language, params),
            at=row.at,
            read_at=row.read_at,
            dossier=global_id("Dossier", row.dossier_id) if row.dossier_id is not None else None,
        )


@strawberry.type
class NoticeEdge:
    node: Notice
    cursor: str


@strawberry.type
class NoticeConnection:
    edges: list[NoticeEdge]
    page_info: PageInfo


@strawberry.input
class MarkNoticesReadInput:
    idempotency_key: UUID
    notices: list[strawberry.ID] = strawberry.field(description="At most a hundred.")


@strawberry.type
class MarkNoticesReadPayload:
    notices: list[Notice]
    errors: list[UserError]


async def attention(info: AppInfo) -> Attention:
    """A constant number of statements, whatever waits."""
    context = info.context
    async with context.reading() as tx:
        found = await count_attention(tx, context.caller, context.now)
    desk = found.desk
    return Attention(
        notices=found.notices,
        requests=found.requests,
        dossiers=found.dossiers,
        results=found.results,
        desk=DeskAttention(
            to_receive=desk.to_receive,
            to_assign=desk.to_assign,
            mine=desk.mine,
            to_return=desk.to_return,
            overdue=desk.overdue,
        )
        if desk is not None
        else None,
    )


async def notices(info: AppInfo, first: int, after: str | None = None) -> NoticeConnection:
    context: Context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[NoticeRow]:
        async with context.reading() as tx:
            return await views.my_notices(tx, context.caller, UUID(start) if start else None, limit)

    rows, page = await page_of(context.house.cursors, "notices", first, after, fetch, lambda row: str(row.id))
    edges = [
        NoticeEdge(node=Notice.of(row, context.language), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return NoticeConnection(edges=edges, page_info=page.info)


async def own_notice(context: Context, key: UUID) -> Notice | None:
    row = await context.load.notice.load(key)
    return Notice.of(row, context.language) if row is not None else None


async def mark_notices_read(info: AppInfo, input: MarkNoticesReadInput) -> MarkNoticesReadPayload:  # noqa: A002
    """These need no attention any more. One that is not the caller's refuses them all."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        if not 0 < len(input.notices) <= MAX_PAGE:
            raise BadInput("notices")
        wanted = list(dict.fromkeys(read_uuid(one, "Notice") for one in input.notices))
        await mark_read(tx, context.caller, wanted, context.now)
        return wanted[0]

    made, errors = await context.act("markNoticesRead", input, do)
    marked = [await own_notice(context, read_uuid(one, "Notice")) for one in input.notices] if made else []
    return MarkNoticesReadPayload(notices=[one for one in marked if one is not None], errors=errors)
