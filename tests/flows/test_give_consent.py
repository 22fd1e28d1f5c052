"""Another person's document in one's own filing: their own approval of their own disclosure, by nobody else."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.flows.conftest import Later
from tests.flows.journeys import (
    BRIEF,
    Facts,
    agency,
    agreed,
    consents,
    denied,
    desk_for,
    digitise,
    fill,
    held,
    keep,
    line,
    look,
    notices,
    number_of,
    open_dossier,
    outcomes,
    requests,
    rows,
    seen,
    submit,
    take_in,
    unchanged,
)
from tests.flows.stage import Person, Stage

RESIDENCE, DWELLING = "1.004222", "dang-ky-thuong-tru.c02"
SITUATIONS = [
    {"id": "nhap-ho-ve-o-voi-nguoi-than", "value": False},
    {"id": "o-nha-thue-muon-o-nho", "value": False},
    {"id": "da-dong-y-tren-to-khai-cu-tru", "value": True},
]
HOUSE, HOUSE_CLAIMS = "gcn-so-huu-nha-o", {
    "person.full_name@owner": "Lê Thị Thu Hà (thử nghiệm)",
    "building.address@building": "Số 19",
    "building.lawful_dwelling@building": True,
    "land_parcel.parcel_number@land_parcel": "223",
    "land_parcel.map_sheet_number@land_parcel": "8",
}  # fmt: skip
HUSBAND, WIFE = "quang-huy", "thu-ha"


async def moving_in(husband: Person, key: str | None = None) -> Facts:
    """A husband's draft for registering his residence in his wife's house."""
    parties = [{"role": "owner_of_dwelling", "citizenId": number_of(WIFE)}]
    return await open_dossier(husband, RESIDENCE, key, parties=parties, situations=SITUATIONS)


async def give(person: Person, request: Facts, **changed: Any) -> Facts:
    given = {"request": request["id"], "consent": {"noticeSha256": request["notice"]["sha256"]}, **changed}
    done = await person.act(
        "giveConsent", "consent { id status recipient purpose documents { id } }", **given
    )
    found: Facts = done["consent"]
    return found


async def test_a_spouses_paper_waits_for_the_spouses_own_approval(stage: Stage) -> None:
    husband, wife = await stage.citizen(HUSBAND), await stage.citizen(WIFE)
    police = await stage.officer("cong-an-xa.toan-quyen")
    paper = await digitise(police, WIFE, HOUSE, HOUSE_CLAIMS)
    draft = await moving_in(husband, "cong-an-xa")
    c02 = line(draft, DWELLING)
    # He learns that she is asked; not what she holds.
    assert (c02["outcome"], c02["satisfied"], c02["evidence"]) == ("FETCH", True, [])
    assert "only with their own approval" in c02["reason"]
    assert (paper not in str(draft), draft["notice"]) == (True, None)
    draft = await fill(husband, draft)
    async with unchanged(stage):
        refused = await husband.refused("submitDossier", "dossier { id }", **seen(draft))
    assert (refused["code"], refused["roles"]) == ("CONSENT_OUTSTANDING", ["owner_of_dwelling"])
    (request,) = await requests(wife)
    assert (request["status"], request["agency"]) == ("REQUESTED", "Police, Test Ward One (sandbox)")
    (item,) = request["notice"]["items"]
    assert item["document"] == {"id": paper}
    assert [one["code"] for one in await notices(wife)][:1] == ["access_requested"]
    assert await requests(husband) == []
    given = await give(wife, request)
    assert (given["status"], given["documents"]) == ("GIVEN", [{"id": paper}])
    assert await requests(wife) == []
    filed = await submit(husband, draft)
    assert filed["status"] == "NEWLY_FILED"
    # Agreed to, it is what the filing rests on; which paper it is stays hers.
    c02 = line(filed, DWELLING)
    assert (c02["outcome"], [one["document"] for one in c02["evidence"]]) == ("REUSE", [None])
    taken = await take_in(police, filed)
    opened = await police.act(
        "openEvidence", "evidence { claims { name value } }", dossier=taken["id"], requirements=[DWELLING]
    )
    values = {one["name"]: one["value"] for one in opened["evidence"][0]["claims"]}
    assert values == {"building.address@building": "Số 19", "building.lawful_dwelling@building": True}
    assert [one["id"] for one in await consents(wife)] == [given["id"]]
    assert await consents(husband) == []
    # She withdraws. She cannot see the dossier; it follows all the same, and asks.
    await wife.act("withdrawConsent", "consent { status }", consent=given["id"])
    await stage.settle()
    stopped = await look(husband, filed)
    assert (stopped["status"], line(stopped, DWELLING)["satisfied"]) == ("SUPPLEMENT_REQUESTED", False)
    assert "basis_lost" in [one["code"] for one in await notices(husband)]
    gone = await police.refused(
        "openEvidence", "evidence { claims { name } }", dossier=taken["id"], requirements=[DWELLING]
    )
    assert gone["code"] == "EVIDENCE_GONE"


async def test_a_register_is_asked_about_somebody_else_only_when_they_approve(stage: Stage) -> None:
    husband, wife = await stage.citizen(HUSBAND), await stage.citizen(WIFE)
    police = await stage.officer("cong-an-xa.toan-quyen")
    draft = await moving_in(husband, "cong-an-xa")
    assert line(draft, DWELLING)["outcome"] == "FETCH"
    assert await rows(stage, "SELECT count(*) FROM register_probes") == [(0,)]
    (request,) = await requests(wife)
    assert request["notice"]["items"][0]["register"] is not None
    await give(wife, request)
    await stage.settle()
    filed = await submit(husband, draft)
    assert outcomes(filed)["c02"] == "FETCH"
    taken = await take_in(police, filed)
    opened = await police.act(
        "openEvidence", "evidence { claims { name value } }", dossier=taken["id"], requirements=[DWELLING]
    )
    values = {one["name"]: one["value"] for one in opened["evidence"][0]["claims"]}
    assert values["building.lawful_dwelling@building"] is True
    # The answer was sealed for this dossier under her own key; it is nobody's paper to reuse.
    assert await held(husband) == []


async def test_an_approval_is_given_once_as_read_by_the_person_asked_alone(stage: Stage) -> None:
    husband, wife = await stage.citizen(HUSBAND), await stage.citizen(WIFE)
    police = await stage.officer("cong-an-xa.toan-quyen")
    await digitise(police, WIFE, HOUSE, HOUSE_CLAIMS)
    await moving_in(husband, "cong-an-xa")
    (request,) = await requests(wife)
    given = {"request": request["id"], "consent": {"noticeSha256": request["notice"]["sha256"]}}
    stranger = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        stale = await wife.refused(
            "giveConsent", "consent { id }", **{**given, "consent": {"noticeSha256": "0" * 64}}
        )
        assert (stale["code"], stale["sha256"]) == ("CONSENT_STALE", request["notice"]["sha256"])
        assert await denied(husband, "giveConsent", **given) == "NOT_FOUND"
        assert await denied(stranger, "giveConsent", **given) == "NOT_FOUND"
        assert await denied(police, "giveConsent", **given) in ("NOT_FOUND", "ACCESS_DENIED")
    key = str(uuid4())
    first = await give(wife, request, idempotencyKey=key)
    async with unchanged(stage):
        assert await give(wife, request, idempotencyKey=key) == first
        again = await wife.refused("giveConsent", "consent { id }", **given)
    assert again["code"] == "CONSENT_SETTLED"


async def test_one_request_is_made_however_often_the_draft_is_planned(stage: Stage) -> None:
    husband, wife = await stage.citizen(HUSBAND), await stage.citizen(WIFE)
    police = await stage.officer("cong-an-xa.toan-quyen")
    await digitise(police, WIFE, HOUSE, HOUSE_CLAIMS)
    draft = await moving_in(husband, "cong-an-xa")
    for _ in range(2):
        done = await husband.act("answerSituations", BRIEF, **seen(draft), situations=SITUATIONS)
        draft = done["dossier"]
    assert len(await requests(wife)) == 1
    assert len([one for one in await notices(wife) if one["code"] == "access_requested"]) == 1


async def test_a_foreign_marriage_asks_each_spouse_for_their_own(stage: Stage) -> None:
    bride, groom = await stage.citizen("minh-chau"), await stage.citizen("dang-khoa")
    officer = await stage.officer("ubnd-mot.toan-quyen")
    health, abroad = "giay-xac-nhan-suc-khoe-tam-than", "giay-to-tinh-trang-hon-nhan-nuoc-ngoai"
    fit = {
        "person.full_name@holder": "x",
        "health.mental_capacity_conclusion@holder": "y",
        "document.issue_date@document": "2026-11-01",
    }
    single = {
        "person.full_name@foreign_spouse": "x",
        "marriage.status@foreign_spouse": "y",
        "document.issue_date@document": "2026-11-01",
        "document.expiry_date@document": "2027-05-01",
    }
    await digitise(officer, "minh-chau", health, fit)
    await digitise(officer, "dang-khoa", health, fit, pages=2)
    await digitise(officer, "dang-khoa", abroad, single, pages=3)
    parties = [{"role": "spouse", "citizenId": number_of("dang-khoa")}]
    draft = await open_dossier(bride, "2.000806", "ubnd-mot", parties=parties, situations=NO_TO_ALL)
    assert {part: outcomes(draft)[part] for part in ("c03", "c04", "c10")} == {
        "c03": "FETCH", "c04": "REUSE", "c10": "FETCH",
    }  # fmt: skip
    (request,) = await requests(groom)
    assert len(request["notice"]["items"]) == 2
    await give(groom, request)
    filed = await submit(bride, draft)
    assert filed["status"] == "NEWLY_FILED"
    assert await rows(stage, "SELECT count(*) FROM consents WHERE status = 'GIVEN'") == [(2,)]
    assert agreed(await look(bride, filed)) == {}


NO_TO_ALL = [
    {"id": one, "value": False}
    for one in (
        "ben-ket-hon-la-nguoi-nuoc-ngoai",
        "ben-ket-hon-la-nguoi-viet-dinh-cu-o-nuoc-ngoai",
        "da-ly-hon-o-nuoc-ngoai",
        "can-bo-cong-chuc-vien-chuc-luc-luong-vu-trang",
        "cong-tac-hoc-tap-co-thoi-han-o-nuoc-ngoai",
    )
]


async def test_which_of_somebodys_several_houses_is_meant_is_never_guessed(stage: Stage) -> None:
    husband = await stage.citizen(HUSBAND)
    await stage.citizen(WIFE)
    police = await stage.officer("cong-an-xa.toan-quyen")
    await stage.sandbox.set_mode("all", "down")
    other = {**HOUSE_CLAIMS, "land_parcel.parcel_number@land_parcel": "999"}
    await digitise(police, WIFE, HOUSE, HOUSE_CLAIMS)
    await digitise(police, WIFE, HOUSE, other, pages=2)
    draft = await moving_in(husband, "cong-an-xa")
    assert line(draft, DWELLING)["outcome"] != "REUSE"


SURVIVORS, BOOK = "2.000821", "giai-quyet-che-do-tu-tuat.c03"
INSURED = {"insurance.social_insurance_number@holder": "x", "insurance.contribution_periods@holder": "y"}


async def survivors_claim(person: Person, key: str, dead: str) -> Facts:
    """A draft for survivors' benefits after this person, who paid into the insurance."""
    paid = ("nguoi-mat-dang-dong-bhxh", "nguoi-mat-bao-luu-thoi-gian-dong-bhxh")
    situations = [{"id": one, "value": True} for one in paid]
    parties = [{"role": "deceased", "citizenId": number_of(dead)}]
    return await open_dossier(person, SURVIVORS, key, parties=parties, situations=situations)


