"""Inclusion and consistency for every size from 0 to 1,025: the platform, the program from outside, the witness.

The oracle is the recursive definition of RFC 6962, section 2.1, with its subtrees remembered: what the tree is, not
how any of the three computes it.
"""

import random
from functools import cache

from store import merkle
from tests.size import FULL, seed
from verifier import log as outside
from witness.growth import grew

SIZES = 1_025
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(SIZES)]
NODES = merkle.grown(0, {}, LEAVES)


def cut(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


@cache
def tree(start: int, end: int) -> bytes:
    """MTH."""
    if end - start < 2:
        return LEAVES[start] if end > start else merkle.EMPTY_ROOT
    middle = start + cut(end - start)
    return merkle.node_hash(tree(start, middle), tree(middle, end))


def defined_path(index: int, start: int, end: int) -> list[bytes]:
    """PATH."""
    if end - start == 1:
        return []
    middle = start + cut(end - start)
    if index < middle:
        return [*defined_path(index, start, middle), tree(middle, end)]
    return [*defined_path(index, middle, end), tree(start, middle)]


def defined_proof(old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF; `old` is where the smaller tree ends."""
    if old == end:
        return [] if whole else [tree(start, end)]
    middle = start + cut(end - start)
    if old <= middle:
        return [*defined_proof(old, start, middle, whole=whole), tree(middle, end)]
    return [*defined_proof(old, middle, end, whole=False), tree(start, middle)]


def some(draw: random.Random, size: int, first: int) -> list[int]:
    """Every place in the full run; else both ends, both sides of the cut, and two more."""
    if FULL:
        return list(range(first, size + first))
    half = cut(size) if size > 1 else first
    chosen = {first, size - 1 + first, min(half, size - 1 + first), draw.randrange(size) + first}
    return sorted(chosen | {max(half - 1, first), draw.randrange(size) + first})


def test_every_leaf_is_proven_at_every_size_and_nowhere_else() -> None:
    chosen, proofs = seed(), 0
    draw = random.Random(chosen)
    assert not outside.is_included(LEAVES[0], 0, 0, [], tree(0, 0))
    for size in range(1, SIZES + 1):
        root = tree(0, size)
        assert merkle.root(size, NODES) == root
        for index in some(draw, size, 0):
            proof = merkle.inclusion_proof(index, size, NODES)
            assert proof == defined_path(index, 0, size)
            for verifies in (merkle.verifies_inclusion, outside.is_included):
                assert verifies(LEAVES[index], index, size, proof, root)
                assert not verifies(LEAVES[index], index, size, [*proof, root], root)
                assert not verifies(LEAVES[index - 1], index, size, proof, root) or size == 1
            proofs += 1
    print(f"{proofs} inclusion proofs at {SIZES} sizes, seed {chosen}")


def test_every_size_grows_out_of_every_smaller_one_and_out_of_no_other() -> None:
    chosen, proofs = seed(), 0
    draw = random.Random(chosen)
    for size in range(1, SIZES + 1):
        root = tree(0, size)
        assert grew(0, size, b"", root, [])
        assert outside.is_extended(0, size, merkle.EMPTY_ROOT, root, [])
        for old in some(draw, size, 1):
            proof = merkle.consistency_proof(old, size, NODES)
            assert proof == defined_proof(old, 0, size, whole=True)
            for verifies in (merkle.verifies_consistency, outside.is_extended, grew):
                assert verifies(old, size, tree(0, old), root, proof)
                assert not verifies(old, size, LEAVES[-1], root, proof)
                assert not verifies(old, size, tree(0, old), root, [*proof, root])
            proofs += 1
    print(f"{proofs} consistency proofs at {SIZES} sizes, seed {chosen}")


def test_a_tree_grown_leaf_by_leaf_is_the_defined_one_at_every_size() -> None:
    grown = outside.Growing()
    assert grown.root() == tree(0, 0)
    for size, leaf in enumerate(LEAVES, 1):
        grown.grow(leaf)
        assert (grown.size, grown.root()) == (size, tree(0, size))
