"""What phones follow: a feed of what changed of one's own things, written by the database beside the change itself.

Triggers write it, so no use case can forget to. A row has no place until the loop gives it one, in commit order;
readers see placed rows alone, so nothing that commits late is ever passed over (decision 0019).

And the devices a person is woken on: known here by a keyed hash of their address, which rests sealed (decision 0020).
"""

from store.migrations import script

revision = "0025_phones"
down_revision = "0024_systems"


def upgrade() -> None:
    for part in (FEED, FEED_WALLS, TELLING, TRIGGERS, DEVICES, DEVICE_DOORS):
        script(part)


FEED = """
CREATE TABLE changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    thing uuid NOT NULL,
    gone boolean NOT NULL,
    at timestamptz NOT NULL,
    -- The transaction that wrote it, until it has its place: one thing is told once for each.
    written_by bigint,
    place bigint UNIQUE
);
CREATE UNIQUE INDEX changes_once_idx ON changes (written_by, subject_id, kind, thing);
CREATE INDEX changes_page_idx ON changes (subject_id, place);
CREATE INDEX changes_unplaced_idx ON changes (id) WHERE place IS NULL;
CREATE INDEX changes_at_idx ON changes (at);

-- One row, from the first placing on: the last place given, and the last one swept away.
CREATE TABLE feed_ends (
    one boolean PRIMARY KEY CHECK (one),
    last bigint NOT NULL,
    swept bigint NOT NULL
);
"""

FEED_WALLS = """
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['changes', 'feed_ends'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
        EXECUTE format('CREATE POLICY loops ON %I TO motlan_work USING (true) WITH CHECK (true)', walled);
    END LOOP;
END $$;
CREATE POLICY own ON changes FOR SELECT TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY anybody ON feed_ends FOR SELECT TO motlan_app USING (app_kind() IN ('citizen', 'officer'));
GRANT SELECT ON changes, feed_ends TO motlan_app;
GRANT SELECT, UPDATE (place, written_by), DELETE ON changes TO motlan_work;
GRANT SELECT, INSERT, UPDATE (last, swept) ON feed_ends TO motlan_work;
"""

TELLING = """
-- Not to be called from outside. Who changes one thing twice in a transaction has told it once; the last word counts.
CREATE FUNCTION tell_change(subject uuid, kind text, thing uuid, gone boolean) RETURNS void LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    INSERT INTO changes AS c (subject_id, kind, thing, gone, at, written_by)
        SELECT tell_change.subject, tell_change.kind, tell_change.thing, tell_change.gone, app_now(),
            pg_current_xact_id()::text::bigint WHERE tell_change.subject IS NOT NULL
        ON CONFLICT (written_by, subject_id, kind, thing) DO UPDATE SET gone = excluded.gone
        WHERE c.gone <> excluded.gone
    $$;

-- Rows of one person, each a thing by its own id: shares and notices.
CREATE FUNCTION tell_own() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(t.subject_id, TG_ARGV[0], t.id, TG_OP = 'DELETE') FROM touched t;
    RETURN NULL;
END $$;

-- A paper taken out is gone, though its row stays.
CREATE FUNCTION tell_document() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(t.subject_id, 'Document', t.id, TG_OP = 'DELETE' OR t.status = 'removed') FROM touched t;
    RETURN NULL;
END $$;
CREATE FUNCTION tell_document_of() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(d.subject_id, 'Document', d.id, d.status = 'removed')
        FROM documents d WHERE d.id IN (SELECT t.document_id FROM touched t);
    RETURN NULL;
END $$;

-- Whoever filed it and whoever it is for.
CREATE FUNCTION tell_dossier() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(t.applicant_id, 'Dossier', t.id, TG_OP = 'DELETE') FROM touched t;
    PERFORM tell_change(t.filer_id, 'Dossier', t.id, TG_OP = 'DELETE') FROM touched t;
    RETURN NULL;
END $$;
CREATE FUNCTION tell_dossier_of() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(who.id, 'Dossier', d.id, false)
        FROM dossiers d CROSS JOIN LATERAL (VALUES (d.applicant_id), (d.filer_id)) who (id)
        WHERE d.id IN (SELECT t.dossier_id FROM touched t);
    RETURN NULL;
END $$;

-- A permission asked for is a request until it is settled, and a consent all along.
CREATE FUNCTION tell_consent() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(t.subject_id, 'Consent', t.id, TG_OP = 'DELETE') FROM touched t;
    IF TG_OP = 'UPDATE' THEN
        PERFORM tell_change(t.subject_id, 'AccessRequest', t.id, false)
            FROM touched t JOIN before b ON b.id = t.id WHERE 'REQUESTED' IN (t.status, b.status);
    ELSE
        PERFORM tell_change(t.subject_id, 'AccessRequest', t.id, TG_OP = 'DELETE')
            FROM touched t WHERE t.status = 'REQUESTED';
    END IF;
    RETURN NULL;
END $$;

-- Systems look at their requests every few seconds, and count uses: neither is news to the person.
CREATE FUNCTION tell_request() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM tell_change(t.subject_id, 'AccessRequest', t.id, false)
            FROM touched t JOIN before b ON b.id = t.id WHERE t.status <> b.status;
    ELSE
        PERFORM tell_change(t.subject_id, 'AccessRequest', t.id, TG_OP = 'DELETE') FROM touched t;
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION tell_change(uuid, text, uuid, boolean), tell_own(), tell_document(), tell_document_of(),
    tell_dossier(), tell_dossier_of(), tell_consent(), tell_request() FROM PUBLIC;
"""

