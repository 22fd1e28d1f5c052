"""What an app asks before anything else: is it still served, how late is it here, what goes away and when."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import strawberry
from graphql import GraphQLSchema

from resolvers.context import AppInfo

DATED = re.compile(r" Deprecated (\d{4}-\d{2}-\d{2}), gone (\d{4}-\d{2}-\d{2})\.$")
"""How the reason of every deprecation ends; a house test keeps them so, and a year apart."""


@strawberry.type(description="Something that will go away.")
class Deprecation:
    coordinate: str = strawberry.field(
        description="`Type.field`, `Type.field(argument)`, `Input.field` or `Enum.VALUE`."
    )
    reason: str
    announced_on: date
    gone_on: date = strawberry.field(description="The first day without it.")


@strawberry.type(description="About this API, for everybody.")
class ApiInfo:
    version: str = strawberry.field(description="Of the platform.")
    min_client_version: str = strawberry.field(
        description="The oldest version of the national app still served; an older one asks for its update."
    )
    now: datetime = strawberry.field(description="The platform's clock.")
    push_key: str = strawberry.field(
        description="What an app subscribes to its push service with (`applicationServerKey`), base64url."
    )
    deprecations: list[Deprecation]


def api_info(info: AppInfo) -> ApiInfo:
    house = info.context.house
    return ApiInfo(
        version=house.version,
        min_client_version=house.min_client_version,
        now=info.context.now,
        push_key=house.pushes.key if house.pushes is not None else "",
        deprecations=list(deprecations(info.schema._schema)),
    )


@lru_cache(maxsize=4)
def deprecations(schema: GraphQLSchema) -> tuple[Deprecation, ...]:
    """Everything the schema marks as deprecated, what goes first first."""
    found = []
    for coordinate, reason in _marked(schema):
        dated = DATED.search(reason)
        if dated is not None:
            announced, gone = (date.fromisoformat(one) for one in dated.groups())
            found.append(
                Deprecation(
                    coordinate=coordinate,
                    reason=DATED.sub("", reason),
                    announced_on=announced,
                    gone_on=gone,
                )
            )
    return tuple(sorted(found, key=lambda one: (one.gone_on, one.coordinate)))


def _marked(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    for name, kind in schema.type_map.items():
        members: dict[str, Any] = {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}
        for member, one in members.items():
            if one.deprecation_reason:
                yield f"{name}.{member}", one.deprecation_reason
            for argument, given in getattr(one, "args", {}).items():
                if given.deprecation_reason:
                    yield f"{name}.{member}({argument})", given.deprecation_reason
