"""Hostile files, made here and stored nowhere: each with the fault it must be refused for, or none when it may rest.

What may rest carries PAYLOAD where its maker hid it; nothing that is ever shown may.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pikepdf
from pikepdf import Array, Dictionary, Name, String
from PIL import Image, PngImagePlugin

from tests import files
from tests.scanning import EICAR, MARKED

PAYLOAD: Final = b"<script>motlan-payload-7f3a()</script>"
PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
SIDE: Final = 40


@dataclass(frozen=True)
class Hostile:
    """`fault` None: it may rest, as an attachment at the content origin. `file_name`: what it calls itself."""

    name: str
    media_type: str
    content: bytes
    fault: str | None = None
    file_name: str = "to-giay"


@cache
def corpus() -> tuple[Hostile, ...]:
    return (*_pdfs(), *_odd_pdfs(), *_pngs(), *_odd_pngs(), *_jpegs(), *_others(), *_names())


def _pdfs() -> Iterator[Hostile]:
    """Everything by which a PDF acts."""
    acts: dict[str, Callable[[pikepdf.Pdf], None]] = {
        "script on opening": lambda pdf: _root(pdf, OpenAction=_script()),
        "script on opening, by reference": lambda pdf: _root(pdf, OpenAction=pdf.make_indirect(_script())),
        "script by name": lambda pdf: _root(
            pdf, Names=Dictionary(JavaScript=Dictionary(Names=Array([String("x"), _script()])))
        ),
        "script when a page is seen": lambda pdf: _page(pdf, AA=Dictionary(O=_script())),
        "script when closed": lambda pdf: _root(pdf, AA=Dictionary(WC=_script())),
        "launches a program": lambda pdf: _link(pdf, Dictionary(S=Name.Launch, F=String("cmd.exe"))),
        "sends a form": lambda pdf: _link(pdf, Dictionary(S=Name.SubmitForm, F=String("http://x.example"))),
        "imports data": lambda pdf: _link(pdf, Dictionary(S=Name.ImportData, F=String("x.fdf"))),
        "leads to another file": lambda pdf: _link(pdf, Dictionary(S=Name.GoToR, F=String("\\\\x\\y"))),
        "leads into an embedded file": lambda pdf: _link(pdf, Dictionary(S=Name.GoToE)),
        "plays a rendition": lambda pdf: _link(pdf, Dictionary(S=Name.Rendition)),
        "chained behind a harmless action": lambda pdf: _link(
            pdf, Dictionary(S=Name.URI, URI=String("http://x.example"), Next=_script())
        ),
        "embedded file": lambda pdf: _root(
            pdf, Names=Dictionary(EmbeddedFiles=Dictionary(Names=Array([String("x.exe"), _carried(pdf)])))
        ),
        "attached file": lambda pdf: _annotate(
            pdf, Dictionary(Subtype=Name.FileAttachment, FS=_carried(pdf))
        ),
        "rich media": lambda pdf: _annotate(pdf, Dictionary(Subtype=Name.RichMedia)),
        "movie": lambda pdf: _annotate(pdf, Dictionary(Subtype=Name.Movie)),
        "XFA form": lambda pdf: _root(pdf, AcroForm=Dictionary(XFA=pdf.make_stream(PAYLOAD), Fields=Array())),
    }
    for name, change in acts.items():
        yield Hostile(f"PDF, {name}", PDF, files.pdf(change), "active_content")
    packed = {"object_stream_mode": pikepdf.ObjectStreamMode.generate}
    yield Hostile(
        "PDF, script in packed objects", PDF,
        files.pdf(acts["script on opening, by reference"], **packed), "active_content",
    )  # fmt: skip
    plain = files.pdf(acts["script when closed"], compress_streams=False)
    yield Hostile(
        "PDF, names in escapes, places wrong", PDF, plain.replace(b"/JavaScript", b"/J#61vaScript"), "content"
    )


def _odd_pdfs() -> Iterator[Hostile]:
    """PDFs two readers would read differently, or none to the end; and what a PDF may carry."""
    whole = files.pdf()
    zipped, page = _zip(), b"<html>" + PAYLOAD
    yield Hostile("PDF, locked", PDF, files.pdf(encryption=pikepdf.Encryption("a", "b")), "locked")
    yield Hostile("PDF, a zip behind it", PDF, whole + zipped, "trailing_data")
    yield Hostile("PDF, a page behind it", PDF, whole + page, "trailing_data")
    yield Hostile("PDF, a page before it", PDF, page + whole, "content")
    yield Hostile("PDF, a picture before it", PDF, files.jpeg() + whole, "content")
    yield Hostile("PDF, cut short", PDF, whole[: len(whole) // 2], "content")
    yield Hostile("PDF of no version", PDF, whole.replace(b"%PDF-1", b"%PDF-9", 1), "content")
    yield Hostile("PDF, nothing inside", PDF, b"%PDF-1.7\n%%EOF\n", "content")
    yield Hostile("PDF, too many pages", PDF, files.pdf(pages=301), "too_many_pages")
    yield Hostile("PDF, its table of places lost", PDF, whole.replace(b"startxref", b"startxrex"), "content")
    yield Hostile("PDF, its table in a circle", PDF, _circle(), "content")
    yield Hostile("PDF, pages in a circle", PDF, files.pdf(_page_circle), "content")
    yield Hostile("PDF, nested a thousand deep", PDF, files.pdf(_deep), "content")
    yield Hostile("PDF, packed objects of a hundred megabytes", PDF, _packed_bomb(), "content")
    bomb = zlib.compress(bytes(80_000_000), 1)
    yield Hostile("PDF, a stream of eighty megabytes", PDF, files.pdf(lambda pdf: _stream(pdf, bomb)))
    yield Hostile(
        "PDF, a zip in a stream", PDF, files.pdf(lambda pdf: _stream(pdf, zipped), compress_streams=False)
    )
    yield Hostile("PDF, a link", PDF, files.pdf(_linked))
    yield Hostile("PDF, a page for a title", PDF, files.pdf(_titled))
    yield Hostile("PDF, malware in a stream", PDF, _marked_pdf(), "infected")


def _pngs() -> Iterator[Hostile]:
    """What a PNG may carry beside its pixels: it rests, and is never shown."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", PAYLOAD.decode())
    yield Hostile("PNG, text", PNG, _saved("PNG", pnginfo=text))
    international = PngImagePlugin.PngInfo()
    international.add_itxt("XML:com.adobe.xmp", PAYLOAD.decode())
    yield Hostile("PNG, international text", PNG, _saved("PNG", pnginfo=international))
    yield Hostile("PNG, colour profile", PNG, _saved("PNG", icc_profile=PAYLOAD * 10))
    yield Hostile("PNG, EXIF", PNG, _saved("PNG", exif=_exif()))
    yield Hostile("PNG, a chunk of its own", PNG, _with_chunk(b"moTl", PAYLOAD))
    yield Hostile(
        "PNG, text that swells", PNG, _with_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(80_000_000), 1))
    )
    yield Hostile("PNG, animated", PNG, _animated())
    yield Hostile("PNG, sixteen bits", PNG, _saved("PNG", mode="I;16"))
    yield Hostile("PNG, palette", PNG, _saved("PNG", mode="P"))
    yield Hostile("PNG, transparent", PNG, _saved("PNG", mode="RGBA"))
    yield Hostile("PNG, a wrong checksum", PNG, _saved("PNG").replace(b"IEND\xaeB`\x82", b"IEND\0\0\0\0"))
    yield Hostile("PNG, larger than its pixels", PNG, files.png(6_000, 6_000))
    yield Hostile("PNG, pixels that swell", PNG, _swelling())
    yield Hostile("PNG, malware in a chunk", PNG, _with_chunk(b"moTl", MARKED), "infected")


