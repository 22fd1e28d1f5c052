"""Erasure after a withdrawal or the end of the data's life: on the clock, to an answer; late ones are told of."""

from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from api.work import escalate
from tests.flows.conftest import Later
from tests.flows.journeys import (
    LAND,
    consents,
    denied,
    issued_permit,
    notices,
    permit_in_work,
    rows,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage
from tests.flows.systems import started
from tests.flows.test_request_access import READ, granted

LISTED = """{ erasures(first: 10) { edges { node { id status cause replyBy dueOn consentId papers } } } }"""
ANSWERED = "erasure { id status dueOn article }"
MINE = """query($id: ID!) { node(id: $id) { ... on Consent { erasure { status cause dueOn article } } } }"""


async def asked_of(person: Person) -> list[dict[str, Any]]:
    return [one["node"] for one in (await person.ask(LISTED))["erasures"]["edges"]]


async def mine(me: Person, consent: str) -> Any:
    return (await me.ask(MINE, id=consent))["node"]["erasure"]


async def withdrawn(stage: Stage, *, opened: bool = True) -> tuple[Person, Person, str]:
    """A dossier whose evidence an officer opened, and its consent withdrawn."""
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    (given,) = await consents(me)
    if opened:
        await officer.act(
            "openEvidence", "evidence { claims { name } }", dossier=taken["id"], requirements=[LAND]
        )
    await me.act("withdrawConsent", "consent { status }", consent=given["id"])
    return me, officer, given["id"]


async def test_what_was_opened_is_asked_back_and_the_person_sees_each_answer(stage: Stage) -> None:
    me, officer, consent = await withdrawn(stage)
    (asked,) = await asked_of(officer)
    today = datetime.now(timezone(timedelta(hours=7))).date()
    assert (asked["status"], asked["cause"]) == ("ASKED", "WITHDRAWN")
    assert timedelta(2) <= date.fromisoformat(asked["replyBy"]) - today <= timedelta(days=14)
    assert timedelta(15) <= date.fromisoformat(asked["dueOn"]) - today <= timedelta(days=26)
    assert (await mine(me, consent))["status"] == "ASKED"
    key = str(uuid4())
    said = await officer.act(
        "acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="RECEIVED", idempotencyKey=key
    )
    assert (said["erasure"]["status"], said["erasure"]["dueOn"]) == ("RECEIVED", asked["dueOn"])
    async with unchanged(stage):
        again = await officer.act(
            "acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="RECEIVED", idempotencyKey=key
        )
        assert again == said
        twice = await officer.refused("acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="RECEIVED")
        wordless = await officer.refused(
            "acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="EXTENDED"
        )
    assert (twice["code"], wordless["code"]) == ("ERASURE_SETTLED", "BAD_INPUT")
    longer = await officer.act(
        "acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="EXTENDED", article="Băng lưu trữ"
    )
    moved = date.fromisoformat(longer["erasure"]["dueOn"]) - date.fromisoformat(asked["dueOn"])
    assert timedelta(15) <= moved <= timedelta(days=26)
    await officer.act("acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="ERASED")
    async with unchanged(stage):
        for answer in ("ERASED", "EXTENDED", "RETAINED"):
            refused = await officer.refused(
                "acknowledgeErasure", ANSWERED, erasure=asked["id"], answer=answer, article="x"
            )
            assert refused["code"] == "ERASURE_SETTLED"
    assert (await mine(me, consent))["status"] == "ERASED"
    assert "erasure_done" in [one["code"] for one in await notices(me)]
    lines = [one["kind"] for one in await usage(me)]
    assert lines.count("erasure.answered") == 3
    assert lines.count("erasure.asked") == 1


async def test_what_was_never_opened_is_not_asked_back(stage: Stage) -> None:
    me, officer, consent = await withdrawn(stage, opened=False)
    assert await asked_of(officer) == []
    assert await mine(me, consent) is None


async def test_another_agency_and_the_person_themself_answer_nothing(stage: Stage) -> None:
    me, officer, _ = await withdrawn(stage)
    (asked,) = await asked_of(officer)
    other = await stage.officer("so-tai-chinh.toan-quyen")
    assert await asked_of(other) == []
    given = {"erasure": asked["id"], "answer": "ERASED"}
    async with unchanged(stage):
        assert await denied(other, "acknowledgeErasure", **given) == "NOT_FOUND"
        assert await denied(me, "acknowledgeErasure", **given) == "NOT_FOUND"


async def test_a_late_recipient_is_told_of_once_and_the_answer_still_counts(
    stage: Stage, later: Later
) -> None:
    me, officer, consent = await withdrawn(stage)
    (asked,) = await asked_of(officer)
    async with later(timedelta(days=60)) as then:
        tools = then.platform.loops._tools
        assert await escalate(tools)
        assert not await escalate(tools)
        codes = [row[0] for row in await rows(then, "SELECT code FROM notices WHERE code LIKE 'erasure%'")]
        assert sorted(codes) == ["erasure_overdue", "erasure_unanswered"]
    assert (await mine(me, consent))["status"] == "ASKED"
    kept = await officer.act(
        "acknowledgeErasure",
        ANSWERED,
        erasure=asked["id"],
        answer="RETAINED",
        article="Luật Lưu trữ, Điều 15",
    )
    assert (kept["erasure"]["status"], kept["erasure"]["article"]) == ("RETAINED", "Luật Lưu trữ, Điều 15")
    told = [one for one in await notices(me) if one["code"] == "erasure_kept"]
    assert "Luật Lưu trữ, Điều 15" in str(told)


async def test_third_parties_have_twenty_days(stage: Stage) -> None:
    _, officer, _ = await withdrawn(stage)
    (asked,) = await asked_of(officer)
    said = await officer.act(
        "acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="RECEIVED", thirdParties=True
    )
    moved = date.fromisoformat(said["erasure"]["dueOn"]) - date.fromisoformat(asked["dueOn"])
    assert timedelta(0) < moved <= timedelta(days=14)


async def test_when_its_time_is_over_a_system_is_asked_to_erase_and_one_that_only_verified_is_not(
    stage: Stage, later: Later
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    bank = await started(stage, "so-tai-chinh")
    reader, _ = await granted(stage, me, bank, validDays=30)
    await reader.act("readGranted", READ)
    checker, _ = await granted(stage, me, bank, validDays=30, mode="VERIFY")
    await checker.act("readGranted", READ)
    assert await rows(stage, "SELECT count(*) FROM erasure_requests") == [(0,)]
    async with later(timedelta(days=31)) as then:
        await then.settle()
        found = "SELECT cause, outcome FROM erasure_requests"
        assert await rows(then, found) == [("DATA_LIFE", None)]
        there = await started(then, "so-tai-chinh")
        (asked,) = await asked_of(there)
        done = await there.act("acknowledgeErasure", ANSWERED, erasure=asked["id"], answer="ERASED")
        assert done["erasure"]["status"] == "ERASED"
