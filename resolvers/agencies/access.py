"""What an agency's system asks a person for, and reads once they have granted it."""

import re
from datetime import date, datetime
from uuid import UUID

import strawberry

from dossiers.access.requests import PURPOSE
from dossiers.access.requests import request_access as ask
from resolvers.connections import global_id, split_id
from resolvers.context import AppInfo
from resolvers.document import Claim, claim_label
from resolvers.problems import BadInput, UserError
from resolvers.scalars import Json
from store.database import Tx
from vault.errors import AccessRefused
from vault.permission.limits import CONSENT_LASTS, FetchType, Limits, Mode
from vault.permission.requests import POLL_SECONDS, AccessAsked, AccessMade, lapses_at
from vault.sharing.granted import ReadGrant
from vault.sharing.granted import read_granted as read

strawberry.enum(Mode, name="DisclosureMode", description="What a permission hands out: whether, or what.")
strawberry.enum(FetchType, name="FetchType", description="For one matter, or once in each period.")

_MESSAGE = re.compile(r"[A-Za-z0-9-]{1,20}")
"""Too short for anybody's data (OpenID CIBA, `binding_message`)."""


@strawberry.type(
    description="A request that waits for a person's answer. Its id is the `auth_req_id` of the token endpoint; ask"
    " there at most every `interval` seconds. The same is answered whether anybody has the number or not."
)
class RequestedAccess:
    id: strawberry.ID
    expires_at: datetime
    interval: int


@strawberry.type(
    description="Claims read under a grant; each reading is one use and one line of the person's log."
)
class GrantedClaims:
    document_type: str
    mode: Mode = strawberry.field(
        description="VERIFY: the paper is in force and states the claims; no value comes."
    )
    claims: list[Claim]
    uses_left: int
    retain_until: date = strawberry.field(description="What was read must be erased by then.")


@strawberry.input
class RequestAccessInput:
    idempotency_key: UUID
    citizen_id: str = strawberry.field(description="The person's number, twelve digits.")
    type: str = strawberry.field(description="A document type's code, one the system declared.")
    claims: list[str] = strawberry.field(description="`concept@role`, none beyond what the procedure needs.")
    procedure: strawberry.ID = strawberry.field(description="What for.")
    message: str = strawberry.field(
        default="",
        description="Up to 20 letters, digits and hyphens, shown to the person and at the counter.",
    )
    max_uses: int = 1
    expires_in_seconds: int = 600
    mode: Mode = strawberry.field(default=Mode.VIEW, description="VERIFY: never a value.")
    fetch_type: FetchType = strawberry.field(
        default=FetchType.ONETIME, description="PERIODIC: once every `frequencyDays`, which it must say."
    )
    frequency_days: int | None = None
    valid_days: int = strawberry.field(
        default=CONSENT_LASTS.days, description="How long the permission lasts: a year at most."
    )
    data_life_days: int | None = strawberry.field(
        default=None, description="How long what was read may be kept, from each reading; else until it ends."
    )


@strawberry.type
class RequestAccessPayload:
    request: RequestedAccess | None
    errors: list[UserError]


@strawberry.input
class ReadGrantedInput:
    idempotency_key: UUID


@strawberry.type
class ReadGrantedPayload:
    granted: GrantedClaims | None
    errors: list[UserError]


async def request_access(info: AppInfo, input: RequestAccessInput) -> RequestAccessPayload:  # noqa: A002
    """Ask a person for claims of one kind of paper. They answer with `giveConsent` or `refuseConsent`."""
    context = info.context
    made: list[AccessMade] = []

    async def do(tx: Tx) -> UUID:
        made.append(await ask(tx, context.caller, _asked(input), context.office, context.now))
        return made[0].id

    try:
        context.count_try("requestAccess")
    except Exception as error:
        return RequestAccessPayload(request=None, errors=[context.problem(error)])
    request, errors = await context.act("requestAccess", input, do)
    if request is None:
        return RequestAccessPayload(request=None, errors=errors)
    # A replay answers as the first time did: the same request, which lapses when it was to lapse.
    async with context.reading() as tx:
        expires_at = made[0].expires_at if made else await lapses_at(tx, context.caller, request)
    return RequestAccessPayload(
        request=RequestedAccess(
            id=global_id("AccessRequest", request), expires_at=expires_at, interval=POLL_SECONDS
        ),
        errors=errors,
    )


async def read_granted(info: AppInfo, input: ReadGrantedInput) -> ReadGrantedPayload:  # noqa: A002
    """Read what the grant token of this very request is for. A replay under the same key spends no second use, and is
    refused once the person has withdrawn."""
    context = info.context

    async def do(tx: Tx, replayed: bool) -> tuple[ReadGrant, int]:
        found = await read(tx, context.caller, context.office.safe, context.now, replayed=replayed)
        return found, found.ledger_id

    try:
        found = await context.disclose("readGranted", input, do)
    except Exception as error:
        return ReadGrantedPayload(granted=None, errors=[context.problem(error)])
    claims = [
        Claim(
            name=name,
            label=claim_label(context.law, name, context.language),
            value=Json(value),
            source=found.document_type,
            disputed=name in found.disputed,
        )
        for name, value in sorted(found.claims.items())
    ]
    granted = GrantedClaims(
        document_type=found.document_type,
        claims=claims,
        mode=found.mode,
        uses_left=found.uses_left,
        retain_until=found.retain_until,
    )
    return ReadGrantedPayload(granted=granted, errors=[])


def _asked(given: RequestAccessInput) -> AccessAsked:
    number = given.citizen_id
    if not (len(number) == 12 and number.isascii() and number.isdigit()):
        raise BadInput("citizenId")
    words = given.message
    if words and not _MESSAGE.fullmatch(words):
        raise AccessRefused("message")
    kind, procedure = split_id(given.procedure)
    if kind != "Procedure":
        raise BadInput("procedure")
    return AccessAsked(
        number=number,
        document_type=given.type,
        claims=tuple(given.claims),
        purpose=f"{PURPOSE}{procedure}",
        message=words,
        limits=Limits(
            given.fetch_type,
            given.mode,
            given.valid_days,
            given.data_life_days,
            given.frequency_days,
            given.max_uses,
        ),
        expires_in_seconds=given.expires_in_seconds,
    )
