"""Whose guardian somebody says they are is asked for five children a day: more would be guessing numbers.

A try is known by the keyed hash of the number alone, written before the register is asked so that nothing refunds
it, and forgotten after its day.
"""

from store.migrations import script

revision = "0018_guardian_tries"
down_revision = "0017_supplement_terms"


def upgrade() -> None:
    script(TABLE)
    script(DOOR)


TABLE = """
CREATE TABLE guardian_tries (
    caller_id uuid NOT NULL,
    number_index bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (caller_id, number_index)
);
CREATE INDEX guardian_tries_at_idx ON guardian_tries (at);
ALTER TABLE guardian_tries ENABLE ROW LEVEL SECURITY;
ALTER TABLE guardian_tries FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON guardian_tries TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
GRANT SELECT (at), DELETE ON guardian_tries TO motlan_work;
CREATE POLICY loops ON guardian_tries TO motlan_work USING (true);
"""

DOOR = """
-- Writes the try down and says from when on it would be allowed: null when it is. The same number again is one
-- try. Tries of one caller wait for each other, or two at once would both be the fifth.
CREATE FUNCTION try_guardian(number_index bytea, at timestamptz) RETURNS timestamptz
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF app_kind() IS DISTINCT FROM 'citizen' OR app_id() IS NULL THEN
        RAISE EXCEPTION 'not a citizen' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('guardian ' || app_id(), 0));
    INSERT INTO guardian_tries AS t (caller_id, number_index, at)
        VALUES (app_id(), try_guardian.number_index, try_guardian.at)
        ON CONFLICT ON CONSTRAINT guardian_tries_pkey DO UPDATE SET at = greatest(t.at, EXCLUDED.at);
    RETURN (SELECT CASE WHEN count(*) > 5 THEN min(t.at) + interval '1 day' END FROM guardian_tries t
        WHERE t.caller_id = app_id() AND t.at > try_guardian.at - interval '1 day');
END $$;
REVOKE ALL ON FUNCTION try_guardian(bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION try_guardian(bytea, timestamptz) TO motlan_app;
"""
