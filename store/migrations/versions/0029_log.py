"""The log towards the world: who asked by which request, one chain per person, heads witnesses have signed, a tree of
everybody's counters, and when log and witnesses were last heard of.
"""

from store.migrations import script

revision = "0029_log"
down_revision = "0028_keys"


def upgrade() -> None:
    for part in (LINES, HEADS, COUNTERS, PULSE, WALLS):
        script(part)


LINES = """
-- `form` is how the leaf of a line was made: 1 without `query_id` and `previous`, 2 with them.
ALTER TABLE ledger ADD COLUMN query_id uuid, ADD COLUMN previous bytea, ADD COLUMN form smallint;
UPDATE ledger SET form = 1 WHERE log_index IS NOT NULL;
GRANT UPDATE (previous, form) ON ledger TO motlan_work;

-- Whoever cannot write the line soon does not act: a log that is locked must not hold up its callers for long.
CREATE OR REPLACE FUNCTION append_ledger(actor_kind text, actor_id uuid, at timestamptz, kind text, subject_id uuid,
    dossier_id uuid, consent_id uuid, outcome text, entry jsonb, salt bytea) RETURNS bigint
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public SET lock_timeout = '2s' AS $$
DECLARE
    line bigint;
BEGIN
    -- Not "insufficient privilege": that is what a log closed to us says.
    IF app_kind() IS NULL THEN
        RAISE EXCEPTION 'no actor' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    IF append_ledger.actor_kind IS DISTINCT FROM app_kind()
        OR append_ledger.actor_id IS DISTINCT FROM app_id() THEN
        RAISE EXCEPTION 'a line in another name' USING ERRCODE = 'invalid_authorization_specification';
    END IF;
    INSERT INTO ledger (at, kind, subject_id, actor_kind, actor_id, agency_id, dossier_id, consent_id,
        outcome, entry, salt, query_id)
        VALUES (append_ledger.at, append_ledger.kind, append_ledger.subject_id, app_kind(), app_id(),
            app_agency(), append_ledger.dossier_id, append_ledger.consent_id, append_ledger.outcome,
            append_ledger.entry, append_ledger.salt, nullif(current_setting('app.query', true), '')::uuid)
        RETURNING id INTO line;
    RETURN line;
END $$;
"""

HEADS = """
-- Where witnesses are asked, a head is shown to the world once they were.
ALTER TABLE checkpoints ADD COLUMN published boolean NOT NULL DEFAULT true;
GRANT UPDATE (published) ON checkpoints TO motlan_work;
CREATE INDEX checkpoints_published_idx ON checkpoints (size) WHERE published;

CREATE TABLE cosignatures (
    size bigint NOT NULL REFERENCES checkpoints (size),
    witness text NOT NULL,
    line text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (size, witness)
);
"""

COUNTERS = """
-- The last line of each person's: its number and its leaf's hash; and which of them a head in the log has covered.
CREATE TABLE subject_heads (
    subject_id uuid PRIMARY KEY,
    count bigint NOT NULL,
    head bytea NOT NULL,
    covered_count bigint NOT NULL DEFAULT 0,
    CONSTRAINT subject_heads_head_check CHECK (octet_length(head) = 32)
);
CREATE INDEX subject_heads_uncovered_idx ON subject_heads (subject_id) WHERE covered_count < count;
INSERT INTO subject_heads (subject_id, count, head)
    SELECT DISTINCT ON (l.subject_id) l.subject_id, l.subject_count, f.hash
        FROM ledger l JOIN log_leaves f ON f.log_index = l.log_index WHERE l.subject_id IS NOT NULL
        ORDER BY l.subject_id, l.subject_count DESC;

CREATE TABLE head_roots (
    log_index bigint PRIMARY KEY,
    root bytea NOT NULL,
    subjects bigint NOT NULL,
    at timestamptz NOT NULL
);
-- The tree over them, as the newest line `log.heads` commits to it. A key is a hash of the person's id.
CREATE TABLE head_leaves (
    key bytea PRIMARY KEY,
    hash bytea NOT NULL
);
CREATE TABLE head_nodes (
    depth smallint NOT NULL,
    prefix integer NOT NULL,
    subjects bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (depth, prefix)
);
"""

PULSE = """
-- When the sealing loop and each witness were last heard of, by the database's clock.
CREATE TABLE log_pulse (
    source text PRIMARY KEY,
    at timestamptz NOT NULL
);
"""

WALLS = """
DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['cosignatures', 'subject_heads', 'head_roots', 'head_leaves', 'head_nodes',
        'log_pulse']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', walled);
        EXECUTE format('CREATE POLICY loops ON %I TO motlan_work USING (true) WITH CHECK (true)', walled);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO motlan_work', walled);
        EXECUTE format('GRANT SELECT ON %I TO motlan_app', walled);
    END LOOP;
    FOREACH walled IN ARRAY ARRAY['cosignatures', 'head_roots', 'head_leaves', 'head_nodes', 'log_pulse'] LOOP
        EXECUTE format('CREATE POLICY anybody ON %I FOR SELECT TO motlan_app USING (app_kind() IS NOT NULL)', walled);
    END LOOP;
END $$;
CREATE POLICY own ON subject_heads FOR SELECT TO motlan_app
    USING (subject_id = ANY ((SELECT app_subjects())::uuid[]));
GRANT DELETE ON log_pulse TO motlan_work;
"""
