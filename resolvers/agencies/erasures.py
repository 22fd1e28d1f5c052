"""What an agency is asked to erase, and what it answers."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import strawberry

from dossiers.clock import local_day
from dossiers.duties.erasures import acknowledge_erasure as acknowledge
from resolvers.connections import PageInfo, global_id, page_of, read_uuid, read_words
from resolvers.context import AppInfo, Context
from resolvers.problems import BadInput, UserError
from resolvers.procedure import purpose_words
from store.database import Tx
from vault.permission.erasure import Answer, ErasureView, Reply, erasure_for_agency, erasures_asked

strawberry.enum(
    Answer, name="ErasureAnswer", description="EXTENDED and RETAINED say why: a reason, an article of law."
)
_ARTICLE_CHARACTERS = 300


@strawberry.type(
    description="What was handed out under a permission that has ended is to be erased. `status`: ASKED, RECEIVED,"
    " OVERDUE, ERASED or RETAINED."
)
class Erasure:
    id: strawberry.ID
    status: str
    cause: str = strawberry.field(description="WITHDRAWN, or DATA_LIFE: the time is over.")
    asked_at: datetime
    reply_by: date = strawberry.field(description="Two working days.")
    due_on: date
    replied_at: datetime | None
    ended_at: datetime | None
    article: str | None = strawberry.field(description="Why it takes longer, or is kept.")
    consent_id: UUID = strawberry.field(description="`consent_id` of the grant token it was read under.")
    purpose: str
    papers: list[str] = strawberry.field(description="Kinds of papers.")

    @classmethod
    def of(cls, view: ErasureView, context: Context) -> "Erasure":
        language, kinds = context.language, context.law.document_types
        return cls(
            id=global_id("Erasure", view.id),
            status=view.status(local_day(context.now)),
            cause=view.cause.value,
            asked_at=view.asked_at,
            reply_by=view.reply_by,
            due_on=view.due_on,
            replied_at=view.replied_at,
            ended_at=view.ended_at,
            article=view.article,
            consent_id=view.consent,
            purpose=purpose_words(context, view.purpose),
            papers=[
                kinds[one].name.in_language(language) if one in kinds else one for one in view.document_types
            ],
        )


@strawberry.type
class ErasureEdge:
    node: Erasure
    cursor: str


@strawberry.type
class ErasureConnection:
    edges: list[ErasureEdge]
    page_info: PageInfo


@strawberry.input
class AcknowledgeErasureInput:
    idempotency_key: UUID
    erasure: strawberry.ID
    answer: Answer
    article: str | None = None
    third_parties: bool = strawberry.field(
        default=False, description="Others you gave it to must erase it too: twenty days instead of fifteen."
    )


@strawberry.type
class AcknowledgeErasurePayload:
    erasure: Erasure | None
    errors: list[UserError]


async def erasures(info: AppInfo, first: int, after: str | None = None) -> ErasureConnection:
    """What the caller's agency is asked to erase and was, newest first."""
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[ErasureView]:
        async with context.reading() as tx:
            return await erasures_asked(tx, context.caller, UUID(start) if start else None, limit)

    rows, page = await page_of(
        context.house.cursors, "erasures", first, after, fetch, lambda row: str(row.id)
    )
    edges = [
        ErasureEdge(node=Erasure.of(row, context), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return ErasureConnection(edges=edges, page_info=page.info)


async def acknowledge_erasure(
    info: AppInfo,
    input: AcknowledgeErasureInput,  # noqa: A002
) -> AcknowledgeErasurePayload:
    """Say that it is being done, that it takes longer, that it is done, or which law has it kept."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        reply = Reply(input.answer, _article(input), input.third_parties)
        wanted = read_uuid(input.erasure, "Erasure")
        return await acknowledge(tx, context.caller, wanted, reply, context.now)

    made, errors = await context.act("acknowledgeErasure", input, do)
    if made is None:
        return AcknowledgeErasurePayload(erasure=None, errors=errors)
    async with context.reading() as tx:
        view = await erasure_for_agency(tx, context.caller, made)
    return AcknowledgeErasurePayload(erasure=Erasure.of(view, context), errors=errors)


def _article(given: AcknowledgeErasureInput) -> str | None:
    """Raises BadInput where a reason must be given and is not."""
    if given.article is None and given.answer not in (Answer.EXTENDED, Answer.RETAINED):
        return None
    words = read_words(given.article or "", "article")
    if len(words) > _ARTICLE_CHARACTERS:
        raise BadInput("article")
    return words
