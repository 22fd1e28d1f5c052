"""Keeps one private, migrated database server until its input is closed. Says where it is in a line of JSON."""

import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from store.embedded import Embedded
from store.migrate import upgrade


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="motlan-mutation-"))
    server = Embedded(folder / "data", durable=False)
    folder.chmod(0o711)
    try:
        found = server.start()
        asyncio.run(upgrade(found.owner_url, found.keys_owner_url))
        print(json.dumps({"folder": str(server.folder), "servers": asdict(found)}), flush=True)
        sys.stdin.read()
    finally:
        server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
