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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import func, insert, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from store import merkle
from store.checkpoints import LogSigner
from store.database import Actor, Tx
from store.errors import LogBroken, LogUnwritable, NotSealed
from store.merkle import Node
from store.records import MOST_COUNTED, Checkpoint, Cosignature, LedgerEntry, LogLeaf, LogNode, SubjectHead


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
    public: dict[str, Any] | None = None
    """What its leaf says in clear. Only of the log itself, never of anybody."""

    @property
    def body(self) -> dict[str, Any]:
        told = {"public": self.public} if self.public is not None else {}
        return told | {
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
    """One line of the log in the words its leaf commits to.

    `count` is its number among its subject's lines, `previous` the leaf hash of the one before: both inside the
    commitment, so that published leaves do not show which of them are about one person. `query` is the request it
    was written by. `form` 1: sealed before there were the last two.
    """

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
    query: str | None = None
    previous: str | None = None
    form: int | None = None

    @classmethod
    def of(cls, row: LedgerEntry) -> "Line":
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
            log_index=row.log_index,
            count=row.subject_count,
            query=_words(row.query_id),
            previous=row.previous.hex() if row.previous is not None else None,
            form=row.form,
        )

    @property
    def leaf(self) -> bytes:
        """JCS of the salted commitment `c`, the UTC hour `h`, the kind `k`, the form `v`, and of lines of the log
        about itself what they say, `d`."""
        left_out = {"salt", "log_index", "form"} | (
            {"query", "previous"} if self.form == _FIRST_FORM else set()
        )
        said = {name: value for name, value in asdict(self).items() if name not in left_out}
        commitment = hashlib.sha256(bytes.fromhex(self.salt) + rfc8785.dumps(said)).digest()
        c = base64.urlsafe_b64encode(commitment).rstrip(b"=").decode()
        leaf: dict[str, Any] = {"c": c, "h": self.at[:13], "k": self.kind, "v": self.form or FORM}
        if "public" in self.entry:
            leaf["d"] = self.entry["public"]
        return rfc8785.dumps(leaf)


FORM = 2
"""How leaves are made now."""
_FIRST_FORM = 1


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

    `actor` must be the transaction's own; the database refuses a line in another's name. Raises LogUnwritable when
    the log is locked or closed to us: what it would have recorded must not happen then.
    """
    given = (actor.kind, actor.id, now, entry.kind, entry.subject_id, entry.dossier_id, entry.consent_id)
    body = literal(entry.body, JSONB)
    appended = select(func.append_ledger(*given, entry.outcome, body, secrets.token_bytes(32)))
    try:
        line: int = (await tx.scalars(appended)).one()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _UNWRITABLE:
            raise LogUnwritable from error
        raise
    return line


_UNWRITABLE = frozenset({"55P03", "42501"})
"""Locked, or closed to us. A full or failing disk is TemporarilyUnavailable, here as anywhere."""


def attempt(tx: Tx, entry: Entry) -> None:
    """Remember what this transaction is about to try. Should it be refused, nothing of it stays but this line, which
    whoever ended it writes in a transaction of its own: a person reads who was refused their data, too."""
    tx.info[_ATTEMPT] = entry


def attempted(tx: Tx) -> Entry | None:
    """What was tried last; None where nothing of anybody's was."""
    entry: Entry | None = tx.info.get(_ATTEMPT)
    return entry


_ATTEMPT = "attempt"


async def count_unsealed(tx: Tx) -> int:
    """Committed lines without a place, up to `MOST_COUNTED`. For the loops' role."""
    some = select(LedgerEntry.id).where(LedgerEntry.log_index.is_(None)).limit(MOST_COUNTED).subquery()
    return (await tx.scalars(select(func.count()).select_from(some))).one()


async def seal(tx: Tx, signer: LogSigner, now: datetime, limit: int = 1024, *, publish: bool = True) -> int:
    """Give up to `limit` committed lines their places, by id, and sign the new head. Returns how many. Without
    `publish` the head is kept back until witnesses were asked.

    For the loops' role. A line whose transaction commits late gets a later place, whatever its id: the order
    of the tree is the order of sealing, so no place is ever left open or filled again. Raises LogBroken.
    """
    await hold_sealing(tx)
    unsealed = (
        select(LedgerEntry).where(LedgerEntry.log_index.is_(None)).order_by(LedgerEntry.id).limit(limit)
    )
    rows = (await tx.scalars(unsealed)).all()
    if rows:
        await seal_rows(tx, signer, rows, now, publish=publish)
    return len(rows)


