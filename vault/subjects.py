"""Subjects: the people and organisations whose papers the vault keeps, found by number without storing it.

A number rests only as a keyed blind index and inside the sealed profile. Each subject has a key of its own, made
before the subject's row: an orphaned key seals nothing, a subject without a key could never be read.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, update

from auth.caller import Caller
from auth.errors import NotFound
from auth.policy import Action, require
from store.database import Tx
from store.identifiers import new_id
from vault.errors import NumberTaken
from vault.records import Subject
from vault.safe import Safe
from vault.sealing.keys import SubjectKey

PERSON: Final = "person"
ORGANISATION: Final = "organisation"
NEWBORN: Final = "newborn"
"""A child not yet numbered: provisional until a register issues a number."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Who a subject is. `name` may be None for a newborn, `number` and `born` for whoever has none."""

    kind: str
    name: str | None
    number: str | None = None
    born: date | None = None

    def __repr__(self) -> str:
        return f"Profile({self.kind})"


async def enrol(tx: Tx, profile: Profile, safe: Safe, now: datetime) -> UUID:
    """The subject of this number, made if nobody has it yet. Enrolling again changes nothing.

    Called with a profile an identity provider, a register or an officer vouched for: never with a typed number.
    """
    if profile.number is None:
        raise ValueError("only numbered subjects are enrolled")
    return await find_by_number(tx, profile.number, safe) or await _make(tx, profile, safe, now)


async def register_newborn(tx: Tx, caller: Caller, name: str | None, safe: Safe, now: datetime) -> UUID:
    """A provisional subject for a child just born; the mandate of the filing parent is recorded by `auth`.

    Raises what the policy does.
    """
    require(caller, Action.REGISTER_NEWBORN)
    return await _make(tx, Profile(NEWBORN, name), safe, now)


async def find_by_number(tx: Tx, number: str, safe: Safe) -> UUID | None:
    """The subject with this number, mergers followed."""
    found: UUID | None = await tx.scalar(
        text("SELECT subject_by_number(:index)"), {"index": number_index(number, safe)}
    )
    return found


async def find_at_counter(tx: Tx, number: str, safe: Safe) -> UUID | None:
    """The subject with this number, for an agency's officer with the person before them; nobody for anyone else."""
    found: UUID | None = await tx.scalar(
        text("SELECT person_at_counter(:index)"), {"index": number_index(number, safe)}
    )
    return found


async def askable(tx: Tx, subjects: Collection[UUID], dossier: UUID | None = None) -> frozenset[UUID]:
    """Those of the subjects a register can be asked about, because they have a number.

    Of the caller's own subjects, and of the parties of a dossier in the caller's reach; others are left out.
    """
    found = await tx.scalars(
        text("SELECT numbered_subjects(:subjects, :dossier)"),
        {"subjects": list(subjects), "dossier": dossier},
    )
    return frozenset(found)


async def give_number(tx: Tx, subject: UUID, registered: Profile, safe: Safe) -> bool:
    """Make a newborn a person: the number, name and birth date the registration of the birth gave.

    Whether it became one now: giving the same number again changes nothing. Raises NumberTaken (another subject
    has it, or this one has another), NotFound (out of the actor's sight), SubjectShredded.
    """
    if registered.number is None:
        raise ValueError("a registration without its number")
    holder = await find_by_number(tx, registered.number, safe)
    if holder == subject:
        return False
    known = await profile_of(tx, subject, safe)
    if holder is not None or known.number is not None:
        raise NumberTaken
    async with safe.keys.opened(subject) as key:
        sealed = key.seal(_facts(registered), "profile")
    await tx.execute(
        update(Subject)
        .where(Subject.id == subject)
        .values(kind=PERSON, number_index=number_index(registered.number, safe), profile=sealed)
    )
    return True


def number_index(number: str, safe: Safe) -> bytes:
    """The keyed hash a number is known by; spaces in it mean nothing."""
    return safe.keys.index("number", "".join(number.split()))


async def profile_of(tx: Tx, subject: UUID, safe: Safe) -> Profile:
    """Who this is, as far as the transaction's actor may see. Raises NotFound, SubjectShredded."""
    row = (await tx.execute(select(Subject.kind, Subject.profile).where(Subject.id == subject))).one_or_none()
    if row is None:
        raise NotFound
    async with safe.keys.opened(subject) as key:
        return _opened(key, row.kind, row.profile)


async def profiles_of(tx: Tx, subjects: Collection[UUID], safe: Safe) -> dict[UUID, Profile]:
    """Those of the subjects the transaction's actor may see, for lists: one statement here and one for the keys.

    Whoever was shredded is left out.
    """
    wanted = select(Subject.id, Subject.kind, Subject.profile).where(Subject.id.in_(subjects))
    rows = (await tx.execute(wanted)).all()
    async with safe.keys.opened_together({row.id for row in rows}) as keys:
        return {row.id: _opened(keys[row.id], row.kind, row.profile) for row in rows if row.id in keys}


def _opened(key: SubjectKey, kind: str, sealed: bytes) -> Profile:
    facts = json.loads(key.open(sealed, "profile"))
    born = date.fromisoformat(facts["born"]) if facts["born"] else None
    return Profile(kind, facts["name"], facts["number"], born)


async def _make(tx: Tx, profile: Profile, safe: Safe, now: datetime) -> UUID:
    subject = new_id()
    await safe.keys.create(subject)
    async with safe.keys.opened(subject) as key:
        sealed = key.seal(_facts(profile), "profile")
    row = {
        "id": subject,
        "kind": profile.kind,
        "index": number_index(profile.number, safe) if profile.number else None,
        "profile": sealed,
        "at": now,
    }
    enrolled: UUID = (
        await tx.execute(text("SELECT enrol_subject(:id, :kind, :index, :profile, :at)"), row)
    ).scalar_one()
    if enrolled != subject:
        # Another request enrolled the same number meanwhile: the key made here must seal nothing.
        await safe.keys.destroy(subject)
    return enrolled


def _facts(profile: Profile) -> bytes:
    born = profile.born.isoformat() if profile.born else None
    facts = {"name": profile.name, "number": profile.number, "born": born}
    return json.dumps(facts, ensure_ascii=False).encode()
