"""What arrives waits in quarantine for a scanner's word, a vault holds so much and no more, and originals are fetched
at an origin of their own by passes.
"""

from store.migrations import script

revision = "0031_intake"
down_revision = "0030_consent"


def upgrade() -> None:
    for part in (QUARANTINE, SCANNING, USAGE, COUNTING, PASSES, OPEN):
        script(part)


QUARANTINE = """
-- NULL until all bytes are there. What arrived before this migration was judged by the checks of its day.
ALTER TABLE uploads ADD COLUMN verdict text, ADD COLUMN scan_at timestamptz, ADD COLUMN scans integer NOT NULL
    DEFAULT 0;
UPDATE uploads SET verdict = 'unscanned' WHERE arrived_at IS NOT NULL;
ALTER TABLE uploads
    ADD CONSTRAINT uploads_verdict_check CHECK (verdict IN ('waiting', 'clean', 'infected', 'unscanned')),
    ADD CONSTRAINT uploads_waiting_check CHECK (verdict IS DISTINCT FROM 'waiting' OR scan_at IS NOT NULL),
    -- Whatever asks for it, no paper is made of bytes nobody found clean.
    ADD CONSTRAINT uploads_claimed_check
        CHECK (claimed_at IS NULL OR coalesce(verdict, '') IN ('clean', 'unscanned')),
    ADD CONSTRAINT uploads_infected_check
        CHECK (verdict IS DISTINCT FROM 'infected' OR num_nonnulls(blob, wrapped_key, sealed_sha256) = 0);
CREATE INDEX uploads_scan_at_idx ON uploads (scan_at) WHERE verdict = 'waiting';
"""

SCANNING = """
-- Ids alone, each for one scanner at a time: who dies over it loses it at `again_at`.
CREATE FUNCTION take_quarantined(at timestamptz, again_at timestamptz, most integer)
    RETURNS TABLE (id uuid, scans integer) SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE uploads u SET scan_at = take_quarantined.again_at, scans = u.scans + 1
        WHERE u.id IN (SELECT w.id FROM uploads w
            WHERE app_kind() = 'loop' AND w.verdict = 'waiting' AND w.scan_at <= take_quarantined.at
            ORDER BY w.scan_at LIMIT take_quarantined.most FOR UPDATE SKIP LOCKED)
        RETURNING u.id, u.scans
    $$;

CREATE FUNCTION quarantine_backlog(most integer, OUT waiting bigint, OUT oldest timestamptz)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT count(*), min(w.arrived_at) FROM (SELECT u.arrived_at FROM uploads u
        WHERE app_kind() = 'loop' AND u.verdict = 'waiting' ORDER BY u.scan_at LIMIT quarantine_backlog.most) w
    $$;
"""

USAGE = """
-- What people put into a vault themselves, counted by triggers alone.
CREATE TABLE vault_usage (
    subject_id uuid PRIMARY KEY REFERENCES subjects,
    documents integer NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT vault_usage_check CHECK (documents >= 0 AND bytes >= 0)
);
INSERT INTO vault_usage SELECT v.subject_id, count(*), sum(v.size_bytes)
    FROM document_versions v JOIN documents d ON d.id = v.document_id
    WHERE d.origin = 'self' AND v.blob IS NOT NULL GROUP BY v.subject_id;
ALTER TABLE vault_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_usage FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON vault_usage TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
CREATE POLICY own ON vault_usage FOR SELECT TO motlan_app USING (subject_id = ANY (app_subjects()));
GRANT SELECT ON vault_usage TO motlan_app;
"""

