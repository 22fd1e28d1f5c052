"""Whether the process lives, whether it may be sent requests, and the public keys its tokens verify with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.boot import CLOCKS_APART
from api.journal import log_fault
from api.web.answers import json_answer
from api.work import Loops
from auth.caller import ANONYMOUS
from auth.tokens import Tokens
from resolvers.context import House
from store.log import pulse

LOOK_SECONDS: Final = 4.0
"""For both databases to answer. Whoever asks whether we are ready waits no longer than a few seconds."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Ours, and how far it is moved from that of the machine."""

    now: Callable[[], datetime]
    offset: timedelta


def routes(house: House, tokens: Tokens, loops: Loops, clock: Clock) -> list[Route]:
    """`/healthz`, `/readyz`, `/.well-known/jwks.json`."""
    database, keys, scanner = house.database, house.office.safe.keys, house.office.safe.scanner

    async def live(request: Request) -> Response:
        return json_answer({"status": "ok"})

    async def ready(request: Request) -> Response:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                async with database.reading(ANONYMOUS.actor) as tx:
                    theirs: datetime = (await tx.scalars(select(func.app_now()))).one()
                    silent = [one.source for one in await pulse.silences(tx) if one.alarming]
                of_keys = await keys.reach() + clock.offset
        except Exception as error:  # whatever keeps us from either database, we are not ready
            log_fault("readiness", error)
            return json_answer({"status": "database"}, 503)
        if any(abs(at - clock.now()) > CLOCKS_APART for at in (theirs, of_keys)):
            return json_answer({"status": "clock"}, 503)
        if loops.failing:
            return json_answer({"status": "loops"}, 503)
        # Alarms, no reasons to send requests elsewhere: people read their own, and any other server is told the
        # same. Without a scanner papers wait in quarantine.
        answers = scanner is not None and await scanner.answers()
        known = "none" if scanner is None else "ready" if answers else "silent"
        return json_answer({"status": "ready", "scanner": known} | ({"silent": silent} if silent else {}))

    async def jwks(request: Request) -> Response:
        return json_answer(tokens.public_jwks(), media_type="application/jwk-set+json")

    return [
        Route("/healthz", live, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/.well-known/jwks.json", jwks, methods=["GET"]),
    ]
