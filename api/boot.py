"""What must be true around a platform before it serves: whose its keys are, as whom it is known to its databases,
and that everybody's clock tells the same time. Each refusal names the setting and what to do, in one line."""

import os
import stat
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from api.settings import Settings, SettingsRefused
from store.database import Database
from store.embedded import Servers
from store.errors import TemporarilyUnavailable
from store.migrate import Standing, standing_of

CLOCKS_APART: Final = timedelta(seconds=5)
"""Beyond it neither tokens nor consents can be judged (security.md, disclosure transaction)."""

RING_FILE: Final = "root.json"
"""Not there where a token holds the root key, unless the ring has just moved into it."""

KEY_FILES: Final = (RING_FILE, "tokens.pem", "log.key", "attest.pem", "anchor.pem")

ROLES: Final[Mapping[str, str]] = {
    "DATABASE_URL": "motlan_app",
    "WORK_DATABASE_URL": "motlan_work",
    "KEYS_DATABASE_URL": "motlan_keys",
}
"""As whom each address must be known: the walls are built on these names."""

MOST_TOLD: Final = 3
"""Findings about one role: a superuser is a member of everything."""


def refuse_unsafe_keys(settings: Settings) -> None:
    """Raises SettingsRefused for keys that are missing, somebody else's, or could have been read by others.

    A missing log key would otherwise be made anew, and no head signed before would verify any more.
    """
    for name in KEY_FILES:
        path = settings.keys / name
        if name == RING_FILE and settings.pkcs11 is not None and not path.exists():
            continue
        fault = _fault_of(path)
        if fault is not None:
            raise SettingsRefused(f"MOTLAN_DATA: {path} {fault}")


async def refuse_silent_owners(servers: Servers) -> None:
    """Raises SettingsRefused when an owner's address leads to no database: nothing could be migrated."""
    addresses = {"OWNER_DATABASE_URL": servers.owner_url, "KEYS_OWNER_DATABASE_URL": servers.keys_owner_url}
    for name, address in addresses.items():
        owner = Database(address, pool_size=1)
        try:
            await _standing(name, owner.engine)
        finally:
            await owner.close()


async def refuse_wrong_databases(
    engines: Mapping[str, AsyncEngine], now: Callable[[], datetime], clock_offset: timedelta
) -> None:
    """Raises SettingsRefused for a role that is another one or may more than it should, and for clocks apart.

    `engines` by the setting that gave the address, as in ROLES.
    """
    for name, engine in engines.items():
        standing, role = await _standing(name, engine), ROLES[name]
        if standing.role != role:
            raise SettingsRefused(f"{name} must sign in as {role}, not as {standing.role}")
        if standing.findings:
            found = "; ".join(standing.findings[:MOST_TOLD])
            raise SettingsRefused(
                f"{name}: {found}: take that from {role}, docs/operations.md has its rights"
            )
        apart = abs(standing.at + clock_offset - now())
        if apart > CLOCKS_APART:
            told = f"{name}: the clock there is {apart.total_seconds():.0f} s from ours"
            raise SettingsRefused(f"{told}: set both hosts by the same time server (NTP)")


async def _standing(name: str, engine: AsyncEngine) -> Standing:
    try:
        return await standing_of(engine)
    except (OSError, SQLAlchemyError, TemporarilyUnavailable):
        # Without the driver's words: they hold the address, and with it a password.
        message = (
            f"{name}: no database answers there to this role and password: check address, role and password"
        )
        raise SettingsRefused(message) from None


def _fault_of(path: Path) -> str | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return "is missing: bring it back from its copy, or make a new installation's with `motlan keys init`"
    except OSError:
        return "cannot be reached: give the folders above it to the account that serves"
    if not stat.S_ISREG(found.st_mode):
        return "is no plain file: put the key itself there"
    if stat.S_IMODE(found.st_mode) & 0o077:
        return "can be read by others: `chmod 600` it, and take new keys if somebody did"
    if found.st_uid != os.geteuid():
        return "belongs to somebody else: `chown` it to the account that serves"
    return None
