"""An attestation as a square to print. Pure."""

import io
from dataclasses import dataclass, field
from typing import Final

import segno

MOST_VERSION: Final = 25
"""117 modules a side: what a phone still reads off paper at 0.4 mm each, which is 50 mm with its margin."""
LEVEL: Final = "q"
"""A quarter of the square may be lost to folds and stains."""
MARGIN: Final = 4
PIXELS: Final = 5
"""Per module: 300 dots per inch at 0.4 mm."""


@dataclass(frozen=True, slots=True)
class Square:
    """The same square twice: to draw at any size, and to print as it is."""

    svg: str = field(repr=False)
    png: bytes = field(repr=False)
    modules: int


def square_of(text: str) -> Square | None:
    """None for a text that fits no square a phone reads off paper."""
    try:
        made = segno.make_qr(text, error=LEVEL, boost_error=False)
    except segno.DataOverflowError:
        return None
    if not isinstance(made.version, int) or made.version > MOST_VERSION:
        return None
    png = io.BytesIO()
    made.save(png, kind="png", scale=PIXELS, border=MARGIN)
    svg: str = made.svg_inline(scale=4, border=MARGIN)
    return Square(svg, png.getvalue(), int(made.symbol_size(border=0)[0]))
