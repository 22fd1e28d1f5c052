"""What may enter: honest files pass however they are cut, hostile ones do not, and nothing is kept in memory."""

import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from tests.files import jpeg, jpeg_head, pdf, png, stream
from tests.size import seed, sized
from vault import confinement
from vault.errors import UploadFault, UploadRefused
from vault.intake import inspection as intake
from vault.intake import pdf_checks
from vault.intake.images import MAX_PIXELS, JpegInspection, PngInspection
from vault.intake.inspection import LARGEST_BYTES
from vault.intake.pdf_checks import HELD_BYTES, MAX_PAGES, HeldPdf, PassingPdf

PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"


async def judge(inspection: intake.Inspection, content: bytes, step: int = 1000) -> None:
    async for chunk in stream(content, step):
        inspection.update(chunk)
    await inspection.finish()


async def fault_of(inspection: intake.Inspection, content: bytes) -> UploadFault:
    with pytest.raises(UploadRefused) as refused:
        await judge(inspection, content)
    return refused.value.fault


@pytest.mark.parametrize(("media_type", "content"), [(JPEG, jpeg()), (PNG, png()), (PDF, pdf())])
@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_honest_files_pass_however_they_are_cut(media_type: str, content: bytes, step: int) -> None:
    await judge(intake.inspection(media_type, len(content)), content, step)


@pytest.mark.parametrize("place", range(8))
async def test_a_picture_with_another_signature_is_none(place: int) -> None:
    bent = bytearray(png())
    bent[place] ^= 1
    assert await fault_of(intake.inspection(PNG, len(bent)), bytes(bent)) is UploadFault.CONTENT


async def test_a_picture_may_end_with_a_comment_that_says_nothing() -> None:
    empty = b"\xff\xfe\x00\x02"
    await judge(JpegInspection(), jpeg()[:-2] + empty + b"\xff\xd9")


@pytest.mark.parametrize("media_type", [JPEG, PNG, PDF])
@pytest.mark.parametrize(
    "content",
    [
        b"\x00",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><script>1</script>",
        b"PK\x03\x04" + bytes(100),
        b"GIF89a" + bytes(100),
        b"MZ" + bytes(100),
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"%PDF-1.7\n",
        b"%PDF-9.9\n%%EOF",
    ],
)
async def test_content_that_is_not_what_it_is_announced_as_is_refused(
    media_type: str, content: bytes
) -> None:
    fault = await fault_of(intake.inspection(media_type, len(content)), content)
    assert fault in (UploadFault.CONTENT, UploadFault.TRAILING_DATA)


@pytest.mark.parametrize(
    ("media_type", "size_bytes", "fault"),
    [
        ("image/svg+xml", 10, UploadFault.MEDIA_TYPE),
        ("application/pdf; charset=x", 10, UploadFault.MEDIA_TYPE),
        ("", 10, UploadFault.MEDIA_TYPE),
        (PDF, 0, UploadFault.EMPTY),
        (PDF, -1, UploadFault.EMPTY),
        (PNG, LARGEST_BYTES + 1, UploadFault.TOO_LARGE),
    ],
)
def test_what_could_never_enter_is_refused_when_announced(
    media_type: str, size_bytes: int, fault: UploadFault
) -> None:
    with pytest.raises(UploadRefused) as refused:
        intake.check_announcement(media_type, size_bytes)
    assert refused.value.fault is fault


PICTURES: list[tuple[Callable[..., bytes], type[intake.Inspection]]] = [
    (jpeg, JpegInspection),
    (png, PngInspection),
]


