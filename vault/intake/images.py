"""Pictures judged in passing: their structure is walked from marker to marker, their pixels are never decoded.

Nothing may follow the end: a picture with a tail is how one file is two things at once. The one exception is a
further JPEG behind a JPEG, as cameras write for gain maps and previews (CIPA DC-007); it is judged the same.
"""

import re
import struct
from typing import Final

from vault.errors import UploadFault, UploadRefused

MAX_PIXELS: Final = 40_000_000

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_LONGEST_CHUNK: Final = 2**31 - 1

_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = 0xD9
_JPEG_SCAN: Final = 0xDA
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE: Final = frozenset(range(0xD0, 0xD8)) | {0x01}
_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In scan data FF00 is a stuffed byte, FFD0–FFD7 restarts, FFFF a fill: anything else is the next marker."""


class PngInspection:
    """PNG (ISO/IEC 15948): signature, IHDR first, IEND last, every chunk's length in between."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skip = 0
        self._chunks = 0
        self._begun = self._ended = False

    def update(self, chunk: bytes) -> None:
        self._pending += chunk
        while self._step():
            pass

    async def finish(self) -> None:
        if not self._ended or self._skip or self._pending:
            raise UploadRefused(UploadFault.CONTENT)

    def _step(self) -> bool:
        """Take one piece off the front; False when more bytes are needed for it."""
        if self._skip:
            return self._skip_some()
        if self._ended and self._pending:
            raise UploadRefused(UploadFault.TRAILING_DATA)
        if not self._begun:
            return self._signature()
        return self._chunk_head()

    def _skip_some(self) -> bool:
        skipped = min(self._skip, len(self._pending))
        del self._pending[:skipped]
        self._skip -= skipped
        return skipped > 0

    def _signature(self) -> bool:
        if len(self._pending) < len(_PNG_SIGNATURE):
            return False
        if self._pending[:8] != _PNG_SIGNATURE:
            raise UploadRefused(UploadFault.CONTENT)
        del self._pending[:8]
        self._begun = True
        return True

    def _chunk_head(self) -> bool:
        # 8 bytes of head; IHDR's width and height are the next 8.
        if len(self._pending) < (8 if self._chunks else 16):
            return False
        length, kind = struct.unpack(">I4s", self._pending[:8])
        if length > _PNG_LONGEST_CHUNK or (kind == b"IHDR") is not (self._chunks == 0):
            raise UploadRefused(UploadFault.CONTENT)
        if kind == b"IHDR":
            _check_pixels(*struct.unpack(">II", self._pending[8:16]))
        self._ended = kind == b"IEND"
        self._chunks += 1
        del self._pending[:8]
        self._skip = length + 4
        return True


class JpegInspection:
    """JPEG (ITU-T T.81): start, segments, a frame whose size is checked, scans, end."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skip = 0
        self._begun = self._scanning = self._framed = self._ended = False

    def update(self, chunk: bytes) -> None:
        self._pending += chunk
        while self._step():
            pass

    async def finish(self) -> None:
        if not self._ended or self._skip or self._pending:
            raise UploadRefused(UploadFault.CONTENT)

    def _step(self) -> bool:
        """Take one piece off the front; False when more bytes are needed for it."""
        if self._skip:
            skipped = min(self._skip, len(self._pending))
            del self._pending[:skipped]
            self._skip -= skipped
            return skipped > 0
        if len(self._pending) < 2:
            return False
        if not self._begun or self._ended:
            return self._start()
        if self._scanning:
            return self._scan()
        return self._marker()

    def _start(self) -> bool:
        if self._pending[:2] != _JPEG_START:
            raise UploadRefused(UploadFault.TRAILING_DATA if self._ended else UploadFault.CONTENT)
        del self._pending[:2]
        self._begun, self._framed, self._ended = True, False, False
        return True

    def _scan(self) -> bool:
        found = _JPEG_MARKER.search(self._pending)
        if found:
            del self._pending[: found.start()]
            self._scanning = False
            return True
        # The last byte may be the first half of a marker.
        del self._pending[:-1]
        return False

    def _marker(self) -> bool:
        if self._pending[0] != 0xFF:
            raise UploadRefused(UploadFault.CONTENT)
        kind = self._pending[1]
        if kind == 0xFF or kind in _JPEG_BARE:
            del self._pending[: 1 if kind == 0xFF else 2]
            return True
        if kind == _JPEG_END:
            return self._end()
        return self._segment(kind)

    def _end(self) -> bool:
        if not self._framed:
            raise UploadRefused(UploadFault.CONTENT)
        del self._pending[:2]
        self._ended = True
        return True

    def _segment(self, kind: int) -> bool:
        if len(self._pending) < (9 if kind in _JPEG_FRAMES else 4):
            return False
        (length,) = struct.unpack(">H", self._pending[2:4])
        if length < 2 or kind in (0x00, 0xD8):
            raise UploadRefused(UploadFault.CONTENT)
        if kind in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", self._pending[5:9])
            _check_pixels(width, height)
            self._framed = True
        if kind == _JPEG_SCAN and not self._framed:
            raise UploadRefused(UploadFault.CONTENT)
        self._scanning = kind == _JPEG_SCAN
        del self._pending[:2]
        self._skip = length
        return True


def _check_pixels(width: int, height: int) -> None:
    if not width or not height:
        raise UploadRefused(UploadFault.CONTENT)
    if width * height > MAX_PIXELS:
        raise UploadRefused(UploadFault.TOO_MANY_PIXELS)
