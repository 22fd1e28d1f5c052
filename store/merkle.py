"""The tree of the access log (RFC 6962, section 2.1): hashes, roots, and proofs. Pure.

A tree is known by its completed nodes: `(level, position)` is the root of the `2**level` leaves that start at
`position * 2**level`, level 0 being the leaves. Completed nodes never change, so whoever stores them answers
any proof for any past size from a logarithmic number of rows. `nodes_of_…` name the rows to fetch; the
functions beside them take those rows and compute.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

Node = tuple[int, int]
Nodes = Mapping[Node, bytes]
Span = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""

EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def grown(size: int, peaks: Nodes, leaves: Sequence[bytes]) -> dict[Node, bytes]:
    """Every node completed by appending leaf hashes to a tree of `size`; `peaks` are `nodes_of_root(size)`."""
    known = dict(peaks)
    made: dict[Node, bytes] = {}
    for index, leaf in enumerate(leaves, size):
        level, position, value = 0, index, leaf
        made[level, position] = known[level, position] = value
        while position & 1:
            value = node_hash(known[level, position - 1], value)
            level, position = level + 1, position >> 1
            made[level, position] = known[level, position] = value
    return made


def nodes_of_root(size: int) -> frozenset[Node]:
    return frozenset(_peaks((0, size)))


def root(size: int, nodes: Nodes) -> bytes:
    """MTH(D[size])."""
    return _span_hash((0, size), nodes) if size else EMPTY_ROOT


def nodes_of_inclusion(index: int, size: int) -> frozenset[Node]:
    return frozenset(node for span in _inclusion_spans(index, size) for node in _peaks(span))


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]), leaf to root. Raises ValueError unless 0 <= index < size."""
    return [_span_hash(span, nodes) for span in _inclusion_spans(index, size)]


def nodes_of_consistency(old: int, size: int) -> frozenset[Node]:
    return frozenset(node for span in _consistency_spans(old, size) for node in _peaks(span))


def consistency_proof(old: int, size: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D[size]). Raises ValueError unless 0 < old <= size."""
    return [_span_hash(span, nodes) for span in _consistency_spans(old, size)]


def verifies_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof leads from the leaf hash at `index` to the root of `size` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and value == expected


def verifies_consistency(
    old: int, size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree of `size` extends the tree of `old` (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == new_root
    # A tree of a power of two is itself a node of the larger one, and is left out of the proof.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    if not path:
        return False
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _peaks(span: Span) -> list[Node]:
    """The completed nodes a span is made of, left to right. A span starts where one of its size may."""
    start, end = span
    found: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def _span_hash(span: Span, nodes: Nodes) -> bytes:
    *rest, value = (nodes[node] for node in _peaks(span))
    for left in reversed(rest):
        value = node_hash(left, value)
    return value


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _inclusion_spans(index: int, size: int) -> list[Span]:
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    return list(_siblings(index, (0, size)))[::-1]


def _siblings(index: int, span: Span) -> Iterator[Span]:
    """From the root down, the half that does not hold the leaf."""
    start, end = span
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            yield middle, end
            end = middle
        else:
            yield start, middle
            start = middle


def _consistency_spans(old: int, size: int) -> list[Span]:
    if not 0 < old <= size:
        raise ValueError("no such smaller tree")
    spans: list[Span] = []
    start, end = 0, size
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    # The old tree itself is known to whoever asks; a part of it is not.
    return ([(start, end)] if start else []) + spans[::-1]
