"""Agreeing at the counter without a phone: the sheet that is printed, and its confirmation."""

from datetime import datetime
from uuid import UUID

import strawberry

from dossiers.desk.assisting import confirm_assisted as confirm
from dossiers.desk.assisting import prepare_assisted as prepare
from dossiers.desk.assisting import printed
from dossiers.evidence.approvals import fetch_approved
from dossiers.parties import in_place_of
from resolvers.connections import read_uuid
from resolvers.context import AppInfo
from resolvers.problems import UserError
from store.database import Tx
from vault.permission.consent import consent
from vault.permission.sheets import Confirming


@strawberry.type(
    description="What somebody without a phone reads and signs. Another officer, with the signed sheet in hand,"
    " confirms it by `code`."
)
class AssistedSheet:
    code: str
    text: str
    sha256: str
    expires_at: datetime


@strawberry.type(
    description="What the person signed counts: GIVEN, or REQUESTED while another must agree too."
)
class AssistedConfirmation:
    status: str


@strawberry.input
class PrepareAssistedInput:
    idempotency_key: UUID
    subject: strawberry.ID = strawberry.field(
        description="The person at the counter, from `identifySubject`."
    )


@strawberry.type
class PrepareAssistedPayload:
    sheet: AssistedSheet | None
    errors: list[UserError]


@strawberry.input
class ConfirmAssistedInput:
    idempotency_key: UUID
    code: str
    signed_sha256: str = strawberry.field(description="Of the scan of the signed sheet, in hexadecimal.")


@strawberry.type
class ConfirmAssistedPayload:
    confirmation: AssistedConfirmation | None
    errors: list[UserError]


async def prepare_assisted(info: AppInfo, input: PrepareAssistedInput) -> PrepareAssistedPayload:  # noqa: A002
    """Put on paper what the agency has asked the person at the counter. One request a sheet; again for the next."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        subject = read_uuid(input.subject, "Subject")
        return await prepare(tx, context.caller, subject, context.office, context.now)

    made, errors = await context.act("prepareAssisted", input, do)
    if made is None:
        return PrepareAssistedPayload(sheet=None, errors=errors)
    async with context.reading() as tx:
        found = await printed(tx, context.caller, made, context.office, context.now)
    sheet = AssistedSheet(
        code=found.sheet.code,
        text=found.text,
        sha256=found.sheet.notice_sha256,
        expires_at=found.sheet.expires_at,
    )
    return PrepareAssistedPayload(sheet=sheet, errors=[])


async def confirm_assisted(info: AppInfo, input: ConfirmAssistedInput) -> ConfirmAssistedPayload:  # noqa: A002
    """The person's own agreement, signed on the sheet. By another officer than who typed it."""
    context = info.context
    fresh = False

    async def do(tx: Tx) -> UUID:
        nonlocal fresh
        context.count_try("confirmAssisted")
        confirming = Confirming(input.code, input.signed_sha256)
        fresh = True
        return (await confirm(tx, context.caller, confirming, context.office, context.now)).id

    made, errors = await context.act("confirmAssisted", input, do)
    if made is None:
        return ConfirmAssistedPayload(confirmation=None, errors=errors)
    async with context.reading() as tx:
        view = await consent(tx, context.caller, made, context.now)
        person = await in_place_of(tx, view.subject, context.now)
    if fresh:
        house = context.house
        # Registers are asked about the person because they agreed: in their name, as when they agree by phone.
        await fetch_approved(house.database, house.registers, person, made, house.office, context.now)
    return ConfirmAssistedPayload(confirmation=AssistedConfirmation(status=view.status.value), errors=[])
