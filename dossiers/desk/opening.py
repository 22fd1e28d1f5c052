"""An officer opens what a person agreed to disclose for a dossier of the officer's agency: claims first, bytes by
a one-use ticket. Each requirement opened is one disclosure, logged before anything leaves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.caller import Caller
from auth.errors import NotFound
from auth.policy import Action, require
from dossiers.case import Case, Office, load_case, record_event
from dossiers.errors import EvidenceGone, MoveNotAllowed
from dossiers.forms import FINAL
from dossiers.records import DossierEvidence
from dossiers.state import LIVE
from store import ledger
from store.database import Tx
from store.log import pulse
from vault.disclosure import Basis, Disclosure, HandedIn, UnderConsent, UnderDuty, disclose
from vault.notes import read_note
from vault.opening import OpenContent
from vault.subjects import profile_of


@dataclass(frozen=True, slots=True)
class Opening:
    dossier: UUID
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenedClaim:
    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Opened:
    """One piece of a requirement's evidence as the officer sees it. `has_content`: its bytes may be opened too,
    by the evidence's id, in a disclosure of their own."""

    requirement: str
    document_type: str
    claims: tuple[OpenedClaim, ...]
    evidence: UUID
    has_content: bool
    ledger_id: int


@dataclass(frozen=True, slots=True)
class OpenedDossier:
    """`ledger_id` is the line that records the reading of the form."""

    applicant: tuple[OpenedClaim, ...]
    evidence: tuple[Opened, ...]
    ledger_id: int


async def open_evidence(
    tx: Tx, caller: Caller, opening: Opening, office: Office, now: datetime
) -> OpenedDossier:
    """Disclose to the caller, under each row's own basis, exactly the pinned versions and claims.

    Raises EvidenceGone for a requirement whose basis was withdrawn, RequirementUnknown, MoveNotAllowed when the
    dossier is no longer being worked on, and the vault's refusals; then nothing at all is disclosed.
    """
    case = await load_case(tx, opening.dossier, office, lock=False)
    require(caller, Action.OPEN_EVIDENCE, case.facts)
    if case.status not in LIVE:
        raise MoveNotAllowed(case.status, "openEvidence")
    evidence: list[Opened] = []
    for requirement in opening.requirements:
        case.row(requirement)
        live = [row for row in case.evidence if row.requirement == requirement and row.revoked_at is None]
        if not live:
            raise EvidenceGone(requirement)
        for row in live:
            evidence.append(await _open(tx, caller, case, row, office))
    applicant, ledger_id = await _applicant(tx, caller, case, office, now)
    record_event(
        tx, case, "opened_evidence", caller, now, detail={"requirements": list(opening.requirements)}
    )
    return OpenedDossier(applicant, tuple(evidence), ledger_id)


async def open_content(tx: Tx, caller: Caller, evidence: UUID, office: Office) -> OpenContent:
    """The bytes of one piece of evidence, disclosed on their own and logged again; streamed after COMMIT.

    Raises NotFound, EvidenceGone, MoveNotAllowed and the vault's refusals.
    """
    row = await tx.get(DossierEvidence, evidence)
    if row is None:
        raise NotFound
    case = await load_case(tx, row.dossier_id, office, lock=False)
    require(caller, Action.OPEN_EVIDENCE, case.facts)
    if case.status not in LIVE:
        raise MoveNotAllowed(case.status, "openEvidence")
    disclosed = await disclose(tx, caller, _disclosure(case, row, content=True), office.safe)
    if disclosed.content is None:
        raise EvidenceGone(row.requirement)
    return disclosed.content


async def _open(tx: Tx, caller: Caller, case: Case, row: DossierEvidence, office: Office) -> Opened:
    disclosed = await disclose(tx, caller, _disclosure(case, row, content=False), office.safe)
    source = row.register or row.document_type
    claims = tuple(OpenedClaim(name, value, source) for name, value in sorted(disclosed.claims.items()))
    return Opened(
        row.requirement,
        row.document_type,
        claims,
        row.id,
        _may_open_bytes(row) and disclosed.has_content,
        disclosed.ledger_id,
    )


def _disclosure(case: Case, row: DossierEvidence, *, content: bool) -> Disclosure:
    if row.version_id is None or row.revoked_at is not None or (content and not _may_open_bytes(row)):
        raise EvidenceGone(row.requirement)
    return Disclosure(
        subject=row.subject_id,
        dossier=case.dossier.id,
        requirement=row.requirement,
        version=row.version_id,
        claims=frozenset(row.claims),
        purpose=case.purpose,
        basis=_basis(case, row),
        content=content,
    )


def _basis(case: Case, row: DossierEvidence) -> Basis:
    """The basis pinned at submission, never another: a withdrawn consent does not turn into a legal duty."""
    if row.legal_basis == "OWN":
        return HandedIn()
    if row.legal_basis == "LEGAL_DUTY":
        return UnderDuty(row.article or ", ".join(case.procedure.legal_basis[:1]))
    if row.consent_id is None:
        raise EvidenceGone(row.requirement)
    return UnderConsent(row.consent_id)


def _may_open_bytes(row: DossierEvidence) -> bool:
    return row.register is None and (row.whole or row.legal_basis == "OWN")


async def _applicant(
    tx: Tx, caller: Caller, case: Case, office: Office, now: datetime
) -> tuple[tuple[OpenedClaim, ...], int]:
    """What the person filed themself: the e-form as frozen, and who they are. Filing it is its basis; logged."""
    (await pulse.heard(tx)).refuse_silence()
    form = await read_note(tx, case.dossier.id, FINAL, office.safe) or {}
    profile = await profile_of(tx, case.dossier.applicant_id, office.safe)
    entry = ledger.Entry(
        kind="dossier.form_read",
        subject_id=case.dossier.applicant_id,
        outcome="SUCCESS",
        purpose=case.purpose,
        legal_basis="OWN_REQUEST",
        dossier_id=case.dossier.id,
        claims=tuple(sorted(form)),
    )
    ledger_id = await ledger.record(tx, caller.actor, entry, now)
    claims = [OpenedClaim("person.full_name", profile.name, "account")]
    if profile.number is not None:
        claims.append(OpenedClaim("person.personal_id_number", profile.number, "account"))
    claims.extend(OpenedClaim(key, one["value"], one["source"]) for key, one in sorted(form.items()))
    return tuple(claims), ledger_id
