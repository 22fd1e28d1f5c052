"""The tables of expectations, read: one letter per caller, written by hand beside what they are about."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.attacks.matrix.selection import coordinates, payload_of
from tests.attacks.matrix.world import CALLERS

HERE = Path(__file__).parent
REFUSALS = {"U": "UNAUTHENTICATED", "N": "NOT_FOUND", "D": "ACCESS_DENIED", "B": "BAD_INPUT"}
VALUE, NULL, EMPTY = "V", "-", "E"


@dataclass(frozen=True)
class Scene:
    """One thing asked for: what each caller gets of each type, with the fields that differ from their type."""

    name: str
    types: Mapping[str, Mapping[str, str]]

    def expected(self, coordinate: str, caller: str) -> str:
        name, _, field = coordinate.partition(".")
        rows = self.types[name]
        return _row(rows[field] if field in rows else rows["all"])[caller]


def scenes(*files: str) -> dict[str, Scene]:
    """By name, of these tables."""
    found: dict[str, Scene] = {}
    for file in files:
        table: dict[str, Any] = tomllib.loads((HERE / f"{file}.toml").read_text("utf-8"))
        for name, types in table.items():
            assert name not in found, name
            found[name] = Scene(name, {kind: _rows(given) for kind, given in types.items()})
    return found


def deeds(file: str, *, refused: bool = False) -> dict[str, Scene]:
    """Scenes of mutations: a plain `row` is about the payload, whose `errors` are empty when the thing is done.

    `refused`: the payload holds the refusal and nothing else.
    """
    return {name: _deed(scene, refused) for name, scene in scenes(file).items()}


def _deed(scene: Scene, refused: bool) -> Scene:
    if "row" not in scene.types:
        return scene
    row = scene.types["row"]["all"]
    payload = payload_of(scene.name.partition(" ")[0])
    done = {one: row.replace(VALUE, NULL if refused else VALUE) for one in coordinates()[payload]}
    done["errors"] = row if refused else row.replace(VALUE, EMPTY)
    return Scene(scene.name, {"Mutation": {"all": row}, payload: done})


def outcome(values: list[Any], refusals: list[str]) -> str:
    """The letter for what was seen of a coordinate."""
    letters = {code: letter for letter, code in REFUSALS.items()}
    if refusals:
        return "".join(sorted({letters.get(code, code) for code in refusals}))
    if not values or all(_is_null(one) for one in values):
        return NULL
    return EMPTY if all(one is None or one in ([], "") for one in values) else VALUE


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, list) and value != [] and all(one is None for one in value))


def _rows(given: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"all": given} if isinstance(given, str) else given


def _row(letters: str) -> dict[str, str]:
    found = letters.replace(" ", "")
    assert len(found) == len(CALLERS), f"{letters!r} is not one letter per caller"
    return dict(zip(CALLERS, found, strict=True))
