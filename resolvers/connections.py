"""Opaque ids and keyset connections. A cursor is signed, so nobody reads sort keys from it or makes one up."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import strawberry

from resolvers.problems import BadInput

MAX_PAGE = 100
MOST_CHARACTERS = 4_000

T = TypeVar("T")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page with their cursors, and whether more follow."""

    rows: Sequence[object]
    cursors: Sequence[str]
    info: PageInfo


@dataclass(frozen=True, slots=True)
class Cursors:
    """Signs and opens cursors of one list for one deployment."""

    secret: bytes

    def seal(self, listing: str, key: str) -> str:
        mark = hmac.digest(self.secret, f"{listing}\0{key}".encode(), hashlib.sha256)[:12]
        return base64.urlsafe_b64encode(mark + key.encode()).decode().rstrip("=")

    def open(self, listing: str, cursor: str) -> str:
        """Raises BadInput for anything this deployment did not issue for this list."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            mark, key = raw[:12], raw[12:].decode()
        except (binascii.Error, ValueError) as unreadable:
            raise BadInput("after") from unreadable
        if not hmac.compare_digest(self.seal(listing, key), cursor) or len(mark) != 12:
            raise BadInput("after")
        return key


def global_id(kind: str, key: UUID | str) -> strawberry.ID:
    """The opaque id of a thing: not a secret, so nothing is granted by knowing it."""
    return strawberry.ID(base64.urlsafe_b64encode(f"{kind}:{key}".encode()).decode().rstrip("="))


def read_id(given: str, kind: str) -> str:
    """The key inside an id of the expected kind. Raises BadInput for any other text."""
    found, key = split_id(given)
    if found != kind:
        raise BadInput("id")
    return key


def read_uuid(given: str, kind: str) -> UUID:
    try:
        return UUID(read_id(given, kind))
    except ValueError as unreadable:
        raise BadInput("id") from unreadable


def read_words(given: str, field: str) -> str:
    """What somebody had to put in words: not blank, no longer than a page. Raises BadInput."""
    if not given.strip() or len(given) > MOST_CHARACTERS or "\0" in given:
        raise BadInput(field)
    return given


def split_id(given: str) -> tuple[str, str]:
    try:
        kind, _, key = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")
    except (binascii.Error, ValueError) as unreadable:
        raise BadInput("id") from unreadable
    # One thing has one id: a re-spelled base64 tail is not the id we gave.
    if global_id(kind, key) != given:
        raise BadInput("id")
    return kind, key


async def page_of(
    cursors: Cursors,
    listing: str,
    first: int,
    after: str | None,
    fetch: Callable[[str | None, int], Awaitable[Sequence[T]]],
    key: Callable[[T], str],
) -> tuple[Sequence[T], Page]:
    """One page by keyset: `fetch(after_key, limit)` returns up to `limit` rows after the key.

    Raises BadInput for a page size outside 1–100 or a foreign cursor.
    """
    if not 1 <= first <= MAX_PAGE:
        raise BadInput("first")
    start = cursors.open(listing, after) if after is not None else None
    found = await fetch(start, first + 1)
    rows = found[:first]
    marks = [cursors.seal(listing, key(row)) for row in rows]
    info = PageInfo(
        has_next_page=len(found) > first,
        has_previous_page=after is not None,
        start_cursor=marks[0] if marks else None,
        end_cursor=marks[-1] if marks else None,
    )
    return rows, Page(rows, marks, info)
