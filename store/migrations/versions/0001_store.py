"""The rows of store: the access log and its tree, the outbox, past requests."""

from store.migrations import script

revision = "0001_store"
down_revision = None


def upgrade() -> None:
    script(TABLES)


TABLES = """
CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT checkpoints_root_check CHECK (octet_length(root) = 32)
);

CREATE TABLE ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    subject_id uuid,
    actor_kind text NOT NULL,
    actor_id uuid,
    agency_id uuid,
    dossier_id uuid,
    consent_id uuid,
    outcome text NOT NULL,
    entry jsonb NOT NULL,
    salt bytea NOT NULL,
    log_index bigint UNIQUE,
    subject_count bigint,
    CONSTRAINT ledger_salt_check CHECK (octet_length(salt) = 32)
);
CREATE INDEX ledger_subject_page_idx ON ledger (subject_id, id);
CREATE INDEX ledger_unsealed_idx ON ledger (id) WHERE log_index IS NULL;

CREATE TABLE log_leaves (
    log_index bigint PRIMARY KEY,
    ledger_id bigint NOT NULL UNIQUE,
    leaf bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT log_leaves_hash_check CHECK (octet_length(hash) = 32)
);

CREATE TABLE log_nodes (
    level integer NOT NULL,
    "position" bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, position),
    CONSTRAINT log_nodes_hash_check CHECK (octet_length(hash) = 32)
);

CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    topic text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    leased_until timestamptz,
    done_at timestamptz
);
CREATE INDEX outbox_due_at_idx ON outbox (due_at);

CREATE TABLE past_requests (
    caller text NOT NULL,
    operation text NOT NULL,
    key uuid NOT NULL,
    request_hash bytea NOT NULL,
    made uuid,
    ledger_id bigint,
    at timestamptz NOT NULL,
    PRIMARY KEY (caller, operation, key)
);
CREATE INDEX past_requests_at_idx ON past_requests (at);
"""
