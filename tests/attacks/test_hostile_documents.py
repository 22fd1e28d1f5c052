"""Generated documents and bodies, sound, damaged and hostile: each is answered, soon, and leaves nothing behind."""

import gc
import json
import random
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest
from graphql import build_schema

import resolvers.context
from api.process.serving import listen, serving
from tests.attacks.foreign_documents import Made, complaints, made_elsewhere
from tests.attacks.hostile_documents import Body, Grower
from tests.flows.stage import ORIGIN, Stage, cookie
from tests.house.tree import ROOT
from tests.size import seed, sized

FIRST = b'{"query": "{ procedures(first: 1) { edges { cursor } } }"}'
# Where a field that may not be null fails, graphql-core cancels what runs beside it. In the one moment between a
# task's making and its first step it drops the resolver unstarted, which Python remarks on: nothing ran, nothing is
# kept. About one document in 25,000 meets that moment.
drops_resolvers = pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <coroutine object GraphQLCoreConverter\.from_resolver\.<locals>\._async_resolver"
    r":pytest.PytestUnraisableExceptionWarning"
)

MOST_CPU_MILLISECONDS = 250
MOST_GROWTH_MIB = 50


@asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[str]:
    """The stage's platform on a socket, by the server of production."""
    listening = listen("127.0.0.1", 0)
    async with serving(stage.platform, listening, loops=False):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/graphql"


async def answer(client: httpx2.AsyncClient, address: str, body: Body) -> tuple[httpx2.Response, float]:
    """The answer and the processor time this process spent, the client's share included."""
    headers = {"Content-Type": body.media_type, "Origin": ORIGIN}
    begun = time.process_time()
    response = await client.post(address, content=body.content, headers=headers)
    return response, time.process_time() - begun


async def least(client: httpx2.AsyncClient, address: str, body: Body) -> tuple[httpx2.Response, float]:
    """The answer, with the least time of three where the first took too long: on a shared machine a neighbour's
    work shows in ours. Each is another text to the server, which would remember the first."""
    response, seconds = await answer(client, address, body)
    for more in range(1, 3):
        if seconds * 1_000 <= MOST_CPU_MILLISECONDS:
            break
        again = replace(body, content=body.content.replace(b'"query": "', b'"query": "' + b" " * more))
        seconds = min(seconds, (await answer(client, address, again))[1])
    return response, seconds


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
    growth_mib: float = 0.0

    def add(self, body: Body, response: httpx2.Response, seconds: float) -> None:
        told = response.json()
        codes = {error.get("extensions", error)["code"] for error in told.get("errors", ())}
        self.statuses[f"{response.status_code} {'data' if told.get('data') else 'no data'}"] += 1
        sent = f"{body.name}: {body.content[:2_000]!r}"
        if response.status_code >= 500 or "INTERNAL" in codes:
            self.faults.append(sent)
        if seconds * 1_000 > MOST_CPU_MILLISECONDS:
            self.slow.append(f"{seconds * 1_000:.0f} ms, {sent}")
        if seconds > self.worst:
            self.worst, self.worst_name = seconds, body.name

    def __str__(self) -> str:
        return (
            f"{len(self.faults)} faults, answered {dict(self.statuses)}, "
            f"worst {self.worst * 1_000:.0f} ms of processor ({self.worst_name}), "
            f"memory grew {self.growth_mib:.1f} MiB"
        )


Judge = Callable[[int, httpx2.Response], None]


async def put(stage: Stage, bodies: Iterable[Body], count: int, judge: Judge | None = None) -> Tally:
    """Send the bodies in turn for nobody, a citizen and an officer; `judge` gets each answer by its number.

    Memory counts once a third is done, or five hundred: caches have filled by then.
    """
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
        for number, body in enumerate(bodies):
            if number == warming:
                before = resident_mib()
            response, seconds = await least(callers[number % len(callers)], address, body)
            tally.add(body, response, seconds)
            if judge is not None:
                judge(number, response)
        tally.growth_mib = resident_mib() - before
    return tally


@drops_resolvers
async def test_no_document_finds_a_fault_or_keeps_the_server_busy(stage: Stage) -> None:
    count, drawn = sized(1_000, 50_000), seed()
    grower = Grower(build_schema((ROOT / "schema.graphql").read_text("utf-8")), random.Random(drawn))
    tally = await put(stage, (grower.body() for _ in range(count)), count)
    print(f"seed {drawn}: {count} bodies, {tally}")
    assert tally.faults == []
    assert tally.slow == []
    assert tally.growth_mib <= MOST_GROWTH_MIB
    # Not everything was refused at the door.
    assert tally.statuses["200 data"] >= count // 50


async def put_cases(stage: Stage, cases: Sequence[Made]) -> tuple[Tally, list[str]]:
    """Send what schemathesis made; the tally, and what its own checks object to."""
    objections: list[str] = []

    def judge(number: int, response: httpx2.Response) -> None:
        found = complaints(cases[number], response)
        objections.extend(f"{type(one).__name__}: {one.message} {cases[number].body!r}" for one in found)

    bodies = (Body(case.operation.label, json.dumps({"query": case.body}).encode()) for case in cases)
    return await put(stage, bodies, len(cases), judge), objections


@drops_resolvers
async def test_schemathesis_finds_nothing_to_object_to_in_any_operation(stage: Stage) -> None:
    drawn = seed()
    cases = made_elsewhere(sized(230, 12_000), drawn)
    modes = Counter(str(case.meta.generation.mode) for case in cases if case.meta is not None)
    tally, objections = await put_cases(stage, cases)
    print(f"seed {drawn}: {len(cases)} documents of schemathesis {dict(modes)}")
    print(f"{len(objections)} objections, {tally}")
    assert len(cases) >= sized(200, 10_000)
    assert min(modes["positive"], modes["negative"]) >= len(cases) // 3
    assert objections == []
    assert tally.faults == []
    assert tally.slow == []
    assert tally.growth_mib <= MOST_GROWTH_MIB
    assert tally.statuses["200 data"] >= len(cases) // 10


async def test_a_resolver_that_raises_is_objected_to(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the two above: neither passes because its check sees nothing."""

    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(resolvers.context, "profiles_of", fail)
    cases = [one for one in made_elsewhere(1, seed()) if one.operation.label == "Query.viewer"] * 3
    tally, objections = await put_cases(stage, cases)
    # The citizen's turns: the other two callers have no profile to look up.
    assert (len(tally.faults), len(objections)) == (len(cases) // 3, len(cases) // 3)
    assert all("GraphQLServerError" in one for one in objections)
