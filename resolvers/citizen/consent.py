"""Consents given, asked for, refused and withdrawn."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from auth.errors import NotFound
from dossiers.access.requests import (
    SystemRequest,
    give_access,
    refuse_access,
    requests_by_id,
    waiting_requests,
)
from dossiers.evidence.approvals import fetch_approved
from dossiers.evidence.pins import accept_request, request_words
from dossiers.evidence.withdrawals import withdraw_consent as withdraw
from procedures.agencies import agency_name
from resolvers.agencies.erasures import Erasure
from resolvers.citizen.filing import ConsentDecision
from resolvers.citizen.history import ConsentEventConnection, history
from resolvers.connections import PageInfo, global_id, page_of, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.document import Document, own_documents
from resolvers.dossier import ConsentNotice
from resolvers.node import Node
from resolvers.planning import PlannedEvidence, claim_labels, register_name
from resolvers.problems import UserError
from resolvers.procedure import purpose_words
from resolvers.scalars import Json
from store.database import Tx
from vault.permission import consent as consents
from vault.permission.agreement import Side
from vault.permission.notice import notice
from vault.permission.views import REQUEST_LASTS, ConsentView


@strawberry.type(
    description="One permission: for one purpose, to one recipient. `receipt` signs the SHA-256 of `record` as"
    " canonical JSON (RFC 8785)."
)
class Consent(Node):
    status: str
    purpose: str
    valid_until: datetime | None
    receipt: str
    given_at: datetime | None
    text: str | None = strawberry.field(
        description="The very words agreed to, in the language shown; null for those given before they were kept."
    )
    record: Json | None = strawberry.field(description="By ISO/IEC TS 27560; null while nothing is given.")
    uses_left: int | None = strawberry.field(description="Null where uses are not counted.")
    view: strawberry.Private[ConsentView]

    @classmethod
    def of(cls, view: ConsentView, context: Context) -> "Consent":
        return cls(
            id=global_id("Consent", view.id),
            status=view.status.value,
            purpose=purpose_words(context, view.purpose),
            valid_until=view.valid_until,
            receipt=view.receipt or "",
            given_at=view.given_at,
            text=view.text,
            record=Json(view.record) if view.record is not None else None,
            uses_left=view.uses_left,
            view=view,
        )

    @strawberry.field
    async def recipient(self, info: AppInfo) -> str:
        row = await info.context.load.agency.load(self.view.recipient_agency)
        return agency_name(row, info.context.language) if row is not None else ""

    @strawberry.field
    async def documents(self, info: AppInfo) -> list[Document]:
        ids = [item.document for item in self.view.items if item.document is not None]
        return await own_documents(info.context, dict.fromkeys(ids))

    @strawberry.field(
        description="What its recipient was asked to erase once it ended; null where nothing was."
    )
    async def erasure(self, info: AppInfo) -> Erasure | None:
        view = await info.context.load.erasure.load(self.view.id)
        return Erasure.of(view, info.context) if view is not None else None

    @strawberry.field(description="What happened to it, oldest first; it only grows.")
    async def events(self, info: AppInfo, first: int, after: str | None = None) -> ConsentEventConnection:
        return await history(info.context, self.view.id, first, after)


strawberry.enum(
    Side,
    name="AgreeingSide",
    description="In what place somebody agrees to what a child's papers are used for.",
)


@strawberry.type(
    description="Somebody's dossier, or an agency's system, needs this person's own approval of their own disclosure."
)
class AccessRequest(Node):
    status: str
    expires_at: datetime
    message: str | None = strawberry.field(
        description="What the officer's screen shows too, when a system asks: compare before agreeing."
    )
    agreed_by: Side | None = strawberry.field(
        description="A child of seven and more and whoever represents it both agree: who has; null when nobody has."
    )
    view: strawberry.Private[ConsentView]

    @classmethod
    def of(cls, view: ConsentView) -> "AccessRequest":
        return cls(
            id=global_id("AccessRequest", view.id),
            status=view.status.value,
            expires_at=view.requested_at + REQUEST_LASTS,
            message=None,
            agreed_by=Side(view.agreed_by) if view.agreed_by is not None else None,
            view=view,
        )

    @classmethod
    def of_system(cls, asked: SystemRequest) -> "AccessRequest":
        """`asked.shown`: which paper of the person's would be shown; none when they hold none."""
        return cls(
            id=global_id("AccessRequest", asked.view.id),
            status=asked.view.status.value,
            expires_at=asked.view.expires_at,
            message=asked.view.message,
            agreed_by=None,
            view=asked.shown,
        )

    @strawberry.field
    async def agency(self, info: AppInfo) -> str:
        row = await info.context.load.agency.load(self.view.recipient_agency)
        return agency_name(row, info.context.language) if row is not None else ""

    @strawberry.field
    async def notice(self, info: AppInfo) -> ConsentNotice:
        context = info.context
        agency = await context.load.agency.load(self.view.recipient_agency)
        if agency is None:
            raise NotFound
        words = request_words(self.view, agency, context.law, context.language)
        text = notice(self.view.items, words, context.language, self.view.limits)
        items = [
            PlannedEvidence(
                paper=one.document,
                register=register_name(context.law, one.register, context.language),
                claims=claim_labels(context.law, sorted(one.claims), context.language),
                recipient=words.recipient,
            )
            for one in self.view.items
        ]
        return ConsentNotice(text=text.text, sha256=text.sha256, items=items)


@strawberry.type
class ConsentEdge:
    node: Consent
    cursor: str


@strawberry.type
class ConsentConnection:
    edges: list[ConsentEdge]
    page_info: PageInfo


