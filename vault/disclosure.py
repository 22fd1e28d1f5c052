"""The one transaction in which somebody else's data leaves the vault.

Nothing is handed out before its log row is written, and nothing is streamed before that row is committed. A
reader who is cut off in between is logged for what they did not get: over-reporting is the safe error.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, bindparam, select, text
from sqlalchemy.exc import DBAPIError

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import ConsentFacts
from auth.policy import Action, require
from store import ledger
from store.database import Tx
from store.identifiers import new_id
from store.log import pulse
from vault.errors import (
    ClaimUnknown,
    ConsentFault,
    ConsentMissing,
    DisclosureBusy,
    DocumentNotUsable,
    GrantSpent,
)
from vault.holding import Origin, Status
from vault.opening import Disclosed, open_claims, open_content, refuse_removed
from vault.permission.limits import Limits, Mode
from vault.permission.notice import Item
from vault.permission.receipt import is_honoured, limits_of
from vault.permission.state import ConsentStatus, Event
from vault.permission.views import items_of, uses_of
from vault.records import Consent, ConsentEvent, Document, DocumentVersion
from vault.safe import Safe


@dataclass(frozen=True, slots=True)
class UnderConsent:
    """The person's own permission."""

    consent: UUID


@dataclass(frozen=True, slots=True)
class UnderDuty:
    """A duty of the agency's, by its article: never called consent (Law 91/2025/QH15, Art. 19)."""

    article: str


@dataclass(frozen=True, slots=True)
class HandedIn:
    """The paper was deposited in this very dossier, for this agency to read."""


@dataclass(frozen=True, slots=True)
class UnderGrant:
    """The person's permission to an agency's system, for no dossier: each reading spends one of its uses, unless it
    is the same request `again`."""

    consent: UUID
    request: UUID
    again: bool = False


Basis = UnderConsent | UnderDuty | HandedIn | UnderGrant


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What an officer asks to see: chosen claims (`concept@role`) of one exact version, for one dossier; or a system,
    under a grant and for none.

    `content`: the bytes of the paper too. `purpose` is the opaque purpose the consent was given for.
    """

    subject: UUID
    dossier: UUID | None
    requirement: str | None
    version: UUID
    claims: frozenset[str]
    purpose: str
    basis: Basis
    content: bool = False


async def disclose(tx: Tx, caller: Caller, disclosure: Disclosure, safe: Safe) -> Disclosed:
    """Disclose to the caller's agency, once, logged. Time is the database's, with the offset tests set there.

    Raises DisclosureBusy after two seconds behind a withdrawal, ConsentMissing with its fault, NotFound or
    AccessDenied by policy, ClaimUnknown, DocumentNotUsable, GrantSpent, LogSilent, LogUnwritable,
    TamperedContent. Every refusal rolls back.
    Under a consent to verify no value leaves: each claim's is None, and nothing is opened.
    """
    # (1) Wait briefly, never long; and an acknowledged log row must survive the server's crash.
    await tx.execute(
        text("SELECT set_config('lock_timeout', '2s', true), set_config('synchronous_commit', 'on', true)")
    )
    # (2) Lock the consent against withdrawal. A plain read let 38 of 150 disclosures finish after an
    #     acknowledged withdrawal; FOR SHARE none. The clock is read after the wait. Where nobody has vouched for the
    #     log for hours, nothing is shown.
    ledger.attempt(tx, _tried(disclosure))
    consent = await _lock_consent(tx, disclosure.basis)
    heard = await pulse.heard(tx)
    heard.refuse_silence()
    now = heard.now
    # (3) Judge what is true while the lock is held: the consent, then whether it covers this version. The
    #     version is read under the lock too.
    recipient = consent.recipient_agency if consent else caller.agency
    if recipient is None:
        raise NotFound
    require(caller, _action(disclosure.basis), ConsentFacts(disclosure.subject, recipient))
    if consent is not None:
        _check_consent(consent, disclosure, safe, now)
    limits = limits_of(consent) if consent is not None else Limits()
    # (4) Spend before anything is read: of many at once as many go on as uses are left.
    spent = await _spend(tx, disclosure.basis, limits, now)
    document, version = await _load(tx, disclosure)
    whole = _check_coverage(consent, disclosure, document, version)
    # (5) Log before anything is opened: if this cannot be written, nothing is.
    ledger_id = await ledger.record(tx, caller.actor, _entry(disclosure, document), now)
    if consent is not None:
        tx.add_all(_used(consent, spent is not None and spent == limits.max_uses, caller, ledger_id, now))
    await tx.flush()
    # (6) Open, and authenticate every segment in constant memory. Who may only verify needs no key.
    claims: Mapping[str, Any] = dict.fromkeys(disclosure.claims)
    content = None
    if limits.mode is not Mode.VERIFY:
        async with safe.keys.opened(disclosure.subject) as key:
            version_key = key.unwrap(version.wrapped_key, document.id, version.id, version.number)
        claims = open_claims(version, version_key)
        content = await open_content(version, version_key, safe) if disclosure.content else None
    # (7) The bytes leave after COMMIT, from the file just authenticated.
    return Disclosed(
        claims={name: claims[name] for name in sorted(disclosure.claims)},
        disputed=disclosure.claims.intersection(version.disputed),
        has_content=whole and version.blob is not None,
        content=content,
        ledger_id=ledger_id,
    )


def _action(basis: Basis) -> Action:
    return Action.READ_GRANTED if isinstance(basis, UnderGrant) else Action.OPEN_EVIDENCE


async def _spend(tx: Tx, basis: Basis, limits: Limits, now: datetime) -> int | None:
    """One statement counts a use, so that of fifty at once as many go on as are left; how many were used by then.

    None for what is not counted. Raises GrantSpent, and ConsentMissing before a periodic one's next period.
    """
    match basis:
        case UnderGrant(consent, request, again=False):
            named: UUID | None = request
        case UnderConsent(consent) if limits.is_counted:
            named = None
        case _:
            return None
    spending = text("SELECT spend_consent(:consent, :request, :most, :every, :now)")
    given = {
        "consent": consent,
        "request": named,
        "most": limits.max_uses,
        "every": limits.every,
        "now": now,
    }
    with _waiting():
        spent: int | None = await tx.scalar(spending.bindparams(bindparam("every", type_=Interval())), given)
    if spent is None:
        used = await uses_of(tx, [consent])
        left = limits.max_uses is None or used.get(consent, 0) < limits.max_uses
        if limits.every is not None and left:
            raise ConsentMissing(ConsentFault.TOO_SOON)
        raise GrantSpent
    return spent


async def _lock_consent(tx: Tx, basis: Basis) -> Consent | None:
    if not isinstance(basis, UnderConsent | UnderGrant):
        return None
    locking = (
        select(Consent)
        .where(Consent.id == basis.consent)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    with _waiting():
        consent = await tx.scalar(locking)
    if consent is None:
        raise ConsentMissing(ConsentFault.NONE)
    return consent


@contextmanager
def _waiting() -> Iterator[None]:
    """Raises DisclosureBusy for a row somebody else has held too long."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise DisclosureBusy from None
        raise


