"""A result revoked: never planned again, and every live dossier that relies on it is flagged, whoever has it."""

from uuid import uuid4

from tests.flows.journeys import (
    EXTENSION,
    changes,
    denied,
    held,
    issued_permit,
    keep,
    line,
    look,
    notices,
    open_dossier,
    outcomes,
    rows,
    seen,
    submit,
    take_in,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

REVOKED = "document { id status revocation { reason legalBasis } }"
WHY = {
    "reason": "Cấp sai cho bà Châu",
    "legalBasis": "Theo đơn bà Châu, Luật Xây dựng số 50/2014/QH13, Điều 101",
}


async def test_live_dossiers_relying_on_a_revoked_result_are_flagged_and_no_plan_uses_it(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    first, permit = await issued_permit(me, officer)
    live = await take_in(elsewhere, await submit(me, await open_dossier(me, EXTENSION, "ubnd-hai")))
    draft = await open_dossier(me, EXTENSION, "ubnd-hai")
    key = str(uuid4())
    revoked = await officer.act("revokeResult", REVOKED, document=permit, **WHY, idempotencyKey=key)
    assert revoked["document"] == {"id": permit, "status": "REVOKED", "revocation": WHY}
    async with unchanged(stage):
        assert (
            await officer.act("revokeResult", REVOKED, document=permit, **WHY, idempotencyKey=key) == revoked
        )
        again = await officer.refused("revokeResult", REVOKED, document=permit, **WHY)
    assert again["code"] == "DOCUMENT_NOT_USABLE"
    await stage.settle()
    flagged = await look(me, live)
    assert flagged["flaggedAt"] is not None
    assert (flagged["status"], flagged["version"]) == ("PROCESSING", live["version"] + 1)
    assert (await look(me, first))["flaggedAt"] is None
    codes = [one["code"] for one in await notices(me)]
    assert codes.count("evidence_revoked") == 1
    assert "result_revoked" in codes
    (logged,) = [one for one in await usage(me) if one["kind"] == "document.revoked"]
    assert logged["legalBasis"] == "LEGAL_DUTY"
    async with unchanged(stage):
        await stage.settle()
    async with unchanged(stage):
        refused = await me.refused(
            "submitDossier",
            "dossier { id }",
            **seen(draft),
            consent={"noticeSha256": draft["notice"]["sha256"]},
        )
    assert refused["code"] == "EVIDENCE_MISSING"
    again_planned = await open_dossier(me, EXTENSION, "ubnd-hai")
    assert outcomes(again_planned)["c02"] == "SUPPLY"


async def test_a_revoked_paper_is_opened_for_no_dossier_any_more(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    _, permit = await issued_permit(me, officer)
    live = await take_in(elsewhere, await submit(me, await open_dossier(me, EXTENSION, "ubnd-hai")))
    given = {"dossier": live["id"], "requirements": [line(live, "c02")["requirement"]["id"]]}
    opening = "evidence { claims { name value } }"
    async with changes(stage, "consent_events", "dossier_events"):
        await elsewhere.act("openEvidence", opening, **given, idempotencyKey=(key := str(uuid4())))
    read = "SELECT count(*) FROM ledger WHERE kind IN ('vault.read', 'dossier.form_read')"
    before = await rows(stage, read)
    await officer.act("revokeResult", REVOKED, document=permit, **WHY)
    # Before the flag is set as after it, and by a replay of what was once allowed.
    for settled in (False, True):
        async with unchanged(stage):
            for again in (key, str(uuid4())):
                refused = await elsewhere.attempt("openEvidence", opening, **given, idempotencyKey=again)
                assert [one["code"] for one in refused["errors"]] == ["DOCUMENT_NOT_USABLE"]
                assert refused["evidence"] is None
        if not settled:
            await stage.settle()
    assert (await look(me, live))["flaggedAt"] is not None
    assert await rows(stage, read) == before


async def test_its_person_and_its_issuer_read_why_and_nobody_finds_it_in_the_clear(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, permit = await issued_permit(me, officer)
    reading = (
        "query($id: ID!) { node(id: $id) { ... on Document { status revocation { reason legalBasis } } } }"
    )
    assert (await me.ask(reading, id=permit))["node"] == {"status": "VALID", "revocation": None}
    await officer.act("revokeResult", REVOKED, document=permit, **WHY)
    assert (await me.ask(reading, id=permit))["node"] == {"status": "REVOKED", "revocation": WHY}
    assert (await (await stage.citizen("thanh-binh")).ask(reading, id=permit))["node"] is None
    await stage.settle()
    ((article,),) = await rows(
        stage, "SELECT entry ->> 'article' FROM ledger WHERE kind = 'document.revoked'"
    )
    assert article == "50/2014/QH13, Điều 101"
    for table in ("ledger", "notices", "outbox", "sealed_notes", "documents", "past_requests"):
        assert await rows(stage, f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%Châu%'") == [(0,)]


async def test_only_the_issuer_revokes_what_it_issued(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, permit = await issued_permit(me, officer)
    mine = await keep(me, "anh-chan-dung", {}, pages=6)
    receiver, stranger = (
        await stage.officer("ubnd-mot.tiep-nhan"), await stage.officer("ubnd-hai.toan-quyen"),
    )  # fmt: skip
    async with unchanged(stage):
        assert await denied(receiver, "revokeResult", document=permit, **WHY) == "ACCESS_DENIED"
        assert await denied(stranger, "revokeResult", document=permit, **WHY) == "NOT_FOUND"
        assert await denied(officer, "revokeResult", document=mine, **WHY) == "NOT_FOUND"
        assert await denied(me, "revokeResult", document=permit, **WHY) in ("ACCESS_DENIED", "NOT_FOUND")
        for left_out, code in (
            ({"reason": " "}, "BAD_INPUT"),
            ({"legalBasis": ""}, "BAD_INPUT"),
            ({"legalBasis": "Luật Xây dựng"}, "CITATION_UNCLEAR"),
        ):
            refused = await officer.refused("revokeResult", REVOKED, document=permit, **{**WHY, **left_out})
            assert (refused["code"], refused["path"]) == (code, list(left_out))
    assert {one["status"] for one in await held(me)} == {"VALID"}
    assert await rows(stage, "SELECT count(*) FROM outbox WHERE topic = 'document.revoked'") == [(0,)]
