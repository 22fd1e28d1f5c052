"""Every setting is documented, and every one that is read is declared. Who may read them is in test_sources."""

import ast
import re
from pathlib import Path

import pytest

from api.settings import VARIABLES
from tests.house.tree import ROOT, modules, plant

SETTINGS = "api/settings/reading.py"
GUIDE = "docs/operations.md"

_NAME = re.compile(r"(?:MOTLAN_[A-Z0-9_]+|(?:[A-Z]+_)*DATABASE_URL)")
_IN_SHELL = re.compile(r"\$\{?(MOTLAN_[A-Z0-9_]+)")


def declared(root: Path) -> set[str]:
    """The keys of the table `VARIABLES`."""
    for node in _settings(root).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id="VARIABLES"), value=ast.Dict(keys=keys)):
                return {str(one.value) for one in keys if isinstance(one, ast.Constant)}
    return set()


def read(root: Path) -> set[str]:
    """Names of settings that stand anywhere in the module, its table left out, and in the shell commands."""
    table = declared(root)
    found = [
        node.value
        for node in ast.walk(_settings(root))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value)
    ]
    shell = {name for script in ("run", "test") for name in _IN_SHELL.findall(_text(root / script))}
    return {name for name in found if name not in table or found.count(name) > 1} | shell


def undocumented(root: Path) -> list[str]:
    """Settings the guide for operators does not name between backticks, those of shell and tests among them."""
    named = set(re.findall(r"`([A-Z0-9_]+)`", _text(root / GUIDE)))
    tests = {
        node.value
        for module in modules(root, ["tests"])
        for node in module.strings()
        if isinstance(node.value, str) and re.fullmatch(r"MOTLAN_TEST_[A-Z]+", node.value)
    }
    return sorted((declared(root) | read(root) | tests) - named)


def unknown_to_the_product(root: Path) -> list[str]:
    """Settings the guide's tables promise and nobody reads."""
    promised = set(re.findall(r"^\| `([A-Z0-9_]+)` ", _text(root / GUIDE), re.MULTILINE))
    return sorted(name for name in promised - declared(root) if not name.startswith("MOTLAN_TEST_"))


def _settings(root: Path) -> ast.Module:
    return ast.parse(_text(root / SETTINGS))


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def test_the_table_is_read_as_it_stands() -> None:
    assert declared(ROOT) == VARIABLES.keys()


def test_every_setting_is_documented() -> None:
    assert undocumented(ROOT) == []
    assert unknown_to_the_product(ROOT) == []


def test_every_setting_read_is_declared_and_every_declared_one_read() -> None:
    of_the_tests = {name for name in read(ROOT) if name.startswith("MOTLAN_TEST_")}
    assert read(ROOT) - of_the_tests == declared(ROOT)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    return plant(
        tmp_path,
        {
            SETTINGS: (
                "VARIABLES: dict[str, str] = {'MOTLAN_PORT': 'port', 'DATABASE_URL': 'main'}\n"
                "port = given.get('MOTLAN_PORT')\nurl = given.get('DATABASE_URL')\n"
            ),
            GUIDE: "| `MOTLAN_PORT` | port |\n| `DATABASE_URL` | main |\n",
            "run": 'port="${MOTLAN_PORT:-8000}"\n',
        },
    )


def test_an_honest_tree_passes(planted: Path) -> None:
    assert undocumented(planted) == unknown_to_the_product(planted) == []
    assert read(planted) == declared(planted)


@pytest.mark.parametrize(
    ("path", "breach"),
    [
        (SETTINGS, "VARIABLES: dict[str, str] = {'MOTLAN_HOST': 'host'}\n"),
        (SETTINGS, "host = given.get('MOTLAN_HOST')\n"),
        ("run", "echo $MOTLAN_HOST\n"),
        ("tests/size.py", "SEED = 'MOTLAN_TEST_SEED'\n"),
    ],
    ids=["declared", "read", "in the shell", "by the tests"],
)
def test_an_undocumented_setting_is_found(path: str, breach: str, planted: Path) -> None:
    plant(planted, {path: breach})
    assert undocumented(planted) in (["MOTLAN_HOST"], ["MOTLAN_TEST_SEED"])


def test_a_documented_setting_nobody_reads_is_found(planted: Path) -> None:
    plant(planted, {GUIDE: "| `MOTLAN_PORT` | port |\n| `DATABASE_URL` | main |\n| `MOTLAN_COLOUR` | ? |\n"})
    assert unknown_to_the_product(planted) == ["MOTLAN_COLOUR"]


def test_a_setting_read_beside_the_table_is_found(planted: Path) -> None:
    text = (planted / SETTINGS).read_text("utf-8")
    plant(planted, {SETTINGS: text + "host = given.get('MOTLAN_HOST')\n"})
    assert read(planted) - declared(planted) == {"MOTLAN_HOST"}
