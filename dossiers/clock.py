"""Working time: when a dossier is due, with each step of the reckoning. Pure.

Days are Vietnamese days. Public holidays, days in lieu and swapped working Saturdays come from the `holidays`
package (Labour Code 45/2019, Article 112; yearly notices of the ministry), cut-offs from the procedure itself.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from procedures.law import TimeLimit

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace: a day and why it counted or not."""

    on: date
    why: str


@dataclass(frozen=True, slots=True)
class DueDate:
    on: date
    trace: tuple[Step, ...]


def local_day(moment: datetime) -> date:
    """The Vietnamese calendar day of an instant."""
    return moment.astimezone(VIETNAM).date()


def is_working_day(day: date) -> bool:
    calendar = _calendar(day.year)
    if day.weekday() >= 5:
        return day in calendar.weekend_workdays
    return day not in calendar


def due_date(filed: datetime, limit: TimeLimit, cutoff: str | None = None) -> DueDate | None:
    """When a dossier filed at `filed` is due. None when the law publishes no limit.

    The first counted day is the working day after the starting day (Civil Code 2015, Article 147); a limit of
    zero working days means the starting day itself. A filing after `cutoff` (HH:MM) starts the next working day.
    """
    if limit.value is None or limit.unit is None:
        return None
    start, trace = _start(filed, cutoff)
    if limit.unit in ("working_day", "working_hour"):
        count = limit.value if limit.unit == "working_day" else -(-limit.value // 8)
        return _after_working_days(start, count, trace)
    end = _calendar_end(start, limit.value, limit.unit)
    if end is None:
        return None
    while not is_working_day(end):
        trace.append(Step(end, "rest_day"))
        end += timedelta(days=1)
    return DueDate(end, (*trace, Step(end, "due")))


def _start(filed: datetime, cutoff: str | None) -> tuple[date, list[Step]]:
    local = filed.astimezone(VIETNAM)
    day, trace = local.date(), []
    if cutoff is not None and local.time() > time.fromisoformat(cutoff):
        trace.append(Step(day, "after_cutoff"))
        day += timedelta(days=1)
    while not is_working_day(day):
        trace.append(Step(day, "rest_day"))
        day += timedelta(days=1)
    trace.append(Step(day, "start"))
    return day, trace


def _after_working_days(start: date, count: int, trace: list[Step]) -> DueDate:
    day = start
    while count > 0:
        day += timedelta(days=1)
        working = is_working_day(day)
        trace.append(Step(day, "counted" if working else "rest_day"))
        count -= working
    return DueDate(day, (*trace, Step(day, "due")))


def _calendar_end(start: date, value: int, unit: str) -> date | None:
    if unit == "hour":
        return start + timedelta(days=-(-value // 24))
    if unit == "day":
        return start + timedelta(days=value)
    if unit != "month":
        return None
    # A month ends on the day of the same number, or on the month's last day (Civil Code 2015, Article 148).
    year, month = divmod(start.year * 12 + start.month - 1 + value, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


@lru_cache(maxsize=8)
def _calendar(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("VN", years=year)
