"""How a consent goes on: the table, and random histories held to what it promises."""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.size import seed, sized
from vault.errors import AccessRefused
from vault.permission.limits import FetchType, Limits, Mode
from vault.permission.state import (
    MOVES,
    REQUEST_LASTS,
    ConsentStatus,
    Event,
    authorises,
    moved,
    status_at,
)

AT = datetime(2026, 11, 21, 2, tzinfo=UTC)
ENDED = {ConsentStatus.REFUSED, ConsentStatus.WITHDRAWN, ConsentStatus.REVOKED, ConsentStatus.INVALIDATED}
BY_HAND = """
none Requested REQUESTED | none Given GIVEN | none Renewed GIVEN
REQUESTED Agreed REQUESTED | REQUESTED Given GIVEN | REQUESTED Refused REFUSED
GIVEN Used GIVEN | GIVEN Paused PAUSED | GIVEN Withdrawn WITHDRAWN | GIVEN Revoked REVOKED
GIVEN Invalidated INVALIDATED | GIVEN Exhausted EXHAUSTED
PAUSED Resumed GIVEN | PAUSED Withdrawn WITHDRAWN | PAUSED Revoked REVOKED | PAUSED Invalidated INVALIDATED
EXHAUSTED Withdrawn WITHDRAWN | EXHAUSTED Revoked REVOKED | EXHAUSTED Invalidated INVALIDATED
"""


def test_the_table_is_the_one_written_by_hand() -> None:
    rows = [one.split() for line in BY_HAND.split("\n") for one in line.split("|") if one.strip()]
    written = {
        (None if start == "none" else ConsentStatus(start), Event(event)): ConsentStatus(end)
        for start, event, end in rows
    }
    assert dict(MOVES) == written


def test_nothing_follows_an_end() -> None:
    assert all(moved(status, event) is None for status, event in itertools.product(ENDED, Event))


def test_random_histories_keep_the_promises() -> None:
    """Only a yes authorises; what was refused or ended never does again; a use is only ever a live consent's."""
    drawn, histories = seed(), sized(2_000, 50_000)
    print(f"seed {drawn}, {histories} histories")
    rng = random.Random(drawn)
    for _ in range(histories):
        status: ConsentStatus | None = None
        happened: list[Event] = []
        for event in rng.choices(list(Event), k=rng.randint(1, 12)):
            came = moved(status, event)
            if came is None:
                continue
            if event is Event.USED:
                assert status is not None
                assert authorises(status)
            assert status not in ENDED
            status = came
            happened.append(event)
        if status is not None and authorises(status):
            assert happened.count(Event.GIVEN) + happened.count(Event.RENEWED) == 1
            assert happened.count(Event.PAUSED) == happened.count(Event.RESUMED)
            assert {Event.REFUSED, Event.WITHDRAWN, Event.REVOKED, Event.INVALIDATED}.isdisjoint(happened)


def test_time_use_and_a_pause_are_read_not_written() -> None:
    until = AT + timedelta(days=1)

    def given(now: datetime, spent: bool = False, paused: datetime | None = None) -> ConsentStatus:
        return status_at("GIVEN", now, requested_at=AT, valid_until=until, paused_at=paused, spent=spent)

    assert given(AT) is ConsentStatus.GIVEN
    assert given(until) is ConsentStatus.EXPIRED
    assert given(until, spent=True, paused=AT) is ConsentStatus.EXPIRED
    assert given(AT, spent=True, paused=AT) is ConsentStatus.EXHAUSTED
    assert given(AT, paused=AT) is ConsentStatus.PAUSED
    assert status_at("GIVEN", AT, requested_at=AT) is ConsentStatus.EXPIRED
    assert status_at("REQUESTED", AT + REQUEST_LASTS, requested_at=AT) is ConsentStatus.EXPIRED
    assert status_at("WITHDRAWN", until, requested_at=AT, valid_until=until) is ConsentStatus.WITHDRAWN


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (Limits(lasts_days=366), "validDays"),
        (Limits(lasts_days=0), "validDays"),
        (Limits(max_uses=0), "maxUses"),
        (Limits(max_uses=101), "maxUses"),
        (Limits(life_days=0), "dataLifeDays"),
        (Limits(life_days=3651), "dataLifeDays"),
        (Limits(FetchType.PERIODIC), "frequencyDays"),
        (Limits(every_days=7), "frequencyDays"),
        (Limits(FetchType.PERIODIC, every_days=0), "frequencyDays"),
        (Limits(FetchType.PERIODIC, lasts_days=6, every_days=7), "frequencyDays"),
    ],
)
def test_what_may_not_be_agreed_to_is_refused(limits: Limits, field: str) -> None:
    with pytest.raises(AccessRefused) as refusal:
        limits.check()
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(FetchType.PERIODIC, Mode.VERIFY, 365, None, 30, 12),
        Limits(FetchType.ONETIME, Mode.STORE, 1, 3650, None, 1),
    ],
)
def test_limits_are_read_as_they_were_written(limits: Limits) -> None:
    limits.check()
    assert Limits.from_json(limits.to_json()) == limits


def test_what_was_read_is_kept_from_the_reading_or_until_the_end() -> None:
    until = datetime(2026, 12, 31, 18, tzinfo=UTC)  # one in the morning in Vietnam
    assert Limits().retain_until(AT, until).isoformat() == "2027-01-01"
    assert Limits(life_days=10).retain_until(AT, until).isoformat() == "2026-12-01"
