"""Which evidence the agency will see, on whose word: the notice, the consents, and the pin at submission.

Each evidence row is pinned to an exact version and to the basis it had at submission. Withdrawal takes the basis
away and never turns into a legal duty; the digest stays, the content does not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth.caller import Caller
from dossiers.case import Case, Office
from dossiers.clock import local_day
from dossiers.errors import ConsentOutstanding, ConsentRequired
from dossiers.notices import notify
from dossiers.records import DossierEvidence
from procedures.agencies import agency_name
from procedures.law import Law, Procedure
from procedures.records import Agency
from store.database import Tx
from vault.documents import version_digests
from vault.permission import consent
from vault.permission.consent import Acceptance, ConsentState, ConsentStatus, ConsentView, Decision, Request
from vault.permission.notice import Item, Notice, PaperWords, Words, notice

SENSITIVE = 3
"""The catalogue's highest degree."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person is to agree to: the items, their words, the notice made of both."""

    evidence: tuple[DossierEvidence, ...]
    items: tuple[Item, ...]
    words: Words
    notice: Notice


def words_for(law: Law, agency: Agency, purpose: str, items: Sequence[Item], language: str) -> Words:
    """How a notice calls its purpose, recipient, papers and claims, in the person's language."""
    procedure = law.procedure(purpose.removeprefix("urn:vn:tthc:"))
    return Words(
        purpose=procedure.name.in_language(language) if procedure is not None else purpose,
        recipient=agency_name(agency, language),
        papers=tuple(_paper_words(law, item, language) for item in items),
        code=agency.code,
        place=agency.province,
        sensitive=frozenset(claim for item in items for claim in item.claims if _is_sensitive(law, claim)),
    )


async def notice_for(tx: Tx, case: Case, subjects: Iterable[UUID], language: str) -> Shown | None:
    """The notice these subjects are to agree to; None when nothing of theirs is disclosed on consent."""
    agency = await tx.get_one(Agency, case.dossier.agency_id)
    return shown_to(
        case.procedure, case.law, agency, disclosed_by(case.evidence, frozenset(subjects)), language
    )


async def agreed_as_shown(
    tx: Tx, case: Case, subjects: Iterable[UUID], language: str, notice_sha256: str | None
) -> bool:
    """Whether this is the notice of the evidence as it was last kept: what these subjects have been shown."""
    shown = await notice_for(tx, case, subjects, language)
    return notice_sha256 == (shown.notice.sha256 if shown is not None else None)


def shown_to(
    procedure: Procedure, law: Law, agency: Agency, evidence: Iterable[DossierEvidence], language: str
) -> Shown | None:
    """The notice of this unpinned evidence, in the catalogue's order so that it always reads the same."""
    order = {requirement.id: index for index, requirement in enumerate(procedure.requirements)}
    rows = sorted(evidence, key=lambda row: (order[row.requirement], row.document_type, str(row.version_id)))
    if not rows:
        return None
    items = tuple(_item(row) for row in rows)
    words = words_for(law, agency, f"urn:vn:tthc:{procedure.code or procedure.id}", items, language)
    return Shown(tuple(rows), items, words, notice(items, words, language))


async def give_consents(
    tx: Tx, caller: Caller, case: Case, notice_sha256: str | None, office: Office, now: datetime
) -> None:
    """Record the caller's agreement for themself and each ward too young to agree too, and pin what it covers.

    Raises ConsentRequired when something is disclosed and no agreement came, ConsentStale when the notice agreed
    to is not the one that would be shown now.
    """
    shown = await notice_for(tx, case, caller.speaks_for, caller.language)
    if shown is None:
        return
    if notice_sha256 is None:
        raise ConsentRequired
    decision = Decision(
        recipient_agency=case.dossier.agency_id,
        purpose=case.purpose,
        purpose_ref=case.dossier.id,
        items=shown.items,
        words=shown.words,
        notice_sha256=notice_sha256,
        requirements=tuple(row.requirement for row in shown.evidence),
    )
    given = await consent.give_consent(tx, caller, decision, office.safe, now)
    await _pin(tx, shown.evidence, given, now)


async def request_others(tx: Tx, caller: Caller, case: Case, now: datetime) -> None:
    """Ask every other person concerned for their own approval of their own disclosure, once per content.

    A child of seven and more among them, whoever files: it agrees besides its guardian, in its own time.
    """
    others = {row.subject_id for row in case.evidence if row.legal_basis == "CONSENT"} - caller.speaks_for
    if not others:
        return
    states = await consent.consents_for(tx, case.dossier.id, now)
    for subject in sorted(others):
        shown = await notice_for(tx, case, [subject], caller.language)
        if shown is None or all(_approval(states, item, waiting=True) for item in shown.items):
            continue
        request = Request(
            subject=subject,
            recipient_agency=case.dossier.agency_id,
            purpose=case.purpose,
            purpose_ref=case.dossier.id,
            items=shown.items,
            words=shown.words,
            requirements=tuple(row.requirement for row in shown.evidence),
        )
        await consent.request_consent(tx, caller, request, now)
        await notify(tx, subject, "access_requested", now)


