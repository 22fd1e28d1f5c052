"""Browser sessions: opaque 256-bit secrets, of which only the hash is kept.

A session says who signed in and how surely. What they may do is read afresh with every request, so an ended
mandate, a withdrawn role or a closed account counts at once.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, text

from auth.caller import ANONYMOUS, Caller, CallerKind, Role
from auth.mandates import live_mandates
from store.database import Tx
from store.identifiers import new_id

SESSION_LIFETIME = timedelta(hours=12)
"""Absolute. Idle limits (officers 15 minutes, citizens 30) are the database function's."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session is for: a citizen's vault subject or an officer's id, and what the provider vouched."""

    kind: CallerKind
    holder: UUID
    acr: str
    authenticated_at: datetime


async def open_session(tx: Tx, signed_in: SignedIn, now: datetime) -> str:
    """A new session; returns its secret, which is nowhere else."""
    secret = secrets.token_urlsafe(32)
    await tx.execute(
        text(
            "SELECT open_session(:id, :secret_hash, :kind, :holder_id, :acr, :authenticated_at, :created_at,"
            " :created_at, :expires_at)"
        ),
        {
            "id": new_id(),
            "secret_hash": _hash(secret),
            "kind": signed_in.kind.value,
            "holder_id": signed_in.holder,
            "acr": signed_in.acr,
            "authenticated_at": signed_in.authenticated_at,
            "created_at": now,
            "expires_at": now + SESSION_LIFETIME,
        },
    )
    return secret


async def end_session(tx: Tx, secret: str, now: datetime) -> None:
    """End the session at once. Ending one that is not live does nothing: signing out twice is no error."""
    row = await _live(tx, secret, now)
    if row is not None:
        await tx.execute(text("SELECT end_session(:id)"), {"id": row.id})


async def caller_of(tx: Tx, secret: str, language: str, now: datetime) -> Caller:
    """Who presents this secret, with what they may do as of now; ANONYMOUS when the session is not live.

    Notes that the session was used, so the transaction must be a writing one.
    """
    row = await _live(tx, secret, now)
    if row is None:
        return Caller(CallerKind.ANONYMOUS, language=language)
    if row.kind == CallerKind.CITIZEN:
        return await _citizen(tx, row, language, now)
    if row.kind == CallerKind.OFFICER:
        return await _officer(tx, row, language)
    return ANONYMOUS


async def forget_expired(tx: Tx, now: datetime) -> None:
    """Drop sessions and begun sign-ins that can come to nothing any more. For the loops' role."""
    await tx.execute(text("DELETE FROM sessions WHERE expires_at <= :now"), {"now": now})
    await tx.execute(text("DELETE FROM login_states WHERE expires_at <= :now"), {"now": now})


async def _citizen(tx: Tx, session: Row[tuple[object, ...]], language: str, now: datetime) -> Caller:
    mandates = await live_mandates(tx, session.holder_id, now)
    return Caller(
        CallerKind.CITIZEN,
        session.holder_id,
        represented={mandate.subject: mandate.relation for mandate in mandates if mandate.is_whole},
        acr=session.acr,
        session=session.id,
        language=language,
    )


async def _officer(tx: Tx, session: Row[tuple[object, ...]], language: str) -> Caller:
    officer = (
        await tx.execute(text("SELECT * FROM officer_by_id(:id)"), {"id": session.holder_id})
    ).one_or_none()
    if officer is None or officer.id is None or not officer.active:
        return Caller(CallerKind.ANONYMOUS, language=language)
    person = await tx.scalar(
        text("SELECT account_subject(:issuer, :external_id)"),
        {"issuer": officer.issuer, "external_id": officer.external_id},
    )
    return Caller(
        CallerKind.OFFICER,
        officer.id,
        officer.agency_id,
        # A role this version does not know gives no right.
        frozenset(Role(name) for name in officer.roles if name in _ROLES),
        acr=session.acr,
        session=session.id,
        language=language,
        person=person,
    )


_ROLES = frozenset(Role)


async def _live(tx: Tx, secret: str, now: datetime) -> Row[tuple[object, ...]] | None:
    row = (
        await tx.execute(
            text("SELECT * FROM session_by_secret(:secret_hash, :now)"),
            {"secret_hash": _hash(secret), "now": now},
        )
    ).one_or_none()
    return row if row is not None and row.id is not None else None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
