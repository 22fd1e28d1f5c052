"""An issuer's officers write and read the sealed reason for revoking what their agency issued, and no other note
of that person's."""

from store.migrations import script

revision = "0016_revocations"
down_revision = "0015_openings"


def upgrade() -> None:
    script(REASONS)


REASONS = """
-- Written once: a paper is revoked once, and a reason given is not rewritten.
CREATE POLICY issuer_read ON sealed_notes FOR SELECT TO motlan_app
    USING (kind = 'revocation' AND (SELECT app_agency()) IS NOT NULL AND EXISTS (SELECT FROM documents d
        WHERE d.id = sealed_notes.owner_ref AND d.subject_id = sealed_notes.subject_id
        AND d.issuer_agency = (SELECT app_agency())));
CREATE POLICY issuer_write ON sealed_notes FOR INSERT TO motlan_app
    WITH CHECK (kind = 'revocation' AND (SELECT app_agency()) IS NOT NULL AND EXISTS (SELECT FROM documents d
        WHERE d.id = sealed_notes.owner_ref AND d.subject_id = sealed_notes.subject_id
        AND d.issuer_agency = (SELECT app_agency()) AND d.status = 'revoked'));
"""
