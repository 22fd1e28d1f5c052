"""People with papers and notes, read back as they would, while keys change around them."""

import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from store.database import Database
from store.embedded import Servers
from tests.files import pdf
from tests.people import Somebody, citizen
from tests.size import sized
from tests.vaults import LAND, PARCEL, World
from vault.deposits import Deposit
from vault.holding import Origin
from vault.keycare.renewal import Renewed, renew_subjects, retire_generations
from vault.notes import Note, read_note, write_note
from vault.opening import open_own
from vault.safe import Safe
from vault.sealing.keyrings import KeptRing, LocalKeyRing
from vault.sealing.rotation import Rotation, rotating
from vault.subjects import profile_of

NUMBER = "0010990000{:02}"


@dataclass
class Household:
    """People with a paper, its bytes and a note each, and how to read all of it as they would."""

    world: World
    servers: Servers
    folder: Path
    people: list[Somebody] = field(default_factory=list)
    papers: dict[UUID, tuple[UUID, bytes]] = field(default_factory=dict)

    @property
    def safe(self) -> Safe:
        return self.world.safe

    async def add(self, content: bytes | None = None) -> Somebody:
        world, number = self.world, NUMBER.format(len(self.people))
        enrolled = await citizen(world.database, world.safe, world.now, number)
        person = replace(enrolled, caller=replace(enrolled.caller, acr=world.citizen.acr))
        content = content or pdf(pages=len(self.people) % 3 + 1)
        upload = await world.upload(person.caller, content, person.subject)
        paper = Deposit(person.subject, LAND, Origin.SELF, PARCEL, upload)
        held = await world.deposit(person.caller, paper)
        await self.note(person, "first")
        self.people.append(person)
        self.papers[person.subject] = held.document, content
        return person

    async def note(self, person: Somebody, value: str) -> None:
        async with self.world.database.writing(person.actor) as tx:
            await write_note(
                tx, Note(person.subject, person.subject, "form", value), self.safe, self.world.now
            )

    async def read(self, person: Somebody, safe: Safe | None = None) -> str:
        """Their number, paper and bytes as they were; returns the note. Raises what the vault does."""
        safe, (document, content) = safe or self.safe, self.papers[person.subject]
        async with self.world.database.writing(person.actor) as tx:
            assert (await profile_of(tx, person.subject, safe)).number is not None
            opened = await open_own(tx, person.caller, document, safe, self.world.now)
            assert opened.claims == PARCEL
            assert opened.content is not None
            note = await read_note(tx, person.subject, "form", safe)
        assert b"".join([chunk async for chunk in opened.content.stream()]) == content
        assert isinstance(note, str)
        return note

    def ring(self) -> KeptRing:
        return LocalKeyRing(self.folder / "root.json")

    @contextlib.asynccontextmanager
    async def rotating(self) -> AsyncIterator[Rotation]:
        async with rotating(self.servers.keys_owner_url, self.ring()) as rotation:
            yield rotation

    async def turn_root(self) -> str:
        async with self.rotating() as rotation:
            return (await rotation.turn_root(quiet)).key_id

    async def renew(self) -> Renewed:
        database = Database(self.servers.owner_url, pool_size=1)
        try:
            async with self.rotating() as rotation:
                return await renew_subjects(rotation.rounds, database, self.safe.keys, quiet)
        finally:
            await database.close()

    async def retire_generations(self, since: timedelta = timedelta(0)) -> int:
        database = Database(self.servers.owner_url, pool_size=1)
        try:
            async with self.rotating() as rotation:
                return await retire_generations(rotation.rounds, database, since)
        finally:
            await database.close()

    def blobs(self) -> dict[str, bytes]:
        return {one.name: one.read_bytes() for one in (self.folder / "blobs").rglob("*") if one.is_file()}


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


@dataclass
class Life:
    """People reading and writing while keys change."""

    household: Household
    drawn: random.Random
    over: bool = False
    readings: int = 0
    writings: int = 0
    failures: list[Exception] = field(default_factory=list)
    notes: dict[UUID, str] = field(default_factory=dict)

    async def read(self) -> None:
        while not self.over:
            try:
                await self.household.read(self.drawn.choice(self.household.people))
                self.readings += 1
            except Exception as failed:
                self.failures.append(failed)

    async def write(self) -> None:
        """Notes of those there are, and newcomers with papers of theirs, up to a street full."""
        while not self.over:
            try:
                person = self.drawn.choice(self.household.people)
                await self.household.note(person, said := str(self.writings))
                self.notes[person.subject] = said
                if len(self.household.people) < sized(12, 40):
                    await self.household.add()
                self.writings += 1
            except Exception as failed:
                self.failures.append(failed)
