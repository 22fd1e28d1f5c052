"""Forms as OAuth clients send them: bounded, strict, each parameter once (RFC 6749, section 3.2)."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from auth.errors import AppRefused

MOST_BYTES: Final = 16 * 1024
MOST_FIELDS: Final = 30
BODY_SECONDS: Final = 15.0
MEDIA_TYPE: Final = "application/x-www-form-urlencoded"

Form = Mapping[str, str]


async def read_form(request: Request) -> Form:
    """The parameters, none of them empty. Raises AppRefused("invalid_request")."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != MEDIA_TYPE or parameters.strip().lower() not in ("", "charset=utf-8"):
        raise AppRefused("invalid_request")
    # What is sent compressed could grow without bound, and a cookie would let a page of any site send this form.
    if request.headers.get("content-encoding", "identity") != "identity":
        raise AppRefused("invalid_request")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise AppRefused("invalid_request")
    except (TimeoutError, ClientDisconnect):
        raise AppRefused("invalid_request") from None
    try:
        pairs = parse_qsl(
            body.decode("ascii"), strict_parsing=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise AppRefused("invalid_request") from None
    form = dict(pairs)
    if len(form) != len(pairs) or any("\0" in value for value in form.values()):
        raise AppRefused("invalid_request")
    return form
