"""Papers at the desk: evidence opened for a dossier, papers digitised, the person at the counter found."""

from uuid import UUID

import strawberry

from dossiers.desk.opening import Opened, OpenedClaim, OpenedDossier, Opening
from dossiers.desk.opening import open_evidence as open_for_officer
from dossiers.errors import AlreadyHeld
from dossiers.evidence.asks import record_refused_ask
from dossiers.evidence.originals import Showing
from dossiers.evidence.originals import mark_original_seen as see_original
from dossiers.evidence.papers import Paper
from dossiers.evidence.papers import digitise_document as digitise
from dossiers.evidence.papers import identify_subject as identify
from resolvers.connections import global_id, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.desk.moves import DeskPayload
from resolvers.document import Claim, Document, claim_label, claims_from, issued_document
from resolvers.dossier import find_dossier
from resolvers.problems import UserError
from resolvers.procedure import Requirement
from resolvers.scalars import Json
from store.database import Tx
from store.usage import log_indexes


@strawberry.type(
    description="One piece of evidence an officer opened. `logIndex` is null while its line is not sealed, which"
    " happens moments after this answer: `Dossier.openings` has it then."
)
class OpenedEvidence:
    requirement: Requirement
    claims: list[Claim]
    content_url: str | None
    log_index: int | None


@strawberry.input
class OpenEvidenceInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    requirements: list[strawberry.ID]


@strawberry.type
class OpenEvidencePayload:
    applicant: list[Claim] | None
    evidence: list[OpenedEvidence] | None
    errors: list[UserError]


@strawberry.input
class DigitiseDocumentInput:
    idempotency_key: UUID
    subject: strawberry.ID
    upload: strawberry.ID
    type: str
    claims: Json
    dossier: strawberry.ID | None = None


@strawberry.input
class MarkOriginalSeenInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    requirement: strawberry.ID


@strawberry.type
class DigitiseDocumentPayload:
    document: Document | None
    errors: list[UserError]


@strawberry.input
class IdentifySubjectInput:
    idempotency_key: UUID
    citizen_id: str


@strawberry.type
class IdentifySubjectPayload:
    subject: strawberry.ID | None
    errors: list[UserError]


async def open_evidence(info: AppInfo, input: OpenEvidenceInput) -> OpenEvidencePayload:  # noqa: A002
    """Discloses under each row's basis. A replay discloses again, is logged again, and is refused after a
    withdrawal: nothing is answered from memory."""
    context = info.context

    async def do(tx: Tx, replayed: bool) -> tuple[OpenedDossier, int]:
        opening = Opening(read_uuid(input.dossier, "Dossier"), tuple(input.requirements))
        opened = await open_for_officer(tx, context.caller, opening, context.office, context.now)
        return opened, opened.ledger_id

    try:
        opened = await context.disclose("openEvidence", input, do)
    except Exception as error:
        return OpenEvidencePayload(applicant=None, evidence=None, errors=[context.problem(error)])
    dossier = await find_dossier(context, read_uuid(input.dossier, "Dossier"))
    if dossier is None:
        return OpenEvidencePayload(applicant=None, evidence=None, errors=[])
    async with context.reading() as tx:
        indexes = await log_indexes(tx, [one.ledger_id for one in opened.evidence])
    by_id = {one.id: one for one in dossier.book_procedure.requirements}
    return OpenEvidencePayload(
        applicant=[_claim(context, one) for one in opened.applicant],
        evidence=[
            OpenedEvidence(
                requirement=Requirement.of(by_id[one.requirement], context.language),
                claims=[_claim(context, each) for each in one.claims],
                content_url=_content_url(context, one),
                log_index=indexes.get(one.ledger_id),
            )
            for one in opened.evidence
        ],
        errors=[],
    )


async def digitise_document(info: AppInfo, input: DigitiseDocumentInput) -> DigitiseDocumentPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        paper = Paper(
            upload=read_uuid(input.upload, "Upload"),
            type=input.type,
            claims=claims_from(input.claims),
            subject=read_uuid(input.subject, "Subject"),
            dossier=read_uuid(input.dossier, "Dossier") if input.dossier else None,
        )
        return (await digitise(tx, context.caller, paper, context.office, context.now)).document

    async def record(tx: Tx, held: AlreadyHeld) -> None:
        if input.dossier is not None:
            dossier = read_uuid(input.dossier, "Dossier")
            await record_refused_ask(
                tx, context.caller, dossier, held.requirement, context.office, context.now
            )

    made, errors = await context.act_or_record("digitiseDocument", input, do, record)
    return DigitiseDocumentPayload(document=await issued_document(context, made), errors=errors)


async def mark_original_seen(info: AppInfo, input: MarkOriginalSeenInput) -> DeskPayload:  # noqa: A002
    """The paper original was compared with the version held: nobody asks to see it again."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        dossier = read_uuid(input.dossier, "Dossier")
        showing = Showing(dossier, input.expected_version, input.requirement)
        return await see_original(tx, context.caller, showing, context.office, context.now)

    made, errors = await context.act("markOriginalSeen", input, do)
    return DeskPayload(dossier=await find_dossier(context, made), errors=errors)


async def identify_subject(info: AppInfo, input: IdentifySubjectInput) -> IdentifySubjectPayload:  # noqa: A002
    """Find the person at the counter by number; logged and visible to them."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        context.count_try("identifySubject")
        return await identify(tx, context.caller, input.citizen_id, context.office, context.now)

    made, errors = await context.act("identifySubject", input, do)
    subject = global_id("Subject", made) if made is not None else None
    return IdentifySubjectPayload(subject=subject, errors=errors)


def _claim(context: Context, opened: OpenedClaim) -> Claim:
    return Claim(
        name=opened.name,
        label=claim_label(context.law, opened.name, context.language),
        value=Json(opened.value),
        source=opened.source,
        disputed=False,
    )


def _content_url(context: Context, opened: Opened) -> str | None:
    if not opened.has_content:
        return None
    return f"{context.house.public_url}/documents/{global_id('Evidence', opened.evidence)}/content"
