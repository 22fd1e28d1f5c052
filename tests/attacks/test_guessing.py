"""Fields that say whether a secret was right: however they are asked for, they are evaluated so often and no more."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from graphql import OperationType

from api.__main__ import neighbours_in
from api.app import open_platform
from api.gateway.measure import MOST_ROOT_FIELDS
from auth.allowances import GUESSABLE, Allowances
from tests.conftest import NOW
from tests.flows.conftest import House
from tests.flows.journeys import EXTENSION, PERMIT_TYPE, attempt_raw, rows, unchanged
from tests.flows.stage import ORIGIN, Person, Stage
from tests.flows.systems import System, started

TRIES = 200
AT_ONCE = MOST_ROOT_FIELDS[OperationType.MUTATION]
"""So many aliases of one mutation fit into one document."""

Documents = list[tuple[str, dict[str, Any]]]
RESULT = "{ errors { code retryable retryAfterSeconds } }"


def inputs(number: int) -> dict[str, Any]:
    """A wrong code, another one each time."""
    return {
        f"i{at}": {"idempotencyKey": str(uuid4()), "code": f"{number:04}{at}" * 5} for at in range(AT_ONCE)
    }


def declared() -> str:
    return ", ".join(f"$i{at}: VerifyDocumentInput!" for at in range(AT_ONCE))


def fields() -> str:
    return " ".join(f"a{at}: verifyDocument(input: $i{at}) {RESULT}" for at in range(AT_ONCE))


def by_aliases() -> Documents:
    document = f"mutation({declared()}) {{ {fields()} }}"
    return [(document, inputs(number)) for number in range(TRIES // AT_ONCE)]


def by_fragments() -> Documents:
    """One try in the operation, the others in fragments of fragments."""
    first, *others = (f"a{at}: verifyDocument(input: $i{at}) {RESULT}" for at in range(AT_ONCE))
    spread = (
        f"fragment F on Mutation {{ {others[0]} ...G }} fragment G on Mutation {{ {' '.join(others[1:])} }}"
    )
    document = f"mutation({declared()}) {{ {first} ...F }} {spread}"
    return [(document, inputs(number)) for number in range(TRIES // AT_ONCE)]


async def one_after_another(person: Person, documents: Documents) -> list[dict[str, Any]]:
    return [await person.post(query, variables) for query, variables in documents]


async def fifty_at_once(person: Person, documents: Documents) -> list[dict[str, Any]]:
    gate = asyncio.Semaphore(50)

    async def send(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        async with gate:
            return await person.post(query, variables)

    return list(await asyncio.gather(*(send(query, variables) for query, variables in documents)))


def single() -> Documents:
    document = f"mutation($i0: VerifyDocumentInput!) {{ verifyDocument(input: $i0) {RESULT} }}"
    return [(document, {"i0": inputs(number)["i0"]}) for number in range(TRIES)]


@pytest.mark.parametrize(
    ("made", "send"),
    [
        (by_aliases, one_after_another),
        (by_fragments, one_after_another),
        (by_aliases, fifty_at_once),
        (single, fifty_at_once),
    ],
)
async def test_two_hundred_tries_at_a_code_are_evaluated_as_often_as_allowed(
    made: Callable[[], Documents], send: Callable[[Person, Documents], Any], stage: Stage
) -> None:
    officer = await stage.officer("ubnd-mot.toan-quyen")
    begun = time.monotonic()
    answers: Sequence[dict[str, Any]] = await send(officer, made())
    passed = time.monotonic() - begun
    allowed = GUESSABLE["verifyDocument"]
    most = allowed.at_once + passed * allowed.at_once / allowed.seconds
    ((evaluated,),) = await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'share.redeemed'")
    told = Counter(
        error["code"] for said in answers for payload in said["data"].values() for error in payload["errors"]
    )
    print(
        f"{made.__name__}, {send.__name__}: {evaluated} of {TRIES} evaluated in {passed:.1f} s, at most {most:.1f}"
    )
    assert allowed.at_once <= evaluated <= most
    assert told == {"RATE_LIMITED": TRIES - evaluated}
    waits = {
        error["retryAfterSeconds"]
        for said in answers
        for payload in said["data"].values()
        for error in payload["errors"]
    }
    assert waits <= {1, 2}


async def test_one_officers_tries_are_not_anothers(stage: Stage) -> None:
    officer, other = await stage.officer("ubnd-mot.toan-quyen"), await stage.officer("so-tai-chinh.tham-dinh")
    await one_after_another(officer, by_aliases())
    (query, variables), *_ = single()
    assert (await officer.post(query, variables))["data"]["verifyDocument"]["errors"][0][
        "code"
    ] == "RATE_LIMITED"
    assert (await other.post(query, variables))["data"]["verifyDocument"]["errors"] == []


async def test_nobody_in_particular_is_limited_by_address(stage: Stage) -> None:
    documents = single()[: GUESSABLE["verifyDocument"].at_once + 5]
    answers = await one_after_another(stage.anybody(), documents)
    told = [said["data"]["verifyDocument"]["errors"][0]["code"] for said in answers if said["data"]]
    assert set(told) == {"RATE_LIMITED"}
    assert {error["extensions"]["code"] for said in answers for error in said.get("errors", ())} == {
        "UNAUTHENTICATED"
    }
    assert await rows(stage, "SELECT count(*) FROM ledger WHERE kind = 'share.redeemed'") == [(0,)]


async def test_a_parents_tries_at_childrens_numbers_are_few(stage: Stage) -> None:
    """The database counts different numbers a day, the bucket every field resolved, the same number again too."""
    me = await stage.citizen("minh-chau")
    allowed = GUESSABLE["recogniseGuardian"].at_once
    tried = [*range(7), *([0] * (allowed - 7 + 3))]
    codes = []
    for number in tried:
        refused = await me.refused("recogniseGuardian", "ward { name }", citizenId=f"0012150{number:05}")
        codes.append(refused["code"])
    different, again = (["GUARDIAN_NOT_PROVEN"] * count for count in (5, allowed - 7))
    assert codes == [*different, "TRIES_SPENT", "TRIES_SPENT", *again, *["RATE_LIMITED"] * 3]
    # What is refused is neither asked of a register nor written down as if it had been.
    asked = "SELECT count(*) FROM ledger WHERE kind = 'register.asked'"
    assert await rows(stage, asked) == [(allowed - 2,)]


async def test_tries_at_companies_numbers_are_few(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    allowed = GUESSABLE["recogniseRepresentative"].at_once
    codes = []
    for number in [*range(6), *([0] * (allowed - 6 + 2))]:
        given = {"organisationId": f"00099{number:05}"}
        codes.append((await me.refused("recogniseRepresentative", "ward { name }", **given))["code"])
    different, again = (["REPRESENTATIVE_NOT_PROVEN"] * count for count in (5, allowed - 6))
    assert codes == [*different, "TRIES_SPENT", *again, *["RATE_LIMITED"] * 2]


async def test_an_officers_tries_at_peoples_numbers_are_limited(stage: Stage) -> None:
    officer = await stage.officer("ubnd-mot.toan-quyen")
    allowed = GUESSABLE["identifySubject"].at_once
    codes = []
    for number in range(allowed + 5):
        said = await attempt_raw(officer, "identifySubject", citizenId=f"0010990{number:05}")
        found = said.get("errors") or said["data"]["identifySubject"]["errors"]
        codes.append(found[0].get("code") or found[0]["extensions"]["code"])
    assert codes == ["NOT_FOUND"] * allowed + ["RATE_LIMITED"] * 5


def asking(numbers: Iterable[int], procedure: str, spread: bool = False) -> tuple[str, dict[str, Any]]:
    """One document that asks everybody with these numbers; `spread`: all but the first in a fragment."""
    given = {
        f"i{at}": {
            "idempotencyKey": str(uuid4()),
            "citizenId": f"0010991{number:05}",
            "type": PERMIT_TYPE,
            "claims": ["permit.number@permit_holder"],
            "procedure": procedure,
        }
        for at, number in enumerate(numbers)
    }
    first, *others = (f"a{at}: requestAccess(input: ${name}) {RESULT}" for at, name in enumerate(given))
    kinds = ", ".join(f"${name}: RequestAccessInput!" for name in given)
    if spread and others:
        rest = f"}} fragment F on Mutation {{ {' '.join(others)}"
        return f"mutation({kinds}) {{ {first} ...F {rest} }}", given
    return f"mutation({kinds}) {{ {first} {' '.join(others)} }}", given


async def codes_of(software: System, document: tuple[str, dict[str, Any]]) -> list[str]:
    """What each of a document's asks met: "" where it was taken."""
    said = (await software.post(*document))["data"]
    errors = [payload["errors"] for payload in said.values()]
    assert all(one["retryAfterSeconds"] == 1 for found in errors for one in found), said
    return [found[0]["code"] if found else "" for found in errors]


