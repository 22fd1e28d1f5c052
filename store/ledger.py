"""The access log: a line with every act on somebody's data, sealed afterwards into one tree in commit order.

A line enters in the transaction of what it records, unchained, so that writers never queue on the log's head;
if the line cannot be written the act does not happen. The sealing loop gives lines their places. Between the
two a line is committed but unsealed: that window is the loop's interval.

What is sealed (standards.md §4) carries nothing about anybody: the leaf commits to the line under a salt of
its own, and names only the kind and the hour. Erasing line and salt detaches the person; the tree stays whole.
"""

import base64
import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import func, insert, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from store import merkle
from store.checkpoints import LogSigner
from store.database import Actor, Tx
from store.errors import LogBroken, NotSealed
from store.merkle import Node
from store.records import MOST_COUNTED, Checkpoint, LedgerEntry, LogLeaf, LogNode


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written down. Names of claims and ids of documents, never a value.

    `kind`: vault.read, vault.deposit, consent.given, dossier.refused_ask …; `outcome`: done or refused;
    `legal_basis`: CONSENT, LEGAL_DUTY, OWN, with its `article` where the law is the basis.
    """

    kind: str
    subject_id: UUID | None
    outcome: str
    purpose: str
    legal_basis: str
    claims: tuple[str, ...] = ()
    documents: tuple[UUID, ...] = ()
    dossier_id: UUID | None = None
    consent_id: UUID | None = None
    requirement: str | None = None
    reason: str | None = None
    article: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        return {
            "purpose": self.purpose,
            "legal_basis": self.legal_basis,
            "claims": list(self.claims),
            "documents": [str(document) for document in self.documents],
            "requirement": self.requirement,
            "reason": self.reason,
            "article": self.article,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log in the words its leaf commits to. `count` is its number among its subject's lines."""

    id: int
    at: str
    kind: str
    subject: str | None
    actor_kind: str
    actor: str | None
    agency: str | None
    dossier: str | None
    consent: str | None
    outcome: str
    entry: dict[str, Any]
    salt: str
    log_index: int | None
    count: int | None

    @classmethod
    def of(cls, row: LedgerEntry, log_index: int | None, count: int | None) -> "Line":
        return cls(
            id=row.id,
            at=row.at.astimezone(UTC).isoformat(timespec="microseconds"),
            kind=row.kind,
            subject=_words(row.subject_id),
            actor_kind=row.actor_kind,
            actor=_words(row.actor_id),
            agency=_words(row.agency_id),
            dossier=_words(row.dossier_id),
            consent=_words(row.consent_id),
            outcome=row.outcome,
            entry=row.entry,
            salt=row.salt.hex(),
            log_index=log_index,
            count=count,
        )

    @property
    def leaf(self) -> bytes:
        """JCS of the salted commitment `c`, the UTC hour `h`, the kind `k`, the form's version `v`."""
        said = {name: value for name, value in asdict(self).items() if name not in ("salt", "log_index")}
        commitment = hashlib.sha256(bytes.fromhex(self.salt) + rfc8785.dumps(said)).digest()
        c = base64.urlsafe_b64encode(commitment).rstrip(b"=").decode()
        return rfc8785.dumps({"c": c, "h": self.at[:13], "k": self.kind, "v": 1})


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Proof that a leaf stands at `log_index` in the tree the checkpoint `note` signs."""

    log_index: int
    leaf: bytes
    proof: list[bytes]
    note: str

    @property
    def text(self) -> str:
        """As published: c2sp.org/tlog-proof@v1."""
        hashes = "".join(f"{base64.b64encode(value).decode()}\n" for value in self.proof)
        return f"c2sp.org/tlog-proof@v1\nindex {self.log_index}\n{hashes}\n{self.note}"


async def record(tx: Tx, actor: Actor, entry: Entry, now: datetime) -> int:
    """Write one line and return its id. Ids grow in the order of the calls: take locks first.

    `actor` must be the transaction's own; the database refuses a line in another's name.
    """
    given = (actor.kind, actor.id, now, entry.kind, entry.subject_id, entry.dossier_id, entry.consent_id)
    body = literal(entry.body, JSONB)
    appended = select(func.append_ledger(*given, entry.outcome, body, secrets.token_bytes(32)))
    line: int = (await tx.scalars(appended)).one()
    return line


async def count_unsealed(tx: Tx) -> int:
    """Committed lines without a place, up to `MOST_COUNTED`. For the loops' role."""
    some = select(LedgerEntry.id).where(LedgerEntry.log_index.is_(None)).limit(MOST_COUNTED).subquery()
    return (await tx.scalars(select(func.count()).select_from(some))).one()


