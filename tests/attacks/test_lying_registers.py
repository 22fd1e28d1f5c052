"""What a hostile, broken or bought register can try: nothing it sends is believed, raised, followed or kept."""

import asyncio
import base64
import gzip
import json
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey

from auth.signing import import_jwks
from auth.tokens import REGISTER_ANSWER, Verifier
from connectors.registers import MAX_ANSWER_BYTES, MAX_AT_ONCE, RegisterQuery, Registers, open_client
from sandbox import registers as stand_in
from sandbox.keys import public_jwks
from sandbox.people import BY_KEY
from tests.size import seed, sized

KEY = ECKey.generate_key("P-256", auto_kid=True)
AUDIENCE = "urn:motlan:platform"
NUMBER = BY_KEY["minh-chau"].number
QUERY = RegisterQuery("csdl-quoc-gia-dat-dai", "gcn-quyen-su-dung-dat", NUMBER, "1.013225")
VERIFIER = Verifier(stand_in.ISSUER, import_jwks(public_jwks(KEY)).values())
EXCHANGE = stand_in._Exchange(stand_in.Settings(AUDIENCE, "unused", KEY))

Respond = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def verify(token: str) -> dict[str, Any]:
    return VERIFIER.verify(REGISTER_ANSWER, token, audience=AUDIENCE, now=datetime.now(UTC))


def honest(request: bytes) -> str:
    """What an honest register would answer."""
    asked = stand_in._asked(QUERY.database, json.loads(request))
    assert asked is not None
    return EXCHANGE._honest(asked, stand_in._Mode())


@dataclass
class Wire:
    """A register on a socket, and the requests it saw."""

    url: str = ""
    heads: list[str] = field(default_factory=list)