_LOCK_NOT_AVAILABLE = "55P03"


def _check_consent(consent: Consent, disclosure: Disclosure, safe: Safe, now: datetime) -> None:
    """Raises ConsentMissing unless this consent, as signed, is in force for this person and purpose."""
    if consent.subject_id != disclosure.subject:
        raise ConsentMissing(ConsentFault.NONE)
    if (consent.purpose, consent.purpose_ref) != (disclosure.purpose, disclosure.dossier):
        raise ConsentMissing(ConsentFault.PURPOSE)
    if consent.status == ConsentStatus.WITHDRAWN or consent.withdrawn_at is not None:
        raise ConsentMissing(ConsentFault.WITHDRAWN)
    if consent.status in (ConsentStatus.REVOKED, ConsentStatus.INVALIDATED):
        raise ConsentMissing(ConsentFault.ENDED)
    if consent.paused_at is not None:
        raise ConsentMissing(ConsentFault.PAUSED)
    if consent.status != ConsentStatus.GIVEN or consent.valid_until is None:
        raise ConsentMissing(ConsentFault.NOT_GIVEN)
    if consent.valid_until <= now:
        raise ConsentMissing(ConsentFault.EXPIRED)
    # A row written straight into the database carries no signature of ours over its content.
    if not is_honoured(consent, safe, now):
        raise ConsentMissing(ConsentFault.RECEIPT)


async def _load(tx: Tx, disclosure: Disclosure) -> tuple[Document, DocumentVersion]:
    """The version and its document, if they are the subject's, still there and not revoked.

    Raises NotFound, DocumentNotUsable, SubjectShredded, ClaimUnknown.
    """
    found = await _rows(tx, disclosure)
    if found is None or not found[0].subject_id == found[1].subject_id == disclosure.subject:
        raise NotFound
    document, version = found
    # A superseded version stays what a dossier pinned; a revoked one attests nothing any more.
    refuse_removed(document)
    if document.status == Status.REVOKED:
        raise DocumentNotUsable(document.status)
    if unknown := disclosure.claims - set(version.claim_names):
        raise ClaimUnknown(tuple(sorted(unknown)))
    if disclosure.content and version.blob is None:
        raise DocumentNotUsable("no_content")
    return document, version


