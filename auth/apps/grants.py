"""What an app gets for a code or a refresh token: a session, its access token, the next refresh token (RFC 6749,
9700).

A session of an app lives eight hours from the sign-in and is tied to one key. Its refresh tokens are used once
each; one that comes again was copied, by whomever, and ends the session.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from auth.apps.requests import SCOPE, Redeemed
from auth.errors import AppRefused
from auth.jws.compact import encode
from auth.provider.login import STARTER
from store.database import Actor, Tx
from store.identifiers import new_id
from store.ledger import Entry, record

APP_SESSION_LIFETIME = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class AppSession:
    """A person signed in with an app, or an agency's system, as far as its tokens speak of it. `thumbprint` is of the
    key they are bound to; `roles` are a system's (RFC 9068)."""

    id: UUID
    subject: UUID
    app: str
    thumbprint: str
    acr: str
    authenticated_at: datetime
    scope: str = SCOPE
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """A session with its next refresh token, which is nowhere else."""

    session: AppSession
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Presented:
    """What an app shows with a code: its address once more, the PKCE verifier, the key it proved."""

    app: str
    redirect_uri: str
    verifier: str = field(repr=False)
    thumbprint: str


def person(subject: UUID) -> Actor:
    """Who acts once a code has said who signed in."""
    return Actor("citizen", subject, None, (subject,))


def judge_code(redeemed: Redeemed, presented: Presented) -> None:
    """Raises AppRefused("invalid_grant"): another app, address, verifier or key than the request was made with."""
    wish = redeemed.wish
    digest = encode(hashlib.sha256(presented.verifier.encode("utf-8", "replace")).digest())
    fits = (
        wish.app == presented.app
        and wish.redirect_uri == presented.redirect_uri
        and 43 <= len(presented.verifier) <= 128
        and hmac.compare_digest(wish.challenge, digest)
        and wish.thumbprint in (None, presented.thumbprint)
    )
    if not fits:
        raise AppRefused("invalid_grant")


async def open_app_session(tx: Tx, redeemed: Redeemed, thumbprint: str, now: datetime) -> Granted:
    """The session behind a code, in a transaction of the `person` it is for.

    Raises AppRefused("invalid_grant") when the code was reused meanwhile.
    """
    session = AppSession(
        new_id(),
        redeemed.subject,
        redeemed.wish.app,
        thumbprint,
        redeemed.acr,
        redeemed.authenticated_at,
    )
    secret = secrets.token_urlsafe(32)
    opened = await tx.scalar(
        text(
            "SELECT open_app_session(:request, :id, :subject, :app, :thumbprint, :acr, :authenticated_at, :now,"
            " :expires_at, :refresh_hash)"
        ),
        {
            "request": redeemed.id,
            "id": session.id,
            "subject": session.subject,
            "app": session.app,
            "thumbprint": thumbprint,
            "acr": session.acr,
            "authenticated_at": session.authenticated_at,
            "now": now,
            "expires_at": now + APP_SESSION_LIFETIME,
            "refresh_hash": _hash(secret),
        },
    )
    if not opened:
        raise AppRefused("invalid_grant")
    entry = Entry("session.opened", session.subject, "SUCCESS", "sign-in", "OWN")
    await record(tx, person(session.subject), entry, now)
    return Granted(session, secret)


async def refresh(
    tx: Tx, refresh_token: str, app: str, thumbprint: str, now: datetime
) -> tuple[Granted | None, AppSession | None]:
    """The session and its next refresh token; or the session that a reused one has just ended. Both None: unknown,
    over, or another app's or key's.

    Nothing is raised: a rollback would let the session live on.
    """
    secret = secrets.token_urlsafe(32)
    row = (
        await tx.execute(
            text("SELECT * FROM rotate_refresh(:old_hash, :new_hash, :app, :thumbprint, :now)"),
            {
                "old_hash": _hash(refresh_token),
                "new_hash": _hash(secret),
                "app": app,
                "thumbprint": thumbprint,
                "now": now,
            },
        )
    ).one_or_none()
    if row is None or row.id is None:
        return None, None
    session = _session(row)
    if row.ended_at is None:
        return Granted(session, secret), None
    await _note_end(tx, session.subject, "refresh-token-reused", now)
    return None, session


async def end_reused(tx: Tx, session: UUID, now: datetime) -> AppSession | None:
    """End the session whose code came again; None when it had ended already."""
    row = await _end(tx, session, now)
    if row is None:
        return None
    ended = _session(row)
    await _note_end(tx, ended.subject, "code-reused", now)
    return ended


async def revoke(tx: Tx, token: str, app: str, now: datetime) -> None:
    """End the session this refresh token belongs to, whether it was used before or not (RFC 7009, section 2.1).
    Unknown tokens and those of other apps do nothing, and say nothing."""
    found: UUID | None = await tx.scalar(
        text("SELECT refresh_session(:hash, :app)"), {"hash": _hash(token), "app": app}
    )
    if found is not None:
        await revoke_session(tx, found, now)


async def revoke_session(tx: Tx, session: UUID, now: datetime) -> None:
    """End an app's session that its own token names."""
    row = await _end(tx, session, now)
    if row is not None:
        await _note_end(tx, row.holder_id, "revoked", now)


async def _end(tx: Tx, session: UUID, now: datetime) -> Row[tuple[Any, ...]] | None:
    row = (
        await tx.execute(text("SELECT * FROM end_app_session(:id, :now)"), {"id": session, "now": now})
    ).one_or_none()
    return row if row is not None and row.id is not None else None


async def _note_end(tx: Tx, subject: UUID, reason: str, now: datetime) -> None:
    """Shown to the person in their feed: they were signed out, and not by themself."""
    entry = Entry("session.ended", subject, "SUCCESS", "sign-out", "OWN", reason=reason)
    await record(tx, STARTER, entry, now)


def _session(row: Row[tuple[Any, ...]]) -> AppSession:
    return AppSession(row.id, row.holder_id, row.app, row.key_thumbprint, row.acr, row.authenticated_at)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
