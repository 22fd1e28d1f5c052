"""GraphQL operations before they run: parsed, measured, validated; the same text only once.

Measured before validated, because validating is what a hostile document makes dear. What a page of it costs is
known only with the variables, and is judged last, still before anything runs.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from graphql import (
    DocumentNode,
    FloatValueNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
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

from api.gateway.measure import DEAREST, Excess, Measure, Meter, shape_excesses

MOST_CHARACTERS: Final = 32 * 1024
MOST_TOKENS: Final = 2_000
LONGEST_NUMBER: Final = 20
DEEPEST_LITERAL: Final = 32
MOST_ERRORS: Final = 10
KEPT: Final = 256
KEPT_CHARACTERS: Final = 256 * 1024
"""Of all texts kept together. A parsed document takes some 120 bytes for each character of its text."""
COSTS_KEPT: Final = 64

UNNAMED: Final = "Name one query or mutation of the document."
UNKNOWN_DOCUMENT: Final = "No such document."


class OperationRefused(Exception):
    """The text is no operation of this schema, or too much of one. `errors` quote names of the text and no values.

    `code`: BAD_OPERATION, OPERATION_TOO_LARGE, DOCUMENT_UNKNOWN or DOCUMENT_REQUIRED.
    """

    def __init__(self, errors: list[GraphQLError], code: str = "BAD_OPERATION") -> None:
        super().__init__(f"{len(errors)} error(s)")
        self.errors = errors
        self.code = code


@dataclass(slots=True)
class Operation:
    """One document found good, and what its operations cost."""

    document: DocumentNode
    schema: GraphQLSchema
    name: str = ""
    """Of a registered document, as whoever registered it named it."""
    _costs: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _asked: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def named(self, name: str | None) -> OperationDefinitionNode:
        """The operation that is meant. Raises OperationRefused.

        The library would run the first one: a mutation, perhaps, which nobody asked for.
        """
        found = [
            one
            for one in self.document.definitions
            if isinstance(one, OperationDefinitionNode)
            and (name is None or (one.name is not None and one.name.value == name))
        ]
        if len(found) != 1 or found[0].operation is OperationType.SUBSCRIPTION:
            raise OperationRefused([GraphQLError(UNNAMED)])
        return found[0]

    def cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        """The most objects the operation may bring. Measured once for each set of page sizes."""
        name = operation.name.value if operation.name is not None else ""
        given = {**_defaults(operation), **variables}
        if name in self._asked:
            known = self._costs.get((name, *(_size(given.get(one)) for one in self._asked[name])))
            if known is not None:
                return known
        meter = Meter(self.schema, _fragments(self.document), given)
        measured = min(meter.of_operation(operation).cost, 2**31 - 1)
        self._asked[name] = tuple(sorted(meter.asked))
        if len(self._costs) < COSTS_KEPT:
            self._costs[(name, *(_size(given.get(one)) for one in self._asked[name]))] = measured
        return measured


class Operations:
    """Reads operations for one schema and keeps the ones it has found good. `open_book` allows introspection."""

    def __init__(self, schema: GraphQLSchema, *, open_book: bool) -> None:
        self._schema = schema
        self._rules = [*specified_rules, *(() if open_book else (NoSchemaIntrospectionCustomRule,))]
        self._kept: OrderedDict[str, Operation] = OrderedDict()
        self._kept_characters = 0
        self._trusted: dict[str, Operation] = {}

    def trust(self, texts: Mapping[str, str]) -> None:
        """Register documents known in advance by name and text; each goes by the SHA-256 of its text.

        Raises OperationRefused naming the first that is no document of this schema.
        """
        for name, text in texts.items():
            try:
                self._trusted[document_id(text)] = replace(self._prepare(text)[0], name=name)
            except OperationRefused as refused:
                named = [GraphQLError(f"{name}: {error.message}") for error in refused.errors]
                raise OperationRefused(named, refused.code) from None

    def registered(self, given: str) -> Operation:
        """A registered document. Raises OperationRefused, the same for whatever is no id of one."""
        found = self._trusted.get(given)
        if found is None:
            raise OperationRefused([GraphQLError(UNKNOWN_DOCUMENT)], "DOCUMENT_UNKNOWN")
        return found

    def read(self, query: str) -> Operation:
        """The document, fit to execute. Raises OperationRefused."""
        kept = self._kept.get(query)
        if kept is not None:
            self._kept.move_to_end(query)
            return kept
        operation, has_words = self._prepare(query)
        # A document with words of its own may hold somebody's data, and would hardly come twice.
        if not has_words:
            self._keep(query, operation)
        return operation

    def _keep(self, query: str, operation: Operation) -> None:
        self._kept[query] = operation
        self._kept_characters += len(query)
        while len(self._kept) > KEPT or self._kept_characters > KEPT_CHARACTERS:
            dropped, _ = self._kept.popitem(last=False)
            self._kept_characters -= len(dropped)

    def _prepare(self, query: str) -> tuple[Operation, bool]:
        try:
            document = parse(
                query, max_lexical_tokens=MOST_TOKENS, max_comments=100, max_source_length=MOST_CHARACTERS
            )
        except (GraphQLError, RecursionError) as error:
            raise OperationRefused([_syntax_error(error)]) from None
        words = _Words()
        visit(document, words)
        if words.faults:
            raise OperationRefused([GraphQLError(fault) for fault in words.faults[:MOST_ERRORS]])
        excesses = self._excesses(document)
        if excesses:
            raise OperationRefused([_too_large(one) for one in excesses], "OPERATION_TOO_LARGE")
        # Without suggestions: they spell the schema out, and searching for them takes half a second.
        errors = validate(self._schema, document, self._rules, max_errors=MOST_ERRORS, hide_suggestions=True)
        if errors:
            raise OperationRefused([_reworded(error) for error in errors])
        return Operation(document, self._schema), words.found

    def _excesses(self, document: DocumentNode) -> list[Excess]:
        meter = Meter(self._schema, _fragments(document), {})
        total, roots = Measure(), dict[OperationType, int]()
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                measured = meter.of_operation(node)
                total.add(measured)
                roots[node.operation] = max(roots.get(node.operation, 0), measured.width)
        return shape_excesses(total, roots)


def document_id(text: str) -> str:
    """What clients send in place of a registered document (GraphQL over HTTP, appendix on persisted documents)."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def refuse_dear(cost: int) -> None:
    """Raises OperationRefused for more objects than one answer may hold."""
    excess = Excess.of("cost", cost, DEAREST)
    if excess is not None:
        raise OperationRefused([_too_large(excess)], "OPERATION_TOO_LARGE")


