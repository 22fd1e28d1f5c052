"""The tree over everybody's last line: what it takes to show one person that what they see is all. Pure.

A binary tree by the bits of a key, the hash of a person's id, so that everybody has one place and no other. A subtree
with one person is that person's leaf, one with none is 32 zero bytes; so a path is about as long as the logarithm
of how many there are. A leaf commits to how many lines there are about the person and to the last one's hash, which
by its chain (`previous`) commits to all before it.
"""

import hashlib
import struct
from collections.abc import Sequence
from uuid import UUID

EMPTY = bytes(32)
BUCKET_DEPTH = 16
"""Down to here nodes are stored; below, a bucket's people are hashed together when needed."""

Leaves = Sequence[tuple[bytes, bytes]]
"""Keys with the hashes of their leaves, each key once."""
Node = tuple[int, bytes]
"""How many people are below, and the hash."""

NOBODY: Node = (0, EMPTY)


def key_of(subject: UUID) -> bytes:
    return hashlib.sha256(b"motlan subject\n" + subject.bytes).digest()


def leaf_of(key: bytes, count: int, head: bytes) -> bytes:
    """`count` lines, the last of them with leaf hash `head`."""
    return hashlib.sha256(b"\x00" + key + struct.pack(">Q", count) + head).digest()


def prefix_of(key: bytes, depth: int = BUCKET_DEPTH) -> int:
    """The first `depth` bits as a number."""
    return int.from_bytes(key, "big") >> (256 - depth)


def joined(left: Node, right: Node) -> Node:
    """The node over two."""
    people = left[0] + right[0]
    if people < 2:
        return max(left, right)
    return people, _node(left[1], right[1])


def subtree(leaves: Leaves, depth: int = 0) -> Node:
    """The node at `depth` over these people, who agree in the first `depth` bits."""
    if len(leaves) < 2:
        return (1, leaves[0][1]) if leaves else NOBODY
    left, right = _split(leaves, depth)
    return joined(subtree(left, depth + 1), subtree(right, depth + 1))


def path(key: bytes, leaves: Leaves, depth: int = 0) -> list[bytes]:
    """The siblings beside a person's way down from `depth`, to where they are alone."""
    siblings = []
    while len(leaves) > 1:
        left, right = _split(leaves, depth)
        mine, other = (right, left) if bit(key, depth) else (left, right)
        siblings.append(subtree(other, depth + 1)[1])
        leaves, depth = mine, depth + 1
    return siblings


def verifies(root: bytes, key: bytes, leaf: bytes, siblings: Sequence[bytes]) -> bool:
    """Whether `leaf` stands at the key's place under the root. There is no second place for a key."""
    if len(siblings) > 256:
        return False
    value = leaf
    for depth in reversed(range(len(siblings))):
        value = _node(siblings[depth], value) if bit(key, depth) else _node(value, siblings[depth])
    return value == root


def bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> (7 - depth % 8) & 1


def _split(leaves: Leaves, depth: int) -> tuple[Leaves, Leaves]:
    return (
        [one for one in leaves if not bit(one[0], depth)],
        [one for one in leaves if bit(one[0], depth)],
    )


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
