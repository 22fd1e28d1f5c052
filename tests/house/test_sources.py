"""What must not stand in the sources: the machine's clock in a rule, prints, promises to come back, somebody's
machine, tests that cannot fail. The forbidden words are put together here, so that this file is clean too."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.house.tree import PRODUCT, ROOMS, ROOT, Module, at, modules, plant, spelled

CLOCKS: Mapping[str, str] = {
    "api/app.py": "the one clock, made at the composition root and handed on",
    "api/__main__.py": "the command line: when the catalogue is imported at start",
    "api/process/backup.py": "the command line: when a backup was taken",
    "api/process/restore.py": "the command line: when somebody was destroyed again",
    "api/process/commands.py": "the command line: when the catalogue is imported",
    "api/process/destruction.py": "the command line: when a destruction was ordered",
    "api/process/officers.py": "the command line: until when a code is good",
    "connectors/registers.py": "the default of an injected clock",
    "store/identifiers.py": "identifiers carry the time they were made at; nobody decides by it",
    "witness/__main__.py": "the witness is another machine",
    "sandbox/__main__.py": "the sandbox is another machine",
    "sandbox/identity.py": "the default of an injected clock",
    "sandbox/registers.py": "the default of an injected clock",
    "sandbox/story/whole.py": "the story is a client on a machine of its own",
}
"""Modules that read the machine's clock, each with why. Everybody else is given `now`."""

ENVIRONMENT: Mapping[str, str] = {
    "api/settings/reading.py": "the only reader of the environment",
    "sandbox/lifeline.py": "refuses production; the sandbox may import no room to ask one",
}

SPEAKERS: Mapping[str, str] = {
    "api/process/commands.py": "the command line's two voices: results and progress",
    "vault/intake/pdf_reader.py": "a program of its own, whose verdict is its output",
}
"""Modules that print. Everybody else logs, or says nothing."""

_CLOCK = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
)
_CLOCK_ENDINGS = tuple(f".{one}" for one in _CLOCK)

_LATER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")

_HOSTS = tuple(
    name + ending
    for name, ending in (
        ("pypi", ".org"), ("pythonhosted", ".org"), ("npmjs", ".org"), ("npmjs", ".com"), ("yarnpkg", ".com"),
        ("artifact", "ory"), ("devpi", "."), ("anaconda", ".org"), ("debian", ".org"), ("ubuntu", ".com"),
    )
)  # fmt: skip
"""Hosts packages come from: a lock that names one builds only where that one is reached."""

_HOMES = re.compile(
    r"(?<![\w.$~{}-])(?:"
    + "|".join(("/ho" + "me", "/Us" + "ers", "/wo" + "rk", "/ro" + "ot", "/o" + "pt"))
    + r")/[\w.-]+"
)
_TEXT = frozenset(
    {".py", ".md", ".toml", ".json", ".lock", ".graphql", ".sh", ".html", ".css", ".js", ".svg", ".txt", ""}
)


def clock_readers(root: Path) -> list[str]:
    return [
        at(module, call)
        for module in modules(root)
        if module.path not in CLOCKS
        for call in module.calls()
        if (name := spelled(call.func)) in _CLOCK or name.endswith(_CLOCK_ENDINGS)
    ]


def environment_readers(root: Path) -> list[str]:
    found = []
    for module in modules(root):
        if module.path in ENVIRONMENT:
            continue
        for node in module.nodes():
            match node:
                case ast.Attribute(attr="environ" | "getenv" | "environb", value=ast.Name(id="os")):
                    found.append(at(module, node))
                case ast.ImportFrom(module="os", names=names) if {"environ", "getenv"} & {
                    n.name for n in names
                }:
                    found.append(at(module, node))
    return found


def printers(root: Path) -> list[str]:
    return [
        at(module, call)
        for module in modules(root)
        if module.path not in SPEAKERS
        for call in module.calls()
        if spelled(call.func) in ("print", "sys.stdout.write", "breakpoint")
        and module.path.split("/")[0] in ROOMS
    ]


def swallowers(root: Path) -> list[str]:
    """Handlers that catch everything and do nothing: a fault nobody will ever hear of."""
    return [
        at(module, node)
        for module in modules(root)
        for node in module.nodes()
        if isinstance(node, ast.ExceptHandler) and all(isinstance(one, ast.Pass) for one in node.body)
        if node.type is None or spelled(node.type) in ("Exception", "BaseException")
    ]


def idle_tests(root: Path) -> list[str]:
    """Assertions of a constant, tests without a body, and tests set aside for good. One module may say that a
    program is not there."""
    found = []
    for module in (one for one in modules(root, ["tests"]) if one.path != "tests/programs.py"):
        for node in module.nodes():
            match node:
                case ast.Assert(test=ast.Constant() | ast.Tuple()):
                    found.append(at(module, node))
                case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name.startswith("test_"):
                    if all(_says_nothing(one) for one in node.body):
                        found.append(at(module, node))
                case ast.Attribute() if spelled(node) in (
                    "pytest.mark.skip",
                    "pytest.mark.xfail",
                    "pytest.skip",
                ):
                    found.append(at(module, node))
    return found


def tracked(root: Path) -> Iterator[tuple[str, str]]:
    """Path and text of every text file under version control; of all files where there is no version control."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 and listed.stdout else None
    if names is None:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    for name in names:
        path = root / name
        if name and path.is_file() and path.suffix in _TEXT:
            yield name, path.read_text("utf-8")


def promises(root: Path) -> list[str]:
    """Marks of what somebody meant to come back to: that is an issue, not a comment."""
    return [f"{name}:{line}" for name, line, text in _lines(root) if _LATER.search(text)]


def traces_of_a_machine(root: Path, foreign: tuple[str, ...] = ()) -> list[str]:
    """Paths of somebody's machine and hosts of package registries, the ones this machine uses among them."""
    return [
        f"{name}:{line}"
        for name, line, text in _lines(root)
        if _HOMES.search(text) or any(word in text for word in (*_HOSTS, *foreign))
    ]


