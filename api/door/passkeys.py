"""Keys in people's hands, over HTTP: a citizen's passkey as second factor, an officer's at every sign-in.

The pages, and the face their refusals have. A key is asked by a page of ours and answers to it, in the steps of
`api.door.ceremonies`.
"""

import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.door.ceremonies import Ceremonies, signed_in_caller
from api.door.front import FrontDoor
from api.gateway.requests import Unreadable, unreadable
from api.web.answers import refusal
from api.web.pages import language_of
from auth.assurance import VAULT, meets
from auth.caller import CallerKind
from auth.errors import (
    AccessDenied,
    AuthRefusal,
    CredentialsConflict,
    NotFound,
    PasskeyRefused,
    StepUpRequired,
    Unauthenticated,
)
from auth.passkeys.ceremonies import Ceremony, Purpose, begin_ceremony
from auth.passkeys.registry import Holder, held_keys, own_passkeys
from auth.passkeys.verification import request_options
from auth.provider.login import STARTER, local_path
from auth.provider.oidc import Identity
from resolvers.wording import refusal_words

log = logging.getLogger(__name__)

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
    """`/passkeys`, where one's own are kept, and the steps its pages take."""
    keys, steps = _Keys(door), Ceremonies(door)
    return [
        Route("/passkeys", keys.show, methods=["GET"]),
        Route("/passkeys/begin", _answering(steps.begin), methods=["POST"]),
        Route("/passkeys/enrol", _answering(steps.enrol), methods=["POST"]),
        Route("/passkeys/finish", _answering(steps.finish), methods=["POST"]),
        Route("/passkeys/remove", _answering(steps.remove), methods=["POST"]),
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
            caller = await signed_in_caller(self._door, request)
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


def _answering(act: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """One place gives this door's refusals their face: which check failed is for our journal alone."""

    async def answer(request: Request) -> Response:
        try:
            return await act(request)
        except Unreadable as unread:
            return unreadable(unread)
        except AuthRefusal as refused:
            return _refused(request, refused)

    return answer


def _refused(request: Request, refused: AuthRefusal) -> Response:
    if isinstance(refused, PasskeyRefused):
        log.warning("a key was refused: %s", refused.reason)
    words = refusal_words(refused.code, language_of(request))
    return refusal(refused.code, words, STATUS[type(refused)])


def _is_number(host: str) -> bool:
    """Browsers bind keys to names; an address of numbers has none."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
