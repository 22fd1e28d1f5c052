"""The feed of changes: which of somebody's things changed or are gone, in the order they were committed.

Rows are written by triggers within the transaction of what they tell (migration 0025) and given their places by the
loop, as the log's lines are. Who reads up to a place has read everything that ever will stand before it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from store.database import Tx

KEPT_DAYS: Final = 30
"""How long a phone may be away and still go on where it was."""


@dataclass(frozen=True, slots=True)
class Change:
    """A thing of one kind, as it is known by id. `gone`: nobody will find it any more."""

    place: int
    kind: str
    thing: UUID
    gone: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Followed:
    """What came after a place. `last` is as far as this reading has seen, whether or not anything was there;
    `too_old`: what came after that place is partly swept away, so it tells nothing."""

    changes: tuple[Change, ...]
    last: int
    too_old: bool


async def follow(tx: Tx, subjects: Collection[UUID], after: int | None, limit: int) -> Followed:
    """Up to `limit` changes of these subjects' things after the place; from None on, nothing but where it stands now.

    One statement, so that the end it tells is the end of just what it read.
    """
    given = {"subjects": list(subjects), "after": after, "limit": limit}
    rows = (await tx.execute(_FOLLOW, given)).all()
    last, swept = (rows[0].last, rows[0].swept) if rows else (0, 0)
    if after is None:
        return Followed((), last, False)
    if after < swept or after > last:
        # After a restore from an older backup, a place may be ahead of us; what it meant is not ours to say.
        return Followed((), last, True)
    found = tuple(Change(row.place, row.kind, row.thing, row.gone, row.at) for row in rows if row.place)
    return Followed(found, last, False)


async def place_changes(tx: Tx, limit: int = 5_000) -> int:
    """Give up to `limit` committed rows their places; how many. For the loops' role.

    One at a time, until commit: places are seen in the order they were given. A row whose transaction commits late
    gets a later place, whatever its id.
    """
    if not await tx.scalar(_READY):
        return 0
    # Waits for whoever places now, and then sees what they placed.
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('motlan feed'))"))
    return int(await tx.scalar(_PLACE, {"limit": limit}) or 0)


async def sweep_changes(tx: Tx, before: datetime) -> None:
    """Drop what was told before then, and remember how far. For the loops' role."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('motlan feed'))"))
    await tx.execute(_SWEEP, {"before": before})


_FOLLOW = text(
    "SELECT e.last, e.swept, c.place, c.kind, c.thing, c.gone, c.at FROM feed_ends e LEFT JOIN LATERAL ("
    " SELECT * FROM changes WHERE subject_id = ANY (:subjects) AND place > CAST(:after AS bigint)"
    " ORDER BY place LIMIT :limit) c ON true ORDER BY c.place"
)
_READY = text("SELECT EXISTS (SELECT FROM changes WHERE place IS NULL)")
_PLACE = text(
    "WITH ready AS (SELECT id FROM changes WHERE place IS NULL ORDER BY id LIMIT :limit),"
    " numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM ready),"
    " ends AS (INSERT INTO feed_ends AS e (one, last, swept) SELECT true, count(*), 0 FROM ready"
    "  ON CONFLICT (one) DO UPDATE SET last = e.last + excluded.last RETURNING last),"
    " placed AS (UPDATE changes c SET written_by = NULL,"
    "  place = ends.last - (SELECT count(*) FROM ready) + numbered.nth"
    "  FROM numbered, ends WHERE c.id = numbered.id RETURNING 1)"
    " SELECT count(*) FROM placed"
)
_SWEEP = text(
    "WITH gone AS (DELETE FROM changes WHERE at < :before AND place IS NOT NULL RETURNING place)"
    " UPDATE feed_ends SET swept = greatest(swept, (SELECT max(place) FROM gone))"
    " WHERE EXISTS (SELECT FROM gone)"
)