def of_this_machine() -> tuple[str, ...]:
    """Where this copy lies, and the hosts its installers are pointed at."""
    given = (value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "NPM_")))
    hosts = {urlsplit(word).hostname or "" for value in given for word in value.split()}
    return tuple(word for word in (str(ROOT), sys.prefix, *hosts) if len(word) > 5 and word != "localhost")


def _lines(root: Path) -> Iterator[tuple[str, int, str]]:
    for name, text in tracked(root):
        for number, line in enumerate(text.splitlines(), 1):
            yield name, number, line


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def test_rules_are_given_the_time() -> None:
    assert clock_readers(ROOT) == []


def test_one_module_reads_the_environment() -> None:
    assert environment_readers(ROOT) == []


def test_rooms_do_not_print() -> None:
    assert printers(ROOT) == []


def test_no_fault_is_swallowed() -> None:
    assert swallowers(ROOT) == []


def test_every_test_can_fail() -> None:
    assert idle_tests(ROOT) == []


def test_nothing_is_left_for_later() -> None:
    assert promises(ROOT) == []


def test_the_repository_names_no_machine_and_no_registry() -> None:
    assert traces_of_a_machine(ROOT, of_this_machine()) == []


def test_exceptions_are_still_needed() -> None:
    by_path = {one.path: one for one in modules(ROOT)}
    assert all(_reads_clock(by_path[path]) for path in CLOCKS)
    assert all("environ" in by_path[path].text for path in ENVIRONMENT)
    assert all("print(" in by_path[path].text for path in SPEAKERS)


def _reads_clock(module: Module) -> bool:
    return any(spelled(call.func) in _CLOCK for call in module.calls())


@pytest.mark.parametrize(
    "breach",
    [
        "now = datetime.now(UTC)",
        "today = date.today()",
        "at = time.time()",
        "now = datetime.datetime.utcnow()",
    ],
)
def test_a_clock_of_ones_own_is_found(breach: str, tmp_path: Path) -> None:
    clean = "now = clock.now()\nat = time.monotonic()\nday = now.date()\n"
    planted = plant(tmp_path, {"dossiers/x.py": breach + "\n", "dossiers/y.py": clean})
    assert clock_readers(planted) == ["dossiers/x.py:1"]


@pytest.mark.parametrize(
    "breach", ["x = os.environ['KEY']", "x = os.getenv('KEY')", "from os import environ"]
)
def test_a_second_reader_of_the_environment_is_found(breach: str, tmp_path: Path) -> None:
    planted = plant(tmp_path, {"vault/x.py": breach + "\n", "api/settings/reading.py": breach + "\n"})
    assert environment_readers(planted) == ["vault/x.py:1"]


def test_a_print_is_found(tmp_path: Path) -> None:
    planted = plant(
        tmp_path, {"vault/x.py": "print('key', key)\n", "api/process/commands.py": "print('ready')\n"}
    )
    assert printers(planted) == ["vault/x.py:1"]


def test_a_swallowed_fault_is_found(tmp_path: Path) -> None:
    swallow = "try:\n    f()\nexcept Exception:\n    pass\n"
    honest = "try:\n    f()\nexcept KeyError:\n    pass\n"
    planted = plant(tmp_path, {"store/x.py": swallow, "store/y.py": honest})
    assert swallowers(planted) == ["store/x.py:3"]


@pytest.mark.parametrize(
    "breach",
    [
        "    assert " + "True",
        "    assert (x == 1, 'always')",
        '    """Some day."""',
        "    pass",
        "    pytest.skip('some day')",
    ],
)
def test_a_test_that_cannot_fail_is_found(breach: str, tmp_path: Path) -> None:
    honest = "def test_y() -> None:\n    assert x == 1\n"
    planted = plant(tmp_path, {"tests/test_x.py": f"def test_x() -> None:\n{breach}\n{honest}"})
    assert len(idle_tests(planted)) == 1


def test_a_promise_is_found(tmp_path: Path) -> None:
    planted = plant(
        tmp_path,
        {"auth/x.py": "x = 1  # TO" + "DO: later\n", "docs/y.md": "FIX" + "ME\n", "auth/z.py": "todo = 1\n"},
    )
    assert sorted(promises(planted)) == ["auth/x.py:1", "docs/y.md:1"]


@pytest.mark.parametrize(
    "trace",
    [
        "cd /ho" + "me/somebody/motlan",
        "see /wo" + "rk/main/README",
        "url = https://pypi" + ".org/simple",
        "registry=https://registry.npmjs" + ".org",
        "host.of.this.machine/simple",
    ],
)
def test_a_trace_of_a_machine_is_found(trace: str, tmp_path: Path) -> None:
    clean = "a parent folder such as `/srv` may be closed; ~/opt; $HOME/work/x; a/work/b\n"
    planted = plant(tmp_path, {"docs/x.md": trace + "\n", "docs/y.md": clean})
    assert traces_of_a_machine(planted, ("host.of.this.machine",)) == ["docs/x.md:1"]


def test_only_product_and_tests_are_python_here() -> None:
    """A stray script at the root would escape every rule above."""
    folders = {name.split("/")[0] for name, _ in tracked(ROOT) if name.endswith(".py")}
    assert folders <= {*PRODUCT, "verifier", "tests", "benchmarks"}
