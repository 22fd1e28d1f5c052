"""Whom somebody asks for by number is counted: five children a day to be recognised for, ten people to be named as
parties. More would be guessing numbers.

A try is known by the keyed hash of the number alone, written before anybody is looked for so that nothing refunds
it, and forgotten after its day.
"""

from store.migrations import script

revision = "0022_number_tries"
down_revision = "0021_apps"


def upgrade() -> None:
    for part in (TABLE, DOOR, GUARDIANS, OLD):
        script(part)


TABLE = """
CREATE TABLE number_tries (
    caller_id uuid NOT NULL,
    asking text NOT NULL,
    number_index bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (caller_id, asking, number_index),
    CONSTRAINT number_tries_asking_check CHECK (asking IN ('guardian', 'party'))
);
CREATE INDEX number_tries_at_idx ON number_tries (at);
ALTER TABLE number_tries ENABLE ROW LEVEL SECURITY;
ALTER TABLE number_tries FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON number_tries TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
GRANT SELECT (at), DELETE ON number_tries TO motlan_work;
CREATE POLICY loops ON number_tries TO motlan_work USING (true);
"""

DOOR = """
-- Writes the try down and says from when on it would be allowed: null when it is. The same number again is one
-- try. Tries of one caller wait for each other, or two at once would both be the last.
CREATE FUNCTION try_number(asking text, number_index bytea, at timestamptz) RETURNS timestamptz
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    most integer := CASE try_number.asking WHEN 'guardian' THEN 5 WHEN 'party' THEN 10 END;
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
REVOKE ALL ON FUNCTION try_number(text, bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION try_number(text, bytea, timestamptz) TO motlan_app;
"""

GUARDIANS = """
-- For the citizen who asks and nobody else, over a newborn made in this very transaction, whose vault is empty, or
-- over a child whose number they asked the register about minutes ago (`try_number` bounds how many), until it
-- comes of age. What the register said of its parents is for the use case to judge.
CREATE OR REPLACE FUNCTION record_guardian(id uuid, child uuid, evidence text, valid_from timestamptz,
    valid_until timestamptz) RETURNS void
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    made_here boolean := record_guardian.evidence LIKE 'dossier:%' AND record_guardian.valid_until IS NULL
        AND EXISTS (SELECT FROM subjects s WHERE s.id = record_guardian.child AND s.kind = 'newborn'
            AND s.number_index IS NULL AND s.xmin = pg_current_xact_id()::xid);
    asked boolean := record_guardian.evidence ~ '^(register|version):'
        AND coalesce(record_guardian.valid_until BETWEEN record_guardian.valid_from
            AND record_guardian.valid_from + interval '18 years', false)
        AND EXISTS (SELECT FROM subjects s JOIN number_tries t ON t.number_index = s.number_index
            WHERE s.id = record_guardian.child AND s.kind = 'person'
            AND t.asking = 'guardian' AND t.caller_id = app_id()
            AND t.at BETWEEN record_guardian.valid_from - interval '10 minutes' AND record_guardian.valid_from);
BEGIN
    IF app_kind() IS DISTINCT FROM 'citizen' OR record_guardian.child IS NOT DISTINCT FROM app_id()
        OR NOT (made_here OR asked) THEN
        RAISE EXCEPTION 'no ground for a mandate' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO mandates (id, actor_id, subject_id, basis, relation, scope, evidence, valid_from, valid_until)
        VALUES (record_guardian.id, app_id(), record_guardian.child, 'GUARDIAN', 'parent', '{all}',
            record_guardian.evidence, record_guardian.valid_from, record_guardian.valid_until);
END $$;
"""

OLD = """
-- A try of today counts on.
INSERT INTO number_tries (caller_id, asking, number_index, at)
    SELECT caller_id, 'guardian', number_index, at FROM guardian_tries
    UNION ALL SELECT caller_id, 'party', number_index, at FROM naming_tries;
DROP FUNCTION try_guardian(bytea, timestamptz);
DROP FUNCTION try_naming(bytea, timestamptz);
DROP TABLE guardian_tries;
DROP TABLE naming_tries;
"""
