"""Tests collected once, and a mutant put into the functions of a forked copy: an answer in less than a second.

For what is run when a function is called. What is run at import `running.judge` imports anew.
"""

import ast
import gc
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

import pytest

from tests.mutation.mutators import Change, Mutant, mutants
from tests.mutation.running import KILLED, OPTIONS, ROOT, Verdict, forked

PROGRAMS: Final[Mapping[str, str]] = {
    "vault/intake/pdf_reader.py": "vault/intake/pdf_checks.py",
    "vault/showing/picture_reader.py": "vault/showing/thumbnails.py",
}
"""Programs of their own, each with the module that starts it."""

Key = tuple[str, int]
"""A function's qualified name and first line. Several lambdas of a line share one."""


@dataclass
class Bench:
    """Ask it in the process that opened it."""

    to: Any
    answers: Any

    def judge(self, mutant: Mutant | None, tests: Sequence[str], seconds: float) -> Verdict | None:
        """Of a mutant, or (None) of the code as it is, under these tests or files of them. None: this mutant cannot
        be put into functions that are there already."""
        named = {"path": mutant.path, "key": mutant.key} if mutant else {}
        asked = {**named, "tests": list(tests), "seconds": seconds}
        self.to.write(json.dumps(asked) + "\n")
        self.to.flush()
        answer = json.loads(self.answers.readline())
        return Verdict(**answer) if answer else None


@contextmanager
def opened(files: Sequence[str], kept: str) -> Iterator[Bench]:
    """A process that has collected these files of tests and waits to be asked."""
    (theirs, ours), (our_end, their_end) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        os.close(our_end)
        _serve(files, kept, theirs, their_end)
    os.close(theirs)
    os.close(their_end)
    with os.fdopen(ours, "w") as to, os.fdopen(our_end, "r") as answers:
        yield Bench(to, answers)
    os.waitpid(child, 0)


def _serve(files: Sequence[str], kept: str, reading: int, writing: int) -> None:
    from tests.mutation import kept_database

    try:
        if kept:
            kept_database.use(kept)
        sys.stdout.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        with os.fdopen(reading) as asked, os.fdopen(writing, "w") as answers:
            collected = _Collected(asked, answers)
            pytest.main([*OPTIONS, *files], plugins=[collected])
    finally:
        os._exit(0)


@dataclass(eq=False)
class _Collected:
    asked: Any
    answers: Any
    functions: dict[str, dict[Key, list[FunctionType]]] = field(default_factory=dict)
    items: dict[str, list[pytest.Item]] = field(default_factory=dict)
    noticed: str = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.functions = _functions()
        gc.freeze()  # what all copies share is not copied for the sake of counting it
        for line in self.asked:
            given = json.loads(line)
            chosen = [item for name in given["tests"] for item in self._named(session, name)]
            change = self._patch(given["path"], given["key"]) if "key" in given else _nothing
            verdict = None
            if change is not None and chosen:
                run = partial(self._run, change, chosen)
                verdict = forked(run, len(chosen), given["seconds"])
                if verdict.outcome == KILLED and "::" not in verdict.by:
                    verdict = None  # no test said it
            self.answers.write(json.dumps(verdict and vars(verdict)) + "\n")
            self.answers.flush()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.noticed:
            self.noticed = report.nodeid

    def _named(self, session: pytest.Session, name: str) -> list[pytest.Item]:
        """The test of this name, or all of a file."""
        if not self.items:
            for item in session.items:
                for key in (item.nodeid, item.nodeid.partition("::")[0]):
                    self.items.setdefault(key, []).append(item)
        return self.items.get(name, [])

    def _patch(self, path: str, key: str) -> Change | None:
        """What puts the mutant in its place; None when nothing can."""
        mutant = next(one for one in mutants(ROOT, path) if one.key == key)
        if path in PROGRAMS:
            return lambda: _exchange(mutant)
        theirs, put = self.functions.get(path, {}), []
        wrong = compile(mutant.tree(ROOT), str(ROOT / path), "exec", dont_inherit=True)
        for place, codes in _codes(wrong).items():
            there = theirs.get(place, [])
            if len(codes) > 1 and there:
                return None
            for function in there:
                if function.__code__.co_freevars != codes[0].co_freevars:
                    return None
                put.append((function, codes[0]))

        def change() -> None:
            for function, code in put:
                function.__code__ = code

        return change if put else None

    def _run(self, change: Change, items: list[pytest.Item]) -> tuple[int, str]:
        change()
        for place, item in enumerate(items):
            following = items[place + 1] if place + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.noticed:
                items[0].session._setupstate.teardown_exact(None)
                return 1, self.noticed
        return 0, ""


def _nothing() -> None:
    """The code as it is."""


def _exchange(mutant: Mutant) -> None:
    """A program of its own is exchanged where it is started from."""
    program = Path(tempfile.gettempdir()) / "program.py"
    program.write_text(ast.unparse(mutant.tree(ROOT)), "utf-8")
    starting = PROGRAMS[mutant.path].removesuffix(".py").replace("/", ".")
    vars(sys.modules[starting])["_READER"] = program


def _functions() -> dict[str, dict[Key, list[FunctionType]]]:
    """Every function there is of each file, those made by other functions among them."""
    found: dict[str, dict[Key, list[FunctionType]]] = defaultdict(lambda: defaultdict(list))
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename.startswith(str(ROOT)):
            path = str(Path(one.__code__.co_filename).relative_to(ROOT))
            found[path][one.__code__.co_qualname, one.__code__.co_firstlineno].append(one)
    return found


def _codes(module: CodeType) -> dict[Key, list[CodeType]]:
    found: dict[Key, list[CodeType]] = defaultdict(list)
    waiting = [module]
    while waiting:
        for one in waiting.pop().co_consts:
            if isinstance(one, CodeType):
                found[one.co_qualname, one.co_firstlineno].append(one)
                waiting.append(one)
    return found
