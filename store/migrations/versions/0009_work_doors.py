"""What the loops need besides the outbox: which dossiers rely on a paper, and what the sweep may remove.

Ids and names of sealed files, nothing of anybody: the loops act on a dossier only in its filer's name.
"""

from store.migrations import script

revision = "0009_work_doors"
down_revision = "0008_vault_doors"


def upgrade() -> None:
    script(RELIANCE)
    script(SWEEP)


RELIANCE = """
GRANT SELECT (dossier_id, document_id, revoked_at) ON dossier_evidence TO motlan_work;
CREATE POLICY loops ON dossier_evidence FOR SELECT TO motlan_work USING (true);
"""

SWEEP = """
CREATE FUNCTION drop_expired_uploads(at timestamptz) RETURNS bigint
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    WITH gone AS (DELETE FROM uploads u WHERE app_kind() = 'loop' AND u.expires_at <= drop_expired_uploads.at
        RETURNING 1)
    SELECT count(*) FROM gone
    $$;

CREATE FUNCTION known_blobs() RETURNS SETOF text
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT v.blob FROM document_versions v WHERE app_kind() = 'loop' AND v.blob IS NOT NULL
    UNION SELECT u.blob FROM uploads u WHERE app_kind() = 'loop' AND u.blob IS NOT NULL
    $$;

REVOKE ALL ON FUNCTION drop_expired_uploads(timestamptz), known_blobs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_expired_uploads(timestamptz), known_blobs() TO motlan_work;
"""
