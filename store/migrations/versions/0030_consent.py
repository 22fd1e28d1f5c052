"""A consent's whole record: limits that are counted, the words agreed to, a flag to pause it, and a history the
database holds to the table of moves.

Uses are counted beside the consent, never in its row: readers hold that row against withdrawal and do not wait for
each other.
"""

from store.migrations import script

revision = "0030_consent"
down_revision = "0029_log"


def upgrade() -> None:
    for part in (RECORD, MOVES, USES, ASKING, SIGHT, OPEN):
        script(part)


RECORD = """
-- Consents given before stay as they were signed: `vn-27560/1`.
ALTER TABLE consents
    ADD COLUMN schema_version text NOT NULL DEFAULT 'vn-27560/1',
    ADD COLUMN terms jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN notice_text text,
    ADD COLUMN supersedes uuid REFERENCES consents,
    ADD COLUMN paused_at timestamptz,
    ADD CONSTRAINT consents_status_check
        CHECK (status IN ('REQUESTED', 'GIVEN', 'REFUSED', 'WITHDRAWN', 'REVOKED', 'INVALIDATED')),
    ADD CONSTRAINT consents_length_check CHECK (valid_until <= given_at + interval '366 days');
ALTER TABLE consents ALTER COLUMN schema_version DROP DEFAULT, ALTER COLUMN terms DROP DEFAULT;
ALTER TABLE consent_events ADD CONSTRAINT consent_events_state_check CHECK (state IN ('Requested', 'Given',
    'Refused', 'Withdrawn', 'Revoked', 'Invalidated', 'Exhausted', 'Used', 'Paused', 'Resumed', 'Renewed'));
"""

MOVES = """
-- A consent once given never changes what it says; the signature over it is not the only guard. How it may go on is
-- the table of vault.permission.state; expired and exhausted are read, never written.
CREATE OR REPLACE FUNCTION keep_consent() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF OLD.given_at IS NOT NULL
        AND (NEW.subject_id, NEW.given_by, NEW.recipient_agency, NEW.purpose, NEW.purpose_ref, NEW.items,
            NEW.notice_sha256, NEW.notice_text, NEW.language, NEW.given_at, NEW.valid_until, NEW.receipt,
            NEW.schema_version, NEW.terms, NEW.supersedes)
        IS DISTINCT FROM (OLD.subject_id, OLD.given_by, OLD.recipient_agency, OLD.purpose, OLD.purpose_ref,
            OLD.items, OLD.notice_sha256, OLD.notice_text, OLD.language, OLD.given_at, OLD.valid_until,
            OLD.receipt, OLD.schema_version, OLD.terms, OLD.supersedes) THEN
        RAISE EXCEPTION 'a given consent cannot be changed' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at THEN
        RAISE EXCEPTION 'a withdrawal cannot be undone' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (('REQUESTED', 'GIVEN'),
        ('REQUESTED', 'REFUSED'), ('GIVEN', 'WITHDRAWN'), ('GIVEN', 'REVOKED'), ('GIVEN', 'INVALIDATED')) THEN
        RAISE EXCEPTION 'a consent does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

USES = """
CREATE TABLE consent_uses (
    consent_id uuid PRIMARY KEY REFERENCES consents,
    uses integer NOT NULL CHECK (uses > 0),
    used_at timestamptz NOT NULL
);
INSERT INTO consent_uses (consent_id, uses, used_at)
    SELECT consent_id, uses, requested_at FROM access_requests WHERE consent_id IS NOT NULL AND uses > 0;
ALTER TABLE consent_uses ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_uses FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE format('CREATE POLICY owner ON consent_uses TO CURRENT_USER USING (true) WITH CHECK (true)');
END $$;
CREATE POLICY read ON consent_uses FOR SELECT TO motlan_app
    USING (EXISTS (SELECT FROM consents c WHERE c.id = consent_uses.consent_id));
GRANT SELECT ON consent_uses TO motlan_app;

-- One use of a consent to the actor's agency, or none: of many at once as many as are left, and none before `every`
-- is over since the last. What the consent allows, the caller has read from its signed record; a system's request is
-- the system's own, and counts too.
DROP FUNCTION spend_access(uuid);
CREATE FUNCTION spend_consent(consent uuid, request uuid, most integer, every interval, now timestamptz)
    RETURNS integer SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    spent integer;
