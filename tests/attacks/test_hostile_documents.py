"""Generated documents and bodies, sound, damaged and hostile: each is answered, soon, and leaves nothing behind."""

import gc
import json
import random
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from graphql import ValueNode, build_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as reproducible
from hypothesis import strategies as st
from hypothesis_graphql import Mode, from_schema, nodes

from api.process.serving import listen, serving
from tests.attacks.hostile_documents import Body, Grower
from tests.flows.conftest import (
    furnished,
    law_read_once,
    offset,
    sandbox,
    stage,
    stage_folder,
)
from tests.flows.stage import ORIGIN, Stage, cookie
from tests.house.tree import ROOT
from tests.size import seed, sized

__all__ = ["furnished", "law_read_once", "offset", "sandbox", "stage", "stage_folder"]

FIRST = b'{"query": "{ procedures(first: 1) { edges { cursor } } }"}'
MOST_CPU_MILLISECONDS = 250
MOST_GROWTH_MIB = 50


@asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[str]:
    """The stage's platform on a socket, by the server of production."""
    listening = listen("127.0.0.1", 0)
    async with serving(stage.platform, listening, loops=False):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/graphql"


async def answer(client: httpx2.AsyncClient, address: str, body: Body) -> tuple[int, str, float]:
    """Status, text and the processor time this process spent, the client's share included."""
    headers = {"Content-Type": body.media_type, "Origin": ORIGIN}
    begun = time.process_time()
    response = await client.post(address, content=body.content, headers=headers)
    return response.status_code, response.text, time.process_time() - begun


async def least(client: httpx2.AsyncClient, address: str, body: Body) -> tuple[int, str, float]:
    """The answer, with the least time of three where the first took too long: on a shared machine a neighbour's
    work shows in ours. Each is another text to the server, which would remember the first."""
    status, text, seconds = await answer(client, address, body)
    for more in range(1, 3):
        if seconds * 1_000 <= MOST_CPU_MILLISECONDS:
            break
        again = replace(body, content=body.content.replace(b'"query": "', b'"query": "' + b" " * more))
        seconds = min(seconds, (await answer(client, address, again))[2])
    return status, text, seconds


def resident_mib() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


@dataclass
class Tally:
    """What a run comes to. `slow` and `faults` name what was sent."""

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    worst: float = 0.0
    worst_name: str = ""

    def add(self, number: int, body: Body, status: int, text: str, seconds: float) -> None:
        told = json.loads(text)
        codes = {error.get("extensions", error)["code"] for error in told.get("errors", ())}
        self.statuses[f"{status} {'data' if told.get('data') else 'no data'}"] += 1
        sent = f"{number} {body.name}: {body.content[:2_000]!r}"
        if status >= 500 or "INTERNAL" in codes:
            self.faults.append(sent)
        if seconds * 1_000 > MOST_CPU_MILLISECONDS:
            self.slow.append(f"{seconds * 1_000:.0f} ms, {sent}")
        if seconds > self.worst:
            self.worst, self.worst_name = seconds, body.name


async def test_no_document_finds_a_fault_or_keeps_the_server_busy(stage: Stage) -> None:
    count, drawn = sized(1_500, 50_000), seed()
    grower = Grower(build_schema((ROOT / "schema.graphql").read_text("utf-8")), random.Random(drawn))
    people = [stage.anybody(), await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")]
    tally, before, warming = Tally(), 0.0, min(500, count // 3)
    async with served(stage) as address, AsyncExitStack() as clients:
        callers = [
            await clients.enter_async_context(
                httpx2.AsyncClient(trust_env=False, timeout=30.0, headers={"Cookie": cookie(person)})
            )
            for person in people
        ]
        await answer(callers[0], address, Body("the first request imports what it needs", FIRST))
        for number in range(count):
            if number == warming:
                before = resident_mib()
            body = grower.body()
            tally.add(number, body, *await least(callers[number % len(callers)], address, body))
        growth = resident_mib() - before
    print(f"seed {drawn}: {count} bodies, {len(tally.faults)} faults, answered {dict(tally.statuses)}")
    print(
        f"worst {tally.worst * 1_000:.0f} ms of processor ({tally.worst_name}), memory grew {growth:.1f} MiB"
    )
    assert tally.faults == []
    assert tally.slow == []
    assert growth <= MOST_GROWTH_MIB
    # Not everything was refused at the door.
    assert tally.statuses["200 data"] >= count // 50


async def test_what_another_maker_of_documents_makes_of_our_schema_finds_no_fault_either(
    stage: Stage,
) -> None:
    """hypothesis-graphql, the generator behind schemathesis: sound documents and broken ones, of every operation."""
    count, drawn = sized(200, 10_000), seed()
    documents = made_elsewhere(count, drawn)
    people = [await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")]
    tally = Tally()
    async with served(stage) as address, AsyncExitStack() as clients:
        callers = [
            await clients.enter_async_context(
                httpx2.AsyncClient(trust_env=False, timeout=30.0, headers={"Cookie": cookie(person)})
            )
            for person in people
        ]
        await answer(callers[0], address, Body("the first request imports what it needs", FIRST))
        for number, document in enumerate(documents):
            body = Body("made elsewhere", json.dumps({"query": document}).encode())
            tally.add(number, body, *await least(callers[number % len(callers)], address, body))
    print(f"seed {drawn}: {len(documents)} documents, {len(tally.faults)} faults, {dict(tally.statuses)}")
    print(f"worst {tally.worst * 1_000:.0f} ms of processor")
    assert len(documents) >= count // 2
    assert tally.faults == []
    assert tally.slow == []
    assert tally.statuses["200 data"] >= len(documents) // 50


def made_elsewhere(count: int, drawn: int) -> list[str]:
    """Different documents, as many as could be had."""
    sdl = (ROOT / "schema.graphql").read_text("utf-8")
    made: dict[str, None] = {}
    for mode in (Mode.POSITIVE, Mode.NEGATIVE):

        @reproducible(drawn)
        @settings(
            max_examples=count // 2,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(from_schema(sdl, custom_scalars=SCALARS, mode=mode))
        def keep(document: str) -> None:
            made[document] = None

        keep()
    return list(made)


SCALARS: Mapping[str, st.SearchStrategy[ValueNode]] = {
    "UUID": st.uuids().map(str).map(nodes.String),
    "Date": st.dates().map(str).map(nodes.String),
    "DateTime": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat).map(nodes.String),
    "VND": st.integers(0, 10**12).map(str).map(nodes.String),
    "JSON": st.text(max_size=20).map(nodes.String),
}
