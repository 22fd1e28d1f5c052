"""`motlan systems`: agencies' own software, entered and struck off by the operator."""

import argparse
import asyncio
import hmac
import json
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import select, update

from api.app import OWNER, enter_roll
from api.process.commands import show, tell
from api.process.serving import owning, reach_servers
from api.rings import open_ring
from api.settings import Settings
from auth.records import Officer, System
from auth.systems.registry import ISSUER, read_registrations
from auth.systems.webhooks import PURPOSE, named
from connectors.errors import OutwardRefused
from connectors.outward import Outward
from connectors.webhooks import spelled
from procedures.records import Agency


def add_system_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """`systems register FILE`, `systems list`, `systems end CLIENT`, `systems webhook CLIENT [ADDRESS]`."""
    systems = verbs.add_parser("systems", help="agencies' own software").add_subparsers(required=True)
    entering = systems.add_parser("register", parents=[common], help="enter systems, new or changed")
    entering.add_argument("file", type=Path, help="a JSON list; docs/clients/agencies.md says of what")
    entering.set_defaults(run=lambda given, settings: asyncio.run(register(settings, given.file)))
    listing = systems.add_parser("list", parents=[common], help="which there are")
    listing.set_defaults(run=lambda given, settings: asyncio.run(list_systems(settings)))
    ending = systems.add_parser("end", parents=[common], help="strike a system off: its tokens end at once")
    ending.add_argument("client")
    ending.set_defaults(run=lambda given, settings: asyncio.run(end(settings, given.client)))
    calling = systems.add_parser(
        "webhook", parents=[common], help="where a system is called, and its secrets"
    )
    calling.add_argument("client")
    how = calling.add_mutually_exclusive_group(required=True)
    how.add_argument("address", nargs="?", help="https: call it there from now on")
    how.add_argument(
        "--rotate", action="store_true", help="sign with a new secret, and still with the one before"
    )
    how.add_argument("--settle", action="store_true", help="sign with the newest secret alone")
    how.add_argument("--end", action="store_true", help="call it no more")
    calling.set_defaults(run=lambda given, settings: asyncio.run(call(settings, given)))


async def register(settings: Settings, file: Path) -> int:
    """Enter every system of the file, or none of them; 1 when one is refused."""
    try:
        given = json.loads(await asyncio.to_thread(file.read_text, "utf-8"))
        async with reach_servers(settings) as servers:
            async with owning(servers) as owner, owner.reading(OWNER) as tx:
                agencies = {row.code: row.id for row in await tx.scalars(select(Agency))}
            found = read_registrations(given, agencies)
            await enter_roll(servers, (), (), found)
    except (OSError, ValueError) as refused:
        tell(f"nothing entered: {refused}")
        return 1
    show(f"{len(found)} entered")
    return 0


async def list_systems(settings: Settings) -> int:
    """Every system with its agency, roles and scope."""
    query = select(Officer, Agency).join(Agency, Agency.id == Officer.agency_id)
    async with reach_servers(settings) as servers, owning(servers) as owner, owner.reading(OWNER) as tx:
        rows = await tx.execute(query.where(Officer.issuer == ISSUER).order_by(Officer.external_id))
        for officer, agency in rows:
            words = [officer.external_id, agency.code, *officer.roles, *(officer.scope or ())]
            show("  ".join(words if officer.active else [*words, "(ended)"]))
    return 0


async def call(settings: Settings, given: argparse.Namespace) -> int:
    """Change where or how a system is called, and show the newest secret; 1 when it cannot be."""
    changed: dict[str, Any] = {"webhook": given.address}
    if given.rotate:
        changed = {"webhook_secret": System.webhook_secret + 1, "webhook_earlier": True}
    elif given.settle:
        changed = {"webhook_earlier": False}
    ring = open_ring(settings)
    try:
        if given.address is not None:
            async with httpx2.AsyncClient(trust_env=False) as wire:
                Outward(wire, settings.push_loopback).check(given.address)
    except OutwardRefused:
        tell("nothing may be sent to this address: https, a host of the public Internet, port 443")
        return 1
    changing = update(System).where(System.client_id == given.client, *_can(given)).values(**changed)
    async with reach_servers(settings) as servers, owning(servers) as owner, owner.writing(OWNER) as tx:
        number = await tx.scalar(changing.returning(System.webhook_secret))
    if number is None:
        tell("no such system, or it has no webhook")
        return 1
    if given.end:
        show(f"{given.client} is called no more")
        return 0
    secret = hmac.digest(ring.index_key(PURPOSE), named(given.client, number).encode(), "sha256")
    show(f"secret {number}: {spelled(secret)}")
    return 0


def _can(given: argparse.Namespace) -> list[Any]:
    """A second secret is settled before a third is made: whoever signs with two could not tell which is left out."""
    if given.address is not None:
        return []
    return [System.webhook.is_not(None), *([System.webhook_earlier.is_(False)] if given.rotate else [])]


async def end(settings: Settings, client: str) -> int:
    """Strike one off; 1 when there is none of that name."""
    striking = (
        update(Officer)
        .where(Officer.issuer == ISSUER, Officer.external_id == client, Officer.active)
        .values(active=False)
    )
    async with reach_servers(settings) as servers, owning(servers) as owner, owner.writing(OWNER) as tx:
        ended = await tx.scalar(striking.returning(Officer.id))
    if ended is None:
        tell("no such system in force")
        return 1
    show(f"{client} is struck off")
    return 0
