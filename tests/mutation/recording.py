"""Which test runs which line: the suite once under `coverage`, with a context for each test."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import coverage
import pytest

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Recording:
    """`lines`: by file and line, the tests that ran it. `seconds`: how long each test took, its fixtures with it."""

    lines: Mapping[str, Mapping[int, tuple[str, ...]]]
    seconds: Mapping[str, float]

    def tests(self, path: str, first: int, last: int) -> list[str]:
        """Tests that ran any of the lines, quickest first."""
        file = self.lines.get(path, {})
        return self.quickest({test for line in range(first, last + 1) for test in file.get(line, ())} - {""})

    def is_run_at_import(self, path: str, first: int, last: int) -> bool:
        """By a function called when a module is made, as those are that make other functions."""
        file = self.lines.get(path, {})
        return any("" in file.get(line, ()) for line in range(first, last + 1))

    def tests_of(self, path: str) -> list[str]:
        """Tests that ran any line of the file, quickest first."""
        return self.quickest(_all(self.lines.get(path, {})))

    def running(self, path: str) -> set[str]:
        """Files of tests that ran the module, or its folder where nobody ran the module."""
        folder = path.rpartition("/")[0]
        tests = _all(self.lines.get(path, {})) or _all(
            *(self.lines[one] for one in self.lines if one.startswith(f"{folder}/"))
        )
        return {test.partition("::")[0] for test in tests}

    def of_file(self, file: str) -> list[str]:
        return self.quickest(one for one in self.seconds if one.partition("::")[0] == file)

    def every_file(self) -> set[str]:
        return {one.partition("::")[0] for one in self.seconds}

    def quickest(self, tests: Iterable[str]) -> list[str]:
        return sorted(tests, key=lambda test: (self.seconds.get(test, 0.0), test))


def _all(*files: Mapping[int, tuple[str, ...]]) -> set[str]:
    return {test for file in files for tests in file.values() for test in tests} - {""}


class _Contexts:
    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(item.nodeid)
        began = time.monotonic()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.monotonic() - began
            self._measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome != "passed":
            self.failed.add(report.nodeid)


def record(suite: list[str], sources: list[str], kept: Path) -> Recording:
    """Run the suite, arguments of pytest, and keep what was recorded.

    Call it in a fresh process: it counts what is run at import too.
    """
    measured = coverage.Coverage(
        data_file=None,
        include=[str(ROOT / one) for one in sources],
        concurrency=["thread", "greenlet"],
        config_file=False,
    )
    contexts = _Contexts(measured)
    measured.start()
    # What is left unclosed is for the tests to mind; a recording of many minutes does not end by it.
    unclosed = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning", "-W", "ignore::ResourceWarning")
    status = pytest.main(["-q", "-n0", "-p", "no:terminalreporter", *unclosed, *suite], plugins=[contexts])
    measured.stop()
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"the suite does not run as it is: {status!r}")
    # What is skipped here, or too slow for its own limits while it is watched, notices nothing.
    for name in sorted(contexts.failed):
        print(f"left out: {name}")
    data = measured.get_data()
    lines: dict[str, dict[int, tuple[str, ...]]] = {}
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file)
        found = {line: tuple(set(tests) - contexts.failed) for line, tests in by_line.items()}
        lines[str(Path(file).relative_to(ROOT))] = found
    seconds = {name: took for name, took in contexts.seconds.items() if name not in contexts.failed}
    kept.write_text(json.dumps({"lines": lines, "seconds": seconds}), "utf-8")
    return Recording(lines, seconds)


def joined(*recordings: Recording) -> Recording:
    """What was recorded of several suites."""
    lines: dict[str, dict[int, tuple[str, ...]]] = {}
    seconds: dict[str, float] = {}
    for one in recordings:
        seconds |= one.seconds
        for file, by_line in one.lines.items():
            there = lines.setdefault(file, {})
            for line, tests in by_line.items():
                there[line] = (*there.get(line, ()), *tests)
    return Recording(lines, seconds)


def read(kept: Path) -> Recording:
    found = json.loads(kept.read_text("utf-8"))
    lines = {
        file: {int(line): tuple(tests) for line, tests in by_line.items()}
        for file, by_line in found["lines"].items()
    }
    return Recording(lines, found["seconds"])


if __name__ == "__main__":
    record(sys.argv[3:], sys.argv[2].split(), Path(sys.argv[1]))
