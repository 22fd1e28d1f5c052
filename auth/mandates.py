"""Acting for others: who may act for whom, on what proof, until when.

Mandates are recorded and revoked here and read afresh with each request. The proof is named, never copied.
"""

from calendar import isleap
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select, text

from auth.caller import Caller
from auth.errors import GuardianNotProven, NotFound
from auth.policy import Action, MandateFacts, require
from auth.records import Mandate
from store.database import Tx
from store.identifiers import new_id
from store.ledger import Entry, record

WHOLE: Final = "all"
"""The scope of a mandate that covers everything the subject could do themself."""
GUARDIAN: Final = "GUARDIAN"
REPRESENTATIVE: Final = "REPRESENTATIVE"
PARENT: Final = "parent"
GUARDIAN_ARTICLE: Final = "Civil Code 2015, Article 136"
"""Parents represent their minor children by law."""
REPRESENTATIVE_ARTICLE: Final = "Civil Code 2015, Article 137"
"""An organisation acts by its legal representatives."""
ADULT_AGE: Final = 18
AGREEING_AGE: Final = 7
"""From here on a child agrees too when its private life is disclosed (Law 91/2025/QH15, Article 24)."""
CHILD_AGE: Final = 16
"""A child is whoever is younger (Children Law 2016, Article 1)."""
CERTIFIED: Final = 2
"""Weakest level of evidence for a guardian: issued, from a register, or certified by an officer."""
VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class ParentEvidence:
    """A birth certificate or register answer, as the use case read it: whose birth, which subjects it names as
    the parents (found by their numbers, not their names), and how far it is trusted.

    `source` names it: `version:<id>` or `register:<answer id>`.
    """

    source: str
    child: UUID
    born: date
    parents: frozenset[UUID]
    level: int


@dataclass(frozen=True, slots=True)
class LiveMandate:
    """`evidence` names what proved it: `register:<answer id>`, `version:<id>` or `dossier:<id>`."""

    id: UUID
    subject: UUID
    basis: str
    relation: str
    scope: tuple[str, ...]
    valid_until: datetime | None
    evidence: str

    @property
    def is_whole(self) -> bool:
        return WHOLE in self.scope

    def is_shared(self, now: datetime) -> bool:
        """Whether the subject is a child that agrees besides its guardian. A newborn's mandate has no end yet."""
        return self.basis == GUARDIAN and _is_between(AGREEING_AGE, CHILD_AGE, self.valid_until, now)


@dataclass(frozen=True, slots=True)
class Standing:
    """For whom somebody may act at one moment, and for which of them, themself among them, not alone."""

    mandates: tuple[LiveMandate, ...]
    shared: frozenset[UUID]

    @property
    def represented(self) -> dict[UUID, str]:
        """Whom they may do everything for, and as what."""
        return {one.subject: one.relation for one in self.mandates if one.is_whole}


async def recognise_guardian(
    tx: Tx, caller: Caller, child: UUID, evidence: ParentEvidence, now: datetime
) -> UUID:
    """Let a parent act for their minor child until the day it turns eighteen; returns the mandate's id.

    The caller has asked for this child a moment ago (`tries.note_try`): without that the database records nothing.

    Recognising twice returns the mandate already live. Raises GuardianNotProven. The caller acts for the child
    from the next transaction on: sight is set when a transaction begins.
    """
    require(caller, Action.RECOGNISE_GUARDIAN)
    if evidence.child != child:
        raise GuardianNotProven("child")
    if caller.id not in evidence.parents or caller.id == child:
        raise GuardianNotProven("parent")
    if evidence.level > CERTIFIED:
        raise GuardianNotProven("level")
    until = _eighteenth_birthday(evidence.born)
    if until <= now:
        raise GuardianNotProven("age")
    return await _record_guardian(tx, caller, child, evidence.source, until, now)


async def bind_newborn(tx: Tx, caller: Caller, child: UUID, dossier: UUID, now: datetime) -> UUID:
    """Let the person filing a birth act for the provisional subject made in that filing.

    Only in the transaction that made the subject, whose vault is then empty: a mandate over any other child
    would open what is not theirs. It has no end until the birth is registered: `end_at_majority`; a refused
    filing ends it with the child. Raises GuardianNotProven.
    """
    require(caller, Action.REGISTER_NEWBORN)
    if child in caller.subjects or not await _is_made_here(tx, child):
        raise GuardianNotProven("child")
    return await _record_guardian(tx, caller, child, f"dossier:{dossier}", None, now)


async def end_at_majority(tx: Tx, child: UUID, dossier: UUID, born: date) -> None:
    """From the registration of its birth on a newborn's mandate ends as any guardian's: the day it turns eighteen.

    For an officer of the agency the dossier was filed with; of a mandate with an end already nothing changes.
    """
    until = text("SELECT end_guardianship(:child, :dossier, :until)")
    await tx.execute(until, {"child": child, "dossier": dossier, "until": _eighteenth_birthday(born)})


