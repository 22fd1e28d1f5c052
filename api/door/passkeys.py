"""Keys in people's hands, over HTTP: a citizen's passkey as second factor, an officer's at every sign-in.

A key is asked by a page of ours and answers to it. What was asked rests with us, under a cookie of this browser; what
comes back is anybody's bytes until `auth.passkeys.verification` has judged it.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.door.front import FrontDoor, caller_from_cookie, ceremony_cookie
from api.gateway.requests import Unreadable, read_object
from api.web.answers import json_answer, refusal
from api.web.pages import language_of
from auth.assurance import VAULT, meets, with_passkey
from auth.caller import Caller, CallerKind
from auth.errors import (
    AccessDenied,
    AuthRefusal,
    CredentialsConflict,
    NotFound,
    PasskeyRefused,
    StepUpRequired,
    Unauthenticated,
)
from auth.passkeys.ceremonies import Ceremony, Purpose, begin_ceremony, take_ceremony
from auth.passkeys.models import KeyModels
from auth.passkeys.registry import (
    Holder,
    add_own_passkey,
    enrol_key,
    enrolment_of,
    held_keys,
    note_use,
    own_passkeys,
    remove_own_passkey,
)
from auth.passkeys.verification import creation_options, request_options, verify_new_key, verify_use
from auth.policy import Action, require
from auth.provider.login import STARTER, local_path
from auth.provider.oidc import Identity
from auth.sessions import SignedIn, open_session, raise_session
from dossiers.notices import notify
from resolvers.wording import refusal_words
from store.database import Tx

log = logging.getLogger(__name__)

LONGEST_NAME: Final = 60
STATUS: Final[dict[type[AuthRefusal], int]] = {
    Unauthenticated: 401,
    StepUpRequired: 403,
    AccessDenied: 403,
    NotFound: 404,
    CredentialsConflict: 400,
    PasskeyRefused: 400,
}
"""What each refusal of this door is over HTTP."""


def routes(door: FrontDoor) -> list[Route]:
    """`/passkeys`, where one's own are kept, and the three steps its pages take."""
    keys = _Keys(door)
    return [
        Route("/passkeys", keys.show, methods=["GET"]),
        Route("/passkeys/remove", keys.remove, methods=["POST"]),
        Route("/passkeys/begin", _answering(keys.begin), methods=["POST"]),
        Route("/passkeys/enrol", _answering(keys.enrol), methods=["POST"]),
        Route("/passkeys/finish", _answering(keys.finish), methods=["POST"]),
    ]


async def ask_officer(
    door: FrontDoor, request: Request, officer: UUID, identity: Identity, next_path: str
) -> Response:
    """The page on which an officer the provider vouched for shows their security key. Nobody is signed in yet."""
    holder, now = Holder(CallerKind.OFFICER, officer), door.now()
    begun = Ceremony(Purpose.ENTER, holder, identity.acr, identity.authenticated_at, next_path)
    async with door.database.writing(STARTER) as tx:
        held = await held_keys(tx, holder)
        secret, challenge = await begin_ceremony(tx, begun, now)
    options = request_options(door.site, challenge, held) if held else None
    page = door.pages.page(request, "officer_key.html", script=True, options=options)
    door.bind_ceremony(page, secret)
    return page


