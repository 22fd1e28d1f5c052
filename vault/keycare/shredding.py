"""Somebody's key destroyed: ordered on record first, carried out, and written down; and again after every restore.

Two databases never commit together. The order, its line in the log and its message stand in the main database before
the key goes; a death in between leaves an order the loops carry out. What a restore of the keys database brings back
is destroyed anew from those orders, or from a list kept elsewhere when the main database was restored too.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from auth.caller import LOOP, Caller
from auth.errors import NotFound
from store import ledger, outbox
from store.database import Actor, Database, Tx
from vault.errors import ShreddingRefused
from vault.records import Shredding, Subject
from vault.sealing.keys import Keys

SHREDDING_LAW: Final = "Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15"
"""Data is destroyed once what it was taken for has ended. The article is for counsel to confirm."""

OWNER: Final = Actor("owner")


@dataclass(frozen=True, slots=True)
class Order:
    """Whose key goes, and the article of the law, or the decision, it rests on."""

    subject: UUID
    article: str


async def shred_newborns(tx: Tx, caller: Caller, dossier: UUID, now: datetime) -> None:
    """Order the destruction of the provisional newborns a refused or withdrawn filing named, and end every mandate
    over them. Those another filing still names stay until that one ends.

    The keys follow through the outbox (`shred`): a key destroyed before this commits could not be brought back.
    """
    doomed = await tx.scalars(text("SELECT shred_newborns(:dossier, :now)"), {"dossier": dossier, "now": now})
    for subject in doomed.all():
        await _put_on_record(tx, caller.actor, Order(subject, SHREDDING_LAW), now, dossier)


async def order_shredding(tx: Tx, order: Order, now: datetime, *, replayed: bool = False) -> bool:
    """Order the destruction of everything sealed for a person; whether it was not ordered before. For the owner.

    From this commit on nobody signs in as them, acts for them or plans with their papers. Whoever comes again with
    the same number is somebody new. Raises NotFound, and ShreddingRefused while filings of theirs are under way,
    unless this was ordered before and is `replayed`.
    """
    if await tx.scalar(select(Subject.id).where(Subject.id == order.subject).with_for_update()) is None:
        raise NotFound
    filings = await tx.scalar(text("SELECT filings_under_way(:subject)"), {"subject": order.subject})
    if filings and not replayed:
        raise ShreddingRefused(filings)
    given = {"subject": order.subject, "article": order.article, "now": now}
    if not await tx.scalar(text("SELECT order_shredding(:subject, :article, :now)"), given):
        return False
    await _put_on_record(tx, OWNER, order, now)
    return True


async def shred(tx: Tx, subject: UUID, keys: Keys, now: datetime) -> None:
    """Carry out an order: destroy the subject's key and write that down. For the loops; again changes nothing,
    and without an order nothing happens."""
    finishing = text("SELECT * FROM finish_shredding(:subject, :now)")
    ordered = (await tx.execute(finishing, {"subject": subject, "now": now})).one_or_none()
    if ordered is None:
        return
    await keys.destroy(subject)
    order = Order(subject, ordered.article or SHREDDING_LAW)
    line = _destruction(order, "subject.shredded", "SUCCESS", ordered.dossier)
    await ledger.record(tx, LOOP.actor, line, now)


async def shredded(tx: Tx) -> list[Order]:
    """Whoever's destruction was ordered, by the orders and by the log: neither alone can be made to forget one. For
    the owner."""
    rows = await tx.execute(text(_DESTROYED))
    return [Order(row.subject_id, row.article or SHREDDING_LAW) for row in rows]


async def replay(
    owner: Database, work: Database, keys: Keys, kept: Collection[Order], now: datetime
) -> list[UUID]:
    """After a restore, before anybody is served: destroy again whoever was destroyed, by this main database and by
    the list `kept` elsewhere; returns those whose keys had come back. Again changes nothing."""
    async with owner.writing(OWNER) as tx:
        known = set(await tx.scalars(select(Subject.id).where(Subject.id.in_([one.subject for one in kept]))))
        for order in kept:
            if order.subject in known:
                await order_shredding(tx, order, now, replayed=True)
    async with owner.reading(OWNER) as tx:
        orders = {one.subject: one for one in (*kept, *await shredded(tx))}
        pending = (
            await tx.scalars(select(Shredding.subject_id).where(Shredding.destroyed_at.is_(None)))
        ).all()
    back = [subject for subject in orders if await keys.destroy(subject)]
    for subject in pending:
        async with work.writing(LOOP.actor) as tx:
            await shred(tx, subject, keys, now)
    async with owner.writing(OWNER) as tx:
        for subject in (one for one in back if one not in pending):
            line = _destruction(orders[subject], "subject.shredded", "SUCCESS", None, reason="replayed")
            await ledger.record(tx, OWNER, line, now)
    return back


async def _put_on_record(
    tx: Tx, actor: Actor, order: Order, now: datetime, dossier: UUID | None = None
) -> None:
    await ledger.record(tx, actor, _destruction(order, "subject.shredding", "ORDERED", dossier), now)
    await outbox.put(tx, "subject.shred", {"subject": str(order.subject)}, now)


def _destruction(
    order: Order, kind: str, outcome: str, dossier: UUID | None, reason: str | None = None
) -> ledger.Entry:
    return ledger.Entry(
        kind=kind,
        subject_id=order.subject,
        outcome=outcome,
        purpose="shredding",
        legal_basis="LEGAL_DUTY",
        article=order.article,
        dossier_id=dossier,
        reason=reason,
    )


_DESTROYED: Final = """
SELECT DISTINCT ON (subject_id) subject_id, article FROM (
    SELECT subject_id, article FROM shreddings
    UNION ALL SELECT subject_id, entry ->> 'article' FROM ledger
        WHERE kind IN ('subject.shredding', 'subject.shredded') AND subject_id IS NOT NULL) destroyed
ORDER BY subject_id, article
"""
