"""Agencies' systems are called when a filing of their agency moved on: who, of what, and until when."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from auth.caller import LOOP
from auth.systems.webhooks import hook_of, hooked_systems
from connectors.errors import OutwardRefused
from connectors.webhooks import Endpoint, Event
from resolvers.connections import global_id
from resolvers.context import House
from store import outbox
from store.database import Database

KINDS: Final[Mapping[str, str]] = {
    "received": "vn.dossier.received.v1",
    "supplement_requested": "vn.dossier.supplement_requested.v1",
    "processed": "vn.dossier.approved.v1",
    "result_returned": "vn.dossier.returned.v1",
}
"""What systems hear of, by what the person is told of it."""
WORTH: Final = timedelta(days=3)
"""After that a system that never answered finds out by itself."""

log = logging.getLogger(__name__)


async def tell_systems(work: Database, payload: Mapping[str, Any], now: datetime) -> None:
    """A message for each system of the agency that wants to be called. Again puts the same events again, under the
    same ids: receivers know them by those."""
    kind = KINDS.get(payload.get("code", ""))
    if kind is None:
        return
    dossier, version = payload["dossier"], payload["version"]
    event = uuid5(NAMESPACE_URL, f"urn:motlan:{kind}:{dossier}:{version}")
    async with work.writing(LOOP.actor) as tx:
        for system in await hooked_systems(tx, UUID(payload["agency"])):
            told = {"event": str(event), "kind": kind, "dossier": dossier, "version": version}
            await outbox.put(tx, "webhook", {**told, "system": str(system), "at": payload["at"]}, now)


async def call_system(work: Database, house: House, payload: Mapping[str, Any], now: datetime) -> None:
    """Call one system. Nothing is done where it wants no calls any more, leads inside, or was silent for too long.

    Raises OutwardDelayed: it did not take it this time.
    """
    at = datetime.fromisoformat(payload["at"])
    async with work.reading(LOOP.actor) as tx:
        hook = await hook_of(tx, UUID(payload["system"]))
    if house.webhooks is None or hook is None or now - at > WORTH:
        return
    endpoint = Endpoint(hook.address, hook.secrets(house.office.safe.keys.index))
    subject = global_id("Dossier", UUID(payload["dossier"]))
    event = Event(UUID(payload["event"]), payload["kind"], subject, payload["version"], at)
    try:
        await house.webhooks.call(endpoint, event, now)
    except OutwardRefused as refused:
        # Its name leads elsewhere than when it was entered: nowhere we go. The operator reads it in the journal.
        log.warning("webhook refused", extra={"said": {"system": hook.client_id, "fault": refused.fault}})
