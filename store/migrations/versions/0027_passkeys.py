"""Keys people hold: passkeys of citizens, security keys of officers, and the ceremonies in which they are shown.

Only public halves rest here. Nobody reads these tables: each step is a door, and a ceremony is spent by looking.
"""

from store.migrations import script

revision = "0027_passkeys"
down_revision = "0026_backlog"


def upgrade() -> None:
    for part in (TABLES, WALLS, CEREMONIES, KEYS, ENROLMENTS, RAISING, OPEN, LOOPS):
        script(part)


TABLES = """
CREATE TABLE passkeys (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    holder_id uuid NOT NULL,
    credential_id bytea NOT NULL UNIQUE,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    model uuid NOT NULL,
    synced boolean NOT NULL,
    name text NOT NULL,
    added_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT passkeys_kind_check CHECK (kind IN ('citizen', 'officer')),
    -- An officer's key is in one place: the one in their hand.
    CONSTRAINT passkeys_bound_check CHECK (kind = 'citizen' OR NOT synced)
);
CREATE INDEX passkeys_holder_id_idx ON passkeys (holder_id);

CREATE TABLE key_enrolments (
    id uuid PRIMARY KEY,
    officer_id uuid NOT NULL REFERENCES officers,
    code_hash bytea NOT NULL UNIQUE,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX key_enrolments_officer_id_idx ON key_enrolments (officer_id);

CREATE TABLE key_ceremonies (
    secret_hash bytea PRIMARY KEY,
    purpose text NOT NULL,
    kind text NOT NULL,
    holder_id uuid NOT NULL,
    session_id uuid REFERENCES sessions ON DELETE CASCADE,
    enrolment_id uuid REFERENCES key_enrolments ON DELETE CASCADE,
    acr text NOT NULL,
    authenticated_at timestamptz NOT NULL,
    challenge bytea NOT NULL,
    next_path text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT key_ceremonies_purpose_check CHECK (purpose IN ('add', 'raise', 'enter', 'enrol'))
);
CREATE INDEX key_ceremonies_expires_at_idx ON key_ceremonies (expires_at);
"""

WALLS = """
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['passkeys', 'key_enrolments', 'key_ceremonies'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
    END LOOP;
END $$;
"""

CEREMONIES = """
CREATE FUNCTION begin_key_ceremony(secret_hash bytea, purpose text, kind text, holder uuid, session uuid,
    enrolment uuid, acr text, authenticated_at timestamptz, challenge bytea, next_path text, expires_at timestamptz)
    RETURNS void SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO key_ceremonies (secret_hash, purpose, kind, holder_id, session_id, enrolment_id, acr,
        authenticated_at, challenge, next_path, expires_at)
        VALUES (begin_key_ceremony.secret_hash, begin_key_ceremony.purpose, begin_key_ceremony.kind,
            begin_key_ceremony.holder, begin_key_ceremony.session, begin_key_ceremony.enrolment,
            begin_key_ceremony.acr, begin_key_ceremony.authenticated_at, begin_key_ceremony.challenge,
            begin_key_ceremony.next_path, begin_key_ceremony.expires_at);
END $$;

-- One statement, so that of two answers to one challenge only one is judged.
CREATE FUNCTION take_key_ceremony(secret_hash bytea, now timestamptz) RETURNS SETOF key_ceremonies
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE key_ceremonies c SET used_at = take_key_ceremony.now
        WHERE app_kind() IS NOT NULL AND c.secret_hash = take_key_ceremony.secret_hash
        AND c.used_at IS NULL AND c.expires_at > take_key_ceremony.now
        RETURNING c.*
    $$;
"""

