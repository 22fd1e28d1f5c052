"""GraphQL operations before they run: parsed, measured, validated; the same text only once.

Measured before validated, because validating is what a hostile document makes dear. Everything is counted
through fragments with each fragment counted once, so twenty chained spreads cost twenty steps and not a million.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    Visitor,
    parse,
    print_ast,
    specified_rules,
    validate,
    visit,
)
from graphql.validation import NoSchemaIntrospectionCustomRule

MOST_CHARACTERS: Final = 32 * 1024
MOST_TOKENS: Final = 2_000
DEEPEST: Final = 12
MOST_FIELDS: Final = 500
MOST_ALIASES: Final = 15
MOST_DIRECTIVES: Final = 10
LONGEST_NUMBER: Final = 20
KEPT: Final = 256


class OperationRefused(Exception):
    """The text is no operation of this schema, or too much of one. `errors` quote names of the text and no values."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} error(s)")
        self.errors = errors


class Operations:
    """Reads operations for one schema and keeps the ones it has found good. `open_book` allows introspection."""

    def __init__(self, schema: GraphQLSchema, *, open_book: bool) -> None:
        self._schema = schema
        self._rules = [*specified_rules, *(() if open_book else (NoSchemaIntrospectionCustomRule,))]
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()

    def read(self, query: str) -> DocumentNode:
        """The document, fit to execute. Raises OperationRefused."""
        kept = self._kept.get(query)
        if kept is not None:
            self._kept.move_to_end(query)
            return kept
        try:
            document = parse(
                query, max_lexical_tokens=MOST_TOKENS, max_comments=100, max_source_length=MOST_CHARACTERS
            )
        except (GraphQLError, RecursionError) as error:
            raise OperationRefused([_syntax_error(error)]) from None
        words = _Words()
        visit(document, words)
        faults = [*words.faults, *_too_much(document)]
        errors = [GraphQLError(fault) for fault in faults] or validate(self._schema, document, self._rules)
        if errors:
            raise OperationRefused([_reworded(error) for error in errors])
        # A document with words of its own may hold somebody's data, and would hardly come twice.
        if not words.found:
            self._keep(query, document)
        return document

    def _keep(self, query: str, document: DocumentNode) -> None:
        self._kept[query] = document
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)


@dataclass(slots=True)
class _Measure:
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    def add(self, other: "_Measure", *, levels: int = 0) -> None:
        self.depth = max(self.depth, other.depth + levels)
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives


@dataclass(slots=True)
class _Meter:
    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[str, _Measure] = field(default_factory=dict)

    def of(self, selections: SelectionSetNode | None) -> _Measure:
        total = _Measure()
        for node in selections.selections if selections is not None else ():
            total.directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                total.fields += 1
                total.aliases += node.alias is not None
                # What the schema says of itself is no data; a rule of the library bounds it.
                inner = _Measure() if node.name.value.startswith("__") else self.of(node.selection_set)
                total.add(inner, levels=1)
            elif isinstance(node, FragmentSpreadNode):
                total.add(self._fragment(node.name.value))
            elif isinstance(node, InlineFragmentNode):
                total.add(self.of(node.selection_set))
        return total

    def _fragment(self, name: str) -> _Measure:
        if name not in self.known:
            self.known[name] = _Measure()  # a cycle ends here; validation refuses it
            fragment = self.fragments.get(name)
            if fragment is not None:
                self.known[name] = self.of(fragment.selection_set)
        return self.known[name]


def _too_much(document: DocumentNode) -> list[str]:
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    meter = _Meter(fragments)
    total = _Measure()
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            total.directives += len(node.directives or ())
            total.add(meter.of(node.selection_set))
    found = (
        ("deep", total.depth, DEEPEST),
        ("fields", total.fields, MOST_FIELDS),
        ("aliases", total.aliases, MOST_ALIASES),
        ("directives", total.directives, MOST_DIRECTIVES),
    )
    return [
        f"The operation is too large: {name}, at most {most}." for name, count, most in found if count > most
    ]


class _Words(Visitor):
    """Literals that would not survive the way to the database, and whether there are words at all."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False
        self.faults: list[str] = []

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        self.found = True
        if "\0" in node.value:
            self.faults.append("A text may not contain U+0000.")

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        self._number(node.value)

    def enter_float_value(self, node: FloatValueNode, *_: Any) -> None:
        self._number(node.value)

    def _number(self, digits: str) -> None:
        if len(digits) > LONGEST_NUMBER:
            self.faults.append("A number is too long.")


def _syntax_error(error: GraphQLError | RecursionError) -> GraphQLError:
    if not isinstance(error, GraphQLError):
        return GraphQLError("The operation is nested too deeply.")
    message = _LITERAL.sub(r"\1", error.message)
    return GraphQLError(message, source=error.source, positions=error.positions)


_LITERAL: Final = re.compile(r"\b(BlockString|String|Int|Float) '.*'", re.DOTALL)
"""How the parser quotes a value it did not expect."""


def _reworded(error: GraphQLError) -> GraphQLError:
    """The library's words without its suggestions, which would spell the schema out to whoever asks for what is
    not there, and without the values it quotes, which may be somebody's."""
    message = error.message.partition(" Did you mean ")[0]
    for node in error.nodes or ():
        if isinstance(node, ValueNode):
            for quoted in (print_ast(node), getattr(node, "value", None)):
                message = message.replace(quoted, "…") if isinstance(quoted, str) and quoted else message
    return GraphQLError(message, nodes=error.nodes, source=error.source, positions=error.positions)
