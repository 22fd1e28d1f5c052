"""Agencies' systems are called when filings of their agency move on, where an operator entered an address for them.

The secret is kept nowhere: a number says which one it is, and whether the one before it counts too.
"""

from store.migrations import script

revision = "0035_webhooks"
down_revision = "0034_proofs"


def upgrade() -> None:
    script(COLUMNS)
    script(DOORS)


COLUMNS = """
ALTER TABLE systems
    ADD COLUMN webhook text CHECK (char_length(webhook) <= 1000),
    ADD COLUMN webhook_secret integer NOT NULL DEFAULT 1 CHECK (webhook_secret > 0),
    ADD COLUMN webhook_earlier boolean NOT NULL DEFAULT false;
"""

DOORS = """
-- Who of an agency is called: systems in force that work its desk. Others may read no filing either.
CREATE FUNCTION webhooks_of(agency uuid) RETURNS SETOF uuid STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT s.id FROM systems s JOIN officers o ON o.id = s.id
        WHERE app_kind() = 'loop' AND o.active AND o.agency_id = webhooks_of.agency
        AND 'desk' = ANY (o.scope) AND s.webhook IS NOT NULL ORDER BY s.id
    $$;

CREATE FUNCTION webhook_of(system uuid) RETURNS TABLE (client_id text, address text, secret integer,
    earlier boolean) STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT s.client_id, s.webhook, s.webhook_secret, s.webhook_earlier
        FROM systems s JOIN officers o ON o.id = s.id
        WHERE app_kind() = 'loop' AND o.active AND s.id = webhook_of.system AND s.webhook IS NOT NULL
    $$;
REVOKE ALL ON FUNCTION webhooks_of(uuid), webhook_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhooks_of(uuid), webhook_of(uuid) TO motlan_work;
"""
