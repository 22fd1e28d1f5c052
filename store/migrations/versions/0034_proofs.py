"""Proofs people carry away: where each stands on which list, and every change of how it stands, written with the
change of its paper, whoever makes it.
"""

from store.migrations import script

revision = "0034_proofs"
down_revision = "0033_tracker"


def upgrade() -> None:
    for part in (PROOFS, WALLS, STANDINGS, LISTS):
        script(part)


PROOFS = """
CREATE TABLE attestations (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    document_id uuid NOT NULL REFERENCES documents (id),
    version_id uuid NOT NULL REFERENCES document_versions (id),
    form text NOT NULL CHECK (form IN ('cwt', 'sd-jwt')),
    claims text[] NOT NULL,
    list integer NOT NULL CHECK (list > 0),
    -- Drawn at random and never given again, even after its proof has expired: an old proof must not take on the
    -- standing of a new one.
    place integer NOT NULL CHECK (place BETWEEN 0 AND 131071),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (list, place)
);
CREATE INDEX attestations_subject_id_idx ON attestations (subject_id);
CREATE INDEX attestations_document_id_idx ON attestations (document_id);

CREATE TABLE standing_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list integer NOT NULL,
    place integer NOT NULL,
    standing smallint NOT NULL CHECK (standing BETWEEN 0 AND 3),
    at timestamptz NOT NULL,
    FOREIGN KEY (list, place) REFERENCES attestations (list, place)
);
CREATE INDEX standing_changes_list_idx ON standing_changes (list, at);
"""

WALLS = """
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['attestations', 'standing_changes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
    END LOOP;
END $$;
CREATE POLICY own_read ON attestations FOR SELECT TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]));
-- Of one's own papers alone, whatever the row says of whose it is.
CREATE POLICY own_write ON attestations FOR INSERT TO motlan_app
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]) AND EXISTS (SELECT FROM document_versions v
        WHERE v.id = attestations.version_id AND v.document_id = attestations.document_id
        AND v.subject_id = attestations.subject_id));
GRANT SELECT, INSERT ON attestations TO motlan_app;
"""

STANDINGS = """
-- In the transaction of the change itself, whichever door it came through: revoked, removed, shredded, superseded by
-- another paper, or by a newer version of its own.
CREATE FUNCTION note_standings() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO standing_changes (list, place, standing, at)
        SELECT a.list, a.place, now_stands.standing, app_now()
        FROM attestations a JOIN document_versions v ON v.id = a.version_id,
            LATERAL (SELECT CASE WHEN NEW.status IN ('revoked', 'removed') THEN 1
                WHEN NEW.status <> 'valid' OR v.number < NEW.current THEN 3 ELSE 0 END AS standing) now_stands
        WHERE a.document_id = NEW.id AND now_stands.standing IS DISTINCT FROM coalesce((SELECT c.standing
            FROM standing_changes c WHERE c.list = a.list AND c.place = a.place ORDER BY c.id DESC LIMIT 1), 0);
    RETURN NULL;
END $$;
CREATE INDEX standing_changes_place_idx ON standing_changes (list, place, id);
CREATE TRIGGER note_standings AFTER UPDATE OF status, current ON documents FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.current IS DISTINCT FROM NEW.current)
    EXECUTE FUNCTION note_standings();
"""

LISTS = """
-- Anybody may fetch a whole list: it names nobody, and tells nothing of whose proof is looked at.
CREATE FUNCTION standings_of(list integer, at timestamptz) RETURNS TABLE (place integer, standing smallint)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT ON (c.place) c.place, c.standing FROM standing_changes c
        WHERE c.list = standings_of.list AND c.at <= standings_of.at ORDER BY c.place, c.id DESC
    $$;

-- When a list first said something else than at that moment.
CREATE FUNCTION next_standing_change(list integer, at timestamptz) RETURNS timestamptz
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT min(c.at) FROM standing_changes c WHERE c.list = next_standing_change.list
        AND c.at > next_standing_change.at
    $$;

CREATE FUNCTION newest_status_list() RETURNS integer STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$ SELECT coalesce(max(a.list), 1) FROM attestations a $$;

GRANT EXECUTE ON FUNCTION standings_of, next_standing_change, newest_status_list TO motlan_app;
"""
