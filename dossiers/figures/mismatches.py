"""Where a dossier's stored plan and the recount tell different stories.

The one place that lays both side by side, kept out of `recount` so that nothing a plan says can colour a count.
A difference is a finding: either the plan misled the person, or the recount misreads what happened.
"""

from uuid import UUID

from sqlalchemy import text

from auth.caller import Caller
from auth.policy import reach
from dossiers.figures.recount import Counted, read_rules
from store.database import Tx


async def find_mismatches(tx: Tx, caller: Caller, after: UUID | None, first: int) -> list[Counted]:
    """Submitted dossiers of the caller's reach whose plan counts otherwise, newest first, after the one named;
    with how many of the counts differ.

    By its own account a plan never has a person asked again; what it calls reused, fetched and declined must be
    what was pinned, answered and declined. Where evidence has been taken away since, the two speak of different
    moments, and only asking and declining are compared. Raises Unauthenticated.
    """
    within = reach(caller)
    given = {
        "law": await read_rules(tx),
        "subjects": list(within.subjects),
        "agencies": list(within.agencies),
        "after": after,
        "first": first,
    }
    return [Counted(row.dossier, row.differing) for row in await tx.execute(_DIFFERENT, given)]


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
        count(*) FILTER (WHERE r.declined) AS declined,
        NOT EXISTS (SELECT FROM dossier_evidence e
            WHERE e.dossier_id = d.id AND e.revoked_at IS NOT NULL) AS whole
    FROM dossiers d JOIN dossier_requirements r ON r.dossier_id = d.id
    WHERE d.status >= 1 AND (d.applicant_id = ANY (:subjects) OR d.agency_id = ANY (:agencies)) GROUP BY d.id
), compared AS (
    SELECT p.dossier, (coalesce(c.asked_again, 0) > 0)::integer
        + (p.declined <> coalesce(c.declined, 0))::integer
        + (p.whole AND p.reused <> coalesce(c.reused, 0))::integer
        + (p.whole AND p.fetched <> coalesce(c.fetched, 0))::integer AS differing
    FROM planned p LEFT JOIN recounted c ON c.dossier = p.dossier
)
SELECT dossier, differing FROM compared
WHERE differing > 0 AND (CAST(:after AS uuid) IS NULL OR dossier < :after) ORDER BY dossier DESC LIMIT :first
""")
