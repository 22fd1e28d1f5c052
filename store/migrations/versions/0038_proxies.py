"""A person authorises another, who accepts: until when and how far is written down, and only doors change it."""

from store.migrations import script

revision = "0038_proxies"
down_revision = "0037_children"


def upgrade() -> None:
    for part in (TABLE, WALL, DOORS, FILINGS, TRIES):
        script(part)


TABLE = """
CREATE TABLE proxies (
    id uuid PRIMARY KEY,
    grantor_id uuid NOT NULL,
    to_index bytea NOT NULL,
    actor_id uuid,
    scope text[] NOT NULL,
    proof_id uuid,
    granted_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    accepted_at timestamptz,
    used_at timestamptz,
    ended_at timestamptz,
    ended_by uuid,
    CONSTRAINT proxies_scope_check CHECK (cardinality(scope) > 0 AND scope <@ '{FILE,READ,CONSENT}'),
    -- Twelve months is what a standing consent may last too (standards.md, section 2).
    CONSTRAINT proxies_until_check CHECK (valid_until > granted_at
        AND valid_until <= granted_at + interval '12 months'),
    CONSTRAINT proxies_accepted_check CHECK ((actor_id IS NULL) = (accepted_at IS NULL)),
    CONSTRAINT proxies_used_check CHECK (used_at IS NULL OR accepted_at IS NOT NULL),
    CONSTRAINT proxies_actor_check CHECK (actor_id <> grantor_id)
);
CREATE INDEX proxies_grantor_id_idx ON proxies (grantor_id);
CREATE INDEX proxies_actor_id_idx ON proxies (actor_id);
CREATE INDEX proxies_to_index_idx ON proxies (to_index);
"""

WALL = """
CREATE FUNCTION app_number() RETURNS bytea STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT s.number_index FROM subjects s
        WHERE app_kind() = 'citizen' AND s.id = app_id()
    $$;
REVOKE ALL ON FUNCTION app_number() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app_number() TO motlan_app;

ALTER TABLE proxies ENABLE ROW LEVEL SECURITY;
ALTER TABLE proxies FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE 'CREATE POLICY owner ON proxies TO CURRENT_USER USING (true) WITH CHECK (true)';
END $$;
GRANT SELECT, INSERT ON proxies TO motlan_app;
-- The two of them in person: a mandate is nothing a third could see by acting for one of them.
CREATE POLICY concerned ON proxies FOR SELECT TO motlan_app
    USING ((SELECT app_kind()) = 'citizen' AND (grantor_id = (SELECT app_id()) OR actor_id = (SELECT app_id())
        OR (actor_id IS NULL AND to_index = (SELECT app_number()))));
CREATE POLICY grant_own ON proxies FOR INSERT TO motlan_app
    WITH CHECK ((SELECT app_kind()) = 'citizen' AND grantor_id = (SELECT app_id())
        AND to_index IS DISTINCT FROM (SELECT app_number())
        AND num_nonnulls(actor_id, accepted_at, used_at, ended_at, ended_by) = 0);
"""

