"""`/verify`: anyone holding a live code may see whether the paper behind it stands. Never whose it is, never what
it says, and no use of the code is spent. An unknown code and a lapsed one get the same answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.web.addresses import address_of
from api.web.answers import HARDENED, JSON, json_answer, refusal
from api.web.pages import Pages, language_of
from auth.caller import ANONYMOUS
from auth.errors import RateLimited
from dossiers.clock import local_day
from procedures.agencies import agencies_by_id, agency_name
from resolvers.context import House
from resolvers.wording import refusal_words
from vault.sharing.verification import PublicStatus, public_status

MOST_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """A paper as anyone may see it. `stands`: in force today. `vouched`: by the State, not by its owner alone."""

    title: str
    stands: bool
    vouched: bool
    status: str
    issuer: str | None
    issued_on: date | None
    valid_until: date | None


def routes(house: House, now: Callable[[], datetime], *, sandbox: bool) -> list[Route]:
    """`/verify` and `/verify/{code}`: a page, or JSON where the client asks for it."""
    # The address carries the code: it must not travel to whatever is clicked next.
    secure = house.public_url.startswith("https://")
    pages = Pages(sandbox=sandbox, is_secure=secure, referrer="no-referrer")

    async def form(request: Request) -> Response:
        code = request.query_params.get("code", "").strip()
        if code:
            address = f"/verify/{quote(code[:MOST_CHARACTERS], safe='')}?lang={language_of(request)}"
            return RedirectResponse(address, 303, headers=dict(HARDENED))
        return pages.page(request, "verify.html")

    async def check(request: Request) -> Response:
        code = request.path_params["code"]
        try:
            house.allowances.spend("/verify", address_of(request), now())
        except RateLimited as limited:
            return _later(request, limited.seconds)
        found = await _standing(house, code, language_of(request), now()) if _is_code(code) else None
        status = 200 if found is not None else 404
        if _wants_json(request):
            return json_answer(_told(found), status)
        return pages.page(request, "verified.html", status, found=found)

    def _later(request: Request, seconds: int) -> Response:
        words = refusal_words("RATE_LIMITED", language_of(request), seconds=seconds)
        if _wants_json(request):
            return refusal("RATE_LIMITED", words, 429, retry_after_seconds=seconds)
        answer = pages.page(request, "verified.html", 429, found=None, later=words)
        answer.headers["Retry-After"] = str(seconds)
        return answer

    return [
        Route("/verify", form, methods=["GET"]),
        Route("/verify/{code:path}", check, methods=["GET"]),
    ]


async def _standing(house: House, code: str, language: str, now: datetime) -> Standing | None:
    async with house.database.reading(ANONYMOUS.actor) as tx:
        found = await public_status(tx, code, now)
        if found is None:
            return None
        issuer = (await agencies_by_id(tx, [found.issuer])).get(found.issuer) if found.issuer else None
    today = local_day(now)
    kind = house.office.laws.on(today).document_types.get(found.document_type)
    return Standing(
        title=kind.name.in_language(language) if kind is not None else found.document_type,
        stands=found.status == "valid" and _is_current(found, today),
        vouched=found.level < 3,
        status=found.status if _is_current(found, today) else "expired",
        issuer=agency_name(issuer, language) if issuer is not None else None,
        issued_on=found.issued_on,
        valid_until=found.valid_until,
    )


def _is_current(found: PublicStatus, today: date) -> bool:
    return found.valid_until is None or found.valid_until >= today


def _told(found: Standing | None) -> dict[str, object]:
    if found is None:
        return {"known": False}
    return {
        "known": True,
        "documentType": found.title,
        "valid": found.stands and found.vouched,
        "status": found.status.upper(),
        "vouchedByState": found.vouched,
        "issuer": found.issuer,
        "issuedOn": found.issued_on,
        "validUntil": found.valid_until,
    }


def _is_code(code: str) -> bool:
    # Nothing longer was ever given out; NUL has no place in the database's text.
    return len(code) <= MOST_CHARACTERS and "\0" not in code


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return JSON in accepted and "text/html" not in accepted
