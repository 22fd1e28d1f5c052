"""A mandate over a child is recorded through one door, which looks for itself whether there is ground for it.

Until now a citizen's transaction could write a mandate over anybody, and lengthen or revive its own: only the use
cases stood before that.
"""

from store.migrations import script

revision = "0019_mandates"
down_revision = "0018_guardian_tries"


def upgrade() -> None:
    script(WALL)
    script(DOOR)


WALL = """
DROP POLICY record ON mandates;
REVOKE INSERT, UPDATE ON mandates FROM motlan_app;
GRANT UPDATE (revoked_at) ON mandates TO motlan_app;
-- Whoever acts or is acted for may end a mandate. None ends a second life.
DROP POLICY revoke ON mandates;
CREATE POLICY revoke ON mandates FOR UPDATE TO motlan_app
    USING (actor_id = ANY ((SELECT app_subjects())::uuid[]) OR subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (revoked_at IS NOT NULL AND (actor_id = ANY ((SELECT app_subjects())::uuid[])
        OR subject_id = ANY ((SELECT app_subjects())::uuid[])));
"""

DOOR = """
-- For the citizen who asks and nobody else, over a newborn made in this very transaction, whose vault is empty, or
-- over a child whose number they asked the register about minutes ago (`try_guardian` bounds how many), until it
-- comes of age. What the register said of its parents is for the use case to judge.
CREATE FUNCTION record_guardian(id uuid, child uuid, evidence text, valid_from timestamptz,
    valid_until timestamptz) RETURNS void
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    made_here boolean := record_guardian.evidence LIKE 'dossier:%' AND record_guardian.valid_until IS NULL
        AND EXISTS (SELECT FROM subjects s WHERE s.id = record_guardian.child AND s.kind = 'newborn'
            AND s.number_index IS NULL AND s.xmin = pg_current_xact_id()::xid);
    asked boolean := record_guardian.evidence ~ '^(register|version):'
        AND coalesce(record_guardian.valid_until BETWEEN record_guardian.valid_from
            AND record_guardian.valid_from + interval '18 years', false)
        AND EXISTS (SELECT FROM subjects s JOIN guardian_tries t ON t.number_index = s.number_index
            WHERE s.id = record_guardian.child AND s.kind = 'person' AND t.caller_id = app_id()
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
REVOKE ALL ON FUNCTION record_guardian(uuid, uuid, text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_guardian(uuid, uuid, text, timestamptz, timestamptz) TO motlan_app;
"""
