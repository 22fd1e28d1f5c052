"""An attestation printed, photographed badly, read back by another's reader, and verified offline."""

import io
import random
from hashlib import sha256

import zxingcpp
from PIL import Image, ImageFilter

from tests.proofs import CLAIMS, FILE, HERE, Issuer
from tests.size import seed, sized
from vault.proofs.judging import judge_attestation
from vault.proofs.printing import MOST_VERSION, square_of

ISS = Issuer()


def scanned(picture: Image.Image) -> str | None:
    """What a reader of QR codes makes of a picture."""
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return found[0].text if len(found) == 1 else None


def photographed(png: bytes, given: random.Random) -> Image.Image:
    """Printed on grey paper, turned, blurred, stained, compressed: a phone's picture of it."""
    printed = Image.open(io.BytesIO(png)).convert("L")
    page = Image.new("L", (printed.width + 200, printed.height + 300), 225)
    page.paste(printed.point(lambda dot: 40 if dot < 128 else 225), (90, 120))
    stain = Image.new("L", (given.randint(4, 25), given.randint(4, 25)), 90)
    page.paste(stain, (given.randint(150, printed.width), given.randint(200, printed.height)))
    turned = page.rotate(
        given.uniform(-12, 12), expand=True, fillcolor=225, resample=Image.Resampling.BICUBIC
    )
    blurred = turned.filter(ImageFilter.GaussianBlur(given.uniform(0, 1.2)))
    shot = io.BytesIO()
    blurred.save(shot, "JPEG", quality=given.randint(35, 80))
    return Image.open(io.BytesIO(shot.getvalue()))


def test_a_printed_attestation_is_read_back_from_bad_pictures_and_valid_offline() -> None:
    given, rounds = random.Random(at := seed()), sized(8, 400)
    for number in range(rounds):
        name = "Người Thử Nghiệm " * given.randint(1, 4)
        text = ISS.attestation(claims={**CLAIMS, "person.full_name@holder": name})
        square = square_of(text)
        assert square is not None
        assert scanned(photographed(square.png, given)) == text, f"picture {number}"
        assert judge_attestation(text, ISS.shelf(), HERE, sha256(FILE).digest()).valid
    print(f"seed {at}: {rounds} pictures read back and verified")


def test_a_reader_sees_nothing_where_there_is_nothing() -> None:
    assert scanned(Image.new("L", (400, 400), 225)) is None


def test_two_claims_make_a_square_of_the_standards_size() -> None:
    square = square_of(ISS.attestation())
    assert square is not None
    # Version 20 has 97 modules: 39 mm at 0.4 mm each, as standards.md measured.
    assert square.modules <= 97
    assert square.svg.startswith("<svg")
    assert "href" not in square.svg


def test_what_no_phone_reads_off_paper_is_not_printed() -> None:
    largest = "V" * 1_041
    """Letters a square of version 25 holds at level Q (ISO/IEC 18004, table 7)."""
    fits = square_of(largest)
    assert fits is not None
    assert fits.modules == 17 + 4 * MOST_VERSION
    assert square_of(largest + "V") is None
    assert square_of(largest * 9) is None
