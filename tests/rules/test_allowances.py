"""A bucket per field and caller: what it lets through at once, how it fills again, and what it forgets."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from starlette.requests import Request

from api.web.addresses import address_of
from auth import allowances
from auth.allowances import DEAR, GUESSABLE, Allowance, Allowances
from auth.errors import RateLimited

THREE_A_MINUTE = {"field": Allowance(3, 60), "other": Allowance(1, 60)}


def let_through(buckets: Allowances, caller: str, now: datetime, times: int = 50) -> int:
    passed = 0
    for _ in range(times):
        try:
            buckets.spend("field", caller, now)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_a_full_bucket_lets_so_many_through_and_says_when_the_next_one_is(now: datetime) -> None:
    buckets = Allowances(THREE_A_MINUTE)
    assert let_through(buckets, "me", now) == 3
    with pytest.raises(RateLimited) as limited:
        buckets.spend("field", "me", now + timedelta(seconds=5))
    assert limited.value.seconds == 15
    assert let_through(buckets, "me", now + timedelta(seconds=20)) == 1
    assert let_through(buckets, "me", now + timedelta(hours=1)) == 3


def test_callers_and_fields_have_buckets_of_their_own(now: datetime) -> None:
    buckets = Allowances(THREE_A_MINUTE)
    assert [let_through(buckets, caller, now) for caller in ("me", "you")] == [3, 3]
    buckets.spend("other", "me", now)


def test_a_clock_that_runs_backwards_gives_nothing(now: datetime) -> None:
    buckets = Allowances(THREE_A_MINUTE)
    moments = [now + timedelta(seconds=second) for second in (0, 10, 0, 10, 0, 10)]
    assert sum(let_through(buckets, "me", moment, 1) for moment in moments) == 3


def test_only_so_many_callers_are_remembered(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "MOST_BUCKETS", 10)
    buckets = Allowances(THREE_A_MINUTE)
    for number in range(1_000):
        assert let_through(buckets, str(number), now, 4) == 3
    assert len(buckets._buckets) == 10
    # Whoever tries on is not forgotten.
    assert let_through(buckets, "999", now) == 0


def test_no_allowance_is_beyond_what_the_documents_say() -> None:
    assert {what: (one.at_once, one.seconds) for what, one in (GUESSABLE | DEAR).items()} == {
        "verifyDocument": (30, 60),
        "identifySubject": (30, 900),
        "confirmAssisted": (30, 900),
        "recogniseGuardian": (10, 3_600),
        "recogniseRepresentative": (10, 3_600),
        "requestAccess": (300, 60),
        "/verify": (60, 60),
        "exportMyData": (3, 3_600),
        "/log/mine": (10, 3_600),
        "/status-lists": (300, 60),
    }


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a socket", "a socket"),
    ],
)
def test_one_subscriber_has_one_address(host: str, expected: str) -> None:
    assert address_of(Request({"type": "http", "client": (host, 1)})) == expected


def test_no_peer_has_no_address() -> None:
    assert address_of(Request({"type": "http", "client": None})) == ""


def test_the_operators_page_has_every_figure() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text("utf-8")
    told = {name: int(figure) for name, figure in re.findall(r"`([\w/-]+?)(?:/…)?` (\d+)\b", page)}
    at_once = {name: one.at_once for name, one in {**GUESSABLE, **DEAR}.items()}
    assert {name: told.get(name) for name in at_once} == at_once
