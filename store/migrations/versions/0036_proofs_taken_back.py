"""A proof may be taken back by its person, for good; how it stands then is written in the same transaction."""

from store.migrations import script

revision = "0036_proofs_taken_back"
down_revision = "0035_webhooks"


def upgrade() -> None:
    for part in (COLUMN, WALLS, STANDINGS):
        script(part)


COLUMN = """
ALTER TABLE attestations ADD COLUMN withdrawn_at timestamptz;
CREATE INDEX attestations_subject_id_id_idx ON attestations (subject_id, id DESC);
DROP INDEX attestations_subject_id_idx;
"""

WALLS = """
-- Once, and one's own alone: what was taken back is not given again.
CREATE POLICY own_withdrawal ON attestations FOR UPDATE TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]) AND withdrawn_at IS NULL)
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]) AND withdrawn_at IS NOT NULL);
GRANT UPDATE (withdrawn_at) ON attestations TO motlan_app;
"""

STANDINGS = """
CREATE FUNCTION standing_of(status text, is_current boolean, withdrawn boolean) RETURNS smallint
    IMMUTABLE LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT CASE WHEN withdrawn OR status IN ('revoked', 'removed') THEN 1
        WHEN status <> 'valid' OR NOT is_current THEN 3 ELSE 0 END::smallint
    $$;
REVOKE ALL ON FUNCTION standing_of FROM PUBLIC;

CREATE FUNCTION note_standing(list integer, place integer, standing smallint) RETURNS void
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    INSERT INTO standing_changes (list, place, standing, at)
        SELECT note_standing.list, note_standing.place, note_standing.standing, app_now()
        WHERE note_standing.standing IS DISTINCT FROM coalesce((SELECT c.standing FROM standing_changes c
            WHERE c.list = note_standing.list AND c.place = note_standing.place ORDER BY c.id DESC LIMIT 1), 0)
    $$;
-- For the two triggers alone: whoever could call it would say of any proof what they like.
REVOKE ALL ON FUNCTION note_standing FROM PUBLIC;

CREATE OR REPLACE FUNCTION note_standings() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM note_standing(a.list, a.place,
            standing_of(NEW.status, v.number >= NEW.current, a.withdrawn_at IS NOT NULL))
        FROM attestations a JOIN document_versions v ON v.id = a.version_id WHERE a.document_id = NEW.id;
    RETURN NULL;
END $$;

CREATE FUNCTION note_withdrawal() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM note_standing(NEW.list, NEW.place, 1::smallint);
    RETURN NULL;
END $$;
CREATE TRIGGER note_withdrawal AFTER UPDATE OF withdrawn_at ON attestations FOR EACH ROW
    WHEN (OLD.withdrawn_at IS NULL AND NEW.withdrawn_at IS NOT NULL) EXECUTE FUNCTION note_withdrawal();
"""
