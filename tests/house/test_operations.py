"""The shape every operation has: one input, a key where something happens, errors beside the entity, bounded
lists. Rules over the committed schema, which `test_schema` holds equal to the code."""

from collections.abc import Iterator, Mapping

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from tests.house.tree import ROOT

BOUNDED: Mapping[str, frozenset[str]] = {
    "fixed by the law of one procedure": frozenset(
        {
            "Dossier.questions", "Dossier.requirements", "Dossier.form", "FilingPlan.questions",
            "FilingPlan.requirements", "FormField.options", "Procedure.fees", "Procedure.legalBasis",
            "Procedure.requirements", "Procedure.resultTypes", "Query.agencies", "Requirement.accepts",
            "Requirement.registers", "SituationQuestion.declaresAbsent",
        }
    ),
    "fixed by one kind of paper, or by what one paper states": frozenset(
        {"Document.claims", "DocumentType.claims", "OpenedEvidence.claims", "Verdict.claims", "DataUsage.claims",
            "PlannedEvidence.claims", "GrantedClaims.claims", "Proof.claims",}
    ),
    "at most what one requirement, consent, supplement or decision covers": frozenset(
        {
            "Consent.documents", "Erasure.papers", "ConsentNotice.items", "Dossier.overrides", "Dossier.results",
            "OpenEvidencePayload.applicant", "OpenEvidencePayload.evidence", "PlannedRequirement.evidence",
            "PlannedRequirement.rejected", "PlannedRequirement.warnings", "Supplement.asks",
        }
    ),
    "as many as were given, at most a hundred": frozenset({"MarkNoticesReadPayload.notices"}),
    "what the schema itself marks": frozenset({"ApiInfo.deprecations"}),
    "the latest fifty": frozenset({"Dossier.openings"}),
    "fixed by the state table": frozenset({"Dossier.availableMoves"}),
    "at most as many as were asked for, a hundred": frozenset({"Query.nodes"}),
    "a few per account": frozenset({"Viewer.roles", "Viewer.wards", "Viewer.devices"}),
    "the three words of a mandate": frozenset({"Mandate.scope"}),
    "the groups of notices": frozenset({"NotificationPreferences.quiet"}),
    "the fifty used last": frozenset({"Viewer.sessions"}),
    "at most ten": frozenset({"Viewer.passkeys"}),
    "the few media types an upload may have": frozenset({"Upload.allowedTypes"}),
    "names of what was refused, all at once": frozenset(
        {
            "ConsentOutstanding.roles", "EvidenceMissing.gaps", "FormIncomplete.missing", "FormIncomplete.refused",
            "ObjectUndeclared.kinds", "SituationsOpen.situations",
        }
    ),
}  # fmt: skip
"""Lists that need no pages, by the reason they cannot grow. Every other list is a connection."""

STRUCTURAL = frozenset({"edges", "errors", "path"})


def ill_shaped_mutations(schema: GraphQLSchema) -> list[str]:
    """Mutations with other arguments than one required `input`, or a payload without its `errors`."""
    found = []
    for name, field in _mutations(schema):
        payload = field.type.of_type if isinstance(field.type, GraphQLNonNull) else None
        given = payload.fields if isinstance(payload, GraphQLObjectType) else {}
        if list(field.args) != ["input"] or not is_non_null_type(field.args["input"].type):
            found.append(f"{name}: arguments")
        if "errors" not in given or str(given["errors"].type) != "[UserError!]!":
            found.append(f"{name}: errors")
        elif len(given) < 2:
            found.append(f"{name}: no entity")
    return found


def repeatable_mutations(schema: GraphQLSchema) -> list[str]:
    """Inputs of mutations without a required idempotency key: sent twice, they would act twice."""
    return [
        name
        for name, input_type in _inputs(schema)
        if str(getattr(input_type.fields.get("idempotencyKey"), "type", "")) != "UUID!"
    ]


def reused_inputs(schema: GraphQLSchema) -> list[str]:
    """Inputs two mutations share: one could not change without the other."""
    used = [input_type.name for _, input_type in _inputs(schema)]
    return sorted({name for name in used if used.count(name) > 1})


def unbounded_lists(schema: GraphQLSchema, bounded: frozenset[str]) -> list[str]:
    """Lists that are neither a connection's nor among those that cannot grow, and entries for lists that are gone."""
    found = set()
    for name, field in _fields(schema):
        kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if is_list_type(kind) and name.split(".")[1] not in STRUCTURAL:
            found.add(name)
    return sorted(found ^ bounded)


