"""What the vault's use cases need besides a transaction: keys, blobs, and the signer of receipts."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from auth.tokens import Tokens
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keys import Keys

AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Safe:
    """Built once, in `api/app.py`. `instance` is this installation's public name, as receipts state it."""

    keys: Keys
    blobs: LocalBlobs
    receipts: Tokens
    instance: str
    bench: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), repr=False)
    """Taken by whoever holds a whole paper in memory for a moment: so many of them fit."""
