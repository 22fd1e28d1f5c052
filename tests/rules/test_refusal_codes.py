"""Codes of refusals are promises, which clients and logs compare: each is its class's or member's name, for good."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from auth import errors as auth_errors
from tests.house.tree import ROOT
from vault import errors as vault_errors

ROOMS = (auth_errors, vault_errors)
BASES = {"AuthRefusal"}
"""Of what several refusals are made; never raised."""


def own(room: ModuleType, kind: type) -> list[Any]:
    types = [one for one in vars(room).values() if isinstance(one, type) and issubclass(one, kind)]
    return [one for one in types if one.__module__ == room.__name__]


@pytest.mark.parametrize("room", ROOMS, ids=lambda one: one.__name__)
def test_a_refusals_code_is_its_name(room: ModuleType) -> None:
    found = {
        one.__name__: one.code
        for one in own(room, Exception)
        if hasattr(one, "code") and one.__name__ not in BASES
    }
    assert len(found) > 5
    assert {name: code for name, code in found.items() if code != spelled(name)} == {}


@pytest.mark.parametrize("room", ROOMS, ids=lambda one: one.__name__)
def test_a_faults_value_is_its_name(room: ModuleType) -> None:
    for kind in own(room, StrEnum):
        assert {one.name: one.value for one in kind} == {one.name: one.name.lower() for one in kind}, kind


OTHERWISE: Mapping[str, Mapping[str, str]] = {
    # What officers may, in the words of the administration.
    "Role": {
        "RECEIVE": "tiep_nhan",
        "APPRAISE": "tham_dinh",
        "APPROVE": "phe_duyet",
        "AUDIT": "kiem_toan",
        "ADMINISTER": "quan_tri",
    },
    "GrantKind": {"ACCESS": "read_claims", "SHARE": "verify"},
}
OF_THE_SCHEMA = {"Action"}
"""Named as the field it is for: tests/house compares."""


def words_of(room: str) -> Iterator[type[StrEnum]]:
    for file in sorted((ROOT / room).rglob("*.py")):
        if not file.name.endswith("_reader.py"):  # programs of their own
            module = import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
            yield from (
                one
                for one in vars(module).values()
                if isinstance(one, type) and issubclass(one, StrEnum) and one.__module__ == module.__name__
            )


@pytest.mark.parametrize("room", ["auth", "vault"])
def test_a_word_that_rests_in_the_database_is_its_name(room: str) -> None:
    kinds = [one for one in words_of(room) if one.__name__ not in OF_THE_SCHEMA]
    assert len(kinds) > 5
    for kind in kinds:
        said = {one.name: one.value for one in kind}
        if kind.__name__ in OTHERWISE:
            assert said == OTHERWISE[kind.__name__]
        else:
            assert {name: word for name, word in said.items() if word.upper() != name} == {}, kind


def spelled(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
