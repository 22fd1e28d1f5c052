"""Devices are woken to look: by content-free pushes, through the outbox, and nobody else's."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import uvicorn
from sqlalchemy import text

from api.__main__ import neighbours_in
from api.app import open_platform
from api.work import LOOK
from resolvers.connections import global_id
from sandbox.phones.relay import Handset, PushRelay
from tests.flows.conftest import House
from tests.flows.journeys import denied, digitise, rows, submitted_permit, unchanged
from tests.flows.stage import Person, Stage

LAND_TYPE = "gcn-quyen-su-dung-dat"
PARCEL = {"land_parcel.parcel_number@land_parcel": "12"}
MINE = "{ viewer { devices { id registeredAt } notificationPreferences { push quiet } } }"


@asynccontextmanager
async def serving(service: PushRelay) -> AsyncIterator[None]:
    listening = socket.create_server(("127.0.0.1", 0))
    service.origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(service.app(), log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    # Whoever comes before it has started waits in the queue of the socket.
    yield
    server.should_exit = True
    await running


@pytest.fixture
async def phones(furnished: House, stage: Stage) -> AsyncIterator[tuple[Stage, PushRelay]]:
    """The stage once more, where devices may name a push service on this machine."""
    settings = replace(furnished.settings, push_loopback=True, push_contact="mailto:van-hanh@example.vn")
    service = PushRelay()
    async with (
        serving(service),
        open_platform(settings, furnished.servers, neighbours_in(furnished.sandbox.addresses)) as platform,
    ):
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        service.sender = (await made.anybody().ask("{ apiInfo { pushKey } }"))["apiInfo"]["pushKey"]
        yield made, service
        await made.close()


async def register(person: Person, service: PushRelay) -> tuple[Handset, str]:
    handset, given = service.subscribe()
    made = await person.act("registerDevice", "device { id }", **given)
    return handset, str(made["device"]["id"])


async def devices(person: Person) -> list[str]:
    return [one["id"] for one in (await person.ask(MINE))["viewer"]["devices"]]


async def tell(stage: Stage, officer: Person, who: str) -> None:
    """Something happens that the person is told of."""
    await digitise(
        officer, who, LAND_TYPE, PARCEL | {"land_parcel.certificate_serial@land_parcel": str(uuid4())}
    )
    await stage.settle()


async def test_a_device_is_woken_to_look_and_told_nothing(phones: tuple[Stage, PushRelay]) -> None:
    stage, service = phones
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    bystander = await stage.citizen("thanh-binh")
    (handset, _), (others, _) = await register(me, service), await register(bystander, service)
    await tell(stage, officer, "minh-chau")
    assert (handset.heard, others.heard, service.refused) == ([LOOK], [], [])
    (headers,) = handset.headers
    assert (headers["topic"], headers["urgency"]) == ("look", "normal")
    # Neither in clear nor sealed does anything of anybody rest where the device's address does.
    ((row,),) = await rows(
        stage, "SELECT d::text FROM devices d JOIN sealed_notes n ON n.owner_ref = d.id WHERE n.sealed IS NOT NULL"
        " AND d.subject_id = (SELECT subject_id FROM documents LIMIT 1)"
    )  # fmt: skip
    assert service.origin not in row


async def test_a_device_is_forgotten_when_its_service_knows_it_no_more(
    phones: tuple[Stage, PushRelay],
) -> None:
    stage, service = phones
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    for status in (404, 410):
        handset, _ = await register(me, service)
        handset.status = status
        await tell(stage, officer, "minh-chau")
        assert await devices(me) == []
        assert await rows(stage, "SELECT id FROM sealed_notes WHERE kind = 'device'") == []


@pytest.mark.parametrize("status", [500, 429, 403, 307])
async def test_a_service_that_does_not_take_it_is_asked_again_and_then_let_be(
    phones: tuple[Stage, PushRelay], furnished: House, status: int
) -> None:
    stage, service = phones
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    handset, device = await register(me, service)
    handset.status = status
    await tell(stage, officer, "minh-chau")
    waiting = "SELECT attempts FROM outbox WHERE topic = 'push' AND done_at IS NULL"
    assert await rows(stage, waiting) == [(1,)]
    handset.status = 201
    await due(stage)
    await stage.settle()
    assert (handset.heard, await rows(stage, waiting), await devices(me)) == ([LOOK], [], [device])
    # An hour later nobody needs to be told any more.
    handset.status = status
    await tell(stage, officer, "minh-chau")
    settings = replace(furnished.settings, push_loopback=True)
    settings = replace(settings, clock_offset=settings.clock_offset + timedelta(hours=1, minutes=1))
    async with open_platform(
        settings, furnished.servers, neighbours_in(furnished.sandbox.addresses)
    ) as later:
        handset.status = 201
        await later.loops.once()
    assert (len(handset.heard), await rows(stage, waiting)) == (1, [])


async def due(stage: Stage) -> None:
    async with stage.owner.begin() as connection:
        await connection.execute(text("UPDATE outbox SET due_at = created_at WHERE done_at IS NULL"))


async def test_who_wants_no_pushes_gets_none_but_of_sign_ins_elsewhere(
    phones: tuple[Stage, PushRelay],
) -> None:
    stage, service = phones
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    handset, _ = await register(me, service)
    own = (await me.ask(MINE))["viewer"]["notificationPreferences"]
    assert own == {"push": True, "quiet": []}
    chosen = await me.act(
        "notificationPreferences", "preferences { push quiet }", push=True, quiet=["PAPERS"]
    )
    assert chosen["preferences"] == {"push": True, "quiet": ["PAPERS"]}
    await tell(stage, officer, "minh-chau")
    assert handset.heard == []
    await submitted_permit(me, officer)
    await stage.settle()
    heard = len(handset.heard)
    assert heard > 0
    await me.act("notificationPreferences", "preferences { push quiet }", push=False, quiet=[])
    await tell(stage, officer, "minh-chau")
    assert len(handset.heard) == heard
    ((person,),) = await rows(stage, "SELECT subject_id FROM devices")
    await rows(
        stage,
        f"""WITH told AS (INSERT INTO notices (id, subject_id, code, params, at)
        VALUES (gen_random_uuid(), '{person}', 'app_signed_in', '{{"app": "x"}}', now()) RETURNING id)
        INSERT INTO outbox (id, topic, payload, created_at, due_at, attempts)
        SELECT gen_random_uuid(), 'notice', jsonb_build_object('notice', id), now() - interval '1 year',
            now() - interval '1 year', 0 FROM told RETURNING id""",
    )
    await stage.settle()
    assert len(handset.heard) == heard + 1


async def test_who_acts_for_somebody_is_woken_for_them_on_their_own_devices(
    phones: tuple[Stage, PushRelay],
) -> None:
    stage, service = phones
    parent, child = await stage.citizen("thanh-binh"), await stage.citizen("minh-chau")
    officer = await stage.officer("ubnd-mot.toan-quyen")
    handset, _ = await register(parent, service)
    ids = await rows(stage, "SELECT holder_id FROM sessions WHERE kind = 'citizen' ORDER BY created_at, id")
    await rows(
        stage,
        f"""INSERT INTO mandates (id, actor_id, subject_id, basis, relation, scope, evidence, valid_from)
        VALUES (gen_random_uuid(), '{ids[0][0]}', '{ids[1][0]}', 'GUARDIAN', 'parent', '{{all}}', 'x', '2020-01-01')
        RETURNING id""",
    )
    await tell(stage, officer, "minh-chau")
    assert handset.heard == [LOOK]
    assert await devices(child) == []
    await rows(stage, "UPDATE mandates SET revoked_at = '2021-01-01' RETURNING id")
    await tell(stage, officer, "minh-chau")
    assert handset.heard == [LOOK]


async def test_five_devices_are_woken_and_a_sixth_takes_the_place_of_the_first(
    phones: tuple[Stage, PushRelay],
) -> None:
    stage, service = phones
    me = await stage.citizen("minh-chau")
    made = [(await register(me, service))[1] for _ in range(6)]
    assert await devices(me) == made[:0:-1]
    assert len(await rows(stage, "SELECT id FROM sealed_notes WHERE kind = 'device'")) == 5
    # Many at once leave no more.
    subscriptions = [service.subscribe()[1] for _ in range(8)]
    await asyncio.gather(*(me.act("registerDevice", "device { id }", **one) for one in subscriptions))
    assert len(await devices(me)) == 5


async def test_a_phone_handed_on_wakes_for_its_new_owner_alone(phones: tuple[Stage, PushRelay]) -> None:
    stage, service = phones
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thanh-binh")
    officer = await stage.officer("ubnd-mot.toan-quyen")
    handset, given = service.subscribe()
    await me.act("registerDevice", "device { id }", **given)
    await other.act("registerDevice", "device { id }", **given)
    assert (await devices(me), len(await devices(other))) == ([], 1)
    await tell(stage, officer, "minh-chau")
    assert handset.heard == []


async def test_a_device_is_forgotten_by_its_person_alone(phones: tuple[Stage, PushRelay]) -> None:
    stage, service = phones
    me, other = await stage.citizen("minh-chau"), await stage.citizen("thanh-binh")
    _, device = await register(me, service)
    async with unchanged(stage):
        assert await denied(other, "forgetDevice", device=device) == "NOT_FOUND"
        assert await denied(me, "forgetDevice", device=str(global_id("Device", uuid4()))) == "NOT_FOUND"
    gone = await me.act("forgetDevice", "device", device=device)
    assert (gone["device"], await devices(me)) == (device, [])
    assert await rows(stage, "SELECT id FROM sealed_notes WHERE kind = 'device'") == []


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "http://push.example/x"},
        {"endpoint": "https://10.0.0.1:22/x"},
        {"endpoint": "https://user@push.example/x"},
        {"p256dh": "x"},
        {"auth": ""},
    ],
)
async def test_an_address_or_key_that_is_none_is_refused(
    phones: tuple[Stage, PushRelay], changed: dict[str, Any]
) -> None:
    stage, service = phones
    me = await stage.citizen("minh-chau")
    _, given = service.subscribe()
    async with unchanged(stage):
        refusal = await me.refused("registerDevice", "device { id }", **(given | changed))
    assert refusal["code"] == "DEVICE_REFUSED"


async def test_without_the_setting_nothing_on_this_machine_is_ever_reached(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    given = {"endpoint": "http://127.0.0.1:9/x", **Handset().keys}
    assert (await me.refused("registerDevice", "device { id }", **given))["path"] == ["endpoint"]
