"""Acting for one's own child, once the population database has shown whose child it is."""

from uuid import UUID

import strawberry

from auth.mandates import PARENT
from dossiers.evidence.parentage import Claimed, ask_parents, note_question
from dossiers.evidence.parentage import recognise_guardian as recognise
from dossiers.parties import in_place_of
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


async def recognise_guardian(info: AppInfo, input: RecogniseGuardianInput) -> RecogniseGuardianPayload:  # noqa: A002
    """The register is asked between two transactions: the first counts and logs the question, the second its
    effect."""
    context = info.context
    number = "".join(input.citizen_id.split())
    try:
        context.count_try("recogniseGuardian")
        async with context.writing() as tx:
            await note_question(tx, context.caller, number, context.office, context.now)
        answer = await ask_parents(context.house.registers, number)
    except Exception as refusal:
        return RecogniseGuardianPayload(ward=None, errors=[context.problem(refusal)])

    async def do(tx: Tx) -> UUID:
        return await recognise(tx, context.caller, Claimed(number, answer), context.office, context.now)

    made, errors = await context.act("recogniseGuardian", input, do)
    return RecogniseGuardianPayload(ward=await _ward(context, made), errors=errors)


async def _ward(context: Context, child: UUID | None) -> Ward | None:
    """The child as their parent sees it from now on: the mandate counts from the next transaction."""
    if child is None or context.caller.id is None:
        return None
    async with context.reading() as tx:
        parent = await in_place_of(tx, context.caller.id, context.now)
    if child not in parent.subjects:
        return None
    async with context.house.database.reading(parent.actor) as tx:
        name = (await profile_of(tx, child, context.office.safe)).name
    return Ward(subject=global_id("Subject", child), relation=PARENT, name=name)
