"""Narrow doors through row-level security, each a SECURITY DEFINER function owned by the owner of the tables.

A door answers one question, takes its answer's owner from the actor of the transaction where it can, and
never hands out the sealed contents of somebody else. All of them refuse a transaction without an actor.
"""

from store.migrations import script

revision = "0007_doors"
down_revision = "0006_walls"


def upgrade() -> None:
    for doors in (LEDGER, SUBJECTS, SIGNING_IN, HOLDINGS, SHARES):
        script(doors)
    script(OPEN_TO_THE_APPLICATION)


LEDGER = """
CREATE FUNCTION require_actor() RETURNS void
    STABLE LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF app_kind() IS NULL THEN
        RAISE EXCEPTION 'no actor' USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;

-- The actor of a line is the actor of the transaction: a line cannot be written in another's name.
CREATE FUNCTION append_ledger(actor_kind text, actor_id uuid, at timestamptz, kind text, subject_id uuid,
    dossier_id uuid, consent_id uuid, outcome text, entry jsonb, salt bytea) RETURNS bigint
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    line bigint;
BEGIN
    PERFORM require_actor();
    IF append_ledger.actor_kind IS DISTINCT FROM app_kind()
        OR append_ledger.actor_id IS DISTINCT FROM app_id() THEN
        RAISE EXCEPTION 'a line in another name' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO ledger (at, kind, subject_id, actor_kind, actor_id, agency_id, dossier_id, consent_id,
        outcome, entry, salt)
        VALUES (append_ledger.at, append_ledger.kind, append_ledger.subject_id, app_kind(), app_id(),
            app_agency(), append_ledger.dossier_id, append_ledger.consent_id, append_ledger.outcome,
            append_ledger.entry, append_ledger.salt)
        RETURNING id INTO line;
    RETURN line;
END $$;
"""

SUBJECTS = """
CREATE FUNCTION subject_by_number(number_index bytea) RETURNS uuid STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT coalesce(s.merged_into, s.id) FROM subjects s
        WHERE app_kind() IS NOT NULL AND s.number_index = subject_by_number.number_index
    $$;

-- Inserts, or returns who is already known under the number. A newborn without a number belongs, for the rest
-- of the transaction, to the citizen who registers the birth: the mandate written next says so for good.
CREATE FUNCTION enrol_subject(id uuid, kind text, number_index bytea, profile bytea, at timestamptz)
    RETURNS uuid SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO subjects (id, kind, number_index, profile, created_at)
        VALUES (enrol_subject.id, enrol_subject.kind, enrol_subject.number_index, enrol_subject.profile,
            enrol_subject.at)
        ON CONFLICT ON CONSTRAINT subjects_number_index_key DO NOTHING;
    IF NOT FOUND THEN
        RETURN subject_by_number(enrol_subject.number_index);
    END IF;
    IF enrol_subject.number_index IS NULL AND app_kind() = 'citizen' THEN
        PERFORM set_config('app.subjects', (app_subjects() || enrol_subject.id)::text, true);
    END IF;
    RETURN enrol_subject.id;
END $$;

CREATE FUNCTION mandates_of(actor uuid, now timestamptz) RETURNS SETOF mandates
    STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT m.* FROM mandates m
        WHERE app_kind() IS NOT NULL AND m.actor_id = mandates_of.actor AND m.revoked_at IS NULL
        AND m.valid_from <= mandates_of.now AND (m.valid_until IS NULL OR m.valid_until > mandates_of.now)
    $$;
"""

