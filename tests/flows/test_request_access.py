"""A system asks a person for claims of one paper; they answer on their own device; it reads as often as granted."""

import asyncio
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from api.work import sweep
from resolvers.connections import global_id
from tests.flows.conftest import Later
from tests.flows.journeys import (
    EXTENSION,
    PERMIT_TYPE,
    denied,
    issued_permit,
    notices,
    number_of,
    requests,
    rows,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage
from tests.flows.systems import System, started

ASKED = "request { id expiresAt interval }"
READ = "granted { documentType usesLeft retainUntil claims { name value disputed } }"
ADDRESS, NUMBER = "building.address@building", "permit.number@permit_holder"
WAITING = """{ accessRequests(first: 5) { edges { node {
  id status agency message expiresAt notice { text sha256 items { claims recipient } } } } } }"""


async def procedure_id(person: Person, code: str) -> str:
    found = await person.ask("query($code: String!) { procedure(code: $code) { id } }", code=code)
    made: str = found["procedure"]["id"]
    return made


async def ask(software: System, key: str = "minh-chau", **changes: Any) -> dict[str, Any]:
    given = {
        "citizenId": number_of(key),
        "type": PERMIT_TYPE,
        "claims": [ADDRESS, NUMBER],
        "procedure": await procedure_id(software, EXTENSION),
        "message": "BAN-7",
        **changes,
    }
    return await software.attempt("requestAccess", ASKED, **given)


async def waiting(me: Person) -> list[dict[str, Any]]:
    return [one["node"] for one in (await me.ask(WAITING))["accessRequests"]["edges"]]


async def agree(me: Person, request: dict[str, Any]) -> str:
    consent = {"noticeSha256": request["notice"]["sha256"]}
    given = await me.act("giveConsent", "consent { id status }", request=request["id"], consent=consent)
    made: str = given["consent"]["id"]
    return made


async def granted(stage: Stage, me: Person, software: System, **changes: Any) -> tuple[System, str]:
    """The software with a grant token, and the consent it rests on."""
    asked = (await ask(software, **changes))["request"]
    (request,) = await waiting(me)
    consent = await agree(me, request)
    answer = await software.ask_after(asked["id"])
    assert answer.status_code == 200, answer.text
    return software.holding(answer.json()["access_token"]), consent


async def left_alone(stage: Stage) -> None:
    """As after the seconds a system waits between two looks at a request."""
    async with stage.owner.begin() as connection:
        await connection.execute(text("UPDATE access_requests SET polled_at = NULL"))


async def test_what_a_person_grants_on_their_own_device_is_read_once_and_logged(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    bank = await started(stage, "so-tai-chinh")
    await issued_permit(me, officer)
    asked = (await ask(bank))["request"]
    assert (await notices(me))[0]["code"] == "access_asked"
    pending = await bank.ask_after(asked["id"])
    assert (pending.status_code, pending.json()) == (400, {"error": "authorization_pending"})
    hasty = await bank.ask_after(asked["id"])
    assert hasty.json() == {"error": "slow_down"}
    (request,) = await waiting(me)
    assert (request["id"], request["message"], request["status"]) == (asked["id"], "BAN-7", "REQUESTED")
    assert "Department of Finance" in request["agency"]
    await agree(me, request)
    assert await waiting(me) == []
    await left_alone(stage)
    told = (await bank.ask_after(asked["id"])).json()
    assert (told["token_type"], told["expires_in"]) == ("DPoP", 300)
    (details,) = told["authorization_details"]
    assert (details["type"], details["actions"], details["max_uses"]) == (
        "vn_vault_document_access", ["read_claims"], 1,
    )  # fmt: skip
    assert details["datatypes"] == sorted([ADDRESS, NUMBER])
    reader = bank.holding(told["access_token"])
    key = str(uuid4())
    read = (await reader.act("readGranted", READ, idempotencyKey=key))["granted"]
    assert {one["name"]: one["value"] for one in read["claims"]} == {
        ADDRESS: "Thôn Thử Nghiệm",
        NUMBER: "01/GPXD",
    }
    assert (read["documentType"], read["usesLeft"]) == (PERMIT_TYPE, 0)
    # The same request again discloses anew and spends nothing; another is refused.
    again = (await reader.act("readGranted", READ, idempotencyKey=key))["granted"]
    assert again == read
    async with unchanged(stage):
        assert (await reader.refused("readGranted", READ))["code"] == "GRANT_SPENT"
    lines = [(one["kind"], one["outcome"]) for one in await usage(me) if one["kind"] == "vault.read"]
    assert len(lines) >= 2
    assert await rows(stage, "SELECT uses FROM access_requests") == [(1,)]


async def test_a_system_may_only_verify_when_that_is_all_it_asked_for(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    bank = await started(stage, "so-tai-chinh")
    asked = (await ask(bank, mode="VERIFY", maxUses=3, validDays=365))["request"]
    (request,) = await waiting(me)
    assert "only whether the document is in force" in request["notice"]["text"]
    assert "365 days" in request["notice"]["text"]
    await agree(me, request)
    answer = await bank.ask_after(asked["id"])
    reader = bank.holding(answer.json()["access_token"])
    read = (await reader.act("readGranted", f"granted {{ mode {READ.removeprefix('granted {')}"))["granted"]
    assert (read["mode"], read["usesLeft"]) == ("VERIFY", 2)
    assert {one["name"]: one["value"] for one in read["claims"]} == {ADDRESS: None, NUMBER: None}


async def test_a_periodic_grant_is_read_once_a_period_and_told_how_long_it_may_be_kept(
    stage: Stage, later: Later
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    bank = await started(stage, "so-tai-chinh")
    limits = {"fetchType": "PERIODIC", "frequencyDays": 7, "dataLifeDays": 2, "maxUses": 2, "mode": "STORE"}
    reader, _ = await granted(stage, me, bank, **limits)
    read = (await reader.act("readGranted", READ))["granted"]
    today = datetime.now(timezone(timedelta(hours=7))).date()
    assert date.fromisoformat(read["retainUntil"]) - today in (timedelta(days=2), timedelta(days=3))
    async with unchanged(stage):
        assert (await reader.refused("readGranted", READ))["code"] == "CONSENT_MISSING"
    async with later(timedelta(days=8)) as then:
        await then.settle()
        there = await started(then, "so-tai-chinh")
        (asked,) = await rows(then, "SELECT id FROM access_requests")
        token = (await there.ask_after(global_id("AccessRequest", asked[0]))).json()["access_token"]
        again = there.holding(token)
        assert (await again.act("readGranted", READ))["granted"]["usesLeft"] == 0
        states = await rows(then, "SELECT state FROM consent_events ORDER BY ledger_id, id")
        assert [one for (one,) in states][-3:] == ["Used", "Used", "Exhausted"]


async def test_of_fifty_readings_at_once_one_gets_the_claims(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    reader, _ = await granted(stage, me, await started(stage, "so-tai-chinh"))
    answers = await asyncio.gather(*(reader.attempt("readGranted", READ) for _ in range(50)))
    got = [one for one in answers if one["granted"]]
    codes = {one["errors"][0]["code"] for one in answers if one["errors"]}
    # Who waited too long for the others is told to come again, and would then hear that nothing is left.
    assert len(got) == 1
    assert codes <= {"GRANT_SPENT", "DISCLOSURE_BUSY"}
    print(f"50 readings under one grant at once: {len(got)} got the claims")
    assert await rows(stage, "SELECT uses FROM access_requests") == [(1,)]


async def test_withdrawn_nothing_is_read_and_no_new_token_given(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    bank = await started(stage, "so-tai-chinh")
    reader, consent = await granted(stage, me, bank, maxUses=5)
    key = str(uuid4())
    assert (await reader.act("readGranted", READ, idempotencyKey=key))["granted"]["usesLeft"] == 4
    assert (await bank.introspect(reader.token))["active"]
    await me.act("withdrawConsent", "consent { status }", consent=consent)
    async with unchanged(stage):
        for given in ({}, {"idempotencyKey": key}):
            assert (await reader.refused("readGranted", READ, **given))["code"] == "CONSENT_MISSING"
    assert await bank.introspect(reader.token) == {"active": False}
    await left_alone(stage)
    (asked,) = await rows(stage, "SELECT id FROM access_requests")
    answer = await bank.ask_after(global_id("AccessRequest", asked[0]))
    assert (answer.status_code, answer.json()) == (400, {"error": "access_denied"})


async def test_refused_is_refused_and_nothing_comes_of_it(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    bank = await started(stage, "so-tai-chinh")
    asked = (await ask(bank))["request"]
    (request,) = await waiting(me)
    refused = await me.act("refuseConsent", "request { id status }", request=request["id"])
    assert refused["request"] == {"id": asked["id"], "status": "REFUSED"}
    assert (await bank.ask_after(asked["id"])).json() == {"error": "access_denied"}
    async with unchanged(stage):
        consent = {"noticeSha256": request["notice"]["sha256"]}
        again = await me.refused("giveConsent", "consent { id }", request=request["id"], consent=consent)
        assert again["code"] == "CONSENT_SETTLED"
    other = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        assert await denied(other, "refuseConsent", request=request["id"]) == "NOT_FOUND"
        assert await denied(other, "giveConsent", request=request["id"], consent=consent) == "NOT_FOUND"


async def test_nobody_learns_whether_a_number_is_anybodys(stage: Stage, later: Later) -> None:
    me, bank = await stage.citizen("minh-chau"), await started(stage, "so-tai-chinh")
    known = (await ask(bank))["request"]
    unknown = (await ask(bank, citizenId="001099999999"))["request"]
    ends = [datetime.fromisoformat(one["expiresAt"]) for one in (known, unknown)]
    assert timedelta(0) < ends[1] - ends[0] < timedelta(seconds=10)
    assert known["interval"] == unknown["interval"]
    answers = [(await bank.ask_after(one["id"])) for one in (known, unknown)]
    assert {(one.status_code, one.text) for one in answers} == {(400, '{"error":"authorization_pending"}')}
    # She holds no such paper: she can only say no, and that too is not told before she does.
    (request,) = await waiting(me)
    assert request["notice"]["items"] == []
    async with unchanged(stage):
        consent = {"noticeSha256": request["notice"]["sha256"]}
        nothing = await me.refused("giveConsent", "consent { id }", request=request["id"], consent=consent)
        assert nothing["code"] == "DOCUMENT_NOT_USABLE"
    async with later(timedelta(minutes=11)) as then:
        late = await started(then, "so-tai-chinh")
        answers = [(await late.ask_after(one["id"])) for one in (known, unknown)]
        assert {(one.status_code, one.text) for one in answers} == {(400, '{"error":"expired_token"}')}
        assert await waiting(then.carry(me)) == []
    # Forgotten a day after they lapsed, and only then.
    for hours, left in ((24, 2), (25, 0)):
        async with later(timedelta(hours=hours)) as then:
            await sweep(then.platform.loops._tools)
            assert await rows(then, "SELECT count(*) FROM access_requests") == [(left,)]


async def test_only_what_was_declared_and_what_the_purpose_needs_is_asked_for(stage: Stage) -> None:
    bank, officer = await started(stage, "so-tai-chinh"), await stage.officer("so-tai-chinh.toan-quyen")
    me = await stage.citizen("thanh-binh")
    procedure = await procedure_id(bank, EXTENSION)
    async with unchanged(stage):
        for changes, path in (
            ({"procedure": global_id("Procedure", "none")}, "procedure"),
            ({"type": "giay-khai-sinh"}, "type"),
            ({"claims": ["building.height_m@building"]}, "claims"),
            ({"claims": []}, "claims"),
            ({"maxUses": 0}, "maxUses"),
            ({"maxUses": 101}, "maxUses"),
            ({"validDays": 366}, "validDays"),
            ({"dataLifeDays": 0}, "dataLifeDays"),
            ({"fetchType": "PERIODIC"}, "frequencyDays"),
            ({"frequencyDays": 7}, "frequencyDays"),
            ({"expiresInSeconds": 1}, "expiresInSeconds"),
            ({"message": "Nguyễn Thị Minh Châu"}, "message"),
        ):
            (error,) = (await ask(bank, **changes))["errors"]
            assert (error["code"], error["path"]) == ("ACCESS_REFUSED", [path]), changes
        (error,) = (await ask(bank, citizenId="12"))["errors"]
        assert error["code"] == "BAD_INPUT"
        given = {
            "citizenId": number_of("minh-chau"), "type": PERMIT_TYPE, "claims": [NUMBER], "procedure": procedure,
        }  # fmt: skip
        assert await denied(officer, "requestAccess", **given) == "ACCESS_DENIED"
        assert await denied(me, "requestAccess", **given) == "ACCESS_DENIED"


async def test_a_grant_token_is_for_its_one_thing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    bank, other = await started(stage, "so-tai-chinh"), await started(stage, "so-y-te")
    reader, _ = await granted(stage, me, bank)
    async with unchanged(stage):
        assert await denied(bank, "readGranted") == "NOT_FOUND"
        assert await denied(reader, "verifyDocument") == "ACCESS_DENIED"
        assert await denied(reader, "verifyDocument", code="0" * 26) == "ACCESS_DENIED"
        given = {
            "citizenId": number_of("minh-chau"), "type": PERMIT_TYPE, "claims": [NUMBER],
            "procedure": await procedure_id(bank, EXTENSION),
        }  # fmt: skip
        assert await denied(reader, "requestAccess", **given) == "ACCESS_DENIED"
        desk = await reader.post("{ desk(first: 5) { edges { cursor } } }")
        assert desk["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    thief = other.holding(reader.token)
    assert (await thief.speak("{ viewer { id } }")).status_code == 401
    assert await other.introspect(reader.token) == {"active": False}
    assert len(await requests(me)) == 0
