"""Small sealed records other rooms keep about a subject: form values, reasons in words.

A note is bound to its subject, its owner (that room's own id) and its kind; every writing gets a new row id, so
an earlier text put back into the row does not open.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from store.database import Tx
from store.identifiers import new_id
from vault.errors import TamperedContent
from vault.records import SealedNote
from vault.safe import Safe
from vault.sealing.keys import SubjectKey

JSON = Any
"""Whatever JSON can say: the note's owner knows its shape."""


class Unreadable:
    """What is kept and does not prove itself, in place of its value: no text anybody wrote can pass for it."""


UNREADABLE: Final = Unreadable()


@dataclass(frozen=True, slots=True)
class Note:
    subject: UUID
    owner_ref: UUID
    kind: str
    value: JSON = field(repr=False)


async def write_note(tx: Tx, note: Note, safe: Safe, now: datetime) -> None:
    """Keep the note in place of any earlier one of the same owner and kind. Raises SubjectShredded, KeyMissing.

    Row-level security decides whether the transaction's actor may.
    """
    plain = json.dumps(note.value, ensure_ascii=False, allow_nan=False).encode()
    row = new_id()
    async with safe.keys.opened(note.subject) as key:
        sealed = key.seal(plain, note_purpose(note.kind), note.owner_ref, row)
    statement = insert(SealedNote).values(
        id=row,
        subject_id=note.subject,
        owner_ref=note.owner_ref,
        kind=note.kind,
        sealed=sealed,
        written_at=now,
    )
    replaced = {name: statement.excluded[name] for name in ("id", "subject_id", "sealed", "written_at")}
    await tx.execute(statement.on_conflict_do_update(index_elements=["owner_ref", "kind"], set_=replaced))


async def drop_notes(tx: Tx, owner_ref: UUID, kind: str) -> None:
    """Forget what is noted of this owner, for good. Row-level security decides whether the actor may."""
    await tx.execute(delete(SealedNote).where(SealedNote.owner_ref == owner_ref, SealedNote.kind == kind))


async def read_note(tx: Tx, owner_ref: UUID, kind: str, safe: Safe) -> JSON | None:
    """The note's value, or None where there is none in sight or its subject was shredded."""
    return (await read_notes(tx, (owner_ref,), kind, safe)).get(owner_ref)


async def read_notes(tx: Tx, owner_refs: Collection[UUID], kind: str, safe: Safe) -> dict[UUID, JSON]:
    """Notes of one kind by owner, for lists: one statement here and one in the keys database.

    Owners without a note in sight, or whose subject was shredded, are left out. Raises TamperedContent.
    """
    wanted = select(SealedNote.id, SealedNote.subject_id, SealedNote.owner_ref, SealedNote.sealed).where(
        SealedNote.owner_ref.in_(owner_refs), SealedNote.kind == kind
    )
    rows = (await tx.execute(wanted)).all()
    async with safe.keys.opened_together({row.subject_id for row in rows}) as keys:
        return {
            row.owner_ref: _opened(keys[row.subject_id], row.sealed, kind, row.owner_ref, row.id)
            for row in rows
            if row.subject_id in keys
        }


async def notes_about(
    tx: Tx, subject: UUID, owner_refs: Collection[UUID], safe: Safe
) -> dict[UUID, dict[str, JSON]]:
    """Every note about this subject by owner and kind, for handing them over: one statement here and one in the keys
    database.

    A note that does not open is UNREADABLE: it must neither pass for absent nor hold up the rest.
    """
    columns = (SealedNote.id, SealedNote.owner_ref, SealedNote.kind, SealedNote.sealed)
    wanted = select(*columns).where(SealedNote.owner_ref.in_(owner_refs), SealedNote.subject_id == subject)
    rows = (await tx.execute(wanted)).all()
    found: dict[UUID, dict[str, JSON]] = {}
    async with safe.keys.opened(subject) as key:
        for row in rows:
            try:
                value = _opened(key, row.sealed, row.kind, row.owner_ref, row.id)
            except TamperedContent:
                value = UNREADABLE
            found.setdefault(row.owner_ref, {})[row.kind] = value
    return found


def note_purpose(kind: str) -> str:
    """What a note of this kind is sealed for."""
    return f"note:{kind}"


def _opened(key: SubjectKey, sealed: bytes, kind: str, owner_ref: UUID, row: UUID) -> JSON:
    return json.loads(key.open(sealed, note_purpose(kind), owner_ref, row))
