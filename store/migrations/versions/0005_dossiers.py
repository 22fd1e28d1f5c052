"""The rows of dossiers: filings, their parties, requirements, evidence, asks and history."""

from store.migrations import script

revision = "0005_dossiers"
down_revision = "0004_vault"


def upgrade() -> None:
    script(TABLES)


TABLES = """
CREATE TABLE dossier_counters (
    agency_id uuid NOT NULL,
    day date NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (agency_id, day)
);

CREATE TABLE dossiers (
    id uuid PRIMARY KEY,
    code text UNIQUE,
    procedure_id text NOT NULL,
    applicant_id uuid NOT NULL,
    filer_id uuid NOT NULL,
    filer_relation text NOT NULL,
    agency_id uuid NOT NULL,
    channel text NOT NULL,
    status integer NOT NULL,
    version integer NOT NULL,
    law_version text NOT NULL,
    filing_day date NOT NULL,
    answers jsonb NOT NULL,
    objects jsonb NOT NULL,
    declared_absent text[] NOT NULL,
    open_situations text[] NOT NULL,
    optimal boolean NOT NULL,
    officer_id uuid,
    opened_at timestamptz NOT NULL,
    submitted_at timestamptz,
    received_at timestamptz,
    due_on date,
    resume_status integer,
    flagged_at timestamptz,
    CONSTRAINT dossiers_status_check CHECK (status BETWEEN 0 AND 10),
    CONSTRAINT dossiers_submitted_check CHECK ((status = 0) = (submitted_at IS NULL))
);
CREATE INDEX dossiers_applicant_page_idx ON dossiers (applicant_id, id);
CREATE INDEX dossiers_desk_page_idx ON dossiers (agency_id, status, id);

CREATE TABLE notices (
    id uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    dossier_id uuid,
    code text NOT NULL,
    params jsonb NOT NULL,
    at timestamptz NOT NULL,
    read_at timestamptz
);
CREATE INDEX notices_subject_id_idx ON notices (subject_id);

CREATE TABLE dossier_asks (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    requirement text NOT NULL,
    field_key text,
    kind text NOT NULL,
    fit text,
    subject_id uuid,
    object_key uuid,
    asked_at timestamptz NOT NULL,
    asked_by uuid,
    probes jsonb NOT NULL,
    declined boolean NOT NULL,
    override_id uuid,
    legal_reason text,
    unfit_version uuid,
    answered_by uuid,
    answered_at timestamptz,
    retracted_at timestamptz
);
CREATE INDEX dossier_asks_dossier_id_idx ON dossier_asks (dossier_id);

CREATE TABLE dossier_events (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    from_status integer,
    to_status integer,
    actor_kind text NOT NULL,
    actor_id uuid,
    requirement text,
    detail jsonb NOT NULL
);
CREATE INDEX dossier_events_dossier_id_idx ON dossier_events (dossier_id);

CREATE TABLE dossier_evidence (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    requirement text NOT NULL,
    subject_id uuid NOT NULL,
    document_id uuid,
    version_id uuid,
    register text,
    document_type text NOT NULL,
    claims text[] NOT NULL,
    whole boolean NOT NULL,
    rule text,
    legal_basis text NOT NULL,
    article text,
    consent_id uuid,
    digest bytea,
    pinned_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT dossier_evidence_legal_basis_check CHECK (legal_basis IN ('CONSENT', 'LEGAL_DUTY', 'OWN')),
    CONSTRAINT dossier_evidence_consent_check
        CHECK (pinned_at IS NULL OR legal_basis <> 'CONSENT' OR consent_id IS NOT NULL)
);
CREATE INDEX dossier_evidence_document_id_idx ON dossier_evidence (document_id);
CREATE INDEX dossier_evidence_dossier_id_idx ON dossier_evidence (dossier_id);
CREATE INDEX dossier_evidence_version_idx ON dossier_evidence (version_id);

CREATE TABLE dossier_overrides (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    requirement text NOT NULL,
    officer_id uuid NOT NULL,
    legal_reason text NOT NULL,
    article text NOT NULL,
    at timestamptz NOT NULL,
    objected_at timestamptz
);
CREATE INDEX dossier_overrides_dossier_id_idx ON dossier_overrides (dossier_id);

CREATE TABLE dossier_parties (
    dossier_id uuid NOT NULL REFERENCES dossiers,
    role text NOT NULL,
    subject_id uuid NOT NULL,
    PRIMARY KEY (dossier_id, role, subject_id)
);
CREATE INDEX dossier_parties_subject_id_idx ON dossier_parties (subject_id);

CREATE TABLE dossier_requirements (
    dossier_id uuid NOT NULL REFERENCES dossiers,
    requirement text NOT NULL,
    "position" integer NOT NULL,
    outcome text NOT NULL,
    satisfied boolean NOT NULL,
    reason text NOT NULL,
    reason_params jsonb NOT NULL,
    warnings jsonb NOT NULL,
    declined boolean NOT NULL,
    override_id uuid,
    excluded uuid[] NOT NULL,
    PRIMARY KEY (dossier_id, requirement)
);

CREATE TABLE dossier_results (
    dossier_id uuid NOT NULL REFERENCES dossiers,
    document_id uuid NOT NULL,
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (dossier_id, document_id)
);

CREATE TABLE register_probes (
    id uuid PRIMARY KEY,
    dossier_id uuid NOT NULL REFERENCES dossiers,
    database text NOT NULL,
    document_type text NOT NULL,
    subject_id uuid NOT NULL,
    probe text NOT NULL,
    document_id uuid,
    at timestamptz NOT NULL,
    first_down_at timestamptz,
    retry_at timestamptz,
    CONSTRAINT register_probes_dossier_id_database_document_type_subje_2d9a
        UNIQUE (dossier_id, database, document_type, subject_id)
);
CREATE INDEX register_probes_dossier_id_idx ON register_probes (dossier_id);
CREATE INDEX register_probes_retry_at_idx ON register_probes (retry_at);
"""
