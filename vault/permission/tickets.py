"""A ticket opens the bytes of one document, or all that is kept about one person, within a minute, for the caller it
was made for.

A download that outlives its page needs an address; the address carries ids and a signature, nothing of anyone. It
is spent by its first use. For the rest of its minute the session that spent it may go on reading what it opened,
range by range: one opening, one log line. A ticket for everything is tied to the session that asked for it from the
start, and opens nothing twice.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller
from auth.errors import NotFound, TokenRefused
from auth.facts import DocumentFacts, SubjectFacts
from auth.policy import Action, require
from auth.tokens import CONTENT_TICKET
from store.database import Tx
from store.errors import IdempotencyConflict
from store.identifiers import new_id
from store.past_requests import Past, recall, remember, request_hash
from vault.documents import my_document
from vault.records import DocumentVersion
from vault.safe import Safe
from vault.showing.thumbnails import can_be_shown


class Form(StrEnum):
    """What a ticket opens: the audience it is signed for."""

    CONTENT = "content"
    THUMBNAIL = "thumbnail"
    EXPORT = "export"
    ATTESTED = "attested"


@dataclass(frozen=True, slots=True)
class Ticket:
    id: UUID
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tickets:
    """`thumbnail` is None for what has no picture to show."""

    content: Ticket
    thumbnail: Ticket | None


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket presented, its row held. `version`: what it opened before, in this very session."""

    document: UUID
    past: Past
    version: UUID | None
    attestation: UUID | None = None


async def issue_tickets(tx: Tx, caller: Caller, document: UUID, safe: Safe, now: datetime) -> Tickets:
    """For the caller's own document. Raises NotFound."""
    holding = await my_document(tx, caller, document)
    require(caller, Action.OPEN_DOCUMENT, DocumentFacts(holding.subject))
    kept = select(DocumentVersion.media_type, DocumentVersion.size_bytes)
    row = (await tx.execute(kept.where(DocumentVersion.id == holding.version))).one()
    shown = row.media_type is not None and can_be_shown(row.media_type, row.size_bytes)
    return Tickets(
        _ticket(caller, document, Form.CONTENT, safe, now),
        _ticket(caller, document, Form.THUMBNAIL, safe, now) if shown else None,
    )


async def hold_ticket(tx: Tx, caller: Caller, shown: "Shown", safe: Safe, now: datetime) -> Held:
    """The ticket, held until the transaction ends. Raises NotFound for any but the caller's own for this document,
    and for one spent in another session."""
    try:
        claims = safe.receipts.verify(CONTENT_TICKET, shown.ticket, audience=shown.form, now=now)
    except TokenRefused as refused:
        raise NotFound from refused
    if (claims["sub"], claims["doc"]) != (str(caller.id), str(shown.document)):
        raise NotFound
    bound = request_hash([claims["doc"], str(caller.session)])
    past = Past(f"{caller.kind.value}:{caller.id}", shown.form, UUID(claims["jti"]), bound)
    try:
        before = await recall(tx, past)
    except IdempotencyConflict as elsewhere:
        raise NotFound from elsewhere
    attestation = UUID(claims["att"]) if "att" in claims else None
    return Held(shown.document, past, before.made if before is not None else None, attestation)


async def spend_ticket(tx: Tx, held: Held, version: UUID, now: datetime) -> None:
    """Use it up, in the transaction that opens the bytes."""
    await remember(tx, held.past, version, None, now)


def issue_attested_ticket(
    caller: Caller, document: UUID, attestation: UUID, safe: Safe, now: datetime
) -> Ticket:
    """For the file an attestation speaks of, in the transaction that made it for the caller."""
    return _ticket(caller, document, Form.ATTESTED, safe, now, attestation)


def issue_export_ticket(caller: Caller, subject: UUID | None, safe: Safe, now: datetime) -> Ticket:
    """For everything about the caller or their ward. Raises NotFound, AccessDenied, StepUpRequired."""
    require(caller, Action.EXPORT_MY_DATA, SubjectFacts(subject))
    if subject is None:
        raise NotFound
    return _ticket(caller, subject, Form.EXPORT, safe, now)


async def spend_export_ticket(
    tx: Tx, caller: Caller, export: UUID, ticket: str, safe: Safe, now: datetime
) -> UUID:
    """Use it up, in the transaction that writes the export down; whose it is. Whether the caller may still have it is
    asked again.

    Raises NotFound for any but this one's own, in the session it was made in, not used before; AccessDenied,
    StepUpRequired.
    """
    try:
        claims = safe.receipts.verify(CONTENT_TICKET, ticket, audience=Form.EXPORT, now=now)
    except TokenRefused as refused:
        raise NotFound from refused
    own = (str(caller.id), str(export), str(caller.session))
    if caller.session is None or (claims["sub"], claims["jti"], claims.get("sid")) != own:
        raise NotFound
    subject = UUID(claims["doc"])
    require(caller, Action.EXPORT_MY_DATA, SubjectFacts(subject))
    past = Past(f"{caller.kind.value}:{caller.id}", Form.EXPORT, export, request_hash([claims["doc"]]))
    if await recall(tx, past) is not None:
        raise NotFound
    await remember(tx, past, subject, None, now)
    return subject


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket as it was presented: for which document, to open it in which form."""

    document: UUID
    form: Form
    ticket: str = field(repr=False)


def _ticket(
    caller: Caller, thing: UUID, form: Form, safe: Safe, now: datetime, attestation: UUID | None = None
) -> Ticket:
    id_, lifetime = new_id(), CONTENT_TICKET.longest
    claims = {"sub": str(caller.id), "aud": str(form), "jti": str(id_), "doc": str(thing)}
    if attestation is not None:
        claims["att"] = str(attestation)
    if form is Form.EXPORT:
        claims["sid"] = str(caller.session)
    text = safe.receipts.sign(CONTENT_TICKET, claims, lifetime=lifetime, now=now)
    return Ticket(id_, text, now + lifetime)