@pytest.mark.parametrize(("make", "inspection"), PICTURES)
class TestPictures:
    async def test_the_pixel_limit_is_where_it_is_said_to_be(
        self, make: Callable[[int, int], bytes], inspection: type[intake.Inspection]
    ) -> None:
        await judge(inspection(), make(8_000, MAX_PIXELS // 8_000))
        assert await fault_of(inspection(), make(8_001, MAX_PIXELS // 8_000)) is UploadFault.TOO_MANY_PIXELS

    async def test_a_picture_without_size_is_refused(
        self, make: Callable[[int, int], bytes], inspection: type[intake.Inspection]
    ) -> None:
        assert await fault_of(inspection(), make(0, 8)) is UploadFault.CONTENT
        assert await fault_of(inspection(), make(8, 0)) is UploadFault.CONTENT

    async def test_anything_after_the_end_is_refused(
        self, make: Callable[[], bytes], inspection: type[intake.Inspection]
    ) -> None:
        for tail in (b"\x00\x00", b"PK\x03\x04" + bytes(40), b"<html>", pdf(), b"\n\n"):
            assert await fault_of(inspection(), make() + tail) is UploadFault.TRAILING_DATA

    async def test_every_cut_is_refused(
        self, make: Callable[[], bytes], inspection: type[intake.Inspection]
    ) -> None:
        content = make()
        for length in range(len(content)):
            assert await fault_of(inspection(), content[:length]) is UploadFault.CONTENT


async def test_a_second_frame_of_a_jpeg_is_judged_as_the_first() -> None:
    await judge(JpegInspection(), jpeg() + jpeg())
    assert await fault_of(JpegInspection(), jpeg() + jpeg(60_000, 60_000)) is UploadFault.TOO_MANY_PIXELS
    assert await fault_of(JpegInspection(), jpeg() + jpeg()[:-2]) is UploadFault.CONTENT


async def test_a_png_whose_size_comes_late_or_twice_is_refused() -> None:
    content = png()
    head, rest = content[8:33], content[33:]
    assert await fault_of(PngInspection(), content[:8] + rest) is UploadFault.CONTENT
    assert await fault_of(PngInspection(), content[:33] + head + rest) is UploadFault.CONTENT


async def test_damaged_pictures_raise_refusals_and_nothing_else() -> None:
    drawn, count = seed(), sized(2_000, 50_000)
    chance = random.Random(drawn)
    refused = 0
    for _ in range(count):
        make, inspection = chance.choice(PICTURES)
        content = bytearray(make())
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            await judge(inspection(), bytes(content), chance.randrange(1, 50))
        except UploadRefused:
            refused += 1
    print(f"damaged pictures: {count} judged, {refused} refused, seed {drawn}")
    assert 0 < refused < count


def script(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS="12345")


def script_by_name(document: pikepdf.Pdf) -> None:
    action = Dictionary(S=Name.JavaScript, JS="app.alert(1)")
    document.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([pikepdf.String("x"), action])))


def script_behind_a_link(document: pikepdf.Pdf) -> None:
    annotate(document, Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.JavaScript, JS="1")))


def script_after_a_harmless_action(document: pikepdf.Pdf) -> None:
    following = document.make_indirect(Dictionary(S=Name.JavaScript, JS="1"))
    destination = Array([document.pages[0].obj, Name.Fit])
    document.Root.OpenAction = Dictionary(S=Name.GoTo, D=destination, Next=following)


def launch(document: pikepdf.Pdf) -> None:
    document.pages[0].obj.AA = Dictionary(O=Dictionary(S=Name.Launch, F="calc.exe"))


def open_another_file(document: pikepdf.Pdf) -> None:
    annotate(document, Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.GoToE, F="x")))


def submit_a_form(document: pikepdf.Pdf) -> None:
    annotate(
        document, Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.SubmitForm, F="http://example.invalid"))
    )


def import_data(document: pikepdf.Pdf) -> None:
    annotate(document, Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.ImportData, F="x")))


def rendition(document: pikepdf.Pdf) -> None:
    annotate(document, Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.Rendition, JS="1")))


def embedded_file(document: pikepdf.Pdf) -> None:
    document.attachments["tool.exe"] = b"MZ"


def attached_file(document: pikepdf.Pdf) -> None:
    annotate(document, Dictionary(Subtype=Name.FileAttachment))


def rich_media(document: pikepdf.Pdf) -> None:
    annotate(document, Dictionary(Subtype=Name.RichMedia, RichMediaContent=Dictionary()))


