"""Who is signed in, for whom they may act, and what they were told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import strawberry

from auth.caller import CallerKind
from dossiers import views
from dossiers.records import Notice as NoticeRow
from procedures.agencies import agency_name
from resolvers.connections import PageInfo, global_id, page_of
from resolvers.context import AppInfo, Context
from resolvers.wording import notice_words
from vault.subjects import profiles_of


@strawberry.type(description="Somebody the caller may act for, and as what.")
class Ward:
    subject: strawberry.ID
    relation: str
    name: str | None


@strawberry.type(description="The caller.")
class Viewer:
    id: strawberry.ID
    kind: str
    name: str
    agency: str | None
    roles: list[str]
    wards: list[Ward]


@strawberry.type(description="Something the caller was told.")
class Notice:
    id: strawberry.ID
    code: str
    text: str
    at: datetime
    dossier: strawberry.ID | None

    @classmethod
    def of(cls, row: NoticeRow, language: str) -> "Notice":
        params = {key: str(value) for key, value in row.params.items()}
        return cls(
            id=global_id("Notice", row.id),
            code=row.code,
            text=notice_words(row.code, language, params),
            at=row.at,
            dossier=global_id("Dossier", row.dossier_id) if row.dossier_id is not None else None,
        )


@strawberry.type
class NoticeEdge:
    node: Notice
    cursor: str


@strawberry.type
class NoticeConnection:
    edges: list[NoticeEdge]
    page_info: PageInfo


async def viewer(info: AppInfo) -> Viewer | None:
    """Null when nobody is signed in."""
    context = info.context
    caller = context.caller
    if caller.id is None:
        return None
    if caller.kind is CallerKind.OFFICER:
        row = await context.load.agency.load(caller.agency) if caller.agency else None
        return Viewer(
            id=global_id("Officer", caller.id),
            kind=caller.kind.value,
            name="",
            agency=agency_name(row, context.language) if row is not None else None,
            roles=sorted(role.value for role in caller.roles),
            wards=[],
        )
    async with context.reading() as tx:
        profiles = await profiles_of(tx, caller.subjects, context.office.safe)
    names = {subject: profile.name for subject, profile in profiles.items()}
    wards = [
        Ward(subject=global_id("Subject", subject), relation=relation, name=names.get(subject))
        for subject, relation in sorted(caller.represented.items())
    ]
    return Viewer(
        id=global_id("Subject", caller.id),
        kind=caller.kind.value,
        name=names.get(caller.id) or "",
        agency=None,
        roles=[],
        wards=wards,
    )


async def notices(info: AppInfo, first: int, after: str | None = None) -> NoticeConnection:
    context: Context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[NoticeRow]:
        async with context.reading() as tx:
            return await views.my_notices(tx, context.caller, UUID(start) if start else None, limit)

    rows, page = await page_of(context.house.cursors, "notices", first, after, fetch, lambda row: str(row.id))
    edges = [
        NoticeEdge(node=Notice.of(row, context.language), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return NoticeConnection(edges=edges, page_info=page.info)
