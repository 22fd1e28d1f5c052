"""`python -m tests.mutation`: draw mutants of auth, vault and the tree by a seed, and see which the tests notice.

Every line of the three packages can be drawn, those no test reaches among them. The quick tests (`tests/rules`,
`tests/house`) are asked first, then `tests/rooms`, then the flows and the attacks. Whoever notices must pass without
the mutant, or does not count.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.mutation import running
from tests.mutation.bench import opened
from tests.mutation.jury import Jury
from tests.mutation.mutators import Mutant, mutants
from tests.mutation.recording import ROOT, joined, read
from tests.mutation.running import KILLED, TIMED_OUT, Verdict
from tests.size import seed

SOURCES: Final = ("store/merkle.py", "auth", "vault")
NEVER_ASKED: Final = (
    *(
        "test_crashes",
        "test_io_faults",
        "test_kills",
        "test_lost_writes",
        "test_database_faults",
        "test_startup",
    ),
    *("test_nginx", "test_canary", "test_command_line", "test_runbook", "test_statement_counts"),
    *("test_story", "test_mobile_story", "test_passkeys_browser", "test_explorer", "test_verify_page"),
)
"""Too slow to be asked of a mutant, or in need of a database server of their own."""
VERDICTS: Final = "verdicts.jsonl"
SUITES: Final = ("tests/rules tests/house tests/rooms", "tests/flows tests/attacks")


def files() -> Iterator[str]:
    for source in SOURCES:
        place = ROOT / source
        found = [place] if place.is_file() else sorted(place.rglob("*.py"))
        yield from (str(one.relative_to(ROOT)) for one in found)


def drawn(count: int, by: int) -> list[Mutant]:
    """By the digest of seed and name: who is drawn stays so when lines elsewhere change."""
    every = [mutant for file in files() for mutant in mutants(ROOT, file)]
    return sorted(every, key=lambda one: hashlib.sha256(f"{by} {one.key}".encode()).digest())[:count]


def reasons() -> dict[str, str]:
    """Mutants known to survive, each with the reason, in `survivors.toml`."""
    listed: dict[str, str] = tomllib.loads((ROOT / "tests/mutation/survivors.toml").read_text("utf-8"))[
        "survivors"
    ]
    return listed


def main() -> None:
    given = argparse.ArgumentParser(prog="python -m tests.mutation")
    given.add_argument("--count", type=int, default=300)
    given.add_argument("--seed", type=int, default=seed())
    given.add_argument("--part", default="1/1", help="the first of two processes: 1/2")
    given.add_argument(
        "--folder", type=Path, required=True, help="keeps what was recorded and what was found"
    )
    asked = given.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {asked.seed}", flush=True)
    _record(asked.folder)
    part, of = (int(one) for one in asked.part.split("/"))
    chosen = drawn(asked.count, asked.seed)[part - 1 :: of]
    _judge(chosen, asked.folder)
    _tell(chosen, _noticed(asked.folder))


def _record(folder: Path) -> None:
    """Which test runs which line, if it is not known: in two runs, as flows need minutes."""
    include = " ".join(one if one.endswith(".py") else f"{one}/*" for one in SOURCES)
    for place, suite in enumerate(SUITES):
        kept = folder / f"recording-{place}.json"
        if not kept.exists():
            left_out = [f"--ignore-glob=*/{one}.py" for one in NEVER_ASKED]
            command = [sys.executable, "-m", "tests.mutation.recording", str(kept), include]
            subprocess.run([*command, *left_out, *suite.split()], cwd=ROOT, check=True)


def _judge(chosen: Sequence[Mutant], folder: Path) -> None:
    """All whom nobody noticed in an earlier run; each verdict is kept at once."""
    recording = joined(*(read(one) for one in sorted(folder.glob("recording-*.json"))))
    running.preload()
    noticed = _noticed(folder)
    waiting = [one for one in chosen if one.key not in noticed]
    with (
        running.database() as kept,
        opened(sorted(recording.every_file()), kept) as bench,
        (folder / VERDICTS).open("a", buffering=1) as keeping,
    ):
        jury = Jury(recording, bench, kept)
        while True:
            for mutant in waiting:
                verdict = jury.judge(mutant)
                print(f"{verdict.outcome} | {mutant.key} | {verdict.by} | {verdict.seconds:.1f}", flush=True)
                keeping.write(json.dumps({"key": mutant.key, **asdict(verdict)}) + "\n")
            noticed = _noticed(folder)
            doubted = jury.doubt(one.by for one in noticed.values())
            waiting = [one for one in chosen if one.key in noticed and noticed[one.key].by in doubted]
            print(f"fail without any mutant: {sorted(doubted)}", flush=True)
            if not waiting:
                return


def _noticed(folder: Path) -> dict[str, Verdict]:
    """By name, as far as it was found out; what was said last counts."""
    kept = folder / VERDICTS
    lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
    verdicts = {one.pop("key"): Verdict(**one) for one in map(json.loads, lines)}
    return {key: one for key, one in verdicts.items() if one.outcome in (KILLED, TIMED_OUT)}


def _tell(chosen: Sequence[Mutant], noticed: Mapping[str, Verdict]) -> None:
    by = Counter(_suite(noticed[one.key]) for one in chosen if one.key in noticed)
    left = [one.key for one in chosen if one.key not in noticed]
    known = reasons()
    print(
        f"{len(chosen)} mutants, {1 - len(left) / max(1, len(chosen)):.1%} noticed: {dict(by)}; {len(left)} not"
    )
    for key in left:
        print(f"{'known' if key in known else 'new'}: {key}: {known.get(key, '')}")


def _suite(verdict: Verdict) -> str:
    if verdict.outcome == TIMED_OUT:
        return TIMED_OUT
    return "/".join(verdict.by.split("/")[:2]) if "::" in verdict.by else "not even imported"


if __name__ == "__main__":
    main()
