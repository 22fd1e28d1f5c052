"""How much an operation is: its shape, and what it may cost. One walk for all of it, before anything is validated.

Every object a field may bring costs one. A list directly below a field with `first` holds that many items, a list
of things asked for by `ids` as many as ids are given, any other list `USUAL` items. Each fragment is measured once
for the page it stands in and its measure is added wherever it is spread, so twenty chained spreads cost twenty
steps and not a million.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

DEEPEST: Final = 12
MOST_FIELDS: Final = 350
MOST_ALIASES: Final = 15
MOST_DIRECTIVES: Final = 10
MOST_ROOT_FIELDS: Final[Mapping[OperationType, int]] = {OperationType.QUERY: 20, OperationType.MUTATION: 5}
DEAREST: Final = 10_000
"""The cost of the dearest operation that runs. Pages of 100 of every list fit, with some lists inside each item; of
dossiers with everything they have, fifty: a list is there to choose from."""
LARGEST_PAGE: Final = 100
USUAL: Final = 3
"""Items of a list that has no pages, because the law or one paper bounds it."""


@dataclass(frozen=True, slots=True)
class Excess:
    """`measure` is deep, root fields, fields, aliases, directives or cost."""

    measure: str
    requested: int
    limit: int

    @classmethod
    def of(cls, measure: str, requested: int, limit: int) -> "Excess | None":
        """None within the limit. Told up to a number every program can read: spreads double without end."""
        return cls(measure, min(requested, 2**31 - 1), limit) if requested > limit else None


@dataclass(slots=True)
class Measure:
    """Of one selection, all fragments spread. `width`: the fields of its first level."""

    depth: int = 0
    width: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0

    def add(self, other: "Measure") -> None:
        """Beside what is here."""
        self.width += other.width
        self._gather(other, levels=0, times=1)

    def add_below(self, other: "Measure", *, times: int = 1) -> None:
        """One level below what is here, `times` over."""
        self._gather(other, levels=1, times=times)

    def _gather(self, other: "Measure", *, levels: int, times: int) -> None:
        self.depth = max(self.depth, other.depth + levels)
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives
        self.cost += other.cost * times


@dataclass(slots=True)
class Meter:
    """Measures selections of one document under one set of variables. `asked` collects the variables that matter."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    asked: set[str] = field(default_factory=set)
    _known: dict[tuple[str, int | None], Measure] = field(default_factory=dict)

    def of_operation(self, operation: OperationDefinitionNode) -> Measure:
        total = Measure(directives=len(operation.directives or ()))
        total.add(self._of(operation.selection_set, self.schema.get_root_type(operation.operation), None))
        return total

    def _of(
        self, selections: SelectionSetNode | None, kind: GraphQLNamedType | None, page: int | None
    ) -> Measure:
        total = Measure()
        for node in selections.selections if selections is not None else ():
            total.directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                self._add_field(total, node, kind, page)
            elif isinstance(node, FragmentSpreadNode):
                total.add(self._fragment(node.name.value, page))
            elif isinstance(node, InlineFragmentNode):
                narrowed = node.type_condition.name.value if node.type_condition else None
                inner = self.schema.get_type(narrowed) if narrowed is not None else kind
                total.add(self._of(node.selection_set, inner, page))
        return total

    def _add_field(
        self, total: Measure, node: FieldNode, kind: GraphQLNamedType | None, page: int | None
    ) -> None:
        total.fields += 1
        total.width += 1
        total.aliases += node.alias is not None
        definition = _field(kind, node.name.value)
        named = get_named_type(definition.type) if definition is not None else None
        # What the schema says of itself is no data; a rule of the library bounds it.
        its_own = node.name.value.startswith("__")
        inner = Measure() if its_own else self._of(node.selection_set, named, self._page(node, definition))
        if definition is None or not is_composite_type(named):
            total.add_below(inner)
            return
        many = is_list_type(get_nullable_type(definition.type))
        items = self._items(node, page) if many else 1
        total.add_below(inner, times=items)
        total.cost += items

    def _fragment(self, name: str, page: int | None) -> Measure:
        if (name, page) not in self._known:
            self._known[name, page] = Measure()  # a cycle ends here; validation refuses it
            fragment = self.fragments.get(name)
            if fragment is not None:
                kind = self.schema.get_type(fragment.type_condition.name.value)
                self._known[name, page] = self._of(fragment.selection_set, kind, page)
        return self._known[name, page]

    def _page(self, node: FieldNode, definition: GraphQLField | None) -> int | None:
        """The page a field asks for; None when it has no pages. What is no page size counts as the largest."""
        if definition is None or "first" not in definition.args:
            return None
        given = self._argument(node, "first")
        if given is None and all(one.name.value != "first" for one in node.arguments or ()):
            given = _default(definition.args["first"])
        return given if isinstance(given, int) and 0 < given < LARGEST_PAGE else LARGEST_PAGE

    def _items(self, node: FieldNode, page: int | None) -> int:
        if any(argument.name.value == "ids" for argument in node.arguments or ()):
            given = self._argument(node, "ids")
            return min(len(given), LARGEST_PAGE) if isinstance(given, list) else LARGEST_PAGE
        return page if page is not None else USUAL

    def _argument(self, node: FieldNode, name: str) -> Any:
        """A number or list given for an argument; None for anything else, and for none."""
        value = next((one.value for one in node.arguments or () if one.name.value == name), None)
        if isinstance(value, VariableNode):
            self.asked.add(value.name.value)
            return self.variables.get(value.name.value)
        if isinstance(value, IntValueNode):
            return int(value.value[:20])
        return list(value.values) if isinstance(value, ListValueNode) else None


def shape_excesses(measure: Measure, roots: Mapping[OperationType, int]) -> list[Excess]:
    """Everything about the shape of a document that is too much. The cost is judged when the variables are known."""
    counted = (
        ("deep", measure.depth, DEEPEST),
        *(("root fields", count, MOST_ROOT_FIELDS.get(kind, 1)) for kind, count in roots.items()),
        ("fields", measure.fields, MOST_FIELDS),
        ("aliases", measure.aliases, MOST_ALIASES),
        ("directives", measure.directives, MOST_DIRECTIVES),
    )
    return [excess for name, count, most in counted if (excess := Excess.of(name, count, most)) is not None]


def _default(argument: GraphQLArgument) -> Any:
    """The number the schema has for an argument that is not given."""
    literal = getattr(argument.default, "literal", None)
    return int(literal.value) if isinstance(literal, IntValueNode) else argument.default_value


def _field(kind: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        found: GraphQLField | None = kind.fields.get(name)
        return found
    return None
