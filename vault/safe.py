"""What the vault's use cases need besides a transaction: keys, blobs, and the signer of receipts."""

from dataclasses import dataclass

from auth.tokens import Tokens
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keys import Keys


@dataclass(frozen=True, slots=True)
class Safe:
    """Built once, in `api/app.py`. `instance` is this installation's public name, as receipts state it."""

    keys: Keys
    blobs: LocalBlobs
    receipts: Tokens
    instance: str
