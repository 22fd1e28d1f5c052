"""Sessions: browsers' by opaque 256-bit secrets, of which only the hash is kept; apps' are opened in `auth.apps`.

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
from auth.errors import NotFound
from auth.mandates import standing_of
from auth.policy import Action, require
from store.database import Tx
from store.identifiers import new_id
from store.ledger import Entry, record

SESSION_LIFETIME = timedelta(hours=12)
"""Absolute. Idle limits (officers 15 minutes, citizens 30) are the database function's."""
PASS_LIFETIME = timedelta(seconds=30)
"""From the answer that holds a pass to its use: a redirect followed at once."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session is for: a citizen's vault subject or an officer's id, and what the provider vouched."""

    kind: CallerKind
    holder: UUID
    acr: str
    authenticated_at: datetime


@dataclass(frozen=True, slots=True)
class SessionView:
    """One place somebody is signed in, as they see it. `app`: None for a browser."""

    id: UUID
    app: str | None
    acr: str
    opened_at: datetime
    seen_at: datetime
    expires_at: datetime


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


async def raise_session(tx: Tx, caller: Caller, acr: str, now: datetime) -> str:
    """The caller's own browser session stands at `acr` from now on, under a new secret, which is returned; the old
    one opens nothing any more (session fixation). Raises NotFound for a session that is over."""
    secret = secrets.token_urlsafe(32)
    told = {"id": caller.session, "secret_hash": _hash(secret), "acr": acr, "now": now}
    raised = await tx.scalar(text("SELECT raise_session(:id, :secret_hash, :acr, :now)"), told)
    if not raised:
        raise NotFound
    subject = caller.id if caller.kind is CallerKind.CITIZEN else None
    await record(tx, caller.actor, Entry("session.raised", subject, "SUCCESS", "sign-in", "OWN"), now)
    return secret


async def caller_of(tx: Tx, secret: str, language: str, now: datetime) -> Caller:
    """Who presents this secret, with what they may do as of now; ANONYMOUS when the session is not live.

    Notes that the session was used, so the transaction must be a writing one.
    """
    row = await _live(tx, secret, now)
    if row is None:
        return Caller(CallerKind.ANONYMOUS, language=language)
    if row.kind == CallerKind.CITIZEN:
        return await citizen_of(tx, row, language, now)
    if row.kind == CallerKind.OFFICER:
        return await officer_of(tx, row, language)
    return ANONYMOUS


async def issue_pass(tx: Tx, caller: Caller, target: str, now: datetime) -> str:
    """Leave to fetch `target` once, as the caller, where their session is not known: at the content origin.

    Returns its secret, which is nowhere else. What may be fetched is judged there, as ever. Raises NotFound without a
    live session.
    """
    secret = secrets.token_urlsafe(32)
    told = {
        "secret_hash": _hash(secret),
        "session": caller.session,
        "target": target,
        "expires_at": now + PASS_LIFETIME,
    }
    issued = await tx.scalar(
        text("SELECT issue_content_pass(:secret_hash, :session, :target, :expires_at)"), told
    )
    if not issued:
        raise NotFound
    return secret


async def take_pass(tx: Tx, secret: str, target: str, language: str, now: datetime) -> Caller | None:
    """Who was given this pass, with what they may do as of now; None for any pass but a fresh one for this target, in
    a session that goes on. It is spent either way: commit before anything is refused."""
    told = {"secret_hash": _hash(secret), "target": target, "now": now}
    found = await tx.execute(text("SELECT * FROM take_content_pass(:secret_hash, :target, :now)"), told)
    row = found.one_or_none()
    if row is None or row.id is None:
        return None
    if row.kind == CallerKind.CITIZEN:
        return await citizen_of(tx, row, language, now)
    return await officer_of(tx, row, language)


async def own_sessions(tx: Tx, caller: Caller, now: datetime) -> tuple[SessionView, ...]:
    """Where the caller is signed in, the latest used first; at most fifty."""
    require(caller, Action.READ_SESSIONS)
    rows = await tx.execute(text("SELECT * FROM own_sessions(:now)"), {"now": now})
    return tuple(
        SessionView(row.id, row.app, row.acr, row.created_at, row.seen_at, row.expires_at) for row in rows
    )


async def end_own_session(tx: Tx, caller: Caller, session: UUID, now: datetime) -> None:
    """Sign out there, or here: it ends with the commit, its tokens with it. Raises NotFound for a session that is
    not the caller's or is over."""
    require(caller, Action.END_SESSION)
    ended = await tx.scalar(text("SELECT end_own_session(:id, :now)"), {"id": session, "now": now})
    if not ended:
        raise NotFound
    subject = caller.id if caller.kind is CallerKind.CITIZEN else None
    await record(
        tx, caller.actor, Entry("session.ended", subject, "SUCCESS", "sign-out", "OWN", reason="owner"), now
    )


async def end_sessions_of_account(tx: Tx, issuer: str, external_id: str, now: datetime) -> None:
    """End everything an account of the provider is signed in with; nothing when it is nowhere."""
    ended = await tx.execute(
        text("SELECT * FROM end_sessions_of_account(:issuer, :external_id, :now)"),
        {"issuer": issuer, "external_id": external_id, "now": now},
    )
    for row in ended.all():
        subject = row.holder_id if row.kind == CallerKind.CITIZEN else None
        entry = Entry("session.ended", subject, "SUCCESS", "sign-out", "OWN", reason="provider")
        await record(tx, ANONYMOUS.actor, entry, now)


async def forget_expired(tx: Tx, now: datetime) -> None:
    """Drop sessions, begun sign-ins and spent proofs that can come to nothing any more. For the loops' role."""
    for table, past in _FORGOTTEN.items():
        await tx.execute(text(f"DELETE FROM {table} WHERE {past}"), {"now": now})  # noqa: S608 - a literal


_FORGOTTEN = {
    "sessions": "expires_at <= :now",
    "login_states": "expires_at <= :now",
    "seen_proofs": "kept_until <= :now",
    "key_ceremonies": "expires_at <= :now",
    "key_enrolments": "expires_at <= :now",
    "content_passes": "expires_at <= :now",
    # A request nobody signed in for is worth a minute; a code is remembered, to know it when it comes again.
    "app_requests": "kept_until <= :now OR (code_hash IS NULL AND expires_at <= :now - interval '1 hour')",
}


async def citizen_of(tx: Tx, session: Row[tuple[object, ...]], language: str, now: datetime) -> Caller:
    """The person a live session is for."""
    standing = await standing_of(tx, session.holder_id, now)
    return Caller(
        CallerKind.CITIZEN,
        session.holder_id,
        represented=standing.represented,
        shared=standing.shared,
        acr=session.acr,
        session=session.id,
        language=language,
    )


async def officer_of(tx: Tx, session: Row[tuple[object, ...]], language: str) -> Caller:
    """The officer, or agency's system, a live session is for; nobody when they are struck off the roll."""
    officer = (
        await tx.execute(text("SELECT * FROM officer_by_id(:id)"), {"id": session.holder_id})
    ).one_or_none()
    if officer is None or officer.id is None or not officer.active:
        return Caller(CallerKind.ANONYMOUS, language=language)
    account = {"issuer": officer.issuer, "external_id": officer.external_id}
    person = await tx.scalar(text("SELECT account_subject(:issuer, :external_id)"), account)
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
        scope=frozenset(officer.scope) if officer.scope is not None else None,
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
