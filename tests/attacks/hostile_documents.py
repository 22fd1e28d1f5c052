"""Documents and bodies somebody hostile, or a program gone wrong, would send: grown from the schema by a seed.

Sound documents ask real fields with values at the edges of their types; broken ones are sound ones damaged; the
rest are the known ways to make a parser, a validator or an executor work without end.
"""

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

KINDS = (
    "Procedure",
    "Document",
    "Dossier",
    "Consent",
    "AccessRequest",
    "Share",
    "Subject",
    "Upload",
    "Agency",
)
TEXTS = (
    "", " ", "x", "a" * 3_000, "Nguyễn Thị Minh Châu", "\u202e\u0000"[:1], "'; DROP TABLE ledger; --", "{{7*7}}",
    "../../etc/passwd", "%00", "\ufeff", "😀" * 50, "-1", "1e309", "NaN", "null", "\n\r\t", "\u2028", "=1+1", "\\",
    "1.013225", "cap-giay-phep-xay-dung-nha-o-rieng-le", "giay-phep-xay-dung", "co-cong-trinh-lien-ke",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 5, 20, 99, 100, 101, 2**31 - 1, -(2**31), 2**31, 2**53 - 1, -(2**53) + 1)
DAYS = (
    "2026-11-23",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "2026-11-23T00:00:00Z",
    "",
    "x",
    "10000-01-01",
    "0000-00-00",
)


@dataclass(frozen=True)
class Body:
    """What is sent, and what it is called when it does harm."""

    name: str
    content: bytes
    media_type: str = "application/json"


@dataclass
class Grower:
    """Grows documents of one schema by one seed."""

    schema: GraphQLSchema
    rng: random.Random

    def body(self) -> Body:
        kind = self.rng.choices((self.sound, self.damaged, self.torn, self.known), (50, 25, 5, 20))[0]
        return kind()

    def sound(self) -> Body:
        """A document that fits the schema, with edge values, some of them by variables."""
        writer = _Writer(self.schema, self.rng)
        return Body("sound", _json({"query": writer.document(), "variables": writer.variables}))

    def damaged(self) -> Body:
        """A sound document with characters lost, doubled, swapped, or replaced by others."""
        writer = _Writer(self.schema, self.rng)
        text = list(writer.document())
        for _ in range(self.rng.randint(1, 6)):
            at = self.rng.randrange(len(text))
            match self.rng.randrange(4):
                case 0:
                    del text[at : at + self.rng.randint(1, 20)]
                case 1:
                    text.insert(at, self.rng.choice('{}()[]!$@:"#...\u0001\u200b|&=,é'))
                case 2:
                    text[at:at] = text[max(0, at - 40) : at]
                case _:
                    text[at] = chr(self.rng.choice((0, 9, 34, 92, 123, 125, 0xFFFD, 0x1F600)))
            if not text:
                break
        return Body("damaged", _json({"query": "".join(text), "variables": writer.variables}))

    def torn(self) -> Body:
        """A sound body with its bytes damaged."""
        content = bytearray(self.sound().content)
        for _ in range(self.rng.randint(1, 4)):
            content[self.rng.randrange(len(content))] = self.rng.randrange(256)
        return Body("torn", bytes(content[: self.rng.randint(1, len(content))]))

    def known(self) -> Body:
        name = self.rng.choice(tuple(KNOWN))
        return Body(name, KNOWN[name](self.rng))


