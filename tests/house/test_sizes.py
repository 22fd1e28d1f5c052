"""Sizes a reader can hold in mind, and names that say what a thing is."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.house.tree import PRODUCT, ROOMS, ROOT, at, modules, plant

MOST_LINES = 400
MANY_LINES = 300
LONGEST_FUNCTION = 70
MOST_MODULES = 14

NUMBERED = "store/migrations/"
"""Migrations are history: there is always one more, and none is ever rewritten to be shorter."""

EMPTY_NAMES = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "managers", "common", "base", "bases", "service"}
    | {"services", "misc", "shared", "core", "lib", "handlers", "impl"}
)
EMPTY_ENDINGS = ("Manager", "Helper", "Helpers", "Service", "Utils", "Impl", "Base")


def long_modules(root: Path, limit: int = MOST_LINES) -> list[str]:
    return [f"{one.path}: {one.lines} lines" for one in modules(root) if one.lines > limit]


def long_functions(root: Path) -> list[str]:
    return [
        f"{at(module, one)} {one.name}: {length} lines"
        for module in modules(root)
        for one in module.functions()
        if (length := (one.end_lineno or one.lineno) - one.lineno + 1) > LONGEST_FUNCTION
    ]


def crowded_folders(root: Path) -> list[str]:
    """Folders with more modules than one subject has. A package's own `__init__` counts for nothing."""
    counted = Counter(
        module.path.rpartition("/")[0]
        for module in modules(root)
        if not module.path.endswith("/__init__.py") and not module.path.startswith(NUMBERED)
    )
    return [f"{folder}: {number} modules" for folder, number in counted.items() if number > MOST_MODULES]


def deep_modules(root: Path) -> list[str]:
    """Modules below a room's sub-folder: what needs three names to be found has two subjects."""
    return [
        module.path
        for module in modules(root)
        if module.path.count("/") > 2 and not module.path.startswith(NUMBERED)
    ]


def empty_names(root: Path) -> list[str]:
    """Modules, folders and classes named after nothing."""
    found = []
    for module in modules(root, (*PRODUCT, "tests", "benchmarks")):
        if EMPTY_NAMES.intersection(module.path.removesuffix(".py").split("/")):
            found.append(module.path)
        found += [
            f"{at(module, node)} {node.name}"
            for node in module.nodes()
            if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_ENDINGS)
        ]
    return found


def unintroduced(root: Path) -> list[str]:
    """Modules that do not say what they own. A package's `__init__` may be empty."""
    return [one.path for one in modules(root) if one.text.strip() and ast.get_docstring(one.tree) is None]


def test_no_module_is_longer_than_a_reader_holds_in_mind() -> None:
    print(f"over {MANY_LINES} lines, to be asked about:", *long_modules(ROOT, MANY_LINES), sep="\n  ")
    assert long_modules(ROOT) == []


def test_no_function_is_longer_than_a_screen() -> None:
    assert long_functions(ROOT) == []


def test_rooms_are_split_by_subject_before_they_are_crowded() -> None:
    assert crowded_folders(ROOT) == []
    assert deep_modules(ROOT) == []


def test_everything_is_named_after_something() -> None:
    assert empty_names(ROOT) == []


def test_every_module_says_what_it_owns() -> None:
    assert unintroduced(ROOT) == []


def test_every_room_is_there() -> None:
    assert all((ROOT / room / "__init__.py").exists() for room in ROOMS)


def test_a_long_module_is_found(tmp_path: Path) -> None:
    planted = plant(tmp_path, {"vault/long.py": "x = 1\n" * 401, "vault/fits.py": "x = 1\n" * 400})
    assert long_modules(planted) == ["vault/long.py: 401 lines"]
    assert len(long_modules(planted, MANY_LINES)) == 2


def test_a_long_function_is_found(tmp_path: Path) -> None:
    fits, long = ("def f():\n" + "    x = 1\n" * (lines - 1) for lines in (70, 71))
    nested = "class A:\n    async def f(self):\n" + "        x = 1\n" * 70
    planted = plant(tmp_path, {"auth/a.py": fits, "auth/b.py": long, "auth/c.py": nested})
    assert [one.split()[0] for one in long_functions(planted)] == ["auth/b.py:1", "auth/c.py:2"]


def test_a_crowded_and_a_deep_folder_are_found(tmp_path: Path) -> None:
    files = {f"store/m{number}.py": "" for number in range(15)} | {"store/__init__.py": ""}
    files |= {f"auth/m{number}.py": "" for number in range(14)} | {"auth/__init__.py": ""}
    files |= {f"store/migrations/versions/{number}.py": "" for number in range(20)}
    planted = plant(tmp_path, {**files, "vault/keys/rings/local.py": ""})
    assert crowded_folders(planted) == ["store: 15 modules"]
    assert deep_modules(planted) == ["vault/keys/rings/local.py"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("vault/utils.py", ""),
        ("dossiers/common/filing.py", ""),
        ("tests/helpers.py", ""),
        ("auth/x.py", "class SessionManager:\n    pass\n"),
    ],
)
def test_an_empty_name_is_found(path: str, text: str, tmp_path: Path) -> None:
    planted = plant(tmp_path, {path: text, "vault/basement.py": "class Database:\n    pass\n"})
    assert [one.split(":")[0] for one in empty_names(planted)] == [path]


def test_a_module_without_a_word_is_found(tmp_path: Path) -> None:
    planted = plant(
        tmp_path, {"vault/x.py": "import os\n", "vault/__init__.py": "", "vault/y.py": '"""Y."""\n'}
    )
    assert unintroduced(planted) == ["vault/x.py"]
