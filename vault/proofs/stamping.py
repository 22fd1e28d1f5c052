"""A random id put into a file, where no reader shows it and none minds: what is attested is the file with its id.

Without it the printed digest would tell anybody with a guess of the paper whether they guessed right. Pure.
"""

import zlib
from typing import Final

from vault.errors import AttestationRefused

ID_BYTES: Final = 16
_MARK: Final = b"VN attested file "


def stamped(media_type: str, content: bytes, id_: bytes) -> bytes:
    """The file with this id in it. Raises AttestationRefused for what is none of the vault's media types."""
    note = _MARK + id_.hex().encode("ascii")
    match media_type:
        case "application/pdf":
            # A comment after the end: readers look for the end within the last kilobyte (ISO 32000-1, Annex H.3).
            return content + b"\n%" + note + b"\n"
        case "image/jpeg" if content[:2] == b"\xff\xd8":
            segment = b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note
            return content[:2] + segment + content[2:]
        case "image/png" if content[12:16] == b"IHDR":
            chunk = b"tEXtComment\0" + note
            framed = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
            return content[:33] + framed + content[33:]
    raise AttestationRefused("document")
