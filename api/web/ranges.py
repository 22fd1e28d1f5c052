"""`Range` and `If-Range` (RFC 9110, sections 13.1.5 and 14): single byte ranges."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

_ONE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class RangeUnmet(Exception):
    """Not a byte of what is asked for exists, of `size_bytes` that do."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self.size_bytes = size_bytes


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes from `start` up to, not including, `stop`. Never empty."""

    start: int
    stop: int


def asked_range(request: Request, size_bytes: int, etag: str) -> Range | None:
    """The one range asked for; None for the whole. Raises RangeUnmet.

    Several ranges, other units and whatever is malformed are ignored, as they may be; so is a range of another
    version than `etag`, by an `If-Range` that names one, or a date, which we give none of.
    """
    given = request.headers.getlist("range")
    condition = request.headers.get("if-range")
    found = _ONE.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None or condition not in (None, etag) or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, stop = max(0, size_bytes - int(found[2])), size_bytes
    else:
        start, stop = int(found[1]), min(size_bytes, int(found[2]) + 1 if found[2] else size_bytes)
        if found[2] and int(found[2]) < start:
            return None
    if start >= stop:
        raise RangeUnmet(size_bytes)
    return Range(start, stop)