def dynamic_form(document: pikepdf.Pdf) -> None:
    document.Root.AcroForm = Dictionary(Fields=Array(), XFA=document.make_stream(b"<xdp:xdp/>"))


def played(kind: str) -> Callable[[pikepdf.Pdf], None]:
    """A film, a sound or a model to be played where it stands."""

    def play(document: pikepdf.Pdf) -> None:
        annotate(document, Dictionary(Subtype=Name(f"/{kind}")))

    play.__name__ = kind
    return play


def acting(kind: str) -> Callable[[pikepdf.Pdf], None]:
    def act(document: pikepdf.Pdf) -> None:
        annotate(document, Dictionary(Subtype=Name.Link, A=Dictionary(S=Name(f"/{kind}"))))

    act.__name__ = f"on_a_click_{kind}"
    return act


def annotate(document: pikepdf.Pdf, annotation: Dictionary) -> None:
    annotation.Type, annotation.Rect = Name.Annot, Array([0, 0, 9, 9])
    document.pages[0].obj.Annots = Array([document.make_indirect(annotation)])


ACTIVE = (
    script,
    script_by_name,
    script_behind_a_link,
    script_after_a_harmless_action,
    launch,
    open_another_file,
    submit_a_form,
    import_data,
    rendition,
    embedded_file,
    attached_file,
    rich_media,
    dynamic_form,
)


def web_link(document: pikepdf.Pdf) -> None:
    annotate(
        document, Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.URI, URI="https://example.invalid/"))
    )


def opening_page(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = Array([document.pages[0].obj, Name.Fit])


def signature_field(document: pikepdf.Pdf) -> None:
    field = Dictionary(FT=Name.Sig, T="signature", V=Dictionary(Type=Name.Sig, Filter=Name("/Adobe.PPKLite")))
    document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]), SigFlags=3)


HARMLESS = (web_link, opening_page, signature_field)

PACKED: dict[str, Any] = {"object_stream_mode": pikepdf.ObjectStreamMode.generate}


@pytest.mark.parametrize("kind", ["Screen", "3D", "Movie", "Sound"])
async def test_a_held_pdf_that_plays_is_refused(kind: str) -> None:
    assert await fault_of(intake.inspection(PDF, 1), pdf(played(kind))) is UploadFault.ACTIVE_CONTENT


@pytest.mark.parametrize("kind", ["Movie", "Sound", "GoToR", "RichMediaExecute"])
async def test_a_held_pdf_that_acts_on_a_click_is_refused(kind: str) -> None:
    assert await fault_of(intake.inspection(PDF, 1), pdf(acting(kind))) is UploadFault.ACTIVE_CONTENT


@pytest.mark.parametrize("change", ACTIVE)
@pytest.mark.parametrize("saving", [{}, PACKED], ids=["plain", "packed"])
async def test_a_held_pdf_with_active_content_is_refused(
    change: Callable[[pikepdf.Pdf], None], saving: dict[str, Any]
) -> None:
    assert await fault_of(HeldPdf(), pdf(change, **saving)) is UploadFault.ACTIVE_CONTENT


@pytest.mark.parametrize("change", ACTIVE)
async def test_a_passing_pdf_with_active_content_is_refused(change: Callable[[pikepdf.Pdf], None]) -> None:
    assert await fault_of(PassingPdf(), pdf(change)) is UploadFault.ACTIVE_CONTENT


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("inspection", [HeldPdf, PassingPdf])
async def test_a_harmless_pdf_passes(
    change: Callable[[pikepdf.Pdf], None], inspection: type[intake.Inspection]
) -> None:
    await judge(inspection(), pdf(change))


async def test_a_name_written_with_escapes_is_still_that_name() -> None:
    # The same length, so that the cross-reference table stays right and only the spelling changes.
    spelt = pdf(script).replace(b"/JavaScript", b"/J#61vaScript").replace(b"(12345)", b"(123)")
    assert b"/J#61vaScript" in spelt
    assert await fault_of(HeldPdf(), spelt) is UploadFault.ACTIVE_CONTENT
    assert await fault_of(PassingPdf(), spelt) is UploadFault.ACTIVE_CONTENT


