"""A legal representative acts for their company: recorded through a door of its own, for thirty days, and whoever the
register names no longer acts for it no more.
"""

from store.migrations import script

revision = "0040_representatives"
down_revision = "0039_assisted"


def upgrade() -> None:
    for part in (TRIES, DOOR):
        script(part)


TRIES = """
ALTER TABLE number_tries DROP CONSTRAINT number_tries_asking_check;
ALTER TABLE number_tries ADD CONSTRAINT number_tries_asking_check
    CHECK (asking IN ('guardian', 'party', 'mandate', 'organisation'));
CREATE OR REPLACE FUNCTION try_number(asking text, number_index bytea, at timestamptz) RETURNS timestamptz
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    most integer := CASE try_number.asking WHEN 'party' THEN 10 ELSE 5 END;
BEGIN
    IF app_kind() IS DISTINCT FROM 'citizen' OR app_id() IS NULL THEN
        RAISE EXCEPTION 'not a citizen' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(try_number.asking || ' ' || app_id(), 0));
    INSERT INTO number_tries AS t (caller_id, asking, number_index, at)
        VALUES (app_id(), try_number.asking, try_number.number_index, try_number.at)
        ON CONFLICT ON CONSTRAINT number_tries_pkey DO UPDATE SET at = greatest(t.at, EXCLUDED.at);
    RETURN (SELECT CASE WHEN count(*) > most THEN min(t.at) + interval '1 day' END FROM number_tries t
        WHERE t.caller_id = app_id() AND t.asking = try_number.asking
            AND t.at > try_number.at - interval '1 day');
END $$;
"""

DOOR = """
-- For the citizen who asks and nobody else, themself among those named, over a company whose number they asked the
-- register about minutes ago (`try_number` bounds how many). What the register said is for the use case to judge.
-- The caller's own earlier mandate and those of whom the register names no longer end; the latter are returned.
CREATE FUNCTION record_representative(id uuid, organisation uuid, named uuid[], evidence text, valid_from timestamptz,
    valid_until timestamptz) RETURNS SETOF uuid
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF app_kind() IS DISTINCT FROM 'citizen' OR app_id() IS NULL
        OR (app_id() = ANY (record_representative.named)) IS NOT TRUE
        OR (record_representative.evidence ~ '^register:') IS NOT TRUE
        OR (record_representative.valid_until > record_representative.valid_from AND record_representative.valid_until
            <= record_representative.valid_from + interval '30 days') IS NOT TRUE
        OR NOT EXISTS (SELECT FROM subjects s JOIN number_tries t ON t.number_index = s.number_index
            WHERE s.id = record_representative.organisation AND s.kind = 'organisation'
            AND t.asking = 'organisation' AND t.caller_id = app_id() AND t.at
            BETWEEN record_representative.valid_from - interval '10 minutes' AND record_representative.valid_from)
        OR EXISTS (SELECT FROM shreddings h WHERE h.subject_id = record_representative.organisation) THEN
        RAISE EXCEPTION 'no ground for a mandate' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- Two of them recognised at once: the later one sees what the earlier one recorded.
    PERFORM pg_advisory_xact_lock(hashtextextended('representatives ' || record_representative.organisation, 0));
    RETURN QUERY WITH ended AS (
        UPDATE mandates m SET revoked_at = record_representative.valid_from
            WHERE m.subject_id = record_representative.organisation AND m.basis = 'REPRESENTATIVE'
            AND m.revoked_at IS NULL AND coalesce(m.valid_until > record_representative.valid_from, true)
            AND (m.actor_id = app_id() OR NOT m.actor_id = ANY (record_representative.named))
            RETURNING m.actor_id)
        SELECT DISTINCT e.actor_id FROM ended e WHERE e.actor_id <> app_id();
    INSERT INTO mandates (id, actor_id, subject_id, basis, relation, scope, evidence, valid_from, valid_until)
        VALUES (record_representative.id, app_id(), record_representative.organisation, 'REPRESENTATIVE',
            'representative', '{all}', record_representative.evidence, record_representative.valid_from,
            record_representative.valid_until);
END $$;
REVOKE ALL ON FUNCTION record_representative(uuid, uuid, uuid[], text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_representative(uuid, uuid, uuid[], text, timestamptz, timestamptz) TO motlan_app;
"""