def _odd_pngs() -> Iterator[Hostile]:
    whole = _saved("PNG")
    yield Hostile("PNG, a flood of pixels", PNG, files.png(30_000, 30_000), "too_many_pixels")
    yield Hostile("PNG, a flood in one row", PNG, files.png(2**31 - 1, 2**31 - 1), "too_many_pixels")
    yield Hostile("PNG without a size", PNG, files.png(0, 10), "content")
    yield Hostile("PNG, a page behind it", PNG, whole + b"<html>" + PAYLOAD, "trailing_data")
    yield Hostile("PNG, a zip behind it", PNG, whole + _zip(), "trailing_data")
    yield Hostile("PNG, a PDF behind it", PNG, whole + files.pdf(), "trailing_data")
    yield Hostile("PNG, cut short", PNG, whole[:-20], "content")
    yield Hostile("PNG, two heads", PNG, whole[:33] + whole[8:], "content")
    yield Hostile(
        "PNG, a chunk without end", PNG, whole[:33] + b"\xff\xff\xff\xffIDAT" + whole[33:], "content"
    )
    yield Hostile("a page that begins as a PNG", PNG, whole[:8] + b"<html>" + PAYLOAD * 3, "content")
    yield Hostile("SVG that begins as a PNG", PNG, whole[:8] + b"<svg onload='" + PAYLOAD + b"'/>", "content")


