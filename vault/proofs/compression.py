"""What was compressed, opened within bounds. Pure."""

import zlib

from vault.errors import ProofFault, ProofRefused


def inflate(compressed: bytes, most: int) -> bytes:
    """One whole zlib stream and nothing after it; never more than `most` bytes. Raises ProofRefused."""
    opening = zlib.decompressobj()
    try:
        octets = opening.decompress(compressed, most + 1)
    except zlib.error:
        raise ProofRefused(ProofFault.COMPRESSION) from None
    if len(octets) > most:
        raise ProofRefused(ProofFault.TOO_LARGE)
    if not opening.eof:
        raise ProofRefused(ProofFault.COMPRESSION)
    if opening.unused_data:
        raise ProofRefused(ProofFault.TRAILING)
    return octets
