"""A person's documents: what they are, what they state, and how papers come in and go out."""

from asyncio import gather
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import strawberry

from dossiers.evidence.corrections import Correction, correct_claim
from procedures.law import Law
from resolvers.connections import PageInfo, global_id, page_of, read_uuid, read_words
from resolvers.context import AppInfo, Context
from resolvers.node import Node
from resolvers.problems import BadInput, UserError
from resolvers.scalars import Json
from store.database import Tx
from vault.documents import my_documents
from vault.holding import Holding, Status
from vault.permission.tickets import Tickets, issue_tickets


@strawberry.type(description="A fact a document states, and where it comes from.")
class Claim:
    name: str
    label: str
    value: Json | None
    source: str
    disputed: bool


@strawberry.type(
    description="Why a document was revoked, and the provision it rests on, as its issuer wrote them."
)
class Revocation:
    reason: str
    legal_basis: str


@strawberry.type(description="A document in the caller's or their ward's vault.")
class Document(Node):
    type: str
    title: str
    status: str
    level: int
    issued_at: date | None
    valid_until: date | None
    version: int
    origin: str
    holding: strawberry.Private[Holding]
    law: strawberry.Private[Law]

    @strawberry.field(description="Null to all but its subject; opened only when asked for.")
    async def claims(self, info: AppInfo) -> list[Claim] | None:
        if self.holding.subject not in info.context.caller.subjects:
            return None
        values = await info.context.load.claims.load(self.holding.version)
        return [
            Claim(
                name=name,
                label=claim_label(self.law, name, info.context.language),
                value=Json(values.get(name)),
                source=self.holding.origin.value,
                disputed=name in self.holding.disputed,
            )
            for name in sorted(self.holding.claims)
        ]

    @strawberry.field(description="Null unless it was revoked; for its subject and its issuer.")
    async def revocation(self, info: AppInfo) -> Revocation | None:
        if self.holding.status is not Status.REVOKED:
            return None
        words = await info.context.load.revocation.load(self.holding.document)
        return Revocation(reason=words["reason"], legal_basis=words["legal_basis"]) if words else None

    @classmethod
    def of(cls, holding: Holding, book: Law, language: str) -> "Document":
        kind = book.document_types.get(holding.type)
        return cls(
            id=global_id("Document", holding.document),
            type=holding.type,
            title=kind.name.in_language(language) if kind is not None else holding.type,
            status=holding.status.value.upper(),
            level=holding.level,
            issued_at=holding.issued_on,
            valid_until=holding.valid_until,
            version=holding.number,
            origin=holding.origin.value.upper(),
            holding=holding,
            law=book,
        )


@strawberry.type
class DocumentEdge:
    node: Document
    cursor: str


@strawberry.type
class DocumentConnection:
    edges: list[DocumentEdge]
    page_info: PageInfo


@strawberry.input
class CorrectClaimInput:
    idempotency_key: UUID
    document: strawberry.ID
    claim: str
    reason: str
    replacement: strawberry.ID | None = None


@strawberry.type
class CorrectClaimPayload:
    document: Document | None
    errors: list[UserError]


@strawberry.input
class OpenDocumentInput:
    idempotency_key: UUID
    document: strawberry.ID


@strawberry.type(
    description="An address that opens the bytes once, within a minute, for the caller alone. The session that used"
    " it may read ranges of what it opened until the minute is over. `thumbnailUrl`: a small picture, drawn anew;"
    " null for what is no picture."
)
class OpenDocumentPayload:
    url: str | None
    thumbnail_url: str | None
    expires_at: datetime | None
    errors: list[UserError]


async def documents(
    info: AppInfo,
    first: int,
    after: str | None = None,
    type: str | None = None,  # noqa: A002
) -> DocumentConnection:
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[Holding]:
        async with context.reading() as tx:
            return await my_documents(tx, context.caller, UUID(start) if start else None, limit, type)

    rows, page = await page_of(
        context.house.cursors, f"documents\0{type or ''}", first, after, fetch, lambda row: str(row.document)
    )
    edges = [
        DocumentEdge(node=Document.of(row, context.law, context.language), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return DocumentConnection(edges=edges, page_info=page.info)


async def document(info: AppInfo, id: strawberry.ID) -> Document | None:  # noqa: A002
    """Null for anything unknown, malformed or somebody else's."""
    try:
        return await own_document(info.context, read_uuid(id, "Document"))
    except BadInput:
        return None


async def own_document(context: Context, key: UUID | None) -> Document | None:
    """One of the caller's own papers; None for everything else."""
    holding = await context.load.document.load(key) if key is not None else None
    return Document.of(holding, context.law, context.language) if holding is not None else None


async def own_documents(context: Context, keys: Iterable[UUID]) -> list[Document]:
    """The caller's own papers among these, together in one batch."""
    found = await gather(*(own_document(context, key) for key in keys))
    return [one for one in found if one is not None]


async def issued_document(context: Context, key: UUID | None) -> Document | None:
    """A paper the caller's agency issued or digitised: what it is, never what it states."""
    holding = await context.load.issued.load(key) if key is not None else None
    return Document.of(holding, context.law, context.language) if holding is not None else None


async def correct(info: AppInfo, input: CorrectClaimInput) -> CorrectClaimPayload:  # noqa: A002
    """Dispute a claim: it leaves planning at once, a correction is opened at its source."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        correction = Correction(
            document=read_uuid(input.document, "Document"),
            claim=input.claim,
            reason=read_words(input.reason, "reason"),
            replacement=read_uuid(input.replacement, "Document") if input.replacement else None,
        )
        return await correct_claim(tx, context.caller, correction, context.office, context.now)

    made, errors = await context.act("correctClaim", input, do)
    return CorrectClaimPayload(document=await own_document(context, made), errors=errors)


async def open_document(info: AppInfo, input: OpenDocumentInput) -> OpenDocumentPayload:  # noqa: A002
    """The bytes leave only when the address is used, and are logged then."""
    context = info.context
    tickets: list[Tickets] = []

    async def do(tx: Tx) -> UUID:
        wanted = read_uuid(input.document, "Document")
        tickets.append(await issue_tickets(tx, context.caller, wanted, context.office.safe, context.now))
        return wanted

    made, errors = await context.act("openDocument", input, do)
    if made is not None and not tickets:
        errors = [context.problem(BadInput("idempotencyKey"))]
    if not tickets:
        return OpenDocumentPayload(url=None, thumbnail_url=None, expires_at=None, errors=errors)
    address, (made_out,) = f"{context.house.public_url}/documents/{input.document}", tickets
    shown = made_out.thumbnail
    return OpenDocumentPayload(
        url=f"{address}/content?ticket={made_out.content.text}",
        thumbnail_url=f"{address}/thumbnail?ticket={shown.text}" if shown else None,
        expires_at=made_out.content.expires_at,
        errors=errors,
    )


def claims_from(given: Json | None) -> dict[str, object]:
    """Raises BadInput for anything but an object."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadInput("claims")
    return {str(name): value for name, value in given.items()}


def claim_label(book: Law, name: str, language: str) -> str:
    concept = book.concepts.get(name.split("@")[0])
    return concept.label.in_language(language) if concept is not None else name
