"""The schema is printed from the code and keeps every promise of the fixed core."""

from pathlib import Path

from graphql import GraphQLArgument, GraphQLSchema, build_schema, is_non_null_type
from graphql.utilities import find_breaking_changes

from resolvers.schema import build, printed

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def defaults_lost(before: GraphQLSchema, after: GraphQLSchema) -> list[str]:
    """Non-null arguments whose default went away: clients that relied on it now fail, and the library calls
    that merely dangerous."""
    lost = []
    for name, kind in before.type_map.items():
        for field_name, one in getattr(kind, "fields", {}).items():
            later = getattr(after.type_map.get(name), "fields", {}).get(field_name)
            for argument_name, argument in getattr(one, "args", {}).items():
                now = getattr(later, "args", {}).get(argument_name)
                if (
                    now is not None
                    and is_non_null_type(now.type)
                    and _default(argument)
                    and not _default(now)
                ):
                    lost.append(f"{name}.{field_name}({argument_name})")
    return lost


def _default(argument: GraphQLArgument) -> bool:
    return argument.ast_node is not None and argument.ast_node.default_value is not None


def breaking(before: str, after: str) -> list[str]:
    old, new = build_schema(before), build_schema(after)
    return [change.description for change in find_breaking_changes(old, new)] + defaults_lost(old, new)


def test_committed_schema_is_what_the_code_prints() -> None:
    assert (ROOT / "schema.graphql").read_text() == printed(build()), "run: motlan schema"


def test_core_is_kept() -> None:
    core = (HERE / "core.graphql").read_text()
    assert breaking(core, printed(build())) == []


def test_a_removed_field_and_a_lost_default_are_breaking() -> None:
    before = "type Query { a(first: Int! = 20): Int  b: Int }"
    after = "type Query { a(first: Int!): Int }"
    found = breaking(before, after)
    assert any("b" in one for one in found)
    assert "Query.a(first)" in found
