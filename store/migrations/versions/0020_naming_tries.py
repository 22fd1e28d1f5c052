"""Ten people a day may somebody name as parties of their filings: more would be looking people up.

A number is known by its keyed hash alone, written before it is looked for so that nothing refunds the try, and
forgotten after its day.
"""

from store.migrations import script

revision = "0020_naming_tries"
down_revision = "0019_mandates"


def upgrade() -> None:
    script(TABLE)
    script(DOOR)


TABLE = """
CREATE TABLE naming_tries (
    caller_id uuid NOT NULL,
    number_index bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (caller_id, number_index)
);
CREATE INDEX naming_tries_at_idx ON naming_tries (at);
ALTER TABLE naming_tries ENABLE ROW LEVEL SECURITY;
ALTER TABLE naming_tries FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON naming_tries TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
GRANT SELECT (at), DELETE ON naming_tries TO motlan_work;
CREATE POLICY loops ON naming_tries TO motlan_work USING (true);
"""

DOOR = """
-- Writes the try down and says from when on it would be allowed: null when it is. The same number again is one
-- try. Tries of one caller wait for each other, or two at once would both be the tenth.
CREATE FUNCTION try_naming(number_index bytea, at timestamptz) RETURNS timestamptz
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF app_kind() IS DISTINCT FROM 'citizen' OR app_id() IS NULL THEN
        RAISE EXCEPTION 'not a citizen' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('naming ' || app_id(), 0));
    INSERT INTO naming_tries AS t (caller_id, number_index, at)
        VALUES (app_id(), try_naming.number_index, try_naming.at)
        ON CONFLICT ON CONSTRAINT naming_tries_pkey DO UPDATE SET at = greatest(t.at, EXCLUDED.at);
    RETURN (SELECT CASE WHEN count(*) > 10 THEN min(t.at) + interval '1 day' END FROM naming_tries t
        WHERE t.caller_id = app_id() AND t.at > try_naming.at - interval '1 day');
END $$;
REVOKE ALL ON FUNCTION try_naming(bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION try_naming(bytea, timestamptz) TO motlan_app;
"""
