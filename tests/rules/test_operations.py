"""Operations are measured before they are validated: at each limit they pass, one step beyond they do not."""

import time
from collections.abc import Callable

import pytest
from graphql import OperationDefinitionNode, OperationType, build_schema

from api.gateway.documents import SHIPPED, read_documents
from api.gateway.measure import (
    DEAREST,
    DEEPEST,
    MOST_ALIASES,
    MOST_DIRECTIVES,
    MOST_FIELDS,
    MOST_ROOT_FIELDS,
    Measure,
    Meter,
)
from api.gateway.operations import (
    KEPT,
    KEPT_CHARACTERS,
    MOST_CHARACTERS,
    OperationRefused,
    Operations,
    document_id,
    refuse_dear,
)
from resolvers.schema import build

SCHEMA = build_schema(
    """
    type Query {
      self: Query  name: String  said(word: String, times: Int): String
      things(first: Int!): ThingConnection!  kept(first: Int! = 7): ThingConnection!  nodes(ids: [ID!]!): [Thing]!
    }
    type Mutation { act: Int }
    type ThingConnection { edges: [ThingEdge!]!  page: Page! }
    type Page { more: Boolean! }
    type ThingEdge { node: Thing! }
    type Thing { id: ID!  parts: [Part!]!  things(first: Int!): ThingConnection! }
    type Part { id: ID!  parts: [Part!]! }
    """
)


def read(query: str, *, open_book: bool = False) -> None:
    Operations(SCHEMA, open_book=open_book).read(query)


def nested(depth: int) -> str:
    return "{ self " * (depth - 1) + "{ name }" + " }" * (depth - 1)


def through_fragments(depth: int) -> str:
    chain = [f"fragment f{i} on Query {{ self {{ ...f{i + 1} }} }}" for i in range(depth - 1)]
    return f"{{ ...f0 }} {' '.join(chain)} fragment f{depth - 1} on Query {{ name }}"


def aliased(count: int) -> str:
    return "{ " + " ".join(f"a{i}: name" for i in range(count)) + " }"


def repeated(count: int) -> str:
    return "{ self { " + "name " * (count - 1) + "} }"


def directed(count: int) -> str:
    return "{ " + " ".join(["name @skip(if: false)"] * count) + " }"


def broad(count: int) -> str:
    return "{ ...a } fragment a on Query { " + "name " * count + "}"


def acting(count: int) -> str:
    return "mutation { " + "act " * count + "}"


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (nested, DEEPEST),
        (through_fragments, DEEPEST),
        (aliased, MOST_ALIASES),
        (repeated, MOST_FIELDS),
        (directed, MOST_DIRECTIVES),
        (broad, MOST_ROOT_FIELDS[OperationType.QUERY]),
        (acting, MOST_ROOT_FIELDS[OperationType.MUTATION]),
    ],
)
def test_the_limit_passes_and_one_more_does_not(made: Callable[[int], str], most: int) -> None:
    read(made(most))
    with pytest.raises(OperationRefused) as refused:
        read(made(most + 1))
    assert ["too large" in error.message for error in refused.value.errors] == [True]


@pytest.mark.parametrize(
    "query",
    [
        "{ " + "name " * 2_100 + "}",
        "{ name } #" + "x" * MOST_CHARACTERS,
        "{ name } " + "#\n" * 200,
        '{ said(word: "a\\u0000b") }',
        "{ said(times: " + "9" * 5_000 + ") }",
        "{" * 5_000,
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{ nam }",
        "",
    ],
)
def test_a_document_nobody_needs_is_refused(query: str) -> None:
    with pytest.raises(OperationRefused):
        read(query)


def test_chained_fragments_are_counted_once_each() -> None:
    chain = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(25))
    begun = time.process_time()
    with pytest.raises(OperationRefused):
        read(f"{{ ...f0 }} {chain} fragment f25 on Query {{ name }}")
    # Followed instead of remembered, they would take minutes.
    assert time.process_time() - begun < 1


def test_a_suggestion_is_not_given_away() -> None:
    with pytest.raises(OperationRefused) as refused:
        read("{ nam }")
    assert refused.value.errors[0].message == "Cannot query field 'nam' on type 'Query'."


def test_introspection_is_for_open_books() -> None:
    read("{ __schema { queryType { name } } }", open_book=True)
    with pytest.raises(OperationRefused):
        read("{ __schema { queryType { name } } }")
    with pytest.raises(OperationRefused):
        read('{ __type(name: "Query") { name } }')


def test_a_document_is_read_once_and_one_with_words_is_not_kept() -> None:
    operations = Operations(SCHEMA, open_book=False)
    assert operations.read("{ name }") is operations.read("{ name }")
    worded = '{ said(word: "somebody") }'
    assert operations.read(worded) is not operations.read(worded)


def cost(query: str, **variables: object) -> int:
    operation = Operations(SCHEMA, open_book=False).read(query)
    return operation.cost(operation.named(None), variables)


