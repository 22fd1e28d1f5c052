"""The plan of a filing before anything is opened: what it would take today, or on another day. It writes nothing."""

from datetime import date
from typing import Any

from tests.flows.journeys import (
    EXTENSION,
    LAND_CLAIMS,
    LAND_REGISTER,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    PERMIT_CLAIMS,
    PERMIT_TYPE,
    digitise,
    held,
    issued_permit,
    keep,
    line,
    move,
    number_of,
    outcomes,
    permit_in_work,
    plan,
    rows,
    unchanged,
)
from tests.flows.stage import Stage

LAST_DAY, NEXT_DAY = "2027-02-28", "2027-03-01"
MIND_CERTIFICATE = "giay-xac-nhan-suc-khoe-tam-than"


async def test_a_plan_asks_no_register_and_writes_nothing(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    async with unchanged(stage):
        found = await plan(me, PERMIT, situations=NO_NEIGHBOURS)
    assert outcomes(found) == {"c01": "FORM", "c02": "FETCH", "c03": "SUPPLY", "c04": "NOT_APPLICABLE"}
    assert (found["toSupply"], found["optimal"]) == (1, True)
    assert await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'register.asked'") == [(0,)]


async def test_what_a_resolution_spares_is_asked_again_the_day_after_it_lapses(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    before = await plan(me, PERMIT, situations=NO_NEIGHBOURS, on=LAST_DAY)
    after = await plan(me, PERMIT, situations=NO_NEIGHBOURS, on=NEXT_DAY)
    assert (outcomes(before)["c02"], outcomes(after)["c02"]) == ("FETCH", "SUPPLY")
    assert "66.7" in line(before, "c02")["legalBasis"]
    assert (before["toSupply"], after["toSupply"]) == (1, 2)


async def test_a_register_that_is_down_is_waited_for(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    await stage.sandbox.set_mode(LAND_REGISTER, "down")
    found = await plan(me, PERMIT, situations=NO_NEIGHBOURS)
    assert (outcomes(found)["c02"], found["toSupply"]) == ("PENDING_FETCH", 1)


async def test_validity_is_judged_on_the_day_of_filing_and_expiring_soon_only_warns(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    until = {"type": PERMIT_TYPE, "claims": dict(PERMIT_CLAIMS), "validUntil": "2027-01-31"}
    await move(officer, "approveDossier", taken, results=[until])
    permit = (await held(me, PERMIT_TYPE))[0]["id"]
    for day, outcome, warned in (
        (date(2026, 12, 15), "REUSE", False),
        (date(2027, 1, 15), "REUSE", True),
        (date(2027, 1, 31), "REUSE", True),
        (date(2027, 2, 1), "SUPPLY", False),
    ):
        c02 = line(await plan(me, EXTENSION, on=day.isoformat()), "c02")
        assert (c02["outcome"], bool(c02["warnings"])) == (outcome, warned), day
    assert [one["document"]["id"] for one in c02["rejected"]] == [permit]
    assert "31 January 2027" in c02["rejected"][0]["reason"]


async def test_too_low_a_level_offers_an_upgrade_before_another_upload(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    claims = {
        "person.full_name@holder": "x",
        "health.mental_capacity_conclusion@holder": "y",
        "document.issue_date@document": "2026-11-01",
    }
    mine = await keep(me, MIND_CERTIFICATE, claims)
    c04 = line(await plan(me, "2.000806"), "c04")
    assert (c04["outcome"], c04["satisfied"]) == ("SUPPLY", False)
    assert "show the original once or have the held copy certified" in c04["reason"]
    assert [one["document"]["id"] for one in c04["rejected"]] == [mine]
    await digitise(officer, "minh-chau", MIND_CERTIFICATE, claims)
    assert line(await plan(me, "2.000806"), "c04")["outcome"] == "REUSE"
    # Half a year on it is too old, and it is said which paper was and since when.
    aged = line(await plan(me, "2.000806", on="2027-06-01"), "c04")
    assert aged["outcome"] == "SUPPLY"
    assert any("1 November 2026" in one["reason"] for one in aged["rejected"])


async def test_a_stand_in_never_serves_where_the_paper_itself_is_the_object(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("cong-an-xa.toan-quyen")
    assert outcomes(await plan(me, "3.000333"))["c02"] == "FETCH"
    card = "the-can-cuoc"
    assert (outcomes(await plan(me, "3.000228")))["c02"] == "SHOW"
    claims = {
        "person.personal_id_number@holder": number_of("minh-chau"),
        "person.full_name@holder": "x",
        "document.expiry_date@document": "2035-03-01",
        "person.facial_image@holder": "z",
    }
    await keep(me, card, claims)
    assert (outcomes(await plan(me, "3.000228")))["c02"] == "SHOW"
    await digitise(officer, "minh-chau", card, claims)
    # The original once compared at a counter is the paper itself.
    assert outcomes(await plan(me, "3.000228"))["c02"] == "REUSE"


async def test_an_issued_original_is_the_thing_itself_and_serves(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await keep(me, PERMIT_TYPE, PERMIT_CLAIMS)
    assert line(await plan(me, EXTENSION), "c02")["outcome"] == "SUPPLY"
    await issued_permit(me, officer)
    assert line(await plan(me, EXTENSION), "c02")["outcome"] == "REUSE"


async def test_a_plan_tells_nothing_of_somebody_named_by_number(stage: Stage) -> None:
    me, officer = await stage.citizen("dang-khoa"), await stage.officer("ubnd-mot.toan-quyen")
    await stage.citizen("minh-chau")
    named = [{"role": "land_user", "citizenId": number_of("minh-chau")}]

    async def planned(parties: Any) -> Any:
        return await plan(me, PERMIT, situations=NO_NEIGHBOURS, parties=parties)

    before = await planned(named)
    await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS)
    assert await planned(named) == before
    assert await planned([{"role": "land_user", "citizenId": "000000000000"}]) == before
    assert number_of("minh-chau") not in str(before)


async def test_whoever_is_not_signed_in_gets_the_published_guide_or_nothing_at_all(stage: Stage) -> None:
    me, nobody = await stage.citizen("minh-chau"), stage.anybody()
    mine = (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    query = "query($input: FilingPlanInput!) { filingPlan(input: $input) { toSupply } }"
    for given in ({"procedure": PERMIT, "onBehalfOf": mine}, {"procedure": "9.999999"}):
        said = await nobody.post(query, {"input": given})
        assert said["data"] is None
    stranger = await stage.citizen("thanh-binh")
    said = await stranger.post(query, {"input": {"procedure": PERMIT, "onBehalfOf": mine}})
    assert [one["extensions"]["code"] for one in said["errors"]] == ["NOT_FOUND"]


async def test_a_readable_register_is_the_upgrade_offered_before_any_other(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    claims = {
        "health.licence_class_fit@holder": "B",
        "health.fitness_conclusion@holder": "x",
        "document.issue_date@document": "2026-11-01",
    }
    mine = await keep(me, "giay-kham-suc-khoe-lai-xe", claims)
    fit = line(await plan(me, "3.000346"), "c02")
    assert (fit["requirement"]["minLevel"], fit["outcome"]) == (2, "FETCH")
    assert [one["document"]["id"] for one in fit["rejected"]] == [mine]
    assert "too low a level" in fit["rejected"][0]["reason"]


async def test_a_stand_in_names_the_provision_that_lets_it_stand_in(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("cong-an-xa.toan-quyen")
    await stage.sandbox.set_mode("all", "down")
    earlier = {"person.personal_id_number@holder": number_of("minh-chau"), "person.full_name@holder": "x"}
    card = await digitise(officer, "minh-chau", "the-can-cuoc-cong-dan", earlier)
    c02 = line(await plan(me, "1.001570"), "c02")
    assert (c02["requirement"]["documentType"], c02["outcome"]) == ("the-can-cuoc", "REUSE")
    assert c02["evidence"][0]["document"]["id"] == card
    assert c02["legalBasis"] == "Luật Căn cước số 26/2023/QH15, Điều 46"


async def test_of_two_papers_that_serve_one_is_used_and_the_other_explained(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("cong-an-xa.toan-quyen")
    await stage.sandbox.set_mode("all", "down")
    name = {"person.full_name@holder": "x"}
    abroad = await digitise(officer, "minh-chau", "ho-chieu", {"person.passport_number@holder": "1", **name})
    at_home = {"person.personal_id_number@holder": number_of("minh-chau"), **name}
    card = await digitise(officer, "minh-chau", "the-can-cuoc", at_home, pages=2)
    c02 = line(await plan(me, "3.000333"), "c02")
    used = [one["document"]["id"] for one in c02["evidence"]]
    spared = [one["document"]["id"] for one in c02["rejected"]]
    assert (c02["outcome"], {*used, *spared}, len(used)) == ("REUSE", {abroad, card}, 1)
    assert c02["rejected"][0]["reason"] == "Not needed: other evidence serves and discloses no more."
