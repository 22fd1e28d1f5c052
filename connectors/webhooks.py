"""Calls an agency's system when a filing of its agency moved on: signed as Standard Webhooks 1.0 has it, thin as a
CloudEvent 1.0.2, never with anything of the person's. What happened is read by the system, signed in.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from connectors.errors import OutwardDelayed
from connectors.outward import Outward

GONE: Final = 410
"""Standard Webhooks: whoever answers so wants to hear of this no more."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, by ids alone. `id` is the same however often it is told, and `kind` ends in its version."""

    id: UUID
    kind: str
    subject: str
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a system wants to be called. `secrets`: the newest first; while they change there are two."""

    address: str
    secrets: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """`source` is this platform, as events name it (a URI)."""

    outward: Outward
    source: str

    async def call(self, endpoint: Endpoint, event: Event, now: datetime) -> None:
        """Raises OutwardRefused when nothing may be sent there, OutwardDelayed when it was not taken this time."""
        body = orjson.dumps(told(event, self.source))
        headers = {
            "Content-Type": "application/cloudevents+json",
            **signed(event.id, now, body, endpoint.secrets),
        }
        status = await self.outward.post(endpoint.address, body, headers)
        if not (200 <= status < 300 or status == GONE):
            raise OutwardDelayed(str(status))


def told(event: Event, source: str) -> dict[str, object]:
    """The event in CloudEvents' structured mode."""
    return {
        "specversion": "1.0",
        "id": str(event.id),
        "source": source,
        "type": event.kind,
        "subject": event.subject,
        "time": event.at.isoformat(),
        "datacontenttype": "application/json",
        "data": {"version": event.version},
    }


def signed(id_: UUID, now: datetime, body: bytes, secrets: Sequence[bytes]) -> Mapping[str, str]:
    """The three headers. `now` is when it is sent: receivers refuse what is more than five minutes old."""
    stamp = str(int(now.timestamp()))
    content = f"{id_}.{stamp}.".encode() + body
    digests = [b64encode(hmac.digest(secret, content, "sha256")).decode() for secret in secrets]
    return {
        "webhook-id": str(id_),
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{digest}" for digest in digests),
    }


def spelled(secret: bytes) -> str:
    """A secret as an operator hands it on."""
    return "whsec_" + b64encode(secret).decode()
