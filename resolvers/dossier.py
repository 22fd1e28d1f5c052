"""A filing as its person and its agency see it. Everything here is read from rows; no list runs the planner."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from enum import Enum
from uuid import UUID

import strawberry

from dossiers import views
from dossiers.evidence.pins import disclosed_by, shown_to
from dossiers.forms import FormState
from dossiers.records import Dossier as DossierRow
from dossiers.state import Status, available_moves
from procedures.agencies import agency_name
from procedures.law import Law
from procedures.law import Procedure as LawProcedure
from resolvers.connections import PageInfo, global_id, page_of, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.document import Document, own_documents
from resolvers.indicators.once_only import OnceOnlyCounts, counts_of
from resolvers.node import Node
from resolvers.planning import (
    Kept,
    PlannedEvidence,
    PlannedRequirement,
    SituationQuestion,
    kept_evidence,
    kept_requirement,
    questions_of,
)
from resolvers.problems import BadInput
from resolvers.procedure import Procedure, Requirement
from resolvers.scalars import Json

strawberry.enum(Status, name="DossierStatus", description="A draft, or one of the ten national statuses.")


@strawberry.enum(description="What a supplement line says: nothing there, or what is there does not serve.")
class AskKind(Enum):
    MISSING = "MISSING"
    UNFIT = "UNFIT"


@strawberry.type(description="What the person is to agree to, in their language, with its hash.")
class ConsentNotice:
    text: str
    sha256: str
    items: list[PlannedEvidence]


@strawberry.type(description="One line of a supplement request.")
class Ask:
    requirement: Requirement
    kind: AskKind
    reason: str


@strawberry.type(
    description="What the agency asked for, all at once. An answer is expected by `dueDate`; nothing ends by itself."
)
class Supplement:
    asks: list[Ask]
    due_date: date | None


@strawberry.type(description="An officer's use of a legal reason to ask for something held.")
class Override:
    requirement: strawberry.ID
    legal_reason: str
    article: str
    text: str
    at: datetime


@strawberry.type(description="Why a dossier was not taken in, and the provision it rests on (form 03).")
class Refusal:
    reason: str
    legal_basis: str


@strawberry.type(
    description="One piece of evidence the caller's agency opened. `logIndex` is its place in the access log, null"
    " until the line is sealed, moments later."
)
class EvidenceOpening:
    requirement: strawberry.ID
    at: datetime
    log_index: int | None


@strawberry.type(description="One field of the e-form. A `source` other than `declared` makes it read-only.")
class FormField:
    key: str
    label: str
    type: str
    required: bool
    value: Json | None
    source: str | None
    options: list[str]


@strawberry.type(description="One filing (hồ sơ).")
class Dossier(Node):
    code: str | None
    status: Status
    version: int
    due_date: date | None
    created_at: datetime
    submitted_at: datetime | None
    flagged_at: datetime | None
    available_moves: list[str]
    row: strawberry.Private[DossierRow]
    law: strawberry.Private[Law]
    book_procedure: strawberry.Private[LawProcedure]

    @classmethod
    def of(cls, row: DossierRow, context: Context) -> "Dossier":
        """Under the law of its filing day, which stays with it."""
        law = context.office.laws.on(row.filing_day)
        return cls(
            id=global_id("Dossier", row.id),
            code=row.code,
            status=Status(row.status),
            version=row.version,
            due_date=row.due_on,
            created_at=row.opened_at,
            submitted_at=row.submitted_at,
            flagged_at=row.flagged_at,
            available_moves=[move.value for move in available_moves(Status(row.status))],
            row=row,
            law=law,
            book_procedure=law.procedures[row.procedure_id],
        )

    @strawberry.field
    async def agency(self, info: AppInfo) -> str:
        return await _agency_name(self.row, info.context)

    @strawberry.field
    def procedure(self, info: AppInfo) -> Procedure:
        return Procedure.of(self.book_procedure, self.law, info.context.language)

    @strawberry.field(description="The outcome of each requirement: as last planned, frozen at submission.")
    async def requirements(self, info: AppInfo) -> list[PlannedRequirement]:
        context = info.context
        rows = await context.load.requirements.load(self.row.id)
        evidence = await context.load.evidence.load(self.row.id)
        parties = await context.load.parties.load(self.row.id)
        recipient = await _agency_name(self.row, context)
        by_id = {one.id: one for one in self.book_procedure.requirements}
        return [
            kept_requirement(
                context,
                self.law,
                Kept(
                    by_id[row.requirement],
                    row,
                    [one for one in evidence if one.requirement == row.requirement],
                    parties.get(by_id[row.requirement].subject_role, frozenset({self.row.applicant_id})),
                ),
                recipient,
            )
            for row in rows
        ]

    @strawberry.field
    def questions(self, info: AppInfo) -> list[SituationQuestion]:
        language = info.context.language
        return questions_of(self.book_procedure, self.row.open_situations, self.row.answers, language)

    @strawberry.field(
        description="What submitting now would disclose of the caller's. Null when nothing would be."
    )
    async def notice(self, info: AppInfo) -> ConsentNotice | None:
        context = info.context
        evidence = await context.load.evidence.load(self.row.id)
        own = disclosed_by(evidence, context.caller.speaks_for)
        agency = await context.load.agency.load(self.row.agency_id)
        if not own or agency is None:
            return None
        shown = shown_to(self.book_procedure, self.law, agency, own, context.language)
        if shown is None:
            return None
        recipient = agency_name(agency, context.language)
        items = [kept_evidence(self.law, row, recipient, context.language) for row in shown.evidence]
        return ConsentNotice(text=shown.notice.text, sha256=shown.notice.sha256, items=items)

    @strawberry.field
    async def supplement(self, info: AppInfo) -> Supplement | None:
        lines = await info.context.load.supplement.load(self.row.id)
        if not lines:
            return None
        by_id = {one.id: one for one in self.book_procedure.requirements}
        asks = [
            Ask(
                requirement=Requirement.of(by_id[line.requirement], info.context.language),
                kind=AskKind(line.kind),
                reason=line.reason,
            )
            for line in lines
        ]
        # What is asked in addition leaves what was asked before its time.
        due = max((line.due_on for line in lines if line.due_on is not None), default=None)
        return Supplement(asks=asks, due_date=due)

    @strawberry.field(description="Results issued; to their holder only.")
    async def results(self, info: AppInfo) -> list[Document]:
        ids = await info.context.load.results.load(self.row.id)
        return await own_documents(info.context, ids)

    @strawberry.field(description="Every override of once-only in this dossier.")
    async def overrides(self, info: AppInfo) -> list[Override]:
        load = info.context.load
        rows = await load.overrides.load(self.row.id)
        texts = await load.override_text.load_many([row.id for row in rows])
        return [
            Override(
                requirement=strawberry.ID(row.requirement),
                legal_reason=row.legal_reason,
                article=row.article,
                text=text,
                at=row.at,
            )
            for row, text in zip(rows, texts, strict=True)
        ]

    @strawberry.field(
        description="What the caller's agency opened of its evidence, newest first, at most 50. Null to everybody"
        " else: its person reads who looked in `myDataUsage`."
    )
    async def openings(self, info: AppInfo) -> list[EvidenceOpening] | None:
        if info.context.caller.agency is None:
            return None
        return [
            EvidenceOpening(requirement=strawberry.ID(row.requirement), at=row.at, log_index=row.log_index)
            for row in await info.context.load.openings.load(self.row.id)
        ]

    @strawberry.field(description="Whether its person was asked once only, by the recount.")
    async def once_only(self, info: AppInfo) -> OnceOnlyCounts:
        return await counts_of(info.context, self.row.id)

    @strawberry.field(description="Of a dossier not taken in; null for every other.")
    async def refusal(self, info: AppInfo) -> Refusal | None:
        if self.status is not Status.NOT_RECEIVED:
            return None
        words = await info.context.load.refusal.load(self.row.id)
        return Refusal(reason=words["reason"], legal_basis=words["legal_basis"]) if words else None

    @strawberry.field(description="The person's own words, if any, of a dossier they took back.")
    async def withdrawal_reason(self, info: AppInfo) -> str | None:
        if self.status is not Status.WITHDRAWN:
            return None
        return await info.context.load.withdrawal_reason.load(self.row.id)

    @strawberry.field(description="The e-form with what is known filled in. To its filer only.")
    async def form(self, info: AppInfo) -> list[FormField] | None:
        context = info.context
        form = self.book_procedure.form
        if form is None or self.row.applicant_id not in context.caller.subjects:
            return None
        state = await context.load.form.load(self.row.id)
        if state is None:
            return None
        return [
            FormField(
                key=one.key,
                label=one.label.in_language(context.language),
                type=one.type,
                required=one.required,
                value=Json(
                    state.known[one.key].value if one.key in state.known else state.declared.get(one.key)
                ),
                source=_source(one.key, state),
                options=[option for option, _ in one.options],
            )
            for one in form.fields
        ]


@strawberry.type
class DossierEdge:
    node: Dossier
    cursor: str


@strawberry.type
class DossierConnection:
    edges: list[DossierEdge]
    page_info: PageInfo


async def my_dossiers(info: AppInfo, first: int, after: str | None = None) -> DossierConnection:
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[DossierRow]:
        async with context.reading() as tx:
            return await views.my_dossiers(tx, context.caller, UUID(start) if start else None, limit)

    return await _connection(context, "myDossiers", first, after, fetch)


async def desk(
    info: AppInfo, first: int, after: str | None = None, status: Status | None = None
) -> DossierConnection:
    """The agency's queue: no personal data in it."""
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[DossierRow]:
        async with context.reading() as tx:
            return await views.desk(tx, context.caller, UUID(start) if start else None, limit, status)

    return await _connection(context, f"desk\0{status}", first, after, fetch)


