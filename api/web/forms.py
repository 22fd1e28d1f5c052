"""Forms as pages and OAuth clients send them: bounded, strict, each field once."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

MOST_FIELDS: Final = 30
BODY_SECONDS: Final = 15.0
MEDIA_TYPE: Final = "application/x-www-form-urlencoded"

Form = Mapping[str, str]


class FormRefused(Exception):
    """What came is no form of ours; `status` says how over HTTP, nothing says what it was."""

    def __init__(self, status: int = 400) -> None:
        super().__init__(status)
        self.status = status


async def read_form(request: Request, most_bytes: int) -> Form:
    """The fields, none of them empty. Raises FormRefused."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != MEDIA_TYPE or parameters.strip().lower() not in ("", "charset=utf-8"):
        raise FormRefused(415)
    # What is sent compressed could grow without bound.
    if request.headers.get("content-encoding", "identity") != "identity":
        raise FormRefused(415)
    try:
        pairs = parse_qsl(
            (await _body(request, most_bytes)).decode("ascii"),
            strict_parsing=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise FormRefused from None
    form = dict(pairs)
    if len(form) != len(pairs) or any("\0" in value for value in form.values()):
        raise FormRefused
    return form


async def _body(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > most_bytes:
                    raise FormRefused(413)
    except TimeoutError:
        raise FormRefused(408) from None
    except ClientDisconnect:
        raise FormRefused from None
    return bytes(body)
