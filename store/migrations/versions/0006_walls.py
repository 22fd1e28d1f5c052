"""Row-level security: what each kind of actor can reach, whatever the application asks.

The second wall behind `auth.policy`. Every table about a person, a dossier or an agency is FORCEd: even its
owner passes only by the policy that names it, which is what the narrow functions of 0007 run as.
`motlan_app` serves requests under an actor; `motlan_work` runs the loops and has no grant on the vault.
"""

from store.migrations import script

revision = "0006_walls"
down_revision = "0005_dossiers"


def upgrade() -> None:
    script(ACTOR)
    script(FORCE)
    script(GRANTS)
    for policies in (SUBJECTS, DOCUMENTS, CONSENTS, DOSSIERS, STORE, LOOPS):
        script(policies)


ACTOR = """
-- The actor of this transaction, as set by store.database. Unset means nobody: no policy then holds.
CREATE FUNCTION app_kind() RETURNS text STABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT nullif(current_setting('app.actor_kind', true), '') $$;
CREATE FUNCTION app_id() RETURNS uuid STABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT nullif(current_setting('app.actor_id', true), '')::uuid $$;
CREATE FUNCTION app_agency() RETURNS uuid STABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT CASE WHEN app_kind() = 'officer'
        THEN nullif(current_setting('app.agency', true), '')::uuid END $$;
CREATE FUNCTION app_subjects() RETURNS uuid[] STABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT CASE WHEN app_kind() = 'citizen'
        THEN coalesce(nullif(current_setting('app.subjects', true), ''), '{}')::uuid[] ELSE '{}' END $$;
-- The database's clock, plus the offset a demonstration or a test may run under.
CREATE FUNCTION app_now() RETURNS timestamptz STABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT now() + coalesce(nullif(current_setting('app.clock_offset', true), ''), '0')::interval $$;
"""

FORCE = """
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY[
        'ledger', 'outbox', 'past_requests',
        'accounts', 'officers', 'login_states', 'sessions', 'mandates',
        'subjects', 'documents', 'document_versions', 'uploads', 'consents', 'consent_events', 'shares',
        'sealed_notes', 'objects',
        'dossiers', 'dossier_parties', 'dossier_requirements', 'dossier_evidence', 'dossier_asks',
        'dossier_overrides', 'dossier_events', 'register_probes', 'dossier_results', 'dossier_counters',
        'notices'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
    END LOOP;
END $$;
"""

GRANTS = """
-- Temporary tables would be a place outside the walls.
DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO motlan_app, motlan_work;

GRANT SELECT ON agencies, catalogue_items, log_leaves, log_nodes, checkpoints TO motlan_app, motlan_work;

-- Append-only for the application: no UPDATE, no DELETE. The log itself is written through append_ledger().
GRANT SELECT ON ledger TO motlan_app;
GRANT SELECT, INSERT ON consent_events, dossier_events, dossier_results TO motlan_app;
GRANT INSERT ON outbox TO motlan_app;
GRANT SELECT, INSERT ON past_requests, objects TO motlan_app;

GRANT SELECT ON officers TO motlan_app;
GRANT SELECT, INSERT, UPDATE (revoked_at, valid_until) ON mandates TO motlan_app;

GRANT SELECT, UPDATE (kind, number_index, profile, merged_into) ON subjects TO motlan_app;
-- Where a paper comes from and how far it is trusted is fixed when it enters.
GRANT SELECT, INSERT, UPDATE (status, status_at, status_reason, current, superseded_by, object_key, bound_to,
    issued_on, valid_until) ON documents TO motlan_app;
GRANT SELECT, INSERT, UPDATE (disputed, seen_at, seen_by, blob, wrapped_key, key_generation)
    ON document_versions TO motlan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON uploads, sealed_notes TO motlan_app;
GRANT SELECT, INSERT, UPDATE ON consents TO motlan_app;
GRANT SELECT, INSERT, UPDATE (uses, wrong_tries, revoked_at, receipt) ON shares TO motlan_app;

GRANT SELECT, INSERT, UPDATE ON dossiers, dossier_asks, dossier_overrides, dossier_counters TO motlan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON dossier_parties, dossier_requirements, dossier_evidence,
    register_probes TO motlan_app;
GRANT SELECT, INSERT, UPDATE (read_at) ON notices TO motlan_app;
"""

