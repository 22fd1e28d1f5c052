"""An original shown at the counter: a door of its own, so that whoever records it need not see the sealed version."""

from store.migrations import script

revision = "0011_originals"
down_revision = "0010_recount"


def upgrade() -> None:
    script(ORIGINALS)


ORIGINALS = """
-- Only for a party of a dossier the officer's agency is working on, only the version in force, and only once:
-- who saw it first stays on record. Nothing of the version is handed out.
CREATE FUNCTION see_original(dossier uuid, version uuid, at timestamptz) RETURNS uuid
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE document_versions v SET seen_at = coalesce(v.seen_at, see_original.at),
        seen_by = coalesce(v.seen_by, app_id())
        FROM documents d, dossiers f
        WHERE v.id = see_original.version AND d.id = v.document_id AND v.number = d.current
        AND d.status = 'valid' AND f.id = see_original.dossier AND f.agency_id = app_agency()
        AND f.status IN (1, 2, 4, 5, 6) AND party_key_allowed(f.id, v.subject_id)
        RETURNING v.subject_id
    $$;

DROP POLICY desk_seen ON document_versions;
REVOKE UPDATE (seen_at, seen_by) ON document_versions FROM motlan_app;
REVOKE ALL ON FUNCTION see_original(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION see_original(uuid, uuid, timestamptz) TO motlan_app;
"""
