"""Everything the committed schema offers, asked for in full: no field is left out because nobody thought of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_composite_type,
)

SCHEMA = Path(__file__).parents[3] / "schema.graphql"
ARGUMENTS: Mapping[str, str] = {
    "Consent.events": "(first: 5)",
    "OnceOnlyFigures.dossiers": "(figure: SUPPLIED, first: 20)",
    "OnceOnlyFigures.mismatches": "(first: 20)",
}
"""Arguments of nested fields that must have some."""

Seen = dict[str, list[Any]]
"""Values by coordinate (`Type.field`), in the order of the response."""


@cache
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text("utf-8"))


@cache
def coordinates() -> Mapping[str, frozenset[str]]:
    """Fields by type, of every type that answers something. Input types are what is sent."""
    return {
        name: frozenset(one.fields)
        for name, one in schema().type_map.items()
        if isinstance(one, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__")
    }


@dataclass(frozen=True)
class Ask:
    """One root field with its arguments as written. `kind`: the type meant where the field answers any node."""

    field: str
    arguments: str = ""
    kind: str = ""

    @property
    def query(self) -> str:
        return f"{{ {self.field}{self.arguments} {self.selected('Query')} }}"

    @property
    def mutation(self) -> str:
        given = f"{self.field[0].upper()}{self.field[1:]}Input"
        return f"mutation($input: {given}!) {{ {self.field}(input: $input) {self.selected('Mutation')} }}"

    def selected(self, root: str) -> str:
        return self._of(_field(root, self.field))

    def types(self, root: str) -> frozenset[str]:
        """Every type whose fields the operation asks for, the root included."""
        return frozenset({root, *self._below(_field(root, self.field))})

    def observe(self, root: str, data: Mapping[str, Any]) -> Seen:
        """What came back, sorted by coordinate. Fields of interfaces count for the interface too."""
        seen: Seen = {}
        self._walk(root, {self.field: data.get(self.field)}, seen)
        return seen

    def _of(self, field: GraphQLField) -> str:
        answered = get_named_type(field.type)
        return self._fields(answered.name) if is_composite_type(answered) else ""

    def _fields(self, name: str) -> str:
        chosen = [
            f"{one}{ARGUMENTS.get(f'{name}.{one}', '')} {self._of(field)}"
            for one, field in _type(name).fields.items()
        ]
        chosen += [f"... on {one} {self._fields(one)}" for one in self._kinds(name)]
        return f"{{ __typename {' '.join(chosen)} }}"

    def _kinds(self, name: str) -> list[str]:
        if not isinstance(_type(name), GraphQLInterfaceType):
            return []
        if name == "Node":
            return [self.kind] if self.kind else []
        return sorted(one.name for one in schema().get_possible_types(schema().type_map[name]))  # type: ignore[arg-type]

    def _below(self, field: GraphQLField) -> Iterator[str]:
        answered = get_named_type(field.type)
        if is_composite_type(answered):
            for name in (answered.name, *self._kinds(answered.name)):
                yield name
                for one in _type(name).fields.values():
                    yield from self._below(one)

    def _walk(self, name: str, data: Mapping[str, Any], seen: Seen) -> None:
        concrete = str(data.get("__typename", name))
        for kind in {name, concrete}:
            for one, field in _type(kind).fields.items():
                if one not in data:
                    continue
                seen.setdefault(f"{kind}.{one}", []).append(data[one])
                if kind == concrete:
                    self._descend(get_named_type(field.type).name, data[one], seen)

    def _descend(self, name: str, value: Any, seen: Seen) -> None:
        if isinstance(value, list):
            for one in value:
                self._descend(name, one, seen)
        elif isinstance(value, dict) and is_composite_type(schema().type_map[name]):
            self._walk(name, value, seen)


def is_leaf(coordinate: str) -> bool:
    """Whether the coordinate answers a value of its own, not another type's fields."""
    name, _, one = coordinate.partition(".")
    return not is_composite_type(get_named_type(_field(name, one).type))


def payload_of(mutation: str) -> str:
    """The type a mutation answers."""
    return get_named_type(_field("Mutation", mutation).type).name


def _type(name: str) -> GraphQLObjectType | GraphQLInterfaceType:
    found = schema().type_map[name]
    assert isinstance(found, GraphQLObjectType | GraphQLInterfaceType)
    return found


def _field(name: str, one: str) -> GraphQLField:
    found: GraphQLField = _type(name).fields[one]
    return found