async def accept_request(
    tx: Tx, caller: Caller, request: UUID, notice_sha256: str, office: Office, now: datetime
) -> ConsentView:
    """A person approves their own disclosure in somebody else's dossier, or one of the two whom a child's takes.

    Raises NotFound, ConsentStale.
    """
    asked = await consent.consent(tx, caller, request, now)
    agency = await tx.get_one(Agency, asked.recipient_agency)
    words = request_words(asked, agency, office.laws.on(local_day(now)), caller.language)
    accepted = await consent.accept_consent(
        tx, caller, Acceptance(request, words, notice_sha256), office.safe, now
    )
    if accepted.status is ConsentStatus.REQUESTED:
        await notify(tx, accepted.subject, "agreement_awaited", now)
    return accepted


def request_words(asked: ConsentView, agency: Agency, law: Law, language: str) -> Words:
    """The words of a request, in the language of the person asked."""
    return words_for(law, agency, asked.purpose, asked.items, language)


async def pin_others(tx: Tx, case: Case, now: datetime) -> None:
    """Pin what others have approved. Raises ConsentOutstanding with the roles still silent."""
    waiting = [row for row in case.evidence if row.pinned_at is None and row.legal_basis == "CONSENT"]
    if not waiting:
        return
    states = await consent.consents_for(tx, case.dossier.id, now)
    outstanding: set[str] = set()
    for row in waiting:
        approval = _approval(states, _item(row))
        if approval is None:
            outstanding.add(case.requirement(row.requirement).subject_role)
        else:
            await _pin(tx, [row], {row.subject_id: approval.id}, now)
    if outstanding:
        raise ConsentOutstanding(tuple(sorted(outstanding)))


async def pin_rest(tx: Tx, case: Case, now: datetime) -> None:
    """Pin what needs no consent: the person's own deposits here, and what a legal duty reads."""
    await _pin(tx, [row for row in case.evidence if row.pinned_at is None], {}, now)


def disclosed_by(evidence: Iterable[DossierEvidence], subjects: frozenset[UUID]) -> list[DossierEvidence]:
    """Unpinned evidence that rests on the consent of these subjects."""
    return [
        row
        for row in evidence
        if row.pinned_at is None and row.legal_basis == "CONSENT" and row.subject_id in subjects
    ]


def _item(row: DossierEvidence) -> Item:
    return Item(
        subject=row.subject_id,
        document_type=row.document_type,
        claims=tuple(row.claims),
        document=row.document_id,
        version=row.version_id,
        register=row.register,
        whole=row.whole,
    )


def _is_sensitive(law: Law, claim: str) -> bool:
    """Sensitive personal data in the law's sense (Law 91/2025/QH15): health, convictions, biometrics, belief."""
    return law.concepts[claim.split("@")[0]].sensitivity >= SENSITIVE


def _paper_words(law: Law, item: Item, language: str) -> PaperWords:
    concepts = dict.fromkeys(name.split("@")[0] for name in sorted(item.claims))
    return PaperWords(
        title=law.document_types[item.document_type].name.in_language(language),
        claims=tuple(law.concepts[one].label.in_language(language) for one in concepts),
        register=law.databases[item.register].in_language(language) if item.register else None,
    )


def _approval(states: Iterable[ConsentState], item: Item, *, waiting: bool = False) -> ConsentState | None:
    """The consent that covers the item: given, or (for `waiting`) at least asked for."""
    fit = (ConsentStatus.GIVEN, ConsentStatus.REQUESTED) if waiting else (ConsentStatus.GIVEN,)
    for state in states:
        if state.status in fit and any(_covers(one, item) for one in state.items):
            return state
    return None


def _covers(given: Item, needed: Item) -> bool:
    same = (given.subject, given.register, given.document_type) == (
        needed.subject,
        needed.register,
        needed.document_type,
    )
    # A register's answer had no version yet when it was agreed to.
    answered = given.version is None and given.register is not None
    same = same and (answered or given.version == needed.version)
    return same and set(needed.claims) <= set(given.claims) and (given.whole or not needed.whole)


async def _pin(tx: Tx, rows: Iterable[DossierEvidence], consents: Mapping[UUID, UUID], now: datetime) -> None:
    pinned = list(rows)
    digests = await version_digests(tx, [row.version_id for row in pinned if row.version_id is not None])
    for row in pinned:
        row.pinned_at, row.consent_id = now, consents.get(row.subject_id)
        row.digest = digests.get(row.version_id) if row.version_id is not None else None
