"""The recount takes what was fetched or handed in for a filing as being about what that filing is about.

A register names an object by its own claims, the filing by a choice made before: the two keys may differ, the
object does not.
"""

from store.migrations import script

revision = "0013_form_answers"
down_revision = "0012_counter"


def upgrade() -> None:
    script(KNOWING)


KNOWING = """
CREATE OR REPLACE FUNCTION knowing(rule recount_field, filing dossiers, ask dossier_asks, day date)
    RETURNS SETOF uuid STABLE LANGUAGE sql AS $$
    SELECT known FROM players_of(filing, (rule).role, false) known
        WHERE (rule).account AND known IN (SELECT filer_reach(filing, (ask).asked_at))
        AND EXISTS (SELECT FROM numbered_at(known, (ask).asked_at))
    UNION ALL
    SELECT holder FROM filer_reach(filing, (ask).asked_at) holder
        CROSS JOIN LATERAL papers_of(holder, (ask).asked_at) p
        CROSS JOIN LATERAL (SELECT p.bound_to IS NOT NULL
            OR p.object_key::text IN (SELECT value FROM jsonb_each_text((filing).objects)) AS same_object,
            holder IN (SELECT players_of(filing, (rule).role, (rule).applicant_meant)) AS own,
            ARRAY(SELECT split_part(c, '@', 2) FROM unnest(p.claims) c
                WHERE split_part(c, '@', 1) = (rule).concept) AS bearers) paper
        WHERE coalesce(p.bound_to = (filing).id, true) AND coalesce(p.valid_until >= day, true)
        AND NOT EXISTS (SELECT FROM unfit_by(ask) unfit WHERE unfit = p.version)
        AND coalesce(paper.same_object, true)
        AND ((rule).role = ANY (paper.bearers) AND (paper.own OR paper.same_object)
            OR paper.own AND cardinality(paper.bearers) = 1 AND ((rule).applicant_meant
                OR (rule).role IN ('applicant', 'filer') OR paper.bearers = ARRAY['holder']))
    $$;
"""
