"""How often one caller may try what could be guessed: codes, and the numbers of other people; and how often they
may ask for what is dear to give.

A bucket per field and caller, in this process: full at first, filled again evenly, one try taken out for every
field that is resolved, so that neither aliases nor fragments nor requests side by side give more. Several
processes each keep their own; what a code itself forgives is counted with the code, in the database.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from auth.errors import RateLimited

MOST_BUCKETS: Final = 50_000
"""Callers remembered at once. Whoever tried longest ago is forgotten first: their bucket is full again anyway."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`at_once` tries from a full bucket, which fills up again within `seconds`."""

    at_once: int
    seconds: float


GUESSABLE: Final[dict[str, Allowance]] = {
    "verifyDocument": Allowance(30, 60),
    "requestAccess": Allowance(300, 60),
    "recogniseGuardian": Allowance(10, 3_600),
    "recogniseRepresentative": Allowance(10, 3_600),
    "identifySubject": Allowance(30, 900),
    "confirmAssisted": Allowance(30, 900),
    "/verify": Allowance(60, 60),
}
"""Every field and address that says whether a secret was right. docs/operations.md names the same figures."""
DEAR: Final[dict[str, Allowance]] = {
    "exportMyData": Allowance(3, 3_600),
    "/log/mine": Allowance(10, 3_600),
    "/status-lists": Allowance(300, 60),
}
"""What reads a whole vault, which nobody needs often and a thief wants at once; and what is signed anew for each."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: datetime


@dataclass(slots=True)
class Allowances:
    """The buckets of one process."""

    allowed: Mapping[str, Allowance] = field(default_factory=lambda: {**GUESSABLE, **DEAR})
    _buckets: OrderedDict[tuple[str, str], _Bucket] = field(default_factory=OrderedDict, repr=False)

    def spend(self, what: str, caller: str, now: datetime) -> None:
        """Take one try. Raises RateLimited, which takes none."""
        allowance = self.allowed[what]
        bucket = self._buckets.get((what, caller))
        if bucket is None:
            bucket = self._buckets[what, caller] = _Bucket(allowance.at_once, now)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end((what, caller))
        pace = allowance.seconds / allowance.at_once
        # Requests side by side do not come in the order of their moments: time never runs backwards here.
        passed = max(0.0, (now - bucket.at).total_seconds())
        bucket.left = min(allowance.at_once, bucket.left + passed / pace)
        bucket.at = max(bucket.at, now)
        if bucket.left < 1:
            raise RateLimited(max(1, math.ceil((1 - bucket.left) * pace)))
        bucket.left -= 1
