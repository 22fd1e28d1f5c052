"""Everything the log holds about one person, with proof that it is everything up to a stated place.

What a verifier needs and nothing else: each line with its salt, its place and its proof; the newest line
`log.heads` with its own; the person's way through the tree it commits to. See docs/log.
"""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from store import ledger, merkle
from store.database import Tx
from store.errors import NotSealed
from store.ledger import Line
from store.log import heads
from store.log.covering import path_of
from store.records import Checkpoint, HeadRoot, LedgerEntry, LogLeaf, SubjectHead

FORMAT = "motlan-log-bundle-1"


async def bundle(tx: Tx, subjects: Sequence[UUID]) -> dict[str, Any]:
    """For each of these, who must be the actor's own. Raises NotSealed before the first head."""
    # No sealing between two of the reads below, or they would speak of two logs.
    await tx.execute(text("SELECT pg_advisory_xact_lock_shared(hashtext('motlan seal'))"))
    root = await tx.scalar(select(HeadRoot).order_by(HeadRoot.log_index.desc()).limit(1))
    head = await ledger.published(tx)
    if root is not None and (head is None or head.size <= root.log_index):
        head = await ledger.checkpoint(tx)
    if head is None:
        raise NotSealed
    return {
        "format": FORMAT,
        "checkpoint": await ledger.published_note(tx, head),
        "heads": await _heads(tx, root, head) if root is not None else None,
        "subjects": [await _subject(tx, one, head) for one in subjects],
    }


async def _heads(tx: Tx, root: HeadRoot, head: Checkpoint) -> dict[str, Any]:
    leaf = (await tx.scalars(select(LogLeaf.leaf).where(LogLeaf.log_index == root.log_index))).one()
    proof = await ledger.inclusion_path(tx, root.log_index, head.size)
    return {"log_index": root.log_index, "leaf": leaf.decode(), "proof": _base64(proof)}


async def _subject(tx: Tx, subject: UUID, head: Checkpoint) -> dict[str, Any]:
    mine = select(LedgerEntry).where(LedgerEntry.subject_id == subject).order_by(LedgerEntry.log_index)
    rows = [row for row in (await tx.scalars(mine)).all() if row.log_index is not None]
    sealed = [Line.of(row) for row in rows if row.log_index is not None and row.log_index < head.size]
    places = [line.log_index for line in sealed if line.log_index is not None]
    wanted = frozenset(node for at in places for node in merkle.nodes_of_inclusion(at, head.size))
    nodes = await ledger.nodes_of(tx, wanted) if wanted else {}
    covered = await tx.scalar(select(SubjectHead.covered_count).where(SubjectHead.subject_id == subject))
    return {
        "subject": str(subject),
        "lines": [
            asdict(line) | {"proof": _base64(merkle.inclusion_proof(at, head.size, nodes))}
            for line, at in zip(sealed, places, strict=True)
        ],
        "path": _base64(await path_of(tx, heads.key_of(subject))) if covered else None,
    }


def _base64(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(value).decode() for value in hashes]
