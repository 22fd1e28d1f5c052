"""The schema is printed from the code and keeps every promise of the fixed core."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputType,
    GraphQLSchema,
    build_schema,
    is_non_null_type,
)
from graphql.utilities import find_breaking_changes

from resolvers.schema import build, printed

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


DATED = re.compile(r" Deprecated (\d{4}-\d{2}-\d{2}), gone (\d{4}-\d{2}-\d{2})\.$")
"""How the reason of a deprecation ends: the day it was announced, and the day from which the thing may be gone."""
NOTICE = timedelta(days=365)

BROKEN: Mapping[str, str] = {}
"""Changes that break clients all the same, by the words of the check, each with why. Emptied by a new edition of
`published.graphql`, which is the schema clients were last promised."""


def defaults_lost(before: GraphQLSchema, after: GraphQLSchema) -> list[str]:
    """Non-null arguments and input fields whose default went away: clients that relied on it now fail, and the
    library calls that merely dangerous."""
    had, has = dict(_defaulted(before)), dict(_defaulted(after))
    return [
        name
        for name, default in had.items()
        if default and name in has and not has[name] and is_non_null_type(_kinds(after)[name])
    ]


def _kinds(schema: GraphQLSchema) -> dict[str, GraphQLInputType]:
    return {name: one.type for name, one in _inputs(schema)}


def _defaulted(schema: GraphQLSchema) -> Iterator[tuple[str, bool]]:
    for name, one in _inputs(schema):
        yield name, one.ast_node is not None and one.ast_node.default_value is not None


def _inputs(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLArgument | GraphQLInputField]]:
    """Everything a client gives: `Type.field(argument)` and `Input.field`."""
    for name, kind in schema.type_map.items():
        for field_name, one in getattr(kind, "fields", {}).items():
            if isinstance(one, GraphQLInputField):
                yield f"{name}.{field_name}", one
            for argument_name, argument in getattr(one, "args", {}).items():
                yield f"{name}.{field_name}({argument_name})", argument


def deprecations(schema: GraphQLSchema) -> dict[str, str]:
    """Coordinate to reason of everything deprecated."""
    found = {name: one.deprecation_reason for name, one in _inputs(schema)}
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        members = {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}
        found |= {f"{name}.{member}": one.deprecation_reason for member, one in members.items()}
    return {name: reason for name, reason in found.items() if reason is not None}


def hasty(schema: GraphQLSchema) -> list[str]:
    """Deprecations without their two days, or with less than a year between them."""
    found = []
    for name, reason in deprecations(schema).items():
        dated = DATED.search(reason)
        if dated is None:
            found.append(name)
        elif date.fromisoformat(dated[2]) - date.fromisoformat(dated[1]) < NOTICE:
            found.append(f"{name}: less than a year")
    return found


def breaking(before: str, after: str, today: date = date.min) -> list[str]:
    """What a client of `before` meets as broken in `after`. What was deprecated and is due may be gone."""
    old, new = build_schema(before), build_schema(after)
    due = {
        name
        for name, reason in deprecations(old).items()
        if (dated := DATED.search(reason)) is not None and date.fromisoformat(dated[2]) <= today
    }
    changes = [
        change.description
        for change in find_breaking_changes(old, new)
        if not any(re.search(rf"\b{re.escape(name)}\b.*was removed", change.description) for name in due)
    ]
    return changes + defaults_lost(old, new)


def test_committed_schema_is_what_the_code_prints() -> None:
    assert (ROOT / "schema.graphql").read_text() == printed(build()), "run: motlan schema"


def test_core_is_kept() -> None:
    core = (HERE / "core.graphql").read_text()
    assert breaking(core, printed(build())) == []


def test_what_was_published_is_kept_or_declared_broken() -> None:
    published = (HERE / "published.graphql").read_text()
    assert breaking(published, printed(build()), datetime.now(UTC).date()) == list(BROKEN)


def test_every_deprecation_tells_its_days() -> None:
    assert hasty(build_schema(printed(build()))) == []


def test_a_removed_field_and_a_lost_default_are_breaking() -> None:
    before = "type Query { a(first: Int! = 20): Int  b: Int }"
    after = "type Query { a(first: Int!): Int }"
    found = breaking(before, after)
    assert any("b" in one for one in found)
    assert "Query.a(first)" in found


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("input I { a: Int! = 1 }", "input I { a: Int! }", "I.a"),
        ("input I { a: Int = 1 }", "input I { a: Int }", None),
        ("input I { a: Int! = 1 }", "input I { a: Int! = 2 }", None),
        ("input I { a: Int }", "input I { a: Int!  }", "I.a"),
        ("input I { a: Int }", "input I { a: Int  b: Int! }", "b"),
        ("enum I { A B }", "enum I { A }", "B"),
        ("type I { a(x: Int): Int }", "type I { a: Int }", "x"),
        ("type I { a: Int! }", "type I { a: Int }", "I.a"),
    ],
)
def test_a_break_of_each_kind_is_found(before: str, after: str, found: str | None) -> None:
    query = " type Query { q: Int }"
    broken = breaking(before + query, after + query)
    assert [str(found) in one for one in broken] == ([True] if found else [])


GONE = 'type Query { a: Int  b: Int @deprecated(reason: "Use a. Deprecated 2026-11-22, gone 2027-11-22.") }'


def test_what_is_deprecated_goes_when_its_day_has_come() -> None:
    after = "type Query { a: Int }"
    assert len(breaking(GONE, after, date(2027, 11, 21))) == 1
    assert breaking(GONE, after, date(2027, 11, 22)) == []
    assert len(breaking(GONE, "type Query { c: Int }", date(2027, 11, 22))) == 1


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("Use a. Deprecated 2026-11-22, gone 2027-11-22.", 0),
        ("Use a. Deprecated 2026-11-22, gone 2027-11-21.", 1),
        ("Use a.", 1),
        ("No longer supported", 1),
    ],
)
def test_a_hasty_deprecation_is_found(reason: str, found: int) -> None:
    marked = f'@deprecated(reason: "{reason}")'
    query = f"type Query {{ a(x: Int {marked}): E  b: Int {marked} }}"
    sdl = f"{query} enum E {{ A {marked} B }} input I {{ a: Int {marked} }}"
    assert len(hasty(build_schema(sdl))) == 4 * found