def _jpegs() -> Iterator[Hostile]:
    plain = _saved("JPEG")
    yield Hostile("JPEG, comment", JPEG, _saved("JPEG", comment=PAYLOAD))
    yield Hostile("JPEG, a program for a comment", JPEG, _saved("JPEG", comment=b"*/=1;" + PAYLOAD + b"/*"))
    yield Hostile("JPEG, EXIF", JPEG, _saved("JPEG", exif=_exif()))
    yield Hostile("JPEG, colour profile", JPEG, _saved("JPEG", icc_profile=PAYLOAD * 10))
    yield Hostile("JPEG, XMP", JPEG, _saved("JPEG", xmp=PAYLOAD))
    yield Hostile("JPEG, progressive", JPEG, _saved("JPEG", progressive=True, comment=PAYLOAD))
    yield Hostile("JPEG, four inks", JPEG, _saved("JPEG", mode="CMYK", comment=PAYLOAD))
    yield Hostile("JPEG, a second picture behind it", JPEG, plain + _saved("JPEG", comment=PAYLOAD))
    yield Hostile("JPEG, larger than its pixels", JPEG, files.jpeg(6_000, 6_000, PAYLOAD))
    yield Hostile("JPEG, a flood of pixels", JPEG, files.jpeg(65_535, 65_535), "too_many_pixels")
    yield Hostile("JPEG without a size", JPEG, files.jpeg(0, 0), "content")
    yield Hostile("JPEG, an archive of programs behind it", JPEG, plain + _zip(), "trailing_data")
    yield Hostile("JPEG, a PDF behind it", JPEG, plain + files.pdf(), "trailing_data")
    yield Hostile("JPEG, a page behind it", JPEG, plain + b"<html>" + PAYLOAD, "trailing_data")
    yield Hostile("JPEG, cut short", JPEG, plain[:-30], "content")
    yield Hostile(
        "JPEG, pixels before their frame", JPEG, b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0x\xff\xd9", "content"
    )
    yield Hostile("JPEG, a segment of no length", JPEG, plain[:2] + b"\xff\xe0\0\0" + plain[2:], "content")
    yield Hostile("JPEG, malware in a comment", JPEG, _saved("JPEG", comment=MARKED), "infected")


def _others() -> Iterator[Hostile]:
    """What is none of the three, whatever it calls itself."""
    for name, content in {
        "a GIF": b"GIF89a" + PAYLOAD,
        "a zip": _zip(),
        "a zip that swells": _zip(bytes(20_000_000)),
        "a program": b"MZ" + bytes(200),
        "a page": b"<!doctype html>" + PAYLOAD,
        "the text scanners know": EICAR,
    }.items():
        for media_type in (PDF, PNG):
            yield Hostile(f"{name}, as {media_type}", media_type, content, "content")
    yield Hostile("a picture, as a PDF", PDF, _saved("PNG"), "content")
    yield Hostile("a PDF, as a picture", JPEG, files.pdf(), "content")
    for media_type in ("image/svg+xml", "text/html", "application/zip", "image/png; charset=x", "IMAGE/PNG"):
        yield Hostile(f"called {media_type}", media_type, _saved("PNG"), "media_type")


def _names() -> Iterator[Hostile]:
    for name, called in {
        "a path": "../../etc/passwd",
        "a path of another system": "..\\..\\windows\\win.ini",
        "a name that reads backwards": "to\u202egnp.exe",
        "a header": 'x"\r\nContent-Type: text/html\r\n\r\n' + PAYLOAD.decode(),
        "a very long name": "x" * 5_000,
    }.items():
        yield Hostile(f"called by {name}", PNG, _saved("PNG"), file_name=called)


def _root(pdf: pikepdf.Pdf, **entries: Any) -> None:
    for name, value in entries.items():
        pdf.Root[f"/{name}"] = value


