"""Who the witnesses of the access log are, from the file the settings name."""

from pathlib import Path
from urllib.parse import urlsplit

import orjson

from api.settings.values import LOOPBACK, SettingsRefused
from connectors.witnesses import Witness
from store.errors import CheckpointRefused
from store.log.cosigning import WitnessKey
from store.log.pulse import LOG

_FORM = 'MOTLAN_WITNESSES must name a file with [{"name", "url", "key"}]'


def witnesses_in(path: str | None) -> tuple[Witness, ...]:
    """Raises SettingsRefused for a file that is none, a key of another name, and an address without TLS elsewhere."""
    if path is None:
        return ()
    try:
        found = tuple(_witness(one) for one in orjson.loads(Path(path).read_bytes()))
    # orjson's is a ValueError
    except (OSError, ValueError, TypeError, KeyError, AttributeError, CheckpointRefused) as fault:
        raise SettingsRefused(_FORM) from fault
    if len({one.key.name for one in found}) != len(found):
        raise SettingsRefused("MOTLAN_WITNESSES names a witness twice")
    return found


def _witness(given: dict[str, str]) -> Witness:
    key, url = WitnessKey.parse(given["key"]), given["url"].rstrip("/")
    if given.keys() != {"name", "url", "key"} or key.name != given["name"] or key.name == LOG:
        raise SettingsRefused(_FORM + ", the name as in the key")
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise SettingsRefused("MOTLAN_WITNESSES: plain HTTP is for this very machine only")
    return Witness(url, key)
