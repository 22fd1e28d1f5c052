"""A system's request in the law's terms: a procedure that needs the paper, and no more of it than it needs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from auth.caller import Caller
from dossiers.case import Office
from dossiers.clock import local_day
from dossiers.duties.erasures import watch_data_life
from dossiers.evidence.pins import words_for
from dossiers.notices import notify
from procedures.agencies import agencies_by_id
from procedures.law import Law, Procedure
from store.database import Tx
from vault.documents import holdings
from vault.errors import AccessRefused, DocumentNotUsable
from vault.permission.consent import ConsentView, Decision, give_consent
from vault.permission.consent import consent as consent_view
from vault.permission.requests import (
    AccessAsked,
    AccessMade,
    AccessView,
    access_requests_by_id,
    answer_access,
    as_consent,
    item_for,
    lock_access,
    my_access_requests,
)
from vault.permission.requests import request_access as ask

PURPOSE = "urn:vn:tthc:"


@dataclass(frozen=True, slots=True)
class SystemRequest:
    """A request, and the paper it would show: `shown.items` is empty when the person holds none."""

    view: AccessView
    shown: ConsentView


async def request_access(
    tx: Tx, caller: Caller, asked: AccessAsked, office: Office, now: datetime
) -> AccessMade:
    """Ask a person, by number, for claims a procedure needs, which `asked.purpose` names; they are told.

    The same answer whether anybody has that number or not. Raises AccessRefused for a procedure that is unknown, for
    a paper none of its requirements accepts, and for claims beyond them; AccessDenied for what was not declared.
    """
    law = office.laws.on(local_day(now))
    known = law.procedure(asked.purpose.removeprefix(PURPOSE))
    if known is None:
        raise AccessRefused("procedure")
    _check_need(law, known, asked)
    purpose = f"{PURPOSE}{known.code or known.id}"
    made = await ask(tx, caller, replace(asked, purpose=purpose), office.safe, now)
    if made.subject is not None:
        await notify(tx, made.subject, "access_asked", now)
    return made


async def waiting_requests(
    tx: Tx, caller: Caller, after: UUID | None, first: int, now: datetime
) -> list[SystemRequest]:
    """Systems' requests the caller may answer, newest first, each with the paper of theirs it would show."""
    return await _with_papers(tx, await my_access_requests(tx, caller, after, first, now))


async def requests_by_id(
    tx: Tx, caller: Caller, ids: Collection[UUID], now: datetime
) -> dict[UUID, SystemRequest]:
    """Those of the caller's subjects among these."""
    found = await access_requests_by_id(tx, caller, ids, now)
    return {one.view.id: one for one in await _with_papers(tx, list(found.values()))}


async def give_access(
    tx: Tx, caller: Caller, request: UUID, notice_sha256: str, office: Office, now: datetime
) -> UUID:
    """Yes to a system's request: a consent to the exact version shown, which the request then rests on.

    Raises NotFound, ConsentSettled, ConsentStale, and DocumentNotUsable when the person holds no such paper.
    """
    view = await lock_access(tx, caller, request, now)
    shown = (await _with_papers(tx, [view]))[0].shown
    if not shown.items:
        raise DocumentNotUsable("none")
    agency = (await agencies_by_id(tx, [view.agency]))[view.agency]
    law = office.laws.on(local_day(now))
    decision = Decision(
        recipient_agency=view.agency,
        purpose=view.purpose,
        purpose_ref=None,
        items=shown.items,
        words=words_for(law, agency, view.purpose, shown.items, caller.language),
        notice_sha256=notice_sha256,
        limits=view.limits,
    )
    consent = (await give_consent(tx, caller, decision, office.safe, now))[view.subject]
    await answer_access(tx, caller, request, consent, now)
    if view.limits.may_be_kept:
        # In another's place it may end before the time the system asked for.
        ends = (await consent_view(tx, caller, consent, now)).valid_until
        await watch_data_life(tx, view.subject, consent, ends or now + view.limits.lasts, now)
    return consent


async def refuse_access(tx: Tx, caller: Caller, request: UUID, now: datetime) -> UUID:
    """No to a system's request. Raises NotFound, ConsentSettled."""
    return (await answer_access(tx, caller, request, None, now)).id


def _check_need(law: Law, procedure: Procedure, asked: AccessAsked) -> None:
    """Data beyond what the purpose needs is never asked for (Law 91/2025/QH15: purpose limitation)."""
    accepting = [
        one
        for one in procedure.requirements
        if any(each.document_type == asked.document_type for each in one.accepts)
    ]
    kind = law.document_types.get(asked.document_type)
    if not accepting or kind is None:
        raise AccessRefused("type")
    attested = {str(claim) for claim in kind.claims}
    needed = {str(claim) for one in accepting for claim in one.claims}
    if any(one.whole or not one.claims for one in accepting):
        needed |= attested
    if not set(asked.claims) <= attested & needed:
        raise AccessRefused("claims")


async def _with_papers(tx: Tx, views: Sequence[AccessView]) -> list[SystemRequest]:
    held = await holdings(tx, {view.subject for view in views}) if views else ()
    return [SystemRequest(view, as_consent(view, item_for(view, held))) for view in views]