async def test_calling_somebody_dead_opens_none_of_their_papers(stage: Stage) -> None:
    me, alive = await stage.citizen("quoc-viet"), await stage.citizen("thi-sen")
    key, officer = await desk_for(stage, me, SURVIVORS)
    await digitise(officer, "thi-sen", "so-bao-hiem-xa-hoi", INSURED)
    draft = await fill(me, await survivors_claim(me, key, "thi-sen"))
    assert (line(draft, BOOK)["outcome"], line(draft, BOOK)["evidence"]) == ("FETCH", [])
    async with unchanged(stage):
        refused = await me.refused("submitDossier", "dossier { id }", **seen(draft), **agreed(draft))
    assert (refused["code"], refused["roles"]) == ("CONSENT_OUTSTANDING", ["deceased"])
    # She learns of it, and it is hers to agree to.
    assert {"party_named", "access_requested"} <= {one["code"] for one in await notices(alive)}
    (asked,) = await requests(alive)
    assert len(asked["notice"]["items"]) == 1


async def test_the_papers_of_somebody_proven_dead_are_read_on_the_agencys_duty_with_its_article(
    stage: Stage,
) -> None:
    me = await stage.citizen("quoc-viet")
    await stage.citizen("thi-sen")
    key, officer = await desk_for(stage, me, SURVIVORS)
    await digitise(officer, "thi-sen", "so-bao-hiem-xa-hoi", INSURED)
    died = {"person.personal_id_number@deceased": number_of("thi-sen"), "death.date@deceased": "2026-11-02"}
    await digitise(officer, "thi-sen", "trich-luc-khai-tu", died, pages=2)
    draft = await survivors_claim(me, key, "thi-sen")
    assert (outcomes(draft)["c02"], outcomes(draft)["c03"], draft["notice"]) == ("FETCH", "FETCH", None)
    taken = await take_in(officer, await submit(me, draft))
    opened = await officer.act(
        "openEvidence", "evidence { claims { name value } }", dossier=taken["id"], requirements=[BOOK]
    )
    assert {one["name"] for one in opened["evidence"][0]["claims"]} == set(INSURED)
    read = """SELECT entry->>'legal_basis', entry->>'article' FROM ledger l JOIN dossier_parties p
        ON p.subject_id = l.subject_id WHERE p.role = 'deceased' AND l.kind = 'vault.read'"""
    assert await rows(stage, read) == [("LEGAL_DUTY", "Luật Bảo hiểm xã hội số 41/2024/QH15")]
    assert await rows(stage, "SELECT count(*) FROM consents") == [(0,)]


