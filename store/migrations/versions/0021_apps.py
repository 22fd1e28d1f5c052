"""Apps that sign people in: their requests, their sessions beside the browsers', refresh tokens, proofs seen.

Secrets rest as hashes. Nobody reads these tables: each step is a door that takes one hash and spends it in one
statement, so that of two attempts at once only one goes on.
"""

from store.migrations import script

revision = "0021_apps"
down_revision = "0020_naming_tries"


def upgrade() -> None:
    for part in (SESSIONS, TABLES, WALLS, REQUESTS, CODES, REFRESHING, SHOWING, ONE_S_OWN, OPEN, LOOPS):
        script(part)


SESSIONS = """
-- A browser's session is known by its cookie's secret, an app's by the key its tokens are bound to.
ALTER TABLE sessions ALTER COLUMN secret_hash DROP NOT NULL;
ALTER TABLE sessions ADD COLUMN app text;
ALTER TABLE sessions ADD COLUMN key_thumbprint text;
ALTER TABLE sessions ADD CONSTRAINT sessions_key_check CHECK (
    (app IS NULL) = (key_thumbprint IS NULL) AND (app IS NULL) = (secret_hash IS NOT NULL));
ALTER TABLE sessions ADD CONSTRAINT sessions_acr_check CHECK (acr <> '');
"""

TABLES = """
CREATE TABLE app_requests (
    id uuid PRIMARY KEY,
    uri_hash bytea NOT NULL UNIQUE,
    app text NOT NULL,
    redirect_uri text NOT NULL,
    challenge text NOT NULL,
    state text NOT NULL,
    acr text NOT NULL,
    max_age integer NOT NULL,
    key_thumbprint text,
    expires_at timestamptz NOT NULL,
    kept_until timestamptz NOT NULL,
    login_hash bytea UNIQUE,
    code_hash bytea UNIQUE,
    code_expires_at timestamptz,
    subject_id uuid,
    reached text,
    authenticated_at timestamptz,
    redeemed_at timestamptz,
    reused_at timestamptz,
    session_id uuid
);
CREATE INDEX app_requests_kept_until_idx ON app_requests (kept_until);

CREATE TABLE refresh_tokens (
    secret_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

CREATE TABLE seen_proofs (
    mark bytea PRIMARY KEY,
    kept_until timestamptz NOT NULL
);
CREATE INDEX seen_proofs_kept_until_idx ON seen_proofs (kept_until);
"""

WALLS = """
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['app_requests', 'refresh_tokens', 'seen_proofs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
    END LOOP;
END $$;
"""

REQUESTS = """
CREATE FUNCTION push_app_request(id uuid, uri_hash bytea, app text, redirect_uri text, challenge text, state text,
    acr text, max_age integer, key_thumbprint text, expires_at timestamptz, kept_until timestamptz)
    RETURNS void SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO app_requests (id, uri_hash, app, redirect_uri, challenge, state, acr, max_age, key_thumbprint,
        expires_at, kept_until)
        VALUES (push_app_request.id, push_app_request.uri_hash, push_app_request.app,
            push_app_request.redirect_uri, push_app_request.challenge, push_app_request.state,
            push_app_request.acr, push_app_request.max_age, push_app_request.key_thumbprint,
            push_app_request.expires_at, push_app_request.kept_until);
END $$;

CREATE FUNCTION begin_app_request(uri_hash bytea, app text, login_hash bytea, now timestamptz)
    RETURNS SETOF app_requests SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE app_requests r SET login_hash = begin_app_request.login_hash
        WHERE app_kind() IS NOT NULL AND r.uri_hash = begin_app_request.uri_hash
        AND r.app = begin_app_request.app AND r.login_hash IS NULL AND r.expires_at > begin_app_request.now
        RETURNING r.*
    $$;

CREATE FUNCTION app_request_of(login_hash bytea) RETURNS SETOF app_requests STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT r.* FROM app_requests r WHERE app_kind() IS NOT NULL
        AND r.login_hash = app_request_of.login_hash AND r.code_hash IS NULL
    $$;

CREATE FUNCTION answer_app_request(login_hash bytea, code_hash bytea, subject_id uuid, reached text,
    authenticated_at timestamptz, code_expires_at timestamptz)
    RETURNS SETOF app_requests SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE app_requests r SET code_hash = answer_app_request.code_hash,
            subject_id = answer_app_request.subject_id, reached = answer_app_request.reached,
            authenticated_at = answer_app_request.authenticated_at,
            code_expires_at = answer_app_request.code_expires_at
        WHERE app_kind() IS NOT NULL AND r.login_hash = answer_app_request.login_hash AND r.code_hash IS NULL
        RETURNING r.*
    $$;
"""

