"""Where proofs stand, and the signed lists that say how. The rows change by a trigger, with their papers."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from auth.jws.kinds import STATUS_LIST
from store.database import Tx
from vault.issuing.records import Attestation
from vault.proofs import cose
from vault.proofs.notary import Notary
from vault.proofs.status_list import (
    CWT_TYP,
    ENTRIES,
    LIFE_SECONDS,
    TTL_SECONDS,
    list_claims,
    list_payload,
    pack,
)

TRIES = 6
"""Places drawn on one list before a new one is begun. At half full, one proof in sixty-four begins it early."""


async def place(tx: Tx, proof: Attestation) -> tuple[int, int]:
    """Give a proof a place of its own, drawn at random, and write it down; which list, which place."""
    newest: int = await tx.scalar(text("SELECT newest_status_list()")) or 1
    row = {column.name: getattr(proof, column.name) for column in Attestation.__table__.columns}
    for list_ in (*(newest for _ in range(TRIES)), newest + 1, newest + 1):
        at = {"list": list_, "place": secrets.randbelow(ENTRIES)}
        made = await tx.scalar(
            insert(Attestation).values(**row | at).on_conflict_do_nothing().returning(Attestation.id)
        )
        if made is not None:
            return at["list"], at["place"]
    raise RuntimeError("no place on an empty list")


@dataclass(frozen=True, slots=True)
class Standings:
    """How a list stood: for the time from `at` until `until`."""

    number: int
    at: datetime
    until: datetime
    packed: bytes

    def jwt(self, notary: Notary) -> str:
        claims = {
            "sub": f"{notary.lists}/{self.number}",
            "ttl": TTL_SECONDS,
            "status_list": list_claims(self.packed, notary.lists),
        }
        return notary.signing.sign(STATUS_LIST, claims, lifetime=self.until - self.at, now=self.at)

    def cwt(self, notary: Notary) -> bytes:
        uri, span = f"{notary.lists}/{self.number}", (int(self.at.timestamp()), int(self.until.timestamp()))
        return cose.sign(notary.key, CWT_TYP, list_payload(uri, *span, self.packed, notary.lists))


async def lists_in_use(tx: Tx) -> int:
    """The number of the newest list; all before it are in use too."""
    newest: int = await tx.scalar(text("SELECT newest_status_list()")) or 1
    return newest


async def standings_of(tx: Tx, number: int, now: datetime, on: datetime | None = None) -> Standings | None:
    """A list as it stands, or stood `on` a moment of the past; None for a list not begun and a moment to come.

    A list of the past ends where it first said something else: it speaks for no moment it did not hold.
    """
    if number > await lists_in_use(tx) or (on is not None and on > now):
        return None
    at = on or now
    given = {"list": number, "at": at}
    rows = await tx.execute(text("SELECT * FROM standings_of(:list, :at)"), given)
    packed = pack({row.place: row.standing for row in rows}, ENTRIES)
    found = Standings(number, at, at + timedelta(seconds=LIFE_SECONDS), packed)
    if on is None:
        return found
    changed: datetime | None = await tx.scalar(text("SELECT next_standing_change(:list, :at)"), given)
    # Whole seconds: a list that did not hold for one is told for the one it began in.
    ends = changed.astimezone(UTC).replace(microsecond=0) if changed is not None else found.until
    return replace(found, until=min(found.until, max(ends, found.at + timedelta(seconds=1))))
