"""What makes two requests one: the same input, however it was written down."""

from datetime import date
from uuid import UUID

import pytest
from strawberry import ID

from procedures.law import ObjectKind
from resolvers.context import request_hash
from resolvers.desk.moves import AskInput, RequestSupplementInput
from resolvers.dossier import AskKind
from resolvers.planning import ObjectInput

KEY = UUID(int=1)


def _asking(kind: AskKind, reason: str = "mờ") -> RequestSupplementInput:
    line = AskInput(requirement=ID("c01"), kind=kind, reason=reason)
    return RequestSupplementInput(idempotency_key=KEY, dossier=ID("d"), expected_version=1, asks=[line])


@pytest.mark.parametrize("kind", list(ObjectKind))
def test_enum_values_are_hashed_by_name(kind: ObjectKind) -> None:
    assert request_hash(ObjectInput(kind=kind)) == request_hash(ObjectInput(kind=kind))


def test_another_enum_value_is_another_request() -> None:
    assert request_hash(_asking(AskKind.MISSING)) != request_hash(_asking(AskKind.UNFIT))


def test_another_word_deep_inside_is_another_request() -> None:
    assert request_hash(_asking(AskKind.UNFIT)) != request_hash(_asking(AskKind.UNFIT, "rách"))


def test_fields_may_come_in_any_order() -> None:
    assert request_hash({"a": date(2026, 1, 2), "b": [KEY]}) == request_hash(
        {"b": [KEY], "a": date(2026, 1, 2)}
    )