SIGNING_IN = """
CREATE FUNCTION account_subject(issuer text, external_id text) RETURNS uuid
    STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT coalesce(s.merged_into, a.subject_id) FROM accounts a LEFT JOIN subjects s ON s.id = a.subject_id
        WHERE app_kind() IS NOT NULL
        AND a.issuer = account_subject.issuer AND a.external_id = account_subject.external_id
    $$;

-- An account stays with the subject it first proved to be.
CREATE FUNCTION bind_account(id uuid, issuer text, external_id text, subject_id uuid, at timestamptz)
    RETURNS void SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO accounts (id, issuer, external_id, subject_id, created_at)
        VALUES (bind_account.id, bind_account.issuer, bind_account.external_id, bind_account.subject_id,
            bind_account.at)
        ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION officer_account(issuer text, external_id text) RETURNS SETOF officers STABLE SECURITY DEFINER
    LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT o.* FROM officers o WHERE app_kind() IS NOT NULL AND o.active
        AND o.issuer = officer_account.issuer AND o.external_id = officer_account.external_id
    $$;

CREATE FUNCTION officer_by_id(id uuid) RETURNS SETOF officers STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT o.* FROM officers o WHERE app_kind() IS NOT NULL AND o.id = officer_by_id.id
    $$;

CREATE FUNCTION begin_login(state_hash bytea, issuer text, nonce text, verifier text, next_path text,
    expires_at timestamptz) RETURNS void
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO login_states (state_hash, issuer, nonce, verifier, next_path, expires_at)
        VALUES (begin_login.state_hash, begin_login.issuer, begin_login.nonce, begin_login.verifier,
            begin_login.next_path, begin_login.expires_at);
END $$;

-- One statement, so that of two callbacks with one state only one goes on.
CREATE FUNCTION take_login(state_hash bytea, now timestamptz) RETURNS SETOF login_states SECURITY DEFINER
    LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE login_states l SET used_at = take_login.now
        WHERE app_kind() IS NOT NULL AND l.state_hash = take_login.state_hash
        AND l.used_at IS NULL AND l.expires_at > take_login.now
        RETURNING l.*
    $$;

CREATE FUNCTION open_session(id uuid, secret_hash bytea, kind text, holder_id uuid, acr text,
    authenticated_at timestamptz, created_at timestamptz, seen_at timestamptz, expires_at timestamptz)
    RETURNS void SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM require_actor();
    INSERT INTO sessions
        (id, secret_hash, kind, holder_id, acr, authenticated_at, created_at, seen_at, expires_at)
        VALUES (open_session.id, open_session.secret_hash, open_session.kind, open_session.holder_id,
            open_session.acr, open_session.authenticated_at, open_session.created_at, open_session.seen_at,
            open_session.expires_at);
END $$;

-- Idle 15 minutes for officers, 30 for citizens; 12 hours in all. Seen is written at most every ten seconds,
-- so that a busy page does not queue on its own session.
CREATE FUNCTION session_by_secret(secret_hash bytea, now timestamptz) RETURNS SETOF sessions SECURITY DEFINER
    LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    held sessions;
BEGIN
    PERFORM require_actor();
    SELECT s.* INTO held FROM sessions s WHERE s.secret_hash = session_by_secret.secret_hash
        AND s.ended_at IS NULL AND s.expires_at > session_by_secret.now
        AND s.created_at > session_by_secret.now - interval '12 hours'
        AND s.seen_at > session_by_secret.now
            - CASE s.kind WHEN 'officer' THEN interval '15 minutes' ELSE interval '30 minutes' END;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF held.seen_at < session_by_secret.now - interval '10 seconds' THEN
        UPDATE sessions s SET seen_at = session_by_secret.now WHERE s.id = held.id;
        held.seen_at := session_by_secret.now;
    END IF;
    RETURN NEXT held;
END $$;

CREATE FUNCTION end_session(id uuid) RETURNS void SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    UPDATE sessions s SET ended_at = app_now()
        WHERE app_kind() IS NOT NULL AND s.id = end_session.id AND s.ended_at IS NULL
    $$;
"""

