"""A proof printed, shown and checked by strangers: made over HTTP, verified from what anybody can fetch."""

import base64
import io
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import text

from auth.signing import SigningKey
from tests.flows.conftest import Later
from tests.flows.journeys import PERMIT_TYPE, denied, keep, unchanged, usage
from tests.flows.stage import ORIGIN, Stage
from tests.flows.strangers import (
    ADDRESS,
    ATTESTATION,
    CREDENTIAL,
    NUMBER,
    Clock,
    attested,
    fetched,
    judged,
    permit,
    revoke,
    shelf,
)
from tests.proofs import MEETING, Wallet, by_name, point
from vault.proofs.judging import (
    Shown,
    When,
    judge,
    judge_credential,
)


@pytest.fixture
def clock(offset: timedelta) -> Clock:
    return Clock(offset)


async def test_a_permit_is_proven_on_paper_to_strangers_who_never_ask_us(stage: Stage, clock: Clock) -> None:
    me, officer, document = await permit(stage)
    made = await attested(me, document, claims=[NUMBER])
    picture = Image.open(io.BytesIO(base64.b64decode(made["qrPng"])))
    (square,) = zxingcpp.read_barcodes(picture)
    assert square.text == made["text"]
    found = judged(made, await shelf(stage), clock())
    assert (found.valid, found.issuer_authority, found.level) == (True, "ISSUER", 1)
    assert found.claims[NUMBER] == "01/GPXD"
    assert ADDRESS not in found.claims
    assert (await usage(me))[0]["kind"] == "vault.attest"
    cwt = await fetched(stage, f"{ORIGIN}/status-lists/1", Accept="application/statuslist+cwt")
    assert cwt.headers["content-type"] == "application/statuslist+cwt"
    assert judged(made, await shelf(stage, cwt.content), clock()).valid
    await _kept_nowhere(stage, made)
    await revoke(officer, document)
    async with unchanged(stage):
        refused = await me.refused("attestDocument", ATTESTATION, document=document)
    assert refused["code"] == "DOCUMENT_NOT_USABLE"


async def test_the_file_it_speaks_of_is_handed_out_once_and_no_other_passes_for_it(
    stage: Stage, clock: Clock
) -> None:
    me = await stage.citizen("minh-chau")
    document = await keep(me, PERMIT_TYPE, {NUMBER: "tự khai"})
    made, again = await attested(me, document, claims=[NUMBER]), await attested(me, document)
    file, stranger = (await me.browser.get(made["fileUrl"])).content, stage.anybody().browser
    assert (await stranger.get(again["fileUrl"])).status_code == 401
    other = (await me.browser.get(again["fileUrl"])).content
    plain = await me.act("openDocument", "url", document=document)
    original = (await me.browser.get(plain["url"])).content
    kept = await shelf(stage)
    found = judge(Shown(made["text"], sha256(file).digest()), kept, When(clock()))
    # Nobody but its owner vouches for it, and no verifier is told otherwise.
    assert (found.signature, found.issuer_authority, found.valid) == ("VALID", "SELF_DECLARED", False)
    for wrong in (original, other, file[:-1]):
        shown = Shown(made["text"], sha256(wrong).digest())
        assert judge(shown, kept, When(clock())).signature == "INVALID"
    assert (await me.browser.get(made["fileUrl"])).status_code == 404


async def test_a_revocation_is_seen_at_once_and_history_keeps_what_held_before(
    stage: Stage, later: Later, clock: Clock
) -> None:
    me, officer, document = await permit(stage)
    made, hour = await attested(me, document), 3_600
    before = await shelf(stage)
    assert judged(made, before, clock()).valid
    day = clock()
    async with later(timedelta(hours=1)) as then:
        await revoke(then.carry(officer), document)
        found = judged(made, await shelf(then), clock(hour))
        assert (found.valid, found.status) == (False, "INVALID")
        # A list kept from before is old news: it holds until it ends, and then nothing is known.
        assert judged(made, before, clock(hour)).valid
        assert judged(made, before, clock(25 * hour)).status == "UNKNOWN"
        past = (await fetched(then, f"{ORIGIN}/status-lists/1?time={day}")).text
        history = await shelf(then, past)
        assert judged(made, history, clock(hour), on=day).status == "VALID"
        # The list of that day ends where it first said something else.
        assert judged(made, history, clock(hour), on=clock(hour + 1)).status == "UNKNOWN"