class _Writer:
    def __init__(self, schema: GraphQLSchema, rng: random.Random) -> None:
        self.schema = schema
        self.rng = rng
        self.variables: dict[str, Any] = {}
        self._declared: list[str] = []
        self._fragments: list[str] = []

    def document(self) -> str:
        word = self.rng.choice(("query", "query", "mutation"))
        root = self.schema.query_type if word == "query" else self.schema.mutation_type
        assert root is not None
        names = self.rng.sample(sorted(root.fields), self.rng.choice((1, 1, 1, 2, 3)))
        fields = " ".join(self._field(name, root.fields[name], self.rng.randint(1, 4)) for name in names)
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        return f"{word} {declared} {{ {fields} }} {' '.join(self._fragments)}"

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        alias = f"a{self.rng.randrange(10**6)}: " if self.rng.random() < 0.05 else ""
        skipped = " @include(if: true)" if self.rng.random() < 0.02 else ""
        arguments = [
            f"{one}: {self._given(argument.type)}"
            for one, argument in field.args.items()
            if is_required_argument(argument) or self.rng.random() < 0.5
        ]
        given = f"({', '.join(arguments)})" if arguments else ""
        return f"{alias}{name}{given}{skipped}{self._selection(get_named_type(field.type), depth)}"

    def _selection(self, kind: GraphQLNamedType, depth: int) -> str:
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return ""
        leaves = [name for name, one in kind.fields.items() if _is_leaf(one)]
        chosen = self.rng.sample(leaves, min(len(leaves), 4)) or ["__typename"]
        parts = [self._field(name, kind.fields[name], 0) if name in kind.fields else name for name in chosen]
        branches = [name for name, one in kind.fields.items() if not _is_leaf(one)]
        if depth > 0 and branches:
            for name in self.rng.sample(branches, min(len(branches), self.rng.choice((1, 1, 2)))):
                parts.append(self._field(name, kind.fields[name], depth - 1))
        if isinstance(kind, GraphQLInterfaceType):
            possible = self.schema.get_possible_types(kind)
            one = self.rng.choice(list(possible))
            parts.append(f"... on {one.name}{self._selection(one, min(depth, 1))}")
        inside = f"{{ {' '.join(parts)} }}"
        if self.rng.random() < 0.1:
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {kind.name} {inside}")
            return f" {{ ...{name} }}"
        return f" {inside}"

    def _given(self, kind: GraphQLInputType) -> str:
        value = self._value(kind)
        if self.rng.random() < 0.6:
            name = f"v{len(self._declared)}"
            self._declared.append(f"${name}: {kind}")
            self.variables[name] = value
            return f"${name}"
        return _literal(value, kind)

    def _value(self, kind: GraphQLInputType, depth: int = 4) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type, depth)
        if isinstance(kind, GraphQLList):
            return [self._value(kind.of_type, depth - 1) for _ in range(self.rng.choice((0, 1, 1, 2, 5)))]
        if isinstance(kind, GraphQLEnumType):
            return _Word(self.rng.choice(sorted(kind.values)))
        if isinstance(kind, GraphQLInputObjectType):
            return {
                name: self._value(one.type, depth - 1)
                for name, one in kind.fields.items()
                if is_required_input_field(one) or (depth > 0 and self.rng.random() < 0.4)
            }
        return self._scalar(str(kind), depth)

    def _scalar(self, name: str, depth: int) -> Any:
        match name:
            case "Int":
                return self.rng.choice(NUMBERS)
            case "Boolean":
                return self.rng.random() < 0.5
            case "ID":
                return self._id()
            case "UUID":
                return str(UUID(int=self.rng.getrandbits(128))) if self.rng.random() < 0.9 else self._text()
            case "Date" | "DateTime":
                return self.rng.choice(DAYS)
            case "JSON":
                return self._anything(depth)
        return self._text()

    def _id(self) -> str:
        key = self.rng.choice((str(UUID(int=self.rng.getrandbits(128))), "x", "", "1.013225", "\u0001", "😀"))
        sealed = base64.urlsafe_b64encode(f"{self.rng.choice(KINDS)}:{key}".encode()).decode()
        return self.rng.choice((sealed.rstrip("="), sealed, key, self._text()))

    def _text(self) -> str:
        if self.rng.random() < 0.7:
            return self.rng.choice(TEXTS)
        letters = (self.rng.randrange(1, 0xD800), self.rng.randrange(32, 127))
        return "".join(chr(self.rng.choice(letters)) for _ in range(12))

    def _anything(self, depth: int) -> Any:
        if depth <= 0 or self.rng.random() < 0.4:
            return self.rng.choice((None, True, 0, -1.5, 1e300, 2**53 - 1, self._text()))
        if self.rng.random() < 0.5:
            return [self._anything(depth - 1) for _ in range(self.rng.randrange(4))]
        return {self._text(): self._anything(depth - 1) for _ in range(self.rng.randrange(4))}


class _Word(str):
    """An enum's value: a word in a document, a string in variables."""


def _is_leaf(field: GraphQLField) -> bool:
    return not isinstance(get_named_type(field.type), GraphQLObjectType | GraphQLInterfaceType)


