"""The recount of once-only: how often a person was asked for what was held or readable, judged as of that moment.

It must look into vaults its caller cannot see, so it runs as the owner of the tables, keeps to the dossiers the
caller reaches, and lets out nothing but dossier ids, names of figures and counts. It reads what was asked, what
was held then, what registers said then, what was pinned and the log; no outcome anybody planned or stored.
`dossiers.figures.rulebook` says what the law let an agency take instead, and documents the shape of `law`.
"""

from store.migrations import script

revision = "0010_recount"
down_revision = "0009_work_doors"


def upgrade() -> None:
    for part in (RULES, DOSSIERS, HOLDINGS, ASKS, FIELDS, FIGURES, OPEN_TO_THE_APPLICATION):
        script(part)


RULES = """
CREATE TYPE recount_rule AS (
    requirement text, own boolean, known_from timestamptz, known_to timestamptz, first_day date,
    last_day date, role text, applicant_meant boolean, shown boolean, types text[], personal_types text[],
    about text, proofs jsonb, whole boolean, registers jsonb, min_level integer, max_age_days integer,
    fresh boolean, original boolean);
CREATE TYPE recount_field AS (procedure text, field text, known_from timestamptz, known_to timestamptz,
    concept text, role text, applicant_meant boolean, account boolean);
CREATE TYPE held_paper AS (version uuid, type text, subject uuid, origin text, level integer, object_key uuid,
    bound_to uuid, deposited_in uuid, issued_on date, valid_until date, seen boolean, disputed boolean,
    claims text[]);
"""

DOSSIERS = """
-- A citizen's and their wards' dossiers, an agency's submitted ones; or those named, as far as the caller reaches.
CREATE FUNCTION recount_dossiers(named uuid[]) RETURNS SETOF dossiers STABLE LANGUAGE sql AS $$
    SELECT d.* FROM dossiers d WHERE named IS NULL AND d.applicant_id = ANY (app_subjects())
    UNION ALL
    SELECT d.* FROM dossiers d WHERE named IS NULL AND d.agency_id = app_agency() AND d.status >= 1
    UNION ALL
    SELECT d.* FROM dossiers d WHERE d.id = ANY (named) AND reaches_dossier(d.id)
    $$;

-- Who plays a role: whoever the filing names, else the applicant where the role means them, else nobody known.
CREATE FUNCTION players_of(filing dossiers, role text, applicant_meant boolean) RETURNS SETOF uuid
    STABLE LANGUAGE sql AS $$
    SELECT p.subject_id FROM dossier_parties p WHERE p.dossier_id = (filing).id AND p.role = players_of.role
    UNION ALL
    SELECT (filing).applicant_id WHERE applicant_meant AND NOT EXISTS (
        SELECT FROM dossier_parties p WHERE p.dossier_id = (filing).id AND p.role = players_of.role)
    $$;

-- The subject, if registers knew them by a number then. A newborn has none before the dossier it was born into has
-- its result.
CREATE FUNCTION numbered_at(subject uuid, moment timestamptz) RETURNS SETOF uuid STABLE LANGUAGE sql AS $$
    SELECT s.id FROM subjects s WHERE s.id = subject AND s.number_index IS NOT NULL
        AND NOT EXISTS (SELECT FROM mandates m WHERE m.subject_id = s.id AND m.evidence LIKE 'dossier:%'
            AND NOT EXISTS (SELECT FROM dossier_results r
                WHERE r.dossier_id::text = substr(m.evidence, 9) AND r.issued_at <= moment))
    $$;
"""

