"""Rows as CSV (RFC 4180) that a spreadsheet shows and never runs. Pure.

A spreadsheet takes what begins with `=`, `+`, `-`, `@`, a tab or a line's end for a formula, in whichever cell: one
that fetches an address or starts a program. What others wrote (an agency's name, a purpose) would then act on the
computer of the person who opens their own log. Such a cell gets an apostrophe before it, and every cell its quotes.
"""

from collections.abc import Iterable
from typing import Final

MARK: Final = "\ufeff"
"""Begins the file: without it a common spreadsheet reads Vietnamese letters as another alphabet's."""
_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠|%")
"""The last ones: their full-width twins, which some take for the same, and what old ones began commands with."""
_DROPPED: Final = {ord("\0"): None, ord("\ufeff"): None}


def line(cells: Iterable[str | int | None]) -> bytes:
    """One line with its end, in UTF-8. Numbers are told as they are, None as an empty cell."""
    return (",".join(_quoted(cell) for cell in cells) + "\r\n").encode()


def _quoted(cell: str | int | None) -> str:
    if cell is None or isinstance(cell, int):
        return "" if cell is None else str(int(cell))
    return '"' + _harmless(cell.translate(_DROPPED)).replace('"', '""') + '"'


def _harmless(text: str) -> str:
    # Spaces of any kind before it hide nothing: importers trim them.
    seen = text.lstrip(" \u00a0\u200b\u3000\v\f")
    return f"'{text}" if seen[:1] in _STARTS and seen else text