async def test_there_are_no_lists_to_come(stage: Stage, clock: Clock) -> None:
    browser = stage.anybody().browser
    for address, status in (
        ("/status-lists/1", 200), ("/status-lists/2", 404), ("/status-lists/0", 404), (f"/status-lists/{2**40}", 404),
        (f"/status-lists/1?time={clock(3600)}", 404), ("/status-lists/1?time=x", 400),
        ("/status-lists/1?time=-1", 400), ("/status-lists/1?time=99999999999", 404), ("/vct/nothing/1", 404),
    ):  # fmt: skip
        assert (await browser.get(f"{ORIGIN}{address}")).status_code == status, address


async def test_a_credential_is_shown_in_part_by_the_app_that_holds_its_key(
    stage: Stage, clock: Clock
) -> None:
    me, officer, document = await permit(stage)
    app = SigningKey.generate()
    given = {"document": document, "holderKey": point(app)}
    made = (await me.act("issueCredential", CREDENTIAL, **given))["credential"]
    token, *disclosures, _ = made["text"].split("~")
    named = by_name(disclosures)
    shown = Wallet(token, named, app).present(NUMBER, iat=clock())
    found = judge_credential(shown, await shelf(stage), When(clock()), MEETING)
    assert (found.valid, found.claims[NUMBER], ADDRESS in found.claims) == (True, "01/GPXD", False)
    assert made["type"] == f"{ORIGIN}/vct/{PERMIT_TYPE}/1"
    told = (await fetched(stage, made["type"])).json()
    assert {one["path"][0] for one in told["claims"]} >= set(named)
    again = (await me.act("issueCredential", CREDENTIAL, **given))["credential"]
    assert not set(made["text"].split("~")) & set(again["text"].split("~")) - {""}
    await revoke(officer, document)
    assert judge_credential(shown, await shelf(stage), When(clock()), MEETING).status == "INVALID"


async def test_what_is_no_proof_is_not_made(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    document, key = await keep(me, PERMIT_TYPE, {NUMBER: "tự khai"}), str(uuid4())
    await attested(me, document, idempotencyKey=key)
    wrong: list[tuple[str, dict[str, Any], str, list[str] | None]] = [
        ("attestDocument", {"validDays": 0}, "ATTESTATION_REFUSED", ["validDays"]),
        ("attestDocument", {"validDays": 367}, "ATTESTATION_REFUSED", ["validDays"]),
        ("attestDocument", {"claims": ["x.y@z"]}, "CLAIM_UNKNOWN", None),
        ("attestDocument", {"idempotencyKey": key}, "BAD_INPUT", ["idempotencyKey"]),
        ("attestDocument", {"idempotencyKey": key, "validDays": 3}, "IDEMPOTENCY_CONFLICT", None),
        ("issueCredential", {"holderKey": {"kty": "EC"}}, "ATTESTATION_REFUSED", ["holderKey"]),
        ("issueCredential", {"holderKey": "x"}, "ATTESTATION_REFUSED", ["holderKey"]),
    ]
    async with unchanged(stage):
        for operation, given, code, path in wrong:
            what = ATTESTATION if operation == "attestDocument" else CREDENTIAL
            refused = await me.refused(operation, what, document=document, **given)
            assert (refused["code"], refused["path"]) == (code, path), given
        assert await denied(other, "attestDocument", document=document) == "NOT_FOUND"


async def _kept_nowhere(stage: Stage, made: dict[str, Any]) -> None:
    """What a proof says, besides its claims' names."""
    async with stage.owner.connect() as connection:
        (row,) = (await connection.execute(text("SELECT * FROM attestations"))).mappings().all()
    assert NUMBER in row["claims"]
    assert "01/GPXD" not in str(dict(row))
    assert made["text"] not in str(dict(row))
    assert row["expires_at"] == datetime.fromisoformat(made["expiresAt"])
