"""The rows of auth: accounts, officers, sign-ins, sessions, mandates."""

from store.migrations import script

revision = "0002_auth"
down_revision = "0001_store"


def upgrade() -> None:
    script(TABLES)


TABLES = """
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    issuer text NOT NULL,
    external_id text NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT accounts_issuer_external_id_key
        UNIQUE (issuer, external_id)
);
CREATE INDEX accounts_subject_id_idx ON accounts (subject_id);

CREATE TABLE login_states (
    state_hash bytea PRIMARY KEY,
    issuer text NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    next_path text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE officers (
    id uuid PRIMARY KEY,
    issuer text NOT NULL,
    external_id text NOT NULL,
    code text NOT NULL UNIQUE,
    agency_id uuid NOT NULL,
    roles text[] NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT officers_issuer_external_id_key
        UNIQUE (issuer, external_id)
);
CREATE INDEX officers_agency_id_idx ON officers (agency_id);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    secret_hash bytea NOT NULL UNIQUE,
    kind text NOT NULL,
    holder_id uuid NOT NULL,
    acr text NOT NULL,
    authenticated_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX sessions_holder_id_idx ON sessions (holder_id);

CREATE TABLE mandates (
    id uuid PRIMARY KEY,
    actor_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    basis text NOT NULL,
    relation text NOT NULL,
    scope text[] NOT NULL,
    evidence text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    revoked_at timestamptz,
    recorded_by uuid REFERENCES officers,
    CONSTRAINT mandates_basis_check CHECK (basis IN ('GUARDIAN', 'PROXY', 'REPRESENTATIVE'))
);
CREATE INDEX mandates_actor_id_idx ON mandates (actor_id);
CREATE INDEX mandates_subject_id_idx ON mandates (subject_id);
"""
