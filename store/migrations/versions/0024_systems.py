"""Agencies' systems: they sign in with a key of their own, work the desk as an officer of their agency, and read
what a person granted them, each use counted by one statement.

A share's code is a public handle and a secret from now on: wrong secrets are counted for each handle and caller,
so that nobody locks a code for those it was made for. Codes made before are void; they lived a week at most.
"""

from store.migrations import script

revision = "0024_systems"
down_revision = "0023_upload_legs"


def upgrade() -> None:
    for part in (SYSTEMS, REQUESTS, OPENINGS, WALLS, READING, SHARES, OPEN):
        script(part)


SYSTEMS = """
-- What an agency's system declared it does. NULL: a person.
ALTER TABLE officers ADD COLUMN scope text[];

CREATE TABLE systems (
    id uuid PRIMARY KEY REFERENCES officers,
    client_id text NOT NULL UNIQUE,
    name text NOT NULL,
    keys jsonb NOT NULL
);

-- Who a system is, before it has proven its key: its public keys and nothing secret.
CREATE FUNCTION system_by_client(client_id text) RETURNS TABLE (id uuid, client_id text, keys jsonb,
    agency_id uuid, roles text[], scope text[])
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT s.id, s.client_id, s.keys, o.agency_id, o.roles, o.scope
        FROM systems s JOIN officers o ON o.id = s.id
        WHERE app_kind() IS NOT NULL AND o.active AND s.client_id = system_by_client.client_id
    $$;

-- A system signs in with its key alone: minutes long, bound to the key of its tokens.
CREATE FUNCTION open_system_session(id uuid, system uuid, key_thumbprint text, acr text, now timestamptz,
    expires_at timestamptz) RETURNS void SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO sessions (id, kind, holder_id, acr, authenticated_at, created_at, seen_at, expires_at, app,
        key_thumbprint)
        SELECT open_system_session.id, 'officer', s.id, open_system_session.acr, open_system_session.now,
            open_system_session.now, open_system_session.now, open_system_session.expires_at, s.client_id,
            open_system_session.key_thumbprint
        FROM systems s JOIN officers o ON o.id = s.id AND o.active WHERE s.id = open_system_session.system;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such system' USING ERRCODE = 'foreign_key_violation';
    END IF;
END $$;
"""

REQUESTS = """
CREATE TABLE access_requests (
    id uuid PRIMARY KEY,
    system_id uuid NOT NULL REFERENCES officers,
    agency_id uuid NOT NULL,
    -- NULL when nobody has that number: the asker is never told which.
    subject_id uuid,
    document_type text NOT NULL,
    claims text[] NOT NULL,
    purpose text NOT NULL,
    message text NOT NULL,
    max_uses integer NOT NULL CHECK (max_uses BETWEEN 1 AND 100),
    uses integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
    status text NOT NULL DEFAULT 'REQUESTED' CHECK (status IN ('REQUESTED', 'GIVEN', 'REFUSED')),
    consent_id uuid REFERENCES consents,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    polled_at timestamptz,
    CHECK ((status = 'GIVEN') = (consent_id IS NOT NULL))
);
CREATE INDEX access_requests_subject_id_idx ON access_requests (subject_id, id DESC);
CREATE INDEX access_requests_system_id_idx ON access_requests (system_id, id DESC);
"""

OPENINGS = """
ALTER TABLE shares ADD COLUMN handle text;
UPDATE shares SET handle = id::text;
ALTER TABLE shares ALTER COLUMN handle SET NOT NULL;
CREATE INDEX shares_handle_idx ON shares (handle);
ALTER TABLE shares DROP COLUMN wrong_tries;

-- Who has shown a code: how often with a wrong secret or as somebody it is not for, and since when with the right.
CREATE TABLE share_openings (
    share_id uuid NOT NULL REFERENCES shares ON DELETE CASCADE,
    officer_id uuid NOT NULL,
    wrong_tries integer NOT NULL DEFAULT 0,
    opened_at timestamptz,
    PRIMARY KEY (share_id, officer_id)
);
"""

