"""Who takes part in a filing, by role; and acting in a filer's place for what follows without anybody asking.

When a register answers at last, a document is revoked or somebody's consent goes, the loops' own role finds the
dossier; what happens to it runs with the filer's rights and not one more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller, CallerKind
from auth.errors import Unauthenticated
from auth.mandates import bind_newborn, standing_of
from auth.policy import Action, SubjectFacts, require
from auth.tries import Asking, note_try
from dossiers.case import Case, Office
from dossiers.errors import PartyRefused
from dossiers.records import Dossier
from procedures.law import DocumentType
from store.database import Tx
from vault.subjects import find_by_number, number_index, register_newborn


@dataclass(frozen=True, slots=True)
class Party:
    """Who fills a role: somebody the caller acts for (`subject`), somebody named by number, or, for a child
    with neither, a newborn who has no number yet."""

    role: str
    subject: UUID | None = None
    citizen_number: str | None = None


async def parties_of(
    tx: Tx, caller: Caller, dossier: Dossier, named: tuple[Party, ...], office: Office, now: datetime
) -> dict[str, tuple[UUID, ...]]:
    """Role to subjects, applicant and filer always among them. Raises PartyRefused.

    A subject id is accepted only of the caller's own subjects: anyone else is named by number, so that an id seen
    somewhere opens nothing. An unknown number and a number out of reach are refused alike.
    """
    if caller.id is None:
        raise Unauthenticated
    parties: dict[str, tuple[UUID, ...]] = {"applicant": (dossier.applicant_id,), "filer": (caller.id,)}
    for party in named:
        if party.role in ("applicant", "filer"):
            raise PartyRefused(party.role)
        subject = await _found(tx, caller, party, office) or await _newborn(tx, caller, dossier, office, now)
        parties[party.role] = (*parties.get(party.role, ()), subject)
    return parties


async def note_named(tx: Tx, caller: Caller, numbers: Iterable[str], office: Office, now: datetime) -> None:
    """Count whom the caller names by number: ten different people a day, known here by keyed hash alone.

    Commit before anybody is looked for, or a refusal would refund the try. Raises TriesSpent.
    """
    require(caller, Action.OPEN_DOSSIER, SubjectFacts(caller.principal))
    for number in numbers:
        await note_try(tx, Asking.PARTY, number_index(number, office.safe), now)


def result_holder(case: Case, kind: DocumentType) -> UUID:
    """Whose vault a result goes to: the child's for what is issued about a child, else the applicant's."""
    roles = {claim.role for claim in kind.claims}
    if "child" in roles and "child" in case.parties:
        return case.parties["child"][0]
    if "deceased" in roles and "deceased" in case.parties:
        return case.parties["deceased"][0]
    return case.dossier.applicant_id


async def _found(tx: Tx, caller: Caller, party: Party, office: Office) -> UUID | None:
    """Who is named; None for a child with neither id nor number."""
    if party.subject is not None:
        if party.subject not in caller.subjects:
            raise PartyRefused(party.role)
        return party.subject
    if party.citizen_number is not None:
        found = await find_by_number(tx, party.citizen_number, office.safe)
        if found is None:
            raise PartyRefused(party.role)
        return found
    if party.role != "child":
        raise PartyRefused(party.role)
    return None


async def _newborn(tx: Tx, caller: Caller, dossier: Dossier, office: Office, now: datetime) -> UUID:
    newborn = await register_newborn(tx, caller, None, office.safe, now)
    await bind_newborn(tx, caller, newborn, dossier.id, now)
    return newborn


@dataclass(frozen=True, slots=True)
class Filed:
    """A dossier, the subject who filed it, and the one it is for."""

    dossier: UUID
    filer: UUID
    applicant: UUID


async def filed(tx: Tx, dossier: UUID) -> Filed | None:
    """Who filed the dossier; None when there is none. For the loops' role."""
    query = select(Dossier.filer_id, Dossier.applicant_id).where(Dossier.id == dossier)
    found = (await tx.execute(query)).one_or_none()
    return Filed(dossier, found.filer_id, found.applicant_id) if found is not None else None


async def in_place_of(tx: Tx, filer: UUID, now: datetime) -> Caller:
    """The filer as a caller, with the mandates they hold now. For the application's role, without an actor of
    its own."""
    standing = await standing_of(tx, filer, now)
    return Caller(
        CallerKind.CITIZEN,
        filer,
        represented=standing.represented,
        shared=standing.shared,
    )
