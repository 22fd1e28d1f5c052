"""An agency's system is called when a filing moved on: signed, thin, again until it answers, and never inside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx2
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from api.work import Loops
from connectors.outward import Outward
from connectors.webhooks import Webhooks, spelled
from tests.flows.journeys import number_of, permit_in_work, rows
from tests.flows.stage import Stage

CLIENT, ADDRESS = "sandbox.ubnd-mot", "https://hooks.example/motlan?of=ward"


@dataclass
class Receiver:
    """An agency's endpoint, and the name server that leads to it."""

    answers: list[int] = field(default_factory=list)
    addresses: Sequence[str] = ("8.8.8.8",)
    taken: list[httpx2.Request] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return self.addresses

    def take(self, request: httpx2.Request) -> httpx2.Response:
        self.taken.append(request)
        return httpx2.Response(self.answers.pop(0) if self.answers else 204)

    def loops(self, stage: Stage) -> Loops:
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(self.take), trust_env=False)
        tools = stage.platform.loops._tools
        webhooks = Webhooks(Outward(client, resolve=self.resolve), "https://motlan.test")
        return Loops(replace(tools, house=replace(tools.house, webhooks=webhooks)))

    def kinds(self) -> list[str]:
        return [json.loads(one.content)["type"] for one in self.taken]


async def hook(stage: Stage, **changed: object) -> None:
    given = {"webhook": ADDRESS, **changed}
    async with stage.owner.begin() as connection:
        put = ", ".join(f"{name} = :{name}" for name in given)
        await connection.execute(text(f"UPDATE systems SET {put} WHERE client_id = '{CLIENT}'"), given)


async def due(stage: Stage) -> int:
    """Calls still to be made."""
    found = await rows(stage, "SELECT count(*) FROM outbox WHERE topic = 'webhook' AND done_at IS NULL")
    return int(found[0][0])


async def test_what_moves_on_is_told_thinly_and_signed(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    receiver = Receiver()
    await hook(stage)
    dossier = await permit_in_work(me, officer)
    await receiver.loops(stage).once()
    (request,) = receiver.taken
    assert (request.url.host, request.headers["host"]) == ("8.8.8.8", "hooks.example")
    told = json.loads(request.content)
    assert (told["specversion"], told["type"]) == ("1.0", "vn.dossier.received.v1")
    assert (told["subject"], told["source"]) == (dossier["id"], "https://motlan.test")
    assert (set(told["data"]), told["id"]) == ({"version"}, request.headers["webhook-id"])
    assert number_of("minh-chau") not in request.content.decode()
    secret = stage.platform.loops._tools.house.office.safe.keys.index("webhook", f"{CLIENT}:1")
    at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    signed = Webhook(spelled(secret)).sign(told["id"], at, request.content.decode())
    assert request.headers["webhook-signature"] == signed
    await receiver.loops(stage).once()
    assert len(receiver.taken) == 1


async def test_it_comes_again_until_it_is_taken_under_the_same_name(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    receiver = Receiver(answers=[503, 302])
    await hook(stage, webhook_secret=2, webhook_earlier=True)
    await permit_in_work(me, officer)
    for left in (1, 1, 0):
        await receiver.loops(stage).once()
        assert await due(stage) == left
        async with stage.owner.begin() as connection:
            await connection.execute(text("UPDATE outbox SET due_at = created_at WHERE topic = 'webhook'"))
    assert len({one.headers["webhook-id"] for one in receiver.taken}) == 1
    assert len(receiver.taken) == 3
    keys = stage.platform.loops._tools.house.office.safe.keys
    for number, believed in ((2, True), (1, True), (3, False)):
        sign = Webhook(spelled(keys.index("webhook", f"{CLIENT}:{number}"))).sign
        last = receiver.taken[-1]
        at = datetime.fromtimestamp(int(last.headers["webhook-timestamp"]), UTC)
        mine = sign(last.headers["webhook-id"], at, last.content.decode())
        assert (mine in last.headers["webhook-signature"].split()) is believed


async def test_a_name_that_leads_inside_by_now_is_not_followed(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    receiver = Receiver(addresses=("8.8.8.8", "169.254.169.254"))
    await hook(stage)
    await permit_in_work(me, officer)
    await receiver.loops(stage).once()
    assert (receiver.taken, await due(stage)) == ([], 0)


@pytest.mark.parametrize("how", ["no address", "struck off", "no desk", "another agency"])
async def test_who_is_not_to_hear_of_it_does_not(stage: Stage, how: str) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    receiver = Receiver()
    await hook(stage)
    change = {
        "no address": f"UPDATE systems SET webhook = NULL WHERE client_id = '{CLIENT}'",
        "struck off": f"UPDATE officers SET active = false WHERE external_id = '{CLIENT}'",
        "no desk": f"UPDATE officers SET scope = '{{verify}}' WHERE external_id = '{CLIENT}'",
        "another agency": f"UPDATE officers SET agency_id = gen_random_uuid() WHERE external_id = '{CLIENT}'",
    }[how]
    async with stage.owner.begin() as connection:
        await connection.execute(text(change))
    await permit_in_work(me, officer)
    await receiver.loops(stage).once()
    assert (receiver.taken, await due(stage)) == ([], 0)
