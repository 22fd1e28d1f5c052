"""An app asks to sign somebody in: its request pushed beforehand, the provider's answer, the code (RFC 9126, 7636).

One row carries a request from its pushing to its redemption. Each step spends the step before, by one statement,
so that of two attempts at once only one goes on.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, text

from auth.apps.registry import App
from auth.assurance import SIGNED_IN, VAULT, meets
from auth.errors import AppRefused, SignInFailed
from auth.jws.kinds import is_thumbprint
from auth.provider.oidc import MAX_AGE_SECONDS, Identity
from store.database import Tx
from store.identifiers import new_id

REQUEST_SECONDS = 60
CODE_SECONDS = 60
KEPT = timedelta(hours=8)
"""How long a code is remembered, so that its reuse is known: as long as what it opened can live."""
SCOPE = "citizen"
"""The one scope: to act as the person who signs in. What that is, `auth.policy` says with each request."""
URI_PREFIX = "urn:ietf:params:oauth:request_uri:"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app asks for, checked. `state` is the app's own, told back to it and nobody else. `max_age_seconds`:
    how long ago the person may have shown who they are. `thumbprint` binds the code to the app's key already."""

    app: str
    redirect_uri: str
    challenge: str
    acr: str
    max_age_seconds: int
    state: str = field(default="", repr=False)
    thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Where the code goes: to the app, by way of the person's browser."""

    redirect_uri: str
    state: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A code, taken for the first time: who signed in, and what whoever redeems it must show."""

    id: UUID
    wish: Wish
    subject: UUID
    acr: str
    authenticated_at: datetime


def read_wish(app: App, given: Mapping[str, str], proven: str | None) -> Wish:
    """The request of a registered app. `proven`: thumbprint of the key it proved along with it, if it did.

    Raises AppRefused with the error of RFC 6749, section 4.1.2.1, or RFC 9449, section 10.
    """
    uri = given.get("redirect_uri", "")
    if uri not in app.redirect_uris:
        raise AppRefused("invalid_request")
    if given.get("response_type") != "code":
        raise AppRefused("unsupported_response_type")
    if given.get("code_challenge_method") != "S256" or not is_thumbprint(given.get("code_challenge")):
        raise AppRefused("invalid_request")
    if given.get("scope", SCOPE) != SCOPE:
        raise AppRefused("invalid_scope")
    state, named = given.get("state", ""), given.get("dpop_jkt")
    if len(state) > 500 or not state.isprintable() or not state.isascii():
        raise AppRefused("invalid_request")
    if named is not None and (not is_thumbprint(named) or proven not in (None, named)):
        raise AppRefused("invalid_request")
    return Wish(
        app.id,
        uri,
        given["code_challenge"],
        _acr(given.get("acr_values")),
        _max_age(given.get("max_age")),
        state,
        named or proven,
    )


async def push_request(tx: Tx, wish: Wish, now: datetime) -> str:
    """Keep the request for a minute; returns the `request_uri` by which the browser brings it."""
    secret = secrets.token_urlsafe(32)
    await tx.execute(
        text(
            "SELECT push_app_request(:id, :uri_hash, :app, :redirect_uri, :challenge, :state, :acr, :max_age,"
            " :thumbprint, :expires_at, :kept_until)"
        ),
        {
            "id": new_id(),
            "uri_hash": _hash(secret),
            "app": wish.app,
            "redirect_uri": wish.redirect_uri,
            "challenge": wish.challenge,
            "state": wish.state,
            "acr": wish.acr,
            "max_age": wish.max_age_seconds,
            "thumbprint": wish.thumbprint,
            "expires_at": now + timedelta(seconds=REQUEST_SECONDS),
            "kept_until": now + KEPT,
        },
    )
    return URI_PREFIX + secret


async def begin_request(tx: Tx, app: App, request_uri: str, login_state: str, now: datetime) -> Wish:
    """The pushed request, from now on tied to this sign-in at the provider. Raises AppRefused: unknown, late, used,
    or another app's."""
    row = (
        await tx.execute(
            text("SELECT * FROM begin_app_request(:uri_hash, :app, :login_hash, :now)"),
            {
                "uri_hash": _hash(request_uri.removeprefix(URI_PREFIX)),
                "app": app.id,
                "login_hash": _hash(login_state),
                "now": now,
            },
        )
    ).one_or_none()
    if row is None or row.id is None:
        raise AppRefused("invalid_request_uri")
    return _wish(row)


async def wish_of(tx: Tx, login_state: str) -> Wish:
    """What the app wished whose sign-in comes back from the provider. Raises SignInFailed("state")."""
    row = (
        await tx.execute(
            text("SELECT * FROM app_request_of(:login_hash)"), {"login_hash": _hash(login_state)}
        )
    ).one_or_none()
    if row is None or row.id is None:
        raise SignInFailed("state")
    return _wish(row)


async def answer_request(
    tx: Tx, login_state: str, identity: Identity, subject: UUID, now: datetime
) -> Answered:
    """A code for the app whose sign-in this was, once. Raises SignInFailed("state")."""
    code = secrets.token_urlsafe(32)
    row = (
        await tx.execute(
            text(
                "SELECT * FROM answer_app_request(:login_hash, :code_hash, :subject, :acr, :authenticated_at,"
                " :expires_at)"
            ),
            {
                "login_hash": _hash(login_state),
                "code_hash": _hash(code),
                "subject": subject,
                "acr": identity.acr,
                "authenticated_at": identity.authenticated_at,
                "expires_at": now + timedelta(seconds=CODE_SECONDS),
            },
        )
    ).one_or_none()
    if row is None or row.id is None:
        raise SignInFailed("state")
    return Answered(row.redirect_uri, row.state, code)


async def take_code(tx: Tx, code: str, now: datetime) -> tuple[Redeemed | None, UUID | None]:
    """What the code stands for, spent by this look; or the session that a reused code has opened before.

    Both None: unknown or late. Nothing is raised: a rollback would make the code good again.
    """
    row = (
        await tx.execute(
            text("SELECT * FROM take_app_code(:code_hash, :now)"), {"code_hash": _hash(code), "now": now}
        )
    ).one_or_none()
    if row is None or row.id is None:
        return None, None
    if row.reused_at is not None:
        return None, row.session_id
    if row.code_expires_at <= now:
        return None, None
    return Redeemed(row.id, _wish(row), row.subject_id, row.reached, row.authenticated_at), None


def _acr(asked: str | None) -> str:
    """The first of the values asked for that we let people sign in with; nothing asked is the vault's."""
    if not asked:
        return VAULT
    for value in asked.split(" ")[:10]:
        if meets(value, SIGNED_IN):
            return value
    raise AppRefused("unmet_authentication_requirements")


def _max_age(asked: str | None) -> int:
    if asked is None:
        return MAX_AGE_SECONDS
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 9):
        raise AppRefused("invalid_request")
    return min(int(asked), MAX_AGE_SECONDS)


def _wish(row: Row[tuple[object, ...]]) -> Wish:
    return Wish(row.app, row.redirect_uri, row.challenge, row.acr, row.max_age, row.state, row.key_thumbprint)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