class _Words(Visitor):
    """Literals that would not survive the way to the database, and whether there are words at all."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False
        self.faults: list[str] = []
        self._nested = 0

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        self.found = True
        if "\0" in node.value:
            self.faults.append("A text may not contain U+0000.")

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        self._number(node.value)

    def enter_float_value(self, node: FloatValueNode, *_: Any) -> None:
        self._number(node.value)

    def enter_list_value(self, *_: Any) -> None:
        self._nested += 1
        if self._nested == DEEPEST_LITERAL + 1:
            self.faults.append("A value is nested too deeply.")

    def leave_list_value(self, *_: Any) -> None:
        self._nested -= 1

    enter_object_value = enter_list_value
    leave_object_value = leave_list_value

    def _number(self, digits: str) -> None:
        if len(digits) > LONGEST_NUMBER:
            self.faults.append("A number is too long.")


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Variables with a number for default: the only defaults a page size can have."""
    return {
        one.variable.name.value: int(one.default_value.value)
        for one in operation.variable_definitions or ()
        if isinstance(one.default_value, IntValueNode)
    }


def _size(value: Any) -> int | None:
    """What matters of a variable for the cost."""
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) else None


def _too_large(excess: Excess) -> GraphQLError:
    told = {"measure": excess.measure, "requested": excess.requested, "limit": excess.limit}
    message = f"The operation is too large: {excess.measure}, at most {excess.limit}."
    return GraphQLError(message, extensions=told)


def _syntax_error(error: GraphQLError | RecursionError) -> GraphQLError:
    if not isinstance(error, GraphQLError):
        return GraphQLError("The operation is nested too deeply.")
    message = _LITERAL.sub(r"\1", error.message)
    return GraphQLError(message, source=error.source, positions=error.positions)


_LITERAL: Final = re.compile(r"\b(BlockString|String|Int|Float) '.*'", re.DOTALL)
"""How the parser quotes a value it did not expect."""


def _reworded(error: GraphQLError) -> GraphQLError:
    """The library's words without the values it quotes, which may be somebody's, and without any suggestion."""
    message = error.message.partition(" Did you mean ")[0]
    for node in error.nodes or ():
        if isinstance(node, ValueNode):
            for quoted in (print_ast(node), getattr(node, "value", None)):
                message = message.replace(quoted, "…") if isinstance(quoted, str) and quoted else message
    return GraphQLError(message, nodes=error.nodes, source=error.source, positions=error.positions)
