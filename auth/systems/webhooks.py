"""Where agencies' systems want to be called, and by which secrets they know that it is us.

A secret is kept nowhere: it is made from the key ring, the system's name and a number; the number is what changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text

from store.database import Tx

PURPOSE: Final = "webhook"

Index = Callable[[str, str], bytes]
"""A value's keyed hash for a purpose: meaningless without the ring."""


@dataclass(frozen=True, slots=True)
class Hook:
    """`secret`: the number of the newest. `earlier`: the one before it counts too, until it is settled."""

    client_id: str
    address: str
    secret: int
    earlier: bool

    def secrets(self, index: Index) -> Sequence[bytes]:
        numbers = (self.secret, self.secret - 1) if self.earlier else (self.secret,)
        return [index(PURPOSE, named(self.client_id, number)) for number in numbers]


def named(client_id: str, number: int) -> str:
    """What a secret is the keyed hash of."""
    return f"{client_id}:{number}"


async def hooked_systems(tx: Tx, agency: UUID) -> tuple[UUID, ...]:
    """Systems in force of an agency that work its desk and want to be called. For the loops' role."""
    found = await tx.scalars(text("SELECT webhooks_of(:agency)"), {"agency": agency})
    return tuple(found)


async def hook_of(tx: Tx, system: UUID) -> Hook | None:
    """Where this system wants to be called, if it still does. For the loops' role."""
    found = text("SELECT * FROM webhook_of(:system)")
    row = (await tx.execute(found, {"system": system})).one_or_none()
    return Hook(row.client_id, row.address, row.secret, row.earlier) if row is not None else None
