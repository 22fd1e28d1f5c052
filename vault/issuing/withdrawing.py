"""Proofs as their person sees them again, and taking one back: what it says is kept nowhere, that it was made is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select

from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import SubjectFacts
from auth.policy import Action, reach, require
from store import ledger
from store.database import Tx
from vault.issuing.records import Attestation
from vault.records import Document


@dataclass(frozen=True, slots=True)
class ProofView:
    """`form`: cwt, printed; sd-jwt, for an app. `claims`: names of what it shows or could show, never values."""

    id: UUID
    document: UUID
    document_type: str
    form: str
    claims: tuple[str, ...]
    made_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None


async def withdraw_proof(tx: Tx, caller: Caller, proof_id: UUID, now: datetime) -> None:
    """Take one back for good: its list says so from this commit on; logged. Again changes nothing.

    Raises NotFound.
    """
    row = await tx.get(Attestation, proof_id)
    if row is None:
        raise NotFound
    require(caller, Action.WITHDRAW_PROOF, SubjectFacts(row.subject_id))
    # Its paper's changes write how it stands too: whichever of the two comes second must see the first.
    await tx.execute(select(Document.id).where(Document.id == row.document_id).with_for_update())
    await tx.refresh(row)
    if row.withdrawn_at is not None:
        return
    row.withdrawn_at = now
    await tx.flush()
    entry = ledger.Entry(
        kind="proof.withdrawn",
        subject_id=row.subject_id,
        outcome="SUCCESS",
        purpose=f"attestation:{row.form}",
        legal_basis="OWN",
        claims=tuple(row.claims),
        documents=(row.document_id,),
    )
    await ledger.record(tx, caller.actor, entry, now)


async def my_proofs(tx: Tx, caller: Caller, after: UUID | None, limit: int) -> Sequence[ProofView]:
    """What the caller and their wards had made, newest first, after the one of that id."""
    query = _views().where(Attestation.subject_id.in_(reach(caller).subjects))
    if after is not None:
        query = query.where(Attestation.id < after)
    rows = await tx.execute(query.order_by(Attestation.id.desc()).limit(limit))
    return [_view(row.Attestation, row.type) for row in rows]


async def my_proof(tx: Tx, caller: Caller, proof_id: UUID) -> ProofView | None:
    """One of them; None for everybody else's."""
    query = _views().where(Attestation.id == proof_id, Attestation.subject_id.in_(reach(caller).subjects))
    row = (await tx.execute(query)).one_or_none()
    return _view(row.Attestation, row.type) if row is not None else None


def _views() -> Select[Attestation, str]:
    return select(Attestation, Document.type).join(Document, Document.id == Attestation.document_id)


def _view(row: Attestation, document_type: str) -> ProofView:
    return ProofView(
        row.id,
        row.document_id,
        document_type,
        row.form,
        tuple(row.claims),
        row.created_at,
        row.expires_at,
        row.withdrawn_at,
    )