def _literal(value: Any, kind: GraphQLInputType | None = None) -> str:
    if isinstance(value, _Word):
        return str(value)
    if isinstance(value, Mapping):
        # A key that is no name cannot be written down: JSON with such keys goes by variables.
        named = {key: one for key, one in value.items() if key.isidentifier() and key.isascii()}
        return "{" + ", ".join(f"{key}: {_literal(one)}" for key, one in named.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    return json.dumps(value)


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _asked(query: str, **rest: Any) -> bytes:
    return _json({"query": query, **rest})


def _chained(rng: random.Random) -> bytes:
    length = rng.choice((20, 25, 60, 150))
    chain = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(length))
    leaf = rng.choice(
        ("viewer { id }", "procedures(first: 100) { edges { node { requirements { accepts } } } }")
    )
    return _asked(f"{{ ...f0 }} {chain} fragment f{length} on Query {{ {leaf} }}")


def _widened(rng: random.Random) -> bytes:
    """Every fragment spreads every other: a circle, or a tree as wide as it is deep."""
    count, ring = rng.choice((5, 15, 30)), rng.random() < 0.5
    parts = []
    for i in range(count):
        spread = " ".join(f"...f{j}" for j in range(0 if ring else i + 1, count) if j != i)
        parts.append(f"fragment f{i} on Viewer {{ id {spread} }}")
    return _asked(f"{{ viewer {{ ...f0 }} }} {' '.join(parts)}")


def _many(word: str) -> Callable[[random.Random], bytes]:
    def write(rng: random.Random) -> bytes:
        words = (word.replace("N", str(i)) for i in range(rng.choice((14, 83, 120, 240))))
        return _asked(f"{{ {' '.join(words)} }}")

    return write


def _nested(opening: str, closing: str) -> Callable[[random.Random], bytes]:
    def write(rng: random.Random) -> bytes:
        depth = rng.choice((13, 33, 200, 300, 1_000, 5_000))
        return _asked("{ viewer " + opening * depth + closing * depth + " }")

    return write


def _bottomless(rng: random.Random) -> bytes:
    """A hundred thousand levels: of JSON, or of a document too long to be one."""
    depth, opening = 100_000, rng.choice((b"[", b'{"a":', b'{"variables":'))
    return rng.choice(
        (opening * depth, b'{"query":"' + b"{a" * depth + b'"}', b'{"variables":' + b"[" * depth)
    )


def _digits(rng: random.Random) -> bytes:
    number = "9" * rng.choice((19, 21, 310, 4_299, 4_301, 5_000))
    return rng.choice(
        (
            _asked(f"{{ procedures(first: {number}) {{ edges {{ cursor }} }} }}"),
            _asked(f"{{ procedures(first: -{number}.5e{number[:4]}) {{ edges {{ cursor }} }} }}"),
            b'{"query": "query($n: Int!) { procedures(first: $n) { edges { cursor } } }", "variables": {"n": '
            + number.encode() + b"}}",
        )
    )  # fmt: skip


def _not_text(rng: random.Random) -> bytes:
    wrong: Sequence[bytes] = (
        b"\xff\xfe",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\x80",
        b"\x00",
    )
    return b'{"query": "{ viewer { id } } #' + rng.choice(wrong) + b'"}'


def _surrogates(rng: random.Random) -> bytes:
    half = rng.choice((r"\ud800", r"\udfff", r"\ud800\ud800", r"\u0000"))
    return rng.choice(
        (
            '{"query": "{ procedure(slug: \\"' + half + '\\") { id } }"}',
            '{"query": "{ procedure(slug: \\"\\' + half + '\\") { id } }"}',
            '{"query": "query($s: String) { procedure(slug: $s) { id } }", "variables": {"s": "'
            + half
            + '"}}',
            '{"query": "query($s: String) { procedure(slug: $s) { id } }", "variables": {"' + half + '": 1}}',
            '{"query": "{ procedure(slug: \\"\\\\u{110000}\\") { id } }"}',
            '{"query": "{ procedure(slug: \\"\\"\\"' + half + '\\"\\"\\") { id } }"}',
        )
    ).encode()


def _operations(rng: random.Random) -> bytes:
    count = rng.choice((2, 80, 240))
    paged = "query qN($v: Int!) { procedures(first: $v) { edges { cursor } } }"
    shape = rng.choice(("query qN { viewer { id } }", paged))
    return _asked(" ".join(shape.replace("N", str(i)) for i in range(count)), operationName="q1")


def _variables(rng: random.Random) -> bytes:
    count = rng.choice((10, 100, 400))
    kinds = ("Int", "[[Int]]", "FilingPlanInput", "ID! = 3")
    declared = " ".join(f"$v{i}: {rng.choice(kinds)}" for i in range(count))
    given = {f"v{i}": [[[i]]] for i in range(count)}
    return _asked(f"query({declared}) {{ viewer {{ id }} }}", variables=given)


