"""Where a dossier's stored plan and the recount tell different stories.

The one place that lays both side by side, kept out of `recount` so that nothing a plan says can colour a count.
A difference is a finding: either the plan misled the person, or the recount misreads what happened.
"""

from uuid import UUID

from sqlalchemy import text

from auth.caller import Caller
from auth.policy import reach
from dossiers.figures.recount import read_rules
from store.database import Tx


async def find_mismatches(tx: Tx, caller: Caller, first: int) -> list[UUID]:
    """Submitted dossiers of the caller's reach whose plan counts otherwise, the newest `first` of them.

    By its own account a plan never has a person asked again; what it calls reused, fetched and declined must be
    what was pinned, answered and declined. Where evidence has been taken away since, the two speak of different
    moments, and only the first and the last are compared. Raises Unauthenticated.
    """
    within = reach(caller)
    given = {
        "law": await read_rules(tx),
        "subjects": list(within.subjects),
        "agencies": list(within.agencies),
        "first": first,
    }
    return list(await tx.scalars(_DIFFERENT, given))


_DIFFERENT = text("""
WITH recounted AS (
    SELECT dossier, coalesce(sum(amount) FILTER (WHERE figure = 'asked_again'), 0) AS asked_again,
        coalesce(sum(amount) FILTER (WHERE figure = 'reused'), 0) AS reused,
        coalesce(sum(amount) FILTER (WHERE figure = 'fetched'), 0) AS fetched,
        coalesce(sum(amount) FILTER (WHERE figure = 'declined_reuse'), 0) AS declined
    FROM once_only(CAST(:law AS jsonb), NULL) GROUP BY dossier
), planned AS (
    SELECT d.id AS dossier, count(*) FILTER (WHERE r.outcome = 'REUSE' AND r.satisfied) AS reused,
        count(*) FILTER (WHERE r.outcome = 'FETCH' AND r.satisfied) AS fetched,
        count(*) FILTER (WHERE r.declined) AS declined
    FROM dossiers d JOIN dossier_requirements r ON r.dossier_id = d.id
    WHERE d.status >= 1 AND (d.applicant_id = ANY (:subjects) OR d.agency_id = ANY (:agencies)) GROUP BY d.id
)
SELECT p.dossier FROM planned p LEFT JOIN recounted c ON c.dossier = p.dossier
WHERE (coalesce(c.asked_again, 0) > 0 OR p.declined <> coalesce(c.declined, 0)
    OR (p.reused <> coalesce(c.reused, 0) OR p.fetched <> coalesce(c.fetched, 0)) AND NOT EXISTS (
        SELECT FROM dossier_evidence e WHERE e.dossier_id = p.dossier AND e.revoked_at IS NOT NULL))
ORDER BY p.dossier DESC LIMIT :first
""")
