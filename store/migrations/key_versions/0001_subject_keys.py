"""The keys database: wrapped keys and the tombstones of destroyed ones."""

from store.migrations import script

revision = "0001_subject_keys"
down_revision = None


def upgrade() -> None:
    script(TABLES)


TABLES = """
CREATE TABLE subject_keys (
    subject_id uuid,
    generation integer,
    wrapped bytea,
    root_key text NOT NULL,
    created_at timestamptz NOT NULL,
    destroyed_at timestamptz,
    PRIMARY KEY (subject_id, generation),
    CONSTRAINT subject_keys_destroyed_check CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

-- No DELETE: the tombstone of a destroyed key is what stops a second key for the same subject.
GRANT SELECT, INSERT, UPDATE ON subject_keys TO motlan_keys;
"""
