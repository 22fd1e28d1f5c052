"""Devices a person is woken on, and what for. A device is woken to look, and told nothing.

Its address and keys are sealed under the person's key, as their papers are; nobody acts through a ward's devices, and
nobody else's are in reach.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from auth.assurance import SIGNED_IN
from auth.caller import Caller
from auth.errors import NotFound
from auth.facts import SubjectFacts
from auth.policy import Action, reach, require
from connectors.web_push import Subscription
from dossiers.case import Office
from dossiers.records import Device, NotificationPreference
from store import outbox
from store.database import Tx
from store.identifiers import new_id
from vault.notes import Note, drop_notes, read_note, write_note

MOST_DEVICES: Final = 5
"""Of one person; one more takes the place of the one registered first."""
ADDRESS: Final = "device"
"""Kind of the sealed note that holds a device's address and keys."""


class NoticeGroup(StrEnum):
    """What a person may want to hear of, or not. What concerns the safety of their account always rings."""

    FILINGS = "filings"
    REQUESTS = "requests"
    PAPERS = "papers"


GROUPS: Final = {
    **dict.fromkeys(
        (
            *("party_named", "access_requested", "access_asked"),
            *("agreement_awaited", "agreed_at_counter"),
        ),
        NoticeGroup.REQUESTS,
    ),
    **dict.fromkeys(
        (
            *("digitised", "original_seen", "correction_opened", "result_revoked"),
            *("erasure_done", "erasure_kept", "erasure_unanswered", "erasure_overdue"),
        ),
        NoticeGroup.PAPERS,
    ),
    **dict.fromkeys(
        (
            *("submitted", "received", "not_received", "processing", "supplement_requested", "refused_ask"),
            *(
                "override",
                "basis_lost",
                "register_healed",
                "processed",
                "result_returned",
                "evidence_revoked",
            ),
        ),
        NoticeGroup.FILINGS,
    ),
}
"""By a notice's code."""
ALWAYS: Final = frozenset({"app_signed_in", "app_signed_out", "data_exported"})


@dataclass(frozen=True, slots=True)
class Preferences:
    """`push`: devices are woken at all. `quiet`: not for these."""

    push: bool = True
    quiet: frozenset[NoticeGroup] = frozenset()

    def ring_for(self, code: str) -> bool:
        return code in ALWAYS or (self.push and GROUPS.get(code) not in self.quiet)


async def register_device(
    tx: Tx, caller: Caller, subscription: Subscription, office: Office, now: datetime
) -> UUID:
    """Wake this device from now on. Known already, it is registered anew, whoever it was somebody else's: a phone
    that was handed on wakes for its new owner alone."""
    person = _person(caller, Action.REGISTER_DEVICE)
    device = new_id()
    index = office.safe.keys.index("push", subscription.endpoint)
    given = {"id": device, "index": index, "now": now, "most": MOST_DEVICES}
    await tx.execute(text("SELECT register_device(:id, :index, :now, :most)"), given)
    words = {"endpoint": subscription.endpoint, "p256dh": subscription.p256dh, "auth": subscription.auth}
    await write_note(tx, Note(person, device, ADDRESS, words), office.safe, now)
    return device


async def forget_device(tx: Tx, caller: Caller, device: UUID) -> None:
    """Never wake it again. Raises NotFound for one that is not the caller's own."""
    person = _person(caller, Action.FORGET_DEVICE)
    gone = await tx.scalar(
        delete(Device).where(Device.id == device, Device.subject_id == person).returning(Device.id)
    )
    if gone is None:
        raise NotFound
    await drop_notes(tx, device, ADDRESS)


async def my_devices(tx: Tx, caller: Caller) -> list[Device]:
    """The caller's own, the one registered last first."""
    reach(caller, SIGNED_IN)
    query = select(Device).where(Device.subject_id == caller.id).order_by(Device.id.desc())
    return list(await tx.scalars(query))


async def preferences(tx: Tx, caller: Caller) -> Preferences:
    """The caller's own."""
    reach(caller, SIGNED_IN)
    row = await tx.get(NotificationPreference, caller.id)
    if row is None:
        return Preferences()
    return Preferences(row.push, frozenset(NoticeGroup(one) for one in row.quiet))


async def prefer(tx: Tx, caller: Caller, wanted: Preferences) -> UUID:
    """From now on, on every device."""
    person = _person(caller, Action.SET_PREFERENCES)
    values = {"push": wanted.push, "quiet": sorted(wanted.quiet)}
    statement = insert(NotificationPreference).values(subject_id=person, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["subject_id"], set_=values))
    return person


async def wake_for(tx: Tx, notice: UUID, now: datetime) -> None:
    """Have every device woken that this notice is for: its person's and those of who acts for them, as each prefers.

    For the loops. A notice told twice wakes twice, which says the same.
    """
    for row in await tx.execute(
        text("SELECT * FROM devices_to_wake(:notice, :now)"), {"notice": notice, "now": now}
    ):
        wanted = Preferences(row.push, _groups(row.quiet))
        if wanted.ring_for(row.code):
            woken = {"device": str(row.device), "person": str(row.person), "asked_at": now.isoformat()}
            await outbox.put(tx, "push", woken, now)


async def address_of(tx: Tx, device: UUID, office: Office) -> Subscription | None:
    """Where a device of the actor's is reached; None when it was forgotten, or its person's key is gone."""
    words = await read_note(tx, device, ADDRESS, office.safe)
    return Subscription(words["endpoint"], words["p256dh"], words["auth"]) if words is not None else None


async def lose_device(tx: Tx, device: UUID) -> None:
    """Its push service knows it no more. For the loops; nothing when it was forgotten meanwhile."""
    await tx.execute(text("SELECT lose_device(:device)"), {"device": device})


def _person(caller: Caller, action: Action) -> UUID:
    """The caller, for what is theirs alone."""
    require(caller, action, SubjectFacts(caller.id))
    if caller.id is None:
        raise NotFound
    return caller.id


def _groups(names: Collection[str]) -> frozenset[NoticeGroup]:
    return frozenset(NoticeGroup(one) for one in names)
