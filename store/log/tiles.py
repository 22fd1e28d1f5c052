"""The published log as static pieces (C2SP tlog-tiles): rows of 256 hashes and bundles of entries.

A tile of level L holds the roots of 256**L leaves each. A full one never changes; a partial one of a given width
does not either, and is given up to the published head.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from store import ledger
from store.database import Tx
from store.errors import LogBroken, NotSealed
from store.records import LogLeaf, LogNode

WIDTH = 256
HIGHEST = 7
"""PostgreSQL has no number for a place in a higher level."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Which piece: the `number`-th of its level, its first `width` places."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def start(self) -> int:
        return self.number * WIDTH


async def hashes(tx: Tx, tile: Tile) -> bytes:
    """The hashes of a tile, 32 bytes each. Raises NotSealed for what the published head does not reach."""
    await _refuse_unpublished(tx, tile)
    end = tile.start + tile.width
    leaves = select(LogLeaf.hash).where(LogLeaf.log_index >= tile.start, LogLeaf.log_index < end)
    nodes = select(LogNode.hash).where(
        LogNode.level == 8 * tile.level, LogNode.position >= tile.start, LogNode.position < end
    )
    ordered = nodes.order_by(LogNode.position) if tile.level else leaves.order_by(LogLeaf.log_index)
    return b"".join(_whole((await tx.scalars(ordered)).all(), tile))


async def entries(tx: Tx, tile: Tile) -> bytes:
    """The leaves themselves, each after its length in two bytes. Raises NotSealed."""
    await _refuse_unpublished(tx, tile)
    wanted = select(LogLeaf.leaf).where(
        LogLeaf.log_index >= tile.start, LogLeaf.log_index < tile.start + tile.width
    )
    rows = (await tx.scalars(wanted.order_by(LogLeaf.log_index))).all()
    return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in _whole(rows, tile))


async def _refuse_unpublished(tx: Tx, tile: Tile) -> None:
    if not 0 <= tile.level <= HIGHEST:
        raise NotSealed
    head = await ledger.published(tx)
    if head is None or tile.start + tile.width > head.size >> 8 * tile.level:
        raise NotSealed


def _whole(rows: Sequence[bytes], tile: Tile) -> Sequence[bytes]:
    # A gap would shift everything after it: better no tile than a wrong one.
    if len(rows) != tile.width:
        raise LogBroken(tile.start + tile.width)
    return rows
