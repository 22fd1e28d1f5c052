"""A push is sealed as RFC 8291 has it, and goes to nobody who is not on the public Internet."""

import base64
from collections.abc import Sequence
from ipaddress import ip_address

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from api.work import LOOK
from connectors.errors import PushDelayed, PushRefused
from connectors.outward import Outward, is_public
from connectors.push import Pushes, Sent
from connectors.web_push import Subscription, seal_message
from sandbox.phones.relay import Handset, unb64

# RFC 8291, appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
SENDER = int.from_bytes(unb64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
RECEIVER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SECRET, SALT = "BTBZMqHH6r4Tts7J_aSIgg", "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6"
    "PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_a_message_is_sealed_as_the_rfcs_example() -> None:
    key = ec.derive_private_key(SENDER, ec.SECP256R1())
    sealed = seal_message(PLAIN, Subscription("", RECEIVER, SECRET), key, unb64(SALT))
    assert base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() == BODY


def test_a_device_opens_what_was_sealed_for_it_and_nobody_else_does() -> None:
    mine, other = Handset(), Handset()
    sealed = seal_message(LOOK, Subscription("", **mine.keys))
    assert mine.opened(sealed) == LOOK
    assert LOOK not in sealed
    with pytest.raises(Exception):  # noqa: B017 - however it fails
        other.opened(sealed)
    assert seal_message(LOOK, Subscription("", **mine.keys)) != sealed


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", SECRET),
        (RECEIVER[:-4], SECRET),
        ("B" + "A" * 86, SECRET),
        (RECEIVER + "!", SECRET),
        (RECEIVER, ""),
        (RECEIVER, SECRET + "AA"),
        (RECEIVER, "+/" * 11),
        ("ổ" * 87, SECRET),
    ],
)
def test_keys_that_are_none_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(PushRefused):
        seal_message(LOOK, Subscription("", p256dh, auth))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:53aa:64c::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_the_public_internets_is_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(ip_address(address))


def pushes(*addresses: str, loopback: bool = False, answer: int = 201) -> tuple[Pushes, list[httpx2.Request]]:
    """A sender whose host has these addresses, and what it sends."""
    sent: list[httpx2.Request] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    def take(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(answer, headers={"Location": "http://127.0.0.1/inner"})

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(take), trust_env=False)
    return Pushes(Outward(client, loopback, resolve), lambda origin: f"vapid {origin}"), sent


def at(endpoint: str) -> Subscription:
    return Subscription(endpoint, RECEIVER, SECRET)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/x", "ftp://push.example/x", "//push.example/x", "push.example", "", "https://",
        "https://push.example:22/x", "https://user@push.example/x", "https://a:b@push.example/x",
        "https://push.example/x#y", "https://push.example/\r\nHost: inner", "https://push.example/a b",
        "https://push.example\\@inner/x", "https://pụsh.example/x", "https://push.example:99999/x",
        "https://[::1/x", f"https://push.example/{'x' * 1000}", "http://127.0.0.1/x", "https://127.0.0.1:8443/x",
        "file:///etc/passwd", "javascript:alert(1)",
    ],
)  # fmt: skip
async def test_an_address_nothing_may_go_to_is_refused_before_it_is_looked_up(endpoint: str) -> None:
    sender, sent = pushes("8.8.8.8")
    with pytest.raises(PushRefused):
        sender.check(at(endpoint))
    with pytest.raises(PushRefused):
        await sender.send(at(endpoint), LOOK)
    assert sent == []


@pytest.mark.parametrize(
    "others", [("10.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("::ffff:127.0.0.1",), ("127.0.0.1",)]
)
async def test_a_host_with_one_inner_address_is_none_of_ours(others: tuple[str, ...]) -> None:
    sender, sent = pushes(*others)
    sender.check(at("https://push.example/x"))
    with pytest.raises(PushRefused):
        await sender.send(at("https://push.example/x"), LOOK)
    assert sent == []


async def test_what_was_looked_up_is_dialled_under_the_hosts_name() -> None:
    sender, sent = pushes("8.8.8.8", "8.8.4.4")
    assert await sender.send(at("https://push.example/a/b?c=d"), LOOK) is Sent.TAKEN
    (request,) = sent
    assert str(request.url) == "https://8.8.8.8/a/b?c=d"
    assert request.headers["Host"] == "push.example"
    assert request.extensions["sni_hostname"] == "push.example"
    assert request.headers["Authorization"] == "vapid https://push.example"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_device_its_service_forgot_is_gone(status: int) -> None:
    sender, _ = pushes("8.8.8.8", answer=status)
    assert await sender.send(at("https://push.example/x"), LOOK) is Sent.GONE


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 413, 429, 500, 503])
async def test_any_other_answer_is_for_later_and_no_redirect_is_followed(status: int) -> None:
    sender, sent = pushes("8.8.8.8", answer=status)
    with pytest.raises(PushDelayed, match=str(status)):
        await sender.send(at("https://push.example/x"), LOOK)
    assert len(sent) == 1


async def test_a_host_without_an_address_is_for_later() -> None:
    sender, _ = pushes()
    with pytest.raises(PushDelayed, match="unresolved"):
        await sender.send(at("https://push.example/x"), LOOK)


async def test_this_machine_is_reached_only_where_the_setting_lets_it() -> None:
    sender, sent = pushes("127.0.0.1", loopback=True)
    assert await sender.send(at("http://127.0.0.1:9999/x"), LOOK) is Sent.TAKEN
    assert str(sent[0].url) == "http://127.0.0.1:9999/x"
    # Only by its name: a host of the Internet that leads here stays refused.
    for inner in ("127.0.0.1", "10.0.0.1", "169.254.169.254"):
        sender, sent = pushes(inner, loopback=True)
        with pytest.raises(PushRefused):
            await sender.send(at("https://push.example/x"), LOOK)
    assert sent == []