def _inputs(rng: random.Random) -> bytes:
    """An input object with many fields that are none of its own, or its own many times over."""
    name = rng.choice(("nameN", "idempotencyKey", "procedurN", "x" * 40 + "N"))
    if rng.random() < 0.5:
        query = "query($i: FilingPlanInput!) { filingPlan(input: $i) { toSupply } }"
        return _asked(query, variables={"i": {f"{name}{i}": i for i in range(500)}})
    values = (rng.choice(("1", "{}", "[]")) for _ in range(rng.choice((5, 200, 600))))
    given = " ".join(f"{name.replace('N', str(i))}: {value}" for i, value in enumerate(values))
    return _asked(f"mutation {{ openDossier(input: {{ {given} }}) {{ errors {{ code }} }} }}")


def _nested_value(text: str, opening: str, closing: str) -> Callable[[random.Random], bytes]:
    def write(rng: random.Random) -> bytes:
        depth = rng.choice((33, 300, 5_000))
        return _asked(text.replace("VALUE", opening * depth + "1" + closing * depth))

    return write


_QUERY = "{ viewer { id } }"
SHAPES = (
    b"", b"null", b"[]", b"0", b'""', b"{}", _json({"query": None}), _json({"query": [_QUERY]}),
    b"[" + _asked(_QUERY) + b"," + _asked(_QUERY) + b"]",
    _asked(_QUERY, variables=[]), _asked(_QUERY, variables="x"), _asked(_QUERY, extensions=[]),
    _asked(_QUERY, operationName="q" * 50_000), _asked(_QUERY, operationName=["a"]),
    _asked(_QUERY, documentId="sha256:" + "0" * 64), _json({"documentId": "sha256:" + "f" * 64}),
    _json({"documentId": "\ud7ff" * 9_000}), b'{"query": "{ viewer { id } }", "query": "{"}',
    _asked("# " + "x" * 60_000), _asked("# \n" * 5_000 + _QUERY), _asked("," * 30_000 + _QUERY),
    _asked("{ " + "a" * 32_000 + " }"), _asked("{ " + "a" * 32_000 + ": viewer { id } }"),
    _asked("\ufeff" + _QUERY), _asked("query { viewer { id } } subscription { x }"),
    _asked("type Query { a: Int }"), _asked("extend schema { query: Query }"),
    _asked("{ __schema { types { fields { type { ofType { name } } } } } }"),
    _asked('{ __type(name: "Query") { fields { args { type { name } } } } }'),
    _asked('""" x """ query { viewer { id } }'),
    _asked(_QUERY, extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}),
)  # fmt: skip


KNOWN: Mapping[str, Callable[[random.Random], bytes]] = {
    "chained fragments": _chained,
    "fragments in a ring": _widened,
    "aliases": _many("aN: viewer { id }"),
    "the same field": _many("viewer { id name kind }"),
    "the same field with arguments": _many('procedure(slug: "a") { id slug }'),
    "fields in conflict": _many('x: procedure(slug: "N") { id }'),
    "the same field below another": lambda rng: _asked(
        '{ procedure(slug: "a") { ' + "requirements { id name accepts } " * rng.choice((30, 60, 90)) + "} }"
    ),
    "unknown fields": _many("procedureeN"),
    "unknown fields of one length": _many("zzzzzzzzzzzzzzzzzzN { aN }"),
    "directives": _many("viewer @skip(if: false) @include(if: true) { id }"),
    "unknown directives": _many("viewer @xN { id }"),
    "unknown arguments": _many("viewer(aN: 1) { id }"),
    "nested selections": _nested("{ wards ", ""),
    "nested fragments": _nested("{ ... on Viewer ", "}"),
    "nested lists": _nested_value("{ nodes(ids: VALUE) { id } }", "[", "]"),
    "nested objects": _nested_value("{ filingPlan(input: VALUE) { toSupply } }", "{a: ", "}"),
    "nested JSON": _nested_value(
        "mutation { openDossier(input: {form: VALUE}) { errors { code } } }", "{a: ", "}"
    ),
    "bottomless": _bottomless,
    "long numbers": _digits,
    "not UTF-8": _not_text,
    "surrogates": _surrogates,
    "operations": _operations,
    "variables": _variables,
    "inputs": _inputs,
    "shapes": lambda rng: rng.choice(SHAPES),
}
"""By what each is: the ways known to make a GraphQL server work for nothing."""