async def dossier(info: AppInfo, code: str) -> Dossier | None:
    """By its national code, or by id while it is a draft. Null for anything unknown or out of reach."""
    context = info.context
    async with context.reading() as tx:
        row = await views.find_dossier(tx, context.caller, code=code)
    if row is not None:
        return Dossier.of(row, context)
    try:
        return await find_dossier(context, read_uuid(code, "Dossier"))
    except BadInput:
        return None


async def find_dossier(context: Context, key: UUID | None) -> Dossier | None:
    """A dossier within the caller's reach; None for everything else."""
    row = await context.load.dossier.load(key) if key is not None else None
    return Dossier.of(row, context) if row is not None else None


async def _connection(
    context: Context,
    listing: str,
    first: int,
    after: str | None,
    fetch: Callable[[str | None, int], Awaitable[Sequence[DossierRow]]],
) -> DossierConnection:
    rows, page = await page_of(context.house.cursors, listing, first, after, fetch, lambda row: str(row.id))
    edges = [
        DossierEdge(node=Dossier.of(row, context), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return DossierConnection(edges=edges, page_info=page.info)


async def _agency_name(row: DossierRow, context: Context) -> str:
    agency = await context.load.agency.load(row.agency_id)
    return agency_name(agency, context.language) if agency is not None else ""


def _source(key: str, state: FormState) -> str | None:
    if key in state.known:
        return state.known[key].source
    return "declared" if key in state.declared else None
