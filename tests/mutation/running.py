"""One mutant, one forked process: imports the platform with the wrong line in it and runs the tests that reach it.

The process forked from knows the libraries and nothing of ours, so that a child imports everything anew. A database
is kept beside it, of which each child takes copies.
"""

import importlib
import importlib.machinery
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.mutation.mutators import Mutant

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = (
    "api",
    "resolvers",
    "dossiers",
    "procedures",
    "vault",
    "auth",
    "connectors",
    "store",
    "sandbox",
)
LIBRARIES: Final = (
    "alembic.command", "asyncpg", "cryptography.x509", "httpx2", "hypothesis", "jinja2", "jose.jwt", "joserfc.jwt",
    "orjson", "pikepdf", "PIL.Image", "pydantic", "pytest_asyncio", "rfc8785", "segno", "sqlalchemy.ext.asyncio",
    "sqlalchemy.dialects.postgresql.asyncpg", "starlette.applications", "strawberry", "webauthn",
)  # fmt: skip
OPTIONS: Final = (
    *("-q", "-n0", "-p", "no:terminalreporter"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
UNNOTICED: Final = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
KILLED, SURVIVED, TIMED_OUT, UNREACHED = "killed", "survived", "timed out", "reached by no test"


@dataclass
class Verdict:
    """`by`: the test that noticed. `tests`: how many were there to notice."""

    outcome: str
    by: str = ""
    tests: int = 0
    seconds: float = 0.0


def preload() -> None:
    """Import what is not ours, once for all children."""
    assert not any(name.split(".")[0] in OURS for name in sys.modules), (
        "ours must be imported in the child alone"
    )
    for name in LIBRARIES:
        importlib.import_module(name)


@contextmanager
def database() -> Iterator[str]:
    """The migrated database all children copy: its folder and URLs, in JSON."""
    command = [sys.executable, "-m", "tests.mutation.keeper"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        try:
            yield keeper.stdout.readline()
        finally:
            keeper.stdin.close()
            keeper.wait(60)


def judge(mutant: Mutant | None, tests: Sequence[str], seconds: float, kept: str = "") -> Verdict:
    """Run these tests, in this order, until one notices. None: the module as it is."""
    if not tests:
        return Verdict(UNREACHED)
    return forked(lambda: _run(mutant, tests, kept), len(tests), seconds)


def forked(run: Callable[[], tuple[int, str]], tests: int, seconds: float) -> Verdict:
    """What a copy of this process finds out, in a folder of its own for what it leaves behind."""
    began = time.monotonic()
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory(prefix="motlan-mutant-", ignore_cleanup_errors=True) as folder:
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            os.close(reading)
            tempfile.tempdir = os.environ["TMPDIR"] = folder
            _quietly(run, writing)
        os.close(writing)
        said = _wait(child, reading, seconds)
    took = time.monotonic() - began
    if said is None:
        return Verdict(TIMED_OUT, tests=tests, seconds=took)
    status, by = said
    return Verdict(SURVIVED if status in UNNOTICED else KILLED, by, tests, took)


def _wait(child: int, reading: int, seconds: float) -> tuple[int, str] | None:
    """What the child said, or None if it had to be ended."""
    with os.fdopen(reading, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], seconds)
        said = pipe.read() if ready else b""
        if not ready:
            os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not ready:
        return None
    if not said:
        return 99, "the process itself"
    status, by = json.loads(said)
    return int(status), str(by)


def _quietly(run: Callable[[], tuple[int, str]], writing: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    try:
        said = run()
    except BaseException as error:
        said = (98, f"import: {type(error).__name__}")
    os.write(writing, json.dumps(said).encode())
    os._exit(0)


def _run(mutant: Mutant | None, tests: Sequence[str], kept: str) -> tuple[int, str]:
    if mutant is not None:
        sys.meta_path.insert(0, _Finder(mutant))
    if kept:
        from tests.mutation import kept_database

        kept_database.use(kept)
    noticed, files = _Noticed(tests), dict.fromkeys(one.partition("::")[0] for one in tests)
    status = pytest.main(["-x", *OPTIONS, *files], plugins=[noticed])
    return int(status), noticed.by or ("" if status == pytest.ExitCode.OK else f"collection: {status!r}")


class _Noticed:
    """Asks these tests, in this order. Of one whose name is not there any more, as the mutant stands in the name of
    its case, all cases."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.by = ""
        self._asked = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        there = {one.nodeid: [one] for one in items}
        for one in items:
            there.setdefault(one.nodeid.partition("[")[0], []).append(one)
        chosen = [
            item for name in self._asked for item in there.get(name) or there.get(name.partition("[")[0], [])
        ]
        items[:] = dict.fromkeys(chosen)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            self.by = report.nodeid


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the mutated module before its source is."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = mutant.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name != self._name:
            return None
        file = str(ROOT / self._mutant.path)
        return importlib.util.spec_from_file_location(name, file, loader=_Loader(name, file, self._mutant))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, file: str, mutant: Mutant) -> None:
        super().__init__(name, file)
        self._mutant = mutant

    def get_code(self, fullname: str) -> Any:
        return compile(self._mutant.tree(ROOT), self.path, "exec", dont_inherit=True)


def within(tests: Iterable[str], seconds: Mapping[str, float], budget: float) -> list[str]:
    """As many of them, from the first on, as their recorded time allows."""
    taken: list[str] = []
    for test in tests:
        budget -= seconds.get(test, 0.0)
        if budget < 0 and taken:
            break
        taken.append(test)
    return taken
