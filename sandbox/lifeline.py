"""What every sandbox process sees to first: not in production, and never outliving its parent."""

import ctypes
import os
import signal
import sys
import threading

PRODUCTION = "MOTLAN_PRODUCTION"


class SandboxRefused(Exception):
    """The sandbox was asked to start where real people are served, or could not start at all."""


def refuse_production() -> None:
    """Raises SandboxRefused on a machine set up to serve real people: here anyone may sign in as anyone."""
    if os.environ.get(PRODUCTION, "") not in ("", "0"):
        raise SandboxRefused(f"the sandbox never runs with {PRODUCTION} set")


def die_with_parent(parent: int) -> None:
    """End this process when `parent` ends, however it ends.

    Linux sends the signal itself; elsewhere standard input, a pipe whose other end only the parent holds, closes.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the line above: then nothing will be sent any more.
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_wait_for_silence, daemon=True).start()


_PR_SET_PDEATHSIG = 1


def _wait_for_silence() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
