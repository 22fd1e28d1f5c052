"""Wrong lines are noticed: a sample at each run, drawn anew. The whole draw is `python -m tests.mutation`."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.__main__ import SOURCES, files, reasons
from tests.mutation.mutators import mutants
from tests.mutation.recording import ROOT

CODE = '''
"""A module."""
LIMIT = 3


def take(given: int, *, most: int = 9) -> bool:
    """Whether it may be taken."""
    if given < LIMIT and not given == 2:
        raise ValueError("too few")
    note(given, loud=True)
    return given + 1 <= most
'''


def test_wrong_lines_of_a_sample_are_noticed_and_harmless_ones_are_not() -> None:
    command = [sys.executable, "-m", "tests.mutation.sample"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    counts = Counter(told["outcomes"].values())
    left = [key for key, outcome in told["outcomes"].items() if outcome == "survived"]
    print(f"seed {told['seed']}: {counts.total()} mutants, {dict(counts)}; survived: {left}")
    assert (told["harmful"], told["harmless"], told["as it is"]) == ("killed", "survived", "survived")
    assert told["noticed by tests that assert nothing"] == 0
    # Of all mutants of these three more than four in five are noticed: so few never is luck.
    assert counts["killed"] + counts["timed out"] >= counts.total() // 3


def test_each_kind_of_mutant_is_made_and_named_without_its_line(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(CODE, "utf-8")
    found = mutants(tmp_path, "code.py")
    kinds = {one.key.split(": ")[1] for one in found}
    assert kinds == {
        *("arithmetic", "comparison", "condition", "constant", "logic", "negation", "raise", "return"),
        *("statement", "argument"),
    }
    constants = [one.key for one in found if ": constant: " in one.key]
    assert not any(words in one for one in constants for words in ("too few", "A module", "Whether"))
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "code.py").write_text(CODE.replace("LIMIT = 3", "# moved\n\nLIMIT = 3"), "utf-8")
    assert [one.key for one in mutants(moved, "code.py")] == [one.key for one in found]
    assert {one.key.split(": ")[1] for one in found if not one.in_function} == {"constant"}


@pytest.mark.parametrize("place", range(12))
def test_a_mutant_is_the_module_with_one_thing_changed(tmp_path: Path, place: int) -> None:
    (tmp_path / "code.py").write_text(CODE, "utf-8")
    one = mutants(tmp_path, "code.py")[place]
    compile(one.tree(tmp_path), "code.py", "exec")


def test_who_is_listed_as_surviving_is_a_mutant_of_today_and_has_a_reason() -> None:
    every = {one.key for file in files() for one in mutants(ROOT, file)}
    assert len(every) > 5_000
    assert set(reasons()) - every == set()
    assert all(len(reason) > 15 for reason in reasons().values())
    assert all((ROOT / source).exists() for source in SOURCES)
