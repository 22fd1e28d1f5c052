"""Operations are measured before they are validated: at each limit they pass, one step beyond they do not."""

import time
from collections.abc import Callable

import pytest
from graphql import build_schema

from api.operations import (
    DEEPEST,
    MOST_ALIASES,
    MOST_CHARACTERS,
    MOST_DIRECTIVES,
    MOST_FIELDS,
    OperationRefused,
    Operations,
)

SCHEMA = build_schema("type Query { self: Query, name: String, said(word: String, times: Int): String }")


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
    return "{ " + "name " * count + "}"


def directed(count: int) -> str:
    return "{ " + " ".join(["name @skip(if: false)"] * count) + " }"


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (nested, DEEPEST),
        (through_fragments, DEEPEST),
        (aliased, MOST_ALIASES),
        (repeated, MOST_FIELDS),
        (directed, MOST_DIRECTIVES),
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
