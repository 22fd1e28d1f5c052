"""Signing in and out over HTTP, and who a request comes from.

The browser holds an opaque session cookie and nothing else. Joins the halves no other room may join: the
provider's answer (auth) and the subject it proves (vault).
"""

import logging
import secrets
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from api.door.front import FrontDoor, caller_from_cookie, session_cookie
from api.door.passkeys import ask_officer
from api.web.pages import language_of
from auth.apps.requests import answer_request, wish_of
from auth.caller import CallerKind
from auth.errors import CredentialsConflict, SignInFailed
from auth.provider.login import (
    LOGIN_LIFETIME,
    STARTER,
    Door,
    Started,
    bind_citizen,
    bound_subject,
    door_of,
    new_challenge,
    officer_of,
    remember_start,
    take_start,
)
from auth.provider.oidc import Challenge, Demand, Identity
from auth.sessions import SignedIn, end_session, open_session
from store.database import Tx
from vault.subjects import PERSON, Profile, enrol

log = logging.getLogger(__name__)


def routes(door: FrontDoor) -> list[Route]:
    """`/`, `/sign-in`, `/sign-in/callback`, `/sign-out`."""
    pages = _Pages(door)
    return [
        Route("/", pages.home, methods=["GET"]),
        Route("/sign-in", pages.begin, methods=["GET"]),
        Route("/sign-in/callback", pages.come_back, methods=["GET"]),
        Route("/sign-out", pages.sign_out, methods=["POST"]),
    ]


async def send_to_provider(
    door: FrontDoor, request: Request, challenge: Challenge, next_path: str, demand: Demand | None = None
) -> Response:
    """Off to the provider, with a Lax cookie that ties the way back to this browser. Raises SignInFailed."""
    provider, now = door.providers[door_of(challenge.state)], door.now()
    url = await provider.authorization_url(challenge, language_of(request), now, demand)
    async with door.database.writing(STARTER) as tx:
        await remember_start(tx, provider.client.issuer, challenge, next_path, now)
    response = RedirectResponse(url, status_code=303)
    response.set_cookie(
        _login_cookie(door.is_secure),
        challenge.state,
        max_age=int(LOGIN_LIFETIME.total_seconds()),
        secure=door.is_secure,
        httponly=True,
        samesite="lax",  # Strict would not come back from another site
    )
    return door.pages.harden(response)


def _login_cookie(secure: bool) -> str:
    return "__Host-motlan-sign-in" if secure else "motlan-sign-in"


