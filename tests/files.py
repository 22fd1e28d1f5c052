"""Small honest files, and the pieces hostile ones are made of."""

import io
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pikepdf


def png(width: int = 2, height: int = 2) -> bytes:
    """A grey picture; `width` and `height` may lie, its pixels are always four."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\x10\x20\0\x30\x40")
    return (
        b"\x89PNG\r\n\x1a\n"
        + _png_chunk(b"IHDR", head)
        + _png_chunk(b"IDAT", pixels)
        + _png_chunk(b"IEND", b"")
    )


def jpeg(width: int = 8, height: int = 8, scan: bytes = b"\x12\xff\x00\x34\xff\xd0\x56") -> bytes:
    """A picture whose structure is right; its scan is what is asked for and would not decode."""
    return jpeg_head(width, height) + scan + b"\xff\xd9"


def jpeg_head(width: int = 8, height: int = 8) -> bytes:
    """Everything before the scan data."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\x01\x01\x00\x00\x3f\x00"
    return (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + _segment(0xFE, b"\xff\xd9 a comment may say anything")
        + _segment(0xC0, frame)
        + _segment(0xDA, scan)
    )


def pdf(change: Callable[[pikepdf.Pdf], None] | None = None, pages: int = 1, **saving: Any) -> bytes:
    """A PDF of blank pages, changed before it is saved; `saving` goes to `pikepdf.Pdf.save`."""
    made = pikepdf.new()
    for _ in range(pages):
        made.add_blank_page()
    if change:
        change(made)
    written = io.BytesIO()
    made.save(written, **saving)
    return written.getvalue()


async def stream(content: bytes, size: int = 60_000) -> AsyncIterator[bytes]:
    """The bytes as a server hands them on, in pieces."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body
