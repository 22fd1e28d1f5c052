"""The day a guardian's mandate ends by itself (Civil Code 2015, Article 20)."""

from datetime import date, datetime, timedelta, timezone

import pytest

from auth.mandates import _eighteenth_birthday

HANOI = timezone(timedelta(hours=7))


@pytest.mark.parametrize(
    ("born", "of_age"),
    [
        (date(2008, 11, 23), date(2026, 11, 23)),
        (date(2008, 1, 1), date(2026, 1, 1)),
        (date(2008, 2, 28), date(2026, 2, 28)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2004, 2, 29), date(2022, 3, 1)),
        (date(2010, 2, 28), date(2028, 2, 28)),
        (date(2010, 3, 1), date(2028, 3, 1)),
    ],
)
def test_a_person_is_of_age_from_the_first_moment_of_the_day_in_viet_nam(born: date, of_age: date) -> None:
    assert _eighteenth_birthday(born) == datetime(of_age.year, of_age.month, of_age.day, tzinfo=HANOI)
