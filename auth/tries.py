"""How many different people somebody may ask for by number in a day: more would be guessing numbers.

The limits stand with the door (`try_number`, migration 0040): five children to be recognised for, ten people to be
named as parties, five to be authorised, five companies to be recognised for. What is counted is a keyed hash, before
anybody is looked for, so that wrong numbers count too.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, text

from auth.errors import TriesSpent
from auth.records import NumberTry
from store.database import Tx

KEPT: Final = timedelta(days=1)


class Asking(StrEnum):
    """What somebody is asked for by number."""

    GUARDIAN = "guardian"
    PARTY = "party"
    MANDATE = "mandate"
    ORGANISATION = "organisation"


async def note_try(tx: Tx, asking: Asking, number_index: bytes, now: datetime) -> None:
    """Count that the actor, a citizen, asks for whoever has this number. The same number again is one try.

    Commit before anybody is looked for, or a refusal would refund the try. Raises TriesSpent.
    """
    tried = text("SELECT try_number(:asking, :number_index, :now)")
    told = {"asking": asking.value, "number_index": number_index, "now": now}
    free_at: datetime | None = await tx.scalar(tried, told)
    if free_at is not None:
        raise TriesSpent(max(1, int((free_at - now).total_seconds())))


async def forget_tries(tx: Tx, now: datetime) -> None:
    """Drop tries that count no longer. For the loops' role."""
    await tx.execute(delete(NumberTry).where(NumberTry.at <= now - KEPT))