TRIGGERS = """
-- Once for each statement, with the rows it touched: a plan of twenty requirements is one telling.
DO $$
DECLARE
    told record;
BEGIN
    FOR told IN SELECT * FROM (VALUES
        ('documents', 'tell_document()'), ('document_versions', 'tell_document_of()'),
        ('dossiers', 'tell_dossier()'),
        ('dossier_parties', 'tell_dossier_of()'), ('dossier_requirements', 'tell_dossier_of()'),
        ('dossier_evidence', 'tell_dossier_of()'), ('dossier_asks', 'tell_dossier_of()'),
        ('dossier_overrides', 'tell_dossier_of()'), ('dossier_events', 'tell_dossier_of()'),
        ('dossier_results', 'tell_dossier_of()'),
        ('consents', 'tell_consent()'), ('access_requests', 'tell_request()'),
        ('shares', 'tell_own(''Share'')'), ('notices', 'tell_own(''Notice'')')) AS v (name, act)
    LOOP
        EXECUTE format('CREATE TRIGGER tell_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION %s', told.name, told.act);
        EXECUTE format('CREATE TRIGGER tell_update AFTER UPDATE ON %I
            REFERENCING OLD TABLE AS before NEW TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION %s', told.name, told.act);
        EXECUTE format('CREATE TRIGGER tell_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION %s', told.name, told.act);
    END LOOP;
END $$;
"""

DEVICES = """
CREATE TABLE devices (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    endpoint_index bytea NOT NULL UNIQUE,
    registered_at timestamptz NOT NULL
);
CREATE INDEX devices_subject_id_idx ON devices (subject_id);
CREATE TABLE notification_preferences (
    subject_id uuid PRIMARY KEY,
    push boolean NOT NULL,
    quiet text[] NOT NULL
);
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['devices', 'notification_preferences'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
        -- The person alone: whoever acts for them has devices of their own.
        EXECUTE format('CREATE POLICY own ON %I TO motlan_app
            USING (app_kind() = ''citizen'' AND subject_id = app_id())
            WITH CHECK (app_kind() = ''citizen'' AND subject_id = app_id())', walled);
    END LOOP;
END $$;
GRANT SELECT, DELETE ON devices TO motlan_app;
GRANT SELECT, INSERT, UPDATE (push, quiet) ON notification_preferences TO motlan_app;
"""

DEVICE_DOORS = """
-- One address wakes one person: who registers it has it in hand. Their first ones make room.
CREATE FUNCTION register_device(id uuid, endpoint_index bytea, now timestamptz, most integer) RETURNS void
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    ended uuid[];
BEGIN
    IF app_kind() IS DISTINCT FROM 'citizen' OR app_id() IS NULL THEN
        RAISE EXCEPTION 'only a person has devices' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- Of two of one person's at once, the second counts what the first left.
    PERFORM FROM subjects s WHERE s.id = app_id() FOR NO KEY UPDATE;
    WITH gone AS (
        DELETE FROM devices d WHERE d.endpoint_index = register_device.endpoint_index OR d.id IN (
            SELECT o.id FROM devices o WHERE o.subject_id = app_id()
            AND o.endpoint_index <> register_device.endpoint_index
            ORDER BY o.registered_at DESC, o.id DESC OFFSET greatest(register_device.most - 1, 0))
        RETURNING d.id)
        SELECT array_agg(gone.id) INTO ended FROM gone;
    DELETE FROM sealed_notes n WHERE n.owner_ref = ANY (ended) AND n.kind = 'device';
    INSERT INTO devices (id, subject_id, endpoint_index, registered_at)
        VALUES (register_device.id, app_id(), register_device.endpoint_index, register_device.now);
END $$;

CREATE FUNCTION devices_to_wake(notice uuid, now timestamptz)
    RETURNS TABLE (device uuid, person uuid, code text, push boolean, quiet text[])
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.id, d.subject_id, n.code, coalesce(p.push, true), coalesce(p.quiet, '{}')
        FROM notices n JOIN devices d ON d.subject_id = n.subject_id OR d.subject_id IN (
            SELECT m.actor_id FROM mandates m WHERE m.subject_id = n.subject_id AND m.revoked_at IS NULL
            AND 'all' = ANY (m.scope) AND m.valid_from <= devices_to_wake.now
            AND (m.valid_until IS NULL OR m.valid_until > devices_to_wake.now))
        LEFT JOIN notification_preferences p ON p.subject_id = d.subject_id
        WHERE app_kind() = 'loop' AND n.id = devices_to_wake.notice ORDER BY d.id
    $$;

CREATE FUNCTION lose_device(device uuid) RETURNS void SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    DELETE FROM sealed_notes n WHERE app_kind() = 'loop' AND n.owner_ref = lose_device.device AND n.kind = 'device';
    DELETE FROM devices d WHERE app_kind() = 'loop' AND d.id = lose_device.device
    $$;
REVOKE ALL ON FUNCTION register_device(uuid, bytea, timestamptz, integer), devices_to_wake(uuid, timestamptz),
    lose_device(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION register_device(uuid, bytea, timestamptz, integer) TO motlan_app;
GRANT EXECUTE ON FUNCTION devices_to_wake(uuid, timestamptz), lose_device(uuid) TO motlan_work;
"""
