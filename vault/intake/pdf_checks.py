"""PDFs judged: held in memory and taken apart in a confined process, or, when larger, by what passes by.

A PDF reader is the likeliest place for hostile bytes to break out, so it runs where no key is: in a child process
without files, network, other processes, much memory or much time (`vault/intake/pdf_reader.py`).
"""

import re
from pathlib import Path
from typing import Final

from vault.confinement import read_apart
from vault.errors import UploadFault, UploadRefused

HELD_BYTES: Final = 16 * 1024 * 1024
"""Up to here a PDF is held in memory and read properly."""
MAX_PAGES: Final = 300

_READER: Final = Path(__file__).with_name("pdf_reader.py")
_HEADER: Final = re.compile(rb"%PDF-[12]\.\d")
_END: Final = re.compile(rb"%%EOF[\x00\t\n\f\r ]*\Z")
_TAIL_BYTES: Final = 1024

# Names by which a PDF acts. Names are the only way to ask for an action, and may be written with #xx escapes.
_ACTIVE: Final = frozenset(
    b"JavaScript Launch EmbeddedFile EmbeddedFiles RichMedia ImportData SubmitForm Rendition GoToE"
    b" FileAttachment Movie Sound".split()
)
# Too short to look for in compressed pictures, where chance alone writes them; whatever they lead to must also
# carry one of the long names above.
_ACTIVE_OUTSIDE_STREAMS: Final = frozenset({b"JS", b"AA", b"XFA", b"EF"})
# Objects packed or encrypted cannot be judged in passing.
_HIDING: Final = frozenset({b"ObjStm", b"Encrypt"})
_TOKEN: Final = re.compile(rb"/([^\0\t\n\f\r ()<>\[\]{}/%]+)|(endstream)|(stream\r?\n)")
_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_DESTINATION: Final = re.compile(rb"[\0\t\n\f\r ]*\[")
_OVERLAP: Final = 256


class HeldPdf:
    """A PDF of up to 16 MiB, read by the confined reader at its end."""

    def __init__(self) -> None:
        self._content = bytearray()

    def update(self, chunk: bytes) -> None:
        # The caller has checked the announced size, so this stays within HELD_BYTES.
        self._content += chunk
        if len(self._content) >= 8 and not _HEADER.match(self._content):
            raise UploadRefused(UploadFault.CONTENT)

    async def finish(self) -> None:
        content, self._content = self._content, bytearray()
        if not _HEADER.match(content):
            raise UploadRefused(UploadFault.CONTENT)
        _check_end(bytes(content[-_TAIL_BYTES:]))
        verdict = await _verdict(content)
        if verdict != "accepted":
            raise UploadRefused(UploadFault(verdict))


class PassingPdf:
    """A PDF too large to hold: refused when it packs or encrypts its objects, or names anything active."""

    def __init__(self) -> None:
        self._window = b""
        self._tail = b""
        self._begun = self._in_stream = False
        self._previous = b""
        self._pages = 0

    def update(self, chunk: bytes) -> None:
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        self._window += chunk
        if len(self._window) > 2 * _OVERLAP:
            self._scan(len(self._window) - _OVERLAP)

    async def finish(self) -> None:
        self._scan(len(self._window))
        _check_end(self._tail)

    def _scan(self, limit: int) -> None:
        """Judge every token that begins before `limit`; what follows waits until it is whole."""
        if not self._begun and not _HEADER.match(self._window):
            raise UploadRefused(UploadFault.CONTENT)
        self._begun = True
        judged = limit
        for token in _TOKEN.finditer(self._window):
            if token.start() >= limit:
                break
            judged = max(judged, token.end())
            if token[1] is None:
                self._in_stream = token[3] is not None
            else:
                self._judge(_ESCAPE.sub(_unescaped, token[1]), token.end())
        self._window = self._window[judged:]

    def _judge(self, name: bytes, end: int) -> None:
        if name in _ACTIVE or (name in _ACTIVE_OUTSIDE_STREAMS and not self._in_stream):
            raise UploadRefused(UploadFault.ACTIVE_CONTENT)
        if name == b"OpenAction" and not _DESTINATION.match(self._window, end):
            # Opening at a page is harmless; an action, even by reference, cannot be followed here.
            raise UploadRefused(UploadFault.ACTIVE_CONTENT)
        if name in _HIDING:
            raise UploadRefused(UploadFault.NOT_INSPECTABLE)
        self._pages += (self._previous, name) == (b"Type", b"Page")
        if self._pages > MAX_PAGES:
            raise UploadRefused(UploadFault.TOO_MANY_PAGES)
        self._previous = name


def _check_end(tail: bytes) -> None:
    if b"%%EOF" not in tail:
        raise UploadRefused(UploadFault.CONTENT)
    if not _END.search(tail):
        raise UploadRefused(UploadFault.TRAILING_DATA)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1], 16)])


async def _verdict(content: bytearray) -> str:
    """The confined reader's verdict: "accepted" or an UploadFault. A reader that dies has judged too."""
    said = await read_apart(_READER, str(MAX_PAGES), content)
    words = {b"accepted": "accepted", **{fault.value.encode(): fault.value for fault in UploadFault}}
    return words.get((said or b"").strip(), UploadFault.NOT_INSPECTABLE.value)
