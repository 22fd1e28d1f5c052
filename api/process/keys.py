"""`motlan keys`: the root key and people's keys, made, changed for new ones beside a running platform, and destroyed.

Rotations are resumed by typing them again. What cannot be undone is asked for twice.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from api.app import create_keys
from api.process.commands import show, tell, telling
from api.process.destruction import add_destruction_commands
from api.process.serving import owning, reach_servers
from api.rings import open_ring
from api.settings import Settings
from store.embedded import Servers
from vault.errors import RotationRefused
from vault.keycare.renewal import SHORTEST_WAIT, renew_subjects, retire_generations
from vault.sealing.keys import Keys
from vault.sealing.rotation import RootState, Rotation, rotating
from vault.sealing.rounds import BACKUPS_KEPT

SUBJECTS = "subjects"


REASONS = {
    "busy": "another command is changing keys; wait for it, then type this again",
    "unknown": "no such key in the ring",
    "current": "this key wraps; `motlan keys rotate root` makes its successor first",
    "referenced": "rows still need it: {} of them; type `motlan keys rotate` again",
    "backups": (
        f"dumps of the keys database may still need it: nothing has for less than {BACKUPS_KEPT.days} days;"
        " --backups-gone vouches that there are none"
    ),
}


def add_key_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """`keys init`, `keys list`, `keys rotate root|subjects`, `keys retire ID|subjects`, and those that destroy."""
    keys = verbs.add_parser("keys", help="root, signing and people's keys").add_subparsers(required=True)
    making = keys.add_parser("init", parents=[common], help="make the keys of a new installation")
    making.set_defaults(run=lambda given, settings: init_keys(settings))
    listing = keys.add_parser("list", parents=[common], help="the root keys, and what still needs them")
    listing.set_defaults(run=lambda given, settings: asyncio.run(list_roots(settings)))
    turning = keys.add_parser("rotate", parents=[common], help="new keys, beside a running platform")
    turning.add_argument("what", choices=["root", SUBJECTS])
    turning.set_defaults(run=lambda given, settings: asyncio.run(rotate(settings, given.what)))
    retiring = keys.add_parser("retire", parents=[common], help="destroy earlier keys nothing needs")
    retiring.add_argument("key", metavar="ID", help="a root key, or `subjects`: everybody's earlier keys")
    retiring.add_argument("--backups-gone", action="store_true", help="no dump that needs them is kept")
    retiring.set_defaults(
        run=lambda given, settings: asyncio.run(retire(settings, given.key, backups_gone=given.backups_gone))
    )
    add_destruction_commands(keys, common)


def init_keys(settings: Settings) -> int:
    """Make the keys of a new installation; never touches keys that are there."""
    if not create_keys(settings):
        tell(f"the key ring is there already: {settings.keys}")
        return 1
    if settings.pkcs11 is not None:
        tell("the root key is made in the token and never leaves it: back the token up by its maker's means.")
        tell(f"Without it every document is lost for good. The other keys are in {settings.keys}: copy them.")
        return 0
    tell(f"keys made in {settings.keys}. Keep a copy where no database backup lies: without it every")
    tell("document is lost for good, and with it and a backup anyone can read them.")
    return 0


async def list_roots(settings: Settings) -> int:
    """Every root key of the ring, the oldest first."""
    try:
        async with _changing(settings) as (_, rotation):
            roots = await rotation.roots()
    except RotationRefused as refused:
        return _told(refused)
    for one in roots:
        show(f"{one.key_id}  {_state(one)}  {one.references}")
    return 0


async def rotate(settings: Settings, what: str) -> int:
    """A new root key, or a new key for everybody; 1 when a row could not be moved."""
    try:
        async with _changing(settings) as (servers, rotation):
            if what == SUBJECTS:
                return await _renew(servers, rotation)
            turn = await rotation.turn_root(telling("keys"))
    except RotationRefused as refused:
        return _told(refused)
    if turn.begun_earlier:
        tell("went on with the rotation begun earlier")
    elif settings.pkcs11 is None:
        tell("copy the ring file again now")
    else:
        tell("back the token up again now")
    show(f"{turn.key_id} wraps, {turn.moved} moved, {turn.unopened} do not open")
    return 1 if turn.unopened else 0


async def retire(settings: Settings, key: str, *, backups_gone: bool) -> int:
    """Destroy an earlier root key, or everybody's earlier keys; 1 when something may still need them."""
    try:
        async with _changing(settings) as (servers, rotation):
            if key != SUBJECTS:
                await rotation.retire_root(key, backups_gone=backups_gone)
                show(f"{key} retired")
                return 0
            async with owning(servers) as owner:
                since: timedelta = SHORTEST_WAIT if backups_gone else BACKUPS_KEPT
                show(f"{await retire_generations(rotation.rounds, owner, since)} destroyed")
    except RotationRefused as refused:
        return _told(refused)
    return 0


async def _renew(servers: Servers, rotation: Rotation) -> int:
    keys = Keys(servers.keys_owner_url, rotation.keyring, pool_size=1)
    try:
        async with owning(servers) as owner:
            renewed = await renew_subjects(rotation.rounds, owner, keys, telling("people"))
    finally:
        await keys.close()
    show(f"{renewed.subjects} people, {renewed.rows} rows moved, {renewed.unopened} do not open")
    return 1 if renewed.unopened else 0


@asynccontextmanager
async def _changing(settings: Settings) -> AsyncIterator[tuple[Servers, Rotation]]:
    ring = open_ring(settings)
    async with reach_servers(settings) as servers, rotating(servers.keys_owner_url, ring) as rotation:
        yield servers, rotation


def _state(root: RootState) -> str:
    if root.unused_since is not None:
        return f"unused since {root.unused_since:%Y-%m-%dT%H:%M%z}"
    return "wraps" if root.wraps else "opens only"


def _told(refused: RotationRefused) -> int:
    tell(f"refused: {REASONS[refused.reason].format(refused.references)}")
    return 1
