"""`motlan officers`: the security keys of officers, as far as an operator has to do with them.

A first key needs somebody who knows the officer in person: a password alone must not be enough to add one.
"""

import argparse
import asyncio
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from api.app import OWNER
from api.process.commands import show, tell
from api.process.serving import owning, reach_servers
from api.settings import Settings
from auth.passkeys.registry import issue_enrolment
from auth.records import Officer, Passkey, Session
from store.database import Tx


def add_officer_commands(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser
) -> None:
    """`officers list`, `officers enrol CODE`, `officers strike-keys CODE`."""
    officers = verbs.add_parser("officers", help="officers' security keys").add_subparsers(required=True)
    listing = officers.add_parser("list", parents=[common], help="who there is, and how many keys each has")
    listing.set_defaults(run=lambda given, settings: asyncio.run(list_officers(settings)))
    enrolling = officers.add_parser("enrol", parents=[common], help="a code by which one adds a security key")
    enrolling.add_argument("code", help="the officer's code, as on the roll")
    enrolling.set_defaults(run=lambda given, settings: asyncio.run(enrol(settings, given.code)))
    striking = officers.add_parser("strike-keys", parents=[common], help="lost: none of their keys is good")
    striking.add_argument("code")
    striking.set_defaults(run=lambda given, settings: asyncio.run(strike_keys(settings, given.code)))


async def list_officers(settings: Settings) -> int:
    """Every officer in force with the number of keys they hold."""
    held = func.count(Passkey.id)
    query = (
        select(Officer.code, held)
        .outerjoin(Passkey, (Passkey.holder_id == Officer.id) & (Passkey.kind == "officer"))
        .where(Officer.active, Officer.scope.is_(None))
        .group_by(Officer.code)
        .order_by(Officer.code)
    )
    async with reach_servers(settings) as servers, owning(servers) as owner, owner.reading(OWNER) as tx:
        for code, keys in await tx.execute(query):
            show(f"{code}  {keys}")
    return 0


async def enrol(settings: Settings, code: str) -> int:
    """Print a code for this officer, good once within a day; 1 when there is no such officer."""
    async with reach_servers(settings) as servers, owning(servers) as owner, owner.writing(OWNER) as tx:
        officer = await _officer(tx, code)
        if officer is None:
            tell("no such officer in force")
            return 1
        issued = await issue_enrolment(tx, officer, datetime.now(UTC) + settings.clock_offset)
    tell("hand it over in person: it is good once, until this time tomorrow")
    show(issued)
    return 0


async def strike_keys(settings: Settings, code: str) -> int:
    """Forget every key of this officer and sign them out; 1 when there is no such officer."""
    now = datetime.now(UTC) + settings.clock_offset
    async with reach_servers(settings) as servers, owning(servers) as owner, owner.writing(OWNER) as tx:
        officer = await _officer(tx, code)
        if officer is None:
            tell("no such officer in force")
            return 1
        struck = delete(Passkey).where(Passkey.kind == "officer", Passkey.holder_id == officer)
        gone = (await tx.execute(struck.returning(Passkey.id))).all()
        open_ones = (Session.kind == "officer", Session.holder_id == officer, Session.ended_at.is_(None))
        await tx.execute(update(Session).where(*open_ones).values(ended_at=now))
    show(f"{len(gone)} struck")
    return 0


async def _officer(tx: Tx, code: str) -> UUID | None:
    found = select(Officer.id).where(Officer.code == code, Officer.active, Officer.scope.is_(None))
    id_: UUID | None = await tx.scalar(found)
    return id_
