"""The confined PDF reader: one PDF on standard input, one word on standard output. A program, never imported.

Run by `vault.intake.pdf_checks` with nothing of ours in it: no key, no database, no setting. Before the first hostile
byte is read it gives up new files, sockets and processes, disk writes, core dumps, and all but a little memory
and time. The words are `accepted` or a value of `vault.errors.UploadFault`.
"""

import io
import resource
import sys

import pikepdf

_MEMORY_BYTES = 512 * 1024 * 1024
_CPU_SECONDS = 10
_DECODED_BYTES = 64 * 1024 * 1024
_MAX_DEPTH = 100

# ISO 32000-2: 12.6.4 action types beyond moving about and opening web links; 12.5.6 annotations that hold files
# or play media; 7.11.4 embedded files; 12.7.8 XFA, which carries its own scripts.
_ACTIONS = frozenset(
    [
        *("/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/Rendition", "/Movie", "/Sound"),
        *("/GoToE", "/GoToR", "/RichMediaExecute"),
    ]
)
_ANNOTATIONS = frozenset(["/RichMedia", "/Screen", "/3D", "/Movie", "/Sound", "/FileAttachment"])
_KEYS = frozenset(["/JS", "/JavaScript", "/AA", "/EF", "/EmbeddedFiles", "/XFA", "/RichMediaContent"])


def main() -> str:
    max_pages = int(sys.argv[1])
    content = io.BytesIO(sys.stdin.buffer.read())
    try:
        # Without recovery: a file two readers could read differently is one neither should trust.
        with pikepdf.open(content, attempt_recovery=False, suppress_warnings=True) as pdf:
            if len(pdf.pages) > max_pages:
                return "too_many_pages"
            if not len(pdf.pages):
                return "content"
            return "active_content" if _is_active(pdf) else "accepted"
    except pikepdf.PasswordError:
        return "locked"
    except pikepdf.PdfError:
        return "content"


def _confine() -> None:
    # qpdf opens its source of randomness when it first meets encryption; afterwards it could not.
    pikepdf.new().save(io.BytesIO(), encryption=pikepdf.Encryption(owner="", user=""))
    pikepdf.settings.set_qpdf_limits(
        flate_max_memory=_DECODED_BYTES,
        run_length_max_memory=_DECODED_BYTES,
        png_max_memory=_DECODED_BYTES,
        tiff_max_memory=_DECODED_BYTES,
        dct_max_memory=_DECODED_BYTES,
    )
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


def _is_active(pdf: pikepdf.Pdf) -> bool:
    opening = pdf.Root.get("/OpenAction")
    if isinstance(opening, pikepdf.Dictionary) and opening.get("/S") != "/GoTo":
        return True
    # Every indirect object is visited by the outer loop, so the walk stays inside each one.
    return any(_acts(thing, _MAX_DEPTH) for thing in pdf.objects)


def _acts(thing: object, depth: int) -> bool:
    if isinstance(thing, pikepdf.Array):
        return any(_acts(item, depth - 1) for item in thing if _inside(item, depth))
    if not isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
        return False
    if not _KEYS.isdisjoint(thing.keys()) or thing.get("/Type") == "/EmbeddedFile":
        return True
    if str(thing.get("/S")) in _ACTIONS or str(thing.get("/Subtype")) in _ANNOTATIONS:
        return True
    return any(_acts(item, depth - 1) for _, item in thing.items() if _inside(item, depth))


def _inside(item: object, depth: int) -> bool:
    if not isinstance(item, pikepdf.Object) or item.is_indirect:
        return False
    if depth <= 0:
        raise pikepdf.PdfError("nested too deeply")
    return True


if __name__ == "__main__":
    _confine()
    print(main())
