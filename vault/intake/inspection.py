"""What may enter the vault, judged by content and never by a file's name or announced type alone.

PDF, JPEG and PNG; whole, ending where they end, within limits, and without active content. An `Inspection` sees
the plaintext pass by on its way into the envelope and keeps next to nothing of it. The exception is a PDF of up
to 16 MiB: it is held in memory until its end, because a PDF can only be read from there; a larger one is judged
in passing, more strictly. Plaintext never touches a disk.
"""

from typing import Final, Protocol

from vault.errors import UploadFault, UploadRefused
from vault.intake.images import JpegInspection, PngInspection
from vault.intake.pdf_checks import HELD_BYTES, HeldPdf, PassingPdf

LARGEST_BYTES: Final = 100 * 1024 * 1024
MEDIA_TYPES: Final = ("application/pdf", "image/jpeg", "image/png")


class Inspection(Protocol):
    """Judges one upload while it passes."""

    def update(self, chunk: bytes) -> None:
        """The next bytes. Raises UploadRefused as soon as they show a fault."""
        ...

    async def finish(self) -> None:
        """No byte follows. Raises UploadRefused when the whole is not acceptable."""
        ...


def check_announcement(media_type: str, size_bytes: int) -> None:
    """Refuse at once what could never enter. Raises UploadRefused(MEDIA_TYPE, EMPTY, TOO_LARGE)."""
    if media_type not in MEDIA_TYPES:
        raise UploadRefused(UploadFault.MEDIA_TYPE)
    if size_bytes < 1:
        raise UploadRefused(UploadFault.EMPTY)
    if size_bytes > LARGEST_BYTES:
        raise UploadRefused(UploadFault.TOO_LARGE)


def is_held(media_type: str, size_bytes: int) -> bool:
    """Whether the inspection keeps the whole in memory until its end."""
    return media_type == "application/pdf" and size_bytes <= HELD_BYTES


def inspection(media_type: str, size_bytes: int) -> Inspection:
    """The inspection for an announced upload. Raises as `check_announcement` does."""
    check_announcement(media_type, size_bytes)
    if media_type == "image/jpeg":
        return JpegInspection()
    if media_type == "image/png":
        return PngInspection()
    return HeldPdf() if is_held(media_type, size_bytes) else PassingPdf()
