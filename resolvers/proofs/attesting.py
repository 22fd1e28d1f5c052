"""Proofs over a person's own papers: to print, and for an app to show in part."""

from base64 import b64encode
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import strawberry

from resolvers.connections import global_id, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.problems import BadInput, UserError
from resolvers.scalars import Json
from store.database import Tx
from vault.issuing import attesting
from vault.issuing.attesting import Wanted, WantedCredential
from vault.permission.tickets import issue_attested_ticket


@strawberry.type(
    description="An attestation over the current version of a document, to print beside it. `text` is what the square"
    " says, and what a `.vna` file beside the document's file says. `qrPng`: base64, 300 dots per inch at 0.4 mm a"
    " module. `fileUrl`: the file it speaks of, with a random id in it, once, within a minute; null without a file."
)
class Attestation:
    proof: strawberry.ID = strawberry.field(description="By it `myProofs` and `withdrawProof` know it.")
    text: str
    qr_svg: str
    qr_png: str
    file_url: str | None
    expires_at: datetime


@strawberry.type(
    description="An SD-JWT VC (RFC 9901) with all its disclosures, bound to the app's key, for one showing: the app"
    " leaves out what it does not show, and adds its key binding."
)
class Credential:
    proof: strawberry.ID = strawberry.field(description="By it `myProofs` and `withdrawProof` know it.")
    text: str
    type: str
    expires_at: datetime


@strawberry.input
class AttestDocumentInput:
    idempotency_key: UUID
    document: strawberry.ID
    claims: list[str] | None = strawberry.field(
        default=None, description="What the square shows, besides what is about the document alone."
    )
    valid_days: int | None = strawberry.field(default=None, description="1 to 366; 90 unless said.")


@strawberry.type
class AttestDocumentPayload:
    attestation: Attestation | None
    errors: list[UserError]


@strawberry.input
class IssueCredentialInput:
    idempotency_key: UUID
    document: strawberry.ID
    holder_key: Json = strawberry.field(description="A public JWK on P-256: exactly `kty crv x y`.")


@strawberry.type
class IssueCredentialPayload:
    credential: Credential | None
    errors: list[UserError]


async def attest(info: AppInfo, input: AttestDocumentInput) -> AttestDocumentPayload:  # noqa: A002
    """Nothing of it is kept but that it was made: a replay has nothing to show and says so."""
    context, made = info.context, list[Attestation]()

    async def do(tx: Tx) -> UUID:
        document = read_uuid(input.document, "Document")
        days = input.valid_days if input.valid_days is not None else 90
        wanted = Wanted(document, _shown(context), tuple(input.claims or ()), days)
        safe = context.office.safe
        done = await attesting.attest_document(tx, context.caller, wanted, safe, context.now)
        ticket = None
        if done.has_file:
            ticket = issue_attested_ticket(context.caller, document, done.id, safe, context.now)
        address = f"{context.house.public_url}/documents/{input.document}/attested?ticket="
        made.append(
            Attestation(
                proof=global_id("Proof", done.id),
                text=done.text,
                qr_svg=done.square.svg,
                qr_png=b64encode(done.square.png).decode("ascii"),
                file_url=f"{address}{ticket.text}" if ticket is not None else None,
                expires_at=done.expires_at,
            )
        )
        return done.id

    done, errors = await context.act("attestDocument", input, do)
    if done is not None and not made:
        errors = [context.problem(BadInput("idempotencyKey"))]
    return AttestDocumentPayload(attestation=made[0] if made and not errors else None, errors=errors)


async def issue(info: AppInfo, input: IssueCredentialInput) -> IssueCredentialPayload:  # noqa: A002
    """As `attest`: shown once."""
    context, made = info.context, list[Credential]()

    async def do(tx: Tx) -> UUID:
        document = read_uuid(input.document, "Document")
        wanted = WantedCredential(document, _shown(context), input.holder_key)
        done = await attesting.issue_credential(tx, context.caller, wanted, context.office.safe, context.now)
        proof = global_id("Proof", done.id)
        made.append(Credential(proof=proof, text=done.text, type=done.type, expires_at=done.expires_at))
        return done.id

    done, errors = await context.act("issueCredential", input, do)
    if done is not None and not made:
        errors = [context.problem(BadInput("idempotencyKey"))]
    return IssueCredentialPayload(credential=made[0] if made and not errors else None, errors=errors)


def _shown(context: Context) -> attesting.AlwaysShown:
    kinds = context.law.document_types

    def always_shown(document_type: str) -> Collection[str]:
        kind = kinds.get(document_type)
        return kind.always_shown if kind is not None else ()

    return always_shown