class _Keys:
    def __init__(self, door: FrontDoor) -> None:
        self._door = door

    async def show(self, request: Request) -> Response:
        """One's own keys; off to the first page for whoever is not signed in."""
        try:
            caller = await self._caller(request)
        except AuthRefusal:
            return self._door.pages.harden(RedirectResponse("/", status_code=303))
        async with self._door.database.reading(caller.actor) as tx:
            held = await own_passkeys(tx, caller)
        return self._door.pages.page(
            request,
            "passkeys.html",
            script=True,
            keys=held,
            weak=caller.kind is CallerKind.CITIZEN and not meets(caller.acr, VAULT),
            able=not _is_number(self._door.site.name),
            next_path=local_path(request.query_params.get("next", "/")),
        )

    async def remove(self, request: Request) -> Response:
        """A plain form: taking a key away must work on the page of an old browser too."""
        if request.headers.get("origin") != self._door.origin:
            return self._door.pages.harden(refusal("FOREIGN_ORIGIN", "", 403))
        now = self._door.now()
        async with request.form(max_files=0, max_fields=5) as form:
            key = _uuid(form.get("key"))
        try:
            caller = await self._caller(request)
            async with self._door.database.writing(caller.actor) as tx:
                await remove_own_passkey(tx, caller, key, now)
                if caller.kind is CallerKind.CITIZEN and caller.id is not None:
                    await notify(tx, caller.id, "passkey_removed", now)
        except AuthRefusal as refused:
            return self._door.pages.harden(_refused(request, refused))
        return self._door.pages.harden(RedirectResponse("/passkeys", status_code=303))

    async def begin(self, request: Request) -> Response:
        """What to hand to the key: `{"purpose": "add" | "raise", "next"?}` -> `{"options"}`."""
        given, now = await self._given(request), self._door.now()
        caller = await self._caller(request)
        adding = given.get("purpose") == Purpose.ADD
        if adding:
            require(caller, Action.ADD_PASSKEY)
        elif given.get("purpose") != Purpose.RAISE or caller.kind is not CallerKind.CITIZEN:
            raise PasskeyRefused("ceremony")
        holder = _holder(caller)
        purpose, next_path = (Purpose.ADD, "/passkeys") if adding else (Purpose.RAISE, given.get("next"))
        begun = Ceremony(purpose, holder, caller.acr, now, local_path(str(next_path)), caller.session)
        async with self._door.database.writing(STARTER) as tx:
            held = await held_keys(tx, holder)
            secret, challenge = await begin_ceremony(tx, begun, now)
        if adding:
            options = self._creation(holder, challenge, await self._label(caller), held)
        elif held:
            options = request_options(self._door.site, challenge, held)
        else:
            raise PasskeyRefused("none")
        return self._asked(options, secret)

    async def enrol(self, request: Request) -> Response:
        """A first key of an officer's, by the code they were handed: `{"code"}` -> `{"options"}`. One try for each
        sign-in at the provider."""
        given, now = await self._given(request), self._door.now()
        entering = await self._take(request, now)
        if entering.purpose is not Purpose.ENTER:
            raise PasskeyRefused("ceremony")
        async with self._door.database.writing(STARTER) as tx:
            enrolment = await enrolment_of(tx, entering.holder.id, str(given.get("code", "")), now)
            begun = Ceremony(
                Purpose.ENROL, entering.holder, entering.acr, entering.authenticated_at, entering.next_path,
                enrolment=enrolment,
            )  # fmt: skip
            held = await held_keys(tx, entering.holder)
            secret, challenge = await begin_ceremony(tx, begun, now)
        return self._asked(self._creation(entering.holder, challenge, "Cán bộ", held), secret)

    async def finish(self, request: Request) -> Response:
        """What the key answered: `{"credential", "name"?}` -> `{"next"}`, with the cookie of whoever is signed in
        now."""
        given, now = await self._given(request), self._door.now()
        begun = await self._take(request, now)
        credential, name = given.get("credential"), _name(given.get("name"))
        opened = None
        match begun.purpose:
            case Purpose.ADD:
                await self._add(request, begun, credential, name, now)
            case Purpose.RAISE:
                opened = await self._raise(request, begun, credential, now)
            case Purpose.ENTER:
                opened = await self._enter(begun, credential, now)
            case Purpose.ENROL:
                opened = await self._enrol(begun, credential, name, now)
        answer = json_answer({"next": begun.next_path})
        self._door.close_to(answer, ceremony_cookie(self._door.is_secure))
        if opened is not None:
            self._door.open_to(answer, opened)
        return answer

    async def _add(
        self, request: Request, begun: Ceremony, credential: object, name: str, now: datetime
    ) -> None:
        caller = await self._same(request, begun)
        key = verify_new_key(self._door.site, credential, begun.challenge, self._models(begun.holder))
        async with self._door.database.writing(caller.actor) as tx:
            await add_own_passkey(tx, caller, key, name, now)
            if begun.holder.kind is CallerKind.CITIZEN:
                # A key of somebody else's would be the first thing a thief adds.
                await notify(tx, begun.holder.id, "passkey_added", now)

    async def _raise(self, request: Request, begun: Ceremony, credential: object, now: datetime) -> str:
        caller = await self._same(request, begun)
        async with self._door.database.writing(caller.actor) as tx:
            await self._shown(tx, begun, credential, now)
            return await raise_session(tx, caller, with_passkey(begun.acr), now)

    async def _enter(self, begun: Ceremony, credential: object, now: datetime) -> str:
        async with self._door.database.writing(STARTER) as tx:
            await self._shown(tx, begun, credential, now)
            return await open_session(tx, _signed_in(begun, now), now)

    async def _enrol(self, begun: Ceremony, credential: object, name: str, now: datetime) -> str:
        enrolment, models = begun.enrolment, self._models(begun.holder)
        if enrolment is None or models is None:
            raise PasskeyRefused("code")
        key = verify_new_key(self._door.site, credential, begun.challenge, models)
        async with self._door.database.writing(STARTER) as tx:
            await enrol_key(tx, begun.holder.id, enrolment, key, name, now)
            return await open_session(tx, _signed_in(begun, now), now)

    async def _shown(self, tx: Tx, begun: Ceremony, credential: object, now: datetime) -> None:
        held = await held_keys(tx, begun.holder)
        models = self._models(begun.holder)
        key, count = verify_use(self._door.site, credential, begun.challenge, held, models)
        await note_use(tx, key, count, now)

    def _models(self, holder: Holder) -> KeyModels | None:
        """What an officer's key must be one of; None for a citizen's, which may be any."""
        return self._door.officer_keys if holder.kind is CallerKind.OFFICER else None

    def _creation(self, holder: Holder, challenge: bytes, label: str, held: Any) -> dict[str, Any]:
        hardware = self._models(holder) is not None
        return creation_options(self._door.site, holder.id, label, challenge, held, hardware=hardware)

    async def _label(self, caller: Caller) -> str:
        return "Cán bộ" if caller.kind is CallerKind.OFFICER else "Công dân"

    def _asked(self, options: dict[str, Any], secret: str) -> Response:
        answer = json_answer({"options": options})
        self._door.bind_ceremony(answer, secret)
        return answer

    async def _given(self, request: Request) -> dict[str, Any]:
        """Only from our own pages: a ceremony belongs to a browser, and browsers name the origin."""
        if request.headers.get("origin") != self._door.origin:
            raise Unreadable(403, "FOREIGN_ORIGIN", "Requests from another site are refused.")
        return await read_object(request)

    async def _take(self, request: Request, now: datetime) -> Ceremony:
        """Spent by this look, in a transaction of its own: whatever comes of it, the challenge is used."""
        secret = request.cookies.get(ceremony_cookie(self._door.is_secure), "")
        async with self._door.database.writing(STARTER) as tx:
            return await take_ceremony(tx, secret, now)

    async def _same(self, request: Request, begun: Ceremony) -> Caller:
        """Whoever is signed in, as when the key was asked."""
        caller = await self._caller(request)
        if caller.session != begun.session or _holder(caller) != begun.holder:
            raise PasskeyRefused("ceremony")
        return caller

    async def _caller(self, request: Request) -> Caller:
        """Raises Unauthenticated, CredentialsConflict."""
        caller = await caller_from_cookie(
            self._door.database, request, self._door.now(), secure=self._door.is_secure
        )
        if caller.id is None:
            raise Unauthenticated
        return caller


