"""Doors the vault's use cases need: approvals as their filer sees them, share codes, a result's predecessor."""

from store.migrations import script

revision = "0008_vault_doors"
down_revision = "0007_doors"


def upgrade() -> None:
    script(CONSENTS)
    script(SHARES)
    script(DOCUMENTS)
    script(OPEN_TO_THE_APPLICATION)


CONSENTS = """
-- What each party was asked and answered: names of papers and claims, no value of any. The filer pins evidence
-- to it.
CREATE FUNCTION consents_for(dossier uuid) RETURNS TABLE (id uuid, subject_id uuid, status text, items jsonb,
    requested_at timestamptz, valid_until timestamptz)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT c.id, c.subject_id, c.status, c.items, c.requested_at, c.valid_until FROM consents c
        WHERE c.purpose_ref = consents_for.dossier AND reaches_dossier(consents_for.dossier)
        ORDER BY c.id
    $$;
"""

SHARES = """
-- The code is the capability, and only an officer redeems one: locked, so that a use, a withdrawal and another
-- use come one after the other.
CREATE FUNCTION hold_share(secret_hash bytea) RETURNS SETOF shares
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT s.* FROM shares s WHERE app_agency() IS NOT NULL AND s.secret_hash = hold_share.secret_hash
        FOR UPDATE
    $$;

-- A code shown to an agency it is not for: the fifth time locks it.
CREATE FUNCTION miss_share(secret_hash bytea) RETURNS void
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE shares s SET wrong_tries = s.wrong_tries + 1 WHERE s.secret_hash = miss_share.secret_hash
        AND s.audience IS NOT NULL AND s.audience IS DISTINCT FROM app_agency()
    $$;

CREATE OR REPLACE FUNCTION spend_share(secret_hash bytea, now timestamptz) RETURNS SETOF shares
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE shares s SET uses = s.uses + 1 WHERE app_agency() IS NOT NULL
        AND s.secret_hash = spend_share.secret_hash
        AND s.revoked_at IS NULL AND s.expires_at > spend_share.now AND s.uses < s.max_uses
        AND s.wrong_tries < 5 AND (s.audience IS NULL OR s.audience = app_agency())
        RETURNING s.*
    $$;

CREATE OR REPLACE FUNCTION version_by_share(secret_hash bytea, now timestamptz) RETURNS SETOF document_versions
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT v.* FROM shares s JOIN document_versions v ON v.id = s.version_id
        WHERE app_agency() IS NOT NULL AND s.secret_hash = version_by_share.secret_hash
        AND s.revoked_at IS NULL AND s.expires_at > version_by_share.now AND s.uses > 0
        AND s.wrong_tries < 5 AND (s.audience IS NULL OR s.audience = app_agency())
    $$;

CREATE FUNCTION document_by_share(secret_hash bytea, now timestamptz) RETURNS SETOF documents
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.* FROM documents d
        JOIN version_by_share(document_by_share.secret_hash, document_by_share.now) v ON v.document_id = d.id
    $$;
"""

DOCUMENTS = """
-- The same bytes of the same paper already held for this subject, known by their keyed hash.
DROP FUNCTION document_with_bytes(uuid, bytea);
CREATE FUNCTION document_with_bytes(subject uuid, type text, sha256_index bytea) RETURNS uuid
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.id FROM document_versions v JOIN documents d ON d.id = v.document_id AND v.number = d.current
        WHERE v.subject_id = document_with_bytes.subject AND v.sha256_index = document_with_bytes.sha256_index
        AND d.type = document_with_bytes.type AND d.status = 'valid'
        AND (d.subject_id = ANY (app_subjects()) OR d.issuer_agency = app_agency())
        ORDER BY d.level, d.id LIMIT 1
    $$;

-- What an agency issued or certified it may name for ever, without seeing again what the paper states.
CREATE FUNCTION issued_documents(ids uuid[]) RETURNS TABLE (document uuid, version uuid, number integer,
    type text, subject uuid, origin text, level integer, status text, claims text[], disputed text[],
    object_key uuid, bound_to uuid, deposited_in uuid, deposited_at timestamptz, issued_on date,
    valid_until date, seen boolean)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT d.id, v.id, v.number, d.type, d.subject_id, d.origin, d.level, d.status, v.claim_names, v.disputed,
            d.object_key, d.bound_to, v.deposited_in, v.deposited_at, d.issued_on, d.valid_until,
            v.seen_at IS NOT NULL
        FROM documents d JOIN document_versions v ON v.document_id = d.id AND v.number = d.current
        WHERE d.id = ANY (issued_documents.ids) AND d.issuer_agency = app_agency()
    $$;

-- A paper takes the place of what it renews or repeats, whichever agency issued that one, and never of one
-- better attested than itself.
CREATE FUNCTION supersede_document(former uuid, successor uuid, at timestamptz) RETURNS boolean
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE documents d SET status = 'superseded', status_at = supersede_document.at,
            status_reason = 'superseded', superseded_by = s.id
        FROM documents s
        WHERE d.id = supersede_document.former AND s.id = supersede_document.successor AND d.id <> s.id
        AND d.subject_id = s.subject_id AND d.type = s.type AND d.status = 'valid' AND s.status = 'valid'
        AND s.level <= d.level
        AND (s.issuer_agency = app_agency() OR s.subject_id = ANY (app_subjects()));
    RETURN FOUND;
END $$;
"""

OPEN_TO_THE_APPLICATION = """
GRANT EXECUTE ON FUNCTION consents_for, hold_share, miss_share, spend_share, version_by_share, document_by_share,
    document_with_bytes, issued_documents, supersede_document TO motlan_app;
"""
