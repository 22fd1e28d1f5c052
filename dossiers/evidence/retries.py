"""Asking again the registers that were down, until they answer or nobody waits for them any longer."""

from datetime import datetime

from sqlalchemy import select, update

from auth.caller import Caller
from connectors.registers import Registers
from dossiers.case import Office
from dossiers.evidence.probes import settle_registers
from dossiers.parties import Filed
from dossiers.records import Dossier, RegisterProbe
from dossiers.state import LIVE, Status
from store.database import Database, Tx


async def waiting_dossiers(tx: Tx, now: datetime, limit: int) -> list[Filed]:
    """Drafts and live dossiers with a question due again, longest waiting first. For the loops' role."""
    due = (
        select(RegisterProbe.dossier_id, RegisterProbe.retry_at)
        .join(Dossier, Dossier.id == RegisterProbe.dossier_id)
        .where(RegisterProbe.retry_at <= now, Dossier.status.in_((Status.DRAFT, *LIVE)))
        .order_by(RegisterProbe.retry_at)
        .limit(limit)
        .subquery()
    )
    found = await tx.execute(
        select(Dossier.id, Dossier.filer_id, Dossier.applicant_id).where(
            Dossier.id.in_(select(due.c.dossier_id))
        )
    )
    return [Filed(row.id, row.filer_id, row.applicant_id) for row in found]


async def ask_again(
    database: Database, registers: Registers, caller: Caller, waiting: Filed, office: Office, now: datetime
) -> None:
    """Ask what is due, in the filer's name. A question the plan no longer has is put to rest."""
    await settle_registers(database, registers, caller, waiting.dossier, office, now)
    async with database.writing(caller.actor) as tx:
        await put_off(tx, waiting, now, None)


async def put_off(tx: Tx, waiting: Filed, now: datetime, until: datetime | None) -> None:
    """Ask what is due at `now` not before `until`; with None, never again of itself. In the filer's name."""
    due = update(RegisterProbe).where(
        RegisterProbe.dossier_id == waiting.dossier, RegisterProbe.retry_at <= now
    )
    await tx.execute(due.values(retry_at=until))
