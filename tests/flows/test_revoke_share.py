"""Taking a code back: nothing is verified with it from then on, by anybody."""

from uuid import uuid4

from tests.flows.journeys import denied, keep, unchanged, usage
from tests.flows.stage import Stage

ANSWERED = "verdict { valid reason claims { name value } }"


async def test_a_code_taken_back_verifies_nothing(stage: Stage) -> None:
    me, verifier = await stage.citizen("thanh-binh"), await stage.officer("so-y-te.tham-dinh")
    stranger = await stage.citizen("minh-chau")
    paper = await keep(me, "anh-chan-dung", {"person.portrait@holder": "x"})
    share = (await me.act("createShare", "share { id code url }", document=paper, maxUses=9))["share"]
    async with unchanged(stage):
        assert await denied(stranger, "revokeShare", share=share["id"]) == "NOT_FOUND"
        assert await denied(verifier, "revokeShare", share=share["id"]) in ("NOT_FOUND", "ACCESS_DENIED")
        malformed = await me.refused("revokeShare", "share { id }", share=paper)
        assert malformed["code"] == "BAD_INPUT"
    key = str(uuid4())
    given, asked = {"share": share["id"]}, "share { id code usesLeft }"
    back = await me.act("revokeShare", asked, **given, idempotencyKey=key)
    assert back["share"]["code"] is None
    async with unchanged(stage):
        assert (
            await me.act("revokeShare", "share { id code usesLeft }", share=share["id"], idempotencyKey=key)
            == back
        )
        assert await me.act("revokeShare", "share { id code usesLeft }", share=share["id"]) == back
    verdict = (await verifier.act("verifyDocument", ANSWERED, code=share["code"]))["verdict"]
    assert verdict == {"valid": False, "reason": "withdrawn", "claims": []}
    page = await stage.anybody().browser.get(share["url"])
    assert page.status_code == 404
    kinds = [one["kind"] for one in await usage(me)]
    assert (kinds.count("share.revoked"), kinds.count("share.redeemed")) == (1, 1)