OF_PARTS = "fragment c on ThingConnection { edges { node { parts { parts { id } } } } }"
EDGES = "edges { node { id } }"


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("{ name }", {}, 0),
        ("{ self { name } }", {}, 1),
        (f"{{ things(first: 10) {{ {EDGES} }} }}", {}, 1 + 10 * 2),
        (f"{{ things(first: 10) {{ {EDGES} page {{ more }} }} }}", {}, 1 + 10 * 2 + 1),
        (f"query($n: Int!) {{ things(first: $n) {{ {EDGES} }} }}", {"n": 40}, 1 + 40 * 2),
        (f"query($n: Int! = 3) {{ things(first: $n) {{ {EDGES} }} }}", {}, 1 + 3 * 2),
        (f"query($n: Int! = 3) {{ things(first: $n) {{ {EDGES} }} }}", {"n": 4}, 1 + 4 * 2),
        (f"{{ kept {{ {EDGES} }} }}", {}, 1 + 7 * 2),
        # What is no page size may not be cheap.
        (f"query($n: Int!) {{ things(first: $n) {{ {EDGES} }} }}", {"n": 10**6}, 1 + 100 * 2),
        (f"query($n: Int!) {{ things(first: $n) {{ {EDGES} }} }}", {"n": -5}, 1 + 100 * 2),
        (f"query($n: Int!) {{ things(first: $n) {{ {EDGES} }} }}", {"n": "x"}, 1 + 100 * 2),
        (f"query($n: Int!) {{ things(first: $n) {{ {EDGES} }} }}", {}, 1 + 100 * 2),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["a", "b", "c"]}, 3),
        ('{ nodes(ids: ["a", "b"]) { parts { id } } }', {}, 2 * (1 + 3)),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {}, 100),
        # Nested pages multiply, and so does a fragment: by the page it is spread in.
        ("{ things(first: 3) { edges { node { things(first: 4) { edges { node { id } } } } } } }", {},
            1 + 3 * (2 + 1 + 4 * 2)),
        (f"{{ a: things(first: 3) {{ ...c }} b: things(first: 5) {{ ...c }} }} {OF_PARTS}", {},
            (1 + 3 * (2 + 3 + 9)) + (1 + 5 * (2 + 3 + 9))),
        ("{ things(first: 2) { ... { edges { ... on ThingEdge { node { id } } } } } }", {}, 1 + 2 * 2),
    ],
)  # fmt: skip
def test_every_object_a_field_may_bring_costs_one(
    query: str, variables: dict[str, object], expected: int
) -> None:
    assert cost(query, **variables) == expected


def test_a_cost_is_measured_once_for_each_page_size(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = Operations(SCHEMA, open_book=False).read(
        "query($n: Int!, $w: String) { said(word: $w) things(first: $n) { edges { node { id } } } }"
    )
    meant, measured = operation.named(None), []
    real = Meter.of_operation

    def counting(self: Meter, node: OperationDefinitionNode) -> Measure:
        measured.append(node)
        return real(self, node)

    monkeypatch.setattr(Meter, "of_operation", counting)
    found = [operation.cost(meant, {"n": n, "w": w}) for n in (5, 9) for w in ("one", "two", "three")]
    assert found == [11, 11, 11, 19, 19, 19]
    assert len(measured) == 2


def test_the_dearest_operation_passes_and_one_more_does_not() -> None:
    refuse_dear(DEAREST)
    with pytest.raises(OperationRefused) as refused:
        refuse_dear(DEAREST + 1)
    assert refused.value.code == "OPERATION_TOO_LARGE"
    assert refused.value.errors[0].extensions == {
        "measure": "cost", "requested": DEAREST + 1, "limit": DEAREST,
    }  # fmt: skip


def test_a_registered_document_must_fit_the_schema_and_goes_by_its_digest() -> None:
    operations = Operations(SCHEMA, open_book=False)
    operations.trust({"Good.graphql": "{ name }"})
    assert operations.registered(document_id("{ name }")).document
    with pytest.raises(OperationRefused) as refused:
        operations.registered(document_id("{ name } "))
    assert refused.value.code == "DOCUMENT_UNKNOWN"
    with pytest.raises(OperationRefused, match="error") as unfit:
        operations.trust({"Bad.graphql": "{ nam }"})
    assert unfit.value.errors[0].message.startswith("Bad.graphql: ")


def test_every_registered_document_passes_with_its_largest_page() -> None:
    operations = Operations(build()._schema, open_book=False)
    documents = read_documents(SHIPPED)
    assert len(documents) > 20
    for text in documents.values():
        operation = operations.read(text)
        refuse_dear(operation.cost(operation.named(None), {"first": 100}))


def test_a_count_without_end_is_told_as_a_number() -> None:
    chain = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(150))
    with pytest.raises(OperationRefused) as refused:
        read(f"{{ ...f0 }} {chain} fragment f150 on Query {{ name }}")
    told = [error.extensions or {} for error in refused.value.errors]
    assert {one["requested"] for one in told} == {2**31 - 1}


def test_what_is_kept_is_bounded_by_number_and_by_size() -> None:
    operations = Operations(SCHEMA, open_book=False)
    for number in range(KEPT + 10):
        operations.read(f"query q{number} {{ name }}")
    assert len(operations._kept) == KEPT
    for number in range(20):
        operations.read(f"query q{number} {{ name }}" + " " * (MOST_CHARACTERS - 30))
    assert 1 < len(operations._kept) < 10
    assert sum(map(len, operations._kept)) == operations._kept_characters <= KEPT_CHARACTERS
