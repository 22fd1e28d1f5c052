"""Subject keys: made, opened for the length of one block, destroyed. They rest wrapped in their own database.

Root key → subject key → version key. A subject key wraps version keys and seals small values about the
subject; a version key seals one version's bytes, digest and claims. No key is kept beyond the block that
opened it, so destroying a row ends every later reading at once.
"""

import hmac
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from store.database import ANSWER_SECONDS, open_engine
from vault.errors import KeyMissing, SubjectShredded, TamperedContent
from vault.sealing import envelope
from vault.sealing.envelope import Context, OpeningStream, SealingStream
from vault.sealing.key_records import SealedKey
from vault.sealing.keyrings import KeyRing

_FIRST: Final = 1


@dataclass(frozen=True, slots=True)
class VersionKey:
    """The key of one version of one document, or of an upload that will become one under the same id.

    What it seals is bound to the version alone; the wrap around it binds document and number. So bytes sealed
    on arrival need not be sealed anew when they become a document.
    """

    instance: str
    subject: UUID
    version: UUID
    secret: bytes = field(repr=False)

    def sealing(self, leg: int = 0) -> SealingStream:
        """A stream that seals the version's bytes, or those from place `leg` on that arrived by themselves.

        Each call begins a stream with a key of its own: none is ever continued, so no nonce comes twice.
        """
        return SealingStream(self.secret, self._context(_content(leg)))

    def opening(self, leg: int = 0, first: int = 0) -> OpeningStream:
        """A stream that opens them again, from segment `first` on."""
        return OpeningStream(self.secret, self._context(_content(leg)), first)

    def seal(self, value: bytes, purpose: str) -> bytes:
        """A small value of this version (`claims`, `sha256`)."""
        return envelope.seal(self.secret, value, self._context(purpose))

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What `seal` sealed for the same version and purpose. Raises TamperedContent."""
        return envelope.open_sealed(self.secret, sealed, self._context(purpose))

    def _context(self, purpose: str) -> Context:
        return Context(self.instance, self.subject, None, self.version, f"version-{self.version}", purpose)


class SubjectKey:
    """One subject's key, open. Useless once its block is left."""

    def __init__(self, instance: str, subject: UUID, generations: dict[int, bytes]) -> None:
        self.subject = subject
        self.generation = max(generations)
        self._instance = instance
        self._generations = generations

    def __repr__(self) -> str:
        return f"SubjectKey(generation={self.generation})"

    def new_version_key(self, version: UUID) -> VersionKey:
        """A fresh key for a version's bytes and claims."""
        return VersionKey(self._instance, self.subject, version, envelope.new_key())

    def wrap(self, key: VersionKey, document: UUID, number: int) -> bytes:
        """The version key as it rests in the row of that document's version of this number.

        An upload is its own document, number 0, until it is claimed.
        """
        if (key.subject, key.instance) != (self.subject, self._instance):
            raise ValueError("another subject's version key")
        context = self._context(self.generation, f"version-key:{number}", document, key.version)
        return envelope.wrap_key(self._generations[self.generation], key.secret, context)

    def unwrap(self, wrapped: bytes, document: UUID, version: UUID, number: int) -> VersionKey:
        """The version key wrapped for this very document, version and number. Raises TamperedContent."""
        generation = _generation(envelope.wrapping_key_id(wrapped))
        if generation not in self._generations:
            raise TamperedContent
        context = self._context(generation, f"version-key:{number}", document, version)
        secret = envelope.unwrap_key(self._generations[generation], wrapped, context)
        return VersionKey(self._instance, self.subject, version, secret)

    def rewrap(self, wrapped: bytes, document: UUID, version: UUID, number: int) -> bytes:
        """The same version key in the same place, under this key's newest generation. Raises TamperedContent."""
        return self.wrap(self.unwrap(wrapped, document, version, number), document, number)

    def seal(self, value: bytes, purpose: str, owner: UUID | None = None, row: UUID | None = None) -> bytes:
        """A small value about the subject; `owner` and `row` name what else it belongs to.

        The generation stands in front, so a value sealed before a rotation still finds its key.
        """
        context = self._context(self.generation, purpose, owner, row)
        sealed = envelope.seal(self._generations[self.generation], value, context)
        return self.generation.to_bytes(4, "big") + sealed

    def open(self, sealed: bytes, purpose: str, owner: UUID | None = None, row: UUID | None = None) -> bytes:
        """What `seal` sealed for the same subject, purpose, owner and row. Raises TamperedContent."""
        generation = int.from_bytes(sealed[:4], "big")
        if generation not in self._generations:
            raise TamperedContent
        context = self._context(generation, purpose, owner, row)
        return envelope.open_sealed(self._generations[generation], sealed[4:], context)

    def _context(self, generation: int, purpose: str, document: UUID | None, version: UUID | None) -> Context:
        return Context(self._instance, self.subject, document, version, _key_id(generation), purpose)

    def _forget(self) -> None:
        self._generations.clear()


def root_context(keyring: KeyRing, subject: UUID, generation: int) -> Context:
    """Where a generation of a subject's key rests. The ring puts in which root key wraps it."""
    return Context(keyring.instance, subject, None, None, "", f"subject-key:{generation}")


