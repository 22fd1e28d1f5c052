"""New subject keys for everybody, and what they sealed or wrapped moved to them: never a file, never a paper's bytes.

A round goes subject by subject: a new generation in the keys database first, then each row of the main database that
an earlier one wrapped, compared and set by itself, then the note that nothing is left. Killed anywhere, the same
command goes on. Earlier generations open what is under way and what is in backups until they are retired.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Update, func, select, update

from store.database import Actor, Database, Tx
from vault.errors import KeyMissing, RotationRefused, SubjectShredded, TamperedContent
from vault.intake.uploads import UNCLAIMED_NUMBER
from vault.notes import note_purpose
from vault.records import DocumentVersion, SealedNote, Subject, Upload
from vault.sealing.keys import Keys, SubjectKey
from vault.sealing.rotation import Progress
from vault.sealing.rounds import BACKUPS_KEPT, Rounds

SHORTEST_WAIT: Final = timedelta(days=1)
"""How long earlier generations stay at least: a filing begun under one is long committed or gone by then."""

OWNER: Final = Actor("owner")

_Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a round came to. `unopened`: rows that do not open under their person's key; they stay as they are, and
    so do that person's earlier generations."""

    subjects: int
    rows: int
    unopened: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """One column sealed or wrapped under subject keys: rows of a subject below a generation, and their renewal."""

    pending: Callable[[UUID, int], _Rows]
    renewed: Callable[[Row[*tuple[Any, ...]], SubjectKey], Update]


async def renew_subjects(rounds: Rounds, database: Database, keys: Keys, progress: Progress) -> Renewed:
    """Give every living subject a new key, or go on with a round not finished. Runs as both databases' owner."""
    begun = await rounds.open_round()
    total = await rounds.count_due(begun)
    subjects = rows = unopened = 0
    async for subject in _due(rounds, begun):
        await rounds.renew(subject, begun)
        moved, failed = await _move(rounds, database, keys, subject)
        subjects, rows, unopened = subjects + 1, rows + moved, unopened + failed
        progress(subjects, total)
    await rounds.close_round(begun)
    return Renewed(subjects, rows, unopened)


async def retire_generations(rounds: Rounds, database: Database, since: timedelta = BACKUPS_KEPT) -> int:
    """Destroy earlier generations to which nothing has referred for so long, SHORTEST_WAIT at least; returns how
    many went.

    Raises RotationRefused("referenced") with the number of rows that still need one, of a database restored from
    before the rotation for instance; those people's earlier generations stay, the others went.
    """
    gone = left = 0
    async for subject, generation in _settled(rounds, max(since, SHORTEST_WAIT)):
        async with database.reading(OWNER) as tx:
            references = await _references(tx, subject, generation)
        if references:
            left += references
            continue
        gone += await rounds.drop_generations(subject, generation)
    if left:
        raise RotationRefused("referenced", left)
    return gone


async def _due(rounds: Rounds, begun: datetime) -> AsyncIterator[UUID]:
    page = await rounds.due(begun)
    while page:
        for subject in page:
            yield subject
        page = await rounds.due(begun, page[-1])


async def _settled(rounds: Rounds, since: timedelta) -> AsyncIterator[tuple[UUID, int]]:
    page = await rounds.settled(since)
    while page:
        for subject, generation in page:
            yield subject, generation
        page = await rounds.settled(since, page[-1].subject_id)


async def _move(rounds: Rounds, database: Database, keys: Keys, subject: UUID) -> tuple[int, int]:
    """Move one subject's rows to their newest key; how many moved, and how many did not open."""
    moved = unopened = 0
    try:
        async with keys.opened(subject) as key:
            while True:
                step, unopened = await _pass(database, subject, key)
                moved += step
                if not step:
                    break
            generation = key.generation
    except SubjectShredded:
        return moved, 0
    except (TamperedContent, KeyMissing):
        return moved, unopened + 1
    async with database.reading(OWNER) as tx:
        if not await _references(tx, subject, generation):
            await rounds.settle(subject, generation)
    return moved, unopened


