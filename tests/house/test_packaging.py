"""What is installed is what was looked at: pins, hashes, no hosts; and warnings are errors."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.settings import VERSION
from tests.house.tree import ROOT, plant

PINNED = frozenset(
    {"strawberry-graphql", "graphql-core", "cryptography", "python-jose", "sqlalchemy", "asyncpg"}
)
"""Libraries whose every release is read before it is taken: pinned to one version in pyproject too."""

_PIN = re.compile(r"(?P<name>[a-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>\S+)( ;.*)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def lock_faults(lock: Path) -> list[str]:
    """Pins without a hash, lines that are neither pin, hash nor comment, and anything that names an address."""
    faults = []
    for entry in re.split(r"\n(?=\S)", lock.read_text("utf-8").strip()):
        lines = [line.strip().removesuffix("\\").strip() for line in entry.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        if not lines:
            continue
        pin, *hashes = lines
        if not _PIN.fullmatch(pin):
            faults.append(pin)
        elif not hashes or not all(_HASH.fullmatch(one) for one in hashes):
            faults.append(f"{pin}: hashes")
    return faults + (["an address"] if "://" in lock.read_text("utf-8") else [])


def pins(lock: Path) -> dict[str, str]:
    return {
        found["name"].replace("_", "-"): found["version"]
        for line in lock.read_text("utf-8").splitlines()
        if (found := _PIN.fullmatch(line.removesuffix("\\").strip()))
    }


def loose(project: Mapping[str, Any]) -> list[str]:
    """Libraries of PINNED that pyproject does not pin to one version."""
    required = {_name(one): one for one in project["project"]["dependencies"]}
    return sorted(name for name in PINNED if not re.search(r"==\d[\w.]*$", required.get(name, "")))


def unlocked(project: Mapping[str, Any], locked: Mapping[str, str]) -> list[str]:
    """What pyproject asks for and the lock does not have, or has in another version."""
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    return [
        one
        for one in asked
        if _name(one) not in locked or ("==" in one and one.split("==")[1] != locked[_name(one)])
    ]


def lenient(options: Mapping[str, Any]) -> list[str]:
    """Ways in which pytest would let a warning pass."""
    faults = [] if options.get("filterwarnings", [""])[0] == "error" else ["warnings are not errors"]
    faults += [
        f"ignores {one}" for one in options.get("filterwarnings", []) if one.startswith(("ignore", "default"))
    ]
    if re.search(r"-W|no:warnings|disable-warnings", options.get("addopts", "")):
        faults.append("addopts")
    return faults


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower()


def _project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def test_every_pin_of_the_lock_has_hashes_and_no_address() -> None:
    assert lock_faults(ROOT / "requirements.lock") == []
    assert len(pins(ROOT / "requirements.lock")) > 40


def test_the_lock_has_everything_the_project_asks_for() -> None:
    assert unlocked(_project(ROOT), pins(ROOT / "requirements.lock")) == []


def test_what_must_be_read_before_it_is_taken_is_pinned() -> None:
    assert loose(_project(ROOT)) == []


def test_warnings_are_errors() -> None:
    assert lenient(_project(ROOT)["tool"]["pytest"]["ini_options"]) == []


def test_types_are_strict() -> None:
    assert _project(ROOT)["tool"]["mypy"]["strict"] is True


def test_the_wheel_holds_every_room() -> None:
    wheel = _project(ROOT)["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"} == set(
        wheel["packages"]
    )


HASH = "    --hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("lock", "found"),
    [
        (f"alembic==1.20.1 \\\n{HASH}\n    # via motlan\n", []),
        ("alembic==1.20.1\n", ["alembic==1.20.1: hashes"]),
        (f"alembic==1.20.1 \\\n{HASH.replace('sha256', 'md5')}\n", ["alembic==1.20.1: hashes"]),
        (f"alembic>=1.20 \\\n{HASH}\n", ["alembic>=1.20"]),
        (f"-i https://x.vn/s\nalembic==1.20.1 \\\n{HASH}\n", ["-i https://x.vn/s", "an address"]),
    ],
    ids=["whole", "no hash", "weak hash", "range", "address"],
)  # fmt: skip
def test_a_loose_lock_is_found(lock: str, found: list[str], tmp_path: Path) -> None:
    assert lock_faults(plant(tmp_path, {"requirements.lock": lock}) / "requirements.lock") == found


def test_a_loose_pin_and_an_unlocked_one_are_found() -> None:
    dependencies = [f"{name}==1.0" for name in PINNED if name != "sqlalchemy"] + ["sqlalchemy[asyncio]>=2"]
    project = {"project": {"dependencies": dependencies}, "dependency-groups": {"test": ["pytest==9.2.0"]}}
    assert loose(project) == ["sqlalchemy"]
    locked = dict.fromkeys(PINNED, "1.0") | {"pytest": "9.1.0"}
    assert unlocked(project, locked) == ["pytest==9.2.0"]


@pytest.mark.parametrize(
    "options",
    [{}, {"filterwarnings": ["default"]}, {"filterwarnings": ["error", "ignore::UserWarning"]},
     {"filterwarnings": ["error"], "addopts": "-p no:warnings"}],
)  # fmt: skip
def test_leniency_is_found(options: dict[str, Any]) -> None:
    assert lenient(options) != []


def test_the_version_told_is_the_one_packed() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert packed == VERSION
