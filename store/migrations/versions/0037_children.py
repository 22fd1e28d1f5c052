"""A child of seven and more agrees besides whoever represents it: a consent's history keeps the first word too, and
nobody who asks changes what is asked for under it.
"""

from store.migrations import script

revision = "0037_children"
down_revision = "0036_proofs_taken_back"


def upgrade() -> None:
    for part in (EVENTS, CONTENT, AROUND):
        script(part)


EVENTS = """
ALTER TABLE consent_events DROP CONSTRAINT consent_events_state_check;
ALTER TABLE consent_events ADD CONSTRAINT consent_events_state_check CHECK (state IN ('Requested', 'Agreed', 'Given',
    'Refused', 'Withdrawn', 'Revoked', 'Invalidated', 'Exhausted', 'Used', 'Paused', 'Resumed', 'Renewed'));
"""

CONTENT = """
-- What a request asks for never changes, from the first word to the last use.
CREATE FUNCTION keep_request() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF (NEW.id, NEW.subject_id, NEW.recipient_agency, NEW.purpose, NEW.purpose_ref, NEW.items, NEW.requested_at)
        IS DISTINCT FROM (OLD.id, OLD.subject_id, OLD.recipient_agency, OLD.purpose, OLD.purpose_ref, OLD.items,
            OLD.requested_at) THEN
        RAISE EXCEPTION 'what a consent is about cannot be changed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_request BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION keep_request();
"""

AROUND = """
-- For whom somebody acts at a moment, and who acts for them as a guardian.
CREATE FUNCTION mandates_around(person uuid, now timestamptz) RETURNS SETOF mandates
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT m.* FROM mandates m
        WHERE app_kind() IS NOT NULL AND m.revoked_at IS NULL
        AND (m.actor_id = mandates_around.person
            OR (m.subject_id = mandates_around.person AND m.basis = 'GUARDIAN'))
        AND m.valid_from <= mandates_around.now
        AND (m.valid_until IS NULL OR m.valid_until > mandates_around.now)
    $$;
REVOKE ALL ON FUNCTION mandates_around(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mandates_around(uuid, timestamptz) TO motlan_app;
DROP FUNCTION mandates_of(uuid, timestamptz);
"""