class _Pages:
    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self._pages = door.pages

    async def home(self, request: Request) -> Response:
        try:
            caller = await caller_from_cookie(
                self._door.database, request, self._door.now(), secure=self._door.is_secure
            )
        except CredentialsConflict:
            return self._refused(400)
        return self._pages.page(request, "sign_in.html", caller_kind=caller.kind.value, failed=False)

    async def begin(self, request: Request) -> Response:
        """Off to the provider, with a Lax cookie that ties the way back to this browser."""
        try:
            side = Door(request.query_params.get("role", ""))
        except ValueError:
            return self._refused(400)
        if side is Door.APP:  # apps have a way in of their own
            return self._refused(400)
        next_path = request.query_params.get("next", "/")
        try:
            return await send_to_provider(self._door, request, new_challenge(side), next_path)
        except SignInFailed as failure:
            return self._failed(request, failure)

    async def come_back(self, request: Request) -> Response:
        """The provider's answer. Ends on a page of ours, never a redirect: a Strict cookie is not sent along a
        chain of redirects another site began, so the first page after it would look signed out."""
        try:
            identity, started = await self._identify(request)
            if started.door is Door.APP:
                return await self._back_to_app(request, identity, started)
            if started.door is Door.OFFICER and self._door.officer_keys is not None:
                return await self._ask_for_key(request, identity, started)
            secret = await self._open(identity, started)
        except SignInFailed as failure:
            return self._failed(request, failure)
        # One factor so far: the second is asked on a page of its own.
        half = started.door is Door.PASSKEY
        goes_on = f"/passkeys?{urlencode({'next': started.next_path})}" if half else started.next_path
        response = self._pages.page(request, "signed_in.html", next_path=goes_on)
        self._forget_login(response)
        self._door.open_to(response, secret)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Only from our own pages (Origin): a foreign form must not even sign someone out."""
        if request.headers.get("origin") != self._door.origin:
            return self._refused(403)
        name = session_cookie(self._door.is_secure)
        secret = request.cookies.get(name)
        if secret is not None:
            async with self._door.database.writing(STARTER) as tx:
                await end_session(tx, secret, self._door.now())
        response = RedirectResponse("/", status_code=303)
        self._door.close_to(response, name)
        return self._pages.harden(response)

    async def _identify(self, request: Request) -> tuple[Identity, Started]:
        """Who came back from the provider, and what they had begun. Raises SignInFailed."""
        asked, now = request.query_params, self._door.now()
        state = asked.get("state", "")
        # 1. This browser began it (login CSRF).
        cookie = request.cookies.get(_login_cookie(self._door.is_secure), "")
        if not state or not secrets.compare_digest(cookie.encode(), state.encode()):
            raise SignInFailed("state")
        provider = self._door.providers[door_of(state)]
        # 2. The provider we asked is the one that answers (mix-up, RFC 9207).
        if asked.get("iss") != provider.client.issuer:
            raise SignInFailed("response")
        # 3. Begun, not late, not used before: spent by looking, in a transaction of its own.
        async with self._door.database.writing(STARTER) as tx:
            started = await take_start(tx, provider.client.issuer, state, now)
            wish = await wish_of(tx, state) if started.door is Door.APP else None
        # 4. Code for identity, outside any transaction.
        if "error" in asked or not asked.get("code"):
            raise SignInFailed("response")
        demand = Demand(wish.acr, wish.max_age_seconds) if wish is not None else None
        return await provider.identify(asked["code"], started.challenge, now, demand), started

    async def _open(self, identity: Identity, started: Started) -> str:
        """The secret of a new session for whoever that is here. Raises SignInFailed."""
        now = self._door.now()
        async with self._door.database.writing(STARTER) as tx:
            if started.door in (Door.CITIZEN, Door.PASSKEY):
                kind, holder = CallerKind.CITIZEN, await self._citizen(tx, identity, now)
            else:
                kind, holder = CallerKind.OFFICER, await officer_of(tx, identity)
            signed_in = SignedIn(kind, holder, identity.acr, identity.authenticated_at)
            return await open_session(tx, signed_in, now)

    async def _ask_for_key(self, request: Request, identity: Identity, started: Started) -> Response:
        """The provider's word is half of an officer's sign-in. Raises SignInFailed."""
        async with self._door.database.writing(STARTER) as tx:
            officer = await officer_of(tx, identity)
        page = await ask_officer(self._door, request, officer, identity, started.next_path)
        self._forget_login(page)
        return page

    async def _back_to_app(self, request: Request, identity: Identity, started: Started) -> Response:
        """Off to the app with a code. No session cookie: this browser is the app's messenger, nobody signs in here.
        Raises SignInFailed."""
        now = self._door.now()
        async with self._door.database.writing(STARTER) as tx:
            subject = await self._citizen(tx, identity, now)
            answered = await answer_request(tx, started.challenge.state, identity, subject, now)
        told = {"code": answered.code, "iss": self._door.origin}
        told |= {"state": answered.state} if answered.state else {}
        response = RedirectResponse(f"{answered.redirect_uri}?{urlencode(told)}", status_code=303)
        self._forget_login(response)
        return self._pages.harden(response)

    async def _citizen(self, tx: Tx, identity: Identity, now: datetime) -> UUID:
        known = await bound_subject(tx, identity)
        if known is not None:
            return known
        if identity.is_officer or identity.number is None or identity.name is None:
            raise SignInFailed("claims")
        profile = Profile(PERSON, identity.name, identity.number, identity.born)
        subject = await enrol(tx, profile, self._door.safe, now)
        return await bind_citizen(tx, identity, subject, now)

    def _failed(self, request: Request, failure: SignInFailed) -> Response:
        # One page for every reason: which check failed is for our log, not for whoever tries.
        log.warning("sign-in failed: %s", failure.reason)
        status = 503 if failure.reason == "provider" else 400
        page = self._pages.page(request, "sign_in.html", status, caller_kind="anonymous", failed=True)
        self._forget_login(page)
        return page

    def _forget_login(self, response: Response) -> None:
        response.delete_cookie(
            _login_cookie(self._door.is_secure), secure=self._door.is_secure, httponly=True, samesite="lax"
        )

    def _refused(self, status: int) -> Response:
        return self._pages.harden(PlainTextResponse("", status_code=status))
