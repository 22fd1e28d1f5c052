"""Agencies that receive and decide: who is competent for a procedure, and under which name people know them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from procedures.law import Procedure
from procedures.records import Agency
from store.database import Tx


def agency_name(agency: Agency, language: str) -> str:
    return agency.name_en if language == "en" and agency.name_en else agency.name_vi


async def agencies_by_id(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Agency]:
    found = await tx.scalars(select(Agency).where(Agency.id.in_(ids)))
    return {row.id: row for row in found}


async def competent_agencies(tx: Tx, procedure: Procedure, limit: int = 100) -> list[Agency]:
    """Agencies that may receive a filing of the procedure, by code."""
    found = await tx.scalars(
        select(Agency)
        .where(Agency.active, Agency.type_id.in_(competent_types(procedure)))
        .order_by(Agency.code)
        .limit(limit)
    )
    return list(found)


def competent_types(procedure: Procedure) -> Iterable[str]:
    """Agency types that decide the procedure or receive filings of it."""
    return {*procedure.executing_agency_types, *procedure.reception_agency_types}


async def agency_by_code(tx: Tx, code: str) -> Agency | None:
    return await tx.scalar(select(Agency).where(Agency.code == code, Agency.active))
