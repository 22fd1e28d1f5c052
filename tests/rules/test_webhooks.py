"""Calls are signed as an independent library verifies them, and go nowhere but to the public Internet."""

import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import UUID

import httpx2
import orjson
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from connectors import outward
from connectors.errors import OutwardDelayed, OutwardRefused
from connectors.outward import Outward, is_public
from connectors.webhooks import Endpoint, Event, Webhooks, signed, spelled, told

ID, NEW, OLD = UUID("01993c60-0000-7000-8000-000000000000"), b"n" * 32, b"o" * 32
AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
EVENT = Event(ID, "vn.dossier.received.v1", "subject", 7, AT)
BODY = orjson.dumps(told(EVENT, "https://motlan.test"))


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_either_secret_verifies_while_they_change(secret: bytes) -> None:
    headers = dict(signed(ID, datetime.now(UTC), BODY, (NEW, OLD)))
    assert Webhook(spelled(secret)).verify(BODY, headers) == orjson.loads(BODY)


@pytest.mark.parametrize("changed", ["body", "id", "time", "secret", "stale"])
def test_what_was_changed_is_refused(changed: str) -> None:
    sent = datetime.now(UTC) - timedelta(minutes=6 if changed == "stale" else 0)
    headers, body, secret = dict(signed(ID, sent, BODY, (NEW,))), BODY, NEW
    if changed == "body":
        body = BODY.replace(b"7", b"8")
    elif changed == "id":
        headers["webhook-id"] = str(UUID(int=1))
    elif changed == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    elif changed == "secret":
        secret = OLD
    with pytest.raises(WebhookVerificationError):
        Webhook(spelled(secret)).verify(body, headers)


def test_a_time_of_another_zone_is_the_same_time() -> None:
    east = AT.astimezone(datetime.strptime("+0700", "%z").tzinfo)
    assert signed(ID, east, BODY, (NEW,)) == signed(ID, AT, BODY, (NEW,))


def test_an_event_says_what_cloudevents_require_and_nothing_more() -> None:
    event = told(EVENT, "https://motlan.test")
    assert {"specversion", "id", "source", "type"} < event.keys()
    assert event["specversion"] == "1.0"
    assert datetime.fromisoformat(str(event["time"])) == AT
    assert event["data"] == {"version": 7}


def test_secrets_are_in_no_representation() -> None:
    assert "nnn" not in repr(Endpoint("https://a.example", (NEW,)))


def webhooks(*answers: Sequence[str], status: int = 204) -> tuple[Webhooks, list[httpx2.Request]]:
    """A caller whose name server gives these answers, one after the other."""
    waiting, sent = list(answers), list[httpx2.Request]()

    async def resolve(host: str, port: int) -> Sequence[str]:
        return waiting.pop(0)

    def take(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(
            status, headers={"Location": "http://169.254.169.254/"}, content=b"x" * 10_000_000
        )

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(take), trust_env=False)
    return Webhooks(Outward(client, resolve=resolve), "https://motlan.test"), sent


async def call(caller: Webhooks, address: str = "https://hooks.example/a") -> None:
    await caller.call(Endpoint(address, (NEW,)), EVENT, AT)


async def test_a_name_is_looked_up_once_and_what_was_found_is_dialled() -> None:
    # A name server that answers well at first and badly afterwards: the second answer is never asked for.
    caller, sent = webhooks(["8.8.8.8"], ["127.0.0.1"])
    await call(caller)
    (request,) = sent
    assert str(request.url) == "https://8.8.8.8/a"
    # Whoever else is at this address later gets a line, and a look at their certificate, of their own.
    assert request.headers["connection"] == "close"
    assert (request.headers["host"], request.extensions["sni_hostname"]) == ("hooks.example", "hooks.example")
    with pytest.raises(OutwardRefused):
        await call(caller)
    assert len(sent) == 1


@pytest.mark.parametrize(
    "address",
    [
        "::7f00:1", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "fe80::1%eth0", "fec0::1",
        "fd00:ec2::254", "100.100.100.200", "169.254.169.254", "192.0.0.192", "192.88.99.1", "0.0.0.0", "240.0.0.1",
        "not-an-address",
    ],
)  # fmt: skip
async def test_no_way_leads_inside(address: str) -> None:
    caller, sent = webhooks([address])
    with pytest.raises(OutwardRefused):
        await call(caller)
    assert sent == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost"]
)
async def test_no_spelling_of_this_machine_is_called(host: str) -> None:
    # By the real resolver, which takes these spellings for addresses.
    client = httpx2.AsyncClient(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(204)), trust_env=False
    )
    with pytest.raises((OutwardRefused, OutwardDelayed)):
        await call(Webhooks(Outward(client), ""), f"https://{host}/a")


@pytest.mark.parametrize(
    "address", ["https://[fe80::1%25eth0]/a", "https://[fe80::1%eth0]/a", "https://a.example%00/"]
)
def test_an_interface_of_ours_is_no_address(address: str) -> None:
    caller, _ = webhooks()
    with pytest.raises(OutwardRefused):
        caller.outward.check(address)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 410])
async def test_taken_or_wanted_no_more_is_over(status: int) -> None:
    caller, sent = webhooks(["8.8.8.8"], status=status)
    await call(caller)
    assert len(sent) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
async def test_any_other_answer_is_for_later_and_leads_nowhere(status: int) -> None:
    caller, sent = webhooks(["8.8.8.8"], status=status)
    with pytest.raises(OutwardDelayed, match=str(status)):
        await call(caller)
    assert len(sent) == 1


async def test_the_resolver_of_the_machine_gives_addresses_that_are_judged() -> None:
    found = await outward.resolve("localhost", 443)
    assert found
    assert not any(is_public(ip_address(one)) for one in found)
    with pytest.raises(socket.gaierror):
        await outward.resolve("nothing.invalid", 443)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
async def test_a_name_that_can_be_none_is_refused_for_good(host: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(OutwardRefused):
            await call(Webhooks(Outward(client), ""), f"https://{host}/a")
