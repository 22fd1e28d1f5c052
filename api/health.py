"""Whether the process lives, whether it may be sent requests, and the public keys its tokens verify with."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.journal import log_fault
from api.web.answers import json_answer
from api.work import Loops
from auth.caller import ANONYMOUS
from auth.tokens import Tokens
from store.database import Database
from vault.sealing.keys import Keys

CLOCKS_APART: Final = timedelta(seconds=5)
"""Beyond it neither tokens nor consents can be judged (security.md, disclosure transaction)."""


def routes(
    database: Database, keys: Keys, tokens: Tokens, loops: Loops, now: Callable[[], datetime]
) -> list[Route]:
    """`/healthz`, `/readyz`, `/.well-known/jwks.json`."""

    async def live(request: Request) -> Response:
        return json_answer({"status": "ok"})

    async def ready(request: Request) -> Response:
        try:
            async with database.reading(ANONYMOUS.actor) as tx:
                theirs = await tx.scalar(select(func.app_now()))
            await keys.reach()
        except Exception as error:  # whatever keeps us from either database, we are not ready
            log_fault("readiness", error)
            return json_answer({"status": "database"}, 503)
        if theirs is None or abs(theirs - now()) > CLOCKS_APART:
            return json_answer({"status": "clock"}, 503)
        if loops.failing:
            return json_answer({"status": "loops"}, 503)
        return json_answer({"status": "ready"})

    async def jwks(request: Request) -> Response:
        return json_answer(tokens.public_jwks(), media_type="application/jwk-set+json")

    return [
        Route("/healthz", live, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/.well-known/jwks.json", jwks, methods=["GET"]),
    ]
