"""What one deployment is set to, read once from its environment."""

from api.settings.reading import (
    VARIABLES,
    VERSION,
    Neighbours,
    Settings,
    neighbours_of,
    officer_keys_of,
    read_settings,
    retired_keys_of,
)
from api.settings.values import SettingsRefused

__all__ = [
    "VARIABLES",
    "VERSION",
    "Neighbours",
    "Settings",
    "SettingsRefused",
    "neighbours_of",
    "officer_keys_of",
    "read_settings",
    "retired_keys_of",
]
