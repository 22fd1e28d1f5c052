"""What a recipient kept is asked to be erased when the permission for it ends: on a clock, to an answer."""

from store.migrations import script

revision = "0032_erasures"
down_revision = "0031_intake"


def upgrade() -> None:
    for part in (TABLE, WALLS, TELLING, LIVES):
        script(part)


TABLE = """
CREATE TABLE erasure_requests (
    id uuid PRIMARY KEY,
    consent_id uuid NOT NULL UNIQUE REFERENCES consents,
    subject_id uuid NOT NULL,
    agency_id uuid NOT NULL,
    cause text NOT NULL CHECK (cause IN ('WITHDRAWN', 'DATA_LIFE')),
    asked_at timestamptz NOT NULL,
    reply_by date NOT NULL,
    due_on date NOT NULL,
    replied_at timestamptz,
    third_parties boolean NOT NULL DEFAULT false,
    extended_at timestamptz,
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('ERASED', 'RETAINED')),
    article text,
    ended_by uuid,
    late_reply_at timestamptz,
    overdue_at timestamptz,
    CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CHECK (outcome IS DISTINCT FROM 'RETAINED' OR article IS NOT NULL),
    -- Fifteen days, twenty with third parties, fifteen more once, each moved on to a working day.
    CHECK (due_on <= (asked_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date + 60)
);
CREATE INDEX erasure_requests_subject_id_idx ON erasure_requests (subject_id);
CREATE INDEX erasure_requests_agency_id_idx ON erasure_requests (agency_id, id DESC);
CREATE INDEX erasure_requests_open_idx ON erasure_requests (due_on) WHERE ended_at IS NULL;

-- An answer stands; the one extension is one.
CREATE FUNCTION keep_erasure() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.outcome, NEW.article, NEW.due_on)
        IS DISTINCT FROM (OLD.ended_at, OLD.outcome, OLD.article, OLD.due_on) THEN
        RAISE EXCEPTION 'an erasure answered stays answered' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.extended_at IS NOT NULL AND (NEW.extended_at, NEW.due_on)
        IS DISTINCT FROM (OLD.extended_at, OLD.due_on) THEN
        RAISE EXCEPTION 'an erasure is extended once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION keep_erasure() FROM PUBLIC;
CREATE TRIGGER keep_erasure BEFORE UPDATE ON erasure_requests
    FOR EACH ROW EXECUTE FUNCTION keep_erasure();
"""

WALLS = """
ALTER TABLE erasure_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure_requests FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE format('CREATE POLICY owner ON erasure_requests TO CURRENT_USER USING (true) WITH CHECK (true)');
END $$;
GRANT SELECT, INSERT, UPDATE (replied_at, third_parties, extended_at, due_on, ended_at, outcome, article, ended_by)
    ON erasure_requests TO motlan_app;
CREATE POLICY own ON erasure_requests FOR SELECT TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY ask ON erasure_requests FOR INSERT TO motlan_app
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]) AND ended_at IS NULL AND EXISTS (
        SELECT FROM consents c WHERE c.id = consent_id AND c.subject_id = erasure_requests.subject_id
        AND c.recipient_agency = erasure_requests.agency_id));
CREATE POLICY desk_read ON erasure_requests FOR SELECT TO motlan_app
    USING (agency_id = (SELECT app_agency()));
CREATE POLICY desk_answer ON erasure_requests FOR UPDATE TO motlan_app
    USING (agency_id = (SELECT app_agency())) WITH CHECK (agency_id = (SELECT app_agency()));
GRANT SELECT (id, subject_id, reply_by, due_on, replied_at, ended_at, late_reply_at, overdue_at),
    UPDATE (late_reply_at, overdue_at) ON erasure_requests TO motlan_work;
CREATE POLICY loops ON erasure_requests TO motlan_work USING (ended_at IS NULL) WITH CHECK (ended_at IS NULL);
"""

TELLING = """
CREATE FUNCTION tell_erasure() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(t.subject_id, 'Consent', t.consent_id, false) FROM touched t;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION tell_erasure() FROM PUBLIC;
CREATE TRIGGER tell_insert AFTER INSERT ON erasure_requests REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION tell_erasure();
CREATE TRIGGER tell_update AFTER UPDATE ON erasure_requests REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION tell_erasure();
"""

LIVES = """
-- What systems were granted before: looked at when it ends, as what is granted from now on.
INSERT INTO outbox (id, topic, payload, created_at, due_at, attempts)
    SELECT gen_random_uuid(), 'consent.data_life',
            jsonb_build_object('consent', c.id::text, 'subject', c.subject_id::text), now(), c.valid_until, 0
        FROM consents c JOIN access_requests r ON r.consent_id = c.id
        WHERE c.status = 'GIVEN' AND c.valid_until IS NOT NULL;
"""
