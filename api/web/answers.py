"""HTTP answers as every endpoint gives them: JSON, never cached, never rendered."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json"

HARDENED: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""An answer is read by the program that asked for it and by nothing else."""


def json_answer(
    body: Any, status: int = 200, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """UTF-8, no escapes: Vietnamese stays readable."""
    return Response(orjson.dumps(body), status, {**HARDENED, **(headers or {})}, media_type)


def refusal(code: str, message: str, status: int, *, retry_after_seconds: int | None = None) -> Response:
    """One refusal in the shape GraphQL's payload errors have."""
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    error = {"code": code, "message": message, "retryable": retry_after_seconds is not None}
    return json_answer({"errors": [error]}, status, headers=headers)
