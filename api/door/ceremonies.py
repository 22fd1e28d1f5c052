"""What passes between a page and a key: begun by us, answered once, judged, and what comes of it.

What was asked rests with us, under a cookie of this browser; what comes back is anybody's bytes until
`auth.passkeys.verification` has judged it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from api.door.front import FrontDoor, caller_from_cookie, ceremony_cookie
from api.gateway.requests import Unreadable, read_object
from api.web.answers import json_answer
from auth.assurance import with_passkey
from auth.caller import Caller, CallerKind
from auth.errors import PasskeyRefused, Unauthenticated
from auth.passkeys.ceremonies import Ceremony, Purpose, begin_ceremony, take_ceremony
from auth.passkeys.models import KeyModels
from auth.passkeys.registry import (
    Holder,
    enrol_key,
    enrolment_of,
    held_keys,
    note_use,
)
from auth.passkeys.verification import HeldKey, creation_options, request_options, verify_new_key, verify_use
from auth.policy import Action, require
from auth.provider.login import STARTER, local_path
from auth.sessions import SignedIn, open_session, raise_session
from dossiers.phones.passkeys import add_passkey, remove_passkey
from store.database import Tx

LONGEST_NAME: Final = 60


class Ceremonies:
    """The steps a page takes. Each raises Unreadable, and refusals of `auth`."""

    def __init__(self, door: FrontDoor) -> None:
        self._door = door

    async def begin(self, request: Request) -> Response:
        """What to hand to the key: `{"purpose": "add" | "raise", "next"?}` -> `{"options"}`."""
        given, now = await self._given(request), self._door.now()
        caller = await signed_in_caller(self._door, request)
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
            if not (adding or held):
                raise PasskeyRefused("none")
            secret, challenge = await begin_ceremony(tx, begun, now)
        if adding:
            return self._asked(self._creation(holder, challenge, _label(holder), held), secret)
        return self._asked(request_options(self._door.site, challenge, held), secret)

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
        return self._asked(self._creation(entering.holder, challenge, _label(entering.holder), held), secret)

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

    async def remove(self, request: Request) -> Response:
        """A key taken away: `{"key"}` -> `{"next"}`."""
        given, now = await self._given(request), self._door.now()
        caller = await signed_in_caller(self._door, request)
        async with self._door.database.writing(caller.actor) as tx:
            await remove_passkey(tx, caller, _uuid(given.get("key")), now)
        return json_answer({"next": "/passkeys"})

    async def _add(
        self, request: Request, begun: Ceremony, credential: object, name: str, now: datetime
    ) -> None:
        caller = await self._same(request, begun)
        key = verify_new_key(self._door.site, credential, begun.challenge, self._models(begun.holder))
        async with self._door.database.writing(caller.actor) as tx:
            await add_passkey(tx, caller, key, name, now)

    async def _raise(self, request: Request, begun: Ceremony, credential: object, now: datetime) -> str:
        caller = await self._same(request, begun)
        async with self._door.database.writing(caller.actor) as tx:
            await self._shown(tx, begun, credential, now)
            return await raise_session(tx, caller, with_passkey(caller.acr), now)

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

    def _creation(
        self, holder: Holder, challenge: bytes, label: str, held: Sequence[HeldKey]
    ) -> dict[str, Any]:
        hardware = self._models(holder) is not None
        return creation_options(self._door.site, holder.id, label, challenge, held, hardware=hardware)

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
        caller = await signed_in_caller(self._door, request)
        if caller.session != begun.session or _holder(caller) != begun.holder:
            raise PasskeyRefused("ceremony")
        return caller


async def signed_in_caller(door: FrontDoor, request: Request) -> Caller:
    """Raises Unauthenticated, CredentialsConflict."""
    caller = await caller_from_cookie(door.database, request, door.now(), secure=door.is_secure)
    if caller.id is None:
        raise Unauthenticated
    return caller


def _signed_in(begun: Ceremony, now: datetime) -> SignedIn:
    return SignedIn(begun.holder.kind, begun.holder.id, with_passkey(begun.acr), now)


def _holder(caller: Caller) -> Holder:
    if caller.id is None:
        raise Unauthenticated
    return Holder(caller.kind, caller.id)


def _label(holder: Holder) -> str:
    """What the key shows its holder: it names nobody."""
    return "Cán bộ" if holder.kind is CallerKind.OFFICER else "Công dân"


def _uuid(given: object) -> UUID:
    """A key nobody has, for what names none."""
    try:
        return UUID(str(given))
    except ValueError:
        return UUID(int=0)


def _name(given: object) -> str:
    name = given.strip()[:LONGEST_NAME] if isinstance(given, str) else ""
    return name if name and name.isprintable() else "Passkey"