HOLDINGS = """
-- What somebody held at a moment: papers in force then, in the version of then, without claims called wrong by then.
-- A row keeps only the last change of a paper's standing: whatever was revoked or removed later stood before, unless
-- its successor was there already. It says which claims are disputed, the log since when; a dispute the log does not
-- know counts as old.
CREATE FUNCTION papers_of(holder uuid, moment timestamptz) RETURNS SETOF held_paper STABLE LANGUAGE sql AS $$
    SELECT v.id, d.type, d.subject_id, d.origin, d.level, d.object_key, d.bound_to, v.deposited_in, d.issued_on,
            d.valid_until, coalesce(v.seen_at < moment, false), cardinality(c.claims) < cardinality(v.claim_names),
            c.claims
        FROM documents d
        JOIN LATERAL (SELECT * FROM document_versions one WHERE one.document_id = d.id
            AND one.deposited_at < moment ORDER BY one.number DESC LIMIT 1) v ON true
        CROSS JOIN LATERAL (SELECT CASE WHEN v.disputed = '{}' THEN v.claim_names ELSE ARRAY(
            SELECT claim FROM unnest(v.claim_names) claim WHERE claim <> ALL (v.disputed) OR moment < (
                SELECT min(g.at) FROM ledger g WHERE g.subject_id = d.subject_id
                    AND g.kind = 'document.disputed' AND g.at >= v.deposited_at
                    AND g.entry -> 'documents' ? d.id::text AND g.entry -> 'claims' ? claim)) END AS claims) c
        WHERE d.subject_id = holder AND (d.status = 'valid' OR d.status_at > moment AND (
            d.status = 'superseded' OR NOT EXISTS (SELECT FROM documents s
                WHERE s.id = d.superseded_by AND s.created_at <= moment)))
    $$;
"""

ASKS = """
-- Versions an officer had found unfit in this dossier by then, this ask included: they serve it no more.
CREATE FUNCTION unfit_by(ask dossier_asks) RETURNS SETOF uuid STABLE LANGUAGE sql AS $$
    SELECT u.unfit_version FROM dossier_asks u
        WHERE u.dossier_id = (ask).dossier_id AND u.fit = 'UNFIT' AND u.asked_at <= (ask).asked_at
    UNION ALL
    SELECT e.version_id FROM dossier_asks u JOIN dossier_evidence e ON e.dossier_id = u.dossier_id
            AND e.requirement = u.requirement AND e.revoked_at = u.asked_at
        WHERE u.dossier_id = (ask).dossier_id AND u.fit = 'UNFIT' AND u.asked_at <= (ask).asked_at
    $$;

-- Overrides as they happened: one the log does not know justifies nothing.
CREATE FUNCTION logged_overrides(dossier uuid) RETURNS SETOF dossier_overrides STABLE LANGUAGE sql AS $$
    SELECT o.* FROM dossier_overrides o JOIN dossiers d ON d.id = o.dossier_id
        WHERE o.dossier_id = logged_overrides.dossier
        AND EXISTS (SELECT FROM ledger g WHERE g.subject_id = d.applicant_id AND g.dossier_id = d.id
            AND g.kind = 'dossier.override' AND g.entry ->> 'requirement' = o.requirement AND g.at = o.at)
    $$;

-- Why the person could be asked although the fact was there. A mark on the ask proves nothing: an override must stand
-- in the overrides and in the log, a declined reuse in the history as the person's own act. A line about what the
-- person had already handed in here records the paper and asks nobody for it.
CREATE FUNCTION excuses_of(ask dossier_asks) RETURNS SETOF text STABLE LANGUAGE sql AS $$
    SELECT 'reason' WHERE (ask).legal_reason <> ''
    UNION ALL
    SELECT 'override' FROM logged_overrides((ask).dossier_id) o WHERE o.id = (ask).override_id
        AND o.requirement = (ask).requirement AND o.at <= (ask).asked_at
    UNION ALL
    SELECT 'declined' FROM dossier_events e WHERE e.dossier_id = (ask).dossier_id AND e.kind = 'declined_reuse'
        AND e.actor_kind = 'citizen' AND e.requirement = (ask).requirement AND e.at <= (ask).asked_at
    UNION ALL
    SELECT 'record' FROM document_versions v WHERE (ask).answered_at = (ask).asked_at
        AND v.id = (ask).answered_by AND v.deposited_in = (ask).dossier_id
    $$;

-- Papers held at the moment of the ask that met the rule. `wanted`: the object the filing is about, if it is.
CREATE FUNCTION papers_meeting(rule recount_rule, filing dossiers, ask dossier_asks, day date, wanted uuid)
    RETURNS SETOF uuid STABLE LANGUAGE sql AS $$
    SELECT p.version FROM players_of(filing, (rule).role, (rule).applicant_meant) player
        CROSS JOIN LATERAL papers_of(player, (ask).asked_at) p
        WHERE p.type = ANY ((rule).types)
        AND p.origin <> 'register'
        AND NOT EXISTS (SELECT FROM unfit_by(ask) unfit WHERE unfit = p.version)
        AND CASE WHEN (rule).about = 'case' AND p.type <> ALL ((rule).personal_types)
            THEN coalesce(p.bound_to = (filing).id, false) ELSE coalesce(p.bound_to = (filing).id, true) END
        AND (NOT (rule).fresh OR coalesce(p.deposited_in = (filing).id, false))
        AND ((rule).about IN ('person', 'case') OR p.type = ANY ((rule).personal_types) OR wanted IS NULL
            OR coalesce(p.object_key = wanted, coalesce(p.deposited_in = (filing).id, false)))
        AND coalesce(p.valid_until >= day, true)
        AND ((rule).max_age_days IS NULL OR coalesce(p.issued_on >= day - (rule).max_age_days, false))
        AND CASE WHEN (rule).shown THEN p.seen OR p.level <= least((rule).min_level, 2)
            ELSE p.level <= (rule).min_level END
        -- The paper the procedure is about is shown itself: a scan of the person's own is not it.
        AND NOT ((rule).original AND (rule).shown AND p.origin = 'self')
        AND NOT ((rule).whole AND p.disputed)
        AND NOT EXISTS (SELECT FROM jsonb_array_elements((rule).proofs) proof WHERE NOT proof ?| p.claims)
    $$;

-- What each register of the rule said at that moment. One that was never asked counts as UP: a register nobody asked
-- is no excuse. An answer found unfit is not asked for twice.
CREATE FUNCTION registers_said(rule recount_rule, filing dossiers, ask dossier_asks) RETURNS SETOF text
    STABLE LANGUAGE sql AS $$
    SELECT coalesce(said.probe, 'UP') FROM jsonb_to_recordset((rule).registers) r(database text, document_type text)
        CROSS JOIN players_of(filing, (rule).role, (rule).applicant_meant) player
        LEFT JOIN jsonb_to_recordset((ask).probes) said(database text, document_type text, subject uuid, probe text)
            ON said.database = r.database AND said.document_type = r.document_type AND said.subject = player
        WHERE (said.probe IS NOT NULL OR EXISTS (SELECT FROM numbered_at(player, (ask).asked_at)))
        AND NOT EXISTS (SELECT FROM unfit_by(ask) unfit JOIN document_versions v ON v.id = unfit
            JOIN documents d ON d.id = v.document_id
            WHERE d.register = r.database AND d.type = r.document_type AND d.subject_id = player)
    $$;
"""

