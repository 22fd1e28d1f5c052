"""An authorised person: named by number, scoped, for a time, and nobody until they accepted (Civil Code 2015,
Articles 138 and 140)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, text

from auth.actions import Action
from auth.caller import Caller, Delegation, Scope
from auth.errors import MandateNotInForce, MandateRefused, NotFound, Unauthenticated
from auth.mandates import LiveMandate, whole_mandate
from auth.policy import MandateFacts, require
from auth.records import Proxy
from store.database import Actor, Tx
from store.identifiers import new_id
from store.ledger import Entry, record

PROXY: Final = "proxy"
"""The relation an authorised person acts by."""
LONGEST: Final = timedelta(days=365)
ARTICLE: Final = "Civil Code 2015, Article 138"
ENDS: Final = "Civil Code 2015, Article 140"


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom a person would authorise (`to`: the keyed hash of their number), to what, until when, on what paper."""

    to: bytes
    scope: frozenset[Scope]
    until: datetime
    proof: UUID | None = None


async def grant_mandate(tx: Tx, caller: Caller, wish: Wish, now: datetime) -> UUID:
    """Offer somebody to act in the caller's place; returns the mandate's id. Whether anybody has the number plays no
    part. The caller has been counted for it (`tries.note_try`).

    Raises MandateRefused: nothing in scope, an end that is past or more than twelve months off, one's own number, or
    a mandate for this number that still stands.
    """
    require(caller, Action.GRANT_MANDATE)
    if caller.id is None or wish.to == await tx.scalar(text("SELECT app_number()")):
        raise MandateRefused("number")
    if not wish.scope:
        raise MandateRefused("scope")
    if not now < wish.until <= now + LONGEST:
        raise MandateRefused("until")
    standing = select(Proxy.id).where(
        Proxy.grantor_id == caller.id,
        Proxy.to_index == wish.to,
        Proxy.ended_at.is_(None),
        Proxy.valid_until > now,
    )
    if await tx.scalar(standing) is not None:
        raise MandateRefused("standing")
    made = Proxy(
        id=new_id(),
        grantor_id=caller.id,
        to_index=wish.to,
        scope=sorted(wish.scope),
        proof_id=wish.proof,
        granted_at=now,
        valid_until=wish.until,
    )
    tx.add(made)
    await _tell(tx, caller.actor, made.id, made.grantor_id, "mandate.granted", now)
    return made.id