async def test_what_somebody_named_holds_cannot_be_told_from_what_a_register_has(stage: Stage) -> None:
    husband = await stage.citizen(HUSBAND)
    await stage.citizen(WIFE)
    police = await stage.officer("cong-an-xa.toan-quyen")
    none_held = line(await moving_in(husband, "cong-an-xa"), DWELLING)
    await digitise(police, WIFE, HOUSE, HOUSE_CLAIMS)
    one_held = line(await moving_in(husband, "cong-an-xa"), DWELLING)
    await stage.sandbox.set_mode("all", "down")
    silent = line(await moving_in(husband, "cong-an-xa"), DWELLING)
    assert none_held == one_held == silent
    assert HOUSE not in str(one_held)


async def test_why_somebodys_paper_does_not_serve_is_theirs_to_know(stage: Stage) -> None:
    bride, groom = await stage.citizen("minh-chau"), await stage.citizen("dang-khoa")
    await stage.sandbox.set_mode("all", "down")
    health, fit = "giay-xac-nhan-suc-khoe-tam-than", {
        "person.full_name@holder": "x",
        "health.mental_capacity_conclusion@holder": "y",
        "document.issue_date@document": "2026-11-01",
    }  # fmt: skip
    parties = [{"role": "spouse", "citizenId": number_of("dang-khoa")}]
    wedding = {"parties": parties, "situations": NO_TO_ALL}
    nothing = await open_dossier(bride, "2.000806", "ubnd-mot", **wedding)
    await keep(groom, health, {**fit, "document.issue_date@document": "2020-11-01"})
    expired = await open_dossier(bride, "2.000806", "ubnd-mot", **wedding)
    assert line(nothing, "c10") == line(expired, "c10")
    assert (line(expired, "c10")["outcome"], line(expired, "c10")["satisfied"]) == ("SUPPLY", False)
    gaps = []
    for draft in (nothing, expired):
        refused = await bride.refused("submitDossier", "dossier { id }", **seen(await look(bride, draft)))
        gaps.append([one for one in refused["gaps"] if one["requirement"].endswith(".c10")])
    assert gaps[0] == gaps[1] != []


