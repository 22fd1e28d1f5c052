"""Tokens of SoftHSM, made and taken away for a test."""

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from vault.sealing.token_sessions import Place

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
"""Where Debian puts it."""
PIN = "482915"

needs_softhsm = pytest.mark.skipif(
    shutil.which("softhsm2-util") is None or not MODULE.exists(), reason="softhsm2 is not there"
)

_number = count()


@dataclass(frozen=True)
class Cupboard:
    """Where SoftHSM keeps its tokens: one folder each. The library reads its configuration once a process."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    def token(self) -> Place:
        """A new, empty token."""
        label = f"motlan-{next(_number)}"
        words = ("--init-token", "--free", "--label", label, "--so-pin", "79846135", "--pin", PIN)
        environment = os.environ | {"SOFTHSM2_CONF": str(self.configuration)}
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, env=environment)
        return Place(MODULE, label, PIN)

    def take_away(self) -> None:
        (self.folder / "tokens").rename(self.folder / "elsewhere")
        (self.folder / "tokens").mkdir()

    def bring_back(self) -> None:
        (self.folder / "tokens").rmdir()
        (self.folder / "elsewhere").rename(self.folder / "tokens")


def open_cupboard(folder: Path) -> Cupboard:
    (folder / "tokens").mkdir()
    made = Cupboard(folder)
    words = f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    made.configuration.write_text(words, "utf-8")
    return made


def wrong_pin(place: Place) -> Place:
    return replace(place, pin="000000")
