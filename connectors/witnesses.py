"""Witnesses of the access log: who vouches elsewhere that it only ever grew (C2SP tlog-witness v1)."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from connectors.errors import WitnessRefused
from store.errors import CheckpointRefused
from store.log.cosigning import Cosigned, WitnessKey

SECONDS = 5.0
MOST_BYTES = 16_384
"""Of an answer: a cosignature has some two hundred."""


@dataclass(frozen=True, slots=True)
class Witness:
    """`url` is the prefix its `add-checkpoint` stands under."""

    url: str
    key: WitnessKey


@dataclass(frozen=True, slots=True)
class Behind:
    """The witness has signed a head of this size, another one than it was told."""

    size: int


class Witnesses:
    """The witnesses of one log, asked over one client."""

    def __init__(self, wire: httpx2.AsyncClient, known: Sequence[Witness]) -> None:
        self._wire = wire
        self.known = tuple(known)

    async def ask(self, witness: Witness, old: int, proof: Sequence[bytes], note: str) -> Cosigned | Behind:
        """Its cosignature under this head, given that the one before was of size `old`; or which it was.

        Raises WitnessRefused: unreached, status (with the number), form, key, signature.
        """
        hashes = "".join(f"{base64.b64encode(value).decode()}\n" for value in proof)
        body = f"old {old}\n{hashes}\n{note}".encode()
        status, answer = await self._post(f"{witness.url}/add-checkpoint", body)
        if status == 409:
            return Behind(_size(answer))
        if status != 200:
            raise WitnessRefused("status", status)
        try:
            return witness.key.found(note.partition("\n\n")[0] + "\n", answer)
        except CheckpointRefused as refused:
            raise WitnessRefused(refused.reason) from None

    async def _post(self, url: str, body: bytes) -> tuple[int, str]:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        try:
            # In all: one that sends a byte now and then must not keep the head from being published.
            async with (
                asyncio.timeout(SECONDS),
                self._wire.stream(
                    "POST", url, content=body, headers=headers, follow_redirects=False
                ) as answer,
            ):
                told = b""
                async for piece in answer.aiter_bytes():
                    told += piece
                    if len(told) > MOST_BYTES:
                        raise WitnessRefused("form")
                return answer.status_code, told.decode()
        except (TimeoutError, httpx2.HTTPError):
            raise WitnessRefused("unreached") from None
        except UnicodeDecodeError:
            raise WitnessRefused("form") from None


def _size(answer: str) -> int:
    digits = answer.removesuffix("\n")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise WitnessRefused("form")
    return int(digits)
