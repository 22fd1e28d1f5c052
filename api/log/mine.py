"""Everything the access log holds about whoever asks and their wards, with the proof that it is everything."""

from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.content import context_of, refused
from api.gateway.requests import Unreadable, unreadable
from api.web.answers import json_answer, refusal
from auth.errors import AccessDenied
from auth.policy import Action, SubjectFacts, reach, require
from resolvers.context import Context, House
from store.errors import NotSealed
from store.log.completeness import bundle

HEADERS = {"Content-Disposition": 'attachment; filename="motlan-log.json"'}


def routes(house: House, now: Callable[[], datetime]) -> list[Route]:
    """`GET /log/mine`: a bundle as docs/log/format.md has it, to be checked without us."""

    async def mine(request: Request) -> Response:
        try:
            context = await context_of(house, request, now())
        except Unreadable as foreign:
            return unreadable(foreign)
        try:
            return await _bundle(context)
        except NotSealed:
            return refusal(NotSealed.code, "The log holds no such leaf yet.", 404)
        except Exception as error:
            return refused(error, context)

    return [Route("/log/mine", mine, methods=["GET"])]


async def _bundle(context: Context) -> Response:
    subjects = sorted(reach(context.caller).subjects)
    if not subjects:
        raise AccessDenied("not_a_citizen")
    for subject in subjects:
        require(context.caller, Action.READ_DATA_USAGE, SubjectFacts(subject))
    context.count_try("/log/mine")
    async with context.reading() as tx:
        found = await bundle(tx, subjects)
    return json_answer(found, headers=HEADERS)