async def new_row(keyring: KeyRing, subject: UUID, generation: int) -> dict[str, Any]:
    """A fresh key as its row has it."""
    wrapped = await keyring.wrapped(envelope.new_key(), root_context(keyring, subject, generation))
    return {
        "subject_id": subject,
        "generation": generation,
        "wrapped": wrapped,
        "root_key": envelope.wrapping_key_id(wrapped),
        "created_at": func.now(),
    }


class Keys:
    """The keys database, with its own engine.

    Every statement is a transaction of its own: a key is made before the rows it seals, and an orphaned key
    seals nothing. Raises TemporarilyUnavailable throughout.
    """

    def __init__(self, database_url: str, keyring: KeyRing, *, pool_size: int = 5) -> None:
        self.engine = open_engine(
            database_url, pool_size=pool_size, answer_seconds=ANSWER_SECONDS, isolation_level="AUTOCOMMIT"
        )
        self._keyring = keyring

    async def create(self, subject: UUID) -> None:
        """Make the subject's first key; once made, or destroyed, nothing more happens."""
        # The database refuses a root key retired between the wrapping and the writing; the next one is in the ring.
        with suppress(IntegrityError):
            await self._make(subject)
            return
        await self._make(subject)

    @asynccontextmanager
    async def opened(self, subject: UUID) -> AsyncIterator[SubjectKey]:
        """The subject's key, for the length of the block. No connection is held meanwhile.

        Raises KeyMissing, SubjectShredded, or TamperedContent when the row is not this subject's.
        """
        async with self.opened_together({subject}) as keys:
            if subject not in keys:
                raise await self._why_missing(subject)
            yield keys[subject]

    @asynccontextmanager
    async def opened_together(self, subjects: Collection[UUID]) -> AsyncIterator[dict[UUID, SubjectKey]]:
        """The keys of several subjects by one statement, for lists. Those without a living key are left out."""
        instance = self._keyring.instance
        generations = await self._unwrapped(subjects)
        keys = {subject: SubjectKey(instance, subject, found) for subject, found in generations.items()}
        try:
            yield keys
        finally:
            for key in keys.values():
                key._forget()

    async def destroy(self, subject: UUID) -> bool:
        """Destroy every generation of the subject's key, for good; whether any was left. Again changes nothing."""
        statement = (
            update(SealedKey)
            .where(SealedKey.subject_id == subject, SealedKey.destroyed_at.is_(None))
            .values(wrapped=None, destroyed_at=func.now())
        )
        async with self.engine.connect() as connection:
            # A rotation that held the rows meanwhile may have added a generation this statement did not see. None is
            # added to a key that is destroyed, so what changes nothing is the last word.
            any_left = False
            while (await connection.execute(statement)).rowcount:
                any_left = True
        return any_left

    def index(self, purpose: str, value: str) -> bytes:
        """The blind index of a value: equal for equal values of one purpose, meaningless without the ring."""
        return hmac.digest(self._keyring.index_key(purpose), value.encode(), "sha256")

    async def reach(self) -> datetime:
        """What time it is in the keys database. Raises what the driver raises when it does not answer."""
        async with self.engine.connect() as connection:
            at: datetime = (await connection.scalars(select(func.clock_timestamp()))).one()
        return at

    async def close(self) -> None:
        await self.engine.dispose()

    async def _make(self, subject: UUID) -> None:
        row = await new_row(self._keyring, subject, _FIRST)
        async with self.engine.connect() as connection:
            await connection.execute(insert(SealedKey).values(row).on_conflict_do_nothing())

    async def _unwrapped(self, subjects: Collection[UUID]) -> dict[UUID, dict[int, bytes]]:
        with suppress(KeyMissing):
            return await self._unwrapped_once(subjects)
        # The rows were read before a rotation and their root key looked for after its retirement: read again, they
        # name the next one.
        return await self._unwrapped_once(subjects)

    async def _unwrapped_once(self, subjects: Collection[UUID]) -> dict[UUID, dict[int, bytes]]:
        living = select(SealedKey.subject_id, SealedKey.generation, SealedKey.wrapped).where(
            SealedKey.subject_id.in_(subjects)
        )
        async with self.engine.connect() as connection:
            rows = (await connection.execute(living)).all()
        generations: dict[UUID, dict[int, bytes]] = {}
        for subject, generation, wrapped in rows:
            if wrapped is None:
                continue
            context = root_context(self._keyring, subject, generation)
            generations.setdefault(subject, {})[generation] = await self._keyring.unwrapped(wrapped, context)
        return generations

    async def _why_missing(self, subject: UUID) -> KeyMissing | SubjectShredded:
        tombstone = select(SealedKey.generation).where(SealedKey.subject_id == subject).limit(1)
        async with self.engine.connect() as connection:
            return SubjectShredded() if await connection.scalar(tombstone) else KeyMissing()


def _content(leg: int) -> str:
    return f"content:{leg}" if leg else "content"


def _key_id(generation: int) -> str:
    return f"subject-{generation}"


def _generation(key_id: str) -> int:
    number = key_id.removeprefix("subject-")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
