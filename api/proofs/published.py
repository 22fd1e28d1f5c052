"""What verifiers need of us and nothing more: lists of standings, the trust list, its anchor, types of credentials.

Nothing here is about anybody, and who fetches what tells us nothing of whose proof they hold. Everything is signed:
it may be kept, passed on and read without us.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.proofs.vouching import trust_list
from api.web.addresses import address_of
from api.web.answers import HARDENED, json_answer, refusal
from api.web.pages import language_of
from auth.caller import ANONYMOUS
from auth.errors import RateLimited
from dossiers.clock import local_day
from procedures.law import Law
from resolvers.context import House
from resolvers.wording import refusal_words
from vault.issuing import standings
from vault.issuing.attesting import EDITION

JWT, CWT = "application/statuslist+jwt", "application/statuslist+cwt"


def routes(house: House, now: Callable[[], datetime]) -> list[Route]:
    """`/status-lists`, `/status-lists/{n}`, `/vct/{type}/{edition}` and three well-known addresses."""
    told = _Published(house, now)
    return [
        Route("/status-lists", told.status_lists, methods=["GET"]),
        Route("/status-lists/{number:int}", told.status_list, methods=["GET"]),
        Route("/vct/{type}/{edition:int}", told.credential_type, methods=["GET"]),
        Route("/.well-known/vn-trust-list", told.trust_list, methods=["GET"]),
        Route("/.well-known/vn-trust-anchor", told.anchor, methods=["GET"]),
        Route("/.well-known/jwt-vc-issuer", told.issuer, methods=["GET"]),
    ]


class _Published:
    def __init__(self, house: House, now: Callable[[], datetime]) -> None:
        self._house = house
        self._now = now
        self._notary = house.office.safe.notary

    async def status_list(self, request: Request) -> Response:
        """How a list stands now, or at `?time=`, as JWT or, where asked for, as CWT."""
        now = self._now()
        try:
            self._house.allowances.spend("/status-lists", address_of(request), now)
            asked = _moment(request.query_params.get("time"))
        except RateLimited as limited:
            return _limited(request, limited)
        except ValueError:
            return _unknown(request, 400, "BAD_INPUT", field="time")
        number = request.path_params["number"]
        found = None
        if 0 < number < 2**31:
            async with self._house.database.reading(ANONYMOUS.actor) as tx:
                found = await standings.standings_of(tx, number, now, asked)
        if found is None:
            return _unknown(request)
        if CWT in request.headers.get("accept", ""):
            return _signed(found.cwt(self._notary), CWT)
        return _signed(found.jwt(self._notary), JWT)

    async def status_lists(self, request: Request) -> Response:
        """Where every list is: who fetches all of them tells nobody which one they need."""
        async with self._house.database.reading(ANONYMOUS.actor) as tx:
            newest = await standings.lists_in_use(tx)
        return json_answer({"status_lists": [f"{self._notary.lists}/{one + 1}" for one in range(newest)]})

    async def trust_list(self, request: Request) -> Response:
        now = self._now()
        try:
            self._house.allowances.spend("/status-lists", address_of(request), now)
        except RateLimited as limited:
            return _limited(request, limited)
        async with self._house.database.reading(ANONYMOUS.actor) as tx:
            signed = await trust_list(tx, self._notary, self._law(now), now)
        return _signed(signed, "application/vn-trustlist+jwt")

    async def anchor(self, request: Request) -> Response:
        keys = [dict(self._notary.anchor.public.jwk)]
        return json_answer({"keys": keys}, media_type="application/jwk-set+json")

    async def issuer(self, request: Request) -> Response:
        keys = [dict(one.public.jwk) for one in self._notary.keys if one.revoked_from is None]
        return json_answer({"issuer": self._notary.issuer, "jwks": {"keys": keys}})

    async def credential_type(self, request: Request) -> Response:
        kind = self._law(self._now()).document_types.get(request.path_params["type"])
        if kind is None or request.path_params["edition"] != EDITION:
            return _unknown(request)
        names = [str(one) for one in kind.claims]
        return json_answer(
            {
                "vct": f"{self._notary.issuer}/vct/{kind.id}/{EDITION}",
                "name": kind.name.in_language("en"),
                "display": [{"locale": one, "name": kind.name.in_language(one)} for one in ("vi", "en")],
                "claims": [
                    {"path": [name], "sd": "never" if name in kind.always_shown else "always"}
                    for name in names
                ],
            }
        )

    def _law(self, now: datetime) -> Law:
        return self._house.office.laws.on(local_day(now))


def _moment(given: str | None) -> datetime | None:
    """Seconds since 1970. Raises ValueError."""
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 11):
        raise ValueError
    return datetime.fromtimestamp(int(given), UTC)


def _signed(body: str | bytes, media_type: str) -> Response:
    return Response(body, headers={**HARDENED, "Vary": "Accept"}, media_type=media_type)


def _limited(request: Request, limited: RateLimited) -> Response:
    words = refusal_words("RATE_LIMITED", language_of(request), seconds=limited.seconds)
    return refusal("RATE_LIMITED", words, 429, retry_after_seconds=limited.seconds)


def _unknown(request: Request, status: int = 404, code: str = "NOT_FOUND", **params: object) -> Response:
    return refusal(code, refusal_words(code, language_of(request), **params), status)