async def test_an_agencys_system_asks_three_hundred_people_a_minute_and_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two installations with one client id, by aliases, by fragments and one by one, all within one moment."""
    moment, spend = NOW, Allowances.spend
    monkeypatch.setattr(Allowances, "spend", lambda self, what, who, now: spend(self, what, who, moment))
    systems = [await started(stage, "so-tai-chinh"), await started(stage, "so-tai-chinh")]
    other = await started(stage, "so-y-te")
    found = await other.ask("query($code: String!) { procedure(code: $code) { id } }", code=EXTENSION)
    procedure = found["procedure"]["id"]
    allowed = GUESSABLE["requestAccess"].at_once
    fits = allowed - 2
    codes: list[str] = []
    for number in range(0, fits, AT_ONCE):
        numbers = range(number, min(number + AT_ONCE, fits))
        codes += await codes_of(systems[number % 2], asking(numbers, procedure, spread=number % 20 == 0))
    assert codes == [""] * fits
    over = asking(range(fits, fits + AT_ONCE), procedure)
    assert await codes_of(systems[0], over) == ["", "", *["RATE_LIMITED"] * (AT_ONCE - 2)]
    counting = "SELECT count(*) FROM access_requests"
    assert await rows(stage, counting) == [(allowed,)]
    async with unchanged(stage):
        for software in systems:
            assert await codes_of(software, asking([allowed], procedure)) == ["RATE_LIMITED"]
        query, given = asking([allowed], procedure)
        batch = await systems[0].send_body([{"query": query, "variables": given}] * AT_ONCE)
        assert batch.status_code == 400
    # Another agency's system has an allowance of its own, and this one again what the seconds bring back.
    assert await codes_of(other, asking([allowed], procedure)) == [""]
    moment += timedelta(seconds=1)
    back = int(allowed / GUESSABLE["requestAccess"].seconds)
    again = asking(range(allowed, allowed + back), procedure)
    assert await codes_of(systems[1], again) == [""] * back
    assert await codes_of(systems[1], asking([allowed], procedure)) == ["RATE_LIMITED"]
    print(f"{allowed} asks taken, the next refused; {back} more after a second")
    assert await rows(stage, counting) == [(allowed + 1 + back,)]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_the_public_page_is_limited_by_address(accept: str, stage: Stage) -> None:
    browser = stage.anybody().browser
    statuses: Counter[int] = Counter()
    allowed = GUESSABLE["/verify"].at_once
    for number in range(allowed + 20):
        answer = await browser.get(f"{ORIGIN}/verify/{number:010}", headers={"Accept": accept})
        statuses[answer.status_code] += 1
        assert (answer.status_code == 429) == ("retry-after" in answer.headers)
    assert statuses.keys() == {404, 429}
    assert statuses[404] >= allowed


@pytest.mark.parametrize("believed", [True, False])
async def test_only_a_proxy_of_ours_says_where_a_caller_is(
    believed: bool, furnished: House, stage: Stage
) -> None:
    settings = replace(furnished.settings, proxies=("127.0.0.1/32",) if believed else ("192.0.2.1/32",))
    async with open_platform(
        settings, furnished.servers, neighbours_in(furnished.sandbox.addresses)
    ) as platform:
        behind = Stage(platform, stage.sandbox, stage.owner, stage.servers)
        browser = behind.anybody().browser
        statuses = []
        for number in range(GUESSABLE["/verify"].at_once + 20):
            headers = {"Accept": "application/json", "X-Forwarded-For": f"203.0.113.{number}"}
            statuses.append((await browser.get(f"{ORIGIN}/verify/x", headers=headers)).status_code)
        assert set(statuses) == ({404} if believed else {404, 429})
        await behind.close()
