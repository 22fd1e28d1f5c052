"""Documents another maker makes of our schema, schemathesis, and what its checks say of our answers.

For every query and mutation sound documents, and as many that break the schema.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import httpx2
import pytest
from graphql import ValueNode
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as reproducible
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis import graphql as loading
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.graphql import nodes
from schemathesis.graphql.checks import GraphQLClientError, GraphQLServerError

from resolvers.problems import PAYLOAD, TOP_LEVEL
from tests.house.tree import ROOT

SCALARS: Final[Mapping[str, st.SearchStrategy[ValueNode]]] = {
    "UUID": st.uuids().map(str).map(nodes.String),
    "Date": st.dates().map(str).map(nodes.String),
    "DateTime": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat).map(nodes.String),
    "VND": st.integers(0, 10**12).map(str).map(nodes.String),
    "JSON": st.text(max_size=20).map(nodes.String),
}
REFUSALS: Final = {getattr(one, "code", None) for one in (*PAYLOAD, *TOP_LEVEL)} - {None}

Made: TypeAlias = Case[Any]


def made_elsewhere(count: int, drawn: int) -> list[Made]:
    """About `count` different cases, the same for the same seed: for each operation as many in either mode."""
    for name, strategy in SCALARS.items():
        loading.scalar(name, strategy)
    schema = loading.from_path(ROOT / "schema.graphql")
    operations = [one for root in schema.values() for one in root.values()]
    each = -(-count // (len(operations) * len(GenerationMode)))
    with pytest.MonkeyPatch.context() as patch:
        # The first strategy it builds silences Hypothesis's printer, and with it the failing examples of other tests.
        patch.setattr("hypothesis.core.RepresentationPrinter", RepresentationPrinter)
        made = [
            case for one in operations for mode in GenerationMode for case in _drawn(one, mode, each, drawn)
        ]
    return list({case.body: case for case in made}.values())


def _drawn(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, count: int, drawn: int
) -> list[Made]:
    made: list[Made] = []

    @reproducible(drawn)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def keep(case: Made) -> None:
        made.append(case)

    keep()
    return made


def complaints(case: Made, response: httpx2.Response) -> list[Failure]:
    """What the checks of schemathesis have against an answer, but for two alarms that are false."""
    try:
        case.validate_response(response)
    except FailureGroup as found:
        return [one for one in found.exceptions if not _is_no_fault(one)]
    return []


def _is_no_fault(failure: Failure) -> bool:
    if isinstance(failure, GraphQLServerError):
        # To it every error with a place in the answer is a fault. Refusals of ours have one too, and a code.
        return all(one.get("extensions", {}).get("code") in REFUSALS for one in failure.errors)
    # It holds any text for sound; PostgreSQL keeps none with U+0000, so no document with one is taken.
    return isinstance(failure, GraphQLClientError) and all(
        "U+0000" in one["message"] for one in failure.errors
    )
