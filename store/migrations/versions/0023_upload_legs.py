"""Uploads arrive in pieces, each sealed by itself, and are ended with their day, their bytes at once.

Whoever holds an upload's address acts as the actor `upload`: it reaches that one row, its pieces, and nothing else.
"""

from store.migrations import script

revision = "0023_upload_legs"
down_revision = "0022_number_tries"


def upgrade() -> None:
    for part in (LEGS, WALLS, SWEEP, OPEN):
        script(part)


LEGS = """
CREATE TABLE upload_legs (
    id uuid PRIMARY KEY,
    upload_id uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    start_bytes bigint NOT NULL,
    size_bytes bigint,
    whole boolean NOT NULL,
    blob text NOT NULL,
    begun_at timestamptz NOT NULL,
    UNIQUE (upload_id, start_bytes)
);
-- When a piece was last begun, ended or asked after; NULL while none is kept.
ALTER TABLE uploads ADD COLUMN touched_at timestamptz;
CREATE INDEX uploads_touched_at_idx ON uploads (touched_at) WHERE arrived_at IS NULL;
-- One writer at a time.
CREATE UNIQUE INDEX upload_legs_open_idx ON upload_legs (upload_id) WHERE size_bytes IS NULL;
ALTER TABLE upload_legs ENABLE ROW LEVEL SECURITY;
ALTER TABLE upload_legs FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON upload_legs TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
"""

WALLS = """
CREATE POLICY by_address ON uploads TO motlan_app
    USING (app_kind() = 'upload' AND id = app_id()) WITH CHECK (app_kind() = 'upload' AND id = app_id());
CREATE POLICY by_address ON upload_legs TO motlan_app
    USING (app_kind() = 'upload' AND upload_id = app_id())
    WITH CHECK (app_kind() = 'upload' AND upload_id = app_id());
GRANT SELECT, INSERT, UPDATE (size_bytes, whole), DELETE ON upload_legs TO motlan_app;
"""

SWEEP = """
-- Uploads whose day is over, with the files that go with them: what a document has claimed is that document's. One
-- being claimed at this moment is left for the next round.
DROP FUNCTION drop_expired_uploads(timestamptz);
CREATE FUNCTION drop_expired_uploads(at timestamptz) RETURNS TABLE (id uuid, blobs text[])
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    WITH due AS (SELECT u.id FROM uploads u
            WHERE app_kind() = 'loop' AND u.expires_at <= drop_expired_uploads.at
            ORDER BY u.expires_at LIMIT 500 FOR UPDATE SKIP LOCKED),
        legs AS (SELECT l.upload_id, l.blob FROM upload_legs l JOIN due ON due.id = l.upload_id),
        gone AS (DELETE FROM uploads u USING due WHERE u.id = due.id RETURNING u.id, u.blob, u.claimed_at),
        files AS (SELECT legs.upload_id, legs.blob FROM legs
            UNION ALL SELECT gone.id, gone.blob FROM gone
                WHERE gone.blob IS NOT NULL AND gone.claimed_at IS NULL)
    SELECT gone.id, coalesce((SELECT array_agg(files.blob) FROM files WHERE files.upload_id = gone.id), '{}')
        FROM gone
    $$;

-- Uploads nobody has gone on with, held until the round ends; `open` are the files a living writer may still hold.
CREATE FUNCTION silent_uploads(before timestamptz) RETURNS TABLE (id uuid, ended text[], open text[])
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    WITH silent AS (SELECT u.id FROM uploads u
            WHERE app_kind() = 'loop' AND u.arrived_at IS NULL AND u.touched_at <= silent_uploads.before
            ORDER BY u.touched_at LIMIT 500 FOR UPDATE SKIP LOCKED)
    SELECT silent.id,
        coalesce(array_agg(l.blob) FILTER (WHERE l.size_bytes IS NOT NULL), '{}'),
        coalesce(array_agg(l.blob) FILTER (WHERE l.blob IS NOT NULL AND l.size_bytes IS NULL), '{}')
        FROM silent LEFT JOIN upload_legs l ON l.upload_id = silent.id GROUP BY silent.id
    $$;
CREATE FUNCTION touch_uploads(uploads uuid[], at timestamptz) RETURNS void
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE uploads u SET touched_at = touch_uploads.at
        WHERE app_kind() = 'loop' AND u.touched_at IS NOT NULL AND u.id = ANY (touch_uploads.uploads)
    $$;
CREATE FUNCTION forget_pieces(uploads uuid[]) RETURNS void
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    DELETE FROM upload_legs l WHERE app_kind() = 'loop' AND l.upload_id = ANY (forget_pieces.uploads);
    UPDATE uploads u SET touched_at = NULL, wrapped_key = NULL, key_generation = NULL
        WHERE app_kind() = 'loop' AND u.arrived_at IS NULL AND u.id = ANY (forget_pieces.uploads)
    $$;

CREATE OR REPLACE FUNCTION known_blobs() RETURNS SETOF text
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT v.blob FROM document_versions v WHERE app_kind() = 'loop' AND v.blob IS NOT NULL
    UNION SELECT u.blob FROM uploads u WHERE app_kind() = 'loop' AND u.blob IS NOT NULL
    UNION SELECT l.blob FROM upload_legs l WHERE app_kind() = 'loop'
    $$;
"""

OPEN = """
REVOKE ALL ON FUNCTION drop_expired_uploads(timestamptz), silent_uploads(timestamptz),
    touch_uploads(uuid[], timestamptz), forget_pieces(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_expired_uploads(timestamptz), silent_uploads(timestamptz),
    touch_uploads(uuid[], timestamptz), forget_pieces(uuid[]) TO motlan_work;
"""
