"""What a filing is about: the parcel, building, premises, vehicle or event its evidence must match."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.caller import Caller
from dossiers.case import Case, Office
from procedures.law import DocumentType, ObjectKind
from store.database import Tx
from store.identifiers import new_id
from vault.documents import my_document
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