async def _pass(database: Database, subject: UUID, key: SubjectKey) -> tuple[int, int]:
    moved = unopened = 0
    for kind in _KINDS:
        async with database.reading(OWNER) as tx:
            rows = (await tx.execute(kind.pending(subject, key.generation))).all()
        for row in rows:
            try:
                statement = kind.renewed(row, key)
            except TamperedContent:
                unopened += 1
                continue
            # One row, one transaction: holding several, it could end in a deadlock with somebody's filing.
            async with database.writing(OWNER) as tx:
                moved += (await tx.execute(statement.returning(statement.table.c.id))).first() is not None
    return moved, unopened


async def _references(tx: Tx, subject: UUID, generation: int) -> int:
    counts = (
        select(func.count()).select_from(kind.pending(subject, generation).subquery()) for kind in _KINDS
    )
    return sum([(await tx.scalars(count)).one() for count in counts])


def _below(sealed: Any, generation: int) -> ColumnElement[bool]:
    """Whether the generation in front of a sealed value is an earlier one."""
    front: ColumnElement[bool] = func.substring(sealed, 1, 4) < generation.to_bytes(4, "big")
    return front


def _versions(subject: UUID, generation: int) -> _Rows:
    one = DocumentVersion
    return select(one.id, one.document_id, one.number, one.wrapped_key).where(
        one.subject_id == subject, one.key_generation < generation, one.wrapped_key != b""
    )


def _renewed_version(row: Row[*tuple[Any, ...]], key: SubjectKey) -> Update:
    fresh = key.rewrap(row.wrapped_key, row.document_id, row.id, row.number)
    same = (DocumentVersion.id == row.id, DocumentVersion.wrapped_key == row.wrapped_key)
    return update(DocumentVersion).where(*same).values(wrapped_key=fresh, key_generation=key.generation)


def _uploads(subject: UUID, generation: int) -> _Rows:
    return select(Upload.id, Upload.wrapped_key).where(
        Upload.subject_id == subject, Upload.key_generation < generation, Upload.wrapped_key.is_not(None)
    )


def _renewed_upload(row: Row[*tuple[Any, ...]], key: SubjectKey) -> Update:
    fresh = key.rewrap(row.wrapped_key, row.id, row.id, UNCLAIMED_NUMBER)
    same = (Upload.id == row.id, Upload.wrapped_key == row.wrapped_key)
    return update(Upload).where(*same).values(wrapped_key=fresh, key_generation=key.generation)


def _profiles(subject: UUID, generation: int) -> _Rows:
    return select(Subject.id, Subject.profile).where(
        Subject.id == subject, _below(Subject.profile, generation)
    )


def _renewed_profile(row: Row[*tuple[Any, ...]], key: SubjectKey) -> Update:
    fresh = key.seal(key.open(row.profile, "profile"), "profile")
    return update(Subject).where(Subject.id == row.id, Subject.profile == row.profile).values(profile=fresh)


def _notes(subject: UUID, generation: int) -> _Rows:
    one = SealedNote
    return select(one.id, one.owner_ref, one.kind, one.sealed).where(
        one.subject_id == subject, _below(one.sealed, generation)
    )


def _renewed_note(row: Row[*tuple[Any, ...]], key: SubjectKey) -> Update:
    place = (note_purpose(row.kind), row.owner_ref, row.id)
    fresh = key.seal(key.open(row.sealed, *place), *place)
    same = (SealedNote.id == row.id, SealedNote.sealed == row.sealed)
    return update(SealedNote).where(*same).values(sealed=fresh)


_KINDS: Final = (
    _Kind(_profiles, _renewed_profile),
    _Kind(_versions, _renewed_version),
    _Kind(_uploads, _renewed_upload),
    _Kind(_notes, _renewed_note),
)
"""Everything a subject key wraps or seals; `tests/house/test_sealers.py` names who does."""
