"""The law wants some originals seen: shown once at a counter, recorded, and never asked to be shown again."""

from uuid import uuid4

from tests.flows.journeys import (
    DESK,
    REFUSED_ASK,
    agreed,
    changes,
    denied,
    desk_for,
    digitise,
    fill,
    keep,
    line,
    look,
    move,
    notices,
    number_of,
    open_dossier,
    plan,
    rows,
    seen,
    submit,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage

LICENCE_ABROAD = "3.000353"
PASSPORT, SHOWN_PASSPORT = "ho-chieu", "cap-giay-phep-lai-xe-quoc-te.c03"
PASSPORT_CLAIMS = {
    "person.passport_number@holder": "TN0000001",
    "person.full_name@holder": "x",
    "person.nationality@holder": "Việt Nam",
    "document.expiry_date@document": "2033-02-02",
}


async def filed(stage: Stage, me: Person, key: str) -> dict[str, object]:
    await keep(me, "anh-chan-dung", {}, pages=2)
    return await submit(me, await open_dossier(me, LICENCE_ABROAD, key))


async def test_an_original_shown_once_is_never_shown_again(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    key, officer = await desk_for(stage, me, LICENCE_ABROAD)
    await keep(me, PASSPORT, PASSPORT_CLAIMS)
    dossier = await filed(stage, me, key)
    c03 = line(dossier, SHOWN_PASSPORT)
    assert (c03["outcome"], c03["satisfied"]) == ("SHOW", True)
    assert "show it at the counter, once" in c03["reason"]
    given = {**seen(dossier), "requirement": SHOWN_PASSPORT, "idempotencyKey": str(uuid4())}
    marked = await officer.act("markOriginalSeen", DESK, **given)
    async with unchanged(stage):
        assert await officer.act("markOriginalSeen", DESK, **given) == marked
    after = await look(me, dossier)
    assert line(after, SHOWN_PASSPORT)["reason"].endswith("was shown for this dossier.")
    assert after["version"] == int(str(dossier["version"])) + 1
    assert "original_seen" in [one["code"] for one in await notices(me)]
    (logged,) = [one for one in await usage(me) if one["kind"] == "document.seen"]
    assert logged["legalBasis"] == "LEGAL_DUTY"
    counter = "SELECT kind, answered_by IS NOT NULL FROM dossier_asks WHERE requirement LIKE '%.c03'"
    assert await rows(stage, counter) == [("COUNTER", True)]
    again = await open_dossier(me, LICENCE_ABROAD, key)
    c03 = line(again, SHOWN_PASSPORT)
    assert (c03["outcome"], c03["satisfied"]) == ("REUSE", True)
    assert c03["reason"].endswith("it need not be shown again.")


async def test_where_nothing_is_held_the_original_is_digitised_and_counts_as_shown(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    key, officer = await desk_for(stage, me, LICENCE_ABROAD)
    dossier = await filed(stage, me, key)
    async with unchanged(stage):
        refused = await officer.refused("markOriginalSeen", DESK, **seen(dossier), requirement=SHOWN_PASSPORT)
    assert refused["code"] == "ORIGINAL_NOT_HELD"
    await digitise(officer, "minh-chau", PASSPORT, PASSPORT_CLAIMS, dossier=dossier["id"])
    after = await look(me, dossier)
    c03 = line(after, SHOWN_PASSPORT)
    assert (c03["outcome"], c03["satisfied"]) == ("SHOW", True)
    assert c03["reason"].endswith("was shown for this dossier.")
    again = await open_dossier(me, LICENCE_ABROAD, key)
    assert line(again, SHOWN_PASSPORT)["outcome"] == "REUSE"


async def test_an_original_is_recorded_only_where_it_is_shown(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    key, officer = await desk_for(stage, me, LICENCE_ABROAD)
    await keep(me, PASSPORT, PASSPORT_CLAIMS)
    draft = await open_dossier(me, LICENCE_ABROAD, key)
    approver = await stage.officer(f"{key}.phe-duyet")
    stranger = await stage.officer("truong-hoc.toan-quyen")
    async with unchanged(stage):
        assert (
            await denied(officer, "markOriginalSeen", **seen(draft), requirement=SHOWN_PASSPORT)
            == "NOT_FOUND"
        )
    await keep(me, "anh-chan-dung", {}, pages=2)
    draft = await fill(me, await look(me, draft))
    draft = (
        await me.act(
            "answerSituations", "dossier { id version notice { sha256 } }", **seen(draft), situations=[]
        )
    )["dossier"]
    dossier = (await me.act("submitDossier", DESK, **seen(draft), **agreed(draft)))["dossier"]
    licence = "cap-giay-phep-lai-xe-quoc-te.c04"
    async with unchanged(stage):
        for changed, code in (
            ({"requirement": licence}, "NOTHING_TO_ASK"),
            ({"requirement": "dang-ky-khai-sinh.c02"}, "REQUIREMENT_UNKNOWN"),
            ({"requirement": SHOWN_PASSPORT, "expectedVersion": 1}, "STALE_VERSION"),
        ):
            refused = await officer.refused("markOriginalSeen", DESK, **{**seen(dossier), **changed})
            assert refused["code"] == code
        given = {**seen(dossier), "requirement": SHOWN_PASSPORT}
        assert await denied(approver, "markOriginalSeen", **given) == "ACCESS_DENIED"
        assert await denied(stranger, "markOriginalSeen", **given) == "NOT_FOUND"
        assert await denied(me, "markOriginalSeen", **given) == "ACCESS_DENIED"
    gone = await move(officer, "refuseDossier", dossier, reason="x", legalBasis="y")
    async with unchanged(stage):
        refused = await officer.refused("markOriginalSeen", DESK, **seen(gone), requirement=SHOWN_PASSPORT)
    assert refused["code"] == "MOVE_NOT_ALLOWED"
    assert number_of("minh-chau") not in str(gone)


async def test_what_was_shown_is_neither_marked_nor_asked_for_a_second_time(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    key, officer = await desk_for(stage, me, LICENCE_ABROAD)
    await keep(me, PASSPORT, PASSPORT_CLAIMS)
    dossier = await filed(stage, me, key)
    marked = await move(officer, "markOriginalSeen", dossier, requirement=SHOWN_PASSPORT)
    ask = {"requirement": SHOWN_PASSPORT, "kind": "MISSING", "reason": "x"}
    async with unchanged(stage):
        again = await officer.refused("markOriginalSeen", DESK, **seen(marked), requirement=SHOWN_PASSPORT)
    async with changes(stage, *REFUSED_ASK):
        asked = await officer.refused("requestSupplement", DESK, **seen(marked), asks=[ask])
    assert (again["code"], asked["code"]) == ("NOTHING_TO_ASK", "ALREADY_HELD")
    assert (await notices(me))[0]["code"] == "refused_ask"


async def test_another_version_of_the_original_is_shown_anew(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    key, officer = await desk_for(stage, me, LICENCE_ABROAD)
    old = await keep(me, PASSPORT, PASSPORT_CLAIMS)
    await move(officer, "markOriginalSeen", await filed(stage, me, key), requirement=SHOWN_PASSPORT)
    assert line(await plan(me, LICENCE_ABROAD), SHOWN_PASSPORT)["outcome"] == "REUSE"
    number = "person.passport_number@holder"
    new = await keep(me, PASSPORT, {**PASSPORT_CLAIMS, number: "TN0000002"}, pages=3)
    given = {"document": old, "claim": number, "reason": "đổi hộ chiếu", "replacement": new}
    await me.act("correctClaim", "document { id }", **given)
    c03 = line(await plan(me, LICENCE_ABROAD), SHOWN_PASSPORT)
    assert c03["outcome"] == "SHOW"
    assert "show it at the counter, once" in c03["reason"]