HOLDINGS = """
-- The dossier is the caller's: filed by or for them, or submitted to their agency.
CREATE FUNCTION reaches_dossier(dossier uuid) RETURNS boolean STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (SELECT FROM dossiers d WHERE d.id = reaches_dossier.dossier AND (
        d.applicant_id = ANY (app_subjects()) OR d.filer_id = ANY (app_subjects())
        OR (d.agency_id = app_agency() AND d.status >= 1)))
    $$;

CREATE FUNCTION party_key_allowed(dossier uuid, subject uuid) RETURNS boolean
    STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT reaches_dossier(party_key_allowed.dossier) AND (
        EXISTS (SELECT FROM dossier_parties p
            WHERE p.dossier_id = party_key_allowed.dossier AND p.subject_id = party_key_allowed.subject)
        OR EXISTS (SELECT FROM dossiers d WHERE d.id = party_key_allowed.dossier
            AND party_key_allowed.subject IN (d.applicant_id, d.filer_id)))
    $$;

-- What planning may know of held papers: kinds and dates, never a sealed byte. Consent gates disclosure.
CREATE FUNCTION holdings_of(subjects uuid[], dossier uuid) RETURNS TABLE (document uuid, version uuid,
    number integer, type text, subject uuid, origin text, level integer, status text, claims text[],
    disputed text[], object_key uuid, bound_to uuid, deposited_in uuid, deposited_at timestamptz,
    issued_on date, valid_until date, seen boolean, register text, issuer_agency uuid, created_at timestamptz,
    status_at timestamptz, status_reason text)
    STABLE SECURITY DEFINER ROWS 40 LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    allowed uuid[];
BEGIN
    SELECT array_agg(asked) INTO allowed FROM unnest(holdings_of.subjects) asked
        WHERE asked = ANY (app_subjects()) OR party_key_allowed(holdings_of.dossier, asked);
    RETURN QUERY SELECT d.id, v.id, v.number, d.type, d.subject_id, d.origin, d.level, d.status,
            v.claim_names, v.disputed, d.object_key, d.bound_to, v.deposited_in, v.deposited_at,
            d.issued_on, d.valid_until,
            v.seen_at IS NOT NULL, d.register, d.issuer_agency, d.created_at, d.status_at, d.status_reason
        FROM documents d JOIN document_versions v ON v.document_id = d.id AND v.number = d.current
        WHERE d.subject_id = ANY (allowed) AND d.status <> 'removed'
        ORDER BY v.deposited_at, v.id;
END $$;

-- Who has a number registers know them by: whether, never which.
CREATE FUNCTION numbered_subjects(subjects uuid[], dossier uuid) RETURNS SETOF uuid STABLE SECURITY DEFINER
    LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT s.id FROM subjects s WHERE s.id = ANY (numbered_subjects.subjects) AND s.number_index IS NOT NULL
        AND (s.id = ANY (app_subjects()) OR party_key_allowed(numbered_subjects.dossier, s.id))
    $$;

-- The same bytes already held for this subject, known by their keyed hash.
CREATE FUNCTION document_with_bytes(subject uuid, sha256_index bytea) RETURNS uuid STABLE SECURITY DEFINER
    LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.id FROM document_versions v JOIN documents d ON d.id = v.document_id AND v.number = d.current
        WHERE v.subject_id = document_with_bytes.subject AND v.sha256_index = document_with_bytes.sha256_index
        AND d.status = 'valid' AND (d.subject_id = ANY (app_subjects()) OR d.issuer_agency = app_agency())
        ORDER BY v.deposited_at LIMIT 1
    $$;

CREATE FUNCTION upload_by_secret(id uuid, secret_hash bytea) RETURNS SETOF uploads STABLE SECURITY DEFINER
    LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT u.* FROM uploads u WHERE app_kind() IS NOT NULL AND u.id = upload_by_secret.id
        AND u.secret_hash = upload_by_secret.secret_hash
    $$;
"""

SHARES = """
CREATE FUNCTION share_by_secret(secret_hash bytea) RETURNS SETOF shares STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT s.* FROM shares s WHERE app_kind() IS NOT NULL AND s.secret_hash = share_by_secret.secret_hash
    $$;

-- Spends one use, or returns nothing: of two readers of a last use, one gets it.
CREATE FUNCTION spend_share(secret_hash bytea, now timestamptz) RETURNS SETOF shares
    SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    UPDATE shares s SET uses = s.uses + 1 WHERE app_kind() IS NOT NULL
        AND s.secret_hash = spend_share.secret_hash
        AND s.revoked_at IS NULL AND s.expires_at > spend_share.now AND s.uses < s.max_uses
        AND (s.audience IS NULL OR s.audience = app_agency())
        RETURNING s.*
    $$;

-- The sealed version a live share names, for an officer of its audience. Its claims bound what is opened.
CREATE FUNCTION version_by_share(secret_hash bytea, now timestamptz) RETURNS SETOF document_versions STABLE
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT v.* FROM shares s JOIN document_versions v ON v.id = s.version_id
        WHERE app_agency() IS NOT NULL AND s.secret_hash = version_by_share.secret_hash
        AND s.revoked_at IS NULL AND s.expires_at > version_by_share.now
        AND (s.audience IS NULL OR s.audience = app_agency())
    $$;

-- What the public page may say of a paper: whether it stands, never whose it is.
CREATE FUNCTION document_public_status(document uuid) RETURNS TABLE (type text, status text, level integer,
    issued_on date, valid_until date, issuer_agency uuid, superseded_by uuid)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.type, d.status, d.level, d.issued_on, d.valid_until, d.issuer_agency, d.superseded_by
        FROM documents d WHERE app_kind() IS NOT NULL AND d.id = document_public_status.document
    $$;
"""

OPEN_TO_THE_APPLICATION = """
GRANT EXECUTE ON FUNCTION append_ledger, subject_by_number, enrol_subject, mandates_of, account_subject,
    bind_account, officer_account, officer_by_id, begin_login, take_login, open_session, session_by_secret,
    end_session, reaches_dossier, party_key_allowed, holdings_of, numbered_subjects, document_with_bytes,
    upload_by_secret, share_by_secret, spend_share, version_by_share, document_public_status TO motlan_app;
"""
