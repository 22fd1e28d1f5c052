"""Programs a bare machine lacks. Tests that need one say plainly that they did not run; CI installs them all."""

import os
import shutil
from typing import NoReturn

import pytest


def need(*programs: str) -> None:
    """Ends the test, unless all of these can be run."""
    lacking = [name for name in programs if shutil.which(name) is None]
    if lacking:
        cannot(f"not installed here: {', '.join(lacking)}")


def cannot(reason: str) -> NoReturn:
    """Ends the test as not run. CI has no such excuse once a program is there."""
    if "CI" in os.environ and not reason.startswith("not installed"):
        pytest.fail(reason)
    pytest.skip(reason)
