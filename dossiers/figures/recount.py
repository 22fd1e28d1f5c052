"""The independent recount: the once-only promise in figures, from what was asked, held, said and logged.

Calls no planner and reads no stored outcome. The judging is done by the database (`once_only` of the migrations),
because it must look into vaults its caller cannot see; what the law let an agency take instead of asking is read by
`rulebook`. Only dossier ids, figures and counts come out.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, TextClause, bindparam, column, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from auth.caller import Caller
from auth.policy import reach
from dossiers.figures.editions import KINDS, Edition
from dossiers.figures.rulebook import rules
from store.database import Tx


class Figure(StrEnum):
    """What is counted. Asks are counted one by one, papers and requirements once per dossier."""

    ASKED_AGAIN = "asked_again"
    """Asked of a person although a fit paper was held, or a register could be read, at that moment."""
    ASKED_WHILE_DOWN = "asked_while_down"
    """Asked, without a recorded reason, while a register that could have answered was merely down."""
    WITH_REASON = "with_reason"
    """Overrides, and asks on a legal reason of their own: a fallback, a register down too long."""
    DECLINED_REUSE = "declined_reuse"
    UNFIT = "unfit"
    """Supplement lines calling a version unreadable, wrong or about something else."""
    SUPPLIED = "supplied"
    """Papers first handed in in that very dossier, that could serve another."""
    CASE_BOUND = "case_bound"
    """Papers handed in that belong to that case alone: counted apart, nothing could have spared them."""
    REUSED = "reused"
    """Requirements met by versions deposited before the dossier was opened, then by where these come from."""
    REUSED_SELF = "reused_self"
    REUSED_DIGITISED = "reused_digitised"
    REUSED_ISSUED = "reused_issued"
    FETCHED = "fetched"
    """Requirements met by a register's answer, logged as found."""
    REFUSED_ASKS = "refused_asks"
    REFUSED_UPLOADS = "refused_uploads"


@dataclass(frozen=True, slots=True)
class Counted:
    """A dossier behind a figure, and its part of it."""

    dossier: UUID
    amount: int


Counts = Mapping[Figure, int]
"""Every figure, zero included."""


async def recount(tx: Tx, caller: Caller) -> Counts:
    """Over the caller's reach: a person's and their wards' dossiers, or those submitted to an officer's agency.

    Raises Unauthenticated.
    """
    reach(caller)
    query = _query(
        "SELECT figure, sum(amount)::bigint AS amount FROM once_only(CAST(:law AS jsonb), :named) GROUP BY figure"
    )
    rows = await tx.execute(query, {"law": await read_rules(tx), "named": None})
    return _counts({row.figure: row.amount for row in rows})


async def recount_dossiers(tx: Tx, caller: Caller, ids: Sequence[UUID]) -> dict[UUID, Counts]:
    """Of each of these dossiers the caller reaches, in one statement whatever their number."""
    reach(caller)
    query = _query("SELECT dossier, figure, amount FROM once_only(CAST(:law AS jsonb), :named)")
    found: dict[UUID, dict[str, int]] = defaultdict(dict)
    for row in await tx.execute(query, {"law": await read_rules(tx), "named": list(ids)}):
        found[row.dossier][row.figure] = row.amount
    return {one: _counts(found[one]) for one in ids}


async def counted_dossiers(
    tx: Tx, caller: Caller, figure: Figure, after: UUID | None, first: int
) -> list[Counted]:
    """The dossiers a figure is made of, newest first, after the one named."""
    reach(caller)
    query = _query(
        "SELECT dossier, amount FROM once_only(CAST(:law AS jsonb), :named) WHERE figure = :figure"
        " AND (CAST(:after AS uuid) IS NULL OR dossier < :after) ORDER BY dossier DESC LIMIT :first"
    )
    given = {"law": await read_rules(tx), "named": None, "figure": figure, "after": after, "first": first}
    return [Counted(row.dossier, row.amount) for row in await tx.execute(query, given)]


async def read_rules(tx: Tx) -> str:
    """The rules of the procedures filed within the actor's reach, as the JSON `once_only` takes."""
    procedures = list(await tx.scalars(text("SELECT DISTINCT procedure_id FROM dossiers")))
    rows = await tx.execute(_EDITIONS, {"kinds": list(KINDS), "procedures": procedures})
    editions = [Edition(row.kind, row.item_id, row.body, row.imported_at, row.replaced_at) for row in rows]
    return json.dumps(rules(editions, procedures))


_EDITIONS = text(
    "SELECT kind, item_id, body, imported_at, replaced_at FROM catalogue_items"
    " WHERE kind = ANY (:kinds) AND (kind <> 'procedures' OR item_id = ANY (:procedures))"
    " ORDER BY position, id"
).columns(
    column("kind", Text),
    column("item_id", Text),
    column("body", JSONB),
    column("imported_at", DateTime(timezone=True)),
    column("replaced_at", DateTime(timezone=True)),
)


def _query(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("named", type_=ARRAY(PgUUID(as_uuid=True))))


def _counts(found: Mapping[str, Any]) -> Counts:
    return {figure: int(found.get(figure, 0)) for figure in Figure}
