"""What one person allowed, was asked for and handed out, and what of theirs has arrived and is no paper yet.

Told as `vault.export.papers` tells. Who used a permission is an agency, as in every other place; secrets of codes and
of uploads are kept as hashes alone and are not told.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select

from store.database import Tx
from vault.export.papers import Told
from vault.issuing.records import Attestation
from vault.permission.views import uses_of, view
from vault.records import AccessRequest, Consent, ConsentEvent, ErasureRequest, Share, Upload

R = TypeVar("R", Consent, AccessRequest, Attestation, Share, Upload)


async def consents(tx: Tx, subject: UUID, after: UUID | None, limit: int, now: datetime) -> list[Told]:
    """Consents and requests for one, whatever became of them, each with its history."""
    rows = await _page(tx, Consent, Consent.subject_id == subject, after, limit)
    asked = select(ErasureRequest).where(ErasureRequest.consent_id.in_([row.id for row in rows]))
    erased = {one.consent_id: _erasure(one) for one in await tx.scalars(asked)}
    uses = await uses_of(tx, [row.id for row in rows])
    events: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    history = select(ConsentEvent).where(ConsentEvent.consent_id.in_([row.id for row in rows]))
    for event in await tx.scalars(history.order_by(ConsentEvent.id)):
        told = {"state": event.state, "at": event.at, "logLine": event.ledger_id}
        events[event.consent_id].append(told)
    return [
        {
            "id": row.id,
            "recipient": row.recipient_agency,
            "purpose": row.purpose,
            "dossier": row.purpose_ref,
            "items": row.items,
            "noticeSha256": row.notice_sha256,
            "language": row.language,
            "status": shown.status.value,
            "requestedAt": row.requested_at,
            "givenAt": row.given_at,
            "givenByRepresentative": row.given_by is not None and row.given_by != subject,
            "validUntil": row.valid_until,
            "withdrawnAt": row.withdrawn_at,
            "noticeText": shown.text,
            "record": shown.record,
            "uses": shown.uses,
            "receipt": row.receipt,
            "erasure": erased.get(row.id),
            "events": events[row.id],
        }
        for row, shown in ((row, view(row, now, uses.get(row.id, 0))) for row in rows)
    ]


def _erasure(row: ErasureRequest) -> Told:
    return {
        "cause": row.cause,
        "askedAt": row.asked_at,
        "replyBy": row.reply_by,
        "dueOn": row.due_on,
        "repliedAt": row.replied_at,
        "extendedAt": row.extended_at,
        "endedAt": row.ended_at,
        "outcome": row.outcome,
        "article": row.article,
    }


async def access_requests(tx: Tx, subject: UUID, after: UUID | None, limit: int) -> list[Told]:
    """What agencies' systems asked for."""
    rows = await _page(tx, AccessRequest, AccessRequest.subject_id == subject, after, limit)
    return [
        {
            "id": row.id,
            "agency": row.agency_id,
            "documentType": row.document_type,
            "claims": row.claims,
            "purpose": row.purpose,
            "message": row.message,
            "maxUses": row.max_uses,
            "limits": row.limits,
            "uses": row.uses,
            "status": row.status,
            "consent": row.consent_id,
            "requestedAt": row.requested_at,
            "expiresAt": row.expires_at,
        }
        for row in rows
    ]


async def shares(tx: Tx, subject: UUID, after: UUID | None, limit: int) -> list[Told]:
    """Codes handed out."""
    rows = await _page(tx, Share, Share.subject_id == subject, after, limit)
    return [
        {
            "id": row.id,
            "document": row.document_id,
            "version": row.version_id,
            "claims": row.claims,
            "audience": row.audience,
            "uses": row.uses,
            "maxUses": row.max_uses,
            "createdAt": row.created_at,
            "expiresAt": row.expires_at,
            "revokedAt": row.revoked_at,
            "receipt": row.receipt,
        }
        for row in rows
    ]


async def proofs(tx: Tx, subject: UUID, after: UUID | None, limit: int) -> list[Told]:
    """Proofs carried away: what each is over and shows by name. What it said was kept nowhere."""
    rows = await _page(tx, Attestation, Attestation.subject_id == subject, after, limit)
    return [
        {
            "id": row.id,
            "document": row.document_id,
            "version": row.version_id,
            "form": row.form,
            "claims": row.claims,
            "statusList": row.list,
            "statusIndex": row.place,
            "createdAt": row.created_at,
            "expiresAt": row.expires_at,
            "withdrawnAt": row.withdrawn_at,
        }
        for row in rows
    ]


async def uploads(tx: Tx, subject: UUID, after: UUID | None, limit: int) -> list[Told]:
    """What was announced for this person by whoever asks, and not swept yet. Its bytes are no paper before it is
    claimed, and gone within a day."""
    rows = await _page(tx, Upload, Upload.subject_id == subject, after, limit)
    return [
        {
            "id": row.id,
            "type": row.type,
            "mediaType": row.media_type,
            "sizeBytes": row.size_bytes,
            "dossier": row.dossier_id,
            "requirement": row.requirement,
            "announcedAt": row.created_at,
            "arrivedAt": row.arrived_at,
            "claimedAt": row.claimed_at,
            "expiresAt": row.expires_at,
        }
        for row in rows
    ]


async def _page(
    tx: Tx, record: type[R], wanted: ColumnElement[bool], after: UUID | None, limit: int
) -> list[R]:
    query = select(record).where(wanted)
    if after is not None:
        query = query.where(record.id < after)
    return list(await tx.scalars(query.order_by(record.id.desc()).limit(limit)))