FIELDS = """
-- Parties whose papers the filer could open then: their own, the applicant's, those of their wards.
CREATE FUNCTION filer_reach(filing dossiers, moment timestamptz) RETURNS SETOF uuid STABLE LANGUAGE sql AS $$
    SELECT DISTINCT p.subject_id FROM dossier_parties p
        WHERE p.dossier_id = (filing).id AND (p.subject_id IN ((filing).filer_id, (filing).applicant_id)
            OR EXISTS (SELECT FROM mandates m WHERE m.actor_id = (filing).filer_id
                AND m.subject_id = p.subject_id AND m.valid_from <= moment
                AND coalesce(m.revoked_at > moment, true) AND coalesce(m.valid_until > moment, true)))
    $$;

-- Who within the filer's reach had a field's fact in their account, a paper or a register's answer: in the role the
-- form names, of the same person or thing; or as the paper's own holder.
CREATE FUNCTION knowing(rule recount_field, filing dossiers, ask dossier_asks, day date) RETURNS SETOF uuid
    STABLE LANGUAGE sql AS $$
    SELECT known FROM players_of(filing, (rule).role, false) known
        WHERE (rule).account AND known IN (SELECT filer_reach(filing, (ask).asked_at))
        AND EXISTS (SELECT FROM numbered_at(known, (ask).asked_at))
    UNION ALL
    SELECT holder FROM filer_reach(filing, (ask).asked_at) holder
        CROSS JOIN LATERAL papers_of(holder, (ask).asked_at) p
        CROSS JOIN LATERAL (SELECT
            p.object_key::text IN (SELECT value FROM jsonb_each_text((filing).objects)) AS same_object,
            holder IN (SELECT players_of(filing, (rule).role, (rule).applicant_meant)) AS own,
            ARRAY(SELECT split_part(c, '@', 2) FROM unnest(p.claims) c
                WHERE split_part(c, '@', 1) = (rule).concept) AS bearers) paper
        WHERE coalesce(p.bound_to = (filing).id, true) AND coalesce(p.valid_until >= day, true)
        AND coalesce(paper.same_object, true)
        AND ((rule).role = ANY (paper.bearers) AND (paper.own OR paper.same_object)
            OR paper.own AND cardinality(paper.bearers) = 1 AND ((rule).applicant_meant
                OR (rule).role IN ('applicant', 'filer') OR paper.bearers = ARRAY['holder']))
    $$;
"""

