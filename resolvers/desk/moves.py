"""Moves of a dossier at the desk: officers and, later, agencies' own systems use the same ones."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

import strawberry

from dossiers.desk.intake import Assignment, Refusing
from dossiers.desk.intake import assign_dossier as assign
from dossiers.desk.intake import receive_dossier as receive
from dossiers.desk.intake import refuse_dossier as refuse
from dossiers.desk.results import Approval, Result, Revocation
from dossiers.desk.results import approve_dossier as approve
from dossiers.desk.results import return_result as hand_over
from dossiers.desk.results import revoke_result as revoke
from dossiers.errors import AlreadyHeld
from dossiers.evidence import asks, overrides
from dossiers.filing import Change
from resolvers.connections import read_uuid, read_words
from resolvers.context import AppInfo, Context
from resolvers.document import Document, claims_from, issued_document
from resolvers.dossier import AskKind, Dossier, find_dossier
from resolvers.problems import UserError
from resolvers.scalars import Json
from store.database import Tx


@strawberry.type
class DeskPayload:
    dossier: Dossier | None
    errors: list[UserError]


@strawberry.input
class ReceiveDossierInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int


@strawberry.input
class RefuseDossierInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    reason: str
    legal_basis: str


@strawberry.input
class AssignDossierInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    officer: strawberry.ID


@strawberry.input
class AskInput:
    requirement: strawberry.ID
    kind: AskKind
    reason: str


@strawberry.input
class RequestSupplementInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    asks: list[AskInput]


@strawberry.input
class OverrideAlreadyHeldInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    requirement: strawberry.ID
    legal_reason: str
    text: str


@strawberry.input
class ResultInput:
    type: str
    claims: Json
    valid_until: date | None = None
    upload: strawberry.ID | None = None


@strawberry.input
class ApproveDossierInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int
    results: list[ResultInput]


@strawberry.input
class ReturnResultInput:
    idempotency_key: UUID
    dossier: strawberry.ID
    expected_version: int


@strawberry.input
class RevokeResultInput:
    idempotency_key: UUID
    document: strawberry.ID
    reason: str
    legal_basis: str


@strawberry.type
class RevokeResultPayload:
    document: Document | None
    errors: list[UserError]


async def receive_dossier(info: AppInfo, input: ReceiveDossierInput) -> DeskPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        return await receive(tx, context.caller, _change(input), context.office, context.now)

    return await _moved(context, "receiveDossier", input, do)


async def refuse_dossier(info: AppInfo, input: RefuseDossierInput) -> DeskPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        reason, basis = read_words(input.reason, "reason"), read_words(input.legal_basis, "legalBasis")
        refusing = Refusing(_change(input), reason, basis)
        return await refuse(tx, context.caller, refusing, context.office, context.now)

    return await _moved(context, "refuseDossier", input, do)


async def assign_dossier(info: AppInfo, input: AssignDossierInput) -> DeskPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        assignment = Assignment(_change(input), read_uuid(input.officer, "Officer"))
        return await assign(tx, context.caller, assignment, context.office, context.now)

    return await _moved(context, "assignDossier", input, do)


async def request_supplement(info: AppInfo, input: RequestSupplementInput) -> DeskPayload:  # noqa: A002
    """An ask for something held is refused; the attempt is written down and told to the person."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        change = _change(input)
        lines = tuple(
            asks.Ask(one.requirement, one.kind.value, read_words(one.reason, "reason")) for one in input.asks
        )
        supplement = asks.Supplement(change.dossier, change.expected_version, lines)
        return await asks.request_supplement(tx, context.caller, supplement, context.office, context.now)

    async def record(tx: Tx, held: AlreadyHeld) -> None:
        dossier = read_uuid(input.dossier, "Dossier")
        await asks.record_refused_ask(
            tx, context.caller, dossier, held.requirement, context.office, context.now
        )

    made, errors = await context.act_or_record("requestSupplement", input, do, record)
    return DeskPayload(dossier=await find_dossier(context, made), errors=errors)


async def override_already_held(info: AppInfo, input: OverrideAlreadyHeldInput) -> DeskPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        change = _change(input)
        words = read_words(input.text, "text")
        override = overrides.Override(
            change.dossier, change.expected_version, input.requirement, input.legal_reason, words
        )
        return await overrides.override_already_held(
            tx, context.caller, override, context.office, context.now
        )

    return await _moved(context, "overrideAlreadyHeld", input, do)


async def approve_dossier(info: AppInfo, input: ApproveDossierInput) -> DeskPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        results = tuple(
            Result(
                type=one.type,
                claims=claims_from(one.claims),
                valid_until=one.valid_until,
                upload=read_uuid(one.upload, "Upload") if one.upload else None,
            )
            for one in input.results
        )
        approval = Approval(_change(input), results)
        return await approve(tx, context.caller, approval, context.office, context.now)

    return await _moved(context, "approveDossier", input, do)


async def return_result(info: AppInfo, input: ReturnResultInput) -> DeskPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        return await hand_over(tx, context.caller, _change(input), context.office, context.now)

    return await _moved(context, "returnResult", input, do)


async def revoke_result(info: AppInfo, input: RevokeResultInput) -> RevokeResultPayload:  # noqa: A002
    context = info.context

    async def do(tx: Tx) -> UUID:
        document = read_uuid(input.document, "Document")
        reason, basis = read_words(input.reason, "reason"), read_words(input.legal_basis, "legalBasis")
        revocation = Revocation(document, reason, basis)
        return await revoke(tx, context.caller, revocation, context.office, context.now)

    made, errors = await context.act("revokeResult", input, do)
    return RevokeResultPayload(document=await issued_document(context, made), errors=errors)


def _change(given: Any) -> Change:
    return Change(read_uuid(given.dossier, "Dossier"), given.expected_version)


async def _moved(
    context: Context, operation: str, given: Any, do: Callable[[Tx], Awaitable[UUID]]
) -> DeskPayload:
    made, errors = await context.act(operation, given, do)
    return DeskPayload(dossier=await find_dossier(context, made), errors=errors)
