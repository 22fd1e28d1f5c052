"""Programs a bare machine lacks. Tests that need one say plainly that they did not run; CI installs them all."""

import os
import shutil
from typing import NoReturn

import pytest


def found(name: str) -> str:
    """Where a program lies; servers rest where plain users have no path to. Empty when it is not there."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or ""


def need(*programs: str) -> None:
    """Ends the test, unless all of these can be run."""
    lacking = [name for name in programs if not found(name)]
    if lacking:
        cannot(f"not installed here: {', '.join(lacking)}")


def cannot(reason: str) -> NoReturn:
    """Ends the test as not run. CI has no such excuse once a program is there."""
    if "CI" in os.environ and not reason.startswith("not installed"):
        pytest.fail(reason)
    pytest.skip(reason)
