"""The decision: results issued into the vault they belong to, and serving the next filing from that moment."""

from datetime import datetime, time
from uuid import uuid4
from zoneinfo import ZoneInfo

from sandbox.people import BY_KEY
from tests.flows.journeys import (
    DESK,
    DRAWING,
    DRAWING_TYPE,
    EXTENSION,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    PERMIT_CLAIMS,
    PERMIT_RESULT,
    PERMIT_TYPE,
    bring,
    denied,
    held,
    issued_permit,
    line,
    look,
    move,
    notices,
    number_of,
    open_dossier,
    outcomes,
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

BIRTH = "1.001193"
NEWBORN = BY_KEY["minh-chau"].newborn


async def test_an_issued_permit_is_extended_without_any_upload_and_gives_way_to_its_successor(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    done, permit = await issued_permit(me, officer)
    assert (done["status"], done["availableMoves"]) == ("PROCESSED", ["return"])
    mine = await look(me, done)
    assert mine["results"] == [{"id": permit, "type": PERMIT_TYPE, "origin": "ISSUED"}]
    assert (await notices(me))[0]["code"] == "processed"
    # The permit alone names the building it extends.
    extension = await open_dossier(me, EXTENSION, "ubnd-hai")
    assert outcomes(extension) == {"c01": "FORM", "c02": "REUSE"}
    (used,) = line(extension, "c02")["evidence"]
    assert used["document"] == {"id": permit, "type": PERMIT_TYPE, "origin": "ISSUED", "level": 1}
    elsewhere = await stage.officer("ubnd-hai.toan-quyen")
    taken = await take_in(elsewhere, await submit(me, extension))
    longer = {**PERMIT_RESULT, "validUntil": "2028-11-23"}
    await move(elsewhere, "approveDossier", taken, results=[longer])
    permits = {one["id"]: one["status"] for one in await held(me, PERMIT_TYPE)}
    assert sorted(permits.values()) == ["SUPERSEDED", "VALID"]
    assert permits[permit] == "SUPERSEDED"
    again = await open_dossier(me, EXTENSION, "ubnd-hai")
    (used,) = line(again, "c02")["evidence"]
    assert permits[used["document"]["id"]] == "VALID"


async def test_a_decision_that_does_not_fit_issues_nothing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    appraiser, stranger = (
        await stage.officer("ubnd-mot.tham-dinh"), await stage.officer("ubnd-hai.toan-quyen"),
    )  # fmt: skip
    wrong = {"type": PERMIT_TYPE, "claims": {**PERMIT_CLAIMS, "person.nickname@holder": "x"}}
    async with unchanged(stage):
        for results, code in (
            ([], "RESULT_REFUSED"),
            ([{"type": LAND_TYPE, "claims": {}}], "RESULT_REFUSED"),
            ([PERMIT_RESULT, {"type": "khong-co-loai-nay", "claims": {}}], "RESULT_REFUSED"),
            ([wrong], "CLAIMS_REFUSED"),
            ([{"type": PERMIT_TYPE, "claims": ["x"]}], "BAD_INPUT"),
        ):
            refused = await officer.refused("approveDossier", DESK, **seen(taken), results=results)
            assert refused["code"] == code, results
        stale = await officer.refused(
            "approveDossier", DESK, dossier=taken["id"], expectedVersion=1, results=[PERMIT_RESULT]
        )
        assert stale["code"] == "STALE_VERSION"
        given = {**seen(taken), "results": [PERMIT_RESULT]}
        assert await denied(appraiser, "approveDossier", **given) == "ACCESS_DENIED"
        assert await denied(stranger, "approveDossier", **given) == "NOT_FOUND"
        assert await denied(me, "approveDossier", **given) == "ACCESS_DENIED"
    key = str(uuid4())
    first = await officer.act("approveDossier", DESK, **given, idempotencyKey=key)
    async with unchanged(stage):
        assert await officer.act("approveDossier", DESK, **given, idempotencyKey=key) == first
        late = await officer.refused(
            "approveDossier", DESK, **seen(first["dossier"]), results=[PERMIT_RESULT]
        )
    assert late["code"] == "MOVE_NOT_ALLOWED"
    assert len(await held(me, PERMIT_TYPE)) == 1


async def test_nothing_is_decided_while_a_register_owes_its_answer(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.sandbox.set_mode(LAND_REGISTER, "down")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    taken = await take_in(officer, await submit(me, draft))
    async with unchanged(stage):
        refused = await officer.refused("approveDossier", DESK, **seen(taken), results=[PERMIT_RESULT])
    assert (refused["code"], refused["retryable"]) == ("EVIDENCE_PENDING", True)


async def test_a_filing_not_yet_in_work_is_not_decided(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, officer)
    async with unchanged(stage):
        early = await officer.refused("approveDossier", DESK, **seen(filed), results=[PERMIT_RESULT])
        handed = await officer.refused("returnResult", DESK, **seen(filed))
    assert (early["code"], handed["code"]) == ("MOVE_NOT_ALLOWED", "MOVE_NOT_ALLOWED")


async def test_a_birth_is_registered_without_paper_and_the_child_gets_its_number_and_its_vault(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    assert NEWBORN is not None
    parties = [{"role": "child"}, {"role": "mother", "citizenId": number_of("minh-chau")}]
    none = [{"id": one, "value": False} for one in ("tre-bi-bo-roi", "sinh-con-nho-mang-thai-ho")]
    draft = await open_dossier(me, BIRTH, "ubnd-mot", parties=parties, situations=none)
    assert outcomes(draft)["c02"] == "FETCH"
    assert "SUPPLY" not in outcomes(draft).values()
    wards = "{ viewer { wards { subject relation name } } }"
    (newborn,) = (await me.ask(wards))["viewer"]["wards"]
    guarded = "SELECT valid_until, revoked_at FROM mandates"
    assert await rows(stage, guarded) == [(None, None)]
    assert (newborn["relation"], newborn["name"]) == ("parent", None)
    taken = await take_in(officer, await submit(me, draft))
    claims = {
        "person.personal_id_number@child": NEWBORN.number,
        "person.full_name@child": NEWBORN.intended_name,
        "person.date_of_birth@child": NEWBORN.born.isoformat(),
        "person.sex@child": NEWBORN.sex,
    }
    done = await move(
        officer, "approveDossier", taken, results=[{"type": "giay-khai-sinh", "claims": claims}]
    )
    assert done["status"] == "PROCESSED"
    # In its parent's charge until the day it turns eighteen, in Viet Nam.
    majority = NEWBORN.born.replace(year=NEWBORN.born.year + 18)
    ((until, ended),) = await rows(stage, guarded)
    assert (until, ended) == (datetime.combine(majority, time(), ZoneInfo("Asia/Ho_Chi_Minh")), None)
    (child,) = (await me.ask(wards))["viewer"]["wards"]
    assert child == {"subject": newborn["subject"], "relation": "parent", "name": NEWBORN.intended_name}
    (certificate,) = await held(me, "giay-khai-sinh")
    owned = "SELECT d.subject_id = m.subject_id FROM documents d, mandates m WHERE d.type = 'giay-khai-sinh'"
    assert await rows(stage, owned) == [(True,)]
    # The number found nobody before; now it finds the very child whose vault the certificate is in.
    card = await open_dossier(
        me, "1.014137",
        parties=[{"role": "child", "citizenId": NEWBORN.number}],
        situations=[{"id": f"thay-doi-{one}", "value": False} for one in ("muc-huong-bhyt", "thong-tin-nhan-than")],
    )  # fmt: skip
    c02 = line(card, "c02")
    assert c02["outcome"] == "REUSE"
    assert c02["evidence"][0]["document"]["id"] == certificate["id"]
    assert "vault.deposit" in [one["kind"] for one in await usage(me)]


async def test_a_number_that_belongs_to_somebody_else_is_given_to_no_newborn(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    parties = [{"role": "child"}, {"role": "mother", "citizenId": number_of("minh-chau")}]
    none = [{"id": one, "value": False} for one in ("tre-bi-bo-roi", "sinh-con-nho-mang-thai-ho")]
    draft = await open_dossier(me, BIRTH, "ubnd-mot", parties=parties, situations=none)
    taken = await take_in(officer, await submit(me, draft))
    claims = {"person.personal_id_number@child": number_of("minh-chau"), "person.full_name@child": "x"}
    async with unchanged(stage):
        refused = await officer.refused(
            "approveDossier", DESK, **seen(taken), results=[{"type": "giay-khai-sinh", "claims": claims}]
        )
        claims["person.personal_id_number@child"] = "001226999999"
        undated = await officer.refused(
            "approveDossier", DESK, **seen(taken), results=[{"type": "giay-khai-sinh", "claims": claims}]
        )
    assert (refused["code"], undated["code"]) == ("NUMBER_TAKEN", "RESULT_REFUSED")
