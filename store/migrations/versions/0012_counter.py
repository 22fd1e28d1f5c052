"""Who stands at a counter is found by number through an agency's door alone; files are announced for nobody else.

`subject_by_number` stays for what needs to know a number without saying whose it is: signing in, naming parties.
"""

from store.migrations import script

revision = "0012_counter"
down_revision = "0011_originals"


def upgrade() -> None:
    script(COUNTER)
    script(UPLOADS)


COUNTER = """
CREATE FUNCTION person_at_counter(number_index bytea) RETURNS uuid STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT coalesce(s.merged_into, s.id) FROM subjects s
        WHERE app_agency() IS NOT NULL AND s.number_index = person_at_counter.number_index
    $$;
REVOKE ALL ON FUNCTION person_at_counter(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION person_at_counter(bytea) TO motlan_app;
"""

UPLOADS = """
-- A file is sealed under the key of whom it is for: a citizen announces none for somebody they do not act for.
DROP POLICY own ON uploads;
CREATE POLICY own ON uploads TO motlan_app USING (created_by = app_id())
    WITH CHECK (created_by = app_id() AND ((SELECT app_agency()) IS NOT NULL
        OR subject_id = ANY ((SELECT app_subjects())::uuid[])));
"""
