"""Proofs a person had made, told again without what they say, and taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import strawberry

from resolvers.connections import PageInfo, global_id, page_of, read_uuid
from resolvers.context import AppInfo, Context
from resolvers.planning import claim_labels
from resolvers.problems import UserError
from store.database import Tx
from vault.issuing import withdrawing
from vault.issuing.withdrawing import ProofView

KINDS: Final = {"cwt": "ATTESTATION", "sd-jwt": "CREDENTIAL"}


@strawberry.type(
    description="A proof the caller or a ward had made. What it says was shown once and is kept nowhere. `kind`:"
    " ATTESTATION, printed; CREDENTIAL, for an app. `title`: of the document it is over."
)
class Proof:
    id: strawberry.ID
    kind: str
    document: strawberry.ID
    title: str
    claims: list[str] = strawberry.field(description="What it shows, or lets its app show.")
    made_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None

    @classmethod
    def of(cls, view: ProofView, context: Context) -> "Proof":
        kind = context.law.document_types.get(view.document_type)
        return cls(
            id=global_id("Proof", view.id),
            kind=KINDS[view.form],
            document=global_id("Document", view.document),
            title=kind.name.in_language(context.language) if kind is not None else view.document_type,
            claims=claim_labels(context.law, list(view.claims), context.language),
            made_at=view.made_at,
            expires_at=view.expires_at,
            withdrawn_at=view.withdrawn_at,
        )


@strawberry.type
class ProofEdge:
    node: Proof
    cursor: str


@strawberry.type
class ProofConnection:
    edges: list[ProofEdge]
    page_info: PageInfo


@strawberry.input
class WithdrawProofInput:
    idempotency_key: UUID
    proof: strawberry.ID


@strawberry.type
class WithdrawProofPayload:
    proof: Proof | None
    errors: list[UserError]


async def my_proofs(info: AppInfo, first: int, after: str | None = None) -> ProofConnection:
    """Newest first, those that have ended and those taken back among them."""
    context = info.context

    async def fetch(start: str | None, limit: int) -> Sequence[ProofView]:
        async with context.reading() as tx:
            return await withdrawing.my_proofs(tx, context.caller, UUID(start) if start else None, limit)

    rows, page = await page_of(
        context.house.cursors, "myProofs", first, after, fetch, lambda row: str(row.id)
    )
    edges = [
        ProofEdge(node=Proof.of(row, context), cursor=cursor)
        for row, cursor in zip(rows, page.cursors, strict=True)
    ]
    return ProofConnection(edges=edges, page_info=page.info)


async def withdraw_proof(info: AppInfo, input: WithdrawProofInput) -> WithdrawProofPayload:  # noqa: A002
    """Acknowledged after commit: every list fetched afterwards says that it does not hold."""
    context = info.context

    async def do(tx: Tx) -> UUID:
        proof = read_uuid(input.proof, "Proof")
        await withdrawing.withdraw_proof(tx, context.caller, proof, context.now)
        return proof

    made, errors = await context.act("withdrawProof", input, do)
    if made is None:
        return WithdrawProofPayload(proof=None, errors=errors)
    async with context.reading() as tx:
        view = await withdrawing.my_proof(tx, context.caller, made)
    return WithdrawProofPayload(proof=Proof.of(view, context) if view is not None else None, errors=errors)
