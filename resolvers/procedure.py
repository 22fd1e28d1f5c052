"""Procedures as published: requirements, fees, time limits, the agencies that receive them."""

from datetime import date

import strawberry

from procedures import law
from procedures.agencies import agency_name, competent_agencies
from procedures.records import Agency
from procedures.search import search, sort_key
from resolvers.connections import PageInfo, global_id, page_of
from resolvers.context import AppInfo, Context
from resolvers.node import Node
from resolvers.scalars import VND

strawberry.enum(law.ObjectKind, name="ObjectKind", description="What a paper is about besides its subject.")


@strawberry.type(name="Agency", description="An agency that receives or decides dossiers.")
class AgencyType:
    id: strawberry.ID
    code: str
    name: str

    @classmethod
    def of(cls, row: Agency, language: str) -> "AgencyType":
        return cls(id=global_id("Agency", row.id), code=row.code, name=agency_name(row, language))


@strawberry.type(
    description="One component of a procedure. Null means not published, never no. `accepts`: paper types that serve;"
    " `registers`: State databases whose answer serves; `minLevel`: 1 issued electronically, 2 certified by an"
    " officer, 3 as the person declares it."
)
class Requirement:
    id: strawberry.ID
    name: str
    subject_role: str
    mandatory: bool
    condition_text: str | None
    document_type: str
    accepts: list[str]
    registers: list[str]
    min_level: int
    object_kind: law.ObjectKind

    @classmethod
    def of(cls, one: law.Requirement, language: str) -> "Requirement":
        text = one.condition.text if one.condition is not None else None
        return cls(
            id=strawberry.ID(one.id),
            name=one.name.in_language(language),
            subject_role=one.subject_role,
            mandatory=one.duty is law.Duty.MANDATORY,
            condition_text=text.in_language(language) if text is not None else None,
            document_type=one.document_type,
            accepts=[each.document_type for each in one.accepts],
            registers=list(dict.fromkeys(each.database for each in one.registers)),
            min_level=one.min_level,
            object_kind=one.object_kind,
        )


@strawberry.type(description="A published fee; a null amount is set locally and not published here.")
class Fee:
    amount: VND | None
    note: str | None


@strawberry.type(description="An administrative procedure (thủ tục hành chính) as published on one day.")
class Procedure(Node):
    code: str | None
    slug: str
    name: str
    field: str
    requirements: list[Requirement]
    fees: list[Fee]
    time_limit: str | None
    legal_basis: list[str]
    result_types: list[str]

    @classmethod
    def of(cls, one: law.Procedure, book: law.Law, language: str) -> "Procedure":
        return cls(
            id=global_id("Procedure", one.id),
            code=one.code,
            slug=one.id,
            name=one.name.in_language(language),
            field=book.fields[one.field].in_language(language),
            requirements=[Requirement.of(each, language) for each in one.requirements],
            fees=[_fee(each, language) for each in one.fees],
            time_limit=_time_limit(one.time_limit, language),
            legal_basis=list(one.legal_basis),
            result_types=list(one.result_types),
        )


@strawberry.type
class ProcedureEdge:
    node: Procedure
    cursor: str


@strawberry.type
class ProcedureConnection:
    edges: list[ProcedureEdge]
    page_info: PageInfo


async def procedures(
    info: AppInfo, first: int, after: str | None = None, search: str | None = None, field: str | None = None
) -> ProcedureConnection:
    context = info.context
    book = context.law
    matches = _matching(book, search, field)
    keys = {one.id: index for index, one in enumerate(matches)}

    async def fetch(start: str | None, limit: int) -> list[law.Procedure]:
        begin = keys[start] + 1 if start in keys else 0
        return matches[begin : begin + limit]

    # The list is of one version of the law: a cursor of another version, search or field opens nothing here.
    listing = f"procedures\0{book.version}\0{search or ''}\0{field or ''}"
    rows, page = await page_of(context.house.cursors, listing, first, after, fetch, lambda one: one.id)
    edges = [
        ProcedureEdge(node=Procedure.of(row, book, context.language), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return ProcedureConnection(edges=edges, page_info=page.info)


async def procedure(
    info: AppInfo, code: str | None = None, slug: str | None = None, on: date | None = None
) -> Procedure | None:
    context = info.context
    book = context.office.laws.on(on) if on is not None else context.law
    found = book.procedure(code or slug or "")
    return Procedure.of(found, book, context.language) if found is not None else None


async def agencies(info: AppInfo, procedure: str) -> list[AgencyType]:
    context = info.context
    found = context.law.procedure(procedure)
    if found is None:
        return []
    async with context.reading() as tx:
        rows = await competent_agencies(tx, found)
    return [AgencyType.of(row, context.language) for row in rows]


def _fee(fee: law.Fee, language: str) -> Fee:
    amount = VND(fee.amount_vnd) if fee.amount_vnd is not None else None
    return Fee(amount=amount, note=fee.note.in_language(language) if fee.note is not None else None)


_UNITS = {
    "working_day": ("{value} ngày làm việc", "{value} working days"),
    "working_hour": ("{value} giờ làm việc", "{value} working hours"),
    "day": ("{value} ngày", "{value} days"),
    "hour": ("{value} giờ", "{value} hours"),
    "month": ("{value} tháng", "{value} months"),
}
_SAME_DAY = ("Trong ngày", "The same day")


def _time_limit(limit: law.TimeLimit, language: str) -> str | None:
    if limit.value is None or limit.unit is None:
        return None
    english = language == "en"
    if limit.value == 0:
        return _SAME_DAY[english]
    return _UNITS[limit.unit][english].format(value=limit.value)


def _matching(book: law.Law, query: str | None, field: str | None) -> list[law.Procedure]:
    known = [one for one in book.procedures.values() if field in (None, one.field)]
    if query:
        return search(query, known, lambda one: [one.name.vi, one.name.en or "", one.code or ""])
    return sorted(known, key=lambda one: sort_key(one.name.vi))


def purpose_words(context: Context, purpose: str) -> str:
    """The procedure's name for its code; a purpose of another kind as it is logged."""
    procedure = context.law.procedure(purpose.removeprefix("urn:vn:tthc:"))
    return procedure.name.in_language(context.language) if procedure is not None else purpose
