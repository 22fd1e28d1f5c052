"""From the seventh to the sixteenth birthday a child agrees besides its guardian, by Vietnam's calendar."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from auth.mandates import GUARDIAN, LiveMandate, _eighteenth_birthday
from store.identifiers import new_id

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def mandate(born: date | None, basis: str = GUARDIAN) -> LiveMandate:
    until = _eighteenth_birthday(born).astimezone(UTC) if born is not None else None
    return LiveMandate(new_id(), new_id(), basis, "parent", ("all",), until, "register:1")


@pytest.mark.parametrize(
    ("born", "seven", "sixteen"),
    [
        (date(2018, 5, 20), date(2025, 5, 20), date(2034, 5, 20)),
        # Born on 29 February: one day later in a common year, and when sixteen, never earlier than the day itself.
        (date(2016, 2, 29), date(2023, 3, 1), date(2032, 3, 1)),
        (date(2017, 3, 1), date(2024, 3, 1), date(2033, 3, 1)),
    ],
)
def test_a_child_agrees_too_from_seven_until_sixteen(born: date, seven: date, sixteen: date) -> None:
    second_before = {day: datetime(day.year, day.month, day.day, tzinfo=VIETNAM) for day in (seven, sixteen)}
    shared = mandate(born).is_shared
    for day, becomes in ((seven, True), (sixteen, False)):
        starts = second_before[day]
        assert shared(starts) is becomes
        assert shared(datetime.fromtimestamp(starts.timestamp() - 1, UTC)) is not becomes


def test_a_newborns_guardian_and_whoever_is_no_guardian_agree_alone() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert not mandate(None).is_shared(now)
    assert not mandate(date(2018, 5, 20), "PROXY").is_shared(now)
