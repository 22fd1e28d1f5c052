"""The confined picture reader: one picture on standard input, its thumbnail on standard output. A program, never
imported.

Run by `vault.showing.thumbnails` with nothing of ours in it: no key, no database, no setting. Before the first
hostile byte is read it gives up new files, sockets and processes, disk writes, core dumps, and all but a little
memory and time. What it cannot draw it answers with nothing.
"""

import io
import resource
import sys

from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, PngImagePlugin

_MEMORY_BYTES = 512 * 1024 * 1024
_CPU_SECONDS = 10
_MAX_PIXELS = 40_000_000
_FORMATS = (JpegImagePlugin.JpegImageFile.format, PngImagePlugin.PngImageFile.format)


def main() -> bytes:
    side = int(sys.argv[1])
    with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=_FORMATS) as picture:
        if picture.width * picture.height > _MAX_PIXELS:
            return b""
        # A JPEG is then decoded at a fraction of its size; other formats take no notice.
        picture.draft("RGB", (side, side))
        picture.thumbnail((side, side))
        small = ImageOps.exif_transpose(picture).convert("RGBA")
    # Onto paper: what was transparent is white. A new picture, so nothing but pixels comes along.
    paper = Image.new("RGB", small.size, "white")
    paper.paste(small, mask=small.getchannel("A"))
    return _encoded(paper)


def _encoded(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=80)
    return written.getvalue()


def _confine() -> None:
    # What the library loads when it first draws, it could not load afterwards.
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    for format_ in ("PNG", "JPEG", "MPO"):
        warm = io.BytesIO()
        Image.new("RGB", (64, 64)).save(
            warm, format_, exif=turned, save_all=format_ == "MPO", append_images=[Image.new("RGB", (8, 8))]
        )
        with Image.open(io.BytesIO(warm.getvalue()), formats=_FORMATS) as picture:
            picture.thumbnail((8, 8))
            _encoded(ImageOps.exif_transpose(picture).convert("RGBA").convert("RGB"))
    for limit, value in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        # Standard input, output and error are open already; no number is left for a file or a socket.
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    _confine()
    sys.stdout.buffer.write(main())