@pytest.mark.parametrize("step", [1, 3, 255, 256, 257, 700])
async def test_a_name_is_seen_across_any_cut(step: int) -> None:
    content = pdf(script)
    with pytest.raises(UploadRefused) as refused:
        await judge(PassingPdf(), content, step)
    assert refused.value.fault is UploadFault.ACTIVE_CONTENT


async def test_a_passing_pdf_that_hides_its_objects_is_refused() -> None:
    assert await fault_of(PassingPdf(), pdf(**PACKED)) is UploadFault.NOT_INSPECTABLE
    locked = pdf(encryption=pikepdf.Encryption(owner="o", user=""))
    assert await fault_of(PassingPdf(), locked) is UploadFault.NOT_INSPECTABLE


async def test_an_action_hidden_in_a_pretended_stream_is_still_seen() -> None:
    pretended = pdf().replace(b"%%EOF", b"(stream\n) << /S /JavaScript >> \n%%EOF")
    assert await fault_of(PassingPdf(), pretended) is UploadFault.ACTIVE_CONTENT


async def test_chance_names_in_a_picture_do_not_refuse_it() -> None:
    def picture(document: pikepdf.Pdf) -> None:
        document.Root.Picture = document.make_stream(b"\x01/JS \x02/AA<\x03/XFA(\x04/EF " * 50)

    await judge(PassingPdf(), pdf(picture, compress_streams=False))


@pytest.mark.parametrize("inspection", [HeldPdf, PassingPdf])
async def test_the_page_limit_is_where_it_is_said_to_be(inspection: type[intake.Inspection]) -> None:
    await judge(inspection(), pdf(pages=MAX_PAGES))
    assert await fault_of(inspection(), pdf(pages=MAX_PAGES + 1)) is UploadFault.TOO_MANY_PAGES


@pytest.mark.parametrize("inspection", [HeldPdf, PassingPdf])
async def test_anything_after_a_pdf_is_refused(inspection: type[intake.Inspection]) -> None:
    await judge(inspection(), pdf() + b"\r\n")
    assert await fault_of(inspection(), pdf() + b"PK\x03\x04") is UploadFault.TRAILING_DATA
    assert await fault_of(inspection(), pdf() + bytes([7]) * 5_000) is UploadFault.CONTENT
    assert await fault_of(inspection(), b"\n" + pdf()) is UploadFault.CONTENT


async def test_a_pdf_opening_only_by_password_is_refused_and_one_opening_freely_is_not() -> None:
    locked = pdf(encryption=pikepdf.Encryption(owner="o", user="u"))
    assert await fault_of(HeldPdf(), locked) is UploadFault.LOCKED
    await judge(HeldPdf(), pdf(encryption=pikepdf.Encryption(owner="o", user="")))


async def test_a_pdf_without_pages_or_with_broken_references_is_refused() -> None:
    assert await fault_of(HeldPdf(), pdf(pages=0)) is UploadFault.CONTENT
    broken = pdf().replace(b"startxref\n", b"startxref\n9")
    assert await fault_of(HeldPdf(), broken) is UploadFault.CONTENT