CODES = """
-- The first look redeems, every later one marks the code as reused; the row says which this was.
CREATE FUNCTION take_app_code(code_hash bytea, now timestamptz) RETURNS SETOF app_requests SECURITY DEFINER
    LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE app_requests r SET redeemed_at = coalesce(r.redeemed_at, take_app_code.now),
            reused_at = CASE WHEN r.redeemed_at IS NOT NULL THEN take_app_code.now END
        WHERE app_kind() IS NOT NULL AND r.code_hash = take_app_code.code_hash
        RETURNING r.*
    $$;

-- False when the code came a second time before its session was there: then there is none.
CREATE FUNCTION open_app_session(request uuid, id uuid, subject uuid, app text, key_thumbprint text, acr text,
    authenticated_at timestamptz, now timestamptz, expires_at timestamptz, refresh_hash bytea)
    RETURNS boolean SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    UPDATE app_requests r SET session_id = open_app_session.id
        WHERE r.id = open_app_session.request AND r.subject_id = open_app_session.subject
        AND r.redeemed_at IS NOT NULL AND r.reused_at IS NULL AND r.session_id IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO sessions (id, kind, holder_id, acr, authenticated_at, created_at, seen_at, expires_at, app,
        key_thumbprint)
        VALUES (open_app_session.id, 'citizen', open_app_session.subject, open_app_session.acr,
            open_app_session.authenticated_at, open_app_session.now, open_app_session.now,
            open_app_session.expires_at, open_app_session.app, open_app_session.key_thumbprint);
    INSERT INTO refresh_tokens (secret_hash, session_id, issued_at)
        VALUES (open_app_session.refresh_hash, open_app_session.id, open_app_session.now);
    RETURN true;
END $$;
"""

REFRESHING = """
-- The live session with its next refresh token; or, when the token was used before, the session as this ends it.
CREATE FUNCTION rotate_refresh(old_hash bytea, new_hash bytea, app text, key_thumbprint text, now timestamptz)
    RETURNS SETOF sessions SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    held refresh_tokens;
    behind sessions;
BEGIN
    PERFORM require_actor();
    -- One at a time: the second of two at once sees the first's use.
    SELECT t.* INTO held FROM refresh_tokens t WHERE t.secret_hash = rotate_refresh.old_hash FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT s.* INTO behind FROM sessions s WHERE s.id = held.session_id
        AND s.app = rotate_refresh.app AND s.key_thumbprint = rotate_refresh.key_thumbprint
        AND s.ended_at IS NULL AND s.expires_at > rotate_refresh.now FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.used_at IS NOT NULL THEN
        UPDATE sessions s SET ended_at = rotate_refresh.now WHERE s.id = behind.id;
        behind.ended_at := rotate_refresh.now;
        RETURN NEXT behind;
        RETURN;
    END IF;
    UPDATE refresh_tokens t SET used_at = rotate_refresh.now WHERE t.secret_hash = rotate_refresh.old_hash;
    UPDATE sessions s SET seen_at = rotate_refresh.now WHERE s.id = behind.id;
    INSERT INTO refresh_tokens (secret_hash, session_id, issued_at)
        VALUES (rotate_refresh.new_hash, behind.id, rotate_refresh.now);
    RETURN NEXT behind;
END $$;

CREATE FUNCTION refresh_session(secret_hash bytea, app text) RETURNS uuid STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT s.id FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE app_kind() IS NOT NULL
        AND t.secret_hash = refresh_session.secret_hash AND s.app = refresh_session.app
    $$;

CREATE FUNCTION end_app_session(id uuid, now timestamptz) RETURNS SETOF sessions SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    UPDATE sessions s SET ended_at = end_app_session.now
        WHERE app_kind() IS NOT NULL AND s.id = end_app_session.id AND s.app IS NOT NULL AND s.ended_at IS NULL
        RETURNING s.*
    $$;
"""

