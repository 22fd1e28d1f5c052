"""What a system reads under a person's grant: the claims they agreed to, of the paper they agreed to, a few times."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller, GrantKind
from auth.errors import NotFound
from auth.policy import Action, require
from store.database import Tx
from vault.disclosure import Disclosure, UnderGrant, disclose
from vault.errors import ConsentFault, ConsentMissing
from vault.permission.limits import Mode
from vault.permission.receipt import limits_of
from vault.permission.views import items_of
from vault.records import AccessRequest, Consent
from vault.safe import Safe


@dataclass(frozen=True, slots=True)
class ReadGrant:
    """What was read. `uses_left` after it; `ledger_id` is its line of the access log. `claims`: their values, or None
    for each where the person let the system only verify that the paper is in force and states them.

    `retain_until`: the last day what was read may be kept; it comes with every reading.
    """

    document_type: str
    mode: Mode
    claims: Mapping[str, Any] = field(repr=False)
    disputed: frozenset[str]
    retain_until: date
    uses_left: int
    ledger_id: int


async def read_granted(
    tx: Tx, caller: Caller, safe: Safe, now: datetime, *, replayed: bool = False
) -> ReadGrant:
    """Read what the caller's grant is for; spends a use, unless it is the same request `replayed`.

    Raises NotFound without a grant of this kind, and as `vault.disclosure.disclose`, GrantSpent among it.
    """
    require(caller, Action.READ_GRANTED)
    if caller.grant is None or caller.grant.kind is not GrantKind.ACCESS:
        raise NotFound
    request = await _given(tx, caller.grant.id)
    consent = await tx.get(Consent, request.consent_id) if request.consent_id is not None else None
    if consent is None or consent.valid_until is None:
        raise ConsentMissing(ConsentFault.NONE)
    (item,) = items_of(consent)
    if item.version is None:
        raise ConsentMissing(ConsentFault.NOT_COVERED)
    disclosed = await disclose(
        tx,
        caller,
        Disclosure(
            subject=consent.subject_id,
            dossier=None,
            requirement=None,
            version=item.version,
            claims=frozenset(item.claims),
            purpose=consent.purpose,
            basis=UnderGrant(consent.id, request.id, again=replayed),
        ),
        safe,
    )
    request = await _given(tx, request.id)
    return ReadGrant(
        document_type=item.document_type,
        mode=limits_of(consent).mode,
        claims=disclosed.claims,
        disputed=disclosed.disputed,
        retain_until=limits_of(consent).retain_until(now, consent.valid_until),
        uses_left=request.max_uses - request.uses,
        ledger_id=disclosed.ledger_id,
    )


async def _given(tx: Tx, request: UUID) -> AccessRequest:
    query = select(AccessRequest).where(AccessRequest.id == request)
    row = await tx.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NotFound
    return row