def packed_pdf(padding: int) -> bytes:
    """A PDF whose every object lies in one object stream, followed there by `padding` spaces, packed twice."""
    objects = (
        b"<</Type/Catalog/Pages 3 0 R>>",
        b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
        b"<</Type/Page/Parent 3 0 R>>",
    )
    starts = [sum(len(item) + 1 for item in objects[:index]) for index in range(3)]
    index = b" ".join(b"%d %d" % (2 + number, start) for number, start in enumerate(starts)) + b" "
    packing = zlib.compressobj(1)
    packed = packing.compress(index + b" ".join(objects))
    packed += (
        b"".join(packing.compress(b" " * 1_000_000) for _ in range(padding // 1_000_000)) + packing.flush()
    )
    packed = zlib.compress(packed, 9)
    head = b"%%PDF-1.7\n1 0 obj\n<</Type/ObjStm/N 3/First %d/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n"
    body = head % (len(index), len(packed)) + packed + b"\nendstream\nendobj\n"
    table = (
        bytes.fromhex("00000000 01000900 02000100 02000101 02000102 01")
        + len(body).to_bytes(2, "big")
        + b"\0"
    )
    entries = b"5 0 obj\n<</Type/XRef/Size 6/W[1 2 1]/Root 2 0 R/Length %d>>stream\n" % len(table)
    return body + entries + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(body)


async def test_a_bomb_in_a_pdf_is_refused_and_its_like_without_the_bomb_is_not() -> None:
    await judge(HeldPdf(), packed_pdf(padding=0))
    bomb = packed_pdf(padding=100_000_000)
    assert len(bomb) < 10_000
    assert await fault_of(HeldPdf(), bomb) in (UploadFault.CONTENT, UploadFault.NOT_INSPECTABLE)


@pytest.mark.parametrize(
    "program", ["import time; time.sleep(60)", "raise SystemExit(1)", "print('accepted!')"]
)
async def test_a_reader_that_hangs_dies_or_babbles_accepts_nothing(
    program: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reader = tmp_path_factory.mktemp("reader") / "reader.py"
    reader.write_text(program, "utf-8")
    monkeypatch.setattr(pdf_checks, "_READER", reader)
    monkeypatch.setattr(confinement, "SECONDS", 1)
    assert await fault_of(HeldPdf(), pdf()) is UploadFault.NOT_INSPECTABLE


async def test_the_reader_can_open_neither_files_nor_sockets_nor_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    escape = (
        "import runpy, sys, os, socket\n"
        f"reader = runpy.run_path({str(pdf_checks._READER)!r})\n"
        "reader['_confine']()\n"
        "escaped = 0\n"
        "for attempt in (lambda: os.open('/', 0), socket.socket, os.pipe):\n"
        "    try:\n"
        "        escaped += attempt() is not None\n"
        "    except OSError:\n"
        "        pass\n"
        "print('too_many_pages' if escaped else 'accepted')\n"
    )
    reader = tmp_path_factory.mktemp("reader") / "reader.py"
    reader.write_text(escape, "utf-8")
    monkeypatch.setattr(pdf_checks, "_READER", reader)
    await judge(HeldPdf(), pdf())


def large_jpeg(size: int) -> Iterator[bytes]:
    chance = random.Random(1)
    yield jpeg_head()
    for _ in range(size // 65_536):
        yield chance.randbytes(65_536).replace(b"\xff", b"\xfe")
    yield b"\xff\xd9"


def large_png(size: int) -> Iterator[bytes]:
    content = png()
    yield content[:33]
    length = size // 65_536 * 65_536
    yield length.to_bytes(4, "big") + b"IDAT"
    yield from (bytes(65_536) for _ in range(length // 65_536))
    yield b"\0\0\0\0" + content[-12:]


def large_pdf(size: int) -> Iterator[bytes]:
    chance = random.Random(1)
    yield b"%PDF-1.4\n1 0 obj\n<< /Length 1 >> stream\n"
    yield from (chance.randbytes(65_536) for _ in range(size // 65_536))
    yield b"\nendstream\nendobj\nstartxref\n1\n%%EOF\n"


@pytest.mark.parametrize(
    ("pieces", "inspection"),
    [(large_jpeg, JpegInspection), (large_png, PngInspection), (large_pdf, PassingPdf)],
)
async def test_judging_holds_less_than_a_megabyte_at_any_size(
    pieces: Callable[[int], Iterator[bytes]], inspection: type[intake.Inspection]
) -> None:
    size, judged = sized(20_000_000, LARGEST_BYTES), inspection()
    tracemalloc.start()
    try:
        for piece in pieces(size):
            judged.update(piece)
        await judged.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{inspection.__name__}: {size} bytes judged, peak {peak}")
    assert peak < 1_000_000


def test_a_pdf_is_held_up_to_its_limit_and_no_further() -> None:
    assert isinstance(intake.inspection(PDF, HELD_BYTES), HeldPdf)
    assert isinstance(intake.inspection(PDF, HELD_BYTES + 1), PassingPdf)