def _answering(act: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """One place gives this door's refusals their face: which check failed is for our journal alone."""

    async def answer(request: Request) -> Response:
        try:
            return await act(request)
        except Unreadable as unread:
            return refusal(unread.code, unread.message, unread.status)
        except AuthRefusal as refused:
            return _refused(request, refused)

    return answer


def _refused(request: Request, refused: AuthRefusal) -> Response:
    if isinstance(refused, PasskeyRefused):
        log.warning("a key was refused: %s", refused.reason)
    words = refusal_words(refused.code, language_of(request))
    return refusal(refused.code, words, STATUS[type(refused)])


def _signed_in(begun: Ceremony, now: datetime) -> SignedIn:
    return SignedIn(begun.holder.kind, begun.holder.id, with_passkey(begun.acr), now)


def _holder(caller: Caller) -> Holder:
    if caller.id is None:
        raise Unauthenticated
    return Holder(caller.kind, caller.id)


def _name(given: object) -> str:
    name = given.strip()[:LONGEST_NAME] if isinstance(given, str) else ""
    return name if name and name.isprintable() else "Passkey"


def _uuid(given: object) -> UUID:
    """A key nobody has, for what names none."""
    try:
        return UUID(str(given))
    except ValueError:
        return UUID(int=0)


def _is_number(host: str) -> bool:
    """Browsers bind keys to names; an address of numbers has none."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
