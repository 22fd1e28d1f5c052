"""Acting for one's own child or company, once a register has shown whose child it is, or who represents it."""

from datetime import datetime
from uuid import UUID

import strawberry

from auth.mandates import whole_mandate
from dossiers.evidence import parentage
from dossiers.parties import in_place_of
from dossiers.proxies import representing
from resolvers.connections import global_id
from resolvers.context import AppInfo, Context
from resolvers.problems import UserError
from resolvers.viewer import Ward
from store.database import Tx
from vault.subjects import profile_of


@strawberry.input
class RecogniseGuardianInput:
    idempotency_key: UUID
    citizen_id: str = strawberry.field(description="The child's number.")


@strawberry.type
class RecogniseGuardianPayload:
    ward: Ward | None
    errors: list[UserError]


@strawberry.input
class RecogniseRepresentativeInput:
    idempotency_key: UUID
    organisation_id: str = strawberry.field(description="The company's number, of ten digits.")


@strawberry.type
class RecogniseRepresentativePayload:
    ward: Ward | None
    until: datetime | None = strawberry.field(
        description="When the register has to be asked again. Asking again before counts from then."
    )
    errors: list[UserError]


async def recognise_guardian(info: AppInfo, input: RecogniseGuardianInput) -> RecogniseGuardianPayload:  # noqa: A002
    """The register is asked between two transactions: the first counts and logs the question, the second its
    effect."""
    context = info.context
    number = "".join(input.citizen_id.split())
    try:
        context.count_try("recogniseGuardian")
        async with context.writing() as tx:
            await parentage.note_question(tx, context.caller, number, context.office, context.now)
        claimed = await parentage.ask_parents(context.house.registers, number)
    except Exception as refusal:
        return RecogniseGuardianPayload(ward=None, errors=[context.problem(refusal)])

    async def do(tx: Tx) -> UUID:
        return await parentage.recognise_guardian(tx, context.caller, claimed, context.office, context.now)

    made, errors = await context.act("recogniseGuardian", input, do)
    ward, _ = await _ward(context, made)
    return RecogniseGuardianPayload(ward=ward, errors=errors)


async def recognise_representative(
    info: AppInfo,
    input: RecogniseRepresentativeInput,  # noqa: A002
) -> RecogniseRepresentativePayload:
    """Act for a company as its legal representative; its register is asked as the one of a child is."""
    context = info.context
    number = "".join(input.organisation_id.split())
    try:
        context.count_try("recogniseRepresentative")
        async with context.writing() as tx:
            await representing.note_question(tx, context.caller, number, context.office, context.now)
        claimed = await representing.ask_registration(context.house.registers, number)
    except Exception as refusal:
        return RecogniseRepresentativePayload(ward=None, until=None, errors=[context.problem(refusal)])

    async def do(tx: Tx) -> UUID:
        return await representing.recognise_representative(
            tx, context.caller, claimed, context.office, context.now
        )

    made, errors = await context.act("recogniseRepresentative", input, do)
    ward, until = await _ward(context, made)
    return RecogniseRepresentativePayload(ward=ward, until=until, errors=errors)


async def _ward(context: Context, ward: UUID | None) -> tuple[Ward | None, datetime | None]:
    """Somebody as whoever acts for them sees them from now on, and until when: a mandate counts from the next
    transaction."""
    me = context.caller.id
    if ward is None or me is None:
        return None, None
    async with context.reading() as tx:
        acting = await in_place_of(tx, me, context.now)
        if ward not in acting.represented:
            return None, None
        until = (await whole_mandate(tx, me, ward, context.now)).valid_until
    async with context.house.database.reading(acting.actor) as tx:
        name = (await profile_of(tx, ward, context.office.safe)).name
    return Ward(subject=global_id("Subject", ward), relation=acting.represented[ward], name=name), until