def ill_shaped_connections(schema: GraphQLSchema) -> list[str]:
    """Connections that may be asked without a page size, or do not go on by a cursor, or count without end."""
    found = []
    for name, field in _fields(schema):
        kind = get_named_type(field.type)
        if not kind.name.endswith("Connection") or not isinstance(kind, GraphQLObjectType):
            continue
        first, after = field.args.get("first"), field.args.get("after")
        if first is None or str(first.type) != "Int!" or after is None or str(after.type) != "String":
            found.append(f"{name}: arguments")
        if kind.fields.keys() != {"edges", "pageInfo"}:
            found.append(f"{name}: fields")
    return found


def _mutations(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLField]]:
    if schema.mutation_type is not None:
        yield from schema.mutation_type.fields.items()


def _inputs(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLInputObjectType]]:
    for name, field in _mutations(schema):
        for argument in field.args.values():
            kind = get_named_type(argument.type)
            if isinstance(kind, GraphQLInputObjectType):
                yield name, kind


def _fields(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLField]]:
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field_name, field in kind.fields.items():
                yield f"{name}.{field_name}", field


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text("utf-8"))


def test_every_mutation_takes_one_input_and_returns_errors_beside_its_entity(schema: GraphQLSchema) -> None:
    assert len(list(_mutations(schema))) > 20
    assert ill_shaped_mutations(schema) == []


def test_every_mutation_can_be_repeated_without_harm(schema: GraphQLSchema) -> None:
    assert repeatable_mutations(schema) == []


def test_every_mutation_has_an_input_of_its_own(schema: GraphQLSchema) -> None:
    assert reused_inputs(schema) == []


def test_every_list_is_a_connection_or_cannot_grow(schema: GraphQLSchema) -> None:
    assert unbounded_lists(schema, frozenset().union(*BOUNDED.values())) == []


def test_every_connection_asks_for_a_page(schema: GraphQLSchema) -> None:
    assert ill_shaped_connections(schema) == []


HONEST = """
scalar UUID
interface UserError { code: String! }
type Thing { id: ID!, words: [String!]! }
type ThingEdge { cursor: String!, node: Thing! }
type PageInfo { hasNextPage: Boolean! }
type ThingConnection { edges: [ThingEdge!]!, pageInfo: PageInfo! }
type Query { things(first: Int!, after: String): ThingConnection! }
input MakeInput { idempotencyKey: UUID!, name: String! }
type MakePayload { thing: Thing, errors: [UserError!]! }
type Mutation { make(input: MakeInput!): MakePayload! }
"""


MAKE = "make(input: MakeInput!): MakePayload!"


def breaches(sdl: str) -> list[str]:
    schema = build_schema(sdl)
    return [
        *ill_shaped_mutations(schema),
        *repeatable_mutations(schema),
        *reused_inputs(schema),
        *unbounded_lists(schema, frozenset({"Thing.words"})),
        *ill_shaped_connections(schema),
    ]


def test_an_honest_schema_passes() -> None:
    assert breaches(HONEST) == []


@pytest.mark.parametrize(
    ("whole", "broken", "found"),
    [
        ("make(input: MakeInput!)", "make(name: String!)", "make: arguments"),
        ("make(input: MakeInput!)", "make(input: MakeInput!, dry: Boolean)", "make: arguments"),
        ("make(input: MakeInput!)", "make(input: MakeInput)", "make: arguments"),
        ("thing: Thing, errors: [UserError!]!", "thing: Thing", "make: errors"),
        ("thing: Thing, errors: [UserError!]!", "thing: Thing, errors: [UserError!]", "make: errors"),
        ("thing: Thing, errors", "errors", "make: no entity"),
        ("idempotencyKey: UUID!, ", "", "make"),
        ("idempotencyKey: UUID!", "idempotencyKey: UUID", "make"),
        (f"{MAKE} }}", f"{MAKE}, {MAKE.replace('make', 'again')} }}", "MakeInput"),
        ("things(first: Int!, after: String): ThingConnection!", "things: [Thing!]!", "Query.things"),
        ("words: [String!]!", "word: String!", "Thing.words"),
        ("first: Int!, after", "first: Int, after", "Query.things: arguments"),
        ("first: Int!, after: String", "first: Int!, offset: Int", "Query.things: arguments"),
        ("pageInfo: PageInfo! }", "pageInfo: PageInfo!, total: Int! }", "Query.things: fields"),
    ],
)  # fmt: skip
def test_a_breach_of_shape_is_found(whole: str, broken: str, found: str) -> None:
    assert whole in HONEST
    assert found in breaches(HONEST.replace(whole, broken))
    assert len(breaches(HONEST.replace(whole, broken))) == 1


def test_lists_within_lists_are_seen() -> None:
    sdl = HONEST.replace("id: ID!", "id: ID!, table: [[Int!]!]!")
    assert breaches(sdl) == ["Thing.table"]
