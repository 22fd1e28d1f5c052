"""The person's operations on a filing: each argument to one call, each result to one payload.

Registers are asked between transactions: after the change is committed, before the dossier is shown.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import strawberry

from dossiers import filing
from dossiers.evidence.objections import Objection
from dossiers.evidence.objections import object_to_ask as object_to
from dossiers.evidence.probes import settle_registers
from dossiers.evidence.supplements import SupplementAnswer, ask_reopened, renew_reopened
from dossiers.evidence.supplements import answer_supplement as answer
from dossiers.filing import Change, Opening
from dossiers.parties import note_named
from resolvers.connections import read_uuid, read_words
from resolvers.context import AppInfo, Context
from resolvers.document import claims_from
from resolvers.dossier import Dossier, find_dossier
from resolvers.planning import ObjectInput, PartyInput, SituationAnswer, objects_from, parties_from
from resolvers.problems import UserError
from resolvers.scalars import Json
from store.database import Tx


@strawberry.input(description="Agreement to the notice with this hash, as shown.")
class ConsentDecision:
    notice_sha256: str


@strawberry.input
class OpenDossierInput:
    idempotency_key: UUID
    procedure: str
    agency: strawberry.ID
    situations: list[SituationAnswer] | None = None
    parties: list[PartyInput] | None = None
    objects: list[ObjectInput] | None = None
    on_behalf_of: strawberry.ID | None = None
    form: Json | None = None


@strawberry.input
class AnswerSituationsInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    situations: list[SituationAnswer]


@strawberry.input
class UpdateDossierFormInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    patch: Json


@strawberry.input
class DeclineReuseInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    requirement: strawberry.ID


@strawberry.input
class SubmitDossierInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    consent: ConsentDecision | None = None


@strawberry.input
class WithdrawDossierInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    reason: str | None = None


@strawberry.input
class AnswerSupplementInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    documents: list[strawberry.ID] | None = None
    form: Json | None = None
    consent: ConsentDecision | None = None


@strawberry.input(description="To an officer's refused ask, an override, or a version called unfit.")
class ObjectToAskInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    requirement: strawberry.ID
    text: str


@strawberry.type
class ObjectToAskPayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.type
class OpenDossierPayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.type
class AnswerSituationsPayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.type
class UpdateDossierFormPayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.type
class DeclineReusePayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.type
class SubmitDossierPayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.type
class WithdrawDossierPayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.type
class AnswerSupplementPayload:
    dossier: Dossier | None
    errors: list[UserError]


async def open_dossier(info: AppInfo, input: OpenDossierInput) -> OpenDossierPayload:  # noqa: A002
    """Who is named by number is counted first, in a transaction nothing takes back."""
    context = info.context
    named = [one.citizen_id for one in input.parties or [] if one.citizen_id]

    async def do(tx: Tx) -> UUID:
        opening = Opening(
            procedure=input.procedure,
            agency=read_uuid(input.agency, "Agency"),
            answers={one.id: one.value for one in input.situations or []},
            parties=parties_from(input.parties),
            objects=objects_from(input.objects),
            on_behalf_of=read_uuid(input.on_behalf_of, "Subject") if input.on_behalf_of else None,
            form=claims_from(input.form),
        )
        return await filing.open_dossier(tx, context.caller, opening, context.office, context.now)

    try:
        if named:
            async with context.writing() as tx:
                await note_named(tx, context.caller, named, context.office, context.now)
    except Exception as refusal:
        return OpenDossierPayload(dossier=None, errors=[context.problem(refusal)])
    return OpenDossierPayload(**await _changed(context, "openDossier", input, do, ask_registers=True))


async def answer_situations(info: AppInfo, input: AnswerSituationsInput) -> AnswerSituationsPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        answers = {one.id: one.value for one in input.situations}
        answering = filing.Answering(_change(input), answers)
        return await filing.answer_situations(tx, context.caller, answering, context.office, context.now)

    made = await _changed(context, "answerSituations", input, do, ask_registers=True)
    return AnswerSituationsPayload(**made)


async def update_dossier_form(
    info: AppInfo,
    input: UpdateDossierFormInput,  # noqa: A002
) -> UpdateDossierFormPayload:
    context = info.context

    async def do(tx: Tx) -> UUID:
        form = filing.FormPatch(_change(input), claims_from(input.patch))
        return await filing.update_dossier_form(tx, context.caller, form, context.office, context.now)

    return UpdateDossierFormPayload(**await _changed(context, "updateDossierForm", input, do))


async def decline_reuse(info: AppInfo, input: DeclineReuseInput) -> DeclineReusePayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        declining = filing.Declining(_change(input), input.requirement)
        return await filing.decline_reuse(tx, context.caller, declining, context.office, context.now)

    return DeclineReusePayload(**await _changed(context, "declineReuse", input, do))


async def submit_dossier(info: AppInfo, input: SubmitDossierInput) -> SubmitDossierPayload:  # noqa: A002
    context = info.context

    def submission() -> filing.Submission:
        return filing.Submission(_change(input), input.consent.notice_sha256 if input.consent else None)

    async def do(tx: Tx) -> UUID:
        return await filing.submit_dossier(tx, context.caller, submission(), context.office, context.now)

    async def renew(tx: Tx) -> None:
        await filing.renew_notice(tx, context.caller, submission(), context.office, context.now)

    return SubmitDossierPayload(**await _changed(context, "submitDossier", input, do, renew=renew))


async def withdraw_dossier(info: AppInfo, input: WithdrawDossierInput) -> WithdrawDossierPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        reason = read_words(input.reason, "reason") if input.reason else None
        withdrawing = filing.Withdrawing(_change(input), reason)
        return await filing.withdraw_dossier(tx, context.caller, withdrawing, context.office, context.now)

    return WithdrawDossierPayload(**await _changed(context, "withdrawDossier", input, do))


async def answer_supplement(info: AppInfo, input: AnswerSupplementInput) -> AnswerSupplementPayload:  # noqa: A002
    context = info.context

    def given() -> SupplementAnswer:
        change = _change(input)
        return SupplementAnswer(
            dossier=change.dossier,
            expected_version=change.expected_version,
            documents=tuple(read_uuid(one, "Document") for one in input.documents or []),
            form=claims_from(input.form),
            notice_sha256=input.consent.notice_sha256 if input.consent else None,
        )

    async def do(tx: Tx) -> UUID:
        return await answer(tx, context.caller, given(), context.office, context.now)

    async def renew(tx: Tx) -> None:
        await renew_reopened(tx, context.caller, given(), context.office, context.now)

    async def ask(tx: Tx) -> None:
        await ask_reopened(tx, context.caller, given(), context.office, context.now)

    made = await _changed(context, "answerSupplement", input, do, renew=renew, ask=ask)
    return AnswerSupplementPayload(**made)


async def object_to_ask(info: AppInfo, input: ObjectToAskInput) -> ObjectToAskPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        text = read_words(input.text, "text")
        objection = Objection(read_uuid(input.dossier, "Dossier"), input.requirement, text)
        return await object_to(tx, context.caller, objection, context.office, context.now)

    return ObjectToAskPayload(**await _changed(context, "objectToAsk", input, do))


def _change(given: Any) -> Change:
    return Change(read_uuid(given.dossier, "Dossier"), given.expected_version)


_STALE = frozenset({"CONSENT_STALE", "CONSENT_REQUIRED"})


async def _changed(
    context: Context,
    operation: str,
    given: Any,
    do: Callable[[Tx], Awaitable[UUID]],
    *,
    ask_registers: bool = False,
    renew: Callable[[Tx], Awaitable[None]] | None = None,
    ask: Callable[[Tx], Awaitable[None]] | None = None,
) -> dict[str, Any]:
    """The dossier after the change, or the refusal. `renew` keeps what a stale agreement's refusal rolled back, `ask`
    what the refusal did that waits for others."""
    made, errors = await context.act(operation, given, do)
    if made is None:
        if renew is not None and any(error.code in _STALE for error in errors):
            async with context.writing() as tx:
                await renew(tx)
        if ask is not None and any(error.code == "CONSENT_OUTSTANDING" for error in errors):
            async with context.writing() as tx:
                await ask(tx)
        return {"dossier": None, "errors": errors}
    if ask_registers:
        house = context.house
        await settle_registers(
            house.database, house.registers, context.caller, made, house.office, context.now
        )
    return {"dossier": await find_dossier(context, made), "errors": errors}
