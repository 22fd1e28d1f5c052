"""`motlan witness`, or `python -m witness`: serve one witness until told to stop."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from witness.memory import DataRefused, Memory
from witness.notes import Cosigner, LogKey, Malformed
from witness.serving import Server
from witness.witnessing import Witness

REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Its verifier key is the first line of the output, its address the second."""
    parser = argparse.ArgumentParser(prog="motlan witness", description="Sign what only grew.")
    parser.add_argument("--data", type=Path, required=True, help="folder of its key and its memory")
    parser.add_argument("--name", required=True, help="as whom it signs: a host and path, without https://")
    parser.add_argument("--log-key", action="append", required=True, help="verifier key of a log it knows")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one")
    given = parser.parse_args(arguments)
    try:
        memory = Memory(given.data)
        cosigner = Cosigner(given.name, memory.key())
        logs = [LogKey.parse(words) for words in given.log_key]
        for log in logs:
            memory.seen(log.origin)
        witness = Witness(logs, memory, cosigner, lambda: int(time.time()))
        server = Server((given.host, given.port), witness, cosigner.text)
    except Malformed:
        return _refuse("--name or --log-key is not what it must be")
    except (DataRefused, OSError) as refused:
        return _refuse(str(refused))
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _stop)
    sys.stdout.write(f"{cosigner.text}\nhttp://{given.host}:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.2)
    except _Stopped:
        return 0
    finally:
        server.server_close()
        memory.close()
    return 0


class _Stopped(Exception):
    pass


def _stop(number: int, frame: object) -> None:
    raise _Stopped


def _refuse(words: str) -> int:
    sys.stderr.write(f"motlan witness: {words}\n")
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
