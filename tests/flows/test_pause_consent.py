"""Pausing a consent: closed to its recipient until its person opens it again; and what the person reads of it."""

import base64
import dataclasses
import hashlib
import json
from typing import Any
from uuid import uuid4

import rfc8785

from tests.flows.journeys import LAND, consents, denied, notices, permit_in_work, unchanged, usage
from tests.flows.stage import Person, Stage

PAUSED = "consent { id status }"
WHOLE = """query($id: ID!) { node(id: $id) { ... on Consent { status givenAt text record receipt usesLeft
  events(first: 20) { edges { node { event at byRecipient logIndex } } } } } }"""
OPENED = "evidence { claims { name } }"


async def read(person: Person, consent: str) -> dict[str, Any]:
    found: dict[str, Any] = (await person.ask(WHOLE, id=consent))["node"]
    return found


def events(found: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(one["node"]["event"], one["node"]["byRecipient"]) for one in found["events"]["edges"]]


async def test_paused_nothing_is_opened_and_the_dossier_stays_as_it_is(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    (given,) = await consents(me)
    key = str(uuid4())
    paused = await me.act("pauseConsent", PAUSED, consent=given["id"], paused=True, idempotencyKey=key)
    assert paused["consent"] == {"id": given["id"], "status": "PAUSED"}
    asked = {"dossier": taken["id"], "requirements": [LAND]}
    async with unchanged(stage):
        again = await me.act("pauseConsent", PAUSED, consent=given["id"], paused=True, idempotencyKey=key)
        assert again == paused
        shut = await officer.refused("openEvidence", OPENED, **asked)
    assert shut["code"] == "CONSENT_MISSING"
    assert "basis_lost" not in [one["code"] for one in await notices(me)]
    await me.act("pauseConsent", PAUSED, consent=given["id"], paused=False)
    opened = await officer.act("openEvidence", OPENED, **asked)
    assert opened["evidence"][0]["claims"]
    found = await read(me, given["id"])
    assert events(found) == [("Given", False), ("Paused", False), ("Resumed", False), ("Used", True)]
    kinds = [one["kind"] for one in await usage(me)]
    assert {"consent.paused", "consent.resumed"} <= set(kinds)


async def test_nobody_else_pauses_and_what_has_ended_is_not_paused(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await permit_in_work(me, officer)
    (given,) = await consents(me)
    other = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        assert await denied(other, "pauseConsent", consent=given["id"], paused=True) == "NOT_FOUND"
        assert await denied(officer, "pauseConsent", consent=given["id"], paused=True) == "ACCESS_DENIED"
    await me.act("withdrawConsent", PAUSED, consent=given["id"])
    async with unchanged(stage):
        refused = await me.refused("pauseConsent", PAUSED, consent=given["id"], paused=True)
    assert refused["code"] == "CONSENT_SETTLED"


async def test_a_person_takes_away_the_record_that_was_signed_and_its_exact_words(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await permit_in_work(me, officer)
    (given,) = await consents(me)
    found = await read(me, given["id"])
    record = found["record"]
    assert record["schema_version"] == "vn-27560/2"
    assert record["privacy_notice"]["sha256"] == hashlib.sha256(found["text"].encode()).hexdigest()
    (party,) = record["pii_controllers"]
    assert party["name"] in found["text"]
    assert record["requirement_ids"]
    assert record["evidence"]["ip_hash"]
    claims = json.loads(base64.urlsafe_b64decode(found["receipt"].split(".")[1] + "=="))
    digest = base64.urlsafe_b64encode(hashlib.sha256(rfc8785.dumps(record)).digest()).rstrip(b"=").decode()
    assert claims["record_sha256"] == digest
    assert claims["sub"] == record["pii_principal_id"]
    # Shown in another language later, the words are those agreed to.
    assert (await read(dataclasses.replace(me, language="vi"), given["id"]))["text"] == found["text"]