async def standing_of(tx: Tx, actor: UUID, now: datetime) -> Standing:
    """For whom `actor` may act at this moment, and whether they are themself a child somebody acts for."""
    rows = (
        await tx.execute(text("SELECT * FROM mandates_around(:actor, :now)"), {"actor": actor, "now": now})
    ).all()
    mandates = tuple(
        LiveMandate(
            row.id, row.subject_id, row.basis, row.relation, tuple(row.scope), row.valid_until, row.evidence
        )
        for row in rows
        if row.actor_id == actor
    )
    shared = {one.subject for one in mandates if one.is_whole and one.is_shared(now)}
    guardians = [row for row in rows if row.subject_id == actor and row.basis == GUARDIAN]
    if any(_is_between(0, CHILD_AGE, one.valid_until, now) for one in guardians):
        shared.add(actor)
    return Standing(mandates, frozenset(shared))


async def live_mandates(tx: Tx, actor: UUID, now: datetime) -> tuple[LiveMandate, ...]:
    """For whom `actor` may act at this moment."""
    return (await standing_of(tx, actor, now)).mandates


async def whole_mandate(tx: Tx, actor: UUID, subject: UUID, now: datetime) -> LiveMandate:
    """By which `actor` does at this moment whatever `subject` could do; of several, the one that lasts longest.

    Raises NotFound where there is none, as for a ward who has come of age.
    """
    found = [one for one in await live_mandates(tx, actor, now) if one.subject == subject and one.is_whole]
    if not found:
        raise NotFound
    return max(found, key=lambda one: (one.valid_until is None, one.valid_until or now, one.id))


async def mandates_about(tx: Tx, subject: UUID, after: UUID | None, limit: int) -> tuple[Mandate, ...]:
    """Every mandate this person has or is under, ended ones among them, newest first, as the actor may see them."""
    query = select(Mandate).where(or_(Mandate.actor_id == subject, Mandate.subject_id == subject))
    if after is not None:
        query = query.where(Mandate.id < after)
    return tuple(await tx.scalars(query.order_by(Mandate.id.desc()).limit(limit)))


async def revoke_mandate(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> None:
    """End a mandate now, by whoever acts or whoever is acted for. Again: nothing happens. Raises NotFound."""
    row = await tx.scalar(select(Mandate).where(Mandate.id == mandate).with_for_update())
    if row is None:
        raise NotFound
    require(caller, Action.REVOKE_MANDATE, MandateFacts(row.actor_id, row.subject_id))
    if row.revoked_at is None:
        row.revoked_at = now
        await record_change(tx, caller, row.subject_id, "mandate.revoked", row.basis, now)


async def record_change(tx: Tx, caller: Caller, subject: UUID, kind: str, basis: str, now: datetime) -> None:
    """Write into the log of whom it is about that a mandate by law begins or ends."""
    entry = Entry(
        kind=kind,
        subject_id=subject,
        outcome="SUCCESS",
        purpose=f"mandate:{basis.lower()}",
        legal_basis="LEGAL_DUTY",
        article=REPRESENTATIVE_ARTICLE if basis == REPRESENTATIVE else GUARDIAN_ARTICLE,
    )
    await record(tx, caller.actor, entry, now)


async def _record_guardian(
    tx: Tx, caller: Caller, child: UUID, evidence: str, until: datetime | None, now: datetime
) -> UUID:
    assert caller.id is not None  # noqa: S101 - the policy let only a citizen through
    for mandate in await live_mandates(tx, caller.id, now):
        if mandate.subject == child and mandate.basis == GUARDIAN:
            return mandate.id
    made = new_id()
    # The door writes a whole mandate of a parent, for the transaction's own actor; without ground for it, none.
    recording = text("SELECT record_guardian(:id, :child, :evidence, :now, :until)")
    given = {"id": made, "child": child, "evidence": evidence, "now": now, "until": until}
    await tx.execute(recording, given)
    await record_change(tx, caller, child, "mandate.recorded", GUARDIAN, now)
    return made


async def _is_made_here(tx: Tx, child: UUID) -> bool:
    # enrol_subject() adds a newborn, and nobody else, to the transaction's subjects.
    return bool(await tx.scalar(text("SELECT CAST(:child AS uuid) = ANY (app_subjects())"), {"child": child}))


def _is_between(from_age: int, to_age: int, of_age: datetime | None, now: datetime) -> bool:
    """Whether whoever comes of age at `of_age` is from one age on and below the other."""
    if of_age is None:
        return False
    day = of_age.astimezone(VIETNAM).date()
    begins, ends = (_anniversary(day, day.year - ADULT_AGE + age) for age in (from_age, to_age))
    return begins <= now < ends


def _eighteenth_birthday(born: date) -> datetime:
    """When a person comes of age (Civil Code 2015, Article 20)."""
    return birthday(born, ADULT_AGE)


def birthday(born: date, age: int) -> datetime:
    """When a person is as old as that."""
    return _anniversary(born, born.year + age)


def _anniversary(day: date, year: int) -> datetime:
    """The start, in Vietnam, of this day of that year; 29 February is 1 March in a common one."""
    leap = (day.month, day.day) == (2, 29) and not isleap(year)
    return datetime.combine(date(year, 3, 1) if leap else day.replace(year=year), time(), VIETNAM)
