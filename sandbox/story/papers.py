"""Papers as people bring them: small PDF files, small pictures, and what stands on them.

Made here byte by byte, so that the story needs no library to have something to scan. Whatever a State database
would say of the person stands on the paper too; the rest is made up and marked.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from itertools import count
from typing import Any, Final

from sandbox.people import BY_KEY, MARK, Newborn, Person
from sandbox.register_data import answer, answerable

PDF: Final = "application/pdf"
PNG: Final = "image/png"

Facts = Mapping[str, Any]

_serial = count(1)


def scan(title: str, holder: str) -> bytes:
    """A one-page PDF, different each time: a scanner never makes the same bytes twice."""
    words = f"{title} / {holder} / {next(_serial)}".encode("ascii", "replace").decode()
    text = "".join(f"\\{one}" if one in "()\\" else one for one in words)
    stream = f"BT /F1 11 Tf 50 780 Td ({text}) Tj ET".encode()
    return _pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )


def photograph() -> bytes:
    """An eight by eight grey picture, a little different each time, as a telephone takes one."""
    shade = next(_serial)
    rows = b"".join(
        b"\0" + bytes((shade * 7 + row * 8 + column) % 256 for column in range(8)) for row in range(8)
    )
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    note = b"Comment\0" + str(shade).encode()
    chunks = ((b"IHDR", head), (b"tEXt", note), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def written_on(person: Person, document_type: str, attested: Iterable[Facts], on: date) -> dict[str, Any]:
    """What stands on the person's paper of this type: a value for every claim the API says it attests."""
    known = _on_record(person, document_type, on)
    return {
        name: known[name] if name in known else made_up(one, person, on)
        for one in attested
        if (name := one["name"])
    }


def made_up(claim: Facts, person: Person, on: date, child: Newborn | None = None) -> Any:
    """A value for a fact no register knows. Names and numbers are those of whoever bears the claim's role."""
    concept, _, role = claim["name"].partition("@")
    bearer = _bearer(role, person, child)
    if concept in _OF_PEOPLE:
        return _OF_PEOPLE[concept](bearer)
    match claim["valueType"]:
        case "date":
            return on.isoformat()
        case "integer" | "vnd" | "area_m2":
            return 90
        case "boolean":
            return True
    if concept.endswith(".address") or concept == "person.residence":
        return person.residence
    # The number keeps what is made up for two people from naming one and the same thing.
    return f"{claim['label']} {person.number[-5:]} {MARK}"


_OF_PEOPLE: Final[Mapping[str, Callable[[Person | Newborn], Any]]] = {
    "person.full_name": lambda one: one.name if isinstance(one, Person) else one.intended_name,
    "person.personal_id_number": lambda one: one.number,
    "person.identity_document_number": lambda one: one.number,
    "person.date_of_birth": lambda one: one.born.isoformat(),
    "person.year_of_birth": lambda one: one.born.year,
    "person.sex": lambda one: one.sex,
}
_THE_OTHER_PARENT: Final = frozenset({"father", "spouse", "husband", "co_owner"})


def _bearer(role: str, person: Person, child: Newborn | None) -> Person | Newborn:
    if role == "child" and child is not None:
        return child
    return BY_KEY[person.spouse] if role in _THE_OTHER_PARENT and person.spouse else person


def _on_record(person: Person, document_type: str, on: date) -> dict[str, Any]:
    for database, types in sorted(answerable().items()):
        if document_type in types:
            record = answer(person, database, document_type, on)
            if record is not None:
                return {name: value for name, value in record.claims.items() if not isinstance(value, list)}
    return {}


def _pdf(*objects: bytes) -> bytes:
    made, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(made)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
