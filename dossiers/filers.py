"""Acting in a filer's place, for what follows a filing without anybody asking: a register answers at last, a
document is revoked, somebody's consent goes.

The loops' own role finds the dossier; what happens to it runs with the filer's rights and not one more.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from auth.caller import Caller, CallerKind
from auth.mandates import live_mandates
from dossiers.records import Dossier
from store.database import Tx


@dataclass(frozen=True, slots=True)
class Filed:
    """A dossier, and the subject who filed it."""

    dossier: UUID
    filer: UUID


async def filed(tx: Tx, dossier: UUID) -> Filed | None:
    """Who filed the dossier; None when there is none. For the loops' role."""
    filer = await tx.scalar(select(Dossier.filer_id).where(Dossier.id == dossier))
    return Filed(dossier, filer) if filer is not None else None


async def in_place_of(tx: Tx, filer: UUID, now: datetime) -> Caller:
    """The filer as a caller, with the mandates they hold now. For the application's role, without an actor of
    its own."""
    mandates = await live_mandates(tx, filer, now)
    return Caller(
        CallerKind.CITIZEN,
        filer,
        represented={mandate.subject: mandate.relation for mandate in mandates if mandate.is_whole},
    )
