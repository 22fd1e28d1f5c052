"""How long the product takes to start: `python -m benchmarks.startup [--again N]`.

A first start makes keys, cluster, schema, catalogue and demo agencies; a second one finds them. Wall clock from
the command to the line that says it serves, sandbox included, each start ended as an operator ends it.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL_SECONDS = 5.0
"""For a second start."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", type=int, default=5, help="how many second starts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="motlan-startup-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL's own account must get to its cluster
        data, port = Path(folder) / "data", _free_port()
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"first start   {start(data, port):6.2f} s")
        again = sorted(start(data, port) for _ in range(given.again))
    median = statistics.median(again)
    met = "met" if median < GOAL_SECONDS else "MISSED"
    print(
        f"second start  {median:6.2f} s   (median of {len(again)}, {again[0]:.2f} to {again[-1]:.2f};", end=""
    )
    print(f" goal under {GOAL_SECONDS:g} s: {met})")


def start(data: Path, port: int) -> float:
    """Seconds until the product serves; it is stopped again. Raises RuntimeError when it does not start."""
    command = [sys.executable, "-m", "api", "serve", "--data", str(data), "--port", str(port)]
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as product:
        said = list[str]()
        for line in product.stderr or ():
            said.append(line)
            if line.startswith("serving on"):
                break
        seconds = time.monotonic() - begun
        product.send_signal(signal.SIGTERM)
        product.communicate()
    if product.returncode != 0 or not said or not said[-1].startswith("serving on"):
        raise RuntimeError("".join(said))
    return seconds


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
