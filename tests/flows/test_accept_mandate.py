"""What somebody authorised does to the end: files, agrees and is told, for as long as the mandate stands."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.flows.authorising import MANDATE, PAPERS, accepted, grant, grantor, refusal, told, under
from tests.flows.journeys import (
    DRAWING,
    DRAWING_TYPE,
    agency,
    agreed,
    bring,
    consents,
    denied,
    desk_for,
    fill,
    look,
    move,
    number_of,
    open_dossier,
    permit_draft,
    rows,
    seen,
    submit,
    take_in,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

DEATH = "1.000656"


async def test_a_filing_by_somebody_authorised_is_the_grantors_and_goes_on_without_them(stage: Stage) -> None:
    me, thu_ha = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    sure, officer = await grantor(stage), await stage.officer("ubnd-mot.toan-quyen")
    # Words that do not cover agreeing to disclosures: prepared to the end, and not submitted.
    under(thu_ha, await accepted(sure, thu_ha, scope=["FILE"]))
    draft = await permit_draft(thu_ha, officer)
    await bring(thu_ha, draft, DRAWING, DRAWING_TYPE)
    draft = await fill(thu_ha, await look(thu_ha, draft))
    async with unchanged(stage):
        assert await denied(thu_ha, "submitDossier", **seen(draft), **agreed(draft)) == "ACCESS_DENIED"
    assert ("access.denied", "DENIED") in {(one["kind"], one["outcome"]) for one in await usage(me)}
    # Ended midway: the draft is hers, and out of the other's sight with and without the header.
    first = (await me.ask("{ mandates(first: 1) { edges { node { id } } } }"))["mandates"]["edges"][0][
        "node"
    ]["id"]
    await me.act("revokeMandate", MANDATE, mandate=first)
    async with unchanged(stage):
        assert await refusal(thu_ha) == "MANDATE_NOT_IN_FORCE"
        under(thu_ha, None)
        assert await denied(thu_ha, "submitDossier", **seen(draft), **agreed(draft)) == "NOT_FOUND"
        assert await thu_ha.ask("query($id: ID!) { node(id: $id) { id } }", id=draft["id"]) == {"node": None}
    assert (await look(me, draft))["status"] == "DRAFT"
    until = sure.clock() + timedelta(days=20)
    second = await accepted(sure, thu_ha, scope=["FILE", "CONSENT"], until=until.isoformat())
    under(thu_ha, second)
    filed = await submit(thu_ha, draft)
    assert filed["status"] == "NEWLY_FILED"
    under(thu_ha, None)
    # The consent says by whom and by what right, and ends with the mandate, long before a filing's would.
    query = "query($id: ID!) { node(id: $id) { ... on Consent { record validUntil } } }"
    (one,) = [(await me.ask(query, id=one["id"]))["node"] for one in await consents(me)]
    said = one["record"]["on_behalf"]
    assert (said["basis"], said["relation"], said["scope"]) == ("PROXY", "proxy", ["CONSENT", "FILE"])
    assert said["proof_doc"].startswith("mandate:")
    assert datetime.fromisoformat(said["until"]) == until.astimezone(UTC)
    assert datetime.fromisoformat(one["validUntil"]) == until
    who = """SELECT DISTINCT l.actor_id = p.actor_id, l.entry->>'purpose' = 'mandate:' || p.id FROM ledger l
        JOIN proxies p ON p.grantor_id = l.subject_id WHERE p.ended_at IS NULL AND l.kind = 'mandate.accepted'
        AND l.at > (SELECT ended_at FROM proxies WHERE ended_at IS NOT NULL)"""
    assert await rows(stage, who) == [(True, True)]
    together = """SELECT count(*) > 0 FROM ledger given JOIN ledger used ON used.query_id = given.query_id
        AND used.subject_id = given.subject_id WHERE given.kind = 'consent.given' AND used.kind = 'mandate.used'"""
    assert await rows(stage, together) == [(True,)]
    # Both hear of it while the mandate stands, she alone afterwards.
    await move(officer, "receiveDossier", filed)
    assert [
        ("submitted" in codes, "received" in codes) for codes in (await told(me), await told(thu_ha))
    ] == [(True, True)] * 2
    await me.act("revokeMandate", MANDATE, mandate=second)
    before = (await told(thu_ha)).count("processing")
    assert before == 0
    received = await look(officer, filed)
    boss = (await officer.ask("{ viewer { id } }"))["viewer"]["id"]
    await move(officer, "assignDossier", received, officer=boss)
    assert ("processing" in await told(me), "processing" in await told(thu_ha)) == (True, False)
    # What was agreed to stays hers to end.
    assert [one["status"] for one in await consents(me)] == ["GIVEN"]


async def test_a_request_repeated_without_the_mandate_is_not_answered_from_it(stage: Stage) -> None:
    me, thu_ha = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    under(thu_ha, await accepted(await grantor(stage), thu_ha))
    given = {"idempotencyKey": str(uuid4()), "procedure": "1.001456"}
    where = await agency(thu_ha, "1.001456")
    made = (await thu_ha.act("openDossier", "dossier { id }", **given, agency=where))["dossier"]["id"]
    assert (await thu_ha.act("openDossier", "dossier { id }", **given, agency=where))["dossier"]["id"] == made
    under(thu_ha, None)
    async with unchanged(stage):
        refused = await thu_ha.refused("openDossier", "dossier { id }", **given, agency=where)
    assert refused["code"] == "IDEMPOTENCY_CONFLICT"
    owner = "SELECT d.applicant_id = p.grantor_id AND d.filer_id = p.actor_id FROM dossiers d, proxies p"
    assert await rows(stage, owner) == [(True,)]
    assert (await look(me, {"id": made}))["status"] == "DRAFT"


async def test_a_mandate_ends_with_the_death_of_either_side_as_soon_as_it_is_registered(stage: Stage) -> None:
    son, dead = await stage.citizen("quoc-viet"), await grantor(stage, "thi-sen")
    me, thu_ha, sen = (
        await stage.citizen("minh-chau"),
        await stage.citizen("thu-ha"),
        await stage.citizen("thi-sen"),
    )
    hers = await accepted(dead, thu_ha)
    taken = await accepted(await grantor(stage), sen, to=number_of("thi-sen"))
    other = await accepted(await grantor(stage), thu_ha)
    await grant(dead, to=number_of("dang-khoa"))
    key, officer = await desk_for(stage, son, DEATH)
    parties = [{"role": "deceased", "citizenId": number_of("thi-sen")}]
    known = [{"id": "biet-noi-cu-tru-cuoi-cung", "value": True}]
    draft = await open_dossier(son, DEATH, key, parties=parties, situations=known)
    filed = await take_in(officer, await submit(son, draft))
    for mandate, actor in ((hers, thu_ha), (taken, sen)):
        under(actor, mandate)
        assert "errors" not in await actor.post(PAPERS)
        under(actor, None)
    died = {"person.personal_id_number@deceased": number_of("thi-sen"), "death.date@deceased": "2026-11-20"}
    await move(officer, "approveDossier", filed, results=[{"type": "trich-luc-khai-tu", "claims": died}])
    for mandate, actor in ((hers, thu_ha), (taken, sen)):
        under(actor, mandate)
        async with unchanged(stage):
            assert await refusal(actor) == "MANDATE_NOT_IN_FORCE"
        under(actor, None)
    under(thu_ha, other)
    assert "errors" not in await thu_ha.post(PAPERS)
    under(thu_ha, None)
    assert [(await told(one)).count("mandate_over") for one in (me, thu_ha, son)] == [1, 1, 0]
    ended = """SELECT count(*), bool_and(l.actor_kind = 'officer' AND l.entry->>'legal_basis' = 'LEGAL_DUTY')
        FROM ledger l JOIN proxies p ON 'mandate:' || p.id = l.entry->>'purpose' AND p.grantor_id = l.subject_id
        WHERE l.kind = 'mandate.ended' AND l.entry->>'article' = 'Civil Code 2015, Article 140'"""
    assert await rows(stage, ended) == [(3, True)]
