"""Thumbnails: a picture decoded and drawn anew, small. Not a byte of what somebody sent is shown inline.

A picture decoder is as likely a place for hostile bytes to break out as a PDF reader, so it too runs where no key
is: in a child process without files, network, other processes, much memory or much time. PDFs have no thumbnail:
no library we could answer for draws them.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from vault.confinement import read_apart
from vault.errors import DocumentNotUsable

SIDE: Final = 512
"""The longer side of a thumbnail, in pixels."""
MEDIA_TYPE: Final = "image/jpeg"
SHOWN: Final = frozenset({"image/jpeg", "image/png"})
LARGEST_BYTES: Final = 32 * 1024 * 1024
"""What the decoder is given at most. Forty million pixels fit in as JPEG, and most of them as PNG."""

_READER: Final = Path(__file__).with_name("picture_reader.py")


def can_be_shown(media_type: str, size_bytes: int) -> bool:
    """Whether a thumbnail may be asked for."""
    return media_type in SHOWN and size_bytes <= LARGEST_BYTES


async def draw_thumbnail(content: AsyncIterator[bytes], bench: asyncio.Semaphore) -> bytes:
    """A JPEG of at most SIDE by SIDE pixels, without anything the original said beside its pixels.

    `content`: of at most LARGEST_BYTES. Raises DocumentNotUsable when it cannot be drawn within the limits.
    """
    async with bench:
        whole = b"".join([piece async for piece in content])
        drawn = await read_apart(_READER, str(SIDE), whole)
    if not drawn:
        raise DocumentNotUsable("no_thumbnail")
    return drawn