def _page(pdf: pikepdf.Pdf, **entries: Any) -> None:
    for name, value in entries.items():
        pdf.pages[0].obj[f"/{name}"] = value


def _annotate(pdf: pikepdf.Pdf, annotation: Dictionary) -> None:
    annotation["/Type"], annotation["/Rect"] = Name.Annot, Array([0, 0, 90, 90])
    _page(pdf, Annots=Array([annotation]))


def _link(pdf: pikepdf.Pdf, action: Dictionary) -> None:
    _annotate(pdf, Dictionary(Subtype=Name.Link, A=action))


def _carried(pdf: pikepdf.Pdf) -> Dictionary:
    return Dictionary(Type=Name.Filespec, F=String("x.exe"), EF=Dictionary(F=pdf.make_stream(PAYLOAD)))


def _stream(pdf: pikepdf.Pdf, content: bytes) -> None:
    flate = {"Filter": Name.FlateDecode} if content[:1] == b"\x78" else {}
    _root(pdf, X=pdf.make_indirect(pikepdf.Stream(pdf, content, **flate)))


def _script() -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String(PAYLOAD.decode()))


def _linked(pdf: pikepdf.Pdf) -> None:
    _link(pdf, Dictionary(S=Name.URI, URI=String("https://x.example/" + PAYLOAD.decode())))


def _titled(pdf: pikepdf.Pdf) -> None:
    pdf.docinfo["/Title"] = String(PAYLOAD.decode())


def _marked_pdf() -> bytes:
    return files.pdf(lambda pdf: _stream(pdf, MARKED), compress_streams=False)


def _deep(pdf: pikepdf.Pdf) -> None:
    nested = Array()
    for _ in range(1_000):
        nested = Array([nested])
    _root(pdf, X=nested)


def _page_circle(pdf: pikepdf.Pdf) -> None:
    pdf.Root.Pages.Kids.append(pdf.Root.Pages)


def _circle() -> bytes:
    """Its one table of places names itself as the one before it."""
    body = (
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages >>\nendobj\n"
    )
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 3 /Root 1 0 R /Prev %d >>\n" % len(body)
    return body + table + b"startxref\n%d\n%%%%EOF\n" % len(body)


def _packed_bomb() -> bytes:
    """A PDF whose objects lie in one stream that swells a thousandfold."""
    packed = zlib.compress(b"1 0 " + b" " * 100_000_000 + b"<< /Type /Catalog >>", 1)
    head = b"%PDF-1.5\n"
    objects = b"5 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n" % len(
        packed
    )
    objects += packed + b"\nendstream\nendobj\n"
    places = b"".join(struct.pack(">BIB", *one) for one in ((0, 0, 0), (2, 5, 0), (1, len(head), 0)))
    at = len(head) + len(objects)
    table = b"6 0 obj\n<< /Type /XRef /Size 7 /W [1 4 1] /Index [0 2 5 1] /Root 1 0 R /Length %d >>\n" % len(
        places
    )
    return (
        head + objects + table + b"stream\n" + places + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % at
    )


def _picture(mode: str) -> Image.Image:
    return (
        Image.linear_gradient("L").resize((SIDE, SIDE)).convert("L" if mode == "I;16" else mode).convert(mode)
    )


def _saved(kind: str, mode: str = "RGB", **saving: Any) -> bytes:
    written = io.BytesIO()
    _picture(mode).save(written, kind, **saving)
    return written.getvalue()


def _exif() -> bytes:
    told = Image.Exif()
    told[0x010E] = PAYLOAD.decode()
    return told.tobytes()


def _animated() -> bytes:
    written = io.BytesIO()
    frames = [_picture("RGB"), _picture("RGB").rotate(90)]
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", PAYLOAD.decode())
    frames[0].save(written, "PNG", save_all=True, append_images=frames[1:], pnginfo=text)
    return written.getvalue()


def _with_chunk(kind: bytes, body: bytes) -> bytes:
    whole = _saved("PNG")
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return whole[:33] + chunk + whole[33:]


def _swelling() -> bytes:
    """Six thousand by six thousand, in some kilobytes."""
    written = io.BytesIO()
    Image.new("L", (6_000, 6_000)).save(written, "PNG")
    return written.getvalue()


def _zip(content: bytes = PAYLOAD) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.html", content)
    return written.getvalue()
