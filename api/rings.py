"""Where the root key is: in a file of the data folder."""

from api.settings import Settings
from vault.sealing.keyrings import LocalKeyRing


def open_ring(settings: Settings) -> LocalKeyRing:
    """The platform's key ring. Raises KeyRingRefused."""
    return LocalKeyRing(settings.keys / "root.json")
