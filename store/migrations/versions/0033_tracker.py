"""By which code an officer goes who acted on somebody's data: told to that person, and to nobody else."""

from store.migrations import script

revision = "0033_tracker"
down_revision = "0032_erasures"


def upgrade() -> None:
    script(CODES)


CODES = """
CREATE FUNCTION officer_codes(officers uuid[]) RETURNS TABLE (id uuid, code text)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT o.id, o.code FROM officers o WHERE o.id = ANY (officer_codes.officers) AND EXISTS (
        SELECT FROM ledger l WHERE l.actor_kind = 'officer' AND l.actor_id = o.id
            AND l.subject_id = ANY (app_subjects()))
    $$;
REVOKE ALL ON FUNCTION officer_codes(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION officer_codes(uuid[]) TO motlan_app;
"""
