"""Where the root key is: in a PKCS#11 token where the settings name one, else in a file of the data folder."""

from pathlib import Path

from api.settings import Settings
from vault.sealing import ring_files
from vault.sealing.keyrings import KeptRing, LocalKeyRing, MovingRing
from vault.sealing.token_ring import TokenRing, found_ring
from vault.sealing.token_sessions import Place


def open_ring(settings: Settings) -> KeptRing:
    """The platform's key ring; with a token and a file of before, what the file's keys wrapped still opens.

    Raises KeyRingRefused, TemporarilyUnavailable.
    """
    ring_file = settings.keys / "root.json"
    if settings.pkcs11 is None:
        return LocalKeyRing(ring_file)
    token = TokenRing(_place(settings.pkcs11))
    return MovingRing(token, ring_file) if ring_file.exists() else token


def make_ring(settings: Settings) -> bool:
    """Make a ring where there is none; in a token it goes on from the file there is. Whether one was made."""
    ring_file = settings.keys / "root.json"
    if settings.pkcs11 is not None:
        former = ring_files.read(ring_file) if ring_file.exists() else None
        return found_ring(_place(settings.pkcs11), former)
    if ring_file.exists():
        return False
    ring_files.create(ring_file)
    return True


def _place(named: tuple[str, str, str]) -> Place:
    module, token, pin = named
    return Place(Path(module), token, pin)
