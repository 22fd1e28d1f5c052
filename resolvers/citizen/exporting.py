"""Everything kept about a person, in one file: the address it is fetched from."""

from datetime import datetime
from uuid import UUID

import strawberry

from resolvers.connections import global_id, read_uuid
from resolvers.context import AppInfo
from resolvers.problems import BadInput, UserError
from store.database import Tx
from vault.permission.tickets import Ticket, issue_export_ticket


@strawberry.type(
    description="An address that gives one ZIP with everything kept about the person, once, within a minute, to the"
    " session that asked. They are told of it. What breaks off is no ZIP: ask again."
)
class Export:
    id: strawberry.ID
    url: str
    expires_at: datetime


@strawberry.input
class ExportMyDataInput:
    idempotency_key: UUID
    subject: strawberry.ID | None = strawberry.field(
        default=None, description="Somebody the caller acts for; left out, the caller."
    )


@strawberry.type
class ExportMyDataPayload:
    export: Export | None
    errors: list[UserError]


async def export_my_data(info: AppInfo, input: ExportMyDataInput) -> ExportMyDataPayload:  # noqa: A002
    """The file is made, logged and told of when the address is used. A replay is refused: the address is not kept."""
    context = info.context
    tickets: list[Ticket] = []

    async def do(tx: Tx) -> UUID:
        subject = read_uuid(input.subject, "Subject") if input.subject is not None else context.caller.id
        ticket = issue_export_ticket(context.caller, subject, context.office.safe, context.now)
        tickets.append(ticket)
        return ticket.id

    try:
        context.count_try("exportMyData")
    except Exception as refusal:
        return ExportMyDataPayload(export=None, errors=[context.problem(refusal)])
    made, errors = await context.act("exportMyData", input, do)
    if made is not None and not tickets:
        errors = [context.problem(BadInput("idempotencyKey"))]
    if made is None or not tickets:
        return ExportMyDataPayload(export=None, errors=errors)
    id_, (ticket,) = global_id("Export", made), tickets
    url = f"{context.house.public_url}/exports/{id_}?ticket={ticket.text}"
    return ExportMyDataPayload(export=Export(id=id_, url=url, expires_at=ticket.expires_at), errors=errors)
