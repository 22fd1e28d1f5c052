"""Authorising somebody by number, and acting for who did: whom it concerns is told on grant, acceptance, first use
and at the end.

Whether anybody has the number is told to nobody: the offer stands for whoever proves to be them.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from auth.actions import Action
from auth.caller import Caller, Scope
from auth.errors import MandateRefused, NotFound
from auth.mandates import ADULT_AGE, birthday
from auth.policy import require
from auth.proxies import granting
from auth.tries import Asking, note_try
from dossiers.notices import notify
from store.database import Actor, Database, Tx
from vault.documents import my_document
from vault.holding import Status
from vault.safe import Safe
from vault.subjects import find_by_number, number_index, profile_of

NUMBER_DIGITS: Final = 12
YOUNGEST: Final = 15
"""How old somebody authorised is at least."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom (`to`, a citizen's number), to what, until when, on what paper of one's own."""

    to: str = field(repr=False)
    scope: frozenset[Scope]
    until: datetime
    proof: UUID | None = None


async def note_authorised(tx: Tx, caller: Caller, number: str, safe: Safe, now: datetime) -> None:
    """Count, before anybody is looked for, that the caller would authorise whoever has this number.

    Commit it alone, or a refusal would refund the try. Raises AccessDenied, StepUpRequired, MandateRefused for what
    is no person's number, TriesSpent.
    """
    require(caller, Action.GRANT_MANDATE)
    if not (len(number) == NUMBER_DIGITS and number.isascii() and number.isdigit()):
        raise MandateRefused("number")
    await note_try(tx, Asking.MANDATE, number_index(number, safe), now)


async def grant_mandate(tx: Tx, caller: Caller, grant: Grant, safe: Safe, now: datetime) -> UUID:
    """Offer it; returns the mandate's id. Raises MandateRefused."""
    require(caller, Action.GRANT_MANDATE)
    await _check_age(tx, caller, ADULT_AGE, safe, now)
    if grant.proof is not None:
        await _check_proof(tx, caller, grant.proof)
    wish = granting.Wish(number_index(grant.to, safe), grant.scope, grant.until, grant.proof)
    made = await granting.grant_mandate(tx, caller, wish, now)
    if caller.id is not None:
        await notify(tx, caller.id, "mandate_granted", now)
    named = await find_by_number(tx, grant.to, safe)
    if named is not None:
        await notify(tx, named, "mandate_offered", now)
    return made


async def accept_mandate(tx: Tx, caller: Caller, mandate: UUID, safe: Safe, now: datetime) -> UUID:
    """Raises NotFound, MandateRefused."""
    await granting.own_mandate(tx, caller, mandate)
    await _check_age(tx, caller, YOUNGEST, safe, now)
    if await granting.accept_mandate(tx, caller, mandate, now):
        row = await granting.own_mandate(tx, caller, mandate)
        await notify(tx, row.grantor_id, "mandate_accepted", now)
    return mandate


async def revoke_mandate(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> UUID:
    """Raises NotFound. Again: nothing happens."""
    ended = await granting.revoke_mandate(tx, caller, mandate, now)
    if ended is not None and ended.actor_id is not None:
        await notify(tx, ended.actor_id, "mandate_revoked", now)
    return mandate


async def decline_mandate(tx: Tx, caller: Caller, mandate: UUID, now: datetime) -> UUID:
    """Raises NotFound. Again: nothing happens."""
    ended = await granting.decline_mandate(tx, caller, mandate, now)
    if ended is not None:
        await notify(tx, ended.grantor_id, "mandate_declined", now)
    return mandate


async def end_at_death(tx: Tx, officer: Actor, dead: UUID, dossier: UUID, now: datetime) -> None:
    """Whoever the registration of this death leaves without a mandate, on either side, is told."""
    for other in await granting.end_at_death(tx, officer, dead, dossier, now):
        await notify(tx, other, "mandate_over", now)


async def act_under(database: Database, caller: Caller, mandate: UUID, now: datetime, query: str) -> Caller:
    """The caller as an authorised person for one request, which is in the grantor's log before it does anything.

    `query` is the request: its lines of the log are found together. Raises MandateNotInForce.
    """
    async with database.writing(caller.actor, query) as tx:
        acting, first = await granting.take_up(tx, caller, mandate, now)
        if first and acting.delegation is not None:
            await notify(tx, acting.delegation.grantor, "mandate_used", now)
    return acting


async def _check_age(tx: Tx, caller: Caller, least: int, safe: Safe, now: datetime) -> None:
    """Raises MandateRefused for who is not known to be as old as that: below eighteen it is the guardians who act for
    somebody (Civil Code 2015, Article 136), below fifteen nobody acts for another (Article 138.3)."""
    born = (await profile_of(tx, caller.id, safe)).born if caller.id is not None else None
    if born is None or birthday(born, least) > now:
        raise MandateRefused("age")


async def _check_proof(tx: Tx, caller: Caller, document: UUID) -> None:
    """Raises MandateRefused unless it is a paper of the caller's own that is in force."""
    try:
        held = await my_document(tx, caller, document)
    except NotFound as unknown:
        raise MandateRefused("proof") from unknown
    if held.subject != caller.id or held.status is not Status.VALID:
        raise MandateRefused("proof")
