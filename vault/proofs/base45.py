"""Base45 (RFC 9285): bytes in the letters a QR code stores most densely. Pure."""

from typing import Final

from vault.errors import ProofFault, ProofRefused

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES: Final = {letter: value for value, letter in enumerate(ALPHABET)}


def encode(octets: bytes) -> str:
    """Three letters for every two bytes, two for a last one."""
    letters = []
    for at in range(0, len(octets), 2):
        pair = octets[at : at + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, value = divmod(number, 45)
            letters.append(ALPHABET[value])
    return "".join(letters)


def decode(text: str) -> bytes:
    """Raises ProofRefused for other letters, a lone last letter, and groups that stand for no bytes."""
    octets = bytearray()
    if len(text) % 3 == 1:
        raise ProofRefused(ProofFault.BASE45)
    try:
        for at in range(0, len(text), 3):
            values = [_VALUES[letter] for letter in text[at : at + 3]]
            number = sum(value * 45**place for place, value in enumerate(values))
            octets += number.to_bytes(len(values) - 1, "big")
    except (KeyError, OverflowError):
        raise ProofRefused(ProofFault.BASE45) from None
    return bytes(octets)
