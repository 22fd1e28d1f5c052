"""A person's answer to everything asked at once; the dossier goes on where it was stopped."""

from typing import Any
from uuid import uuid4

from tests.flows.journeys import (
    BRIEF,
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_CLAIMS,
    LAND_TYPE,
    agreed,
    bring,
    consents,
    denied,
    digitise,
    held,
    line,
    look,
    move,
    permit_in_work,
    rows,
    seen,
    submitted_permit,
    unchanged,
)
from tests.flows.stage import Person, Stage

UNFIT = {"asks": [{"requirement": DRAWING, "kind": "UNFIT", "reason": "mờ"}]}


async def answer(person: Person, dossier: dict[str, Any], **given: Any) -> dict[str, Any]:
    done = await person.act("answerSupplement", BRIEF, **seen(dossier), **given)
    found: dict[str, Any] = done["dossier"]
    return found


async def test_another_version_answers_and_the_unfit_one_never_does(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    asked = await move(officer, "requestSupplement", await permit_in_work(me, officer), **UNFIT)
    async with unchanged(stage):
        refused = await me.refused("answerSupplement", "dossier { id }", **seen(asked))
    assert [gap["requirement"] for gap in refused["gaps"]] == [DRAWING]
    # The very bytes called unfit are recognised and answer nothing.
    same = await bring(me, asked, DRAWING, DRAWING_TYPE)
    async with unchanged(stage):
        refused = await me.refused("answerSupplement", "dossier { id }", **seen(same))
    assert refused["code"] == "EVIDENCE_MISSING"
    better = await bring(me, same, DRAWING, DRAWING_TYPE, pages=2)
    given = {"idempotencyKey": str(uuid4())}
    done = await answer(me, better, **given)
    assert (done["status"], line(done, DRAWING)["satisfied"]) == ("PROCESSING", True)
    async with unchanged(stage):
        assert await answer(me, better, **given) == done
    after = await look(me, done)
    assert after["supplement"] is None
    opened = await officer.act(
        "openEvidence", "evidence { contentUrl }", dossier=done["id"], requirements=[DRAWING]
    )
    assert opened["evidence"][0]["contentUrl"] is not None
    unfit = "SELECT answered_by = unfit_version, answered_at IS NOT NULL FROM dossier_asks WHERE kind = 'SUPPLEMENT'"
    assert await rows(stage, unfit) == [(False, True)]


async def test_a_dossier_asked_before_it_was_taken_in_returns_to_the_receiving_desk(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, officer)
    asked = await move(officer, "requestSupplement", filed, **UNFIT)
    better = await bring(me, asked, DRAWING, DRAWING_TYPE, pages=2)
    land, drawing = (await held(me, LAND_TYPE))[0]["id"], (await held(me, DRAWING_TYPE))[0]["id"]
    async with unchanged(stage):
        useless = await me.refused("answerSupplement", "dossier { id }", **seen(better), documents=[land])
    assert useless["code"] == "DOCUMENT_NOT_USABLE"
    done = await answer(me, better, documents=[drawing])
    assert done["status"] == "RECEIVED"


async def test_after_a_withdrawal_the_person_agrees_anew_or_brings_a_paper(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    (given,) = await consents(me)
    await me.act("withdrawConsent", "consent { status }", consent=given["id"])
    stopped = await look(me, taken)
    assert (stopped["status"], line(stopped, LAND)["satisfied"]) == ("SUPPLEMENT_REQUESTED", False)
    async with unchanged(stage):
        refused = await me.refused("answerSupplement", "dossier { id }", **seen(stopped))
    assert refused["code"] == "CONSENT_REQUIRED"
    done = await answer(me, stopped, **agreed(stopped))
    assert (done["status"], line(done, LAND)["outcome"]) == ("PROCESSING", "REUSE")
    assert line(done, LAND)["reason"].endswith("is already held.")
    # And once more, this time with a paper of her own instead.
    latest = next(one for one in await consents(me) if one["status"] == "GIVEN")
    await me.act("withdrawConsent", "consent { status }", consent=latest["id"])
    brought = await bring(me, await look(me, done), LAND, LAND_TYPE, LAND_CLAIMS, pages=5)
    done = await answer(me, brought)
    assert (done["status"], line(done, LAND)["satisfied"]) == ("PROCESSING", True)
    bases = "SELECT legal_basis FROM dossier_evidence WHERE requirement LIKE '%.c02' AND revoked_at IS NULL"
    assert await rows(stage, bases) == [("OWN",)]


async def test_a_notice_that_went_stale_meanwhile_is_shown_anew(stage: Stage) -> None:
    """As with a draft: the paper it was about serves no more, and another does."""
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    (given,) = await consents(me)
    await me.act("withdrawConsent", "consent { status }", consent=given["id"])
    old = await look(me, taken)
    (wrong,) = [one["document"]["id"] for one in line(old, LAND)["evidence"]]
    await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS, pages=2)
    area = "land_parcel.area@land_parcel"
    await me.act("correctClaim", "document { id }", document=wrong, claim=area, reason="đo sai")
    stale = await me.refused("answerSupplement", "dossier { id }", **seen(old), **agreed(old))
    new = await look(me, taken)
    assert (stale["code"], stale["sha256"]) == ("CONSENT_STALE", new["notice"]["sha256"])
    assert new["notice"]["sha256"] != old["notice"]["sha256"]
    async with unchanged(stage):
        behind = await me.refused("answerSupplement", "dossier { id }", **seen(new), **agreed(old))
    assert behind["code"] == "CONSENT_STALE"
    assert (await answer(me, new, **agreed(new)))["status"] == "PROCESSING"


async def test_what_was_not_asked_is_not_answered(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    asked = await move(officer, "requestSupplement", await permit_in_work(me, officer), **UNFIT)
    stranger = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        about = {"dossier": asked["id"], "requirement": LAND}
        refused = await me.refused(
            "createUpload", "upload { id }",
            fileName="x", mediaType="application/pdf", sizeBytes=9, sha256="ab" * 32, type=LAND_TYPE, **about,
        )  # fmt: skip
        assert refused["code"] in ("REQUIREMENT_UNKNOWN", "ALREADY_HELD")
        stale = await me.refused("answerSupplement", "dossier { id }", dossier=asked["id"], expectedVersion=1)
        assert stale["code"] == "STALE_VERSION"
        assert await denied(stranger, "answerSupplement", **seen(asked)) == "NOT_FOUND"
        assert await denied(officer, "answerSupplement", **seen(asked)) == "ACCESS_DENIED"
