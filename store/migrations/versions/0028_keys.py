"""Keys that change and keys that go: rotation is no news to anybody's phone, and an operator can order a person's
destruction under an article of the law.
"""

from store.migrations import script

revision = "0028_keys"
down_revision = "0027_passkeys"


def upgrade() -> None:
    for part in (TELLING, ORDERS, PERSON):
        script(part)


TELLING = """
-- A version key wrapped anew changes nothing a phone could show.
CREATE OR REPLACE FUNCTION tell_document_of() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM tell_change(d.subject_id, 'Document', d.id, d.status = 'removed')
            FROM documents d WHERE d.id IN (SELECT t.document_id FROM touched t JOIN before b ON b.id = t.id
                WHERE t.key_generation = b.key_generation);
    ELSE
        PERFORM tell_change(d.subject_id, 'Document', d.id, d.status = 'removed')
            FROM documents d WHERE d.id IN (SELECT t.document_id FROM touched t);
    END IF;
    RETURN NULL;
END $$;
"""

ORDERS = """
-- Without a dossier: ordered by the operator, under the article it rests on.
ALTER TABLE shreddings ALTER COLUMN dossier_id DROP NOT NULL;
ALTER TABLE shreddings ADD COLUMN article text;
ALTER TABLE shreddings ADD CONSTRAINT shreddings_reason_check CHECK (num_nonnulls(dossier_id, article) > 0);

DROP FUNCTION finish_shredding(uuid, timestamptz);
-- What an order came from, the first time; the row stays locked until the destruction is written down.
CREATE FUNCTION finish_shredding(subject uuid, at timestamptz) RETURNS TABLE (dossier uuid, article text)
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE shreddings s SET destroyed_at = finish_shredding.at
        WHERE app_kind() = 'loop' AND s.subject_id = finish_shredding.subject AND s.destroyed_at IS NULL
        RETURNING s.dossier_id, s.article
    $$;
REVOKE ALL ON FUNCTION finish_shredding(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION finish_shredding(uuid, timestamptz) TO motlan_work;
"""

PERSON = """
-- Filed, not yet decided and handed over: somebody works with what would be gone.
CREATE FUNCTION filings_under_way(subject uuid) RETURNS bigint STABLE LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT count(*) FROM dossiers d WHERE d.status IN (1, 2, 4, 5, 6, 9)
        AND (filings_under_way.subject IN (d.applicant_id, d.filer_id) OR EXISTS (
            SELECT FROM dossier_parties p WHERE p.dossier_id = d.id AND p.subject_id = filings_under_way.subject))
    $$;

-- From the order on nobody signs in as them or acts for them, and no plan uses their papers; these lose their keys
-- and files at once, everything else sealed for them goes. The log stays whole. Whether it is a new order.
CREATE FUNCTION order_shredding(subject uuid, article text, at timestamptz) RETURNS boolean LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
DECLARE
    who CONSTANT uuid := order_shredding.subject;
    ordered CONSTANT timestamptz := order_shredding.at;
BEGIN
    INSERT INTO shreddings (subject_id, article, ordered_at) VALUES (who, order_shredding.article, ordered)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE mandates SET revoked_at = ordered WHERE who IN (actor_id, subject_id) AND revoked_at IS NULL;
    UPDATE sessions SET ended_at = ordered WHERE kind = 'citizen' AND holder_id = who AND ended_at IS NULL;
    DELETE FROM app_requests WHERE subject_id = who;
    DELETE FROM key_ceremonies WHERE kind = 'citizen' AND holder_id = who;
    DELETE FROM passkeys WHERE kind = 'citizen' AND holder_id = who;
    DELETE FROM devices WHERE subject_id = who;
    DELETE FROM notification_preferences WHERE subject_id = who;
    DELETE FROM accounts WHERE subject_id = who;
    UPDATE shares SET revoked_at = ordered WHERE subject_id = who AND revoked_at IS NULL;
    UPDATE documents SET status = 'removed', status_at = ordered, status_reason = 'shredded'
        WHERE subject_id = who AND status <> 'removed';
    UPDATE document_versions SET wrapped_key = '', blob = NULL WHERE subject_id = who;
    DELETE FROM uploads WHERE subject_id = who;
    DELETE FROM sealed_notes WHERE subject_id = who;
    UPDATE subjects SET number_index = NULL, profile = '' WHERE id = who;
    RETURN true;
END $$;
-- The owner's alone: an operator's command.
REVOKE ALL ON FUNCTION filings_under_way(uuid), order_shredding(uuid, text, timestamptz) FROM PUBLIC;
"""
