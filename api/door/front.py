"""What every page of the door shares: where it stands, its cookies, and who a request comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from api.web.pages import Pages, language_of
from auth.caller import Caller, CallerKind
from auth.errors import CredentialsConflict
from auth.passkeys.ceremonies import CEREMONY_LIFETIME
from auth.passkeys.models import KeyModels
from auth.passkeys.verification import Site
from auth.provider.login import STARTER, Door
from auth.provider.oidc import Provider
from auth.sessions import SESSION_LIFETIME, caller_of
from store.database import Database
from vault.safe import Safe


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Built once in `api/app.py`. `origin` is the public one (`https://kho.example.gov.vn`), from settings and
    never from a header. `sandbox` marks the pages of a demonstration. `officer_keys`: the models of security keys
    one of which every officer shows; None asks for none."""

    database: Database
    safe: Safe
    providers: Mapping[Door, Provider]
    origin: str
    now: Callable[[], datetime]
    sandbox: bool = False
    officer_keys: KeyModels | None = None

    @property
    def is_secure(self) -> bool:
        return self.origin.startswith("https://")

    @property
    def site(self) -> Site:
        return Site(self.origin)

    @property
    def pages(self) -> Pages:
        # Not no-referrer: browsers then send `Origin: null` with our own forms.
        return Pages(sandbox=self.sandbox, is_secure=self.is_secure, referrer="same-origin")

    def open_to(self, response: Response, secret: str) -> None:
        """The browser that gets this answer is signed in."""
        self._set(response, session_cookie(self.is_secure), secret, int(SESSION_LIFETIME.total_seconds()))

    def bind_ceremony(self, response: Response, secret: str) -> None:
        """The browser that gets this answer is the one a key is asked in."""
        self._set(response, ceremony_cookie(self.is_secure), secret, int(CEREMONY_LIFETIME.total_seconds()))

    def close_to(self, response: Response, cookie: str) -> None:
        response.delete_cookie(cookie, secure=self.is_secure, httponly=True, samesite="strict")

    def _set(self, response: Response, name: str, secret: str, seconds: int) -> None:
        response.set_cookie(
            name, secret, max_age=seconds, secure=self.is_secure, httponly=True, samesite="strict"
        )


async def caller_from_cookie(
    database: Database, request: Request, now: datetime, *, secure: bool = True
) -> Caller:
    """Who the session cookie of this request stands for, read afresh; ANONYMOUS without a live session.

    Raises CredentialsConflict (answer 400) when an Authorization header comes along: one of the two was not
    meant, and guessing which would let an attacker choose.
    """
    language = language_of(request)
    secret = request.cookies.get(session_cookie(secure))
    if secret is None:
        return Caller(CallerKind.ANONYMOUS, language=language)
    if "authorization" in request.headers:
        raise CredentialsConflict
    async with database.writing(STARTER) as tx:
        return await caller_of(tx, secret, language, now)


def session_cookie(secure: bool) -> str:
    """Over loopback HTTP the `__Host-` prefix goes, which browsers tie to TLS; nothing else is loosened."""
    return "__Host-motlan" if secure else "motlan"


def ceremony_cookie(secure: bool) -> str:
    return "__Host-motlan-key" if secure else "motlan-key"
