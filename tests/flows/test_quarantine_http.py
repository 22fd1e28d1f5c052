"""Quarantine as a person meets it: told at once where the scanner is prompt, and by a notice where it was not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from api.__main__ import neighbours_in
from api.app import open_platform
from resolvers.connections import global_id
from tests import files
from tests.flows.conftest import House
from tests.flows.journeys import DRAWING_TYPE, unchanged
from tests.flows.stage import ORIGIN, Stage
from tests.flows.test_content_http import announce
from tests.scanning import MARKED, StandIn, Way, stand_in

PICTURE, HOSTILE = files.png(), files.jpeg(scan=MARKED)
NOTICES = "{ myNotices(first: 10) { edges { node { code text } } } }"


@pytest.fixture
async def scanner() -> AsyncIterator[StandIn]:
    async with stand_in() as made:
        yield made


@pytest.fixture
async def guarded(furnished: House, stage: Stage, scanner: StandIn) -> AsyncIterator[Stage]:
    """The stage's database, served with a scanner."""
    settings = replace(furnished.settings, scanner=scanner.scanner.address)
    async with open_platform(
        settings, furnished.servers, neighbours_in(furnished.sandbox.addresses)
    ) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made
        await made.close()


async def test_a_file_waits_for_a_scanner_that_is_away_and_its_sender_hears_when_it_is_out(
    guarded: Stage, scanner: StandIn
) -> None:
    me = await guarded.citizen("minh-chau")
    await scanner.kill()
    assert (await me.browser.get(f"{ORIGIN}/readyz")).json() == {"status": "ready", "scanner": "silent"}
    address = await announce(me)
    sent = await me.browser.put(address, content=PICTURE)
    assert (sent.status_code, sent.headers["upload-state"]) == (201, "IN_QUARANTINE")
    asked = await me.browser.head(address, headers={"Tus-Resumable": "1.0.0"})
    assert (asked.status_code, asked.headers["upload-state"]) == (200, "IN_QUARANTINE")
    upload = of(address)
    async with unchanged(guarded):
        refused = await me.refused("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
        assert (refused["code"], refused["retryable"]) == ("IN_QUARANTINE", True)
    await guarded.settle()
    assert (await me.ask(NOTICES))["myNotices"]["edges"] == []
    await scanner.start()
    await guarded.settle()
    (notice,) = (await me.ask(NOTICES))["myNotices"]["edges"]
    assert notice["node"]["code"] == "upload_clean"
    assert (await me.browser.get(f"{ORIGIN}/readyz")).json()["scanner"] == "ready"
    added = await me.act("addDocument", "document { id }", upload=upload, type=DRAWING_TYPE)
    assert added["document"]["id"]


async def test_malware_is_refused_with_its_last_byte_and_its_name_told_to_nobody(
    guarded: Stage, scanner: StandIn
) -> None:
    me = await guarded.citizen("minh-chau")
    address = await announce(me, HOSTILE, mediaType="image/jpeg")
    sent = await me.browser.put(address, content=HOSTILE, headers={"Accept-Language": "en"})
    assert (sent.status_code, sent.json()["errors"][0]["code"]) == (422, "UPLOAD_REFUSED")
    assert "infected" in sent.text
    asked = await me.browser.head(address, headers={"Tus-Resumable": "1.0.0"})
    assert asked.headers["upload-state"] == "REFUSED"
    refused = await me.refused("addDocument", "document { id }", upload=of(address), type=DRAWING_TYPE)
    assert refused["code"] == "UPLOAD_REFUSED"
    await guarded.settle()
    said = await me.browser.post(f"{ORIGIN}/graphql", json={"query": NOTICES}, headers={"Origin": ORIGIN})
    assert "upload_infected" in said.text
    for told in (sent.text, said.text, str(refused)):
        assert "Motlan.Marked" not in told


async def test_a_prompt_scanner_costs_its_sender_no_second_step(guarded: Stage, scanner: StandIn) -> None:
    me = await guarded.citizen("minh-chau")
    address = await announce(me)
    sent = await me.browser.put(address, content=PICTURE)
    assert (sent.status_code, sent.headers["upload-state"]) == (201, "ACCEPTED")
    assert scanner.seen == [PICTURE]
    assert scanner.way is Way.HONEST
    await me.act("addDocument", "document { id }", upload=of(address), type=DRAWING_TYPE)
    await guarded.settle()
    assert (await me.ask(NOTICES))["myNotices"]["edges"] == []


def of(address: str) -> str:
    """The upload's id, from the address it was given."""
    return str(global_id("Upload", UUID(address.rpartition("/")[2].partition("?")[0])))
