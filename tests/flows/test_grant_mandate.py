"""Somebody acts in another's place: named by number, accepted, within what was granted, seen by who granted it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from sandbox.people import BY_KEY
from tests import files
from tests.flows.authorising import (
    BIOMETRIC,
    EVERYTHING,
    LISTED,
    MANDATE,
    PAPERS,
    accepted,
    grant,
    grantor,
    listed,
    refusal,
    told,
    under,
)
from tests.flows.conftest import Later
from tests.flows.journeys import agency, attempt_raw, denied, number_of, open_dossier, rows, unchanged, usage
from tests.flows.phone import Phone
from tests.flows.stage import ORIGIN, Person, Stage

DOSSIERS = "{ myDossiers(first: 10) { edges { node { id status } } } }"
SHARE = "mutation($input: CreateShareInput!) { createShare(input: $input) { share { id } errors { code } } }"
PROCEDURE = "1.001456"


async def with_paper(stage: Stage) -> tuple[Person, str]:
    """Minh Châu in her browser, and a paper of hers."""
    me = await stage.citizen("minh-chau")
    upload = await me.send(files.pdf(), "application/pdf", "anh-chan-dung")
    made = await me.act("addDocument", "document { id }", upload=upload, type="anh-chan-dung")
    return me, str(made["document"]["id"])


async def test_an_authorised_person_reads_and_files_for_who_authorised_them(stage: Stage) -> None:
    me, paper = await with_paper(stage)
    sure, thu_ha = await grantor(stage), await stage.citizen("thu-ha")
    offered = (await grant(sure, proof=paper))["mandate"]
    assert (offered["status"], offered["granted"], offered["name"]) == ("OFFERED", True, None)
    assert (offered["scope"], offered["proof"]) == (EVERYTHING, paper)
    mandate = offered["id"]
    # Named and not yet accepted: nothing is open.
    under(thu_ha, mandate)
    async with unchanged(stage):
        assert await refusal(thu_ha) == "MANDATE_NOT_IN_FORCE"
    under(thu_ha, None)
    (seen,) = await listed(thu_ha, LISTED, "mandates")
    assert (seen["granted"], seen["status"]) == (False, "OFFERED")
    assert seen["name"] == BY_KEY["minh-chau"].name
    taken = (await thu_ha.act("acceptMandate", MANDATE, mandate=mandate))["mandate"]
    assert (taken["status"], taken["proof"]) == ("IN_FORCE", None)
    # Without the header their own papers, with it hers and only hers.
    assert await listed(thu_ha, PAPERS, "myDocuments") == []
    under(thu_ha, mandate)
    (hers,) = await listed(thu_ha, PAPERS, "myDocuments")
    assert hers["id"] == paper
    opened = (await thu_ha.act("openDocument", "url", document=paper))["url"]
    assert (await thu_ha.browser.get(opened)).status_code == 200
    mine = (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    draft = await open_dossier(thu_ha, PROCEDURE, onBehalfOf=mine)
    assert [one["id"] for one in await listed(thu_ha, DOSSIERS, "myDossiers")] == [draft["id"]]
    under(thu_ha, None)
    assert await listed(thu_ha, DOSSIERS, "myDossiers") == []
    assert [one["id"] for one in await listed(me, DOSSIERS, "myDossiers")] == [draft["id"]]
    # She sees who it was, every time, and was told at each step.
    kinds = [one["kind"] for one in await usage(me)]
    assert kinds.count("mandate.used") >= 4
    assert {"mandate.granted", "mandate.accepted"} <= set(kinds)
    two = """SELECT DISTINCT l.subject_id = p.grantor_id AND l.actor_id = p.actor_id
        FROM ledger l, proxies p WHERE l.kind IN ('mandate.used', 'mandate.accepted')"""
    assert await rows(stage, two) == [(True,)]
    codes = await told(me)
    assert [codes.count(f"mandate_{one}") for one in ("granted", "accepted", "used")] == [1, 1, 1]
    assert "mandate_offered" in await told(thu_ha)
    (known,) = await listed(me, LISTED, "mandates")
    assert known["name"] == BY_KEY["thu-ha"].name
    assert known["usedAt"] is not None


async def test_nothing_outside_the_scope_is_open(stage: Stage) -> None:
    me, paper = await with_paper(stage)
    sure, thu_ha = await grantor(stage), await stage.citizen("thu-ha")
    mine = (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    whole = {"document": paper, "claims": []}
    filing = await accepted(sure, thu_ha, scope=["FILE"])
    under(thu_ha, filing)
    assert await listed(thu_ha, PAPERS, "myDocuments") == []
    assert await denied(thu_ha, "openDocument", document=paper) == "ACCESS_DENIED"
    draft = await open_dossier(thu_ha, PROCEDURE, onBehalfOf=mine)
    under(thu_ha, None)
    assert (await by_phone(sure, "revokeMandate", filing))["mandate"]["status"] == "ENDED"
    reading = await accepted(sure, thu_ha, scope=["READ"])
    under(thu_ha, reading)
    where = await agency(thu_ha, PROCEDURE)
    async with unchanged(stage):
        # A dossier they once filed is not in sight either.
        query = f'{{ node(id: "{draft["id"]}") {{ id }} }}'
        assert await thu_ha.ask(query) == {"node": None}
        assert await listed(thu_ha, DOSSIERS, "myDossiers") == []
        opening = {"procedure": PROCEDURE, "agency": where, "onBehalfOf": mine}
        assert await denied(thu_ha, "openDossier", **opening) == "ACCESS_DENIED"
        for operation, given in (
            ("createShare", whole),
            ("exportMyData", {}),
            ("revokeMandate", {"mandate": reading}),
            ("correctClaim", {"document": paper, "claim": "x", "reason": "x"}),
        ):
            assert await denied(thu_ha, operation, **given) in ("ACCESS_DENIED", "NOT_FOUND"), operation
        for empty in ("myDataUsage", "myNotices", "myConsents"):
            found = await thu_ha.ask(f"{{ {empty}(first: 5) {{ edges {{ cursor }} }} }}")
            assert found[empty]["edges"] == [], empty
    assert len(await listed(thu_ha, PAPERS, "myDocuments")) == 1


async def by_phone(of: Phone, operation: str, mandate: str) -> Any:
    """One of the two changes by phone."""
    kind = f"{operation[0].upper()}{operation[1:]}Input"
    query = f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ {MANDATE} errors {{ code }} }} }}"
    given = {"idempotencyKey": str(uuid4()), "mandate": mandate}
    return (await of.ask(query, input=given))[operation]


async def test_a_mandate_that_ended_either_way_or_by_itself_opens_nothing(stage: Stage, later: Later) -> None:
    me, paper = await with_paper(stage)
    sure, thu_ha = await grantor(stage), await stage.citizen("thu-ha")
    soon = (sure.clock() + timedelta(minutes=5)).isoformat()
    short = await accepted(sure, thu_ha, until=soon)
    async with later(timedelta(minutes=6)) as then:
        again = then.carry(thu_ha)
        under(again, short)
        assert await refusal(again) == "MANDATE_NOT_IN_FORCE"
    await me.act("revokeMandate", MANDATE, mandate=short)
    mandate = await accepted(sure, thu_ha)
    under(thu_ha, mandate)
    opened = (await thu_ha.act("openDocument", "url", document=paper))["url"]
    await me.act("revokeMandate", MANDATE, mandate=mandate)
    async with unchanged(stage):
        assert await refusal(thu_ha) == "MANDATE_NOT_IN_FORCE"
        assert (await thu_ha.browser.get(opened)).status_code in (401, 403, 404)
    under(thu_ha, None)
    assert "mandate_revoked" in await told(thu_ha)
    async with unchanged(stage):
        assert (await thu_ha.browser.get(opened)).status_code == 404
        refused = await thu_ha.refused("acceptMandate", MANDATE, mandate=mandate)
        assert refused["code"] == "MANDATE_REFUSED"
    given_up = await accepted(sure, thu_ha)
    await thu_ha.act("declineMandate", MANDATE, mandate=given_up)
    under(thu_ha, given_up)
    assert await refusal(thu_ha) == "MANDATE_NOT_IN_FORCE"
    assert "mandate_declined" in await told(me)
    under(thu_ha, None)
    shredded = await accepted(sure, thu_ha)
    order = """INSERT INTO shreddings (subject_id, article, ordered_at)
        SELECT grantor_id, 'x', now() FROM proxies LIMIT 1 RETURNING 1"""
    await rows(stage, order)
    under(thu_ha, shredded)
    assert await refusal(thu_ha) == "MANDATE_NOT_IN_FORCE"


async def test_whether_anybody_has_the_number_is_told_to_nobody(stage: Stage) -> None:
    sure, thu_ha = await grantor(stage), await stage.citizen("thu-ha")
    until = (sure.clock() + timedelta(days=30)).isoformat()
    known, unknown = await grant(sure, until=until), await grant(sure, to="001199999990", until=until)
    for one in (known, unknown):
        one["mandate"].pop("id")
    assert known == unknown
    refused_at_once: list[dict[str, Any]] = [{"to": "12"}, {"to": number_of("minh-chau")}, {"scope": []}, {}]
    for wrong in refused_at_once:
        async with unchanged(stage):
            assert [one["code"] for one in (await grant(sure, **wrong))["errors"]] == ["MANDATE_REFUSED"]
    for days in (-1, 0, 366):
        until = (sure.clock() + timedelta(days=days)).isoformat()
        refused = await grant(sure, to="001199999991", until=until)
        assert [one["code"] for one in refused["errors"]] == ["MANDATE_REFUSED"]
    for made_up in range(2, 4):
        await grant(sure, to=f"00119999999{made_up}", scope=[])
    async with unchanged(stage):
        spent = await grant(sure, to="001199999994")
    assert [one["code"] for one in spent["errors"]] == ["TRIES_SPENT"]
    assert await rows(stage, "SELECT count(*) FROM proxies p WHERE p::text LIKE '%00119999999%'") == [(0,)]
    assert len(await listed(thu_ha, LISTED, "mandates")) == 1


async def test_who_is_not_named_or_not_sure_enough_changes_nothing(stage: Stage) -> None:
    me, sure = await stage.citizen("minh-chau"), await grantor(stage)
    stranger, officer = await stage.citizen("thi-sen"), await stage.officer("ubnd-mot.toan-quyen")
    mandate = (await grant(sure))["mandate"]["id"]
    until = (sure.clock() + timedelta(days=30)).isoformat()
    wish = {"to": number_of("thi-sen"), "scope": ["READ"], "until": until}
    async with unchanged(stage):
        weak = await attempt_raw(me, "grantMandate", **wish)
        assert weak["errors"][0]["extensions"] == {"code": "STEP_UP_REQUIRED", "acrValues": BIOMETRIC}
        assert await denied(officer, "grantMandate", **wish) == "ACCESS_DENIED"
        assert await denied(stage.anybody(), "grantMandate", **wish) == "UNAUTHENTICATED"
        for operation in ("acceptMandate", "declineMandate", "revokeMandate"):
            assert await denied(stranger, operation, mandate=mandate) == "NOT_FOUND"
            assert await denied(officer, operation, mandate=mandate) in ("NOT_FOUND", "ACCESS_DENIED")
        assert await denied(me, "acceptMandate", mandate=mandate) == "NOT_FOUND"
        for one in (stranger, officer, me):
            under(one, mandate)
            assert await refusal(one) == "MANDATE_NOT_IN_FORCE"
            under(one, "x")
            assert await refusal(one) == "MANDATE_NOT_IN_FORCE"
        nobody = stage.anybody()
        under(nobody, mandate)
        assert await refusal(nobody) == "MANDATE_NOT_IN_FORCE"
        under(stranger, None)
        assert await listed(stranger, LISTED, "mandates") == []


async def test_a_second_mandate_never_adds_to_the_first(stage: Stage) -> None:
    """Two headers, or a mandate within a mandate, are refused and not joined."""
    _, paper = await with_paper(stage)
    sure, thu_ha = await grantor(stage), await stage.citizen("thu-ha")
    mandate = await accepted(sure, thu_ha, scope=["READ"])
    headers = [("Origin", ORIGIN), ("Motlan-Mandate", mandate), ("Motlan-Mandate", mandate)]
    said = await thu_ha.browser.post(f"{ORIGIN}/graphql", json={"query": PAPERS}, headers=headers)
    assert (said.status_code, paper in said.text) == (403, False)
    assert said.json()["errors"][0]["extensions"]["code"] == "MANDATE_NOT_IN_FORCE"
