"""Parcels, buildings, premises, vehicles and events that papers are about, known by a keyed hash alone.

Two papers naming the same parcel meet in one object; nobody reading the table learns which parcel it is.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import rfc8785
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from store.database import Tx
from store.identifiers import new_id
from vault.records import SubjectObject
from vault.safe import Safe


async def object_for(tx: Tx, kind: str, facts: Mapping[str, str], safe: Safe, now: datetime) -> UUID:
    """The object of this kind that these identifying facts name, made if none is known yet.

    Spelling, spaces and letter case do not make two objects of one. Without facts it is a new, nameless object.
    """
    index = safe.keys.index(f"object:{kind}", _canonical(facts)) if facts else None
    fresh = (
        insert(SubjectObject)
        .values(id=new_id(), kind=kind, facts_index=index, created_at=now)
        .on_conflict_do_nothing(index_elements=["facts_index"])
        .returning(SubjectObject.id)
    )
    made = await tx.scalar(fresh)
    if made is not None:
        return made
    # Somebody else's insert won; READ COMMITTED shows it to the next statement.
    return (await tx.scalars(select(SubjectObject.id).where(SubjectObject.facts_index == index))).one()


def _canonical(facts: Mapping[str, str]) -> str:
    folded = {
        name: " ".join(unicodedata.normalize("NFC", value).casefold().split())
        for name, value in facts.items()
    }
    return rfc8785.dumps(folded).decode()