WALLS = """
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['systems', 'access_requests', 'share_openings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
    END LOOP;
END $$;
CREATE POLICY own ON access_requests TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]))
    WITH CHECK (subject_id = ANY ((SELECT app_subjects())::uuid[]));
CREATE POLICY asked ON access_requests FOR SELECT TO motlan_app
    USING (app_kind() = 'officer' AND system_id = app_id() AND agency_id = (SELECT app_agency()));
-- Who it is about, the door finds: a system may not write a request about a subject it knows the id of.
CREATE FUNCTION ask_access(id uuid, number_index bytea, document_type text, claims text[], purpose text,
    message text, max_uses integer, now timestamptz, expires_at timestamptz) RETURNS uuid
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    about uuid;
BEGIN
    IF app_kind() IS DISTINCT FROM 'officer' OR NOT EXISTS (SELECT FROM systems s WHERE s.id = app_id()) THEN
        RAISE EXCEPTION 'only a system asks' USING ERRCODE = 'insufficient_privilege';
    END IF;
    about := subject_by_number(ask_access.number_index);
    INSERT INTO access_requests (id, system_id, agency_id, subject_id, document_type, claims, purpose, message,
        max_uses, requested_at, expires_at)
        VALUES (ask_access.id, app_id(), app_agency(), about, ask_access.document_type, ask_access.claims,
            ask_access.purpose, ask_access.message, ask_access.max_uses, ask_access.now, ask_access.expires_at);
    RETURN about;
END $$;
GRANT SELECT, UPDATE (status, consent_id) ON access_requests TO motlan_app;
"""

READING = """
-- How a request stands, for the system that made it; looking is noted, so that looking too often is known.
CREATE FUNCTION poll_access(request uuid, now timestamptz) RETURNS TABLE (id uuid, subject_id uuid,
    document_type text, claims text[], purpose text, max_uses integer, uses integer, status text,
    consent_id uuid, consent_status text, valid_until timestamptz, expires_at timestamptz,
    polled_at timestamptz)
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
    before timestamptz;
BEGIN
    SELECT r.polled_at INTO before FROM access_requests r
        WHERE r.id = poll_access.request AND app_kind() = 'officer' AND r.system_id = app_id() FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE access_requests r SET polled_at = poll_access.now WHERE r.id = poll_access.request;
    RETURN QUERY SELECT r.id, r.subject_id, r.document_type, r.claims, r.purpose, r.max_uses, r.uses, r.status,
            r.consent_id, c.status, c.valid_until, r.expires_at, before
        FROM access_requests r LEFT JOIN consents c ON c.id = r.consent_id WHERE r.id = poll_access.request;
END $$;

-- One use, or none: of many at once as many as are left.
CREATE FUNCTION spend_access(id uuid) RETURNS integer SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    UPDATE access_requests r SET uses = r.uses + 1
        WHERE r.id = spend_access.id AND app_kind() = 'officer' AND r.system_id = app_id()
        AND r.status = 'GIVEN' AND r.uses < r.max_uses
        RETURNING r.max_uses - r.uses
    $$;

-- What a request in force names, for the system it was given to, once a use was spent on it.
CREATE FUNCTION granted_version(request uuid, version uuid) RETURNS SETOF document_versions
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT v.* FROM access_requests r JOIN consents c ON c.id = r.consent_id
        JOIN document_versions v ON v.id = granted_version.version AND v.subject_id = r.subject_id
        WHERE r.id = granted_version.request AND app_kind() = 'officer' AND r.system_id = app_id()
        AND r.uses > 0 AND c.status = 'GIVEN' AND c.withdrawn_at IS NULL
        AND c.items @> jsonb_build_array(jsonb_build_object('version', v.id::text))
    $$;
CREATE FUNCTION granted_document(request uuid, version uuid) RETURNS SETOF documents
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.* FROM granted_version(granted_document.request, granted_document.version) v
        JOIN documents d ON d.id = v.document_id
    $$;
"""

