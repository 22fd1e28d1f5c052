"""Whether one tree grew out of another (RFC 6962, section 2.1.2; checked as RFC 9162, section 2.1.4.2). Pure."""

import hashlib
from collections.abc import Sequence


def grew(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """`old` leaves under `old_root` are the first of `size` under `root`. From nothing everything grows, without
    a proof."""
    if old == 0 or old == size:
        return not proof and (old == 0 or old_root == root)
    if not 0 < old < size:
        return False
    # A whole power of two is one node of the larger tree, and is known already.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    left, last = old - 1, size - 1
    while left & 1:
        left, last = left >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if left & 1 or left == last:
            before, after = _node(sibling, before), _node(sibling, after)
            while left and not left & 1:
                left, last = left >> 1, last >> 1
        else:
            after = _node(after, sibling)
        left, last = left >> 1, last >> 1
    return last == 0 and before == old_root and after == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
