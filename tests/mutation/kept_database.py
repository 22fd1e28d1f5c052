"""Puts the kept server in the place of the one a run of tests would start for itself."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from store.embedded import Embedded, Servers
from tests import conftest
from tests.conftest import NewDatabase, superuser


def use(kept: str) -> None:
    """From here on tests copy the database of the keeper, described as it said."""
    told = json.loads(kept)
    template = Servers(**told["servers"])
    server = cast(Embedded, SimpleNamespace(folder=Path(told["folder"])))

    @pytest.fixture(scope="session")
    def embedded() -> Embedded:
        return server

    @pytest.fixture(scope="session")
    async def new_database(embedded: Embedded) -> AsyncIterator[NewDatabase]:
        made: list[str] = []

        async def copied(of: str, users: str) -> str:
            name = f"{of}_{os.getpid()}_{len(made)}"
            made.append(name)
            await _as_root(
                f"CREATE DATABASE {name} TEMPLATE {of} OWNER {of}_owner STRATEGY file_copy",
                f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
                f"GRANT CONNECT ON DATABASE {name} TO {users}",
            )
            return name

        # One keys database for all copies, as in any run; but nobody else's, who may have died in the midst of it.
        keys = await copied("motlan_keys", "motlan_keys")

        async def copy() -> Servers:
            main = await copied("motlan", "motlan_app, motlan_work")
            names = {
                "url": main,
                "owner_url": main,
                "work_url": main,
                "keys_url": keys,
                "keys_owner_url": keys,
            }
            urls = {one: conftest._renamed(getattr(template, one), name) for one, name in names.items()}
            return replace(template, **urls)

        yield copy
        await _as_root(*(f"DROP DATABASE {name} WITH (FORCE)" for name in made))

    async def _as_root(*statements: str) -> None:
        root = await superuser(server, template)
        for statement in statements:
            await root.execute(statement)
        await root.close()

    conftest.embedded, conftest.new_database = embedded, new_database
