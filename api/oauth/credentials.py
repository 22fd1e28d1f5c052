"""Who a request comes from: a browser by its cookie, or an app by an access token and a DPoP proof. Never both.

Every route that asks who is there asks here, so that no route takes what another refuses. A bare bearer token is
refused: whoever finds one could use it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from starlette.requests import Request

from api.door.front import caller_from_cookie, session_cookie
from api.gateway.requests import Unreadable
from api.web.pages import language_of
from auth.apps.access import caller_of_token
from auth.apps.proofs import Shown
from auth.caller import Caller, CallerKind
from auth.errors import (
    AuthRefusal,
    CredentialsConflict,
    MandateNotInForce,
    NonceRequired,
    ProofReplayed,
    TokenRefused,
)
from auth.provider.login import STARTER
from auth.provider.oidc import MAX_AGE_SECONDS
from dossiers.proxies.granting import act_under
from resolvers.connections import read_uuid
from resolvers.context import House
from resolvers.problems import BadInput

MANDATE: Final = "motlan-mandate"
"""The header that names by which mandate a request is made."""
NOT_TAKEN = (CredentialsConflict, MandateNotInForce, TokenRefused, NonceRequired, ProofReplayed)
"""What a request may be refused for before anything in it is read; `bad_credentials` is their face."""


async def caller_from_request(house: House, request: Request, now: datetime, request_id: str) -> Caller:
    """Who asks, with what they may do as of now; ANONYMOUS when nobody is named.

    With the header `Motlan-Mandate` they ask in the place of whoever granted it, and do nothing else in this request.

    Raises NOT_TAKEN.
    """
    caller = await _signed_in(house, request, now)
    named = request.headers.getlist(MANDATE)
    if not named:
        return caller
    if len(named) > 1 or caller.kind is not CallerKind.CITIZEN:
        raise MandateNotInForce
    try:
        mandate = read_uuid(named[0], "Mandate")
    except BadInput as unreadable:
        raise MandateNotInForce from unreadable
    return await act_under(house.database, caller, mandate, now, request_id)


async def _signed_in(house: House, request: Request, now: datetime) -> Caller:
    secure = house.public_url.startswith("https://")
    if "authorization" not in request.headers and "dpop" not in request.headers:
        return await caller_from_cookie(house.database, request, now, secure=secure)
    if session_cookie(secure) in request.cookies:
        raise CredentialsConflict
    if house.gate is None:
        raise TokenRefused
    named = house.gate.read(_shown(request, house.public_url), now)
    async with house.database.writing(STARTER) as tx:
        caller = await caller_of_token(tx, named, language_of(request), now)
    # Only now: before the commit, the refusal would give the proof back.
    if caller is None:
        raise TokenRefused
    return caller


def bad_credentials(refused: AuthRefusal, house: House, now: datetime) -> Unreadable:
    """The face of credentials that are not taken, for every route that asks who is there."""
    if isinstance(refused, CredentialsConflict):
        message = "Send a session cookie or an Authorization header, not both."
        return Unreadable(400, refused.code, message)
    if isinstance(refused, MandateNotInForce):
        return Unreadable(403, refused.code, "This mandate opens nothing, or no longer.")
    message = "Send an access token and a fresh DPoP proof for it."
    code = refused.code if isinstance(refused, NonceRequired) else TokenRefused.code
    return Unreadable(401, code, message, challenge(refused, house, now))


def challenge(refusal: AuthRefusal, house: House, now: datetime) -> dict[str, str]:
    """The headers of a 401 (RFC 9449, sections 7.1 and 9): what to bring, never what was wrong with what came."""
    if isinstance(refusal, NonceRequired) and house.gate is not None:
        return {
            "WWW-Authenticate": 'DPoP error="use_dpop_nonce", algs="ES256"',
            "DPoP-Nonce": house.gate.nonces.current(now),
        }
    return {"WWW-Authenticate": 'DPoP error="invalid_token", algs="ES256"'}


def step_up(acr: str) -> dict[str, str]:
    """The headers that ask an app to sign its person in again, more surely (RFC 9470, section 3)."""
    return {
        "WWW-Authenticate": f'DPoP error="insufficient_user_authentication", acr_values="{acr}",'
        f' max_age="{MAX_AGE_SECONDS}"'
    }


def next_nonce(house: House, request: Request, now: datetime) -> Mapping[str, str]:
    """The nonce for an app's next proof, on whatever answers one (RFC 9449, section 8.2)."""
    if house.gate is None or "dpop" not in request.headers:
        return {}
    return {"DPoP-Nonce": house.gate.nonces.current(now)}


def public_address(request: Request, public_url: str) -> str:
    """The request's address as its sender knows it, without query: from settings, never from the Host header."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return public_url + raw.partition(b"?")[0].decode("ascii", "replace")


def only_proof(request: Request) -> str:
    """The one DPoP proof of the request. Raises TokenRefused: none, or several (RFC 9449, section 4.3, check 1)."""
    proofs = request.headers.getlist("dpop")
    if len(proofs) != 1:
        raise TokenRefused
    return proofs[0]


def _shown(request: Request, public_url: str) -> Shown:
    given = request.headers.getlist("authorization")
    if len(given) != 1:
        raise TokenRefused
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "dpop" or not token:
        raise TokenRefused
    return Shown(request.method, public_address(request, public_url), only_proof(request), token)