SUBJECTS = """
CREATE POLICY own ON subjects TO motlan_app
    USING (id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY desk_read ON subjects FOR SELECT TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL AND (
        EXISTS (SELECT FROM dossier_parties p WHERE p.subject_id = subjects.id)
        OR EXISTS (SELECT FROM dossiers d WHERE subjects.id IN (d.applicant_id, d.filer_id))));
-- A newborn gets its number from the agency that registered the birth.
CREATE POLICY desk_number ON subjects FOR UPDATE TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL
        AND EXISTS (SELECT FROM dossier_parties p WHERE p.subject_id = subjects.id));

CREATE POLICY own_agency ON officers FOR SELECT TO motlan_app USING (agency_id = (SELECT app_agency()));

CREATE POLICY concerned ON mandates FOR SELECT TO motlan_app
    USING (actor_id = ANY ((SELECT app_subjects())::uuid[])
        OR subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY revoke ON mandates FOR UPDATE TO motlan_app
    USING (actor_id = ANY ((SELECT app_subjects())::uuid[])
        OR subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY record ON mandates FOR INSERT TO motlan_app
    WITH CHECK ((app_kind() = 'citizen' AND actor_id = app_id()) OR (SELECT app_agency()) IS NOT NULL);

-- An object is known by a keyed hash alone: there is nothing to read in it, and nobody owns a parcel's hash.
CREATE POLICY anybody ON objects TO motlan_app
    USING (app_kind() IN ('citizen', 'officer')) WITH CHECK (app_kind() IN ('citizen', 'officer'));
"""

DOCUMENTS = """
CREATE POLICY own ON documents TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]));
-- Restrictive: nobody but an agency makes a paper that claims to come from one.
CREATE POLICY origin ON documents AS RESTRICTIVE FOR INSERT TO motlan_app
    WITH CHECK (origin IN ('self', 'register') OR issuer_agency = (SELECT app_agency()));
CREATE POLICY desk_read ON documents FOR SELECT TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL AND (issuer_agency = (SELECT app_agency())
        OR EXISTS (SELECT FROM dossier_evidence e LEFT JOIN consents c ON c.id = e.consent_id
            WHERE e.document_id = documents.id AND e.revoked_at IS NULL
            AND (e.legal_basis IN ('LEGAL_DUTY', 'OWN') OR (c.status = 'GIVEN' AND c.withdrawn_at IS NULL
                AND (c.valid_until IS NULL OR c.valid_until > (SELECT app_now())))))));
CREATE POLICY desk_issue ON documents FOR INSERT TO motlan_app
    WITH CHECK ((SELECT app_agency()) IS NOT NULL AND (
        (issuer_agency = (SELECT app_agency()) AND origin IN ('digitised', 'issued'))
        OR (origin = 'register' AND EXISTS (SELECT FROM dossiers d WHERE d.id = documents.bound_to))));
CREATE POLICY desk_status ON documents FOR UPDATE TO motlan_app
    USING (issuer_agency = (SELECT app_agency())) WITH CHECK (issuer_agency = (SELECT app_agency()));

CREATE POLICY own ON document_versions TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]) AND EXISTS (SELECT FROM documents d
        WHERE d.id = document_versions.document_id AND d.subject_id = document_versions.subject_id));
CREATE POLICY desk_read ON document_versions FOR SELECT TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL
        AND EXISTS (SELECT FROM dossier_evidence e LEFT JOIN consents c ON c.id = e.consent_id
            WHERE e.version_id = document_versions.id AND e.revoked_at IS NULL
            AND (e.legal_basis IN ('LEGAL_DUTY', 'OWN') OR (c.status = 'GIVEN' AND c.withdrawn_at IS NULL
                AND (c.valid_until IS NULL OR c.valid_until > (SELECT app_now()))))));
CREATE POLICY desk_seen ON document_versions FOR UPDATE TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL AND EXISTS (SELECT FROM dossier_evidence e
        WHERE e.version_id = document_versions.id AND e.revoked_at IS NULL));
CREATE POLICY desk_issue ON document_versions FOR INSERT TO motlan_app
    WITH CHECK ((SELECT app_agency()) IS NOT NULL AND EXISTS (SELECT FROM documents d
        WHERE d.id = document_versions.document_id AND d.subject_id = document_versions.subject_id
        AND (d.issuer_agency = (SELECT app_agency()) OR d.origin = 'register')));

CREATE POLICY own ON uploads TO motlan_app USING (created_by = app_id()) WITH CHECK (created_by = app_id());

CREATE POLICY own ON shares TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]));

CREATE POLICY own ON sealed_notes TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY desk ON sealed_notes TO motlan_app
    USING ((SELECT app_agency()) IS NOT NULL AND (
        EXISTS (SELECT FROM dossiers d WHERE d.id = sealed_notes.owner_ref)
        OR EXISTS (SELECT FROM dossier_asks a WHERE a.id = sealed_notes.owner_ref)
        OR EXISTS (SELECT FROM dossier_overrides o WHERE o.id = sealed_notes.owner_ref)));
"""

