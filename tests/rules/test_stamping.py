"""A file with its random id in it: still the file it was to every reader, and no other id fits it."""

import io

import pikepdf
import pytest
from PIL import Image

from tests.files import pdf
from vault.errors import AttestationRefused
from vault.intake import inspection as intake
from vault.proofs.stamping import stamped

ID = bytes(range(16))
MARK = b"VN attested file 000102030405060708090a0b0c0d0e0f"


def picture(format_: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (8, 5), "red").save(written, format_)
    return written.getvalue()


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
async def test_a_picture_with_its_id_is_the_same_picture_and_passes_intake(format_: str) -> None:
    media_type, plain = f"image/{format_.lower()}", picture(format_)
    made = stamped(media_type, plain, ID)
    assert made.count(MARK) == 1
    assert len(made) > len(plain)
    with Image.open(io.BytesIO(made)) as read, Image.open(io.BytesIO(plain)) as before:
        read.verify()  # of a PNG each part's checksum
        assert (read.format, read.size) == (before.format, before.size)
    with Image.open(io.BytesIO(made)) as read, Image.open(io.BytesIO(plain)) as before:
        assert read.tobytes() == before.tobytes()
    passing = intake.inspection(media_type, len(made))
    passing.update(made)
    await passing.finish()


def test_a_pdf_with_its_id_is_read_like_the_one_without() -> None:
    plain = pdf(pages=2)
    made = stamped("application/pdf", plain, ID)
    assert (made.startswith(plain), made.count(MARK)) == (True, 1)
    with pikepdf.open(io.BytesIO(made), attempt_recovery=False) as read:
        assert len(read.pages) == 2


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("text/plain", b"x"),
        ("image/png", picture("JPEG")),
        ("image/jpeg", picture("PNG")),
        ("image/png", b""),
    ],
)
def test_what_is_none_of_the_vaults_files_gets_no_id(media_type: str, content: bytes) -> None:
    with pytest.raises(AttestationRefused):
        stamped(media_type, content, ID)
