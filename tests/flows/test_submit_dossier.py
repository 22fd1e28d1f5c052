"""Submission: what is frozen and told, and everything that stands in its way, named all at once."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.flows.conftest import Later
from tests.flows.journeys import (
    BRIEF,
    DRAWING,
    DRAWING_TYPE,
    LAND_CLAIMS,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    agreed,
    bring,
    consents,
    denied,
    digitise,
    fill,
    line,
    look,
    notices,
    open_dossier,
    permit_draft,
    rows,
    seen,
    submit,
    take_in,
    unchanged,
)
from tests.flows.stage import Stage, agency_code

QUEUE = "{ desk(first: 5) { edges { node { id code status dueDate form { value } results { id } } } } }"


async def test_a_submission_gets_its_code_and_its_day_and_reaches_the_agency_without_personal_data(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    filed = await look(me, await submit(me, draft))
    assert re.fullmatch(r"H26\.99\.01-261123-0001", filed["code"])
    assert (filed["status"], filed["notice"]) == ("NEWLY_FILED", None)
    assert filed["submittedAt"].startswith("2026-11-23")
    assert filed["dueDate"] > "2026-11-23"
    (queued,) = [edge["node"] for edge in (await officer.ask(QUEUE))["desk"]["edges"]]
    assert (queued["code"], queued["form"], queued["results"]) == (filed["code"], None, [])
    (given,) = await consents(me)
    assert (given["status"], given["recipient"]) == ("GIVEN", "People’s Committee, Test Ward One (sandbox)")
    assert given["purpose"].startswith("Construction permit")
    assert given["receipt"].count(".") == 2
    assert (await notices(me))[0]["code"] == "submitted"
    bases = await rows(
        stage, "SELECT legal_basis, consent_id IS NOT NULL FROM dossier_evidence ORDER BY requirement"
    )
    assert bases == [("CONSENT", True), ("OWN", False)]


async def test_a_dossier_is_found_by_its_code_by_those_it_concerns_alone(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    filed = await submit(me, draft)
    query = "query($code: String!) { dossier(code: $code) { id } }"
    concerned = [me, officer]
    others = [await stage.citizen("thanh-binh"), await stage.officer("ubnd-hai.toan-quyen"), stage.anybody()]
    for person in concerned:
        assert (await person.ask(query, code=filed["code"]))["dossier"] == {"id": filed["id"]}
    for person in others:
        said = await person.post(query, {"code": filed["code"]})
        unknown = await person.post(query, {"code": "H26.99.01-261123-0002"})
        assert said["data"]["dossier"] is None
        assert (said.get("errors"), unknown.get("errors")) == (unknown.get("errors"), said.get("errors"))


async def test_everything_in_the_way_is_named_and_nothing_changes(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    other = await stage.citizen("thanh-binh")
    draft = await permit_draft(me, officer)

    async def refused(**given: Any) -> dict[str, Any]:
        async with unchanged(stage):
            return await me.refused("submitDossier", "dossier { id }", **{**seen(draft), **given})

    missing = await refused(**agreed(draft))
    assert missing["code"] == "EVIDENCE_MISSING"
    assert [(gap["requirement"], gap["outcome"]) for gap in missing["gaps"]] == [(DRAWING, "SUPPLY")]
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    draft = await look(me, draft)
    unfilled = await refused(**agreed(draft))
    assert unfilled["code"] == "FORM_INCOMPLETE"
    assert "construction_grade" in unfilled["missing"]
    assert "parcel_number" not in unfilled["missing"]
    draft = await fill(me, draft)
    assert (await refused())["code"] == "CONSENT_REQUIRED"
    stale = await refused(consent={"noticeSha256": "0" * 64})
    assert (stale["code"], stale["sha256"]) == ("CONSENT_STALE", draft["notice"]["sha256"])
    old = await refused(**agreed(draft), expectedVersion=1)
    assert (old["code"], old["current"]) == ("STALE_VERSION", draft["version"])
    async with unchanged(stage):
        assert await denied(other, "submitDossier", **seen(draft), **agreed(draft)) == "NOT_FOUND"
        assert await denied(officer, "submitDossier", **seen(draft), **agreed(draft)) == "NOT_FOUND"
        assert await denied(stage.anybody(), "submitDossier", **seen(draft)) == "UNAUTHENTICATED"
    await submit(me, draft)


async def test_open_questions_are_refused_before_anything_else(stage: Stage) -> None:
    me = await stage.citizen("thanh-binh")
    draft = await open_dossier(me, "1.003677")
    async with unchanged(stage):
        refused = await me.refused("submitDossier", "dossier { id }", **seen(draft))
    assert (refused["code"], refused["situations"]) == (
        "SITUATIONS_OPEN", ["dang-duoc-giam-sat-quan-ly-giao-duc"],
    )  # fmt: skip


async def test_a_submission_repeated_with_its_key_happens_once(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    draft = await fill(me, await look(me, draft))
    given = {**seen(draft), **agreed(draft), "idempotencyKey": str(uuid4())}
    first = await me.act("submitDossier", BRIEF, **given)
    async with unchanged(stage):
        again = await me.act("submitDossier", BRIEF, **given)
        other = await me.refused("submitDossier", "dossier { id }", **{**given, "expectedVersion": 99})
    assert again == first
    assert other["code"] == "IDEMPOTENCY_CONFLICT"
    assert len(await consents(me)) == 1


async def test_a_notice_counts_in_the_language_it_was_read_in(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    draft = await fill(me, await look(me, draft))
    me.language = "vi"
    vietnamese = await look(me, draft)
    assert (
        vietnamese["notice"]["text"].startswith("CHO PHÉP")
        or "đồng ý" in vietnamese["notice"]["text"].lower()
    )
    async with unchanged(stage):
        refused = await me.refused("submitDossier", "dossier { id }", **seen(draft), **agreed(draft))
    assert refused["code"] == "CONSENT_STALE"
    assert refused["message"] == "Nội dung chia sẻ đã thay đổi. Vui lòng đọc lại thông báo mới."
    await me.act("submitDossier", BRIEF, **seen(vietnamese), **agreed(vietnamese))
    assert await rows(stage, "SELECT language FROM consents") == [("vi",)]


async def test_a_notice_that_went_stale_is_shown_anew_and_can_be_agreed_to(stage: Stage) -> None:
    """A paper the draft was planned with serves no more, and another does: the refusal takes the new plan back, and
    must not leave the person with the old notice for ever."""
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    old = await fill(me, await look(me, draft))
    await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS, pages=2)
    (wrong,) = [one["document"]["id"] for one in line(old, "c02")["evidence"]]
    area = "land_parcel.area@land_parcel"
    await me.act("correctClaim", "document { id }", document=wrong, claim=area, reason="đo sai")
    stale = await me.refused("submitDossier", "dossier { id }", **seen(old), **agreed(old))
    new = await look(me, draft)
    assert (stale["code"], stale["sha256"]) == ("CONSENT_STALE", new["notice"]["sha256"])
    assert new["notice"]["sha256"] != old["notice"]["sha256"]
    assert new["status"] == "DRAFT"
    # The old one is not agreed to by whoever did not read on.
    async with unchanged(stage):
        behind = await me.refused("submitDossier", "dossier { id }", **seen(new), **agreed(old))
    assert behind["code"] == "CONSENT_STALE"
    await me.act("submitDossier", BRIEF, **seen(new), **agreed(new))


async def test_a_silent_register_stops_no_filing_and_the_loop_heals_it(stage: Stage, later: Later) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.sandbox.set_mode(LAND_REGISTER, "down")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    filed = await look(me, await submit(me, draft))
    c02 = line(filed, "c02")
    assert (c02["outcome"], filed["status"]) == ("PENDING_FETCH", "NEWLY_FILED")
    assert filed["dueDate"] is not None
    await stage.sandbox.restore()
    async with later(timedelta(minutes=2)) as then:
        await then.settle()
        me, officer = then.carry(me), then.carry(officer)
        healed = await look(me, filed)
        assert line(healed, "c02")["outcome"] == "FETCH"
        assert "register_healed" in [one["code"] for one in await notices(me)]
        taken = await take_in(officer, healed)
        wanted = [c02["requirement"]["id"]]
        opened = await officer.act(
            "openEvidence", "evidence { claims { name value } }", dossier=taken["id"], requirements=wanted
        )
    values = {one["name"]: one["value"] for each in opened["evidence"] for one in each["claims"]}
    assert values["land_parcel.parcel_number@land_parcel"] == "210"
    assert await rows(stage, "SELECT count(*) FROM dossier_asks WHERE requirement LIKE '%.c02'") == [(0,)]


async def test_a_draft_is_planned_under_the_law_of_the_day_it_is_submitted(
    stage: Stage, later: Later
) -> None:
    me = await stage.citizen("minh-chau")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    draft = await fill(me, await look(me, draft))
    assert line(draft, "c02")["outcome"] == "FETCH"
    async with later(timedelta(days=98)) as march:
        then = march.carry(me)
        async with unchanged(march):
            refused = await then.refused("submitDossier", "dossier { id }", **seen(draft), **agreed(draft))
        assert refused["code"] == "EVIDENCE_MISSING"
        assert [gap["requirement"].rpartition(".")[2] for gap in refused["gaps"]] == ["c02"]
        replanned = await then.act("answerSituations", BRIEF, **seen(draft), situations=NO_NEIGHBOURS)
        assert line(replanned["dossier"], "c02")["outcome"] == "SUPPLY"


async def test_the_law_of_the_filing_day_stays_with_a_submitted_dossier(stage: Stage, later: Later) -> None:
    me = await stage.citizen("minh-chau")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    filed = await submit(me, draft)
    async with later(timedelta(days=98)) as march:
        await march.settle()
        assert line(await look(march.carry(me), filed), "c02")["outcome"] == "FETCH"


async def test_codes_run_by_agency_and_by_day_in_vietnam(stage: Stage, later: Later) -> None:
    me = await stage.citizen("thanh-binh")

    async def filed(then: Stage, key: str) -> str:
        person = then.carry(me)
        draft = await open_dossier(person, "3.000333", key)
        no = [{"id": one["id"], "value": False} for one in draft["questions"]]
        await person.act("answerSituations", BRIEF, **seen(draft), situations=no)
        return str((await submit(person, draft))["code"])

    first, second = await filed(stage, "mot-cua-tinh"), await filed(stage, "mot-cua-tinh")
    other = await filed(stage, "cong-an-tinh")
    assert [first, second] == [f"{agency_code('mot-cua-tinh')}-261123-000{number}" for number in (1, 2)]
    assert other == f"{agency_code('cong-an-tinh')}-261123-0001"
    # Half past midnight in Vietnam, still the 23rd in Greenwich.
    async with later(timedelta(hours=14, minutes=30)) as then:
        assert await filed(then, "mot-cua-tinh") == f"{agency_code('mot-cua-tinh')}-261124-0001"