CONSENTS = """
CREATE POLICY own ON consents TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY desk_read ON consents FOR SELECT TO motlan_app
    USING (recipient_agency = (SELECT app_agency()));
-- FOR SHARE needs an UPDATE policy that lets the row be locked; the false check lets nothing be changed.
CREATE POLICY desk_lock ON consents FOR UPDATE TO motlan_app
    USING (recipient_agency = (SELECT app_agency())) WITH CHECK (false);
-- The filer, or the agency, may ask another party of the filing; only that party can give.
CREATE POLICY request ON consents FOR INSERT TO motlan_app
    WITH CHECK (status = 'REQUESTED' AND given_at IS NULL
        AND (app_agency() IS NULL OR recipient_agency = app_agency())
        AND EXISTS (SELECT FROM dossier_parties p
            WHERE p.dossier_id = consents.purpose_ref AND p.subject_id = consents.subject_id));

-- A consent once given never changes what it says; the signature over it is not the only guard.
CREATE FUNCTION keep_consent() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF OLD.given_at IS NOT NULL
        AND (NEW.subject_id, NEW.given_by, NEW.recipient_agency, NEW.purpose, NEW.purpose_ref, NEW.items,
            NEW.notice_sha256, NEW.language, NEW.given_at, NEW.valid_until, NEW.receipt)
        IS DISTINCT FROM (OLD.subject_id, OLD.given_by, OLD.recipient_agency, OLD.purpose, OLD.purpose_ref,
            OLD.items, OLD.notice_sha256, OLD.language, OLD.given_at, OLD.valid_until, OLD.receipt) THEN
        RAISE EXCEPTION 'a given consent cannot be changed' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at IS DISTINCT FROM OLD.withdrawn_at THEN
        RAISE EXCEPTION 'a withdrawal cannot be undone' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_consent BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION keep_consent();

CREATE FUNCTION reaches_consent(consent uuid) RETURNS boolean STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (SELECT FROM consents c WHERE c.id = consent AND (
        c.subject_id = ANY (app_subjects()) OR c.recipient_agency = app_agency()
        OR EXISTS (SELECT FROM dossiers d WHERE d.id = c.purpose_ref
            AND (d.applicant_id = ANY (app_subjects()) OR d.filer_id = ANY (app_subjects())))))
    $$;
GRANT EXECUTE ON FUNCTION reaches_consent(uuid) TO motlan_app;
CREATE POLICY read ON consent_events FOR SELECT TO motlan_app
    USING (EXISTS (SELECT FROM consents c WHERE c.id = consent_events.consent_id));
CREATE POLICY append ON consent_events FOR INSERT TO motlan_app WITH CHECK (reaches_consent(consent_id));
"""

