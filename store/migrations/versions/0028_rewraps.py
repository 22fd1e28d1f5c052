"""A version key wrapped anew changes nothing a phone could show: rotating keys is no news to anybody."""

from store.migrations import script

revision = "0028_rewraps"
down_revision = "0027_passkeys"


def upgrade() -> None:
    script(TELLING)


TELLING = """
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
