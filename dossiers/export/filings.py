"""One person's filings with all that happened to them, to be handed over.

What a filing says of other people is what its filer is shown of them in the product: roles without names, and
requirements about somebody else by `dossiers.evidence.discretion`. Officers appear as their agency.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select

from auth.caller import Caller, CallerKind
from dossiers.case import Office, rows_of
from dossiers.evidence.discretion import face_of
from dossiers.records import (
    Dossier,
    DossierAsk,
    DossierEvent,
    DossierEvidence,
    DossierOverride,
    DossierParty,
    DossierRequirement,
    DossierResult,
    RegisterProbe,
)
from procedures.law import Requirement
from store.database import Tx
from vault.documents import documents_by_id
from vault.export.papers import Told
from vault.notes import notes_about

TOLD_EVENTS = frozenset(
    {"answered", "declined_reuse", "refused_ask", "refused_upload", "override", "objected"}
)
"""Besides moves. What a register or another party answered about somebody else is theirs."""

Words = Mapping[UUID, Mapping[str, Any]]
"""What was written, by its owner and kind."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """A page of filings with the rows of each, one statement a table."""

    parties: Mapping[UUID, list[DossierParty]]
    requirements: Mapping[UUID, list[DossierRequirement]]
    evidence: Mapping[UUID, list[DossierEvidence]]
    asks: Mapping[UUID, list[DossierAsk]]
    overrides: Mapping[UUID, list[DossierOverride]]
    events: Mapping[UUID, list[DossierEvent]]
    probes: Mapping[UUID, list[RegisterProbe]]
    results: Mapping[UUID, list[DossierResult]]
    """Those the person holds: what was issued to another party is theirs."""


async def filings(tx: Tx, subject: UUID, after: UUID | None, limit: int, office: Office) -> list[Told]:
    """Filings by this person, or for them: whole where they are the applicant, else that they filed it and how it
    stands. As many statements for a hundred as for one."""
    query = select(Dossier).where(or_(Dossier.applicant_id == subject, Dossier.filer_id == subject))
    if after is not None:
        query = query.where(Dossier.id < after)
    rows = (await tx.scalars(query.order_by(Dossier.id.desc()).limit(limit))).all()
    own = [row.id for row in rows if row.applicant_id == subject]
    parts = await _parts(tx, subject, own)
    words = await notes_about(tx, subject, [*own, *_writers(parts)], office.safe)
    return [
        {**_brief(row, subject), **(_whole(row, subject, parts, words, office) if row.id in own else {})}
        for row in rows
    ]


async def _parts(tx: Tx, subject: UUID, dossiers: Sequence[UUID]) -> _Parts:
    issued = await rows_of(tx, DossierResult, dossiers)
    ids = [one.document_id for group in issued.values() for one in group]
    held = await documents_by_id(tx, Caller(CallerKind.CITIZEN, subject), ids)
    return _Parts(
        parties=await rows_of(tx, DossierParty, dossiers),
        requirements=await rows_of(tx, DossierRequirement, dossiers),
        evidence=await rows_of(tx, DossierEvidence, dossiers),
        asks=await rows_of(tx, DossierAsk, dossiers),
        overrides=await rows_of(tx, DossierOverride, dossiers),
        events=await rows_of(tx, DossierEvent, dossiers),
        probes=await rows_of(tx, RegisterProbe, dossiers),
        results={key: [one for one in group if one.document_id in held] for key, group in issued.items()},
    )


def _writers(parts: _Parts) -> Iterable[UUID]:
    """Whatever of a filing may have words of its own."""
    yield from (one.id for group in parts.asks.values() for one in group)
    yield from (one.id for group in parts.overrides.values() for one in group)
    yield from (note for group in parts.events.values() for one in group if (note := _note_of(one)))


def _note_of(event: DossierEvent) -> UUID | None:
    return UUID(event.detail["note"]) if event.kind == "objected" else None


def _brief(row: Dossier, subject: UUID) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.code,
        "procedure": row.procedure_id,
        "agency": row.agency_id,
        "channel": row.channel,
        "status": row.status,
        "asApplicant": row.applicant_id == subject,
        "asFiler": row.filer_id == subject,
        "filerRelation": row.filer_relation,
        "openedAt": row.opened_at,
        "submittedAt": row.submitted_at,
        "receivedAt": row.received_at,
        "dueOn": row.due_on,
    }


def _whole(row: Dossier, subject: UUID, parts: _Parts, words: Words, office: Office) -> dict[str, Any]:
    said = words.get(row.id, {})
    return {
        "filingDay": row.filing_day,
        "lawVersion": row.law_version,
        "answers": row.answers,
        "declaredAbsent": row.declared_absent,
        "flaggedAt": row.flagged_at,
        "form": {"declared": said.get("form"), "final": said.get("form.final")},
        "refusal": said.get("refusal"),
        "withdrawalReason": said.get("withdrawal.reason"),
        "parties": [{"role": one.role, "self": one.subject_id == subject} for one in parts.parties[row.id]],
        "requirements": _requirements(row, subject, parts, office),
        "evidence": [_evidence(one) for one in parts.evidence[row.id] if one.subject_id == subject],
        "asks": [_ask(one, words) for one in parts.asks[row.id]],
        "overrides": [_override(one, words) for one in parts.overrides[row.id]],
        "events": [_event(one, words) for one in parts.events[row.id] if _is_told(one)],
        "registerQuestions": [_probe(one) for one in parts.probes[row.id] if one.subject_id == subject],
        "results": [
            {"document": one.document_id, "issuedAt": one.issued_at} for one in parts.results.get(row.id, ())
        ],
    }


def _requirements(row: Dossier, subject: UUID, parts: _Parts, office: Office) -> list[dict[str, Any]]:
    procedure = office.laws.on(row.filing_day).procedures.get(row.procedure_id)
    if procedure is None:
        return []
    asked = {one.id: one for one in procedure.requirements}
    kept = sorted(parts.requirements[row.id], key=lambda one: one.position)
    return [
        _requirement(asked[one.requirement], one, row, subject, parts)
        for one in kept
        if one.requirement in asked
    ]


def _requirement(
    asked: Requirement, row: DossierRequirement, dossier: Dossier, subject: UUID, parts: _Parts
) -> dict[str, Any]:
    whose = {one.subject_id for one in parts.parties[dossier.id] if one.role == asked.subject_role}
    standing = [
        one
        for one in parts.evidence[dossier.id]
        if one.requirement == row.requirement and one.revoked_at is None
    ]
    person = Caller(CallerKind.CITIZEN, subject)
    face = face_of(asked, row, standing, whose or {dossier.applicant_id}, person)
    return {
        "requirement": row.requirement,
        "about": asked.subject_role,
        "outcome": face.outcome.value,
        "satisfied": row.satisfied,
        "reason": face.reason.code,
        "reasonParameters": dict(face.reason.params),
        "declinedReuse": row.declined,
        "shownOfOthers": [
            {"register": one.register, "claims": one.claims, "legalBasis": one.legal_basis}
            for one in face.evidence
            if one.subject_id != subject
        ],
    }


def _evidence(row: DossierEvidence) -> dict[str, Any]:
    return {
        "requirement": row.requirement,
        "document": row.document_id,
        "version": row.version_id,
        "register": row.register,
        "documentType": row.document_type,
        "claims": row.claims,
        "whole": row.whole,
        "legalBasis": row.legal_basis,
        "article": row.article,
        "consent": row.consent_id,
        "sealedSha256": row.digest.hex() if row.digest is not None else None,
        "pinnedAt": row.pinned_at,
        "revokedAt": row.revoked_at,
    }


def _ask(row: DossierAsk, words: Words) -> dict[str, Any]:
    return {
        "requirement": row.requirement,
        "field": row.field_key,
        "kind": row.kind,
        "fit": row.fit,
        "askedAt": row.asked_at,
        "declinedReuse": row.declined,
        "legalReason": row.legal_reason,
        "reason": words.get(row.id, {}).get("ask.reason"),
        "dueOn": row.due_on,
        "answeredAt": row.answered_at,
        "retractedAt": row.retracted_at,
    }


def _override(row: DossierOverride, words: Words) -> dict[str, Any]:
    return {
        "requirement": row.requirement,
        "legalReason": row.legal_reason,
        "article": row.article,
        "text": words.get(row.id, {}).get("override.text"),
        "at": row.at,
        "objectedAt": row.objected_at,
    }


def _is_told(event: DossierEvent) -> bool:
    return event.to_status is not None or event.kind in TOLD_EVENTS


def _event(row: DossierEvent, words: Words) -> dict[str, Any]:
    note = _note_of(row)
    return {
        "kind": row.kind,
        "at": row.at,
        "from": row.from_status,
        "to": row.to_status,
        "by": row.actor_kind,
        "requirement": row.requirement,
        "words": words.get(note, {}).get("objection") if note is not None else None,
    }


def _probe(row: RegisterProbe) -> dict[str, Any]:
    return {
        "database": row.database,
        "documentType": row.document_type,
        "answer": row.probe,
        "document": row.document_id,
        "at": row.at,
    }
