"""How a consent goes on: one table. Pure; the database holds rows to the same moves.

EXPIRED and EXHAUSTED follow from time and use: they are read, never stored, and no move leads to them. PAUSED is a
flag its person sets and lifts, not an end.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class ConsentStatus(StrEnum):
    """How a consent or a request for one stands. EXPIRED, EXHAUSTED and PAUSED are computed on reading."""

    REQUESTED = "REQUESTED"
    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    REVOKED = "REVOKED"
    """Its recipient gave it up."""
    INVALIDATED = "INVALIDATED"
    """An authority declared it void."""
    EXPIRED = "EXPIRED"
    EXHAUSTED = "EXHAUSTED"
    PAUSED = "PAUSED"


class Event(StrEnum):
    """What happened to a consent, as its history keeps it."""

    REQUESTED = "Requested"
    AGREED = "Agreed"
    """By one of two who must: a child of seven and more, and whoever represents it."""
    GIVEN = "Given"
    RENEWED = "Renewed"
    """Given anew, by a fresh decision of the person's, for one that ends: a record of its own that supersedes it."""
    REFUSED = "Refused"
    WITHDRAWN = "Withdrawn"
    REVOKED = "Revoked"
    INVALIDATED = "Invalidated"
    USED = "Used"
    EXHAUSTED = "Exhausted"
    PAUSED = "Paused"
    RESUMED = "Resumed"


MOVES: Final[Mapping[tuple[ConsentStatus | None, Event], ConsentStatus]] = {
    (None, Event.REQUESTED): ConsentStatus.REQUESTED,
    (None, Event.GIVEN): ConsentStatus.GIVEN,
    (None, Event.RENEWED): ConsentStatus.GIVEN,
    (ConsentStatus.REQUESTED, Event.AGREED): ConsentStatus.REQUESTED,
    (ConsentStatus.REQUESTED, Event.GIVEN): ConsentStatus.GIVEN,
    (ConsentStatus.REQUESTED, Event.REFUSED): ConsentStatus.REFUSED,
    (ConsentStatus.GIVEN, Event.USED): ConsentStatus.GIVEN,
    (ConsentStatus.GIVEN, Event.PAUSED): ConsentStatus.PAUSED,
    (ConsentStatus.GIVEN, Event.WITHDRAWN): ConsentStatus.WITHDRAWN,
    (ConsentStatus.GIVEN, Event.REVOKED): ConsentStatus.REVOKED,
    (ConsentStatus.GIVEN, Event.INVALIDATED): ConsentStatus.INVALIDATED,
    (ConsentStatus.GIVEN, Event.EXHAUSTED): ConsentStatus.EXHAUSTED,
    (ConsentStatus.PAUSED, Event.RESUMED): ConsentStatus.GIVEN,
    (ConsentStatus.PAUSED, Event.WITHDRAWN): ConsentStatus.WITHDRAWN,
    (ConsentStatus.PAUSED, Event.REVOKED): ConsentStatus.REVOKED,
    (ConsentStatus.PAUSED, Event.INVALIDATED): ConsentStatus.INVALIDATED,
    # What was handed over is still theirs to have erased, and to be told of.
    (ConsentStatus.EXHAUSTED, Event.WITHDRAWN): ConsentStatus.WITHDRAWN,
    (ConsentStatus.EXHAUSTED, Event.REVOKED): ConsentStatus.REVOKED,
    (ConsentStatus.EXHAUSTED, Event.INVALIDATED): ConsentStatus.INVALIDATED,
}
"""Where an event leads from a state; what is not here does not happen. None: there is no consent yet."""

REQUEST_LASTS: Final = timedelta(days=30)
"""Somebody's approval not decided in this time must be asked for again."""


def moved(status: ConsentStatus | None, event: Event) -> ConsentStatus | None:
    """Where the event leads; None when it cannot happen."""
    return MOVES.get((status, event))


def authorises(status: ConsentStatus) -> bool:
    """Whether anything may be disclosed under it."""
    return status is ConsentStatus.GIVEN


def status_at(
    stored: str,
    now: datetime,
    *,
    requested_at: datetime,
    valid_until: datetime | None = None,
    paused_at: datetime | None = None,
    spent: bool = False,
) -> ConsentStatus:
    """The stored status as time, use and its person's flag have made it. `spent`: as often used as it may be."""
    status = ConsentStatus(stored)
    if status is ConsentStatus.REQUESTED and requested_at + REQUEST_LASTS <= now:
        return ConsentStatus.EXPIRED
    if status is not ConsentStatus.GIVEN:
        return status
    if valid_until is None or valid_until <= now:
        return ConsentStatus.EXPIRED
    if spent:
        return ConsentStatus.EXHAUSTED
    return ConsentStatus.PAUSED if paused_at is not None else ConsentStatus.GIVEN