async def test_ten_people_a_day_may_be_named(stage: Stage, later: Later) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("dang-khoa")
    await stage.citizen(WIFE)
    where = await agency(me, RESIDENCE)

    def naming(number: str) -> dict[str, Any]:
        parties = [{"role": "owner_of_dwelling", "citizenId": number}]
        return {"procedure": RESIDENCE, "agency": where, "parties": parties, "situations": SITUATIONS}

    await me.act("openDossier", "dossier { id }", **naming(number_of(WIFE)))
    for made_up in range(9):
        refused = await me.refused("openDossier", "dossier { id }", **naming(f"00119999999{made_up}"))
        assert refused["code"] == "PARTY_REFUSED"
    # The same person again is nobody new.
    await me.act("openDossier", "dossier { id }", **naming(f" {number_of(WIFE)} "))
    async with unchanged(stage):
        spent = await me.refused("openDossier", "dossier { id }", **naming(number_of("dang-khoa")))
    assert (spent["code"], spent["retryable"]) == ("TRIES_SPENT", True)
    assert await rows(stage, "SELECT count(*) FROM number_tries WHERE length(number_index) = 32") == [(10,)]
    assert await other.act("openDossier", "dossier { id }", **naming(number_of(WIFE)))
    async with later(timedelta(days=1, minutes=1)) as then:
        again = then.carry(me)
        assert await again.act("openDossier", "dossier { id }", **naming(number_of("dang-khoa")))
