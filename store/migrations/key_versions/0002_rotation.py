"""Rotation: which root keys wrap no more, and how far a round of new subject keys has come."""

from store.migrations import script

revision = "0002_rotation"
down_revision = "0001_subject_keys"


def upgrade() -> None:
    for part in (TABLES, RETIREMENT):
        script(part)


TABLES = """
ALTER TABLE subject_keys ADD COLUMN settled_at timestamptz;
CREATE INDEX subject_keys_root_key_idx ON subject_keys (root_key) WHERE wrapped IS NOT NULL;

CREATE TABLE root_keys (
    id text PRIMARY KEY,
    unused_since timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE TABLE key_rounds (
    begun_at timestamptz PRIMARY KEY,
    finished_at timestamptz
);
-- A server may know which root keys are retired; only the owner says so, and only the owner's commands rotate.
GRANT SELECT ON root_keys TO motlan_keys;
"""

RETIREMENT = """
-- Nothing is ever wrapped under a retired root key again: a server that read its ring a moment ago would lose that
-- person's papers with its next start. Retiring locks the table first, so this look is never too early.
CREATE FUNCTION refuse_retired_root() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (SELECT FROM root_keys r WHERE r.id = NEW.root_key AND r.retired_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a retired root key wraps nothing' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_retired_root BEFORE INSERT OR UPDATE OF root_key ON subject_keys
    FOR EACH ROW WHEN (NEW.wrapped IS NOT NULL) EXECUTE FUNCTION refuse_retired_root();
"""
