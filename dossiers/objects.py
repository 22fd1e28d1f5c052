"""What a filing is about: the parcel, building, premises, vehicle or event its evidence must match."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.caller import Caller
from dossiers.case import Case, Office
from dossiers.errors import ObjectUndeclared
from procedures.law import DocumentType, ObjectKind, Requirement
from procedures.plan import Plan
from store.database import Tx
from store.identifiers import new_id
from vault.documents import my_document
from vault.holding import Holding, Status
from vault.objects import object_for


@dataclass(frozen=True, slots=True)
class ObjectChoice:
    """The filing is about the object of this held document, or (`document` None) about a new one."""

    kind: ObjectKind
    document: UUID | None


async def chosen_objects(tx: Tx, caller: Caller, choices: tuple[ObjectChoice, ...]) -> dict[ObjectKind, UUID]:
    """The object of each choice. Raises NotFound for a document that is not the caller's."""
    chosen: dict[ObjectKind, UUID] = {}
    for choice in choices:
        key = None
        if choice.document is not None:
            key = (await my_document(tx, caller, choice.document)).object_key
        chosen[choice.kind] = key or new_id()
    return chosen


async def object_of_paper(
    tx: Tx, case: Case | None, kind: DocumentType, claims: Mapping[str, Any], office: Office, now: datetime
) -> UUID | None:
    """What a paper is about: the dossier's object of that kind, else the one its identifying claims name, else a
    new one. None for papers about a person or a case."""
    if kind.object_kind in (ObjectKind.PERSON, ObjectKind.CASE):
        return None
    declared = case.dossier.objects.get(kind.object_kind.value) if case is not None else None
    if declared:
        return UUID(declared)
    return await object_of_claims(tx, kind, claims, office, now)


async def object_of_claims(
    tx: Tx, kind: DocumentType, claims: Mapping[str, Any], office: Office, now: datetime
) -> UUID | None:
    """The object the identifying claims name; a nameless new one unless every identifying claim is there."""
    if kind.object_kind in (ObjectKind.PERSON, ObjectKind.CASE):
        return None
    facts = {str(one): str(claims[str(one)]) for one in kind.identifying if claims.get(str(one)) is not None}
    complete = len(facts) == len(kind.identifying)
    # Facts are keyed by concept alone: certificate and permit name one parcel in different roles.
    named = {name.split("@")[0]: value for name, value in facts.items()} if complete else {}
    return await object_for(tx, kind.object_kind.value, named, office.safe, now)


def adopt_objects(case: Case, found: Plan, own: frozenset[UUID]) -> bool:
    """Fix objects the plan assumed beyond doubt, and name anew those nothing held is about.

    The paper that is itself the object of the procedure names it. Anything else the plan merely assumed must be
    said by the person: a drawing of one house never serves another. Raises ObjectUndeclared. What belongs to
    nobody of `own` cannot be asked about without telling of it: somebody's only house is the one meant, of several
    none is assumed.
    """
    adopted: dict[str, str] = {}
    unclear: set[str] = set()
    for planned in found.planned:
        requirement = case.requirement(planned.requirement)
        if planned.assumed_object and planned.used and planned.used[0].version is not None:
            holding, kind = case.holdings[planned.used[0].version], requirement.object_kind.value
            if holding.object_key is not None and _is_beyond_doubt(case, requirement, holding, own):
                adopted[kind] = str(holding.object_key)
            elif holding.subject in own:
                unclear.add(kind)
            else:
                adopted.setdefault(kind, str(new_id()))
    if unclear - set(adopted):
        raise ObjectUndeclared(tuple(sorted(unclear - set(adopted))))
    kinds = {one.object_kind for one in case.procedure.requirements} - {ObjectKind.PERSON, ObjectKind.CASE}
    new = {kind.value: str(new_id()) for kind in kinds if kind.value not in case.dossier.objects}
    case.dossier.objects = {**new, **case.dossier.objects, **adopted}
    return bool(adopted)


def _is_beyond_doubt(case: Case, requirement: Requirement, holding: Holding, own: frozenset[UUID]) -> bool:
    """A birth, marriage or death of which papers of just one are held is the one meant; so is somebody else's
    only thing."""
    if requirement.self_object:
        return True
    accepted = {one.document_type for one in requirement.accepts}
    alike = [one for one in case.holdings.values() if one.type in accepted]
    if requirement.object_kind is ObjectKind.EVENT:
        return len({one.object_key for one in alike}) == 1
    theirs = {
        one.object_key for one in alike if one.subject == holding.subject and one.status is Status.VALID
    }
    return holding.subject not in own and len(theirs) == 1
