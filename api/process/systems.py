"""`motlan systems`: agencies' own software, entered and struck off by the operator."""

import argparse
import asyncio
import json
from pathlib import Path

from sqlalchemy import select, update

from api.app import OWNER, enter_roll
from api.process.commands import show, tell
from api.process.serving import owning, reach_servers
from api.settings import Settings
from auth.records import Officer
from auth.systems.registry import ISSUER, read_registrations
from procedures.records import Agency


def add_system_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """`systems register FILE`, `systems list`, `systems end CLIENT`."""
    systems = verbs.add_parser("systems", help="agencies' own software").add_subparsers(required=True)
    entering = systems.add_parser("register", parents=[common], help="enter systems, new or changed")
    entering.add_argument("file", type=Path, help="a JSON list; docs/clients/agencies.md says of what")
    entering.set_defaults(run=lambda given, settings: asyncio.run(register(settings, given.file)))
    listing = systems.add_parser("list", parents=[common], help="which there are")
    listing.set_defaults(run=lambda given, settings: asyncio.run(list_systems(settings)))
    ending = systems.add_parser("end", parents=[common], help="strike a system off: its tokens end at once")
    ending.add_argument("client")
    ending.set_defaults(run=lambda given, settings: asyncio.run(end(settings, given.client)))


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
