"""Identifiers made by the application: UUID version 7 (RFC 9562, section 5.7).

PostgreSQL offers `uuidv7()` only from version 18, and a replayed request must be able to name its row before
the row exists.
"""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, then 74 random bits. Not a secret."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
