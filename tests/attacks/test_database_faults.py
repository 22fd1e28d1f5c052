"""A database that restarts, freezes, ends connections in mid-commit: whoever asks meanwhile is told to come again,
and whoever does, under the same key, finds everything done exactly once.

The seed replays which commits meet which fate, in the order they are made; how requests interleave is the machine's.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast
from uuid import uuid4

import httpx2
import pytest

import resolvers.context
import store.database
import vault.sealing.keys
from store.database import ANSWER_SECONDS, Database
from store.embedded import Embedded
from tests.attacks.failing.servers import Fate, Troubles
from tests.conftest import superuser
from tests.flows import journeys
from tests.flows.stage import ORIGIN, Person, Stage
from tests.size import FULL, seed, sized

PAPER: Final = "thuyet-minh-co-so-vat-chat-attp"
ASKERS: Final = 8
FREEZE_SECONDS: Final = 20.0 if FULL else 2.0
HEALED_SECONDS: Final = 15.0
SHARE: Final = """mutation($input: CreateShareInput!) { createShare(input: $input) {
  share { id } errors { code } } }"""


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is a tenth of the product's, unless the run is of full size."""
    if not FULL:
        monkeypatch.setattr(store.database, "FREE_SECONDS", store.database.FREE_SECONDS / 10)
        tenth = ANSWER_SECONDS / 10
        defaults = cast(dict[str, Any], Database.__init__.__kwdefaults__)
        monkeypatch.setitem(defaults, "answer_seconds", tenth)
        monkeypatch.setattr(vault.sealing.keys, "ANSWER_SECONDS", tenth)


@pytest.fixture
async def troubles(hurried: None, embedded: Embedded, stage: Stage) -> AsyncIterator[Troubles]:
    drawn = seed()
    print(f"seed {drawn}")
    made = Troubles(embedded, stage.servers, await superuser(embedded, stage.servers), random.Random(drawn))
    yield made
    await made.root.close()


TWICE: Final = "made twice"


@dataclass
class Asker:
    """One client that sends each request under its key until it is answered, and now and then once more."""

    person: Person
    document: str
    lot: random.Random
    made: dict[str, str] = field(default_factory=dict)
    """What came of each key."""
    answers: Counter[int] = field(default_factory=Counter)
    resent: int = 0
    slowest: float = 0.0

    async def go_on(self, until: asyncio.Event) -> None:
        while not until.is_set():
            await self.make_one()

    async def make_one(self) -> None:
        """One share, whatever it takes."""
        key, tried = str(uuid4()), 0
        while key not in self.made or self.lot.random() < 0.5:
            self.resent += tried > 0
            tried += 1
            made = await self._send(key)
            if made is None:
                await asyncio.sleep(self.lot.uniform(0, 0.02))
                continue
            assert self.made.setdefault(key, made) == made, TWICE

    async def _send(self, key: str) -> str | None:
        """The share's id, or None when told to come again. Any other answer is a fault of the platform's."""
        given = {"document": self.document, "claims": [], "idempotencyKey": key}
        begun = time.monotonic()
        answer = await self.person.browser.post(
            f"{ORIGIN}/graphql",
            json={"query": SHARE, "variables": {"input": given}},
            headers={"Origin": ORIGIN},
        )
        self.slowest = max(self.slowest, time.monotonic() - begun)
        self.answers[answer.status_code] += 1
        said: dict[str, Any] = answer.json()
        if answer.status_code == 200:
            assert said["data"]["createShare"]["errors"] == [], said
            return str(said["data"]["createShare"]["share"]["id"])
        assert_come_again(answer)
        return None


def assert_come_again(answer: httpx2.Response) -> None:
    """503, typed, with when to come again, and nothing else."""
    assert answer.status_code == 503, (answer.status_code, answer.text)
    assert int(answer.headers["retry-after"]) == 1
    (error,) = answer.json()["errors"]
    told = error.get("extensions", error)
    assert told["code"] == "TEMPORARILY_UNAVAILABLE", error
    assert told["retryable"] is True
    assert answer.json().get("data") is None


