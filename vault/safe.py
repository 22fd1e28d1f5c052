"""What the vault's use cases need besides a transaction: keys, blobs, and who signs receipts and proofs."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from auth.tokens import Tokens
from connectors.malware import Scanner
from vault.proofs.notary import Notary
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keys import Keys

AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Quota:
    """How much people may put into one vault themselves: files, superseded versions included, and their bytes."""

    documents: int
    bytes: int


PER_SUBJECT: Final = Quota(2_000, 4_000_000_000)
"""A paper a week for forty years, and forty files of the largest size: no household comes near it, and a thousand
hostile accounts fill four terabytes and no more."""


@dataclass(frozen=True, slots=True)
class Safe:
    """Built once, in `api/app.py`. `instance` is this installation's public name, as receipts state it. Without a
    `scanner` what arrives is judged by its content alone."""

    keys: Keys
    blobs: LocalBlobs
    receipts: Tokens
    instance: str
    notary: Notary
    scanner: Scanner | None = None
    quota: Quota = PER_SUBJECT
    bench: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), repr=False)
    """Taken by whoever holds a whole paper in memory for a moment: so many of them fit."""