SHOWING = """
-- True the first time, whichever of many at once that is.
CREATE FUNCTION spend_proof(mark bytea, kept_until timestamptz) RETURNS boolean SECURITY DEFINER
    LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO seen_proofs (mark, kept_until) VALUES (spend_proof.mark, spend_proof.kept_until)
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- The live session a token names, for the key the token is bound to. Seen is written as for browsers.
CREATE FUNCTION session_by_token(id uuid, key_thumbprint text, now timestamptz) RETURNS SETOF sessions
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    held sessions;
BEGIN
    PERFORM require_actor();
    SELECT s.* INTO held FROM sessions s WHERE s.id = session_by_token.id
        AND s.key_thumbprint = session_by_token.key_thumbprint
        AND s.ended_at IS NULL AND s.expires_at > session_by_token.now;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.seen_at < session_by_token.now - interval '10 seconds' THEN
        UPDATE sessions s SET seen_at = session_by_token.now WHERE s.id = held.id;
        held.seen_at := session_by_token.now;
    END IF;
    RETURN NEXT held;
END $$;
"""

ONE_S_OWN = """
-- Where the caller is signed in, the latest first. Never a secret's hash, nor a key.
CREATE FUNCTION own_sessions(now timestamptz) RETURNS TABLE (id uuid, app text, acr text,
    created_at timestamptz, seen_at timestamptz, expires_at timestamptz)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT s.id, s.app, s.acr, s.created_at, s.seen_at, s.expires_at FROM sessions s
        WHERE app_kind() IN ('citizen', 'officer') AND s.kind = app_kind() AND s.holder_id = app_id()
        AND s.ended_at IS NULL AND s.expires_at > own_sessions.now
        AND (s.app IS NOT NULL OR s.seen_at > own_sessions.now
            - CASE s.kind WHEN 'officer' THEN interval '15 minutes' ELSE interval '30 minutes' END)
        ORDER BY s.seen_at DESC, s.id DESC LIMIT 50
    $$;

CREATE FUNCTION end_own_session(id uuid, now timestamptz) RETURNS boolean SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE sessions s SET ended_at = end_own_session.now
        WHERE app_kind() IN ('citizen', 'officer') AND s.kind = app_kind() AND s.holder_id = app_id()
        AND s.id = end_own_session.id AND s.ended_at IS NULL;
    RETURN FOUND;
END $$;

-- Everything an account at the provider is signed in with here ends with its session there.
CREATE FUNCTION end_sessions_of_account(issuer text, external_id text, now timestamptz)
    RETURNS TABLE (kind text, holder_id uuid) SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    UPDATE sessions s SET ended_at = end_sessions_of_account.now
        WHERE app_kind() IS NOT NULL AND s.ended_at IS NULL AND (
            (s.kind = 'citizen' AND s.holder_id = account_subject(end_sessions_of_account.issuer,
                end_sessions_of_account.external_id))
            OR (s.kind = 'officer' AND s.holder_id IN (SELECT o.id FROM officers o
                WHERE o.issuer = end_sessions_of_account.issuer
                AND o.external_id = end_sessions_of_account.external_id)))
        RETURNING s.kind, s.holder_id
    $$;
"""

OPEN = """
DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY['push_app_request', 'begin_app_request', 'app_request_of', 'answer_app_request',
        'take_app_code', 'open_app_session', 'rotate_refresh', 'refresh_session', 'end_app_session',
        'spend_proof', 'session_by_token', 'own_sessions', 'end_own_session', 'end_sessions_of_account'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO motlan_app', door);
    END LOOP;
END $$;
"""

LOOPS = """
GRANT SELECT (expires_at, code_hash, kept_until), DELETE ON app_requests TO motlan_work;
GRANT SELECT (kept_until), DELETE ON seen_proofs TO motlan_work;
CREATE POLICY loops ON app_requests TO motlan_work USING (true) WITH CHECK (true);
CREATE POLICY loops ON seen_proofs TO motlan_work USING (true) WITH CHECK (true);
"""
