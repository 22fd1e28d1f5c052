"""How far a consent goes: how often, how long, what is handed out, how long it may be kept. Pure.

The words of account aggregators' consents (standards.md §2). What is left out is what every consent has: read while
it lasts, kept until it ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from vault.errors import AccessRefused

CONSENT_LASTS: Final = timedelta(days=90)
"""Long enough for a dossier with its extensions; far below the twelve months standards.md §2 allows."""
LONGEST_DAYS: Final = 365
LONGEST_LIFE_DAYS: Final = 3650
MOST_USES: Final = 100


class FetchType(StrEnum):
    ONETIME = "ONETIME"
    """For the one matter it was given for."""
    PERIODIC = "PERIODIC"
    """Again and again, once in each period."""


class Mode(StrEnum):
    """What is handed out."""

    VERIFY = "VERIFY"
    """Whether the paper is in force and attests the claims; never a value."""
    VIEW = "VIEW"
    """Values, to read."""
    STORE = "STORE"
    """Values, to keep for the data's life."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`lasts_days`: how long it authorises. `life_days`: how long what was read may be kept, counted from each
    reading; None: until the consent ends. `every_days`: a PERIODIC one's period. `max_uses` None: uncounted."""

    fetch_type: FetchType = FetchType.ONETIME
    mode: Mode = Mode.VIEW
    lasts_days: int = CONSENT_LASTS.days
    life_days: int | None = None
    every_days: int | None = None
    max_uses: int | None = None

    @property
    def lasts(self) -> timedelta:
        return timedelta(days=self.lasts_days)

    @property
    def every(self) -> timedelta | None:
        return timedelta(days=self.every_days) if self.every_days is not None else None

    @property
    def is_counted(self) -> bool:
        return self.max_uses is not None or self.every_days is not None

    @property
    def _period(self) -> int:
        return 1 if self.every_days is None else self.every_days

    @property
    def may_be_kept(self) -> bool:
        """Whether a reading leaves its recipient with anything to erase."""
        return self.mode is not Mode.VERIFY

    def check(self) -> None:
        """Raises AccessRefused with the limit that is none: beyond twelve months, or a period that is not said."""
        if not 1 <= self.lasts_days <= LONGEST_DAYS:
            raise AccessRefused("validDays")
        if self.life_days is not None and not 1 <= self.life_days <= LONGEST_LIFE_DAYS:
            raise AccessRefused("dataLifeDays")
        if self.max_uses is not None and not 1 <= self.max_uses <= MOST_USES:
            raise AccessRefused("maxUses")
        periodic = self.fetch_type is FetchType.PERIODIC
        # A period without an end to it would be a licence to watch; a period for one fetch means nothing.
        if periodic is (self.every_days is None) or not 1 <= self._period <= self.lasts_days:
            raise AccessRefused("frequencyDays")

    def retain_until(self, read_at: datetime, valid_until: datetime) -> date:
        """The last Vietnamese day what is read now may be kept."""
        end = valid_until if self.life_days is None else read_at + timedelta(days=self.life_days)
        return end.astimezone(_VIETNAM).date()

    def to_json(self) -> dict[str, Any]:
        """As the signed record has it; durations in ISO 8601."""
        return {
            "fetch_type": self.fetch_type.value,
            "mode": self.mode.value,
            "frequency": _duration(self.every_days),
            "data_life": _duration(self.life_days if self.life_days is not None else self.lasts_days),
            "data_life_from": "consent" if self.life_days is None else "reading",
            "max_uses": self.max_uses,
            "lasts": _duration(self.lasts_days),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Limits":
        """What `to_json` wrote; anything absent is what every consent has."""
        life = _days(value.get("data_life")) if value.get("data_life_from") == "reading" else None
        return cls(
            FetchType(value.get("fetch_type", FetchType.ONETIME)),
            Mode(value.get("mode", Mode.VIEW)),
            _days(value.get("lasts")) or CONSENT_LASTS.days,
            life,
            _days(value.get("frequency")),
            value.get("max_uses"),
        )


_VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")


def _duration(days: int | None) -> str | None:
    return f"P{days}D" if days is not None else None


def _days(duration: str | None) -> int | None:
    return int(duration[1:-1]) if duration else None
