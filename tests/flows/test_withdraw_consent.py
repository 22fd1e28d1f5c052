"""Withdrawing consent: acknowledged, and from then on nothing is opened under it, whatever the dossier's state."""

from uuid import uuid4

from tests.flows.journeys import (
    DESK,
    LAND,
    PERMIT_RESULT,
    consents,
    denied,
    line,
    look,
    move,
    notices,
    permit_in_work,
    rows,
    seen,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

WITHDRAWN = "consent { id status receipt }"


async def test_a_withdrawal_stops_the_dossier_and_keeps_digests_not_content(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    (given,) = await consents(me)
    key = str(uuid4())
    done = await me.act("withdrawConsent", WITHDRAWN, consent=given["id"], idempotencyKey=key)
    assert (done["consent"]["status"], done["consent"]["receipt"]) == ("WITHDRAWN", given["receipt"])
    async with unchanged(stage):
        assert await me.act("withdrawConsent", WITHDRAWN, consent=given["id"], idempotencyKey=key) == done
        again = await me.refused("withdrawConsent", WITHDRAWN, consent=given["id"])
        opened = await officer.refused(
            "openEvidence", "evidence { claims { name } }", dossier=taken["id"], requirements=[LAND]
        )
    assert (again["code"], opened["code"]) == ("CONSENT_SETTLED", "EVIDENCE_GONE")
    stopped = await look(me, taken)
    c02 = line(stopped, LAND)
    assert (stopped["status"], c02["satisfied"]) == ("SUPPLEMENT_REQUESTED", False)
    assert c02["reason"] == "The permission to see this document was withdrawn."
    assert "basis_lost" in [one["code"] for one in await notices(me)]
    assert "consent.withdrawn" in [one["kind"] for one in await usage(me)]
    kept = "SELECT legal_basis, digest IS NOT NULL FROM dossier_evidence WHERE revoked_at IS NOT NULL"
    assert await rows(stage, kept) == [("CONSENT", True)]
    # It never turns into a legal duty, and nothing is decided on what is gone.
    async with unchanged(stage):
        refused = await officer.refused("approveDossier", DESK, **seen(stopped), results=[PERMIT_RESULT])
        assert refused["code"] == "MOVE_NOT_ALLOWED"


async def test_a_decided_dossier_is_not_reopened_and_its_evidence_is_closed_all_the_same(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    done = await move(officer, "approveDossier", taken, results=[PERMIT_RESULT])
    (given,) = await consents(me)
    await me.act("withdrawConsent", WITHDRAWN, consent=given["id"])
    after = await look(me, done)
    assert (after["status"], after["version"]) == ("PROCESSED", done["version"])
    async with unchanged(stage):
        refused = await officer.refused(
            "openEvidence", "evidence { claims { name } }", dossier=done["id"], requirements=[LAND]
        )
    assert refused["code"] in ("MOVE_NOT_ALLOWED", "EVIDENCE_GONE")


async def test_only_its_giver_withdraws_a_consent(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await permit_in_work(me, officer)
    (given,) = await consents(me)
    stranger, mine = await stage.citizen("thanh-binh"), (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    async with unchanged(stage):
        assert await denied(stranger, "withdrawConsent", consent=given["id"]) == "NOT_FOUND"
        assert await denied(officer, "withdrawConsent", consent=given["id"]) == "ACCESS_DENIED"
        assert await denied(stage.anybody(), "withdrawConsent", consent=given["id"]) in (
            "UNAUTHENTICATED", "NOT_FOUND",
        )  # fmt: skip
        malformed = await me.refused("withdrawConsent", WITHDRAWN, consent=mine)
    assert malformed["code"] == "BAD_INPUT"
