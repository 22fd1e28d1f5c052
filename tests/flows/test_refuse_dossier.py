"""A dossier not taken in (form 03): with its reason and provision, and nothing of it stays open to the agency."""

from uuid import uuid4

from tests.flows.journeys import (
    DESK,
    LAND,
    look,
    notices,
    rows,
    seen,
    submitted_permit,
    take_in,
    unchanged,
)
from tests.flows.stage import Stage

REFUSING = {
    "reason": "Không thuộc thẩm quyền",
    "legalBasis": "Thông tư số 03/2025/TT-VPCP, Phụ lục I, mẫu 03",
}


async def test_a_refused_dossier_says_why_on_what_provision_and_is_closed(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.tiep-nhan")
    counter = await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, counter)
    given = {**seen(filed), **REFUSING, "idempotencyKey": str(uuid4())}
    refused = (await officer.act("refuseDossier", DESK, **given))["dossier"]
    assert (refused["status"], refused["availableMoves"]) == ("NOT_RECEIVED", [])
    async with unchanged(stage):
        assert (await officer.act("refuseDossier", DESK, **given))["dossier"] == refused
        gone = await counter.refused(
            "openEvidence", "evidence { claims { name } }", dossier=filed["id"], requirements=[LAND]
        )
        withdrawn = await me.refused("withdrawDossier", DESK, **seen(refused))
    assert (gone["code"], withdrawn["code"]) == ("MOVE_NOT_ALLOWED", "MOVE_NOT_ALLOWED")
    mine = await look(me, refused)
    assert mine["refusal"] == {"reason": REFUSING["reason"], "legalBasis": REFUSING["legalBasis"]}
    assert (await notices(me))[0]["code"] == "not_received"
    assert await rows(stage, "SELECT bool_and(revoked_at IS NOT NULL) FROM dossier_evidence") == [(True,)]
    # The reason rests sealed: whoever reads the table reads nothing.
    assert await rows(stage, "SELECT count(*) FROM sealed_notes WHERE sealed::text LIKE '%quy%n%'") == [(0,)]


async def test_a_dossier_taken_in_is_refused_no_more(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await take_in(officer, await submitted_permit(me, officer))
    async with unchanged(stage):
        late = await officer.refused("refuseDossier", DESK, **seen(taken), **REFUSING)
        stale = await officer.refused(
            "refuseDossier", DESK, dossier=taken["id"], expectedVersion=1, **REFUSING
        )
    assert (late["code"], stale["code"]) == ("MOVE_NOT_ALLOWED", "STALE_VERSION")


async def test_a_reason_is_not_left_out(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, officer)
    async with unchanged(stage):
        for left_out in (
            {"reason": "  "},
            {"legalBasis": ""},
            {"reason": "x" * 5_000},
        ):
            refused = await officer.refused("refuseDossier", DESK, **seen(filed), **{**REFUSING, **left_out})
            assert (refused["code"], refused["path"]) == ("BAD_INPUT", list(left_out))
