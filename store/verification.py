"""The offline check of the access log, for `motlan log verify`: from the lines up to the signed heads.

Reads a database or an exported folder and trusts nothing in it but what the log's key has signed. Every leaf is
computed again from its line, every head again from the leaves, and each difference is named by line and place.
A log cut off at its end looks like a shorter log: give the heads a witness has kept, and the cut shows too.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from store.checkpoints import LogKey, TreeHead
from store.errors import CheckpointRefused
from store.ledger import Line
from store.merkle import leaf_hash, node_hash

Row = TypeVar("Row")


class Fault(StrEnum):
    DELETED = "deleted"
    """A sealed line is gone."""
    EDITED = "edited"
    """A line no longer says what was sealed."""
    MOVED = "moved"
    """A sealed line stands at another place, or at none."""
    INSERTED = "inserted"
    """A line stands where it was never sealed."""
    MISCOUNTED = "miscounted"
    """The numbers of one subject's lines have a gap or a repetition."""
    LEAF = "leaf"
    """A sealed leaf is gone, or is not what its hash says."""
    REWRITTEN = "rewritten"
    """Line and leaf agree with each other and not with the tree they were sealed in."""
    HEAD = "head"
    """A head is unsigned, misread, or signs another tree."""
    CUT = "cut"
    """The log is shorter than a signed head says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `log_index` is a place in the tree, or for heads the number of leaves."""

    fault: Fault
    log_index: int | None = None
    line: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        who = [] if self.line is None else [f"line {self.line}"]
        at = [] if self.log_index is None else [f"log index {self.log_index}"]
        detail = [self.detail] if self.detail else []
        return f"{self.fault.value}: {', '.join((*who, *at, *detail))}"


