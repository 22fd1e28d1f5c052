"""One's own document opened: an address for a minute, for its owner alone; the reading is logged when it happens."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.flows.conftest import Later
from tests.flows.journeys import denied, keep, scan, unchanged, usage
from tests.flows.stage import Stage

OPENED = "url expiresAt"


async def test_an_address_is_made_for_the_owner_and_lapses_within_a_minute(
    stage: Stage, later: Later, offset: timedelta
) -> None:
    me = await stage.citizen("thanh-binh")
    paper = await keep(me, "anh-chan-dung", {})
    given = {"document": paper, "idempotencyKey": str(uuid4())}
    begun = datetime.now(UTC) + offset
    opened = await me.act("openDocument", OPENED, **given)
    assert (
        begun
        < datetime.fromisoformat(opened["expiresAt"])
        <= datetime.now(UTC) + offset + timedelta(seconds=60)
    )
    async with unchanged(stage):
        again = await me.attempt("openDocument", OPENED, **given)
    assert (again["url"], again["errors"][0]["code"]) == (None, "BAD_INPUT")
    late = (await me.act("openDocument", OPENED, document=paper))["url"]
    assert (await me.browser.get(opened["url"])).content == scan()
    assert [one["kind"] for one in await usage(me)].count("vault.read") == 1
    async with later(timedelta(seconds=75)) as then, unchanged(then):
        gone = await then.carry(me).browser.get(late)
    assert gone.status_code == 404


async def test_a_wards_document_opens_for_the_parent_and_nobody_elses_does(stage: Stage) -> None:
    me, officer = await stage.citizen("thanh-binh"), await stage.officer("ubnd-mot.toan-quyen")
    stranger = await stage.citizen("minh-chau")
    paper = await keep(me, "anh-chan-dung", {})
    mine = (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    async with unchanged(stage):
        assert await denied(stranger, "openDocument", document=paper) == "NOT_FOUND"
        assert await denied(officer, "openDocument", document=paper) in ("NOT_FOUND", "ACCESS_DENIED")
        assert await denied(stage.anybody(), "openDocument", document=paper) == "UNAUTHENTICATED"
        malformed = await me.refused("openDocument", OPENED, document=mine)
    assert malformed["code"] == "BAD_INPUT"
