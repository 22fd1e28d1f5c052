"""Heads of requests that never end, without a proxy in front: bounded in size and in time."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from api.process import wire
from api.process.serving import HttpServer, listen

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{len(request.headers)}")

    listening: socket.socket = listen("127.0.0.1", 0)
    server = HttpServer(Starlette(routes=[Route("/", answer)]))
    answering = asyncio.create_task(server.serve([listening]))
    await server.up.wait()
    yield listening.getsockname()[1]
    server.should_exit = True
    await answering
    listening.close()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def ending(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 20.0)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("piece", [b"a" * 8192, b"X-A: b\r\n" * 1024], ids=["one header", "many headers"])
async def test_a_head_without_an_end_is_cut_short(port: int, piece: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"X-Long: " if piece.startswith(b"a") else HEAD)
        sent = 0
        with suppress(ConnectionError):
            while sent < 100 * wire.HEAD_BYTES and not reader.at_eof():
                writer.write(piece)
                sent += len(piece)
                await writer.drain()
                await asyncio.sleep(0)
        said = await ending(reader)
        assert said == b"" or said.startswith(b"HTTP/1.1 431 ")
        assert sent < 100 * wire.HEAD_BYTES


@pytest.mark.parametrize("begun", [b"", b"G", HEAD, HEAD + b"X-Slow: "])
async def test_a_head_that_does_not_come_is_given_up(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
    async with connected(port) as (reader, writer):
        writer.write(begun)
        assert await ending(reader) == b""


async def test_the_second_head_of_a_connection_has_its_own_time(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.3)
    async with connected(port) as (reader, writer):
        for _ in range(3):
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"\r\n\r\n1")).startswith(b"HTTP/1.1 200 ")
        writer.write(HEAD)
        assert await ending(reader) == b""


async def test_honest_heads_of_any_cut_pass(port: int) -> None:
    whole = HEAD + b"X-Token: " + b"a" * 12_000 + b"\r\n\r\n"
    for cut in (1, 20, len(HEAD) + 4, 9_000, len(whole) - 1):
        async with connected(port) as (reader, writer):
            writer.write(whole[:cut])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(whole[cut:])
            assert (await reader.readuntil(b"\r\n\r\n2")).startswith(b"HTTP/1.1 200 ")


async def test_a_long_body_is_no_head(port: int) -> None:
    async with connected(port) as (reader, writer):
        size = 3 * wire.HEAD_BYTES
        writer.write(HEAD + f"Content-Length: {size}\r\n\r\n".encode() + b"b" * size)
        assert (await reader.readuntil(b"\r\n\r\n2")).startswith(b"HTTP/1.1 200 ")


def test_servers_run_on_uvloop_where_it_is() -> None:
    async def loop() -> int:
        return int(isinstance(asyncio.get_running_loop(), uvloop.Loop))

    assert wire.run_served(loop()) == 1