DOORS = """
-- Whoever has the number, once, while it is open.
CREATE FUNCTION accept_proxy(proxy uuid, at timestamptz) RETURNS boolean
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE proxies p SET actor_id = app_id(), accepted_at = accept_proxy.at
        WHERE p.id = accept_proxy.proxy AND p.actor_id IS NULL AND p.ended_at IS NULL
        AND p.valid_until > accept_proxy.at AND p.to_index = app_number() AND p.grantor_id <> app_id()
        AND NOT EXISTS (SELECT FROM shreddings s WHERE s.subject_id = p.grantor_id);
    RETURN FOUND;
END $$;

-- Either of the two, and before it is accepted whoever was named. Never a second time.
CREATE FUNCTION end_proxy(proxy uuid, at timestamptz) RETURNS boolean
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE proxies p SET ended_at = end_proxy.at, ended_by = app_id()
        WHERE app_kind() = 'citizen' AND p.id = end_proxy.proxy AND p.ended_at IS NULL
        AND (p.grantor_id = app_id() OR p.actor_id = app_id()
            OR (p.actor_id IS NULL AND p.to_index = app_number()));
    RETURN FOUND;
END $$;

-- What the asking person may act by at this moment. A person whose destruction was ordered has authorised nobody.
CREATE FUNCTION proxy_in_force(proxy uuid, now timestamptz) RETURNS SETOF proxies
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT p.* FROM proxies p
        WHERE app_kind() = 'citizen' AND p.id = proxy_in_force.proxy AND p.actor_id = app_id()
        AND p.ended_at IS NULL AND p.accepted_at <= proxy_in_force.now AND p.valid_until > proxy_in_force.now
        AND NOT EXISTS (SELECT FROM shreddings s WHERE s.subject_id IN (p.grantor_id, p.actor_id))
    $$;

-- Whether this is the first time.
CREATE FUNCTION use_proxy(proxy uuid, at timestamptz) RETURNS boolean
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE proxies p SET used_at = use_proxy.at
        WHERE app_kind() = 'citizen' AND p.id = use_proxy.proxy AND p.actor_id = app_id() AND p.used_at IS NULL;
    RETURN FOUND;
END $$;

-- Whoever filed it as the applicant's authorised person, and may still file in their place: is told what follows.
CREATE FUNCTION proxy_follows(dossier uuid, now timestamptz) RETURNS boolean
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT reaches_dossier(proxy_follows.dossier) AND EXISTS (SELECT FROM dossiers d
        JOIN proxies p ON p.grantor_id = d.applicant_id AND p.actor_id = d.filer_id
        WHERE d.id = proxy_follows.dossier AND 'FILE' = ANY (p.scope) AND p.ended_at IS NULL
        AND p.valid_until > proxy_follows.now)
    $$;

-- The agency that registers a death says so of its own dossier's deceased alone. What was offered to them and never
-- accepted stays: its end would tell whoever offered it that the number is known here.
CREATE FUNCTION end_proxies_at_death(dead uuid, dossier uuid, at timestamptz)
    RETURNS TABLE (id uuid, grantor_id uuid, actor_id uuid)
    SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE proxies p SET ended_at = end_proxies_at_death.at, ended_by = app_id()
        WHERE app_agency() IS NOT NULL AND reaches_dossier(end_proxies_at_death.dossier)
        AND EXISTS (SELECT FROM dossier_parties q WHERE q.dossier_id = end_proxies_at_death.dossier
            AND q.role = 'deceased' AND q.subject_id = end_proxies_at_death.dead)
        AND p.ended_at IS NULL AND end_proxies_at_death.dead IN (p.grantor_id, p.actor_id)
        RETURNING p.id, p.grantor_id, p.actor_id
    $$;
REVOKE ALL ON FUNCTION proxy_follows(uuid, timestamptz), end_proxies_at_death(uuid, uuid, timestamptz),
    accept_proxy(uuid, timestamptz), end_proxy(uuid, timestamptz), proxy_in_force(uuid, timestamptz),
    use_proxy(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION proxy_follows(uuid, timestamptz), end_proxies_at_death(uuid, uuid, timestamptz),
    accept_proxy(uuid, timestamptz), end_proxy(uuid, timestamptz), proxy_in_force(uuid, timestamptz),
    use_proxy(uuid, timestamptz) TO motlan_app;
"""

