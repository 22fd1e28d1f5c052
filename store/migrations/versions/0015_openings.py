"""An agency sees its own openings of a dossier's evidence with their places in the log: when, for what, where.

Nothing of the line but that leaves: neither whose data it was nor which claims, which the opening itself showed.
"""

from store.migrations import script

revision = "0015_openings"
down_revision = "0014_newborns"


def upgrade() -> None:
    script(OPENINGS)


OPENINGS = """
CREATE INDEX ledger_openings_idx ON ledger (dossier_id, id) WHERE kind = 'vault.read';

CREATE FUNCTION openings_of(dossiers uuid[], most integer) RETURNS TABLE (dossier uuid, requirement text,
    at timestamptz, log_index bigint) STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT read.dossier_id, read.requirement, read.at, read.log_index FROM (
        SELECT l.id, l.dossier_id, l.entry ->> 'requirement' AS requirement, l.at, l.log_index,
            row_number() OVER (PARTITION BY l.dossier_id ORDER BY l.id DESC) AS place
        FROM ledger l WHERE l.dossier_id = ANY (openings_of.dossiers) AND l.kind = 'vault.read'
        AND l.agency_id = app_agency()) read
        WHERE read.place <= openings_of.most ORDER BY read.dossier_id, read.id DESC
    $$;
REVOKE ALL ON FUNCTION openings_of(uuid[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION openings_of(uuid[], integer) TO motlan_app;
"""
