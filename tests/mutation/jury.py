"""Which tests are asked of a mutant, in what order, and whether who noticed may be believed."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from typing import Final

from tests.mutation import running
from tests.mutation.bench import PROGRAMS, Bench
from tests.mutation.mutators import Mutant
from tests.mutation.recording import ROOT, Recording
from tests.mutation.running import KILLED, SURVIVED, TIMED_OUT, UNREACHED, Verdict

QUICK: Final = ("tests/rules/", "tests/house/")
BUDGETS: Final = ((QUICK, 30.0), (("tests/rooms/",), 90.0), (("tests/flows/", "tests/attacks/"), 60.0))
"""By suite, the quick ones first: for how many recorded seconds of tests a mutant is asked."""
OF_A_SLOW_FILE: Final = 2
"""How many tests of a slow file are asked of what is run at import, where nobody knows who would mind."""
QUICK_SECONDS: Final = 0.5
"""What is quicker than this is asked as the quick suite is."""
OF_EVERY_MODULE: Final = (
    "tests/rules/test_refusal_codes.py",
    "tests/rules/test_lasting_values.py",
    "tests/rules/test_exports.py",
    "tests/rooms/test_store_migrate.py::test_migrated_main_schema_equals_the_records",
    "tests/rooms/test_store_migrate.py::test_migrated_keys_schema_equals_the_records",
)
"""They look at every module or table without naming it."""
PATIENCE_FACTOR, PATIENCE_SECONDS = 3.0, 30.0


@dataclass
class Jury:
    """Whoever noticed is asked again at the end, without any mutant; what only they noticed is judged anew."""

    recording: Recording
    bench: Bench
    kept: str
    doubted: set[str] = field(default_factory=set)

    def judge(self, mutant: Mutant) -> Verdict:
        tests = [one for one in candidates(mutant, self.recording) if one not in self.doubted]
        verdict = self._asked(mutant, tests)
        if verdict.outcome == TIMED_OUT and not self._are_done(tests):
            return Verdict(SURVIVED, tests=len(tests), seconds=verdict.seconds)
        return verdict

    def doubt(self, noticing: Iterable[str]) -> set[str]:
        """Those of these tests that fail without any mutant too; from here on they are not asked."""
        asked = sorted(set(noticing) & self.recording.seconds.keys())
        failing: set[str] = set()
        while asked:
            without = self.bench.judge(None, asked, self._patience(asked))
            if without is None or without.outcome == SURVIVED:
                break
            failing |= {without.by} if without.by in asked else set(asked)
            asked = [one for one in asked if one not in failing]
        self.doubted |= failing
        return failing

    def _are_done(self, tests: Sequence[str]) -> bool:
        """In half the time a mutant has, without it."""
        without = self.bench.judge(None, tests, self._patience(tests) / 2)
        return without is not None and without.outcome == SURVIVED

    def _asked(self, mutant: Mutant, tests: list[str]) -> Verdict:
        """By the bench, or, what it cannot take, by processes that import the mutant, the quickest tests first."""
        if not tests:
            return Verdict(UNREACHED)
        at_import = mutant.path not in PROGRAMS and is_run_at_import(mutant, self.recording)
        held = None if at_import else self.bench.judge(mutant, tests, self._patience(tests))
        if held is not None:
            return held
        verdict = Verdict(UNREACHED)
        quickest = [one for one in tests if one.startswith(OF_EVERY_MODULE[:2])]
        quick = [one for one in tests if one.startswith(QUICK) and one not in quickest]
        slow = [one for one in tests if not one.startswith(QUICK)]
        for part in (quickest, quick, slow):
            if part:
                verdict = running.judge(mutant, part, self._patience(part), self.kept)
                if verdict.outcome in (KILLED, TIMED_OUT):
                    break
        return verdict

    def _patience(self, tests: Sequence[str]) -> float:
        recorded = sum(self.recording.seconds.get(one, 0.0) for one in tests)
        return PATIENCE_SECONDS + PATIENCE_FACTOR * recorded


def candidates(mutant: Mutant, recording: Recording) -> list[str]:
    """Of each suite as many as its budget allows: the quickest of every file, then the second of every file."""
    if mutant.path in PROGRAMS:
        found = recording.tests_of(PROGRAMS[mutant.path])
    elif is_run_at_import(mutant, recording):
        found = _minding(mutant.path, recording)
    else:
        found = recording.tests(mutant.path, mutant.first_line, mutant.last_line)
    asked: list[str] = []
    share = 1.0 if mutant.in_function else 0.5
    for suite, seconds in BUDGETS:
        tests = [one for one in found if one.startswith(suite)]
        ordered = _by_turns(tests) if mutant.in_function and suite != QUICK else tests
        asked += running.within(ordered, recording.seconds, share * seconds)
    return asked


def is_run_at_import(mutant: Mutant, recording: Recording) -> bool:
    where = (mutant.path, mutant.first_line, mutant.last_line)
    return not mutant.in_function or (recording.is_run_at_import(*where) and not recording.tests(*where))


def _minding(path: str, recording: Recording) -> list[str]:
    """Of what is run at import: tests that look at every module, then those of files that import this one, then of
    files that run it."""
    naming = {one for one in recording.every_file() if path in imported(one)}
    found = [one for name in OF_EVERY_MODULE for one in recording.seconds if one.startswith(name)]
    for files in (naming, recording.running(path) - naming):
        tests: list[str] = []
        for file in files:
            of_file = recording.of_file(file)
            quick = [one for one in of_file if recording.seconds[one] < QUICK_SECONDS]
            tests += of_file if file.startswith(QUICK) else quick or of_file[:OF_A_SLOW_FILE]
        found += recording.quickest(tests)
    return list(dict.fromkeys(found))


@cache
def imported(file: str) -> frozenset[str]:
    """The files of modules this file of tests imports by name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return frozenset(f"{one.replace('.', '/')}.py" for one in names)


def _by_turns(tests: Iterable[str]) -> list[str]:
    files: dict[str, list[str]] = defaultdict(list)
    for one in tests:
        files[one.partition("::")[0]].append(one)
    return [one for turn in zip_longest(*files.values()) for one in turn if one is not None]
