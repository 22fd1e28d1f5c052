"""The catalogue in the database: imported edition by edition, and read back as the law of any day.

An import never rewrites an edition: it closes the one it replaces, so a dossier can always be read under the law
it was filed under. Importing the same files again changes nothing.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime
from threading import Lock

from sqlalchemy import func, select, update

from procedures.catalogue import law_on
from procedures.checking.check import check
from procedures.editions import CatalogueFiles, Changes, Item, diff, files_from, items
from procedures.errors import CatalogueRefused
from procedures.law import Law
from procedures.records import CatalogueItem
from store.database import Tx

DAYS_KEPT = 32


class LawBook:
    """The catalogue of one import, as the law of whichever day is asked for. Immutable but for its cache."""

    def __init__(self, files: CatalogueFiles) -> None:
        self._files = files
        self._days: OrderedDict[date, Law] = OrderedDict()
        self._lock = Lock()

    @property
    def version(self) -> str:
        return self._files.version

    def on(self, day: date) -> Law:
        """The law of that day. Recent days are kept, so a request never builds it twice."""
        with self._lock:
            law = self._days.get(day)
            if law is None:
                law = law_on(self._files, day)
                self._days[day] = law
                if len(self._days) > DAYS_KEPT:
                    self._days.popitem(last=False)
            return law


async def import_catalogue(tx: Tx, files: CatalogueFiles, now: datetime) -> Changes:
    """Write what changed since the last import. Runs as the owner of the tables.

    Raises CatalogueRefused with every fault found; then nothing is written.
    """
    changes = diff(await stored_items(tx), items(files))
    if not changes:  # checked when it was imported, and checking takes a second
        return changes
    faults = check(files)
    if faults:
        raise CatalogueRefused(tuple(faults))
    await _close(tx, [(one.kind, one.id) for one in changes.changed] + list(changes.removed), now)
    editions = await _editions(tx, changes.changed)
    tx.add_all(_row(one, 1, now) for one in changes.added)
    tx.add_all(_row(one, editions[one.kind, one.id] + 1, now) for one in changes.changed)
    await tx.flush()
    return changes


async def stored_items(tx: Tx) -> list[Item]:
    """The current edition of every item."""
    item = CatalogueItem
    columns = (
        item.kind,
        item.item_id,
        item.position,
        item.effective_from,
        item.effective_to,
        item.body,
        item.digest,
    )
    rows = await tx.execute(select(*columns).where(item.replaced_at.is_(None)))
    return [Item(*row) for row in rows]


async def read_law_book(tx: Tx) -> LawBook:
    """The law book of the current editions. Raises CatalogueRefused when nothing was ever imported."""
    stored = await stored_items(tx)
    if not stored:
        raise CatalogueRefused(())
    return LawBook(files_from(stored))


async def _close(tx: Tx, keys: Sequence[tuple[str, str]], now: datetime) -> None:
    for kind, key in keys:
        await tx.execute(
            update(CatalogueItem)
            .where(
                CatalogueItem.kind == kind,
                CatalogueItem.item_id == key,
                CatalogueItem.replaced_at.is_(None),
            )
            .values(replaced_at=now)
        )


async def _editions(tx: Tx, changed: Sequence[Item]) -> dict[tuple[str, str], int]:
    if not changed:
        return {}
    rows = await tx.execute(
        select(CatalogueItem.kind, CatalogueItem.item_id, func.max(CatalogueItem.edition)).group_by(
            CatalogueItem.kind, CatalogueItem.item_id
        )
    )
    return {(kind, key): edition for kind, key, edition in rows}


def _row(item: Item, edition: int, now: datetime) -> CatalogueItem:
    return CatalogueItem(
        kind=item.kind,
        item_id=item.id,
        edition=edition,
        position=item.position,
        body=item.body,
        digest=item.digest,
        effective_from=item.effective_from,
        effective_to=item.effective_to,
        imported_at=now,
    )