BEGIN
    IF NOT EXISTS (SELECT FROM consents c WHERE c.id = spend_consent.consent AND c.status = 'GIVEN'
        AND c.recipient_agency = app_agency()) THEN
        RETURN NULL;
    END IF;
    IF spend_consent.request IS NOT NULL THEN
        UPDATE access_requests r SET uses = r.uses + 1 WHERE r.id = spend_consent.request
            AND r.consent_id = spend_consent.consent AND r.system_id = app_id() AND app_kind() = 'officer'
            AND r.status = 'GIVEN' AND r.uses < r.max_uses;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO consent_uses AS u (consent_id, uses, used_at)
        VALUES (spend_consent.consent, 1, spend_consent.now)
        ON CONFLICT (consent_id) DO UPDATE SET uses = u.uses + 1, used_at = spend_consent.now
            WHERE (spend_consent.most IS NULL OR u.uses < spend_consent.most)
            AND (spend_consent.every IS NULL OR u.used_at + spend_consent.every <= spend_consent.now)
        RETURNING u.uses INTO spent;
    RETURN spent;
END $$;
"""

ASKING = """
-- What a system asks for besides: NULL is what every consent has.
ALTER TABLE access_requests ADD COLUMN limits jsonb NOT NULL DEFAULT '{}';
DROP FUNCTION ask_access(uuid, bytea, text, text[], text, text, integer, timestamptz, timestamptz);
CREATE FUNCTION ask_access(id uuid, number_index bytea, document_type text, claims text[], purpose text,
    message text, max_uses integer, limits jsonb, now timestamptz, expires_at timestamptz) RETURNS uuid
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    about uuid;
BEGIN
    IF app_kind() IS DISTINCT FROM 'officer' OR NOT EXISTS (SELECT FROM systems s WHERE s.id = app_id()) THEN
        RAISE EXCEPTION 'only a system asks' USING ERRCODE = 'insufficient_privilege';
    END IF;
    about := subject_by_number(ask_access.number_index);
    INSERT INTO access_requests (id, system_id, agency_id, subject_id, document_type, claims, purpose, message,
        max_uses, limits, requested_at, expires_at)
        VALUES (ask_access.id, app_id(), app_agency(), about, ask_access.document_type, ask_access.claims,
            ask_access.purpose, ask_access.message, ask_access.max_uses, ask_access.limits, ask_access.now,
            ask_access.expires_at);
    RETURN about;
END $$;
"""

SIGHT = """
-- Paused is as ended to the agency, until it is resumed.
DROP POLICY desk_read ON documents;
CREATE POLICY desk_read ON documents FOR SELECT TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL AND (issuer_agency = (SELECT app_agency())
        OR EXISTS (SELECT FROM dossier_evidence e LEFT JOIN consents c ON c.id = e.consent_id
            WHERE e.document_id = documents.id AND e.revoked_at IS NULL
            AND (e.legal_basis IN ('LEGAL_DUTY', 'OWN') OR (c.status = 'GIVEN' AND c.withdrawn_at IS NULL
                AND c.paused_at IS NULL
                AND (c.valid_until IS NULL OR c.valid_until > (SELECT app_now())))))));
DROP POLICY desk_read ON document_versions;
CREATE POLICY desk_read ON document_versions FOR SELECT TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL
        AND EXISTS (SELECT FROM dossier_evidence e LEFT JOIN consents c ON c.id = e.consent_id
            WHERE e.version_id = document_versions.id AND e.revoked_at IS NULL
            AND (e.legal_basis IN ('LEGAL_DUTY', 'OWN') OR (c.status = 'GIVEN' AND c.withdrawn_at IS NULL
                AND c.paused_at IS NULL
                AND (c.valid_until IS NULL OR c.valid_until > (SELECT app_now()))))));
DROP FUNCTION consents_for(uuid);
CREATE FUNCTION consents_for(dossier uuid) RETURNS TABLE (id uuid, subject_id uuid, status text, items jsonb,
    requested_at timestamptz, valid_until timestamptz, paused_at timestamptz)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT c.id, c.subject_id, c.status, c.items, c.requested_at, c.valid_until, c.paused_at FROM consents c
        WHERE c.purpose_ref = consents_for.dossier AND reaches_dossier(consents_for.dossier)
        ORDER BY c.id
    $$;
CREATE OR REPLACE FUNCTION granted_version(request uuid, version uuid) RETURNS SETOF document_versions
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT v.* FROM access_requests r JOIN consents c ON c.id = r.consent_id
        JOIN document_versions v ON v.id = granted_version.version AND v.subject_id = r.subject_id
        WHERE r.id = granted_version.request AND app_kind() = 'officer' AND r.system_id = app_id()
        AND r.uses > 0 AND c.status = 'GIVEN' AND c.withdrawn_at IS NULL AND c.paused_at IS NULL
        AND c.items @> jsonb_build_array(jsonb_build_object('version', v.id::text))
    $$;
"""

OPEN = """
DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY['ask_access', 'spend_consent', 'consents_for'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO motlan_app', door);
    END LOOP;
END $$;
"""
