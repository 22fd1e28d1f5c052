"""Codes a citizen hands over, and their verification by an agency's officer."""

from datetime import datetime
from uuid import UUID

import segno
import strawberry

from auth.errors import AccessDenied
from procedures.agencies import agency_by_code, agency_name
from resolvers.connections import global_id, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.document import Claim, claim_label
from resolvers.node import Node
from resolvers.problems import BadInput, UserError
from resolvers.scalars import Json
from store.database import Tx
from vault.sharing import shares
from vault.sharing.shares import NewShare, ShareView
from vault.sharing.verification import Verdict as VaultVerdict
from vault.sharing.verification import redeem


@strawberry.type(description="A code for one document: chosen claims, counted uses. `code` is shown once.")
class Share(Node):
    code: str | None
    url: str
    qr_svg: str
    expires_at: datetime
    uses_left: int

    @classmethod
    def of(cls, view: ShareView, code: str | None, public_url: str) -> "Share":
        url = f"{public_url}/verify/{code}" if code is not None else f"{public_url}/verify"
        return cls(
            id=global_id("Share", view.id),
            code=code,
            url=url,
            qr_svg=segno.make(url, error="q").svg_inline(scale=4) if code is not None else "",
            expires_at=view.expires_at,
            uses_left=view.uses_left,
        )


@strawberry.type(description="Four findings kept apart; `valid` only when all are good.")
class Verdict:
    valid: bool
    signature: str
    issuer_authority: str
    status: str
    freshness: str
    reason: str | None
    claims: list[Claim]
    document_type: str | None
    issuer: str | None


@strawberry.input
class CreateShareInput:
    idempotency_key: UUID
    document: strawberry.ID
    claims: list[str] | None = None
    audience: str | None = strawberry.field(
        default=None, description="An agency's code: nobody else may redeem."
    )
    max_uses: int | None = None
    expires_in_seconds: int | None = None


@strawberry.type
class CreateSharePayload:
    share: Share | None
    errors: list[UserError]


@strawberry.input
class RevokeShareInput:
    idempotency_key: UUID
    share: strawberry.ID


@strawberry.type
class RevokeSharePayload:
    share: Share | None
    errors: list[UserError]


@strawberry.input
class VerifyDocumentInput:
    idempotency_key: UUID
    code: str | None = strawberry.field(
        default=None, description="Left out with a grant token, which names it."
    )


@strawberry.type
class VerifyDocumentPayload:
    verdict: Verdict | None
    errors: list[UserError]


async def create_share(info: AppInfo, input: CreateShareInput) -> CreateSharePayload:  # noqa: A002
    """A replay under the same key shows the share without its code: only its hash is kept."""
    context = info.context
    codes: list[str] = []

    async def do(tx: Tx) -> UUID:
        wanted = NewShare(
            document=read_uuid(input.document, "Document"),
            claims=tuple(input.claims or ()),
            audience=await _audience(tx, input.audience),
            max_uses=input.max_uses if input.max_uses is not None else 1,
            expires_in_seconds=input.expires_in_seconds if input.expires_in_seconds is not None else 600,
        )
        made = await shares.create_share(tx, context.caller, wanted, context.office.safe, context.now)
        codes.append(made.code)
        return made.share.id

    made, errors = await context.act("createShare", input, do)
    return CreateSharePayload(
        share=await own_share(context, made, codes[0] if codes else None), errors=errors
    )


async def revoke_share(info: AppInfo, input: RevokeShareInput) -> RevokeSharePayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        share = read_uuid(input.share, "Share")
        await shares.revoke_share(tx, context.caller, share, context.now)
        return share

    made, errors = await context.act("revokeShare", input, do)
    return RevokeSharePayload(share=await own_share(context, made), errors=errors)


async def verify_document(info: AppInfo, input: VerifyDocumentInput) -> VerifyDocumentPayload:  # noqa: A002
    """Spends a use whatever the verdict: a failed check is a result, not a refusal, so that it commits.

    A replay is judged anew without spending another use.
    """
    context = info.context

    async def do(tx: Tx, replayed: bool) -> tuple[VaultVerdict, int]:
        if input.code is None and context.caller.grant is None:
            raise BadInput("code")
        if input.code is not None and context.caller.grant is not None:
            raise AccessDenied("grant")  # it is for the one code it names, whatever else is known
        verdict = await redeem(
            tx, context.caller, input.code, context.office.safe, context.now, replayed=replayed
        )
        return verdict, verdict.ledger_id

    try:
        context.count_try("verifyDocument")
        found = await context.disclose("verifyDocument", input, do)
    except Exception as error:
        return VerifyDocumentPayload(verdict=None, errors=[context.problem(error)])
    return VerifyDocumentPayload(verdict=await _verdict(context, found), errors=[])


async def own_share(context: Context, key: UUID | None, code: str | None = None) -> Share | None:
    """One of the caller's own; its code only in the answer that made it. None for everything else."""
    view = await context.load.share.load(key) if key is not None else None
    return Share.of(view, code, context.house.public_url) if view is not None else None


async def _audience(tx: Tx, code: str | None) -> UUID | None:
    """Raises BadInput for a code of no agency: a share nobody can redeem helps nobody."""
    if code is None:
        return None
    agency = await agency_by_code(tx, code)
    if agency is None:
        raise BadInput("audience")
    return agency.id


async def _verdict(context: Context, found: VaultVerdict) -> Verdict:
    law, language = context.law, context.language
    issuer = await context.load.agency.load(found.issuer) if found.issuer is not None else None
    kind = law.document_types.get(found.document_type) if found.document_type is not None else None
    claims = [
        Claim(
            name=name,
            label=claim_label(law, name, language),
            value=Json(value),
            source=found.issuer_authority,
            disputed=name in found.disputed,
        )
        for name, value in sorted((found.claims or {}).items())
    ]
    return Verdict(
        valid=found.valid,
        signature=found.signature,
        issuer_authority=found.issuer_authority,
        status=found.status,
        freshness=found.freshness,
        reason=found.fault.value if found.fault is not None else None,
        claims=claims,
        document_type=kind.name.in_language(language) if kind is not None else None,
        issuer=agency_name(issuer, language) if issuer is not None else None,
    )
