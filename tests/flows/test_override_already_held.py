"""Asking for what is held, for a legal reason of the list: logged, counted and shown to the person at once."""

from datetime import timedelta
from uuid import uuid4

from tests.flows.conftest import Later
from tests.flows.journeys import (
    DESK,
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_CLAIMS,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    PERMIT_RESULT,
    REFUSED_ASK,
    bring,
    changes,
    denied,
    figures,
    line,
    look,
    move,
    notices,
    open_dossier,
    permit_in_work,
    rows,
    seen,
    submit,
    submitted_permit,
    take_in,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

ARTICLE = "Nghị quyết số 66.7/2025/NQ-CP, Điều 2"
MISSING = {"asks": [{"requirement": LAND, "kind": "MISSING", "reason": "dữ liệu sai"}]}


async def test_a_reason_of_the_list_is_shown_at_once_and_lets_the_officer_ask(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    given = {**seen(taken), "requirement": LAND, "legalReason": "data_wrong", "text": "Diện tích lệch"}
    key = str(uuid4())
    allowed = (await officer.act("overrideAlreadyHeld", DESK, **given, idempotencyKey=key))["dossier"]
    async with unchanged(stage):
        again = await officer.act("overrideAlreadyHeld", DESK, **given, idempotencyKey=key)
    assert again["dossier"] == allowed
    mine = await look(me, taken)
    assert mine["overrides"] == [
        {"requirement": LAND, "legalReason": "data_wrong", "article": ARTICLE, "text": "Diện tích lệch"}
    ]
    told = (await notices(me))[0]
    assert (told["code"], told["dossier"]) == ("override", taken["id"])
    assert ARTICLE in told["text"]
    (logged,) = [one for one in await usage(me) if one["kind"] == "dossier.override"]
    assert logged["outcome"] == "OVERRIDDEN"
    asked = await move(officer, "requestSupplement", allowed, **MISSING)
    assert asked["status"] == "SUPPLEMENT_REQUESTED"
    brought = await bring(me, asked, LAND, LAND_TYPE, LAND_CLAIMS, pages=4)
    done = await me.act("answerSupplement", DESK, **seen(brought))
    assert done["dossier"]["status"] == "PROCESSING"
    counted = await me.ask(
        """query($id: ID!) { node(id: $id) { ... on Dossier {
          onceOnly { withReason askedAgain refusedAsks } } } }""",
        id=taken["id"],
    )
    assert counted["node"]["onceOnly"] == {"withReason": 1, "askedAgain": 0, "refusedAsks": 0}


async def test_a_reason_not_of_the_list_or_nothing_to_override_is_refused(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    appraiser, stranger = (
        await stage.officer("ubnd-mot.tham-dinh"), await stage.officer("ubnd-hai.toan-quyen"),
    )  # fmt: skip
    given = {**seen(taken), "requirement": LAND, "legalReason": "data_wrong", "text": "x"}
    async with unchanged(stage):
        for changed, code in (
            ({"legalReason": "because"}, "LEGAL_REASON_UNKNOWN"),
            ({"legalReason": "pending_too_long"}, "LEGAL_REASON_UNFOUNDED"),
            ({"requirement": DRAWING}, "NOTHING_TO_ASK"),
            ({"requirement": "dang-ky-khai-sinh.c02"}, "REQUIREMENT_UNKNOWN"),
            ({"expectedVersion": 1}, "STALE_VERSION"),
        ):
            refused = await officer.refused("overrideAlreadyHeld", DESK, **{**given, **changed})
            assert refused["code"] == code, changed
        assert await denied(appraiser, "overrideAlreadyHeld", **given) == "ACCESS_DENIED"
        assert await denied(stranger, "overrideAlreadyHeld", **given) == "NOT_FOUND"
        assert await denied(me, "overrideAlreadyHeld", **given) == "ACCESS_DENIED"


async def test_a_register_silent_too_long_is_a_reason_only_then(stage: Stage, later: Later) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.sandbox.set_mode(LAND_REGISTER, "down")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    taken = await take_in(officer, await submit(me, draft))
    given = {"requirement": LAND, "legalReason": "pending_too_long", "text": "x"}
    async with unchanged(stage):
        refused = await officer.refused("overrideAlreadyHeld", DESK, **seen(taken), **given)
    assert refused["code"] == "LEGAL_REASON_UNFOUNDED"
    async with later(timedelta(days=2, minutes=1)) as then:
        await then.settle()
        me, officer = then.carry(me), then.carry(officer)
        now = await look(me, taken)
        assert line(now, LAND)["outcome"] == "PENDING_FETCH"
        allowed = await move(officer, "overrideAlreadyHeld", now, **given)
        asked = await move(officer, "requestSupplement", allowed, **MISSING)
        assert asked["status"] == "SUPPLEMENT_REQUESTED"
        brought = await bring(me, asked, LAND, LAND_TYPE, LAND_CLAIMS, pages=4)
        done = (await me.act("answerSupplement", DESK, **seen(brought)))["dossier"]
        assert await figures(me, done) == {"withReason": 1, "supplied": 2}
        opened = await officer.act(
            "openEvidence", "evidence { contentUrl }", dossier=done["id"], requirements=[LAND]
        )
        assert opened["evidence"][0]["contentUrl"] is not None
        # The paper has come: the decision waits for no register, and the override excuses no second ask.
        async with changes(then, *REFUSED_ASK):
            again = await officer.refused("requestSupplement", DESK, **seen(done), **MISSING)
        assert again["code"] == "ALREADY_HELD"
        await move(officer, "approveDossier", done, results=[PERMIT_RESULT])
    reasons = "SELECT override_id IS NOT NULL FROM dossier_asks WHERE kind = 'SUPPLEMENT'"
    assert await rows(stage, reasons) == [(True,)]


async def test_a_person_objects_and_the_objection_is_kept(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    objecting = {"dossier": taken["id"], "requirement": LAND, "text": "Nhà nước đã có giấy này"}
    async with unchanged(stage):
        refused = await me.refused("objectToAsk", "dossier { id }", **objecting)
    assert refused["code"] == "NOTHING_TO_OBJECT_TO"
    await move(officer, "overrideAlreadyHeld", taken, requirement=LAND, legalReason="data_wrong", text="x")
    stranger = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        assert await denied(stranger, "objectToAsk", **objecting) == "NOT_FOUND"
        assert await denied(officer, "objectToAsk", **objecting) == "ACCESS_DENIED"
    await me.act("objectToAsk", "dossier { id }", **objecting)
    assert await rows(stage, "SELECT objected_at IS NOT NULL FROM dossier_overrides") == [(True,)]


async def test_nothing_is_overridden_before_there_is_a_dossier_to_work_on(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, officer)
    gone = (await me.act("withdrawDossier", DESK, **seen(filed)))["dossier"]
    given = {"requirement": LAND, "legalReason": "data_wrong", "text": "x"}
    async with unchanged(stage):
        refused = await officer.refused("overrideAlreadyHeld", DESK, **seen(gone), **given)
    assert refused["code"] == "MOVE_NOT_ALLOWED"
