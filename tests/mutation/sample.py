"""`python -m tests.mutation.sample`: a few mutants of the pure cores against their own quick tests, in seconds.

Says in one line of JSON what became of each, and what four controls did: a mutant every test of its function must
mind, a change that changes nothing, no change at all, and the same mutants under tests that assert nothing.
"""

import json
import random
import sys
from collections.abc import Mapping
from typing import Final

from tests.mutation.bench import opened
from tests.mutation.mutators import mutants
from tests.mutation.running import ROOT, SURVIVED
from tests.size import seed

CORES: Final[Mapping[str, str]] = {
    "store/merkle.py": "tests/rules/test_merkle.py",
    "auth/jws/compact.py": "tests/rules/test_compact.py",
    "vault/sealing/envelope.py": "tests/rules/test_envelope.py",
}
IDLE: Final = "tests/mutation/idle.py"
COUNT: Final = 12
HARMFUL: Final = "store/merkle.py:node_hash: constant: b'\\x01' -> b'\\x01!'"
HARMLESS: Final = "auth/jws/compact.py:take_apart: constant: 'ascii' -> 'ascii!'"
"""Python drops what is no letter from the name of an encoding."""
SECONDS: Final = 60.0


def main() -> None:
    drawn = seed()
    every = {one.key: one for path in CORES for one in mutants(ROOT, path) if one.in_function}
    outcomes: dict[str, str] = {}
    idle = 0
    with opened([*CORES.values(), IDLE], "") as bench:
        as_it_is = bench.judge(None, [*CORES.values()], SECONDS)
        for key in (HARMFUL, HARMLESS, *random.Random(drawn).sample(sorted(every), COUNT)):
            verdict = bench.judge(every[key], [CORES[every[key].path]], SECONDS)
            outcomes[key] = verdict.outcome if verdict else "cannot be put in"
            blind = bench.judge(every[key], [IDLE], SECONDS)
            idle += blind is not None and blind.outcome != SURVIVED
    told = {
        "seed": drawn,
        "harmful": outcomes.pop(HARMFUL),
        "harmless": outcomes.pop(HARMLESS),
        "as it is": as_it_is.outcome if as_it_is else "",
        "noticed by tests that assert nothing": idle,
        "outcomes": outcomes,
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
