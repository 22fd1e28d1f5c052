"""A provisional newborn ends with the filing that made it: ordered gone where the filing was refused or withdrawn,
in its guardian's charge until majority where the birth was registered.

Two databases never commit together: the order stands here first, its message in the outbox; the key is destroyed
next, and the destruction written down last. An order without `destroyed_at` is one still to be carried out.
"""

from store.migrations import script

revision = "0014_newborns"
down_revision = "0013_form_answers"


def upgrade() -> None:
    for part in (TABLE, ORDER, DESTRUCTION, MAJORITY, OPEN):
        script(part)


TABLE = """
CREATE TABLE shreddings (
    subject_id uuid PRIMARY KEY REFERENCES subjects (id),
    dossier_id uuid NOT NULL,
    ordered_at timestamptz NOT NULL,
    destroyed_at timestamptz
);
ALTER TABLE shreddings ENABLE ROW LEVEL SECURITY;
ALTER TABLE shreddings FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON shreddings TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
"""

ORDER = """
-- Only of a dossier in the caller's reach that was refused or withdrawn, only children no register knows, and none
-- that another filing, open or decided, still names. From the order on nobody acts for them; their papers lose
-- their keys and files at once, everything else sealed for them with the key of the person.
CREATE FUNCTION shred_newborns(dossier uuid, at timestamptz) RETURNS SETOF uuid
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    WITH ordered AS (
        INSERT INTO shreddings (subject_id, dossier_id, ordered_at)
            SELECT DISTINCT s.id, f.id, shred_newborns.at
            FROM dossiers f JOIN dossier_parties p ON p.dossier_id = f.id JOIN subjects s ON s.id = p.subject_id
            WHERE f.id = shred_newborns.dossier AND f.status IN (3, 7) AND reaches_dossier(f.id)
            AND s.kind = 'newborn' AND s.number_index IS NULL
            AND NOT EXISTS (SELECT FROM dossier_parties o JOIN dossiers d ON d.id = o.dossier_id
                WHERE o.subject_id = s.id AND d.id <> f.id AND d.status NOT IN (3, 7, 8))
            ON CONFLICT DO NOTHING RETURNING subject_id),
    ended AS (UPDATE mandates m SET revoked_at = shred_newborns.at FROM ordered
        WHERE m.subject_id = ordered.subject_id AND m.revoked_at IS NULL),
    removed AS (UPDATE documents d SET status = 'removed', status_at = shred_newborns.at,
        status_reason = 'shredded' FROM ordered WHERE d.subject_id = ordered.subject_id AND d.status <> 'removed'),
    emptied AS (UPDATE document_versions v SET wrapped_key = '', blob = NULL FROM ordered
        WHERE v.subject_id = ordered.subject_id)
    SELECT subject_id FROM ordered
    $$;
"""

DESTRUCTION = """
-- The dossier an order came from, the first time; the row stays locked until the destruction is written down.
CREATE FUNCTION finish_shredding(subject uuid, at timestamptz) RETURNS uuid
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE shreddings s SET destroyed_at = finish_shredding.at
        WHERE app_kind() = 'loop' AND s.subject_id = finish_shredding.subject AND s.destroyed_at IS NULL
        RETURNING s.dossier_id
    $$;
"""

MAJORITY = """
-- The agency that registered the birth says when the child comes of age; a mandate already ended stays as it is.
CREATE FUNCTION end_guardianship(child uuid, dossier uuid, at timestamptz) RETURNS void
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE mandates m SET valid_until = end_guardianship.at
        WHERE app_agency() IS NOT NULL AND party_key_allowed(end_guardianship.dossier, end_guardianship.child)
        AND m.subject_id = end_guardianship.child AND m.basis = 'GUARDIAN' AND m.evidence LIKE 'dossier:%'
        AND m.valid_until IS NULL AND m.revoked_at IS NULL
    $$;
"""

OPEN = """
REVOKE ALL ON FUNCTION shred_newborns(uuid, timestamptz), finish_shredding(uuid, timestamptz),
    end_guardianship(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shred_newborns(uuid, timestamptz), end_guardianship(uuid, uuid, timestamptz)
    TO motlan_app;
GRANT EXECUTE ON FUNCTION finish_shredding(uuid, timestamptz) TO motlan_work;
-- The loops write down in their own name what they carried out.
GRANT EXECUTE ON FUNCTION append_ledger TO motlan_work;
"""