SHARES = """
DROP FUNCTION document_by_share(bytea, timestamptz);
DROP FUNCTION version_by_share(bytea, timestamptz);
DROP FUNCTION spend_share(bytea, timestamptz);
DROP FUNCTION miss_share(bytea);
DROP FUNCTION hold_share(bytea);

-- Locked, so that a use, a withdrawal and another use come one after the other. A wrong secret is counted and
-- finds nothing.
CREATE FUNCTION hold_share(handle text, secret_hash bytea) RETURNS SETOF shares
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF app_agency() IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT s.* FROM shares s
        WHERE s.handle = hold_share.handle AND s.secret_hash = hold_share.secret_hash FOR UPDATE;
    IF NOT FOUND THEN
        -- By chance two codes may share a handle: the try was at either.
        PERFORM miss_share(s.id) FROM shares s WHERE s.handle = hold_share.handle;
    END IF;
END $$;

-- Not to be called from outside: who can, could lock others' codes by guessing ids.
CREATE FUNCTION miss_share(share uuid) RETURNS void SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    INSERT INTO share_openings AS o (share_id, officer_id, wrong_tries)
        SELECT miss_share.share, app_id(), 1 WHERE app_agency() IS NOT NULL
        ON CONFLICT (share_id, officer_id) DO UPDATE SET wrong_tries = o.wrong_tries + 1
    $$;

-- The right secret, shown by one it is for and who has not guessed too often: theirs until it ends. `locked` else.
CREATE FUNCTION open_share(share uuid, secret_hash bytea, now timestamptz) RETURNS text
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    held shares;
    tries integer;
BEGIN
    SELECT s.* INTO held FROM shares s WHERE app_agency() IS NOT NULL AND s.id = open_share.share
        AND s.secret_hash = open_share.secret_hash;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF held.audience IS NOT NULL AND held.audience <> app_agency() THEN
        PERFORM miss_share(held.id);
        RETURN 'unknown';
    END IF;
    INSERT INTO share_openings AS o (share_id, officer_id, opened_at)
        VALUES (held.id, app_id(), open_share.now)
        ON CONFLICT (share_id, officer_id) DO UPDATE SET opened_at = coalesce(o.opened_at, excluded.opened_at)
        RETURNING o.wrong_tries INTO tries;
    RETURN CASE WHEN tries < 5 THEN 'open' ELSE 'locked' END;
END $$;

-- A share its reader has opened, by its id: what a grant token names.
CREATE FUNCTION opened_share(share uuid) RETURNS SETOF shares SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT s.* FROM shares s JOIN share_openings o ON o.share_id = s.id
        WHERE app_agency() IS NOT NULL AND s.id = opened_share.share AND o.officer_id = app_id()
        AND o.opened_at IS NOT NULL AND o.wrong_tries < 5 AND (s.audience IS NULL OR s.audience = app_agency())
        FOR UPDATE OF s
    $$;

CREATE FUNCTION spend_share(share uuid, now timestamptz) RETURNS SETOF shares
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE shares s SET uses = s.uses + 1 WHERE s.id IN (SELECT o.id FROM opened_share(spend_share.share) o)
        AND s.revoked_at IS NULL AND s.expires_at > spend_share.now AND s.uses < s.max_uses
        RETURNING s.*
    $$;

CREATE FUNCTION version_by_share(share uuid, now timestamptz) RETURNS SETOF document_versions
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT v.* FROM opened_share(version_by_share.share) s JOIN document_versions v ON v.id = s.version_id
        WHERE s.revoked_at IS NULL AND s.expires_at > version_by_share.now AND s.uses > 0
    $$;

CREATE FUNCTION document_by_share(share uuid, now timestamptz) RETURNS SETOF documents
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.* FROM documents d
        JOIN version_by_share(document_by_share.share, document_by_share.now) v ON v.document_id = d.id
    $$;
"""

OPEN = """
DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY['system_by_client', 'open_system_session', 'ask_access', 'poll_access',
        'spend_access', 'granted_version', 'granted_document', 'hold_share', 'open_share', 'opened_share',
        'spend_share', 'version_by_share', 'document_by_share'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO motlan_app', door);
    END LOOP;
    REVOKE ALL ON FUNCTION miss_share(uuid) FROM PUBLIC;
END $$;
GRANT SELECT (expires_at, consent_id), DELETE ON access_requests TO motlan_work;
-- What nobody granted is forgotten a day after it lapsed.
CREATE POLICY loops ON access_requests TO motlan_work USING (consent_id IS NULL);
"""
