"""What an agency may ask for: what is missing, or a version that does not serve; never what the State holds."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.flows.conftest import Later
from tests.flows.journeys import (
    BRIEF,
    DESK,
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_CLAIMS,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    REFUSED_ASK,
    bring,
    changes,
    denied,
    digitise,
    figures,
    held,
    line,
    look,
    move,
    notices,
    open_dossier,
    permit_draft,
    permit_in_work,
    rows,
    seen,
    submit,
    take_in,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

SUPPLEMENTS = "SELECT fit, unfit_version IS NOT NULL FROM dossier_asks WHERE kind = 'SUPPLEMENT'"


def asking(requirement: str, kind: str = "MISSING") -> dict[str, Any]:
    return {"asks": [{"requirement": requirement, "kind": kind, "reason": "không đọc được"}]}


async def test_what_is_held_may_not_be_asked_for_and_the_person_is_told_of_the_attempt(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    both = {"asks": [*asking(DRAWING, "UNFIT")["asks"], *asking(LAND)["asks"]]}
    for given in (asking(LAND), both):
        async with changes(stage, *REFUSED_ASK):
            refused = await officer.refused("requestSupplement", DESK, **seen(taken), **given)
        assert (refused["code"], refused["requirement"]) == ("ALREADY_HELD", LAND)
        # The officer learns that it is held, and nothing of what is.
        assert refused.keys() == {"__typename", "code", "message", "path", "retryable", "requirement"}
    after = await look(me, taken)
    assert (after["status"], after["version"], after["supplement"]) == ("PROCESSING", taken["version"], None)
    told = [one for one in await notices(me) if one["code"] == "refused_ask"]
    assert [one["dossier"] for one in told] == [taken["id"]] * 2
    assert "You may object." in told[0]["text"]
    logged = [one for one in await usage(me) if one["kind"] == "dossier.refused_ask"]
    assert {(one["outcome"], one["agency"]) for one in logged} == {
        ("REFUSED", "People’s Committee, Test Ward One (sandbox)")
    }
    me.language = "vi"
    assert "Bạn có thể phản ánh." in (await notices(me))[0]["text"]


@pytest.mark.parametrize(("mode", "outcome"), [("up", "FETCH"), ("down", "PENDING_FETCH")])
async def test_what_a_register_answers_or_owes_may_not_be_asked_for_either(
    stage: Stage, mode: str, outcome: str
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.sandbox.set_mode(LAND_REGISTER, mode)
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    taken = await take_in(officer, await submit(me, draft))
    assert line(taken, LAND)["outcome"] == outcome
    async with changes(stage, *REFUSED_ASK):
        refused = await officer.refused("requestSupplement", DESK, **seen(taken), **asking(LAND))
    assert refused["code"] == "ALREADY_HELD"


async def test_a_silent_registers_answer_has_no_version_that_could_be_unfit(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.sandbox.set_mode(LAND_REGISTER, "down")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    taken = await take_in(officer, await submit(me, draft))
    async with unchanged(stage):
        refused = await officer.refused("requestSupplement", DESK, **seen(taken), **asking(LAND, "UNFIT"))
    assert refused["code"] == "NOTHING_TO_ASK"


async def test_what_was_handed_in_here_is_not_missing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    async with changes(stage, *REFUSED_ASK):
        refused = await officer.refused("requestSupplement", DESK, **seen(taken), **asking(DRAWING))
    assert (refused["code"], refused["requirement"]) == ("ALREADY_HELD", DRAWING)
    assert await figures(me, taken) == {"reused": 1, "reusedDigitised": 1, "supplied": 1, "refusedAsks": 1}


async def test_a_form_filled_in_with_the_filing_is_not_missing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    [form] = [one["requirement"]["id"] for one in taken["requirements"] if one["outcome"] == "FORM"]
    async with changes(stage, *REFUSED_ASK):
        refused = await officer.refused("requestSupplement", DESK, **seen(taken), **asking(form))
    assert (refused["code"], refused["requirement"]) == ("ALREADY_HELD", form)


async def test_what_no_register_has_may_be_asked_for_and_is_no_second_ask(stage: Stage, later: Later) -> None:
    me, officer = await stage.citizen("thanh-binh"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.sandbox.set_mode(LAND_REGISTER, "down")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    filed = await submit(me, draft)
    await stage.sandbox.restore()
    async with later(timedelta(minutes=2)) as then:
        await then.settle()
        me, officer = then.carry(me), then.carry(officer)
        lacking = await look(me, filed)
        assert (line(lacking, LAND)["outcome"], line(lacking, LAND)["satisfied"]) == ("SUPPLY", False)
        taken = await take_in(officer, lacking)
        asked = await move(officer, "requestSupplement", taken, **asking(LAND))
        brought = await bring(me, asked, LAND, LAND_TYPE, LAND_CLAIMS, pages=3)
        done = (await me.act("answerSupplement", DESK, **seen(brought)))["dossier"]
        assert done["status"] == "PROCESSING"
        assert await figures(me, done) == {"supplied": 2}


async def test_asked_twice_before_it_is_answered_a_dossier_still_returns_to_where_it_was(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    asked = await move(officer, "requestSupplement", taken, **asking(DRAWING, "UNFIT"))
    more = await move(officer, "requestSupplement", asked, **asking(DRAWING))
    brought = await bring(me, more, DRAWING, DRAWING_TYPE, pages=2)
    done = (await me.act("answerSupplement", DESK, **seen(brought)))["dossier"]
    assert (done["status"], (await look(me, done))["supplement"]) == ("PROCESSING", None)


async def test_a_paper_not_handed_in_yet_is_nobodys_to_call_unfit(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    asked = await move(officer, "requestSupplement", taken, **asking(DRAWING, "UNFIT"))
    brought = await bring(me, asked, DRAWING, DRAWING_TYPE, pages=2)
    async with unchanged(stage):
        again = await officer.refused("requestSupplement", DESK, **seen(brought), **asking(DRAWING, "UNFIT"))
    assert again["code"] == "NOTHING_TO_ASK"
    done = (await me.act("answerSupplement", DESK, **seen(brought)))["dossier"]
    assert done["status"] == "PROCESSING"


async def test_an_unfit_version_is_out_of_this_dossier_alone_and_counted_apart(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    await move(officer, "requestSupplement", taken, **asking(DRAWING, "UNFIT"))
    assert (await figures(me, taken))["unfit"] == 1
    assert "askedAgain" not in await figures(me, taken)
    about = [
        {"kind": "LAND_PARCEL", "document": (await held(me, LAND_TYPE))[0]["id"]},
        {"kind": "BUILDING", "document": (await held(me, DRAWING_TYPE))[0]["id"]},
    ]
    other = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS, objects=about)
    assert line(other, DRAWING)["outcome"] == "REUSE"


async def test_a_person_objects_to_a_refused_ask_and_to_a_version_called_unfit(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    objecting = {"dossier": taken["id"], "text": "Bản vẽ rõ ràng"}
    async with unchanged(stage):
        for requirement in (LAND, DRAWING):
            early = await me.refused("objectToAsk", "dossier { id }", **objecting, requirement=requirement)
            assert early["code"] == "NOTHING_TO_OBJECT_TO"
    await officer.refused("requestSupplement", DESK, **seen(taken), **asking(LAND))
    await officer.act("requestSupplement", DESK, **seen(taken), **asking(DRAWING, "UNFIT"))
    for requirement in (LAND, DRAWING):
        async with changes(stage, "dossier_events", "sealed_notes"):
            await me.act("objectToAsk", "dossier { id }", **objecting, requirement=requirement)
    objected = "SELECT requirement FROM dossier_events WHERE kind = 'objected' ORDER BY id"
    assert await rows(stage, objected) == [(LAND,), (DRAWING,)]
    assert [one["kind"] for one in await usage(me)].count("dossier.objected") == 2


async def test_an_unfit_version_is_asked_for_again_with_its_reason_and_leaves_this_dossier(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    given = {**seen(taken), **asking(DRAWING, "UNFIT"), "idempotencyKey": str(uuid4())}
    asked = (await officer.act("requestSupplement", DESK, **given))["dossier"]
    assert asked["status"] == "SUPPLEMENT_REQUESTED"
    async with unchanged(stage):
        assert (await officer.act("requestSupplement", DESK, **given))["dossier"] == asked
    mine = await look(me, asked)
    assert mine["supplement"]["asks"] == [
        {"kind": "UNFIT", "reason": "không đọc được", "requirement": {"id": DRAWING}}
    ]
    c03 = line(mine, DRAWING)
    assert (c03["outcome"], c03["satisfied"], c03["evidence"]) == ("SUPPLY", False, [])
    assert await rows(stage, SUPPLEMENTS) == [("UNFIT", True)]
    assert (await notices(me))[0]["code"] == "supplement_requested"
    refused = await officer.refused(
        "openEvidence", "evidence { claims { name } }", dossier=taken["id"], requirements=[DRAWING]
    )
    assert refused["code"] == "EVIDENCE_GONE"


async def test_what_cannot_be_asked_changes_nothing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    neighbours = "cap-giay-phep-xay-dung-nha-o-rieng-le.c04"
    approver, stranger = (
        await stage.officer("ubnd-mot.phe-duyet"), await stage.officer("ubnd-hai.toan-quyen"),
    )  # fmt: skip
    async with unchanged(stage):
        for changed, code in (
            (asking(neighbours), "NOTHING_TO_ASK"),
            (asking(neighbours, "UNFIT"), "NOTHING_TO_ASK"),
            (asking("dang-ky-khai-sinh.c02"), "REQUIREMENT_UNKNOWN"),
            ({**asking(DRAWING, "UNFIT"), "expectedVersion": 1}, "STALE_VERSION"),
        ):
            refused = await officer.refused("requestSupplement", DESK, **{**seen(taken), **changed})
            assert refused["code"] == code, changed
        given = {**seen(taken), **asking(DRAWING, "UNFIT")}
        assert await denied(approver, "requestSupplement", **given) == "ACCESS_DENIED"
        assert await denied(stranger, "requestSupplement", **given) == "NOT_FOUND"
        assert await denied(me, "requestSupplement", **given) == "ACCESS_DENIED"
    # A denial is on record by its code, though everything else was rolled back.
    assert await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'access.denied'") == [(2,)]


async def test_nothing_empty_is_asked(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    async with unchanged(stage):
        refused = await officer.refused("requestSupplement", DESK, **seen(taken), asks=[])
    assert refused["code"] == "NOTHING_TO_ASK"


DUE = "query($id: ID!) { node(id: $id) { ... on Dossier { supplement { dueDate } } } }"


async def test_an_answer_is_expected_within_the_published_term_counted_in_working_days(
    stage: Stage, later: Later
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    assert (await me.ask(DUE, id=taken["id"]))["node"] == {"supplement": None}
    await officer.act("requestSupplement", DESK, **seen(taken), **asking(DRAWING, "UNFIT"))
    # Seven working days from Monday 23 November 2026; the 24th is a holiday.
    for reader in (me, officer):
        assert (await reader.ask(DUE, id=taken["id"]))["node"] == {"supplement": {"dueDate": "2026-12-03"}}
    async with later(timedelta(days=2)) as then:
        said = (await then.carry(me).ask(DUE, id=taken["id"]))["node"]
        assert said == {"supplement": {"dueDate": "2026-12-03"}}
    await bring(me, taken, DRAWING, DRAWING_TYPE, pages=2)
    await me.act("answerSupplement", DESK, **seen(await look(me, taken)))
    assert (await me.ask(DUE, id=taken["id"]))["node"] == {"supplement": None}


async def test_an_unfit_version_is_no_reason_to_ask_while_another_paper_serves(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS, pages=4)
    before = await look(me, taken)
    async with changes(stage, *REFUSED_ASK):
        refused = await officer.refused("requestSupplement", DESK, **seen(taken), **asking(LAND, "UNFIT"))
    assert (refused["code"], refused["requirement"]) == ("ALREADY_HELD", LAND)
    assert await look(me, taken) == before
    assert (await notices(me))[0]["code"] == "refused_ask"
    reason = {"requirement": LAND, "legalReason": "data_wrong", "text": "bản quét mờ"}
    overridden = await move(officer, "overrideAlreadyHeld", taken, **reason)
    asked = await move(officer, "requestSupplement", overridden, **asking(LAND, "UNFIT"))
    assert asked["status"] == "SUPPLEMENT_REQUESTED"
    assert await rows(stage, SUPPLEMENTS) == [("UNFIT", True)]


async def test_who_declined_reuse_may_be_asked_for_a_better_scan(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    land = line(draft, LAND)["evidence"][0]["document"]["id"]
    declined = (await me.act("declineReuse", BRIEF, **seen(draft), requirement=LAND))["dossier"]
    await bring(me, declined, LAND, LAND_TYPE, LAND_CLAIMS, pages=5)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    taken = await take_in(officer, await submit(me, draft))
    asked = await move(officer, "requestSupplement", taken, **asking(LAND, "UNFIT"))
    assert asked["status"] == "SUPPLEMENT_REQUESTED"
    assert land not in str(asked)


async def test_a_registers_unfit_answer_is_fetched_no_more(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    assert line(draft, LAND)["outcome"] == "FETCH"
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    taken = await take_in(officer, await submit(me, draft))
    async with changes(stage, *REFUSED_ASK):
        # The same register may have the house's certificate, and nobody has asked it yet.
        refused = await officer.refused("requestSupplement", DESK, **seen(taken), **asking(LAND, "UNFIT"))
    assert refused["code"] == "ALREADY_HELD"
    reason = {"requirement": LAND, "legalReason": "data_wrong", "text": "số thửa sai"}
    overridden = await move(officer, "overrideAlreadyHeld", taken, **reason)
    asked = await move(officer, "requestSupplement", overridden, **asking(LAND, "UNFIT"))
    brought = await bring(me, asked, LAND, LAND_TYPE, LAND_CLAIMS, pages=3)
    assert (line(brought, LAND)["outcome"], line(brought, LAND)["satisfied"]) == ("SUPPLY", True)
    answered = (await me.act("answerSupplement", BRIEF, **seen(brought)))["dossier"]
    assert [one["register"] for one in line(answered, LAND)["evidence"]] == [None]
    counted = await me.ask(ONCE_ONLY, id=taken["id"])
    assert counted["node"]["onceOnly"] == {"askedAgain": 0, "unfit": 1, "withReason": 1}


ONCE_ONLY = (
    "query($id: ID!) { node(id: $id) { ... on Dossier { onceOnly { askedAgain unfit withReason } } } }"
)
