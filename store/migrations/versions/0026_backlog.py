"""How many uploads are open, for the operator's figures: a number, whoever's they are."""

from store.migrations import script

revision = "0026_backlog"
down_revision = "0025_phones"


def upgrade() -> None:
    script(COUNT)


COUNT = """
CREATE FUNCTION count_open_uploads(at timestamptz, most integer) RETURNS bigint
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT count(*) FROM (SELECT FROM uploads u
        WHERE app_kind() = 'loop' AND u.claimed_at IS NULL AND u.expires_at > count_open_uploads.at
        LIMIT count_open_uploads.most) open
    $$;
REVOKE ALL ON FUNCTION count_open_uploads(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_open_uploads(timestamptz, integer) TO motlan_work;
"""
