"""The access log towards witnesses: its signed head and proofs that a leaf stands under it. Nothing of anybody."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.web.answers import HARDENED, refusal
from auth.caller import ANONYMOUS
from store import ledger
from store.database import Database
from store.errors import NotSealed


def routes(database: Database) -> list[Route]:
    """`/log/checkpoint` and `/log/proof/{index}`, in the text forms of c2sp.org."""

    async def checkpoint(request: Request) -> Response:
        async with database.reading(ANONYMOUS.actor) as tx:
            head = await ledger.checkpoint(tx)
        return _text(head.note) if head is not None else _not_sealed()

    async def proof(request: Request) -> Response:
        index = request.path_params["index"]
        if index > _LARGEST:
            return _not_sealed()
        try:
            async with database.reading(ANONYMOUS.actor) as tx:
                found = await ledger.inclusion(tx, index)
        except NotSealed:
            return _not_sealed()
        return _text(found.text)

    return [
        Route("/log/checkpoint", checkpoint, methods=["GET"]),
        Route("/log/proof/{index:int}", proof, methods=["GET"]),
    ]


_LARGEST = 2**62
"""Beyond it PostgreSQL has no number for a place."""


def _text(words: str) -> Response:
    return PlainTextResponse(words, headers=dict(HARDENED))


def _not_sealed() -> Response:
    return refusal(NotSealed.code, "The log holds no such leaf yet.", 404)
