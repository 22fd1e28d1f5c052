"""A rotation of every key as a process of its own, to be killed: `python -m tests.rooms.rotating FOLDER`.

The folder holds `root.json`, or `token.json` which names a token, and `servers.json`.
A line for each row done, a last one when all is.
"""

import asyncio
import json
import sys
from pathlib import Path

from store.database import Database
from store.embedded import Servers
from vault.keycare.renewal import renew_subjects
from vault.sealing.keyrings import KeptRing, LocalKeyRing
from vault.sealing.keys import Keys
from vault.sealing.rotation import rotating
from vault.sealing.token_ring import TokenRing
from vault.sealing.token_sessions import Place

DONE = "done"


def tell(done: int, total: int) -> None:
    print(done, total, flush=True)


def ring_of(folder: Path) -> KeptRing:
    named = folder / "token.json"
    if not named.exists():
        return LocalKeyRing(folder / "root.json")
    module, token, pin = json.loads(named.read_bytes())
    return TokenRing(Place(Path(module), token, pin))


async def rotate(folder: Path) -> None:
    servers = Servers(**json.loads((folder / "servers.json").read_bytes()))
    database = Database(servers.owner_url, pool_size=1)
    async with rotating(servers.keys_owner_url, ring_of(folder)) as rotation:
        print("root", flush=True)
        await rotation.turn_root(tell)
        keys = Keys(servers.keys_owner_url, rotation.keyring, pool_size=1)
        print("subjects", flush=True)
        await renew_subjects(rotation.rounds, database, keys, tell)
        await keys.close()
    await database.close()
    print(DONE, flush=True)


if __name__ == "__main__":
    asyncio.run(rotate(Path(sys.argv[1])))
