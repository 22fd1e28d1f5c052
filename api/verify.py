"""`/verify`: anyone holding a live code may see whether the paper behind it stands, and anyone shown a proof whether
it is good. Of a code never whose it is nor what it says, and no use of it is spent; of a proof what it says itself.
An unknown code and a lapsed one get the same answer.

A proof comes in the body of a form, never in an address; nothing of it is kept or written anywhere.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.proofs.checking import check
from api.proofs.facing import face
from api.proofs.telling import told as told_of_proof
from api.web.addresses import address_of
from api.web.answers import HARDENED, JSON, json_answer, refusal
from api.web.forms import Form, FormRefused, read_form
from api.web.pages import Pages, language_of
from auth.caller import ANONYMOUS
from auth.errors import RateLimited
from dossiers.clock import local_day
from procedures.agencies import agencies_by_id, agency_name
from resolvers.context import House
from resolvers.wording import refusal_words
from vault.proofs.attestation import PREFIX
from vault.proofs.judging import Shown
from vault.proofs.selective import Meeting
from vault.sharing.verification import PublicStatus, public_status

MOST_CHARACTERS = 64
MOST_BYTES: Final = 64 * 1024
"""Of a form: the longest credential, each `~` of it written as three letters."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


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
    page = _Page(house, now, Pages(sandbox=sandbox, is_secure=secure, referrer="no-referrer"))
    return [
        Route("/verify", page.form, methods=["GET"]),
        Route("/verify", page.judge, methods=["POST"]),
        Route("/verify/{code:path}", page.look, methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class _Page:
    house: House
    now: Callable[[], datetime]
    pages: Pages

    async def form(self, request: Request) -> Response:
        code = request.query_params.get("code", "").strip()
        # A proof that came in an address has been seen enough: it is not sent on in another.
        if code and not _is_proof(code):
            address = f"/verify/{quote(code[:MOST_CHARACTERS], safe='')}?lang={language_of(request)}"
            return RedirectResponse(address, 303, headers=dict(HARDENED))
        return self._asking(request)

    async def look(self, request: Request) -> Response:
        """What a code says, by its address."""
        try:
            self._spend(request)
        except RateLimited as limited:
            return self._later(request, limited.seconds)
        return await self._code(request, request.path_params["code"])

    async def judge(self, request: Request) -> Response:
        """What is shown in a form: `shown`, a code or a proof; `file_sha256` of the file beside it; `audience` and
        `nonce` of the meeting at which a credential was asked for."""
        try:
            self._spend(request)
            form = await read_form(request, MOST_BYTES)
        except RateLimited as limited:
            return self._later(request, limited.seconds)
        except FormRefused as refused:
            return self._unread(request, "shown", refused.status)
        shown, digest = form.get("shown", "").strip(), form.get("file_sha256", "")
        if not shown:
            return self._unread(request, "shown")
        if digest and not _SHA256.fullmatch(digest):
            return self._unread(request, "file_sha256")
        if not _is_proof(shown):
            return await self._code(request, shown.removeprefix(f"{self.house.public_url}/verify/"))
        proof = Shown(shown, bytes.fromhex(digest) if digest else None, _meeting(form))
        found, trust = await check(self.house, proof, self.now())
        if _wants_json(request):
            return json_answer(told_of_proof(found))
        law = self.house.office.laws.on(local_day(self.now()))
        seen = face(found, trust, law, language_of(request))
        return self.pages.page(request, "proven.html", seen=seen, with_file=bool(digest))

    def _spend(self, request: Request) -> None:
        self.house.allowances.spend("/verify", address_of(request), self.now())

    def _asking(self, request: Request, status: int = 200, wrong: str | None = None) -> Response:
        return self.pages.page(request, "verify.html", status, script=True, wrong=wrong)

    async def _code(self, request: Request, code: str) -> Response:
        language = language_of(request)
        found = await _standing(self.house, code, language, self.now()) if _is_code(code) else None
        status = 200 if found is not None else 404
        if _wants_json(request):
            return json_answer(_told(found), status)
        return self.pages.page(request, "verified.html", status, found=found)

    def _later(self, request: Request, seconds: int) -> Response:
        words = refusal_words("RATE_LIMITED", language_of(request), seconds=seconds)
        if _wants_json(request):
            return refusal("RATE_LIMITED", words, 429, retry_after_seconds=seconds)
        answer = self.pages.page(request, "verified.html", 429, found=None, later=words)
        answer.headers["Retry-After"] = str(seconds)
        return answer

    def _unread(self, request: Request, field: str, status: int = 400) -> Response:
        words = refusal_words("BAD_INPUT", language_of(request), field=field)
        if _wants_json(request):
            return refusal("BAD_INPUT", words, status)
        return self._asking(request, status, wrong=field)


def _is_proof(shown: str) -> bool:
    """Whether it is to be judged as a proof: every JWS begins so, and no code has that sign in it."""
    return shown.startswith((PREFIX, "eyJ")) or "~" in shown


def _meeting(form: Form) -> Meeting | None:
    audience, nonce = form.get("audience", "").strip(), form.get("nonce", "").strip()
    return Meeting(audience, nonce) if audience or nonce else None


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