FIGURES = """
-- The asks nothing justified: of something held, or readable; or while a register was merely down, which is not
-- missing either.
CREATE FUNCTION needless_asks(law jsonb, named uuid[]) RETURNS TABLE (dossier uuid, figure text)
    STABLE LANGUAGE sql AS $$
    WITH rules AS MATERIALIZED (
        SELECT * FROM jsonb_populate_recordset(NULL::recount_rule, law -> 'components')
    ), facts AS MATERIALIZED (
        SELECT * FROM jsonb_populate_recordset(NULL::recount_field, law -> 'fields')
    ), asked AS MATERIALIZED (
        SELECT d AS filing, a AS ask, a.id, a.dossier_id, a.requirement, a.field_key, a.asked_at, a.object_key,
            d.procedure_id, d.objects,
            -- A draft follows the law of each day, in Vietnam; once submitted, that of its filing day stays.
            CASE WHEN a.asked_at >= d.submitted_at THEN d.filing_day
                ELSE (a.asked_at AT TIME ZONE 'UTC' + interval '7 hours')::date END AS day
        FROM recount_dossiers(named) d JOIN dossier_asks a ON a.dossier_id = d.id
        WHERE NOT EXISTS (SELECT FROM excuses_of(a))
    ), judged AS (
        SELECT q.dossier_id, q.id, EXISTS (SELECT FROM papers_meeting(r, q.filing, q.ask, q.day,
                -- The ask keeps the object it was about; of other papers of its group the filing says.
                coalesce(CASE WHEN r.own THEN q.object_key END, (q.objects ->> r.about)::uuid))) AS held,
            ARRAY(SELECT registers_said(r, q.filing, q.ask)) AS said
        FROM asked q JOIN rules r ON r.requirement = q.requirement
            AND (r.first_day IS NULL OR r.first_day <= q.day) AND (r.last_day IS NULL OR q.day <= r.last_day)
            AND (r.known_from IS NULL OR r.known_from <= q.asked_at)
            AND (r.known_to IS NULL OR q.asked_at < r.known_to)
        UNION ALL
        SELECT q.dossier_id, q.id, EXISTS (SELECT FROM knowing(f, q.filing, q.ask, q.day)), '{}'
        FROM asked q JOIN facts f ON f.procedure = q.procedure_id AND f.field = q.field_key
            AND (f.known_from IS NULL OR f.known_from <= q.asked_at)
            AND (f.known_to IS NULL OR q.asked_at < f.known_to)
    ), found AS (
        SELECT j.dossier_id, bool_or(j.held OR j.said && ARRAY['FOUND', 'UP']) AS there,
            bool_or('DOWN' = ANY (j.said)) AS down
        FROM judged j GROUP BY j.dossier_id, j.id
    )
    SELECT dossier_id, CASE WHEN there THEN 'asked_again' ELSE 'asked_while_down' END FROM found
        WHERE there OR down
    $$;

CREATE FUNCTION reused_evidence(named uuid[]) RETURNS TABLE (dossier uuid, requirement text, origin text)
    STABLE LANGUAGE sql AS $$
    SELECT DISTINCT d.id, e.requirement, doc.origin FROM recount_dossiers(named) d
        JOIN dossier_evidence e ON e.dossier_id = d.id AND e.pinned_at IS NOT NULL AND e.register IS NULL
        JOIN document_versions v ON v.id = e.version_id AND v.deposited_at < d.opened_at
        JOIN documents doc ON doc.id = v.document_id
        WHERE NOT EXISTS (SELECT FROM dossier_asks u WHERE u.dossier_id = d.id AND u.fit = 'UNFIT'
            AND u.requirement = e.requirement AND u.asked_at = e.revoked_at)
    $$;

CREATE FUNCTION once_only(law jsonb, named uuid[]) RETURNS TABLE (dossier uuid, figure text, amount bigint)
    STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, public AS $$
    SELECT found.dossier, found.figure, count(*) FROM (
        SELECT n.dossier, n.figure FROM needless_asks(law, named) n
        UNION ALL SELECT d.id, 'with_reason' FROM recount_dossiers(named) d
            CROSS JOIN LATERAL logged_overrides(d.id)
        UNION ALL SELECT d.id, 'with_reason' FROM recount_dossiers(named) d
            JOIN dossier_asks a ON a.dossier_id = d.id WHERE a.legal_reason <> '' AND a.override_id IS NULL
        UNION ALL SELECT declined.id, 'declined_reuse' FROM (
            SELECT DISTINCT d.id, e.requirement FROM recount_dossiers(named) d JOIN dossier_events e
                ON e.dossier_id = d.id AND e.kind = 'declined_reuse' AND e.actor_kind = 'citizen') declined
        UNION ALL SELECT d.id, 'unfit' FROM recount_dossiers(named) d
            JOIN dossier_asks a ON a.dossier_id = d.id AND a.kind = 'SUPPLEMENT' AND a.fit = 'UNFIT'
        UNION ALL SELECT brought.id, CASE WHEN brought.bound_to = brought.id THEN 'case_bound' ELSE 'supplied' END
            FROM (SELECT DISTINCT d.id, v.id AS version, doc.bound_to FROM recount_dossiers(named) d
                JOIN dossier_asks a ON a.dossier_id = d.id
                JOIN document_versions v ON v.id = a.answered_by AND v.deposited_in = d.id
                JOIN documents doc ON doc.id = v.document_id AND doc.origin IN ('self', 'digitised')) brought
        UNION ALL SELECT r.dossier, 'reused_' || r.origin FROM reused_evidence(named) r
        UNION ALL SELECT r.dossier, 'reused' FROM (
            SELECT DISTINCT e.dossier, e.requirement FROM reused_evidence(named) e) r
        UNION ALL SELECT fetched.id, 'fetched' FROM (
            SELECT DISTINCT d.id, e.requirement FROM recount_dossiers(named) d
                JOIN dossier_evidence e ON e.dossier_id = d.id AND e.pinned_at IS NOT NULL
                    AND e.version_id IS NOT NULL
                WHERE EXISTS (SELECT FROM ledger g WHERE g.subject_id = e.subject_id AND g.dossier_id = d.id
                    AND g.kind = 'register.asked' AND g.outcome = 'FOUND'
                    AND g.entry ->> 'reason' = e.register)) fetched
        UNION ALL SELECT d.id, CASE e.kind WHEN 'refused_ask' THEN 'refused_asks' ELSE 'refused_uploads' END
            FROM recount_dossiers(named) d JOIN dossier_events e
                ON e.dossier_id = d.id AND e.kind IN ('refused_ask', 'refused_upload')
        ) found GROUP BY found.dossier, found.figure
    $$;
"""

OPEN_TO_THE_APPLICATION = """
-- The parts run as whoever calls them; only the whole is a door.
REVOKE ALL ON FUNCTION recount_dossiers, players_of, numbered_at, papers_of, unfit_by, logged_overrides, excuses_of,
    papers_meeting, registers_said, filer_reach, knowing, needless_asks, reused_evidence, once_only FROM PUBLIC;
GRANT EXECUTE ON FUNCTION once_only TO motlan_app;
"""
