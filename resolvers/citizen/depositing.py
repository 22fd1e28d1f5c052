"""Papers on their way in: an announced upload, then the document made of it."""

from datetime import datetime
from uuid import UUID

import strawberry

from dossiers.errors import AlreadyHeld
from dossiers.evidence.asks import record_refused_upload
from dossiers.evidence.papers import Paper, announce_upload
from dossiers.evidence.papers import add_document as deposit_paper
from resolvers.connections import global_id, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.document import Document, claims_from, own_document
from resolvers.dossier import Dossier, find_dossier
from resolvers.problems import BadInput, UserError
from resolvers.scalars import Json
from store.database import Tx
from vault.intake.inspection import LARGEST_BYTES, MEDIA_TYPES
from vault.intake.uploads import Announcement


@strawberry.type(
    description="Where to send the bytes before it expires: by tus 1.0, resumable, or all at once by PUT."
    " The address alone is the permission: it outlives the session and is shown once."
)
class Upload:
    id: strawberry.ID
    url: str
    expires_at: datetime
    allowed_types: list[str]
    max_bytes: int


@strawberry.input
class CreateUploadInput:
    idempotency_key: UUID
    file_name: str = strawberry.field(
        description="Shown back to nobody and not kept: names of files name people."
    )
    media_type: str
    size_bytes: int
    sha256: str = strawberry.field(description="Hexadecimal SHA-256 of the bytes.")
    type: str
    dossier: strawberry.ID | None = None
    requirement: strawberry.ID | None = None
    on_behalf_of: strawberry.ID | None = None


@strawberry.type
class CreateUploadPayload:
    upload: Upload | None
    errors: list[UserError]


@strawberry.input
class AddDocumentInput:
    idempotency_key: UUID
    upload: strawberry.ID
    type: str
    claims: Json | None = None
    on_behalf_of: strawberry.ID | None = None
    dossier: strawberry.ID | None = None
    requirement: strawberry.ID | None = None


@strawberry.type
class AddDocumentPayload:
    document: Document | None
    dossier: Dossier | None
    errors: list[UserError]


async def create_upload(info: AppInfo, input: CreateUploadInput) -> CreateUploadPayload:  # noqa: A002
    """Announce a file. Refused at once when what it is for is held already.

    The address holds a secret shown once: a replay under the same key cannot show it again and is refused.
    """
    return await announce(info.context, input)


async def announce(context: Context, input: CreateUploadInput) -> CreateUploadPayload:  # noqa: A002
    """What `createUpload` does, for whoever asks it: the schema or `POST /uploads`."""
    made: list[Upload] = []

    async def do(tx: Tx) -> UUID:
        announced = await announce_upload(
            tx, context.caller, _announcement(context, input), context.office, context.now
        )
        made.append(
            Upload(
                id=global_id("Upload", announced.id),
                url=f"{context.house.public_url}/uploads/{announced.id}?key={announced.secret}",
                expires_at=announced.expires_at,
                allowed_types=sorted(MEDIA_TYPES),
                max_bytes=LARGEST_BYTES,
            )
        )
        return announced.id

    async def record(tx: Tx, held: AlreadyHeld) -> None:
        if input.dossier is not None:
            dossier = read_uuid(input.dossier, "Dossier")
            await record_refused_upload(
                tx, context.caller, dossier, held.requirement, context.office, context.now
            )

    replayed, errors = await context.act_or_record("createUpload", input, do, record)
    if replayed is not None and not made:
        errors = [context.problem(BadInput("idempotencyKey"))]
    return CreateUploadPayload(upload=made[0] if made else None, errors=errors)


async def add_document(info: AppInfo, input: AddDocumentInput) -> AddDocumentPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        paper = Paper(
            upload=read_uuid(input.upload, "Upload"),
            type=input.type,
            claims=claims_from(input.claims),
            subject=read_uuid(input.on_behalf_of, "Subject") if input.on_behalf_of else None,
            dossier=read_uuid(input.dossier, "Dossier") if input.dossier else None,
            requirement=input.requirement,
        )
        return (await deposit_paper(tx, context.caller, paper, context.office, context.now)).document

    made, errors = await context.act("addDocument", input, do)
    filed = read_uuid(input.dossier, "Dossier") if made is not None and input.dossier else None
    return AddDocumentPayload(
        document=await own_document(context, made), dossier=await find_dossier(context, filed), errors=errors
    )


def sha256_from(text: str) -> bytes:
    """Raises BadInput unless it is 64 hexadecimal digits."""
    try:
        digest = bytes.fromhex(text)
    except ValueError as unreadable:
        raise BadInput("sha256") from unreadable
    if len(digest) != 32:
        raise BadInput("sha256")
    return digest


def _announcement(context: Context, given: CreateUploadInput) -> Announcement:
    subject = read_uuid(given.on_behalf_of, "Subject") if given.on_behalf_of else context.caller.principal
    if subject is None:
        raise BadInput("onBehalfOf")
    return Announcement(
        type=given.type,
        media_type=given.media_type,
        size_bytes=given.size_bytes,
        sha256=sha256_from(given.sha256),
        subject=subject,
        dossier=read_uuid(given.dossier, "Dossier") if given.dossier else None,
        requirement=given.requirement,
    )
