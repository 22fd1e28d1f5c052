"""A person sees what proofs they had made and takes one back: everybody who looks sees it at once, and for good."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from resolvers.connections import global_id
from tests.flows.journeys import PERMIT_TYPE, denied, keep, rows, unchanged, usage
from tests.flows.stage import Person, Stage
from tests.flows.strangers import NUMBER, Clock, certified, judged, revoke, shelf
from tests.flows.test_verify_proof import verdict
from tests.size import sized

PARCEL = "land_parcel.parcel_number@land_parcel"
MADE = "attestation { proof text }"
PROOF = "proof { id withdrawnAt }"
STANDINGS = "SELECT standing FROM standing_changes ORDER BY id"


@pytest.fixture
def clock(offset: Any) -> Clock:
    return Clock(offset)


async def prove(person: Person, document: str, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await person.act("attestDocument", MADE, document=document, **given))[
        "attestation"
    ]
    return found


async def proofs(person: Person) -> list[dict[str, Any]]:
    query = "{ myProofs(first: 100) { edges { node { id kind document title claims withdrawnAt } } } }"
    return [edge["node"] for edge in (await person.ask(query))["myProofs"]["edges"]]


async def test_one_proof_is_taken_back_and_the_others_stand(stage: Stage, clock: Clock) -> None:
    me, officer, document = await certified(stage)
    kept, lost = await prove(me, document, claims=[PARCEL]), await prove(me, document)
    before = await shelf(stage)
    told = await proofs(me)
    assert [one["id"] for one in told] == [lost["proof"], kept["proof"]]
    assert {(one["kind"], one["document"], one["title"]) for one in told} == {
        ("ATTESTATION", document, "Land-use right and attached-asset certificate")
    }
    assert "Parcel number" in told[1]["claims"]
    key = str(uuid4())
    for _ in range(2):
        done = await me.act("withdrawProof", PROOF, proof=lost["proof"], idempotencyKey=key)
        assert done["proof"]["withdrawnAt"] is not None
    assert await verdict(stage, lost["text"]) == ("REVOKED", False, ["revoked"])
    assert await verdict(stage, kept["text"]) == ("GOOD", True, [])
    assert judged(lost, await shelf(stage), clock()).status == "INVALID"
    # A list from before is old news: it ends, and then nothing is known.
    assert judged(lost, before, clock()).valid
    assert judged(lost, before, clock(25 * 3600)).status == "UNKNOWN"
    again = await me.act("withdrawProof", PROOF, proof=lost["proof"])
    assert again == done
    assert [one["kind"] for one in await usage(me)].count("proof.withdrawn") == 1
    assert [one["withdrawnAt"] is None for one in await proofs(me)] == [False, True]
    await revoke(officer, document)
    assert (await verdict(stage, kept["text"]))[0] == "REVOKED"
    assert await rows(stage, STANDINGS) == [(1,), (1,)]


async def test_nobody_takes_back_what_is_not_theirs(stage: Stage) -> None:
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thanh-binh")
    officer = await stage.officer("ubnd-mot.toan-quyen")
    made = await prove(me, await keep(me, PERMIT_TYPE, {NUMBER: "tự khai"}))
    async with unchanged(stage):
        for somebody in (other, officer):
            assert await denied(somebody, "withdrawProof", proof=made["proof"]) == "NOT_FOUND"
            assert await proofs(somebody) == []
        assert await denied(stage.anybody(), "withdrawProof", proof=made["proof"]) == "UNAUTHENTICATED"
        assert await denied(me, "withdrawProof", proof=global_id("Proof", uuid4())) == "NOT_FOUND"
        refused = await me.refused("withdrawProof", PROOF, proof=global_id("Share", uuid4()))
        assert refused["code"] == "BAD_INPUT"
    assert (await verdict(stage, made["text"]))[0] == "SELF_DECLARED"


async def test_taken_back_is_the_last_word_whatever_happens_to_the_paper_meanwhile(stage: Stage) -> None:
    me, rounds = await stage.citizen("minh-chau"), sized(3, 40)
    for number in range(rounds):
        pages = (2 * number + 1, 2 * number + 2)
        papers = [await keep(me, PERMIT_TYPE, {NUMBER: str(one)}, pages=one) for one in pages]
        made = await prove(me, papers[0])
        given = {"document": papers[0], "claim": NUMBER, "reason": "sai", "replacement": papers[1]}
        withdrawn = me.act("withdrawProof", PROOF, proof=made["proof"])
        replaced = me.act("correctClaim", "document { status }", **given)
        # Whichever comes first.
        both = (withdrawn, replaced) if number % 2 else (replaced, withdrawn)
        await asyncio.gather(*both)
        assert (await verdict(stage, made["text"]))[0] == "REVOKED", number
        after = await prove(me, papers[1])
        assert (await verdict(stage, after["text"]))[0] == "SELF_DECLARED"
    print(f"{rounds} proofs taken back while their papers were replaced")
