"""What changed since an app last asked: ids alone, which it then reads anew. Nothing here is read by anybody else."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from auth.policy import reach
from resolvers.connections import MAX_PAGE, PageInfo, global_id
from resolvers.context import AppInfo, Context
from resolvers.problems import BadInput
from store.feed import follow


@strawberry.enum(description="Why what an app keeps is no ground to go on from.")
class StartAnew(Enum):
    CURSOR_EXPIRED = "cursor_expired"
    PERSONS_CHANGED = "persons_changed"


@strawberry.type(description="A thing of the caller's or a ward's that changed; `gone`: drop it.")
class Change:
    id: strawberry.ID = strawberry.field(
        description="Of the thing: read it with `nodes`; drop it when that is null."
    )
    kind: str = strawberry.field(
        description="Its type: Dossier, Document, Consent, AccessRequest, Share, Notice."
    )
    gone: bool
    at: datetime


@strawberry.type
class ChangeEdge:
    node: Change
    cursor: str


@strawberry.type(
    description="Changes in the order they took effect. `pageInfo.endCursor` is never null: keep it, ask after it."
)
class ChangeFeed:
    edges: list[ChangeEdge]
    page_info: PageInfo
    start_anew: StartAnew | None = strawberry.field(
        description="Not null: forget everything kept, keep this endCursor, then read every list in full."
    )


@dataclass(frozen=True, slots=True)
class _Since:
    """A cursor, opened: a place in the feed, and for whom it was followed."""

    place: int
    persons: str


async def changes(info: AppInfo, first: int, after: str | None = None) -> ChangeFeed:
    """What changed after a cursor; without one nothing but a cursor for now: keep it, then read every list in full.

    Raises BadInput for a cursor of anybody else's.
    """
    context = info.context
    if not 1 <= first <= MAX_PAGE:
        raise BadInput("first")
    subjects = sorted(reach(context.caller).subjects)
    since = _opened(context, after) if after is not None else None
    same = since is not None and since.persons == mark_of(subjects)
    place = since.place if since is not None and same else None
    async with context.reading() as tx:
        found = await follow(tx, subjects, place, first + 1)
    some = found.changes[:first]
    cursors = [_sealed(context, subjects, one.place) for one in some]
    more = len(found.changes) > first
    return ChangeFeed(
        edges=[
            ChangeEdge(
                node=Change(id=global_id(one.kind, one.thing), kind=one.kind, gone=one.gone, at=one.at),
                cursor=cursor,
            )
            for one, cursor in zip(some, cursors, strict=True)
        ],
        page_info=PageInfo(
            has_next_page=more,
            has_previous_page=after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if more else _sealed(context, subjects, found.last),
        ),
        start_anew=StartAnew.CURSOR_EXPIRED
        if found.too_old
        else StartAnew.PERSONS_CHANGED
        if since is not None and not same
        else None,
    )


def _listing(context: Context) -> str:
    return f"changes:{context.caller_key}"


def _sealed(context: Context, subjects: list[UUID], place: int) -> str:
    return context.house.cursors.seal(_listing(context), f"{place}:{mark_of(subjects)}")


def _opened(context: Context, after: str) -> _Since:
    place, _, persons = context.house.cursors.open(_listing(context), after).partition(":")
    return _Since(int(place), persons)


def mark_of(subjects: list[UUID]) -> str:
    """For whom a feed was followed: with another ward, or one less, what an app keeps is of other persons."""
    return hashlib.sha256(b"".join(one.bytes for one in subjects)).hexdigest()[:16]