async def accept_mandate(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> bool:
    """Act in the grantor's place from now on; whether it was accepted only now. Raises NotFound for a mandate that is
    not the caller's to take, MandateRefused when it is over.
    """
    row = await own_mandate(tx, caller, mandate)
    if caller.id is None or row.grantor_id == caller.id:
        raise NotFound
    require(caller, Action.ACCEPT_MANDATE, MandateFacts(caller.id, row.grantor_id))
    taken = bool(await tx.scalar(text("SELECT accept_proxy(:id, :now)"), {"id": mandate, "now": now}))
    if taken:
        await _tell(tx, caller.actor, mandate, row.grantor_id, "mandate.accepted", now)
    elif row.actor_id is None or row.ended_at is not None or row.valid_until <= now:
        raise MandateRefused("over")
    return taken


async def revoke_mandate(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> Proxy | None:
    """End a mandate the caller granted; None when it was over. Raises NotFound."""
    row = await own_mandate(tx, caller, mandate)
    if caller.id is None or row.grantor_id != caller.id:
        raise NotFound
    require(caller, Action.REVOKE_MANDATE, MandateFacts(caller.id, row.grantor_id))
    return row if await _end(tx, caller, row, "mandate.revoked", now) else None


async def decline_mandate(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> Proxy | None:
    """Not to take a mandate, or to give it up; None when it was over. Raises NotFound."""
    row = await own_mandate(tx, caller, mandate)
    if caller.id is None or row.grantor_id == caller.id:
        raise NotFound
    require(caller, Action.DECLINE_MANDATE, MandateFacts(caller.id, row.grantor_id))
    return row if await _end(tx, caller, row, "mandate.declined", now) else None


async def own_mandate(tx: Tx, caller: Caller, mandate: UUID) -> Proxy:
    """One the caller granted or was named in. Raises NotFound."""
    if caller.id is None:
        raise NotFound
    row = await tx.scalar(select(Proxy).where(Proxy.id == mandate))
    if row is None:
        raise NotFound
    require(caller, Action.READ_MANDATE, MandateFacts(caller.id, row.grantor_id))
    return row


async def mandates(tx: Tx, caller: Caller, after: UUID | None, limit: int) -> tuple[Proxy, ...]:
    """Those the caller granted or was named in, ended ones among them, the newest first: row-level security shows
    nobody any other. Raises Unauthenticated, AccessDenied."""
    if caller.id is None:
        raise Unauthenticated
    require(caller, Action.READ_MANDATE, MandateFacts(caller.id, caller.id))
    query = select(Proxy)
    if after is not None:
        query = query.where(Proxy.id < after)
    return tuple(await tx.scalars(query.order_by(Proxy.id.desc()).limit(limit)))


async def mandate_over(tx: Tx, caller: Caller, giver: UUID, subject: UUID, now: datetime) -> LiveMandate:
    """By what right consent is given in this person's place, read again at this moment: the mandate the caller asks
    under, or of those of `giver` that cover everything the one that lasts longest.

    Raises NotFound where there is none, as where it was revoked since the request was let in.
    """
    under = caller.delegation
    if under is None:
        return await whole_mandate(tx, giver, subject, now)
    row = await _in_force(tx, under.id, now)
    if row is None or row.grantor_id != subject or Scope.CONSENT not in row.scope:
        raise NotFound
    proof = f"document:{row.proof_id}" if row.proof_id is not None else f"mandate:{row.id}"
    return LiveMandate(row.id, subject, PROXY.upper(), PROXY, tuple(row.scope), row.valid_until, proof)


async def follows(tx: Tx, dossier: UUID, now: datetime) -> bool:
    """Whether the authorised person who filed this may still file in the applicant's place."""
    found = await tx.scalar(text("SELECT proxy_follows(:dossier, :now)"), {"dossier": dossier, "now": now})
    return bool(found)


async def end_at_death(tx: Tx, officer: Actor, dead: UUID, dossier: UUID, now: datetime) -> tuple[UUID, ...]:
    """A mandate ends with either side's death (Civil Code 2015, Article 140.3): every one this person gave, offered
    or took. For the officer of the agency that registers the death in this dossier. Returns
    whom it concerns besides them.
    """
    given = {"dead": dead, "dossier": dossier, "now": now}
    ended = (await tx.execute(text("SELECT * FROM end_proxies_at_death(:dead, :dossier, :now)"), given)).all()
    for row in ended:
        await _tell(tx, officer, row.id, row.grantor_id, "mandate.ended", now, ENDS)
    others = {one for row in ended for one in (row.grantor_id, row.actor_id)} - {dead, None}
    return tuple(sorted(one for one in others if one is not None))


async def take_up(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> tuple[Caller, bool]:
    """The caller as somebody's authorised person for one request, and whether it is the first one. On record before
    anything is done by it. Raises MandateNotInForce.
    """
    given = {"id": mandate, "now": now}
    row = await _in_force(tx, mandate, now)
    # A word this version does not know gives no right.
    scope = frozenset(Scope(word) for word in row.scope if word in _WORDS) if row is not None else frozenset()
    if row is None or not scope:
        raise MandateNotInForce
    first = row.used_at is None and bool(await tx.scalar(text("SELECT use_proxy(:id, :now)"), given))
    delegation = Delegation(row.id, row.grantor_id, scope, row.valid_until, row.proof_id)
    await _tell(tx, caller.actor, row.id, row.grantor_id, "mandate.used", now)
    acting = replace(caller, represented={row.grantor_id: PROXY}, shared=frozenset(), delegation=delegation)
    return acting, first


_WORDS = frozenset(Scope)


async def _in_force(tx: Tx, mandate: UUID, now: datetime) -> Row[Any] | None:
    given = {"id": mandate, "now": now}
    return (await tx.execute(text("SELECT * FROM proxy_in_force(:id, :now)"), given)).one_or_none()


async def _end(tx: Tx, caller: Caller, row: Proxy, kind: str, now: datetime) -> bool:
    ended = await tx.scalar(text("SELECT end_proxy(:id, :now)"), {"id": row.id, "now": now})
    if ended:
        await _tell(tx, caller.actor, row.id, row.grantor_id, kind, now)
    return bool(ended)


async def _tell(
    tx: Tx, actor: Actor, mandate: UUID, grantor: UUID, kind: str, now: datetime, article: str = ARTICLE
) -> None:
    """The purpose names the mandate: of several, the grantor sees by which."""
    entry = Entry(
        kind=kind,
        subject_id=grantor,
        outcome="SUCCESS",
        purpose=f"mandate:{mandate}",
        legal_basis="OWN" if article == ARTICLE else "LEGAL_DUTY",
        article=article,
    )
    await record(tx, actor, entry, now)
