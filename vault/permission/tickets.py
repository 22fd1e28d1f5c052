"""A ticket opens the bytes of one document once, within a minute, for the caller it was made for.

A download that outlives its page needs an address; the address carries ids and a signature, nothing of anyone.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from auth.caller import Caller
from auth.errors import NotFound, TokenRefused
from auth.facts import DocumentFacts
from auth.policy import Action, require
from auth.tokens import CONTENT_TICKET
from store.database import Tx
from store.identifiers import new_id
from store.past_requests import Past, recall, remember, request_hash
from vault.documents import my_document
from vault.safe import Safe

AUDIENCE = "content"


@dataclass(frozen=True, slots=True)
class Ticket:
    text: str = field(repr=False)
    expires_at: datetime


async def issue_ticket(tx: Tx, caller: Caller, document: UUID, safe: Safe, now: datetime) -> Ticket:
    """For the caller's own document. Raises NotFound."""
    holding = await my_document(tx, caller, document)
    require(caller, Action.OPEN_DOCUMENT, DocumentFacts(holding.subject))
    claims = {"sub": str(caller.id), "aud": AUDIENCE, "jti": str(new_id()), "doc": str(document)}
    lifetime = CONTENT_TICKET.longest
    text = safe.receipts.sign(CONTENT_TICKET, claims, lifetime=lifetime, now=now)
    return Ticket(text, now + lifetime)


async def spend_ticket(
    tx: Tx, caller: Caller, document: UUID, ticket: str, safe: Safe, now: datetime
) -> None:
    """Use the ticket up, in the transaction that opens the bytes. Raises NotFound for any other one."""
    try:
        claims = safe.receipts.verify(CONTENT_TICKET, ticket, audience=AUDIENCE, now=now)
    except TokenRefused as refused:
        raise NotFound from refused
    if (claims["sub"], claims["doc"]) != (str(caller.id), str(document)):
        raise NotFound
    spent = Past(
        f"{caller.kind.value}:{caller.id}", "content", UUID(claims["jti"]), request_hash(claims["doc"])
    )
    if await recall(tx, spent) is not None:
        raise NotFound
    await remember(tx, spent, document, None, now)
