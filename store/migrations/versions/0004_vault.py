"""The rows of vault: subjects, documents, uploads, consents, shares, notes."""

from store.migrations import script

revision = "0004_vault"
down_revision = "0003_procedures"


def upgrade() -> None:
    script(TABLES)


TABLES = """
CREATE TABLE consents (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    given_by uuid,
    recipient_agency uuid NOT NULL,
    purpose text NOT NULL,
    purpose_ref uuid,
    items jsonb NOT NULL,
    notice_sha256 text NOT NULL,
    language text NOT NULL,
    status text NOT NULL,
    requested_at timestamptz NOT NULL,
    given_at timestamptz,
    valid_until timestamptz,
    withdrawn_at timestamptz,
    receipt text,
    version integer NOT NULL
);
CREATE INDEX consents_purpose_ref_idx ON consents (purpose_ref);
CREATE INDEX consents_recipient_agency_idx ON consents (recipient_agency);
CREATE INDEX consents_subject_id_idx ON consents (subject_id);

CREATE TABLE objects (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    facts_index bytea UNIQUE,
    created_at timestamptz NOT NULL
);

CREATE TABLE sealed_notes (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    owner_ref uuid NOT NULL,
    kind text NOT NULL,
    sealed bytea NOT NULL,
    written_at timestamptz NOT NULL,
    CONSTRAINT sealed_notes_owner_ref_kind_key
        UNIQUE (owner_ref, kind)
);
CREATE INDEX sealed_notes_subject_id_idx ON sealed_notes (subject_id);

CREATE TABLE subjects (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    number_index bytea UNIQUE,
    profile bytea NOT NULL,
    created_at timestamptz NOT NULL,
    merged_into uuid
);

CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    secret_hash bytea NOT NULL,
    subject_id uuid,
    created_by uuid NOT NULL,
    agency_id uuid,
    type text NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    dossier_id uuid,
    requirement text,
    blob text,
    sealed_sha256 bytea,
    wrapped_key bytea,
    key_generation integer,
    created_at timestamptz NOT NULL,
    arrived_at timestamptz,
    claimed_at timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX uploads_expires_at_idx ON uploads (expires_at);
CREATE INDEX uploads_subject_id_idx ON uploads (subject_id);

CREATE TABLE consent_events (
    id uuid PRIMARY KEY,
    consent_id uuid NOT NULL REFERENCES consents,
    state text NOT NULL,
    at timestamptz NOT NULL,
    by uuid,
    ledger_id bigint
);
CREATE INDEX consent_events_consent_id_idx ON consent_events (consent_id);

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL REFERENCES subjects,
    type text NOT NULL,
    origin text NOT NULL,
    level integer NOT NULL,
    status text NOT NULL,
    object_key uuid,
    bound_to uuid,
    issuer_agency uuid,
    register text,
    issued_on date,
    valid_until date,
    current integer NOT NULL,
    superseded_by uuid,
    created_at timestamptz NOT NULL,
    status_at timestamptz NOT NULL,
    status_reason text,
    CONSTRAINT documents_origin_check CHECK (origin IN ('self', 'digitised', 'issued', 'register')),
    CONSTRAINT documents_level_check CHECK (level BETWEEN 1 AND 3 AND (origin <> 'self' OR level = 3)),
    CONSTRAINT documents_status_check CHECK (status IN ('valid', 'superseded', 'revoked', 'removed'))
);
CREATE INDEX documents_reuse_idx ON documents (subject_id, type, status);
CREATE INDEX documents_subject_id_idx ON documents (subject_id);

CREATE TABLE document_versions (
    id uuid PRIMARY KEY,
    document_id uuid NOT NULL REFERENCES documents,
    subject_id uuid NOT NULL,
    number integer NOT NULL,
    deposited_at timestamptz NOT NULL,
    deposited_in uuid,
    deposited_by uuid,
    media_type text,
    size_bytes bigint NOT NULL,
    sha256_index bytea,
    sealed_sha256 bytea,
    blob text,
    wrapped_key bytea NOT NULL,
    key_generation integer NOT NULL,
    claims bytea NOT NULL,
    claim_names text[] NOT NULL,
    disputed text[] NOT NULL,
    seen_at timestamptz,
    seen_by uuid,
    CONSTRAINT document_versions_document_id_number_key
        UNIQUE (document_id, number)
);
CREATE INDEX document_versions_document_id_idx ON document_versions (document_id);
CREATE INDEX document_versions_sha256_index_idx ON document_versions (sha256_index);
CREATE INDEX document_versions_subject_id_idx ON document_versions (subject_id);

CREATE TABLE shares (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    document_id uuid NOT NULL REFERENCES documents,
    version_id uuid NOT NULL REFERENCES document_versions,
    claims text[] NOT NULL,
    audience uuid,
    secret_hash bytea NOT NULL UNIQUE,
    uses integer NOT NULL,
    max_uses integer NOT NULL,
    wrong_tries integer NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    receipt text NOT NULL,
    CONSTRAINT shares_uses_check CHECK (uses BETWEEN 0 AND max_uses)
);
CREATE INDEX shares_subject_id_idx ON shares (subject_id);
"""