@strawberry.type
class AccessRequestEdge:
    node: AccessRequest
    cursor: str


@strawberry.type
class AccessRequestConnection:
    edges: list[AccessRequestEdge]
    page_info: PageInfo


@strawberry.input
class GiveConsentInput:
    idempotency_key: UUID
    request: strawberry.ID
    consent: ConsentDecision


@strawberry.type
class GiveConsentPayload:
    consent: Consent | None
    errors: list[UserError]


@strawberry.input
class RefuseConsentInput:
    idempotency_key: UUID
    request: strawberry.ID


@strawberry.type
class RefuseConsentPayload:
    request: AccessRequest | None
    errors: list[UserError]


@strawberry.input
class PauseConsentInput:
    idempotency_key: UUID
    consent: strawberry.ID
    paused: bool = strawberry.field(description="False opens it again.")


@strawberry.type
class PauseConsentPayload:
    consent: Consent | None
    errors: list[UserError]


@strawberry.input
class WithdrawConsentInput:
    idempotency_key: UUID
    consent: strawberry.ID


@strawberry.type
class WithdrawConsentPayload:
    consent: Consent | None
    errors: list[UserError]


async def my_consents(info: AppInfo, first: int, after: str | None = None) -> ConsentConnection:
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[ConsentView]:
        async with context.reading() as tx:
            key = UUID(start) if start else None
            return await consents.my_consents(tx, context.caller, key, limit, context.now)

    rows, page = await page_of(
        context.house.cursors, "myConsents", first, after, fetch, lambda row: str(row.id)
    )
    edges = [
        ConsentEdge(node=Consent.of(row, context), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return ConsentConnection(edges=edges, page_info=page.info)


async def access_requests(info: AppInfo, first: int, after: str | None = None) -> AccessRequestConnection:
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[AccessRequest]:
        key = UUID(start) if start else None
        async with context.reading() as tx:
            theirs = await consents.my_requests(tx, context.caller, key, limit, context.now)
            systems = await waiting_requests(tx, context.caller, key, limit, context.now)
        both = [*map(AccessRequest.of, theirs), *map(AccessRequest.of_system, systems)]
        return sorted(both, key=lambda one: one.view.id, reverse=True)[:limit]

    rows, page = await page_of(
        context.house.cursors, "accessRequests", first, after, fetch, lambda row: str(row.view.id)
    )
    edges = [
        AccessRequestEdge(node=row, cursor=cursor) for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return AccessRequestConnection(edges=edges, page_info=page.info)


async def give_consent(info: AppInfo, input: GiveConsentInput) -> GiveConsentPayload:  # noqa: A002
    """Approve one's own disclosure, in somebody else's dossier or to an agency's system."""
    context = info.context
    caller, office, now = context.caller, context.office, context.now
    for_a_dossier = False

    async def do(tx: Tx) -> UUID:
        nonlocal for_a_dossier
        request, sha256 = read_uuid(input.request, "AccessRequest"), input.consent.notice_sha256
        if await requests_by_id(tx, caller, [request], now):
            return await give_access(tx, caller, request, sha256, office, now)
        for_a_dossier = True
        return (await accept_request(tx, caller, request, sha256, office, now)).id

    made, errors = await context.act("giveConsent", input, do)
    if made is not None and for_a_dossier:
        house = context.house
        await fetch_approved(house.database, house.registers, context.caller, made, house.office, context.now)
    return GiveConsentPayload(consent=await own_consent(context, made), errors=errors)


async def refuse_consent(info: AppInfo, input: RefuseConsentInput) -> RefuseConsentPayload:  # noqa: A002
    """Say no. It is kept as such, and nobody need wait for the request to lapse."""
    context = info.context
    caller, now = context.caller, context.now

    async def do(tx: Tx) -> UUID:
        request = read_uuid(input.request, "AccessRequest")
        if await requests_by_id(tx, caller, [request], now):
            return await refuse_access(tx, caller, request, now)
        return (await consents.refuse_consent(tx, caller, request, now)).id

    made, errors = await context.act("refuseConsent", input, do)
    refused = await own_request(context, made) if made is not None else None
    return RefuseConsentPayload(request=refused, errors=errors)


async def withdraw_consent(info: AppInfo, input: WithdrawConsentInput) -> WithdrawConsentPayload:  # noqa: A002
    """Acknowledged after commit: no request begun afterwards opens anything under it."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        wanted = read_uuid(input.consent, "Consent")
        return await withdraw(tx, context.caller, wanted, context.office, context.now)

    made, errors = await context.act("withdrawConsent", input, do)
    return WithdrawConsentPayload(consent=await own_consent(context, made), errors=errors)


async def pause_consent(info: AppInfo, input: PauseConsentInput) -> PauseConsentPayload:  # noqa: A002
    """Close a permission for a while, or open it again. While it is closed nothing is disclosed under it."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        wanted = read_uuid(input.consent, "Consent")
        return (await consents.pause_consent(tx, context.caller, wanted, input.paused, context.now)).id

    made, errors = await context.act("pauseConsent", input, do)
    return PauseConsentPayload(consent=await own_consent(context, made), errors=errors)


async def own_consent(context: Context, key: UUID | None) -> Consent | None:
    """One the caller gave, or is asked for; None for everything else, the recipient's among it."""
    view = await context.load.consent.load(key) if key is not None else None
    return Consent.of(view, context) if view is not None else None


async def own_request(context: Context, key: UUID) -> AccessRequest | None:
    asked = await context.load.system_request.load(key)
    if asked is not None:
        return AccessRequest.of_system(asked)
    view = await context.load.consent.load(key)
    return AccessRequest.of(view) if view is not None else None