async def _rows(tx: Tx, disclosure: Disclosure) -> tuple[Document, DocumentVersion] | None:
    if isinstance(disclosure.basis, UnderGrant):
        # An agency's walls open for dossiers alone: what a system was granted, a door shows that knows the grant.
        given = {"request": disclosure.basis.request, "version": disclosure.version}
        documents = select(Document).from_statement(
            text("SELECT * FROM granted_document(:request, :version)")
        )
        versions = select(DocumentVersion).from_statement(
            text("SELECT * FROM granted_version(:request, :version)")
        )
        fresh = {"populate_existing": True}
        document: Document | None = await tx.scalar(documents.execution_options(**fresh), given)
        version: DocumentVersion | None = await tx.scalar(versions.execution_options(**fresh), given)
        return (document, version) if document is not None and version is not None else None
    query = (
        select(Document, DocumentVersion)
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .where(DocumentVersion.id == disclosure.version)
        .execution_options(populate_existing=True)
    )
    row = (await tx.execute(query)).one_or_none()
    return (row.Document, row.DocumentVersion) if row is not None else None


def _check_coverage(
    consent: Consent | None, disclosure: Disclosure, document: Document, version: DocumentVersion
) -> bool:
    """Whether the whole paper may be seen. Raises ConsentMissing when not even what is asked for may."""
    match disclosure.basis:
        case UnderDuty(article) if article.strip():
            return True
        case HandedIn() if version.deposited_in == disclosure.dossier and document.origin != Origin.REGISTER:
            return True
        case UnderConsent() | UnderGrant() if consent is not None:
            items = [one for one in items_of(consent) if _is_about(one, disclosure, document)]
            whole = any(one.whole for one in items) and limits_of(consent).mode is not Mode.VERIFY
            named = any(disclosure.claims <= set(one.claims) for one in items)
            if whole or (named and not disclosure.content):
                return whole
            raise ConsentMissing(ConsentFault.NOT_COVERED)
    raise ConsentMissing(ConsentFault.NONE)


def _is_about(item: Item, disclosure: Disclosure, document: Document) -> bool:
    if not item.covers(disclosure.version, document.register, document.type):
        return False
    # An answer fetched for another dossier answers another question than the one agreed to.
    return item.version is not None or document.bound_to == disclosure.dossier


def _tried(disclosure: Disclosure) -> ledger.Entry:
    """What a refusal leaves in the log: who asked for which claims, and not whether there are any."""
    basis = disclosure.basis
    return ledger.Entry(
        kind="access.refused",
        subject_id=disclosure.subject,
        outcome="REFUSED",
        purpose=disclosure.purpose,
        legal_basis=_NAMES[type(basis)],
        claims=tuple(sorted(disclosure.claims)),
        dossier_id=disclosure.dossier,
        consent_id=basis.consent if isinstance(basis, UnderConsent | UnderGrant) else None,
        requirement=disclosure.requirement,
    )


def _entry(disclosure: Disclosure, document: Document) -> ledger.Entry:
    basis = disclosure.basis
    return ledger.Entry(
        kind="vault.read",
        subject_id=disclosure.subject,
        outcome="SUCCESS",
        purpose=disclosure.purpose,
        legal_basis=_NAMES[type(basis)],
        claims=tuple(sorted(disclosure.claims)),
        documents=(document.id,),
        dossier_id=disclosure.dossier,
        consent_id=basis.consent if isinstance(basis, UnderConsent | UnderGrant) else None,
        requirement=disclosure.requirement,
        article=basis.article if isinstance(basis, UnderDuty) else None,
    )


_NAMES: Mapping[type[Basis], str] = {
    UnderConsent: "CONSENT",
    UnderGrant: "CONSENT",
    UnderDuty: "LEGAL_DUTY",
    HandedIn: "OWN",
}


def _used(
    consent: Consent, exhausted: bool, caller: Caller, ledger_id: int, now: datetime
) -> list[ConsentEvent]:
    """The history of this reading; the last that was allowed says so."""
    events = [Event.USED, Event.EXHAUSTED] if exhausted else [Event.USED]
    # In the order of their ids, which are drawn within one millisecond.
    ids = sorted(new_id() for _ in events)
    return [
        ConsentEvent(
            id=id_, consent_id=consent.id, state=event.value, at=now, by=caller.id, ledger_id=ledger_id
        )
        for id_, event in zip(ids, events, strict=True)
    ]