KEYS = """
CREATE FUNCTION passkeys_of(kind text, holder uuid) RETURNS SETOF passkeys STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT k.* FROM passkeys k WHERE app_kind() IS NOT NULL
        AND k.kind = passkeys_of.kind AND k.holder_id = passkeys_of.holder ORDER BY k.added_at, k.id
    $$;

-- Its holder adds it, signed in; or an officer who is not yet, by an enrolment this transaction has spent.
-- False when the key is known already, or its holder has as many as they may.
CREATE FUNCTION add_passkey(id uuid, kind text, holder uuid, credential_id bytea, public_key bytea,
    sign_count bigint, model uuid, synced boolean, name text, now timestamptz, enrolment uuid, most integer)
    RETURNS boolean SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    IF NOT (app_kind() = add_passkey.kind AND app_id() = add_passkey.holder)
        AND NOT (add_passkey.kind = 'officer' AND EXISTS (SELECT FROM key_enrolments e
            WHERE e.id = add_passkey.enrolment AND e.officer_id = add_passkey.holder
            AND e.used_at = add_passkey.now)) THEN
        RAISE EXCEPTION 'a key is added by who holds it' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('passkeys ' || add_passkey.holder, 0));
    IF (SELECT count(*) FROM passkeys k WHERE k.holder_id = add_passkey.holder) >= add_passkey.most THEN
        RETURN false;
    END IF;
    INSERT INTO passkeys (id, kind, holder_id, credential_id, public_key, sign_count, model, synced, name, added_at)
        VALUES (add_passkey.id, add_passkey.kind, add_passkey.holder, add_passkey.credential_id,
            add_passkey.public_key, add_passkey.sign_count, add_passkey.model, add_passkey.synced,
            add_passkey.name, add_passkey.now)
        ON CONFLICT ON CONSTRAINT passkeys_credential_id_key DO NOTHING;
    RETURN FOUND;
END $$;

-- A count that does not go up is a second key with the same secret; keys that do not count say 0 for ever.
CREATE FUNCTION use_passkey(id uuid, sign_count bigint, now timestamptz) RETURNS boolean
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    UPDATE passkeys k SET sign_count = use_passkey.sign_count, used_at = use_passkey.now
        WHERE k.id = use_passkey.id
        AND (k.sign_count < use_passkey.sign_count OR (k.sign_count = 0 AND use_passkey.sign_count = 0));
    RETURN FOUND;
END $$;

CREATE FUNCTION remove_own_passkey(id uuid) RETURNS boolean SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM passkeys k WHERE app_kind() IN ('citizen', 'officer') AND k.kind = app_kind()
        AND k.holder_id = app_id() AND k.id = remove_own_passkey.id;
    RETURN FOUND;
END $$;
"""

ENROLMENTS = """
CREATE FUNCTION key_enrolment(code_hash bytea, officer uuid, now timestamptz) RETURNS uuid
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT e.id FROM key_enrolments e WHERE app_kind() IS NOT NULL AND e.code_hash = key_enrolment.code_hash
        AND e.officer_id = key_enrolment.officer AND e.used_at IS NULL AND e.expires_at > key_enrolment.now
    $$;

CREATE FUNCTION spend_key_enrolment(id uuid, now timestamptz) RETURNS boolean SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    UPDATE key_enrolments e SET used_at = spend_key_enrolment.now WHERE e.id = spend_key_enrolment.id
        AND e.used_at IS NULL AND e.expires_at > spend_key_enrolment.now;
    RETURN FOUND;
END $$;
"""

RAISING = """
-- A browser's session, by its holder. Its old secret is worth nothing from now on: whoever had seen it, or had
-- planted it, is not raised along.
CREATE FUNCTION raise_session(id uuid, secret_hash bytea, acr text, now timestamptz) RETURNS boolean
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE sessions s SET secret_hash = raise_session.secret_hash, acr = raise_session.acr,
            authenticated_at = raise_session.now, seen_at = raise_session.now
        WHERE app_kind() = 'citizen' AND s.kind = 'citizen' AND s.holder_id = app_id()
        AND s.id = raise_session.id AND s.app IS NULL AND s.ended_at IS NULL;
    RETURN FOUND;
END $$;
"""

OPEN = """
DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY['begin_key_ceremony', 'take_key_ceremony', 'passkeys_of', 'add_passkey',
        'use_passkey', 'remove_own_passkey', 'key_enrolment', 'spend_key_enrolment', 'raise_session'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %I FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO motlan_app', door);
    END LOOP;
END $$;
"""

LOOPS = """
GRANT SELECT (expires_at), DELETE ON key_ceremonies, key_enrolments TO motlan_work;
CREATE POLICY loops ON key_ceremonies TO motlan_work USING (true) WITH CHECK (true);
CREATE POLICY loops ON key_enrolments TO motlan_work USING (true) WITH CHECK (true);
"""
