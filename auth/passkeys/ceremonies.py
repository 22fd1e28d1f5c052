"""Ceremonies: a key is asked once, and answers once, in the browser it was asked in.

What was begun rests under the hash of a secret that only this browser has, as a cookie; looking at it spends it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import text

from auth.caller import CallerKind
from auth.errors import PasskeyRefused
from auth.passkeys.registry import Holder
from store.database import Tx

CEREMONY_LIFETIME: Final = timedelta(minutes=5)


class Purpose(StrEnum):
    """What a key is shown for."""

    ADD = "add"
    """Somebody signed in adds a key of theirs."""
    RAISE = "raise"
    """A citizen signed in by one factor shows the second."""
    ENTER = "enter"
    """An officer the provider vouched for; until the key is shown nobody is signed in."""
    ENROL = "enrol"
    """An officer the provider vouched for adds a first key, by an enrolment."""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What was begun. `acr` and `authenticated_at` are what the sign-in so far amounts to."""

    purpose: Purpose
    holder: Holder
    acr: str
    authenticated_at: datetime
    next_path: str = "/"
    session: UUID | None = None
    enrolment: UUID | None = None
    challenge: bytes = b""


async def begin_ceremony(tx: Tx, ceremony: Ceremony, now: datetime) -> tuple[str, bytes]:
    """The secret of this browser, and the challenge for the key: both fresh, good for five minutes."""
    secret, challenge = secrets.token_urlsafe(32), secrets.token_bytes(32)
    begun = text(
        "SELECT begin_key_ceremony(:secret_hash, :purpose, :kind, :holder, :session, :enrolment, :acr,"
        " :authenticated_at, :challenge, :next_path, :expires_at)"
    )
    told = {
        "secret_hash": _hash(secret),
        "purpose": ceremony.purpose.value,
        "kind": ceremony.holder.kind.value,
        "holder": ceremony.holder.id,
        "session": ceremony.session,
        "enrolment": ceremony.enrolment,
        "acr": ceremony.acr,
        "authenticated_at": ceremony.authenticated_at,
        "challenge": challenge,
        "next_path": ceremony.next_path,
        "expires_at": now + CEREMONY_LIFETIME,
    }
    await tx.execute(begun, told)
    return secret, challenge


async def take_ceremony(tx: Tx, secret: str, now: datetime) -> Ceremony:
    """What was begun in this browser, spent by this look. Raises PasskeyRefused("ceremony"): unknown, late, used."""
    taken = text("SELECT * FROM take_key_ceremony(:secret_hash, :now)")
    row = (await tx.execute(taken, {"secret_hash": _hash(secret), "now": now})).one_or_none()
    if row is None or row.secret_hash is None:
        raise PasskeyRefused("ceremony")
    return Ceremony(
        Purpose(row.purpose),
        Holder(CallerKind(row.kind), row.holder_id),
        row.acr,
        row.authenticated_at,
        row.next_path,
        row.session_id,
        row.enrolment_id,
        row.challenge,
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