COUNTING = """
CREATE FUNCTION count_usage() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
DECLARE
    gone bigint := CASE WHEN TG_OP <> 'INSERT' AND OLD.blob IS NOT NULL THEN OLD.size_bytes END;
    come bigint := CASE WHEN TG_OP <> 'DELETE' AND NEW.blob IS NOT NULL THEN NEW.size_bytes END;
    whose uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.subject_id ELSE NEW.subject_id END;
    paper uuid := CASE WHEN TG_OP = 'DELETE' THEN OLD.document_id ELSE NEW.document_id END;
BEGIN
    IF (gone IS NULL) = (come IS NULL)
        OR NOT EXISTS (SELECT FROM documents d WHERE d.id = paper AND d.origin = 'self') THEN
        RETURN NULL;
    END IF;
    IF come IS NOT NULL THEN
        INSERT INTO vault_usage AS u (subject_id, documents, bytes) VALUES (whose, 1, come)
            ON CONFLICT (subject_id) DO UPDATE SET documents = u.documents + 1, bytes = u.bytes + come;
    ELSE
        -- A figure that went wrong must never keep anybody's paper from being removed.
        UPDATE vault_usage u SET documents = greatest(u.documents - 1, 0), bytes = greatest(u.bytes - gone, 0)
            WHERE u.subject_id = whose;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_usage AFTER INSERT OR DELETE OR UPDATE OF blob ON document_versions
    FOR EACH ROW EXECUTE FUNCTION count_usage();

-- Held until the transaction ends: of many papers at once each sees those before it.
CREATE FUNCTION hold_usage(subject uuid, OUT documents integer, OUT bytes bigint)
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF hold_usage.subject = ANY (app_subjects()) THEN
        INSERT INTO vault_usage AS u (subject_id, documents, bytes) VALUES (hold_usage.subject, 0, 0)
            ON CONFLICT DO NOTHING;
        SELECT u.documents, u.bytes INTO documents, bytes FROM vault_usage u
            WHERE u.subject_id = hold_usage.subject FOR UPDATE;
    END IF;
END $$;
"""

PASSES = """
-- Leave to fetch one thing, once, at the origin where there are no sessions.
CREATE TABLE content_passes (
    secret_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    target text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX content_passes_expires_at_idx ON content_passes (expires_at);
CREATE INDEX content_passes_session_id_idx ON content_passes (session_id);
ALTER TABLE content_passes ENABLE ROW LEVEL SECURITY;
ALTER TABLE content_passes FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON content_passes TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
GRANT SELECT (expires_at), DELETE ON content_passes TO motlan_work;
CREATE POLICY loops ON content_passes TO motlan_work USING (true) WITH CHECK (true);

-- For a live session of the caller's own.
CREATE FUNCTION issue_content_pass(secret_hash bytea, session uuid, target text, expires_at timestamptz)
    RETURNS boolean SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO content_passes (secret_hash, session_id, target, expires_at)
        SELECT issue_content_pass.secret_hash, s.id, issue_content_pass.target, issue_content_pass.expires_at
        FROM sessions s WHERE s.id = issue_content_pass.session AND s.kind = app_kind() AND s.holder_id = app_id()
        AND s.ended_at IS NULL;
    RETURN FOUND;
END $$;

-- Spent by looking. The session it was issued in, if that still lives and the pass is for this.
CREATE FUNCTION take_content_pass(secret_hash bytea, target text, now timestamptz) RETURNS SETOF sessions
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    WITH taken AS (DELETE FROM content_passes p WHERE app_kind() IS NOT NULL
            AND p.secret_hash = take_content_pass.secret_hash RETURNING p.session_id, p.target, p.expires_at)
    SELECT s.* FROM taken t JOIN sessions s ON s.id = t.session_id
        WHERE t.target = take_content_pass.target AND t.expires_at > take_content_pass.now
        AND s.ended_at IS NULL AND s.expires_at > take_content_pass.now
    $$;
"""

OPEN = """
REVOKE ALL ON FUNCTION take_quarantined(timestamptz, timestamptz, integer), quarantine_backlog(integer),
    count_usage(), hold_usage(uuid), issue_content_pass(bytea, uuid, text, timestamptz),
    take_content_pass(bytea, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_quarantined(timestamptz, timestamptz, integer), quarantine_backlog(integer)
    TO motlan_work;
GRANT EXECUTE ON FUNCTION hold_usage(uuid), issue_content_pass(bytea, uuid, text, timestamptz),
    take_content_pass(bytea, text, timestamptz) TO motlan_app;
"""
