"""Signing in, as the database sees it: remember what was started, recognise who came back.

The network half is `auth.provider.oidc`; enrolling an unknown citizen is the vault's, so `api.door` puts the halves
together. Everything here runs before anyone is known, through narrow functions of the database.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from auth.errors import SignInFailed
from auth.provider.oidc import Challenge, Identity
from store.database import Actor, Tx
from store.identifiers import new_id
from store.ledger import Entry, record

STARTER = Actor("anonymous")
"""Who signs in is nobody until they have."""
LOGIN_LIFETIME = timedelta(minutes=10)


class Door(StrEnum):
    """Through which door someone signs in. Citizens and officers may share a provider, never a client; an app sends
    citizens through their own. By PASSKEY, the provider is asked for one factor, and a key of the citizen's for the
    other."""

    CITIZEN = "citizen"
    PASSKEY = "passkey"
    OFFICER = "officer"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in taken up again, once."""

    door: Door
    challenge: Challenge
    next_path: str


def new_challenge(door: Door) -> Challenge:
    """Fresh secrets. The door stands in the state, which is looked up by its hash: nobody can change it."""
    return Challenge(state=f"{door.value}.{secrets.token_urlsafe(32)}")


async def remember_start(tx: Tx, issuer: str, challenge: Challenge, next_path: str, now: datetime) -> None:
    """Keep the nonce and verifier for ten minutes, under a hash of the state."""
    await tx.execute(
        text("SELECT begin_login(:state, :issuer, :nonce, :verifier, :next_path, :expires_at)"),
        {
            "state": _hash(challenge.state),
            "issuer": issuer,
            "nonce": challenge.nonce,
            "verifier": challenge.verifier,
            "next_path": local_path(next_path),
            "expires_at": now + LOGIN_LIFETIME,
        },
    )


async def take_start(tx: Tx, issuer: str, state: str, now: datetime) -> Started:
    """What was remembered, spent by this look. Raises SignInFailed("state"): unknown, late, used, or another
    provider's (mix-up, RFC 9207)."""
    row = (
        await tx.execute(text("SELECT * FROM take_login(:state, :now)"), {"state": _hash(state), "now": now})
    ).one_or_none()
    if row is None or row.state_hash is None or row.issuer != issuer:
        raise SignInFailed("state")
    challenge = Challenge(state, row.nonce, row.verifier)
    return Started(door_of(state), challenge, row.next_path)


def door_of(state: str) -> Door:
    """Raises SignInFailed("state")."""
    try:
        return Door(state.partition(".")[0])
    except ValueError:
        raise SignInFailed("state") from None


async def bound_subject(tx: Tx, identity: Identity) -> UUID | None:
    """The vault subject this account is bound to, if it has been here before."""
    found: UUID | None = await tx.scalar(
        text("SELECT account_subject(:issuer, :external_id)"),
        {"issuer": identity.issuer, "external_id": identity.external_id},
    )
    return found


async def bind_citizen(tx: Tx, identity: Identity, subject: UUID, now: datetime) -> UUID:
    """From now on this account is this subject; returns whom it is bound to, which of two first sign-ins at
    once is the earlier one's. Shown to the person in their feed: someone signed in as them."""
    await tx.execute(
        text("SELECT bind_account(:id, :issuer, :external_id, :subject, :at)"),
        {
            "id": new_id(),
            "issuer": identity.issuer,
            "external_id": identity.external_id,
            "subject": subject,
            "at": now,
        },
    )
    entry = Entry(
        kind="subject.identified",
        subject_id=subject,
        outcome="SUCCESS",
        purpose="sign-in",
        legal_basis="LEGAL_DUTY",
        article=IDENTIFICATION_ARTICLE,
    )
    await record(tx, STARTER, entry, now)
    return await bound_subject(tx, identity) or subject


async def officer_of(tx: Tx, identity: Identity) -> UUID:
    """The active officer behind the account. Raises SignInFailed("account")."""
    # Both must say so: the provider that this is a civil servant's account, our roll that it is one of ours.
    if not identity.is_officer:
        raise SignInFailed("account")
    row = (
        await tx.execute(
            text("SELECT * FROM officer_account(:issuer, :external_id)"),
            {"issuer": identity.issuer, "external_id": identity.external_id},
        )
    ).one_or_none()
    if row is None or row.id is None:
        raise SignInFailed("account")
    officer: UUID = row.id
    return officer


def local_path(path: str) -> str:
    """The path if it leads into this very site, else `/`: an open redirect lends our name to a trap."""
    return path if _LOCAL_PATH.fullmatch(path) else "/"


IDENTIFICATION_ARTICLE = "Decree 69/2024, Article 9"
# One slash, then no slash or backslash: browsers read `//host` and `/\host` as another site.
_LOCAL_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9/_.~%?=&-]{0,200}")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
