"""Commits, in the log itself, to how many lines there are about everybody. For the loops' role.

Only people something was written about since the last time are hashed anew, and the nodes above them.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, text, update

from store import ledger
from store.checkpoints import LogSigner
from store.database import Tx
from store.log import heads
from store.log.heads import BUCKET_DEPTH, NOBODY, Node
from store.log.rhythm import own_entry, seal_own
from store.records import HeadLeaf, HeadNode, HeadRoot, SubjectHead


async def cover(tx: Tx, signer: LogSigner, now: datetime, *, publish: bool = True) -> bool:
    """A line `log.heads` over everything sealed so far, unless nothing was sealed about anybody since the last;
    whether there was one. Raises LogBroken."""
    await ledger.hold_sealing(tx)
    changed = (
        await tx.scalars(select(SubjectHead).where(SubjectHead.covered_count < SubjectHead.count))
    ).all()
    head = await ledger.checkpoint(tx)
    if not changed or head is None:
        return False
    leaves = {heads.key_of(one.subject_id): one for one in changed}
    await _upsert_leaves(tx, [(key, heads.leaf_of(key, one.count, one.head)) for key, one in leaves.items()])
    people, root = await _raise(tx, {heads.prefix_of(key) for key in leaves})
    await tx.execute(
        update(SubjectHead)
        .where(SubjectHead.covered_count < SubjectHead.count)
        .values(covered_count=SubjectHead.count)
    )
    said = {"root": root.hex(), "size": head.size, "subjects": people}
    await tx.execute(insert(HeadRoot).values(log_index=head.size, root=root, subjects=people, at=now))
    await seal_own(tx, signer, own_entry("log.heads", said), now, publish=publish)
    return True


async def path_of(tx: Tx, key: bytes) -> list[bytes]:
    """The siblings beside a person's way down from the newest root; anybody may read them."""
    siblings: list[bytes] = []
    for depth in range(BUCKET_DEPTH):
        prefix = heads.prefix_of(key, depth + 1)
        beside = await _nodes(tx, depth + 1, {prefix, prefix ^ 1})
        mine, other = beside.get(prefix, NOBODY), beside.get(prefix ^ 1, NOBODY)
        if mine[0] + other[0] < 2:
            return siblings
        siblings.append(other[1])
    bucket = await _buckets(tx, {heads.prefix_of(key)})
    return siblings + heads.path(key, bucket[heads.prefix_of(key)], BUCKET_DEPTH)


async def _raise(tx: Tx, prefixes: set[int]) -> Node:
    """Hash the changed buckets and everything above them; the root."""
    buckets = await _buckets(tx, prefixes)
    fresh = {prefix: heads.subtree(leaves, BUCKET_DEPTH) for prefix, leaves in buckets.items()}
    await _upsert_nodes(tx, BUCKET_DEPTH, fresh)
    for depth in reversed(range(BUCKET_DEPTH)):
        parents = {prefix >> 1 for prefix in fresh}
        known = await _nodes(
            tx, depth + 1, {2 * one + side for one in parents for side in (0, 1)} - set(fresh)
        )
        below = known | fresh
        fresh = {
            one: heads.joined(below.get(2 * one, NOBODY), below.get(2 * one + 1, NOBODY)) for one in parents
        }
        await _upsert_nodes(tx, depth, fresh)
    return fresh[0]


async def _buckets(tx: Tx, prefixes: Collection[int]) -> dict[int, list[tuple[bytes, bytes]]]:
    found: dict[int, list[tuple[bytes, bytes]]] = {prefix: [] for prefix in prefixes}
    ranges = text(
        "SELECT l.key, l.hash FROM unnest(CAST(:low AS bytea[]), CAST(:high AS bytea[])) AS r (low, high)"
        " JOIN head_leaves l ON l.key >= r.low AND l.key <= r.high"
    )
    ends = {
        "low": [prefix.to_bytes(2, "big") for prefix in prefixes],
        "high": [prefix.to_bytes(2, "big") + b"\xff" * 30 for prefix in prefixes],
    }
    for key, value in await tx.execute(ranges, ends):
        found[heads.prefix_of(key)].append((key, value))
    return found


async def _nodes(tx: Tx, depth: int, prefixes: Collection[int]) -> dict[int, Node]:
    wanted = select(HeadNode.prefix, HeadNode.subjects, HeadNode.hash)
    rows = await tx.execute(wanted.where(HeadNode.depth == depth, HeadNode.prefix.in_(prefixes)))
    return {prefix: (subjects, value) for prefix, subjects, value in rows}


async def _upsert_leaves(tx: Tx, leaves: Iterable[tuple[bytes, bytes]]) -> None:
    rows = [{"key": key, "hash": value} for key, value in leaves]
    await _upsert(tx, HeadLeaf.__tablename__, ("key",), ("hash",), rows)


async def _upsert_nodes(tx: Tx, depth: int, nodes: dict[int, Node]) -> None:
    rows = [
        {"depth": depth, "prefix": prefix, "subjects": node[0], "hash": node[1]}
        for prefix, node in nodes.items()
    ]
    await _upsert(tx, HeadNode.__tablename__, ("depth", "prefix"), ("subjects", "hash"), rows)


async def _upsert(
    tx: Tx, table: str, key: tuple[str, ...], values: tuple[str, ...], rows: list[dict[str, Any]]
) -> None:
    names = (*key, *values)
    statement = text(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in values)}"
    )
    await tx.execute(statement, rows)