async def hold_sealing(tx: Tx) -> None:
    """One sealer at a time, or two would give out the same places."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('motlan seal'))"))


async def seal_rows(
    tx: Tx, signer: LogSigner, rows: Sequence[LedgerEntry], now: datetime, *, publish: bool
) -> None:
    """Give these lines the next places and sign the new head; the sealing is held. Raises LogBroken."""
    size, peaks = await _sealed_tree(tx)
    heads = await _subject_heads(tx, {row.subject_id for row in rows if row.subject_id is not None})
    lines = _linked(rows, size, heads)
    leaves = [line.leaf for line in lines]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    made = merkle.grown(size, peaks, hashes)
    await _place(tx, lines)
    await _keep_heads(tx, heads)
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
    size += len(lines)
    root = merkle.root(size, peaks | made)
    head = {"size": size, "root": root, "note": signer.signed(size, root), "at": now, "published": publish}
    await tx.execute(insert(Checkpoint).values(head))


async def checkpoint(tx: Tx) -> Checkpoint | None:
    """The newest signed head, or None before the first sealing."""
    newest: Checkpoint | None = await tx.scalar(select(Checkpoint).order_by(Checkpoint.size.desc()).limit(1))
    return newest


async def published(tx: Tx) -> Checkpoint | None:
    """The newest head shown to the world, or None before the first."""
    shown = select(Checkpoint).where(Checkpoint.published).order_by(Checkpoint.size.desc()).limit(1)
    newest: Checkpoint | None = await tx.scalar(shown)
    return newest


async def published_note(tx: Tx, head: Checkpoint) -> str:
    """The head's note with every cosignature there is."""
    lines = select(Cosignature.line).where(Cosignature.size == head.size).order_by(Cosignature.witness)
    return head.note + "".join((await tx.scalars(lines)).all())


async def inclusion(tx: Tx, log_index: int) -> Inclusion:
    """Prove a leaf under the newest published head. Anybody may ask. Raises NotSealed."""
    head = await published(tx)
    leaf = await tx.get(LogLeaf, log_index)
    if head is None or leaf is None or log_index >= head.size:
        raise NotSealed
    proof = await inclusion_path(tx, log_index, head.size)
    return Inclusion(log_index, leaf.leaf, proof, await published_note(tx, head))


async def inclusion_path(tx: Tx, log_index: int, size: int) -> list[bytes]:
    """The proof of a leaf under the tree of `size`, which was sealed."""
    nodes = await nodes_of(tx, merkle.nodes_of_inclusion(log_index, size))
    return merkle.inclusion_proof(log_index, size, nodes)


async def consistency(tx: Tx, old: int, size: int) -> list[bytes]:
    """Prove that the log of `size` leaves extends that of `old`. Raises NotSealed."""
    head = await checkpoint(tx)
    if head is None or not 0 < old <= size <= head.size:
        raise NotSealed
    return merkle.consistency_proof(old, size, await nodes_of(tx, merkle.nodes_of_consistency(old, size)))


def _words(value: UUID | None) -> str | None:
    return None if value is None else str(value)


async def _sealed_tree(tx: Tx) -> tuple[int, dict[Node, bytes]]:
    head = await checkpoint(tx)
    if head is None:
        return 0, {}
    peaks = await nodes_of(tx, merkle.nodes_of_root(head.size))
    # Signing on top of an altered tree would make the alteration look sealed.
    if merkle.root(head.size, peaks) != head.root:
        raise LogBroken(head.size)
    return head.size, peaks


async def nodes_of(tx: Tx, wanted: frozenset[Node]) -> dict[Node, bytes]:
    """These completed nodes of the tree. Raises LogBroken when one is gone."""
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


async def _subject_heads(tx: Tx, subjects: set[UUID]) -> dict[UUID, tuple[int, bytes]]:
    """Of each of these: the number of the last sealed line, and its leaf's hash."""
    known = select(SubjectHead.subject_id, SubjectHead.count, SubjectHead.head)
    found = await tx.execute(known.where(SubjectHead.subject_id.in_(subjects)))
    return {subject: (count, head) for subject, count, head in found}


def _linked(rows: Sequence[LedgerEntry], size: int, heads: dict[UUID, tuple[int, bytes]]) -> list[Line]:
    """The rows as lines from place `size` on, each with its number and the one before; `heads` moves along."""
    lines = []
    for log_index, row in enumerate(rows, size):
        line = replace(Line.of(row), log_index=log_index, form=FORM)
        if row.subject_id is not None:
            count, head = heads.get(row.subject_id, (0, None))
            line = replace(line, count=count + 1, previous=head.hex() if head is not None else None)
            heads[row.subject_id] = (count + 1, merkle.leaf_hash(line.leaf))
        lines.append(line)
    return lines


async def _keep_heads(tx: Tx, heads: Mapping[UUID, tuple[int, bytes]]) -> None:
    kept = text(
        "INSERT INTO subject_heads (subject_id, count, head) SELECT * FROM unnest(CAST(:subjects AS uuid[]),"
        " CAST(:counts AS bigint[]), CAST(:heads AS bytea[]))"
        " ON CONFLICT (subject_id) DO UPDATE SET count = excluded.count, head = excluded.head"
    )
    given = {
        "subjects": list(heads),
        "counts": [count for count, _ in heads.values()],
        "heads": [head for _, head in heads.values()],
    }
    if heads:
        await tx.execute(kept, given)


async def _place(tx: Tx, lines: list[Line]) -> None:
    placed = text(
        "UPDATE ledger SET log_index = given.log_index, subject_count = given.count, previous = given.previous,"
        " form = :form FROM unnest(CAST(:ids AS bigint[]), CAST(:places AS bigint[]), CAST(:counts AS bigint[]),"
        " CAST(:previous AS bytea[])) AS given (id, log_index, count, previous) WHERE ledger.id = given.id"
    )
    places = {
        "ids": [line.id for line in lines],
        "places": [line.log_index for line in lines],
        "counts": [line.count for line in lines],
        "previous": [bytes.fromhex(line.previous) if line.previous else None for line in lines],
        "form": FORM,
    }
    await tx.execute(placed, places)
