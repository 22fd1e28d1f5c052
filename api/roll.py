"""Who may receive and decide: agencies and their officers, entered by the owner of the tables."""

from collections.abc import Iterable

from auth.records import Officer
from procedures.records import Agency
from store.database import Actor, Database
from store.embedded import Servers


async def enter_roll(servers: Servers, agencies: Iterable[Agency], officers: Iterable[Officer]) -> None:
    """Write agencies and officers, new or changed; entering them again changes nothing."""
    owner = Database(servers.owner_url, pool_size=1)
    try:
        async with owner.writing(Actor("owner")) as tx:
            for row in (*agencies, *officers):
                await tx.merge(row)
    finally:
        await owner.close()