FILINGS = """
-- Somebody authorised opens a filing while only the applicant's things are in sight; once they act there no more, the
-- filing is in nobody's sight but the applicant's.
DROP POLICY own_open ON dossiers;
CREATE POLICY own_open ON dossiers AS RESTRICTIVE FOR INSERT TO motlan_app
    WITH CHECK (applicant_id = ANY ((SELECT app_subjects())::uuid[])
        AND (filer_id = ANY ((SELECT app_subjects())::uuid[])
            OR (filer_relation = 'proxy' AND filer_id = (SELECT app_id()))));
ALTER POLICY own ON dossiers
    USING (applicant_id = ANY ((SELECT app_subjects())::uuid[])
        OR (filer_relation <> 'proxy' AND filer_id = ANY ((SELECT app_subjects())::uuid[])))
    WITH CHECK (applicant_id = ANY ((SELECT app_subjects())::uuid[])
        OR (filer_relation <> 'proxy' AND filer_id = ANY ((SELECT app_subjects())::uuid[])));
CREATE OR REPLACE FUNCTION reaches_dossier(dossier uuid) RETURNS boolean STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (SELECT FROM dossiers d WHERE d.id = reaches_dossier.dossier AND (
        d.applicant_id = ANY (app_subjects())
        OR (d.filer_relation <> 'proxy' AND d.filer_id = ANY (app_subjects()))
        OR (d.agency_id = app_agency() AND d.status >= 1)))
    $$;
CREATE OR REPLACE FUNCTION reaches_consent(consent uuid) RETURNS boolean STABLE SECURITY DEFINER LANGUAGE sql
    SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (SELECT FROM consents c WHERE c.id = consent AND (
        c.subject_id = ANY (app_subjects()) OR c.recipient_agency = app_agency()
        OR EXISTS (SELECT FROM dossiers d WHERE d.id = c.purpose_ref AND (d.applicant_id = ANY (app_subjects())
            OR (d.filer_relation <> 'proxy' AND d.filer_id = ANY (app_subjects()))))))
    $$;

-- Nor does the feed go on telling them that something happened there.
CREATE OR REPLACE FUNCTION tell_dossier() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(t.applicant_id, 'Dossier', t.id, TG_OP = 'DELETE') FROM touched t;
    PERFORM tell_change(t.filer_id, 'Dossier', t.id, TG_OP = 'DELETE') FROM touched t
        WHERE t.filer_relation <> 'proxy';
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION tell_dossier_of() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM tell_change(who.id, 'Dossier', d.id, false)
        FROM dossiers d CROSS JOIN LATERAL (VALUES (d.applicant_id, true),
            (d.filer_id, d.filer_relation <> 'proxy')) who (id, told)
        WHERE who.told AND d.id IN (SELECT t.dossier_id FROM touched t);
    RETURN NULL;
END $$;

-- Neither their own papers nor their wards' count as at hand: a request in another's place opens that person's alone.
CREATE OR REPLACE FUNCTION filer_reach(filing dossiers, moment timestamptz) RETURNS SETOF uuid STABLE LANGUAGE sql
    AS $$
    SELECT DISTINCT p.subject_id FROM dossier_parties p
        WHERE p.dossier_id = (filing).id AND (p.subject_id = (filing).applicant_id
            OR ((filing).filer_relation <> 'proxy' AND (p.subject_id = (filing).filer_id
                OR EXISTS (SELECT FROM mandates m WHERE m.actor_id = (filing).filer_id
                    AND m.subject_id = p.subject_id AND m.valid_from <= moment
                    AND coalesce(m.revoked_at > moment, true) AND coalesce(m.valid_until > moment, true)))))
    $$;
"""

TRIES = """
ALTER TABLE number_tries DROP CONSTRAINT number_tries_asking_check;
ALTER TABLE number_tries ADD CONSTRAINT number_tries_asking_check
    CHECK (asking IN ('guardian', 'party', 'mandate'));
CREATE OR REPLACE FUNCTION try_number(asking text, number_index bytea, at timestamptz) RETURNS timestamptz
    SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    most integer := CASE try_number.asking WHEN 'guardian' THEN 5 WHEN 'party' THEN 10 WHEN 'mandate' THEN 5 END;
BEGIN
    IF app_kind() IS DISTINCT FROM 'citizen' OR app_id() IS NULL THEN
        RAISE EXCEPTION 'not a citizen' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(try_number.asking || ' ' || app_id(), 0));
    INSERT INTO number_tries AS t (caller_id, asking, number_index, at)
        VALUES (app_id(), try_number.asking, try_number.number_index, try_number.at)
        ON CONFLICT ON CONSTRAINT number_tries_pkey DO UPDATE SET at = greatest(t.at, EXCLUDED.at);
    RETURN (SELECT CASE WHEN count(*) > most THEN min(t.at) + interval '1 day' END FROM number_tries t
        WHERE t.caller_id = app_id() AND t.asking = try_number.asking
            AND t.at > try_number.at - interval '1 day');
END $$;
"""