DOSSIERS = """
CREATE POLICY own ON dossiers TO motlan_app
    USING (applicant_id = ANY ((SELECT app_subjects())::uuid[])
        OR filer_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (applicant_id = ANY ((SELECT app_subjects())::uuid[])
        OR filer_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY own_open ON dossiers AS RESTRICTIVE FOR INSERT TO motlan_app
    WITH CHECK (applicant_id = ANY ((SELECT app_subjects())::uuid[])
        AND filer_id = ANY ((SELECT app_subjects())::uuid[]));
-- Drafts (status 0) are nobody's business but the filer's.
CREATE POLICY desk_read ON dossiers FOR SELECT TO motlan_app
    USING (agency_id = (SELECT app_agency()) AND status >= 1);
CREATE POLICY desk_write ON dossiers FOR UPDATE TO motlan_app
    USING (agency_id = (SELECT app_agency()) AND status >= 1)
    WITH CHECK (agency_id = (SELECT app_agency()) AND status >= 1);

-- What belongs to a dossier is seen with it: the inner query passes the dossier's own policies.
DO $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['dossier_parties', 'dossier_requirements', 'dossier_evidence', 'dossier_asks',
        'dossier_overrides', 'dossier_events', 'register_probes', 'dossier_results'] LOOP
        EXECUTE format('CREATE POLICY with_dossier ON %1$I TO motlan_app USING (
            EXISTS (SELECT FROM dossiers d WHERE d.id = %1$I.dossier_id)) WITH CHECK (
            EXISTS (SELECT FROM dossiers d WHERE d.id = %1$I.dossier_id))', part);
    END LOOP;
END $$;

CREATE POLICY count ON dossier_counters TO motlan_app
    USING (app_kind() IN ('citizen', 'officer')) WITH CHECK (app_kind() IN ('citizen', 'officer'));

CREATE POLICY own ON notices TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY tell ON notices FOR INSERT TO motlan_app WITH CHECK (app_kind() IN ('citizen', 'officer'));
"""

STORE = """
CREATE POLICY own ON ledger FOR SELECT TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY put ON outbox FOR INSERT TO motlan_app WITH CHECK (app_kind() IS NOT NULL);
CREATE POLICY own ON past_requests TO motlan_app
    USING (caller = (SELECT app_kind() || ':' || coalesce(app_id()::text, '')))
    WITH CHECK (caller = (SELECT app_kind() || ':' || coalesce(app_id()::text, '')));
"""

LOOPS = """
GRANT SELECT, UPDATE (log_index, subject_count) ON ledger TO motlan_work;
GRANT INSERT ON log_leaves, log_nodes, checkpoints TO motlan_work;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO motlan_work;
GRANT SELECT (at), DELETE ON past_requests TO motlan_work;
GRANT SELECT (expires_at), DELETE ON sessions, login_states TO motlan_work;
GRANT SELECT ON register_probes TO motlan_work;
GRANT SELECT (id, procedure_id, applicant_id, filer_id, agency_id, officer_id, status, version, submitted_at,
    due_on) ON dossiers TO motlan_work;
GRANT INSERT ON notices TO motlan_work;

DO $$
DECLARE
    fed text;
BEGIN
    FOREACH fed IN ARRAY ARRAY['ledger', 'outbox', 'past_requests', 'sessions', 'login_states',
        'register_probes', 'dossiers', 'notices'] LOOP
        EXECUTE format('CREATE POLICY loops ON %I TO motlan_work USING (true) WITH CHECK (true)', fed);
    END LOOP;
END $$;
"""
