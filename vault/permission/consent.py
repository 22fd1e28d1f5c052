"""Consent: asked for, given, refused, withdrawn. Once given, a row's content never changes; its history only grows.

`notice` makes the words, `receipt` the signed record, `views` what others see of it; `vault.disclosure` is where
consent counts. A consent row is locked after the dossier it serves, and no ledger row is written before the lock
is held: the order of the log is the order in which permission was given, used and withdrawn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from auth.caller import Caller
from auth.errors import AccessDenied, NotFound
from auth.facts import ConsentFacts
from auth.mandates import LiveMandate, standing_of, whole_mandate
from auth.policy import IN_FILINGS, Action, reach, require
from auth.proxies.granting import mandate_over
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from vault.errors import ConsentSettled, ConsentShared, ConsentStale
from vault.permission.agreement import Agreement, Side, keep_agreement, kept_agreement
from vault.permission.decisions import Acceptance, Decision, Request, Signed
from vault.permission.limits import Limits
from vault.permission.notice import Item, Notice, notice
from vault.permission.receipt import SCHEMA_VERSION, SHEET, Counter, Terms, frozen_terms, sign_receipt
from vault.permission.state import ConsentStatus, Event, moved
from vault.permission.views import (
    ConsentState,
    ConsentView,
    consent,
    consents_by_id,
    consents_for,
    current,
    items_of,
    my_consents,
    my_requests,
    uses_of,
    view,
)
from vault.records import Consent, ConsentEvent
from vault.safe import Safe

__all__ = [
    "Acceptance",
    "ConsentState",
    "ConsentStatus",
    "ConsentView",
    "Decision",
    "Request",
    "Signed",
    "accept_consent",
    "confirm_assisted",
    "consent",
    "consents_by_id",
    "consents_for",
    "give_consent",
    "my_consents",
    "my_requests",
    "pause_consent",
    "refuse_consent",
    "request_consent",
    "withdraw_consent",
]


async def give_consent(
    tx: Tx, caller: Caller, decision: Decision, safe: Safe, now: datetime
) -> dict[UUID, UUID]:
    """Consent given in one decision: one row per subject of the items, subject to consent id.

    Each row gets its signed receipt, a Given event and a ledger row. In another's place it lasts no longer than the
    mandate does. Raises NotFound for anyone the caller may not act for at this moment, ConsentStale when the notice
    shown is not the notice as it reads now, AccessRefused for limits beyond what may be agreed to, ConsentShared for
    a child of seven and more, who is asked (`request_consent`).
    """
    decision.limits.check()
    by_subject = _by_subject(decision.items)
    for subject in by_subject:
        require(caller, Action.GIVE_CONSENT, ConsentFacts(subject, decision.recipient_agency))
    shown = notice(decision.items, decision.words, caller.language, decision.limits)
    _check_notice(shown, decision.notice_sha256)
    terms = Terms(decision.words, decision.limits, decision.requirements)
    given: dict[UUID, UUID] = {}
    for subject, items in by_subject.items():
        row = _row(subject, decision, items, caller.language, decision.notice_sha256, now)
        row.notice_text = shown.text
        tx.add(row)
        await _give(tx, caller, row, terms, safe, now)
        given[subject] = row.id
    return given


async def request_consent(tx: Tx, caller: Caller, request: Request, now: datetime) -> UUID:
    """Ask another person for approval of their own disclosure. Nothing is permitted until they accept.

    A citizen may ask for a dossier they file (row-level security), an agency for itself. Raises AccessDenied.
    """
    within = reach(caller, within=IN_FILINGS)
    if not within.subjects and request.recipient_agency not in within.agencies:
        raise AccessDenied("recipient")
    if _by_subject(request.items).keys() != {request.subject}:
        raise ValueError("a request is about its own subject's papers")
    shown = notice(request.items, request.words, caller.language).sha256
    row = _row(request.subject, request, request.items, caller.language, shown, now)
    tx.add(row)
    await tx.flush()
    await _log(tx, caller, row, "consent.requested", Event.REQUESTED, now)
    return row.id


async def accept_consent(
    tx: Tx, caller: Caller, acceptance: Acceptance, safe: Safe, now: datetime
) -> ConsentView:
    """Yes to a request: signed, logged, in force at once for as long as a filing's consent lasts, or the mandate of
    whoever gives it in another's place.

    Of a child of seven and more it takes two, the child and whoever represents it, in either order: the first word
    is kept in the request, the second gives. Raises NotFound, ConsentSettled when it is decided or lapsed,
    ConsentStale.
    """
    row = await _locked(tx, caller, acceptance.request, Action.GIVE_CONSENT)
    if caller.id is None:
        raise NotFound
    said = _Said(acceptance, caller.id, caller.language, row.subject_id in caller.shared)
    return await _accept(tx, caller, row, said, safe, now)


async def confirm_assisted(
    tx: Tx, caller: Caller, acceptance: Acceptance, signed: Signed, safe: Safe, now: datetime
) -> ConsentView:
    """The person's own yes on a sheet they signed at a counter, confirmed by the officer who has it in hand.

    The person agrees, nobody in their place: of a child of seven and more it is the child's word. Raises NotFound,
    AccessDenied, ConsentSettled, ConsentStale.
    """
    row = await _locked(tx, caller, acceptance.request, Action.CONFIRM_ASSISTED)
    standing = await standing_of(tx, row.subject_id, now)
    shared = row.subject_id in standing.shared
    said = _Said(acceptance, row.subject_id, signed.language, shared, signed.counter)
    return await _accept(tx, caller, row, said, safe, now)


@dataclass(frozen=True, slots=True)
class _Said:
    """A yes, as it was said: by whom, in what language, whether another must say it too, and at what counter."""

    acceptance: Acceptance
    by: UUID
    language: str
    shared: bool
    counter: Counter | None = None


async def _accept(
    tx: Tx, caller: Caller, row: Consent, said: _Said, safe: Safe, now: datetime
) -> ConsentView:
    _check(row, Event.GIVEN, now)
    words = said.acceptance.words
    shown = notice(items_of(row), words, said.language)
    _check_notice(shown, said.acceptance.notice_sha256)
    terms = Terms(
        words,
        Limits(),
        tuple(row.terms.get("requirement_ids", ())),
        giver=said.by,
        counter=said.counter,
    )
    if said.shared:
        side = Side.CHILD if said.by == row.subject_id else Side.REPRESENTATIVE
        acr = caller.acr if said.counter is None else SHEET
        word = Agreement(said.by, side, now, acr, said.language, shown.sha256, shown.text)
        other = await _other_word(tx, row, word, safe, now)
        if other is None:
            return await _agree(tx, caller, row, word, safe)
        terms = _of_both(terms, row, (other, word), safe)
    # The words that count are those the giver read, not those the asker previewed.
    row.language, row.notice_sha256, row.notice_text = said.language, shown.sha256, shown.text
    await _give(tx, caller, row, terms, safe, now)
    return view(row, now)


async def refuse_consent(tx: Tx, caller: Caller, request: UUID, now: datetime) -> ConsentView:
    """No to a request, kept as such. Raises NotFound, ConsentSettled."""
    row = await _locked(tx, caller, request, Action.GIVE_CONSENT)
    _check(row, Event.REFUSED, now)
    row.status, row.version = ConsentStatus.REFUSED, row.version + 1
    await tx.flush()
    await _log(tx, caller, row, "consent.refused", Event.REFUSED, now)
    return view(row, now)


async def withdraw_consent(tx: Tx, caller: Caller, consent_id: UUID, now: datetime) -> ConsentView:
    """End a consent. Once this transaction has committed, no disclosure under it begins or is logged.

    Waits for disclosures under way: they are logged before it. The view's `purpose_ref` tells the caller's room
    what loses its evidence, in this same transaction. Raises NotFound, ConsentSettled.
    """
    row = await _locked(tx, caller, consent_id, Action.WITHDRAW_CONSENT)
    # A consent that has run out is withdrawn all the same: what was read under it is still theirs to have erased.
    if moved(ConsentStatus(row.status), Event.WITHDRAWN) is None:
        raise ConsentSettled(row.status)
    row.status, row.withdrawn_at, row.version = ConsentStatus.WITHDRAWN, now, row.version + 1
    # Before the ledger draws its number: a disclosure numbered later must have found the row changed.
    await tx.flush()
    await _log(tx, caller, row, "consent.withdrawn", Event.WITHDRAWN, now)
    return view(row, now)


async def pause_consent(tx: Tx, caller: Caller, consent_id: UUID, paused: bool, now: datetime) -> ConsentView:
    """Close a consent for a while, or open it again; as it is already: nothing happens. What stands on it stays.

    Waits for disclosures under way, as a withdrawal does. Raises NotFound, ConsentSettled for one that has ended.
    """
    row = await _locked(tx, caller, consent_id, Action.WITHDRAW_CONSENT)
    spent = await uses_of(tx, [row.id])
    before = view(row, now, spent.get(row.id, 0))
    if (before.status is ConsentStatus.PAUSED) is paused and before.status in _LIVE:
        return before
    event = Event.PAUSED if paused else Event.RESUMED
    if moved(before.status, event) is None:
        raise ConsentSettled(before.status)
    row.paused_at, row.version = (now if paused else None), row.version + 1
    await tx.flush()
    await _log(tx, caller, row, "consent.paused" if paused else "consent.resumed", event, now)
    return view(row, now, before.uses)


_LIVE = (ConsentStatus.GIVEN, ConsentStatus.PAUSED)


def _by_subject(items: Iterable[Item]) -> Mapping[UUID, list[Item]]:
    found: dict[UUID, list[Item]] = {}
    for item in items:
        found.setdefault(item.subject, []).append(item)
    return found


def _check_notice(shown: Notice, presented: str) -> None:
    if presented != shown.sha256:
        raise ConsentStale(shown.sha256)


def _check(row: Consent, event: Event, now: datetime) -> None:
    status = current(row, now)
    if moved(status, event) is None:
        raise ConsentSettled(status)


def _row(
    subject: UUID,
    asked: Decision | Request,
    items: Sequence[Item],
    language: str,
    notice_sha256: str,
    now: datetime,
) -> Consent:
    return Consent(
        id=new_id(),
        subject_id=subject,
        recipient_agency=asked.recipient_agency,
        purpose=asked.purpose,
        purpose_ref=asked.purpose_ref,
        items=[item.to_json() for item in items],
        notice_sha256=notice_sha256,
        language=language,
        status=ConsentStatus.REQUESTED,
        requested_at=now,
        version=1,
        schema_version=SCHEMA_VERSION,
        terms={"requirement_ids": sorted(set(asked.requirements))},
    )


async def _other_word(tx: Tx, row: Consent, word: Agreement, safe: Safe, now: datetime) -> Agreement | None:
    """What the other side has agreed to; None where it has not, or has no right to speak for the child any more."""
    kept = kept_agreement(row, safe, now)
    if kept is None or kept.side is word.side:
        return None
    if kept.side is Side.REPRESENTATIVE:
        try:
            await whole_mandate(tx, kept.by, row.subject_id, now)
        except NotFound:
            return None
    return kept


async def _agree(tx: Tx, caller: Caller, row: Consent, word: Agreement, safe: Safe) -> ConsentView:
    keep_agreement(row, word, safe)
    row.version += 1
    await tx.flush()
    await _log(tx, caller, row, "consent.agreed", Event.AGREED, word.at)
    return view(row, word.at)


def _of_both(terms: Terms, row: Consent, words: tuple[Agreement, Agreement], safe: Safe) -> Terms:
    (giver,) = [one.by for one in words if one.side is Side.REPRESENTATIVE]
    told = tuple(one.event(row.recipient_agency, safe) for one in words)
    return replace(terms, agreements=told, giver=giver)


async def _give(tx: Tx, caller: Caller, row: Consent, terms: Terms, safe: Safe, now: datetime) -> None:
    giver = terms.giver or caller.id
    if giver is not None and giver != row.subject_id:
        # Read in this very transaction: who the request was let in for may have come of age since.
        terms = replace(terms, mandate=await mandate_over(tx, caller, giver, row.subject_id, now))
    if not terms.agreements and _takes_two(caller, row, terms.mandate, now):
        raise ConsentShared
    row.given_by, row.given_at, row.valid_until = giver, now, terms.ends(now)
    row.status, row.version = ConsentStatus.GIVEN, row.version + 1
    # A request of before there were terms is given as what it is signed as today.
    row.schema_version, row.terms = SCHEMA_VERSION, frozen_terms(row, terms, caller, safe)
    row.receipt = sign_receipt(row, caller, safe)
    await tx.flush()
    await _log(tx, caller, row, "consent.given", Event.GIVEN, now)


def _takes_two(caller: Caller, row: Consent, mandate: LiveMandate | None, now: datetime) -> bool:
    return mandate.is_shared(now) if mandate is not None else row.subject_id in caller.shared


async def _locked(tx: Tx, caller: Caller, id_: UUID, action: Action) -> Consent:
    row = await tx.get(Consent, id_, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound
    require(caller, action, ConsentFacts(row.subject_id, row.recipient_agency))
    return row


async def _log(tx: Tx, caller: Caller, row: Consent, kind: str, event: Event, now: datetime) -> None:
    items = items_of(row)
    entry = ledger.Entry(
        kind=kind,
        subject_id=row.subject_id,
        outcome="SUCCESS",
        purpose=row.purpose,
        legal_basis="CONSENT",
        claims=tuple(sorted({claim for item in items for claim in item.claims})),
        documents=tuple(item.document for item in items if item.document is not None),
        dossier_id=row.purpose_ref,
        consent_id=row.id,
    )
    number = await ledger.record(tx, caller.actor, entry, now)
    tx.add(
        ConsentEvent(
            id=new_id(), consent_id=row.id, state=event.value, at=now, by=caller.id, ledger_id=number
        )
    )