async def test_commits_gone_wrong_have_no_double_effect(stage: Stage, troubles: Troubles) -> None:
    """Lost answers, ended backends, conflicts, while everybody sends everything again until it is answered."""
    askers, wanted = await _askers(stage, troubles), sized(80, 5000)
    async with _following(stage):
        with troubles.commits_going_wrong(share=0.25):
            while sum(one.resent for one in askers) < wanted:
                async with asyncio.TaskGroup() as group:
                    for one in askers:
                        group.create_task(one.make_one())
                if troubles.lot.random() < 0.02:
                    await troubles.end_backends()
        assert set(troubles.met) == set(Fate)
        await assert_healed(stage, askers)
    _tell(askers, troubles)
    assert sum(one.answers[503] for one in askers) > wanted / 20
    await assert_each_once(stage, askers)


async def test_without_keys_the_double_effects_are_found(
    stage: Stage, troubles: Troubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a platform that forgets what it was asked before."""

    async def forget(*given: Any) -> None:
        return None

    for name in ("recall", "remember"):
        monkeypatch.setattr(resolvers.context, name, forget)
    (asker, *_) = await _askers(stage, troubles)

    async def ask() -> None:
        while len(asker.made) < 20:
            await asker.make_one()
        await assert_each_once(stage, [asker])

    with troubles.commits_going_wrong(share=0.5), pytest.raises(AssertionError, match=TWICE):
        await ask()


async def test_a_restart_is_a_pause(stage: Stage, troubles: Troubles) -> None:
    askers = await _askers(stage, troubles)
    async with _following(stage), _asking(askers):
        for _ in range(sized(1, 5)):
            await troubles.restart()
            await assert_healed(stage, askers)
            assert await troubles.end_backends() > 0
            await assert_healed(stage, askers)
    _tell(askers, troubles)
    await assert_each_once(stage, askers)


async def test_a_frozen_server_holds_nobody_for_long(stage: Stage, troubles: Troubles) -> None:
    """Neither the askers nor whoever looks whether we are ready; afterwards everything goes on by itself."""
    askers = await _askers(stage, troubles)
    async with _following(stage), _asking(askers):
        async with troubles.frozen():
            ready = asyncio.create_task(askers[0].person.browser.get(f"{ORIGIN}/readyz"))
            await asyncio.sleep(FREEZE_SECONDS)  # the length of the freeze is what is being tried
        assert (await ready).status_code in (200, 503)
        await assert_healed(stage, askers)
    _tell(askers, troubles)
    assert sum(one.answers[503] for one in askers) > 0
    # The wait for a connection, for who is asking; then a statement, its cancelling, and the connection's end.
    longest = 2 * (store.database.FREE_SECONDS + (ANSWER_SECONDS if FULL else ANSWER_SECONDS / 10)) + 5
    assert max(one.slowest for one in askers) < longest
    await assert_each_once(stage, askers)


async def test_more_requests_than_connections_wait_a_little_and_are_told(
    stage: Stage, troubles: Troubles
) -> None:
    (asker, *_) = await _askers(stage, troubles)
    engine = stage.platform.house.database.engine
    async with AsyncExitStack() as held:
        for _ in range(20):
            await held.enter_async_context(engine.connect())
        assert await asker._send(str(uuid4())) is None
    await asker.make_one()
    assert asker.slowest < store.database.FREE_SECONDS + 5


async def test_every_door_says_come_again_while_the_database_is_away(
    stage: Stage, troubles: Troubles
) -> None:
    """Queries, papers, uploads, pages, the log: 503 with when to come again, never a fault, and never a hang. The
    law is served on: it rests in memory."""
    (asker, *_) = await _askers(stage, troubles)
    browser, upload = asker.person.browser, str(uuid4())
    ticket = (await asker.person.act("openDocument", "url", document=asker.document))["url"]
    doors = [
        ("POST", "/graphql"),
        ("GET", ticket.removeprefix(ORIGIN)),
        ("PUT", f"/uploads/{upload}?key=x"),
        ("GET", "/verify/ABCDEFGHJKMNPQRSTVWXYZ2345"),
        ("GET", "/sign-in?role=citizen"),
        ("GET", "/log/checkpoint"),
    ]
    query = {"query": "{ myDocuments(first: 1) { edges { cursor } } }"}
    await asyncio.to_thread(troubles.embedded.stop)
    try:
        for method, path in doors:
            body = query if method == "POST" else None
            answer = await browser.request(method, f"{ORIGIN}{path}", json=body, headers={"Origin": ORIGIN})
            assert_come_again(answer)
        assert (await browser.get(f"{ORIGIN}/readyz")).status_code == 503
        for path in ("/healthz", "/graphql?query={procedures(first:1){edges{cursor}}}"):
            assert (await browser.get(f"{ORIGIN}{path}")).status_code == 200
    finally:
        await troubles.restart()
    assert (await browser.get(ticket)).status_code == 200


async def assert_healed(stage: Stage, askers: list[Asker]) -> None:
    """Ready and answering within HEALED_SECONDS from now."""
    begun = time.monotonic()
    browser, before = askers[0].person.browser, Counter(stage.platform.loops.good_rounds)
    while (await browser.get(f"{ORIGIN}/readyz")).status_code != 200 or not _moved(stage, before):
        assert time.monotonic() - begun < HEALED_SECONDS
        await asyncio.sleep(0.05)
    await asyncio.gather(*(one.make_one() for one in askers))
    took = time.monotonic() - begun
    print(f"healed after {took:.1f} s")
    assert took < HEALED_SECONDS


async def assert_each_once(stage: Stage, askers: list[Asker]) -> None:
    """As many codes, and as many lines in the log, as there were keys."""
    made = [share for one in askers for share in one.made.values()]
    assert len(made) == len(set(made)), TWICE
    assert await journeys.rows(stage, "SELECT count(*) FROM shares") == [(len(made),)], TWICE
    lines = "SELECT count(*) FROM ledger WHERE kind = 'share.created'"
    assert await journeys.rows(stage, lines) == [(len(made),)], TWICE


def _moved(stage: Stage, before: Counter[str]) -> bool:
    """Whether every loop that comes often has had a good round since."""
    return all(stage.platform.loops.good_rounds[one] > before[one] for one in ("seal", "place", "deliver"))


async def _askers(stage: Stage, troubles: Troubles) -> list[Asker]:
    person = await stage.citizen("minh-chau")
    document = await journeys.keep(person, PAPER, {})
    return [Asker(person, document, random.Random(troubles.lot.getrandbits(32))) for _ in range(ASKERS)]


@asynccontextmanager
async def _asking(askers: list[Asker]) -> AsyncIterator[None]:
    """Everybody asks and asks inside the block."""
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for one in askers:
            group.create_task(one.go_on(enough))
        try:
            yield
        finally:
            enough.set()


@asynccontextmanager
async def _following(stage: Stage) -> AsyncIterator[None]:
    """The loops run inside the block, and none of them ends."""
    following = asyncio.create_task(stage.platform.loops.run())
    try:
        yield
        assert not following.done()
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def _tell(askers: list[Asker], troubles: Troubles) -> None:
    answers = sum((one.answers for one in askers), Counter[int]())
    print(
        f"{sum(len(one.made) for one in askers)} keys, {sum(one.resent for one in askers)} sent again,"
        f" answers {dict(answers)}, slowest {max(one.slowest for one in askers):.1f} s,"
        f" commits { ({str(fate): count for fate, count in troubles.met.items()}) }"
    )
