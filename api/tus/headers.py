"""The headers of tus 1.0, read strictly and written. https://tus.io/protocols/resumable-upload"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from starlette.requests import Request

from api.gateway.requests import Unreadable
from vault.intake.arrivals import CHECKSUMS, Checksum
from vault.intake.inspection import LARGEST_BYTES

VERSION: Final = "1.0.0"
PIECE: Final = "application/offset+octet-stream"

ALWAYS: Final[Mapping[str, str]] = {"Tus-Resumable": VERSION}
OFFER: Final[Mapping[str, str]] = {
    **ALWAYS,
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,checksum,expiration,termination",
    "Tus-Max-Size": str(LARGEST_BYTES),
    "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
}

_NUMBER: Final = re.compile(r"\d{1,15}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_METADATA: Final = 4096


def check_version(request: Request) -> None:
    """Raises Unreadable(412) for a client that speaks another version, or none."""
    if request.headers.get("tus-resumable") != VERSION:
        raise Unreadable(412, "TUS_VERSION", "Send Tus-Resumable: 1.0.0.")


def upload_offset(request: Request) -> int:
    """Raises Unreadable(400)."""
    return _number(request, "Upload-Offset")


def upload_length(request: Request) -> int:
    """Raises Unreadable(400), and 413 for what is longer than any upload may be."""
    if "upload-defer-length" in request.headers:
        raise Unreadable(400, "BAD_REQUEST", "The length is needed from the start.")
    length = _number(request, "Upload-Length")
    if length > LARGEST_BYTES:
        raise Unreadable(413, "TOO_LARGE", "The file is too large.")
    return length


def content_length(request: Request) -> int | None:
    """What the request says its body is; None when it says nothing. The server holds it to its word."""
    return _number(request, "Content-Length") if "content-length" in request.headers else None


def metadata(request: Request) -> dict[str, str]:
    """`Upload-Metadata`: names with values in base64. Raises Unreadable(400)."""
    given, found = request.headers.get("upload-metadata", ""), dict[str, str]()
    for pair in given[:_MOST_METADATA].split(",") if given else ():
        name, _, value = pair.strip().partition(" ")
        try:
            text = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise _unreadable("Upload-Metadata") from None
        if not _NAME.fullmatch(name) or name in found or "\0" in text:
            raise _unreadable("Upload-Metadata")
        found[name] = text
    if len(given) > _MOST_METADATA:
        raise _unreadable("Upload-Metadata")
    return found


def checksum(request: Request) -> Checksum | None:
    """`Upload-Checksum`: the name of an algorithm and a digest in base64. Raises Unreadable(400)."""
    given = request.headers.get("upload-checksum")
    if given is None:
        return None
    name, _, value = given.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise _unreadable("Upload-Checksum") from None
    if name not in CHECKSUMS:
        raise _unreadable("Upload-Checksum")
    return Checksum(name, digest)


def expires(at: datetime) -> dict[str, str]:
    """When the upload ends, as HTTP writes dates."""
    return {"Upload-Expires": format_datetime(at, usegmt=True)}


def _number(request: Request, name: str) -> int:
    given = request.headers.getlist(name)
    if len(given) != 1 or not _NUMBER.fullmatch(given[0]):
        raise _unreadable(name)
    return int(given[0])


def _unreadable(name: str) -> Unreadable:
    return Unreadable(400, "BAD_REQUEST", f"{name} is missing or malformed.")
