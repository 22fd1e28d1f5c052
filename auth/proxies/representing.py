"""A legal representative of an organisation: whom the business register names, until it has to be asked again (Civil
Code 2015, Article 137)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from auth.caller import Caller
from auth.errors import RepresentativeNotProven
from auth.mandates import REPRESENTATIVE, record_change
from auth.policy import Action, require
from store.database import Tx
from store.identifiers import new_id

TRUSTED: Final = timedelta(days=30)
"""How long the register's word counts: directors change, and no register tells us so."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A business register's answer, as the use case read it: whose registration, and which subjects it names as its
    legal representatives, found by their numbers and not their names. `source` is `register:<answer id>`."""

    source: str
    organisation: UUID
    representatives: frozenset[UUID]


async def recognise_representative(
    tx: Tx, caller: Caller, registration: Registration, now: datetime
) -> tuple[UUID, ...]:
    """Let the caller act for the organisation for thirty days from now, in place of their own earlier mandate.

    Returns who acts for it no more, since the register names them no longer.

    The caller has asked for it a moment ago (`tries.note_try`): without that the database records nothing. Raises
    RepresentativeNotProven. They act for it from the next transaction on: sight is set when a transaction begins.
    """
    require(caller, Action.RECOGNISE_REPRESENTATIVE)
    if caller.id not in registration.representatives:
        raise RepresentativeNotProven("representative")
    # The door writes a whole mandate, for the transaction's own actor; without ground for it, none.
    recording = text(
        "SELECT record_representative(:id, :organisation, :named, :evidence, :now, :until) AS actor"
    )
    given = {
        "id": new_id(),
        "organisation": registration.organisation,
        "named": sorted(registration.representatives),
        "evidence": registration.source,
        "now": now,
        "until": now + TRUSTED,
    }
    replaced = tuple(await tx.scalars(recording, given))
    for _ in replaced:
        await record_change(tx, caller, registration.organisation, "mandate.ended", REPRESENTATIVE, now)
    await record_change(tx, caller, registration.organisation, "mandate.recorded", REPRESENTATIVE, now)
    return replaced
