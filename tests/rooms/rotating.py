"""A rotation of every key as a process of its own, to be killed: `python -m tests.rooms.rotating FOLDER`.

The folder holds `root.json` and `servers.json`. A line for each row done, a last one when all is.
"""

import asyncio
import json
import sys
from pathlib import Path

from store.database import Database
from store.embedded import Servers
from vault.keycare.renewal import renew_subjects
from vault.sealing.keys import Keys
from vault.sealing.rotation import rotating

DONE = "done"


def tell(done: int, total: int) -> None:
    print(done, total, flush=True)


async def rotate(folder: Path) -> None:
    servers = Servers(**json.loads((folder / "servers.json").read_bytes()))
    database = Database(servers.owner_url, pool_size=1)
    async with rotating(servers.keys_owner_url, folder / "root.json") as rotation:
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
