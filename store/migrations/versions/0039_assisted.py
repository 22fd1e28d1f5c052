"""Agreeing at a counter without a phone: one officer types, the person signs, another officer who has the sheet in
hand confirms. Each half is written by whose it is, and no row is both.
"""

from store.migrations import script

revision = "0039_assisted"
down_revision = "0038_proxies"


def upgrade() -> None:
    for part in (SHEETS, WALLS, GIVING):
        script(part)


SHEETS = """
CREATE TABLE assisted_sheets (
    id uuid PRIMARY KEY,
    consent_id uuid NOT NULL REFERENCES consents,
    agency_id uuid NOT NULL,
    typed_by uuid NOT NULL,
    language text NOT NULL CHECK (language IN ('vi', 'en')),
    notice_sha256 text NOT NULL,
    code_index bytea NOT NULL UNIQUE CHECK (length(code_index) = 32),
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at <= made_at + interval '1 day'),
    confirmed_by uuid CHECK (confirmed_by <> typed_by),
    confirmed_at timestamptz,
    signed_sha256 text CHECK (signed_sha256 ~ '^[0-9a-f]{64}$'),
    CHECK (num_nulls(confirmed_by, confirmed_at, signed_sha256) IN (0, 3)),
    CHECK (confirmed_at < expires_at)
);
CREATE INDEX ON assisted_sheets (consent_id);
ALTER TABLE assisted_sheets ENABLE ROW LEVEL SECURITY;
ALTER TABLE assisted_sheets FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE format('CREATE POLICY owner ON assisted_sheets TO CURRENT_USER USING (true) WITH CHECK (true)');
END $$;
GRANT SELECT, INSERT ON assisted_sheets TO motlan_app;
GRANT UPDATE (confirmed_by, confirmed_at, signed_sha256) ON assisted_sheets TO motlan_app;
"""

WALLS = """
CREATE POLICY read ON assisted_sheets FOR SELECT TO motlan_app USING (agency_id = (SELECT app_agency()));
CREATE POLICY type ON assisted_sheets FOR INSERT TO motlan_app
    WITH CHECK (agency_id = (SELECT app_agency()) AND typed_by = app_id() AND confirmed_by IS NULL
        AND EXISTS (SELECT FROM consents c WHERE c.id = assisted_sheets.consent_id AND c.status = 'REQUESTED'
            AND c.recipient_agency = (SELECT app_agency())));
CREATE POLICY confirm ON assisted_sheets FOR UPDATE TO motlan_app
    USING (agency_id = (SELECT app_agency()) AND typed_by <> app_id() AND confirmed_by IS NULL)
    WITH CHECK (agency_id = (SELECT app_agency()) AND confirmed_by = app_id());
"""

GIVING = """
-- The officer who confirms a sheet writes, in that transaction, what the person signed. What the consent is about a
-- trigger keeps.
CREATE POLICY counter ON consents FOR UPDATE TO motlan_app
    USING (status = 'REQUESTED' AND recipient_agency = (SELECT app_agency()))
    WITH CHECK (status IN ('REQUESTED', 'GIVEN') AND recipient_agency = (SELECT app_agency())
        AND EXISTS (SELECT FROM assisted_sheets s WHERE s.consent_id = consents.id
            AND s.confirmed_by = app_id() AND s.xmin = pg_current_xact_id()::xid));
"""