@dataclass(slots=True)
class Report:
    """What was checked and everything that was wrong. `unsealed` lines are counted, not checked."""

    leaves: int = 0
    heads: int = 0
    unsealed: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row of the sealed tree."""

    log_index: int
    line: int
    leaf: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """A stored node over two leaves: it narrows a rewritten tree down to the leaves at `2 * position`."""

    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """A published head as stored: the columns and the signed note, which must agree."""

    size: int
    root: bytes
    note: str


class Source(Protocol):
    """Where a log is read from: a database or an exported folder (`store.log_sources`). Each stream ascends."""

    def lines(self) -> AsyncIterator[Line]: ...
    def unsealed(self) -> AsyncIterator[Line]: ...
    def leaves(self) -> AsyncIterator[Leaf]: ...
    def pairs(self) -> AsyncIterator[Pair]: ...
    def heads(self) -> AsyncIterator[Head]: ...


async def verify(source: Source, key: LogKey, known_notes: Iterable[str] = ()) -> Report:
    """Check the whole log in one pass, in memory that does not grow with it but by what is wrong.

    `known_notes` are heads kept outside the source.
    """
    check = _Check(key)
    async for head in source.heads():
        check.expect_stored(head)
    for note in known_notes:
        check.expect_known(note)
    await check.walk(source)
    async for line in source.unsealed():
        check.meet_unsealed(line)
    return check.conclude()


@dataclass(frozen=True, slots=True)
class _Place:
    """What was found for one log index."""

    log_index: int
    line: Line | None
    leaf: Leaf | None


class _Check:
    """One pass over the log. `_peaks` are the completed subtrees so far, by level and hash; `_lost` the sealed
    lines not found at their place, `_strays` the lines found at a place that is not theirs."""

    def __init__(self, key: LogKey) -> None:
        self._key = key
        self._report = Report()
        self._expected: dict[int, set[bytes]] = {}
        self._signed_size = 0
        self._peaks: list[tuple[int, bytes]] = []
        self._pair: list[bytes] = []
        self._lost: dict[int, int] = {}
        self._strays: dict[int, int | None] = {}
        self._counts: dict[str, int] = {}
        self._computable = True
        self._sound_size = 0

    def expect_stored(self, head: Head) -> None:
        self._report.heads += 1
        said = self._open(head.note, head.size)
        if said is not None and (said.size, said.root) != (head.size, head.root):
            self._find(Fault.HEAD, head.size, detail="the stored numbers differ from the signed note")

    def expect_known(self, note: str) -> None:
        self._open(note, None)

    async def walk(self, source: Source) -> None:
        pairs = _Ahead(source.pairs(), lambda pair: pair.position)
        expected = 0
        async for place in _joined(source):
            second = place.log_index < expected
            unsigned = place.leaf is None and place.log_index >= self._signed_size
            if place.line is not None and (second or unsigned):
                self._strays[place.line.id] = place.log_index
                continue
            for gap in range(expected, place.log_index):
                self._meet(_Place(gap, None, None))
            expected = place.log_index + 1
            self._meet(place)
            if place.log_index % 2:
                self._compare_pair(place.log_index // 2, await pairs.at(place.log_index // 2))

    def meet_unsealed(self, line: Line) -> None:
        if line.id in self._lost:
            self._strays[line.id] = None
        else:
            self._report.unsealed += 1

    def conclude(self) -> Report:
        for line, sealed_at in self._lost.items():
            if line not in self._strays:
                self._find(Fault.DELETED, sealed_at, line)
            else:
                now = self._strays.pop(line)
                self._find(Fault.MOVED, sealed_at, line, f"now at {'no place' if now is None else now}")
        for line, at in self._strays.items():
            self._find(Fault.INSERTED, at, line)
        for size in self._expected:
            self._find(Fault.CUT, size, detail=f"the log ends at {self._report.leaves}")
        if self._report.leaves > self._signed_size:
            self._find(
                Fault.HEAD, self._report.leaves, detail=f"signed only up to {self._signed_size} leaves"
            )
        self._report.findings.sort(key=lambda found: (found.log_index or 0, found.fault))
        return self._report

    def _open(self, note: str, size: int | None) -> TreeHead | None:
        try:
            head = self._key.opened(note)
        except CheckpointRefused as refused:
            self._find(Fault.HEAD, size, detail=f"not signed by the log's key ({refused.reason})")
            return None
        self._expected.setdefault(head.size, set()).add(head.root)
        self._signed_size = max(self._signed_size, head.size)
        return head

    def _meet(self, place: _Place) -> None:
        line, leaf = place.line, place.leaf
        if leaf is not None:
            self._compare_leaf(leaf, line)
            self._grow(leaf_hash(leaf.leaf))
        elif line is not None:
            self._find(Fault.LEAF, place.log_index, line.id, "the leaf is gone")
            self._grow(leaf_hash(line.leaf))
        else:
            self._find(Fault.DELETED, place.log_index, detail="line and leaf")
            self._computable = False
            return
        self._report.leaves = place.log_index + 1
        if line is not None:
            self._count(line)
        self._compare_heads(place.log_index + 1)

    def _compare_leaf(self, leaf: Leaf, line: Line | None) -> None:
        if leaf_hash(leaf.leaf) != leaf.hash:
            self._find(Fault.LEAF, leaf.log_index, leaf.line, "the hash is not the leaf's")
        if line is None or line.id != leaf.line:
            self._lost[leaf.line] = leaf.log_index
            if line is not None:
                self._strays[line.id] = leaf.log_index
        elif line.leaf != leaf.leaf:
            self._find(Fault.EDITED, leaf.log_index, line.id)

    def _count(self, line: Line) -> None:
        if line.subject is None:
            return
        before = self._counts.get(line.subject, 0)
        if line.count != before + 1:
            self._find(Fault.MISCOUNTED, line.log_index, line.id, f"number {line.count} after {before}")
        self._counts[line.subject] = line.count or before

    def _grow(self, value: bytes) -> None:
        self._pair = [*self._pair[-1:], value]
        level = 0
        while self._peaks and self._peaks[-1][0] == level:
            level, value = level + 1, node_hash(self._peaks.pop()[1], value)
        self._peaks.append((level, value))

    def _compare_pair(self, position: int, stored: Pair | None) -> None:
        if not self._computable:
            return
        left, right = 2 * position, 2 * position + 1
        if stored is None:
            self._find(Fault.LEAF, right, detail="the node over it is gone")
        elif stored.hash != node_hash(*self._pair):
            self._find(Fault.REWRITTEN, right, detail=f"this leaf or {left}")

    def _compare_heads(self, size: int) -> None:
        signed = self._expected.pop(size, None)
        if signed is None or not self._computable:
            return
        if signed == {self._root()}:
            self._sound_size = size
            return
        self._find(Fault.HEAD, size, detail=f"signs another tree; sound up to {self._sound_size} leaves")
        # Every later head differs too, and would say nothing more.
        self._computable = False

    def _root(self) -> bytes:
        *rest, (_, value) = self._peaks
        for _, left in reversed(rest):
            value = node_hash(left, value)
        return value

    def _find(
        self, fault: Fault, log_index: int | None = None, line: int | None = None, detail: str = ""
    ) -> None:
        self._report.findings.append(Finding(fault, log_index, line, detail))


class _Ahead(Generic[Row]):
    """An ascending stream whose next key can be seen before its row is taken."""

    def __init__(self, rows: AsyncIterator[Row], key: Callable[[Row], int]) -> None:
        self._rows = rows
        self._key = key
        self._next: Row | None = None
        self._begun = False

    async def key(self) -> int | None:
        if not self._begun:
            self._begun = True
            self._next = await anext(self._rows, None)
        return None if self._next is None else self._key(self._next)

    async def at(self, key: int) -> Row | None:
        """Take the row of this key if it is the next; rows of smaller keys are passed over."""
        while (next_key := await self.key()) is not None and next_key <= key:
            row, self._next = self._next, await anext(self._rows, None)
            if next_key == key:
                return row
        return None


async def _joined(source: Source) -> AsyncIterator[_Place]:
    lines = _Ahead(source.lines(), lambda line: line.log_index or 0)
    leaves = _Ahead(source.leaves(), lambda leaf: leaf.log_index)
    while True:
        keys = [key for key in (await lines.key(), await leaves.key()) if key is not None]
        if not keys:
            return
        yield _Place(min(keys), await lines.at(min(keys)), await leaves.at(min(keys)))
