"""`python -m sandbox.story --url URL --data DIR`: tell the story against the platform that runs there.

Progress goes to standard error; with --json the last line of standard output is one JSON object. The exit code is
0 when every promise held, 3 when one was broken, 1 when the platform faltered.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sandbox.story.telling import CONTROLS
from sandbox.story.whole import Options, play

STOPPED: Final = 130
"""As shells have it for a command ended by Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    options = Options(given.url.rstrip("/"), given.data.resolve(), given.seed, given.control)
    try:
        code, report = asyncio.run(play(options, _show))
    except KeyboardInterrupt:  # the terminal sends Ctrl-C to the whole group
        return STOPPED
    if given.json:
        print(report.as_json(), flush=True)
    return code


def _show(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.story", description=__doc__)
    parser.add_argument("--url", required=True, help="where the platform answers")
    parser.add_argument(
        "--data", type=Path, required=True, help="its data folder: the operator's and the sandbox's"
    )
    parser.add_argument("--seed", type=int, help="draw other people and procedures")
    parser.add_argument("--control", choices=CONTROLS, help="a variant that must break a promise")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line of output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
