"""Looks for planted words in files of any size, in every form in which a platform might let them rest.

A canary is something only one person knows. Whoever plants it and then finds it in a file of the platform has
found personal data in clear. Nothing here knows the platform: it reads bytes.
"""

import base64
import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote, quote_plus

CHUNK_BYTES: Final = 1 << 20
SHORTEST_BYTES: Final = 6
"""A shorter form would be found by chance in the ciphertext around it."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One canary found: its name, never its text, so that a failing test says where and tells nothing else."""

    canary: str
    form: str
    path: str
    offset: int


class Search:
    """What to look for: every form of every canary by name, the digests of whole files, and other digests.

    A digest in clear would tell whoever has a copy of a file whose paper it is, and whoever tries every number
    whose number it was.
    """

    def __init__(
        self,
        canaries: Mapping[str, str],
        files: Mapping[str, bytes] | None = None,
        digests: Mapping[str, bytes] | None = None,
    ) -> None:
        self.needles: dict[bytes, tuple[str, str]] = {}
        for name, text in canaries.items():
            self.needles |= {sought: (name, form) for form, sought in forms_of_text(text).items()}
        for name, content in (files or {}).items():
            for algorithm in ("md5", "sha1", "sha256", "sha512"):
                digest = hashlib.new(algorithm, content).digest()
                forms = forms_of_bytes(digest).items()
                self.needles |= {sought: (name, f"{algorithm} {form}") for form, sought in forms}
        for name, digest in (digests or {}).items():
            self.needles |= {sought: (name, form) for form, sought in forms_of_bytes(digest).items()}
        self._holders = _fragments(self.needles)

    def in_files(self, roots: Iterable[Path], *, apart: Iterable[Path] = ()) -> list[Sighting]:
        """In any file or file name below the roots, the folders kept `apart` left out.

        A file that vanishes meanwhile is passed over; one that cannot be read raises OSError.
        """
        found: list[Sighting] = []
        for path in files_below(roots, apart):
            found += self.in_stream([os.fsencode(path)], f"the name of {path}")
            try:
                with path.open("rb") as file:
                    found += self.in_stream(_chunks(file), str(path))
            except FileNotFoundError:
                continue
        return found

    def in_stream(self, chunks: Iterable[bytes], place: str) -> list[Sighting]:
        """The first place of each needle. Chunks overlap by the longest needle, so none hides on a border."""
        overlap = max(map(len, self.needles)) - 1
        found: dict[bytes, Sighting] = {}
        kept, position = b"", 0
        for chunk in chunks:
            window = kept + chunk
            for needles in (held for piece, held in self._holders.items() if piece in window):
                for needle in needles:
                    if needle not in found and (at := window.find(needle)) >= 0:
                        found[needle] = Sighting(*self.needles[needle], place, position + at)
            kept = window[max(len(window) - overlap, 0) :]
            position += len(window) - len(kept)
        return list(found.values())


def forms_of_text(text: str) -> dict[str, bytes]:
    """The text as written, composed and decomposed and in capitals, each in every encoding of bytes."""
    spellings = {"NFC": unicodedata.normalize("NFC", text), "NFD": unicodedata.normalize("NFD", text)}
    spellings["capitals"] = spellings["NFC"].upper()
    spellings["bare"] = "".join(one for one in spellings["NFD"] if not unicodedata.combining(one))
    forms: dict[str, bytes] = {}
    for spelling, spelt in spellings.items():
        for form, sought in _encodings(spelt):
            if sought not in forms.values() and len(sought) >= SHORTEST_BYTES:
                forms[f"{spelling} {form}"] = sought
    return forms


def forms_of_bytes(content: bytes) -> dict[str, bytes]:
    """The bytes as they are, in hexadecimal of both cases, and in base64 at each of its three alignments."""
    forms = {"raw": content, "hex": content.hex().encode(), "HEX": content.hex().upper().encode()}
    for alignment in range(3):
        aligned = _base64_inside(content, alignment)
        forms[f"base64+{alignment}"] = aligned
        forms[f"base64url+{alignment}"] = aligned.translate(bytes.maketrans(b"+/", b"-_"))
    return forms


def files_below(roots: Iterable[Path], apart: Iterable[Path] = ()) -> Iterator[Path]:
    """Regular files, links not followed."""
    left_out = {path.resolve() for path in apart}
    for root in roots:
        for folder, inner, names in os.walk(root):
            inner[:] = [name for name in inner if Path(folder, name).resolve() not in left_out]
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _fragments(needles: Iterable[bytes]) -> dict[bytes, set[bytes]]:
    """A few short pieces of which every needle holds one, with their needles: what is searched for first."""
    holders: dict[bytes, set[bytes]] = {}
    for needle in needles:
        for start in range(len(needle) - SHORTEST_BYTES + 1):
            holders.setdefault(needle[start : start + SHORTEST_BYTES], set()).add(needle)
    left, chosen = set(needles), dict[bytes, set[bytes]]()
    while left:
        best = max(holders, key=lambda piece: len(holders[piece] & left))
        chosen[best] = holders[best] & left
        left -= holders[best]
    return chosen


def _encodings(spelt: str) -> Iterator[tuple[str, bytes]]:
    plain = spelt.encode()
    yield from forms_of_bytes(plain).items()
    for order in ("utf-16-le", "utf-16-be"):
        yield order, spelt.encode(order)
    escaped = json.dumps(spelt)[1:-1]
    for form, words in (
        ("\\u", escaped),
        ("\\U", "".join(one if one.isascii() else f"\\u{ord(one):04X}" for one in spelt)),
        ("\\\\u", escaped.replace("\\", "\\\\")),
        ("%", quote(spelt, safe="")),
        ("%+", quote_plus(spelt, safe="")),
        ("% lower", _lower_escapes(quote(spelt, safe=""))),
    ):
        yield form, words.encode()


def _base64_inside(content: bytes, alignment: int) -> bytes:
    """What base64 makes of the content wherever `alignment` bytes stand before it and anything after it."""
    encoded = base64.b64encode(b"\0" * alignment + content).rstrip(b"=")
    # The first characters hold bits of what stands before, the last one bits of what comes after.
    before = (0, 2, 3)[alignment]
    after = 0 if (alignment + len(content)) % 3 == 0 else 1
    return encoded[before : len(encoded) - after]


def _lower_escapes(words: str) -> str:
    parts = words.split("%")
    return parts[0] + "".join(f"%{part[:2].lower()}{part[2:]}" for part in parts[1:])
