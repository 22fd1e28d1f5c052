"""Another agency verifies a paper by its owner's code: chosen claims, counted uses, every attempt on record."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.flows.conftest import Later
from tests.flows.journeys import (
    PERMIT_TYPE,
    changes,
    denied,
    issued_permit,
    keep,
    rows,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage, agency_code

VERDICT = """verdict { valid signature issuerAuthority status freshness reason documentType issuer
  claims { name value disputed } }"""
ADDRESS, NUMBER = "building.address@building", "permit.number@permit_holder"


async def verdict(officer: Person, code: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await officer.act("verifyDocument", VERDICT, code=code, **given))["verdict"]
    return found


async def shared(me: Person, document: str, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = (await me.act("createShare", "share { id code url }", document=document, **given))[
        "share"
    ]
    return made


async def test_the_claims_chosen_are_seen_and_no_other_until_the_code_is_spent(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    bank = await stage.officer("so-tai-chinh.tham-dinh")
    _, permit = await issued_permit(me, officer)
    share = await shared(
        me, permit, claims=[ADDRESS, NUMBER], audience=agency_code("so-tai-chinh"), maxUses=2
    )
    key = str(uuid4())
    first = await verdict(bank, share["code"].lower(), idempotencyKey=key)
    assert (first["valid"], first["reason"]) == (True, None)
    assert (first["signature"], first["issuerAuthority"], first["status"], first["freshness"]) == (
        "VALID", "ISSUER", "VALID", "CURRENT",
    )  # fmt: skip
    assert {one["name"]: one["value"] for one in first["claims"]} == {
        ADDRESS: "Thôn Thử Nghiệm",
        NUMBER: "01/GPXD",
    }
    assert first["issuer"] == "People’s Committee, Test Ward One (sandbox)"
    # The same request again is judged anew and spends nothing.
    async with unchanged(stage):
        assert await verdict(bank, share["code"].lower(), idempotencyKey=key) == first
    assert (await verdict(bank, share["code"]))["valid"]
    assert await rows(stage, "SELECT uses FROM shares") == [(2,)]
    async with unchanged(stage):
        spent = await verdict(bank, share["code"])
    assert (spent["valid"], spent["reason"], spent["claims"]) == (False, "spent", [])
    attempts = [one["outcome"] for one in await usage(me) if one["kind"] == "share.redeemed"]
    assert sorted(attempts) == ["REFUSED", "SUCCESS", "SUCCESS", "SUCCESS"]
    conflict = await bank.refused("verifyDocument", VERDICT, code="x", idempotencyKey=key)
    assert conflict["code"] == "IDEMPOTENCY_CONFLICT"


async def test_a_code_for_another_agency_looks_like_none_and_is_soon_lost_to_it_alone(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    wrong, right = await stage.officer("so-y-te.tham-dinh"), await stage.officer("so-tai-chinh.tham-dinh")
    _, permit = await issued_permit(me, officer)
    share = await shared(me, permit, claims=[ADDRESS], audience=agency_code("so-tai-chinh"))
    unknown = await verdict(wrong, "0" * 26)
    for _ in range(5):
        assert await verdict(wrong, share["code"]) == unknown
    assert (unknown["valid"], unknown["reason"], unknown["documentType"]) == (False, "unknown", None)
    assert (await verdict(right, share["code"]))["valid"]


async def test_five_wrong_secrets_lose_a_code_to_whoever_tried_them_and_to_nobody_else(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    guesser, other = await stage.officer("so-y-te.tham-dinh"), await stage.officer("so-tai-chinh.tham-dinh")
    _, permit = await issued_permit(me, officer)
    share = await shared(me, permit, claims=[ADDRESS], maxUses=2)
    handle, unknown = share["code"][:6], await verdict(guesser, "0" * 26)
    for _ in range(5):
        assert await verdict(guesser, f"{handle}{'0' * 20}") == unknown
    locked = await verdict(guesser, share["code"])
    assert (locked["valid"], locked["reason"], locked["claims"]) == (False, "locked", [])
    assert (await verdict(other, share["code"]))["valid"]
    assert await rows(stage, "SELECT uses FROM shares") == [(1,)]


async def test_a_lapsed_code_and_a_revoked_paper_are_not_valid(stage: Stage, later: Later) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    bank = await stage.officer("so-tai-chinh.tham-dinh")
    _, permit = await issued_permit(me, officer)
    short = await shared(me, permit, claims=[ADDRESS], expiresInSeconds=60)
    long = await shared(me, permit, claims=[ADDRESS], expiresInSeconds=3_600, maxUses=5)
    why = {"reason": "x", "legalBasis": "Luật số 135/2025/QH15, Điều 54"}
    await officer.act("revokeResult", "document { id }", document=permit, **why)
    async with later(timedelta(minutes=2)) as then:
        bank = then.carry(bank)
        async with changes(then, "share_openings"):
            lapsed = await verdict(bank, short["code"])
        revoked = await verdict(bank, long["code"])
    assert (lapsed["valid"], lapsed["reason"]) == (False, "lapsed")
    assert (revoked["valid"], revoked["status"], revoked["reason"]) == (False, "REVOKED", "not_in_force")
    assert revoked["claims"] == []


async def test_what_its_owner_alone_declares_is_shown_and_never_called_valid(stage: Stage) -> None:
    me, bank = await stage.citizen("minh-chau"), await stage.officer("so-tai-chinh.tham-dinh")
    paper = await keep(me, PERMIT_TYPE, {NUMBER: "tự khai"})
    share = await shared(me, paper, claims=[NUMBER])
    found = await verdict(bank, share["code"])
    assert (found["valid"], found["issuerAuthority"], found["reason"]) == (
        False,
        "SELF_DECLARED",
        "self_declared",
    )
    assert [one["value"] for one in found["claims"]] == ["tự khai"]


async def test_only_officers_verify(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    paper = await keep(me, PERMIT_TYPE, {NUMBER: "x"})
    share = await shared(me, paper, claims=[NUMBER])
    async with unchanged(stage):
        assert await denied(me, "verifyDocument", code=share["code"]) == "ACCESS_DENIED"
        assert await denied(stage.anybody(), "verifyDocument", code=share["code"]) == "UNAUTHENTICATED"
