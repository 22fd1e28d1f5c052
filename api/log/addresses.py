"""The access log towards the world (C2SP tlog-tiles): signed heads, tiles, entries, proofs. Nothing of anybody.

What never changes may be kept for good by whoever fetches it; the head is asked for anew.
"""

import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.web.answers import HARDENED, refusal
from auth.caller import ANONYMOUS
from store import ledger
from store.database import Database, Tx
from store.errors import NotSealed
from store.log import tiles
from store.log.tiles import Tile

FRESH = {**HARDENED, "Cache-Control": "public, max-age=1"}
FOREVER = {
    **HARDENED,
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def routes(database: Database) -> list[Route]:
    """`/log/checkpoint`, `/log/tile/…`, `/log/tile/entries/…` and `/log/proof/{index}`."""

    async def checkpoint(request: Request) -> Response:
        async with database.reading(ANONYMOUS.actor) as tx:
            head = await ledger.published(tx)
            note = await ledger.published_note(tx, head) if head is not None else None
        return _text(note, FRESH) if note is not None else _not_sealed()

    async def proof(request: Request) -> Response:
        index = request.path_params["index"]
        if index > _LARGEST:
            return _not_sealed()
        try:
            async with database.reading(ANONYMOUS.actor) as tx:
                found = await ledger.inclusion(tx, index)
        except NotSealed:
            return _not_sealed()
        return _text(found.text, HARDENED)

    async def hashes(request: Request) -> Response:
        level = request.path_params["level"]
        return await _piece(request, int(level) if _LEVEL.fullmatch(level) else -1, tiles.hashes)

    async def entries(request: Request) -> Response:
        return await _piece(request, 0, tiles.entries)

    async def _piece(request: Request, level: int, give: Callable[[Tx, Tile], Awaitable[bytes]]) -> Response:
        tile = asked_tile(level, request.path_params["place"])
        try:
            if tile is None:
                raise NotSealed
            async with database.reading(ANONYMOUS.actor) as tx:
                piece = await give(tx, tile)
        except NotSealed:
            return _not_sealed()
        return Response(piece, headers=FOREVER, media_type="application/octet-stream")

    return [
        Route("/log/checkpoint", checkpoint, methods=["GET"]),
        Route("/log/proof/{index:int}", proof, methods=["GET"]),
        Route("/log/tile/entries/{place:path}", entries, methods=["GET"]),
        Route("/log/tile/{level}/{place:path}", hashes, methods=["GET"]),
    ]


def asked_tile(level: int, place: str) -> Tile | None:
    """`x001/x234/067` is number 1234067; `.p/<width>` makes it a partial one. None for any other spelling."""
    found = _PLACE.fullmatch(place)
    if found is None or not 0 <= level <= tiles.HIGHEST:
        return None
    digits = found["number"].replace("x", "").split("/")
    # A leading group of zeros would be a second address of the same piece.
    if len(digits) > 1 and digits[0] == "000":
        return None
    return Tile(level, int("".join(digits)), int(found["width"] or tiles.WIDTH))


_PLACE = re.compile(
    r"(?P<number>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
)
_LEVEL = re.compile("[0-9]|[1-9][0-9]")
_LARGEST = 2**62
"""Beyond it PostgreSQL has no number for a place."""


def _text(words: str, headers: Mapping[str, str]) -> Response:
    return PlainTextResponse(words, headers=dict(headers))


def _not_sealed() -> Response:
    return refusal(NotSealed.code, "The log holds no such leaf yet.", 404)