async def seal(tx: Tx, signer: LogSigner, now: datetime, limit: int = 1024) -> int:
    """Give up to `limit` committed lines their places, by id, and sign the new head. Returns how many.

    For the loops' role. A line whose transaction commits late gets a later place, whatever its id: the order
    of the tree is the order of sealing, so no place is ever left open or filled again. Raises LogBroken.
    """
    # One sealer at a time, or two would give out the same places.
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('motlan seal'))"))
    unsealed = (
        select(LedgerEntry).where(LedgerEntry.log_index.is_(None)).order_by(LedgerEntry.id).limit(limit)
    )
    rows = (await tx.scalars(unsealed)).all()
    if not rows:
        return 0
    size, peaks = await _sealed_tree(tx)
    lines = _numbered(rows, size, await _counts(tx, {row.subject_id for row in rows}))
    leaves = [line.leaf for line in lines]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    made = merkle.grown(size, peaks, hashes)
    await _place(tx, lines)
    await tx.execute(
        insert(LogLeaf),
        [
            {"log_index": line.log_index, "ledger_id": line.id, "leaf": leaf, "hash": value}
            for line, leaf, value in zip(lines, leaves, hashes, strict=True)
        ],
    )
    inner = [{"level": level, "position": at, "hash": made[level, at]} for level, at in made if level]
    if inner:
        await tx.execute(insert(LogNode), inner)
    root = merkle.root(size + len(lines), peaks | made)
    note = signer.signed(size + len(lines), root)
    await tx.execute(insert(Checkpoint).values(size=size + len(lines), root=root, note=note, at=now))
    return len(lines)


async def checkpoint(tx: Tx) -> Checkpoint | None:
    """The newest signed head, or None before the first sealing."""
    newest: Checkpoint | None = await tx.scalar(select(Checkpoint).order_by(Checkpoint.size.desc()).limit(1))
    return newest


async def inclusion(tx: Tx, log_index: int) -> Inclusion:
    """Prove a leaf under the newest head. Anybody may ask. Raises NotSealed."""
    head = await checkpoint(tx)
    leaf = await tx.get(LogLeaf, log_index)
    if head is None or leaf is None or log_index >= head.size:
        raise NotSealed
    nodes = await _nodes(tx, merkle.nodes_of_inclusion(log_index, head.size))
    return Inclusion(log_index, leaf.leaf, merkle.inclusion_proof(log_index, head.size, nodes), head.note)


async def consistency(tx: Tx, old: int, size: int) -> list[bytes]:
    """Prove that the log of `size` leaves extends that of `old`. Raises NotSealed."""
    head = await checkpoint(tx)
    if head is None or not 0 < old <= size <= head.size:
        raise NotSealed
    return merkle.consistency_proof(old, size, await _nodes(tx, merkle.nodes_of_consistency(old, size)))


def _words(value: UUID | None) -> str | None:
    return None if value is None else str(value)


async def _sealed_tree(tx: Tx) -> tuple[int, dict[Node, bytes]]:
    head = await checkpoint(tx)
    if head is None:
        return 0, {}
    peaks = await _nodes(tx, merkle.nodes_of_root(head.size))
    # Signing on top of an altered tree would make the alteration look sealed.
    if merkle.root(head.size, peaks) != head.root:
        raise LogBroken(head.size)
    return head.size, peaks


async def _nodes(tx: Tx, wanted: frozenset[Node]) -> dict[Node, bytes]:
    leaves = select(LogLeaf.log_index, LogLeaf.hash).where(
        LogLeaf.log_index.in_([at for level, at in wanted if not level])
    )
    inner = select(LogNode.level, LogNode.position, LogNode.hash).where(
        tuple_(LogNode.level, LogNode.position).in_([node for node in wanted if node[0]])
    )
    found = {(0, at): value for at, value in await tx.execute(leaves)}
    found |= {(level, at): value for level, at, value in await tx.execute(inner)}
    if len(found) != len(wanted):
        raise LogBroken(max(at + 1 << level for level, at in wanted))
    return found


async def _counts(tx: Tx, subjects: set[UUID | None]) -> dict[UUID | None, int]:
    counted = (
        select(LedgerEntry.subject_id, func.max(LedgerEntry.subject_count))
        .where(LedgerEntry.subject_id.in_([subject for subject in subjects if subject]))
        .group_by(LedgerEntry.subject_id)
    )
    return {subject: count or 0 for subject, count in await tx.execute(counted)}


def _numbered(rows: Any, size: int, counts: dict[UUID | None, int]) -> list[Line]:
    lines = []
    for log_index, row in enumerate(rows, size):
        count = None
        if row.subject_id is not None:
            count = counts[row.subject_id] = counts.get(row.subject_id, 0) + 1
        lines.append(Line.of(row, log_index, count))
    return lines


async def _place(tx: Tx, lines: list[Line]) -> None:
    placed = text(
        "UPDATE ledger SET log_index = given.log_index, subject_count = given.count"
        " FROM unnest(CAST(:ids AS bigint[]), CAST(:places AS bigint[]), CAST(:counts AS bigint[]))"
        " AS given (id, log_index, count) WHERE ledger.id = given.id"
    )
    places = {
        "ids": [line.id for line in lines],
        "places": [line.log_index for line in lines],
        "counts": [line.count for line in lines],
    }
    await tx.execute(placed, places)