@asynccontextmanager
async def listening(respond: Respond) -> AsyncIterator[Wire]:
    wire, connections = Wire(), set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            wire.heads.append(head)
            length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length"))
            body = await reader.readexactly(int(length.split(":")[1]))
            await respond(body, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        for writer in connections:
            writer.close()
        await server.wait_closed()


def reply(body: bytes, status: str = "200 OK", headers: str = "") -> Respond:
    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return respond


async def ask(respond: Respond, timeout_seconds: float = 10.0) -> tuple[str, str | None, Registers]:
    async with listening(respond) as wire, open_client() as client:
        registers = Registers(wire.url, client, verify, timeout_seconds=timeout_seconds)
        got = await registers.ask(QUERY)
        return got.probe, got.reason, registers


async def test_the_honest_answer_of_this_register_would_be_believed() -> None:
    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        await reply(honest(request).encode())(request, writer)

    assert (await ask(respond))[:2] == ("FOUND", None)


async def test_mutated_answers_are_never_believed_and_never_raise() -> None:
    rolled, rounds = seed(), sized(300, 3000)
    print(f"seed {rolled}, {rounds} mutated answers")
    dice = random.Random(rolled)

    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        await reply(mutate(honest(request), dice))(request, writer)

    believed = 0
    async with listening(respond) as wire, open_client() as client:
        registers = Registers(wire.url, client, verify, timeout_seconds=10)
        for _ in range(rounds):
            got = await registers.ask(QUERY)
            believed += got.probe != "DOWN"
    assert believed == 0
    assert registers.lies.total() == rounds


def mutate(token: str, dice: random.Random) -> bytes:
    """One hostile variant of a good token: changed, cut, stretched, re-signed or not a token at all."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    match dice.randrange(8):
        case 0:  # one character of the three segments changed
            place = dice.randrange(len(token))
            other = dice.choice([c for c in "ABCdef019-_=. " if c != token[place]])
            return (token[:place] + other + token[place + 1 :]).encode() + b"A"
        case 1:  # another algorithm claimed
            algorithm = dice.choice(["none", "HS256", "RS256", "ES384", "es256"])
            claimed = {"alg": algorithm, "typ": "register-answer+jwt", "kid": KEY.kid}
            return ".".join((encode(claimed), payload, dice.choice([signature, ""]))).encode()
        case 2:  # a claim changed under the old signature
            name = dice.choice(sorted(claims))
            return ".".join((header, encode({**claims, name: "FOUND"}), signature)).encode()
        case 3:  # well signed, for another audience, issuer, time or kind of answer
            name, value = dice.choice(
                [("aud", "urn:x"), ("iss", "urn:x"), ("exp", 1), ("exp", 2**40), ("jti", ""), ("sub", "x")]
            )
            return stand_in._signed({**claims, name: value}, KEY).encode()
        case 4:  # well signed by a stranger who uses the register's key name
            stranger = ECKey.generate_key("P-256", {"kid": str(KEY.kid)})
            return stand_in._signed(claims, stranger).encode()
        case 5:  # a claim missing
            name = dice.choice(sorted(claims))
            return stand_in._signed({k: v for k, v in claims.items() if k != name}, KEY).encode()
        case 6:  # cut short
            return token[: dice.randrange(1, len(token))].encode()
        case _:  # no token at all
            return dice.randbytes(dice.randrange(1, 400))


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_an_old_answer_replayed_is_a_lie() -> None:
    kept: list[str] = []

    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        kept.append(honest(request))
        await reply(kept[0].encode())(request, writer)

    async with listening(respond) as wire, open_client() as client:
        registers = Registers(wire.url, client, verify)
        first, second = await registers.ask(QUERY), await registers.ask(QUERY)
    assert (first.probe, second.probe, second.reason) == ("FOUND", "DOWN", "lying")


async def test_a_drip_fed_answer_meets_the_limit_of_the_whole_exchange() -> None:
    async def drip(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.02)  # the attack itself: always sooner than any limit per read

    assert (await ask(drip, timeout_seconds=0.3))[:2] == ("DOWN", "timeout")


async def test_an_endless_answer_is_cut_at_its_limit() -> None:
    sent = 0

    async def flood(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()
            sent += 65536

    assert (await ask(flood))[:2] == ("DOWN", "oversize")
    assert sent < 200 * MAX_ANSWER_BYTES


async def test_a_compressed_answer_is_not_inflated() -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    assert len(bomb) < MAX_ANSWER_BYTES
    probe, reason, _ = await ask(reply(bomb, headers="Content-Encoding: gzip\r\n"))
    assert (probe, reason) == ("DOWN", "lying")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    elsewhere: list[bytes] = []

    async def other(request: bytes, writer: asyncio.StreamWriter) -> None:
        elsewhere.append(request)
        await reply(honest(request).encode())(request, writer)

    async with listening(other) as second:
        location = f"Location: {second.url}/databases/x/evidence\r\n"
        probe, reason, _ = await ask(reply(b"", status, location))
    assert (probe, reason) == ("DOWN", "refused")
    assert elsewhere == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"not http at all\r\n\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", "unreachable"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "unreachable"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "refused"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "lying"),
        (b"HTTP/1.1 204 Empty\r\n\r\n", "refused"),
        (b"", "unreachable"),
    ],
)
async def test_broken_http_is_down(answer: bytes, reason: str) -> None:
    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    probe, said, registers = await ask(respond)
    assert (probe, said) == ("DOWN", reason)
    assert registers.lies == ({QUERY.database: 1} if reason == "lying" else {})


async def test_nobody_listening_is_down() -> None:
    async with listening(reply(b"")) as wire:
        pass
    async with open_client() as client:
        registers = Registers(wire.url, client, verify)
        got = await registers.ask(QUERY)
        assert (got.probe, got.reason) == ("DOWN", "unreachable")
        assert await registers.health() == {QUERY.database: False}


async def test_a_verifier_that_chokes_is_the_registers_fault() -> None:
    def choke(token: str) -> dict[str, Any]:
        raise RecursionError(token)

    async with listening(reply(b"x")) as wire, open_client() as client:
        got = await Registers(wire.url, client, choke).ask(QUERY)
    assert (got.probe, got.reason) == ("DOWN", "lying")


async def test_a_flood_of_questions_is_asked_eight_at_a_time_and_each_once() -> None:
    open_now, most, numbers = 0, 0, list[str]()
    eight = asyncio.Event()

    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        if open_now == MAX_AT_ONCE:
            eight.set()
        await asyncio.wait_for(eight.wait(), 10)
        numbers.append(json.loads(request)["subject"]["number"])
        open_now -= 1
        await reply(honest(request).encode())(request, writer)

    people = list(BY_KEY.values())[:24]
    queries = [RegisterQuery(QUERY.database, QUERY.document_type, one.number, "p") for one in people]
    async with listening(respond) as wire, open_client() as client:
        answers = await Registers(wire.url, client, verify, timeout_seconds=10).ask_all([*queries, *queries])
    assert most == MAX_AT_ONCE
    assert sorted(numbers) == sorted(one.number for one in people)
    assert answers[:24] == answers[24:]
    owners = [one.land is not None and not one.land.in_doubt for one in people]
    assert [got.probe == "FOUND" for got in answers[:24]] == owners


async def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        await reply(honest(request).encode())(request, writer)

    assert (await ask(respond))[0] == "FOUND"


async def test_a_number_is_in_the_body_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        assert json.loads(request)["subject"] == {"number": NUMBER}
        await reply(b"rubbish" + NUMBER.encode())(request, writer)

    async with listening(respond) as wire, open_client() as client:
        await Registers(wire.url, client, verify).ask(QUERY)
        assert len(wire.heads) == 1
        assert NUMBER not in wire.heads[0]
    assert caplog.records
    assert NUMBER not in caplog.text


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"databases": 7}', b'{"databases": [1]}', b"\xff", b"[" * 5000, b"a" * 70_000],
)
async def test_nonsense_about_health_means_nothing_is_known(body: bytes) -> None:
    async def respond(request: bytes, writer: asyncio.StreamWriter) -> None:
        await reply(body)(request, writer)

    async with listening_for_get(respond) as url, open_client() as client:
        assert await Registers(url, client, verify).health() == {}


async def test_health_is_up_only_when_plainly_said() -> None:
    said = json.dumps({"databases": {"a": True, "b": False, "c": "true", "d": 1, "e": None}}).encode()
    async with listening_for_get(reply(said)) as url, open_client() as client:
        health = await Registers(url, client, verify).health()
    assert health == {"a": True, "b": False, "c": False, "d": False, "e": False}


@asynccontextmanager
async def listening_for_get(respond: Respond) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await respond(b"", writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
