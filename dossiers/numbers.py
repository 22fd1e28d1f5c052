"""Dossier codes: agency code, day and a daily running number (Circular 03/2025/TT-VPCP, Article 13)."""

from datetime import date
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from dossiers.records import DossierCounter
from store.database import Tx


async def next_code(tx: Tx, agency_id: UUID, agency_code: str, day: date) -> str:
    """`H26.12.05-261122-0007`. The counter row is locked until commit: a rolled-back submit leaves no gap."""
    first = insert(DossierCounter).values(agency_id=agency_id, day=day, last=1)
    counted = first.on_conflict_do_update(
        index_elements=[DossierCounter.agency_id, DossierCounter.day], set_={"last": DossierCounter.last + 1}
    )
    number = await tx.scalar(counted.returning(DossierCounter.last))
    return f"{agency_code}-{day:%y%m%d}-{number:04d}"
