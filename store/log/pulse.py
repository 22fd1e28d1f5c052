"""When the log was last heard of: by its sealing loop, and by each witness. What nobody vouches for any more, nobody
else is shown.

Times are the database's, with the offset tests set there, so that every process judges alike.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, text

from store.database import Tx
from store.errors import LogSilent
from store.records import LogPulse

LOG = "log"
ALARM_AFTER = timedelta(minutes=15)
STOP_AFTER = timedelta(hours=4)
"""X-Road's time-stamping may fail for as long before its servers take no more requests."""


@dataclass(frozen=True, slots=True)
class Heard:
    """`now`: this very moment. `log`, `witness`: when the loop and any witness were last heard of; None where
    nothing of the kind is expected: before a platform was ever opened, and without witnesses."""

    now: datetime
    log: datetime | None
    witness: datetime | None

    def refuse_silence(self) -> None:
        """Raises LogSilent after four hours."""
        for source, at in ((LOG, self.log), ("witness", self.witness)):
            if at is not None and self.now - at > STOP_AFTER:
                raise LogSilent(source)


@dataclass(frozen=True, slots=True)
class Silence:
    """`source` (`log`, or a witness by name) has not been heard of for so long."""

    source: str
    seconds: float

    @property
    def alarming(self) -> bool:
        return self.seconds > ALARM_AFTER.total_seconds()


async def heard(tx: Tx) -> Heard:
    """How things stand now, whatever was waited for in this transaction before."""
    # now() stands still for the whole transaction; what was waited since is added.
    row = await tx.execute(
        text(
            "SELECT app_now() + (clock_timestamp() - now()) AS now,"
            " max(at) FILTER (WHERE source = 'log') AS log, max(at) FILTER (WHERE source <> 'log') AS witness"
            " FROM log_pulse"
        )
    )
    found = row.one()
    return Heard(found.now, found.log, found.witness)


async def silences(tx: Tx) -> tuple[Silence, ...]:
    """Everybody expected, with how long ago they were heard of."""
    ages = text("SELECT source, extract(epoch FROM app_now() - at) AS age FROM log_pulse ORDER BY source")
    return tuple(Silence(row.source, max(float(row.age), 0.0)) for row in await tx.execute(ages))


async def beat(tx: Tx, source: str) -> None:
    """Heard of now. For the loops' role; written down every ten seconds at most."""
    told = text(
        "INSERT INTO log_pulse VALUES (:source, app_now()) ON CONFLICT (source) DO UPDATE SET at = app_now()"
        " WHERE log_pulse.at < app_now() - interval '10 seconds'"
    )
    await tx.execute(told, {"source": source})


async def expect(tx: Tx, witnesses: Collection[str]) -> None:
    """The loop and these witnesses, and no others, are listened for from now on. Whoever is new was heard of now."""
    await tx.execute(delete(LogPulse).where(LogPulse.source.not_in([LOG, *witnesses])))
    for name in (LOG, *sorted(witnesses)):
        await tx.execute(
            text("INSERT INTO log_pulse VALUES (:source, app_now()) ON CONFLICT DO NOTHING"), {"source": name}
        )
