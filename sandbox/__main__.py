"""One supervised sandbox process: `python -m sandbox ROLE SETTINGS DESCRIPTOR PARENT`.

Started by `sandbox.supervisor` alone, which holds the listening socket: a crash loses no port and no connection
that is waiting.
"""

import json
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from sandbox import identity, registers
from sandbox.agencies import OFFICERS
from sandbox.keys import load_or_create
from sandbox.lifeline import die_with_parent, refuse_production
from sandbox.people import PEOPLE


def main(role: str, settings_path: Path, descriptor: int, parent: int) -> None:
    refuse_production()
    die_with_parent(parent)
    settings = json.loads(settings_path.read_text(encoding="utf-8"))
    app = _ROLES[role](settings, settings_path.parent)
    listening = socket.socket(fileno=descriptor)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


def _registers(settings: Mapping[str, Any], folder: Path) -> Starlette:
    return registers.create_app(
        registers.Settings(
            audience=settings["audience"],
            control_token=settings["control_token"],
            key=load_or_create(folder / "signing.pem"),
            slow_seconds=settings["slow_seconds"],
            now=_clock(settings),
        )
    )


def _identity(settings: Mapping[str, Any], folder: Path) -> Starlette:
    now = _clock(settings)
    citizens = identity.citizen_accounts(PEOPLE, now().date())
    officers = identity.officer_accounts(OFFICERS)
    accounts = {"citizens": citizens, "officers": officers}
    clients = {
        client_id: identity.Client(settings["redirect_uri"], accounts[door])
        for client_id, door in settings["clients"].items()
    }
    key = load_or_create(folder / "signing.pem")
    return identity.create_app(identity.Settings(settings["issuer"], clients, key, now))


def _clock(settings: Mapping[str, Any]) -> Callable[[], datetime]:
    offset = timedelta(seconds=settings["clock_offset_seconds"])
    return lambda: datetime.now(UTC) + offset


_ROLES: Mapping[str, Callable[[Mapping[str, Any], Path], Starlette]] = {
    "registers": _registers,
    "identity": _identity,
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
