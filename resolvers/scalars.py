"""Scalars of the schema. A date is never converted between zones; an instant always carries its offset."""

from datetime import date, datetime
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

VND = NewType("VND", int)
Json = NewType("Json", object)


def config() -> StrawberryConfig:
    """The schema's configuration: scalars mapped, suggestions off so that errors teach nothing of the schema."""
    return StrawberryConfig(disable_field_suggestions=True, scalar_map=_SCALARS)


def _instant(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as unreadable:
        raise GraphQLError("DateTime must be RFC 3339 with an offset") from unreadable
    if moment.tzinfo is None:
        raise GraphQLError("DateTime must be RFC 3339 with an offset")
    return moment


def _day(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as unreadable:
        raise GraphQLError("Date must be YYYY-MM-DD") from unreadable


def _uuid(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as unreadable:
        raise GraphQLError("UUID is malformed") from unreadable


def _plain(value: Any) -> Any:
    return value


_SCALARS: dict[object, ScalarDefinition] = {
    date: strawberry.scalar(
        name="Date",
        description="A calendar day, YYYY-MM-DD, in no time zone.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=date.isoformat,
        parse_value=_day,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant with its offset, RFC 3339.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=datetime.isoformat,
        parse_value=_instant,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="RFC 9562 text form.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
        serialize=str,
        parse_value=_uuid,
    ),
    VND: strawberry.scalar(
        name="VND",
        description="Vietnamese đồng as a decimal string: a 32-bit Int overflows at 2.1 billion.",
        serialize=str,
        parse_value=int,
    ),
    Json: strawberry.scalar(name="JSON", description="Any JSON value.", serialize=_plain, parse_value=_plain),
}
