"""Invented people for one test at a time: enrolled, with a caller to act as."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from auth.caller import Caller, CallerKind, Role
from store.database import Actor, Database
from store.identifiers import new_id
from vault.safe import Safe
from vault.subjects import PERSON, Profile, enrol

SIGN_IN = Actor("anonymous")
"""Whoever is signing in: known to the doors, seen by no policy."""


@dataclass(frozen=True, slots=True)
class Somebody:
    subject: UUID
    caller: Caller

    @property
    def actor(self) -> Actor:
        return self.caller.actor


async def citizen(database: Database, safe: Safe, now: datetime, number: str = "001099000001") -> Somebody:
    """A person with this number, and their own caller."""
    profile = Profile(PERSON, "Trần Thị Thử", number, date(1999, 2, 28))
    async with database.writing(SIGN_IN) as tx:
        subject = await enrol(tx, profile, safe, now)
    return Somebody(subject, Caller(CallerKind.CITIZEN, subject))


def officer(agency: UUID, *roles: Role) -> Caller:
    """An officer of the agency holding these roles."""
    return Caller(CallerKind.OFFICER, new_id(), agency=agency, roles=frozenset(roles))
